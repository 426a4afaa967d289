import subprocess
import sys
from pathlib import Path

from quadrupel.config import Settings

SCRIPT = Path(__file__).parent.parent / "scripts/settings_reference.py"


def test_the_reference_of_settings_is_up_to_date():
    result = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_every_setting_has_a_description():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []

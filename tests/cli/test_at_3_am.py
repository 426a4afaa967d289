"""What the table for 3 am says to do is taken by the command line."""

import re
import shlex
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs/how-to/run-in-production.md").read_text()
TABLE = PAGE.partition("## At 3 am")[2].partition("\n## ")[0]
COMMANDS = sorted(set(re.findall(r"`quadrupel ([^`]+)`", TABLE)))


def test_what_is_to_be_done_at_3_am_is_taken(quadrupel, migrated_url):
    for made in (("bus", "create"), ("profile", "apply")):
        assert quadrupel(*made, database_url=migrated_url, rules=CHECKOUT / "rules").code == 0
    said = {command: quadrupel(*shlex.split(command)).err for command in COMMANDS}
    assert [each for each in said if re.search("Usage:|Traceback", said[each])] == []
    assert len(said) > 10

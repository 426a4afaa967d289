"""Both lanes of evaluate in one process."""

import gc
import threading

import pytest
import sqlalchemy as sa

from quadrupel import bootstrap
from quadrupel.bootstrap_stages import evaluate
from quadrupel.config import read_settings
from quadrupel.store.database import transaction


@pytest.fixture
def collector():
    """Leaves the garbage collector as it was: a stage sets it up for its process."""
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_where_the_lane_of_runs_fails_the_other_ends_too_and_its_error_is_raised(
    engine, migrated_url
):
    settings = read_settings(database_url=migrated_url)
    bootstrap.set_up(settings)
    with transaction(engine) as connection:
        connection.execute(sa.text("ALTER TABLE run_ranges RENAME TO gone"))
    stop = threading.Event()
    with pytest.raises(sa.exc.ProgrammingError, match="run_ranges"):
        evaluate.run(settings, stop)
    assert stop.is_set()

import os
import shutil
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from quadrupel.core.errors import DatabaseUnavailable, DeclarationRefused, SettingRefused
from quadrupel.rules import catalogue
from quadrupel.rules.live import AGAIN_SECONDS, KEPT, LOOK_SECONDS, LiveRules, following

SHIPPED = Path(__file__).parents[2] / "rules"


@pytest.fixture
def folder(tmp_path):
    for name in ("profile.py", "placements.py"):
        shutil.copy(SHIPPED / name, tmp_path)
    (tmp_path / "notices").mkdir()
    shutil.copy(SHIPPED / "notices" / "birthday.py", tmp_path / "notices")
    return tmp_path


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def live(folder, clock):
    return LiveRules(folder, lambda: catalogue.load(folder), clock)


def edit(folder, old, new):
    script = folder / "notices" / "birthday.py"
    text = script.read_text()
    assert old in text
    script.write_text(text.replace(old, new))
    os.utime(script, ns=(1, script.stat().st_mtime_ns + 1))


def look_later(live, clock):
    clock.now += LOOK_SECONDS
    return live.look()


def test_an_edited_text_is_in_force_at_the_next_look_and_changes_no_identity(live, clock, folder):
    before = live.current
    edit(folder, "Happy birthday!", "Many happy returns!")
    after = look_later(live, clock)
    assert after.rules["birthday"].banner.title["en"] == "Many happy returns!"
    assert after.hash == before.hash


def test_an_added_rule_is_in_force_at_the_next_look(live, clock, folder):
    shutil.copy(SHIPPED / "notices" / "first_vote.py", folder / "notices")
    before = live.current
    assert list(look_later(live, clock).rules) == ["birthday", "first_vote"]
    assert live.current.hash != before.hash


def test_an_edited_calendar_of_holidays_is_in_force_at_the_next_look(live, clock, folder):
    script = folder / "notices" / "birthday.py"
    (folder / "holidays.txt").write_text("2026-01-01 New Year\n")
    edit(folder, "== today", "== today and not is_holiday(today)")
    before = look_later(live, clock)
    assert "is_holiday" in script.read_text()
    (folder / "holidays.txt").write_text("2026-01-01 New Year\n2027-01-01 New Year\n")
    after = look_later(live, clock)
    assert after.holidays.last.year == 2027
    assert after.hash != before.hash
    (folder / "holidays.txt").unlink()
    assert look_later(live, clock) is after


def test_wrong_rules_leave_the_old_ones_in_force_until_they_are_right(live, clock, folder):
    before = live.current
    edit(folder, "return anniversary", "return anniversarry")
    assert look_later(live, clock) is before
    edit(folder, "return anniversarry", "return anniversary")
    assert look_later(live, clock).hash == before.hash


def test_a_rule_that_came_before_its_template_is_in_force_when_that_is_there(clock, folder):
    def load():
        return catalogue.load(folder, templates={path.name: () for path in templates.iterdir()})

    templates = folder / "templates"
    shutil.copytree(SHIPPED / "templates" / "birthday", templates / "birthday")
    live = LiveRules(folder, load, clock)
    shutil.copy(SHIPPED / "notices" / "first_vote.py", folder / "notices")
    script = folder / "notices" / "first_vote.py"
    script.write_text(script.read_text() + '\nemail = Email(template="first_vote")\n')
    assert list(look_later(live, clock).rules) == ["birthday"]
    shutil.copytree(templates / "birthday", templates / "first_vote")
    assert list(look_later(live, clock).rules) == ["birthday", "first_vote"]


@pytest.mark.parametrize(
    "failure",
    [
        SettingRefused("attributes without a column: pets; run `quadrupel profile apply`"),
        DatabaseUnavailable("the database does not answer"),
        OSError("too many open files"),
    ],
)
def test_rules_that_only_wait_for_what_they_need_are_in_force_when_it_is_there(
    clock, folder, failure
):
    missing = []

    def load():
        if missing:
            raise missing[0]
        return catalogue.load(folder)

    live = LiveRules(folder, load, clock)
    edit(folder, "Happy birthday!", "Many happy returns!")
    missing.append(failure)
    with capture_logs() as logs:
        assert "Happy" in look_later(live, clock).rules["birthday"].banner.title["en"]
        clock.now += AGAIN_SECONDS
        live.look()
    assert [each["problems"] for each in logs] == [str(failure)]
    missing.clear()
    assert "Happy" in look_later(live, clock).rules["birthday"].banner.title["en"]
    clock.now += AGAIN_SECONDS
    assert "Many" in live.look().rules["birthday"].banner.title["en"]


def test_wrong_rules_are_not_read_again_until_they_change(clock, folder):
    loads = []
    live = LiveRules(folder, lambda: loads.append(clock.now) or catalogue.load(folder), clock)
    edit(folder, "return anniversary", "return anniversarry")
    look_later(live, clock)
    clock.now += AGAIN_SECONDS
    look_later(live, clock)
    assert loads == [0.0, LOOK_SECONDS]


def test_a_folder_that_goes_away_leaves_the_old_rules_in_force(live, clock, folder):
    before = live.current
    shutil.rmtree(folder)
    assert look_later(live, clock) is before


def test_looks_are_rare_unless_someone_else_has_other_rules(live, folder):
    edit(folder, "Happy birthday!", "Many happy returns!")
    assert "Happy" in live.look({live.current.hash}).rules["birthday"].banner.title["en"]
    assert "Many" in live.look({"another hash"}).rules["birthday"].banner.title["en"]


def test_wrong_rules_at_the_start_are_the_callers_error(folder):
    edit(folder, "return anniversary", "return anniversarry")
    with pytest.raises(DeclarationRefused, match="anniversarry"):
        LiveRules(folder, lambda: catalogue.load(folder))


def test_what_follows_the_rules_is_made_once_for_each_set(live, clock, folder):
    made = []
    follow = following(live.look, lambda rules: made.append(rules) or len(made))
    assert (follow(()), follow(())) == (1, 1)
    edit(folder, "Happy birthday!", "Many happy returns!")
    clock.now += LOOK_SECONDS
    assert follow(()) == 2


def test_a_rule_set_that_was_in_force_is_still_had_by_its_hash(live, clock, folder):
    first = live.current
    shutil.copy(SHIPPED / "notices" / "first_vote.py", folder / "notices")
    second = look_later(live, clock)
    assert live.pinned({first.hash}) is first
    assert live.pinned({second.hash}) is second
    assert live.pinned({"another hash"}) is second
    assert live.look({first.hash}) is second


def test_of_a_text_edit_the_new_texts_are_had(live, clock, folder):
    before = live.current
    edit(folder, "Happy birthday!", "Many happy returns!")
    after = look_later(live, clock)
    assert live.pinned({before.hash}) is after


def test_no_more_rule_sets_are_kept_than_said(live, clock, folder):
    sets = [live.current]
    for _ in range(KEPT):
        edit(folder, "== today", "== today + days(1)")
        sets.append(look_later(live, clock))
    assert len({each.hash for each in sets}) == KEPT + 1
    assert live.pinned({sets[0].hash}) is live.current
    assert live.pinned({sets[1].hash}) is sets[1]
    assert live.pinned({sets[-1].hash}) is sets[-1]


def test_what_follows_pinned_rules_is_made_once_for_each_set(live, clock, folder):
    made = []
    follow = following(live.pinned, lambda rules: made.append(rules.hash) or rules.hash)
    first = live.current.hash
    shutil.copy(SHIPPED / "notices" / "first_vote.py", folder / "notices")
    second = look_later(live, clock).hash
    assert [follow({first}), follow({second}), follow({first}), follow({second})] == [
        first, second, first, second
    ]  # fmt: skip
    assert made == [first, second]

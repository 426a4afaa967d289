"""`quadrupel report`, on a real database."""

import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from quadrupel.core.experiments import CONTROL, SHOWN
from quadrupel.core.exposures import Exposure, News, Reached
from quadrupel.core.feedback import Action, Given
from quadrupel.store import banner_feedback, exposures
from quadrupel.store.database import transaction

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Path(__file__).parents[2] / "rules"
PROFILE = '''
"""A small profile."""
paid = Integer("How often", count("bill.paid"))
'''
SCRIPT = '''
"""Who owes <b>much</b> & "more"."""
owner = "team"
banner = Banner(placement="main", priority={priority}, link="/x", title={{"en": "T", "ru": "Т"}})
{more}
def matches(user, today):
    return user.paid > 0
examples = [match(today="2026-11-23", paid=1), no_match(today="2026-11-23", paid=0)]
'''
TRIED = """
control = 0.1
variants = {
    "plain": Variant(share=0.5),
    "urgent": Variant(share=0.5, title={"en": "X", "ru": "X"}),
}
goal = Goal("bill.paid", where={"what": "<i>fine</i>"}, within=days(1))
"""


@pytest.fixture
def rules(tmp_path):
    folder = tmp_path / "rules"
    (folder / "people").mkdir(parents=True)
    (folder / "profile.py").write_text(PROFILE)
    (folder / "placements.py").write_text('main = Placement("m", limit=3)\n')
    (folder / "people" / "fine.py").write_text(SCRIPT.format(priority=5, more=TRIED))
    (folder / "people" / "ordinary.py").write_text(SCRIPT.format(priority=4, more=""))
    return folder


@pytest.fixture
def report(quadrupel, rules, migrated_url):
    def call(*arguments):
        return quadrupel("report", *arguments, database_url=migrated_url, rules=rules)

    return call


def experiment(engine, sizes):
    """An experiment whose arms have so many users, readers of the banner, clicks and goals."""
    begun, given, reached = [], [], []
    later = NOON + timedelta(hours=1)
    for arm, (size, seen, clicked, goals) in sizes.items():
        for number in range(size):
            user = f"{arm}{number}"
            shown = None if arm == CONTROL else NOON
            begun.append(Exposure(user, "fine", "e", arm, NOON, shown))
            if number < seen:
                given.append((user, Given("fine", "e", Action.SEEN, later)))
            if number < clicked:
                given.append((user, Given("fine", "e", Action.CLICKED, later)))
            if number < goals:
                reached.append(Reached(user, "fine", later, 1))
    with transaction(engine) as connection:
        exposures.record(connection, News(begun, []), NOON)
        banner_feedback.save(connection, given)
        exposures.reach(connection, reached)


@pytest.fixture
def tried(engine):
    sizes = {"urgent": (400, 300, 60, 100), "plain": (400, 300, 30, 40), CONTROL: (120, 0, 0, 6)}
    experiment(engine, sizes)


def test_arms_are_told_in_order_with_intervals_and_what_they_come_to(report, tried):
    told = report().out
    lines = told.splitlines()
    assert lines[0] == "fine"
    assert "goal: bill.paid (what = <i>fine</i>) within 1 day" in told
    assert "since 2026-11-23 12:00 UTC" in told
    assert re.search(r"control .* 120 .* 6: 5\.0 % \(2\.3 to 10\.5\)", told)
    assert re.search(r"plain .* 400 .* 400: .* 300: 75\.0 % \(70\.5 to 79\.0\)", told)
    arms = [line.split("│")[1].strip() for line in lines if line.startswith("│")]
    assert arms == ["control", "plain", "urgent"]
    assert "urgent against control, goal: +20.0 points (+13.2 to +25.2), more." in told
    assert "plain against control, goal: +5.0 points (-1.1 to +9.3), may be chance." in told
    assert "urgent against plain, clicks: +10.0 points (+4.3 to +15.7), more." in told
    assert "ordinary" not in told


def test_the_same_as_json(report, tried):
    told = json.loads(report("fine", "--json").out)
    (rule,) = told["rules"]
    assert rule["goal"] == {
        "event": "bill.paid",
        "where": {"what": "<i>fine</i>"},
        "within_days": 1,
    }
    assert (rule["control"], rule["since"]) == (0.1, "2026-11-23T12:00:00+00:00")
    control, plain, urgent = rule["arms"]
    assert (control["arm"], control["matches"], control["shown"]["count"]) == ("control", 120, 0)
    assert control["goal_against"] is None
    assert urgent["goal_reached"] == {
        "count": 100,
        "of": 400,
        "value": 0.25,
        "low": pytest.approx(0.210, abs=1e-3),
        "high": pytest.approx(0.295, abs=1e-3),
    }
    assert plain["clicks_against"] is None
    assert (urgent["goal_against"]["arm"], urgent["clicks_against"]["arm"]) == ("control", "plain")
    assert (urgent["goal_against"]["clear"], plain["goal_against"]["clear"]) == (True, False)


def test_small_numbers_are_said_to_be_too_few(report, engine):
    experiment(engine, {"plain": (9, 9, 9, 9), "urgent": (7, 5, 0, 0), CONTROL: (8, 0, 0, 0)})
    told = report("fine").out
    assert "plain against control, goal: too few to say: there are fewer than 100 people" in told
    assert "An arm has fewer than 100 people: wait before you decide." in told
    (rule,) = json.loads(report("fine", "--json").out)["rules"]
    assert [arm["goal_against"] and arm["goal_against"]["clear"] for arm in rule["arms"]] == [
        *(None, False, False)
    ]


def test_who_began_to_match_before_there_were_variants_is_compared_with_nobody(report, engine):
    before = {SHOWN: (40, 20, 3, 1)}
    experiment(engine, {"plain": (400, 300, 30, 40), "urgent": (400, 300, 60, 100)} | before)
    told = report("fine").out
    assert "urgent against plain, goal: +15.0 points" in told
    assert "urgent against plain, clicks: +10.0 points" in told
    assert "against shown" not in told
    assert "wait" not in told


def test_without_data_it_says_when_there_will_be_some(report):
    told = report("fine")
    assert told.code == 0
    assert "no data yet: it begins with the next match that is published" in told.out
    (rule,) = json.loads(report("fine", "--json").out)["rules"]
    assert (rule["since"], rule["arms"]) == (None, [])


def test_only_what_began_since_a_day_is_counted(report, tried):
    assert "no data yet" in report("fine", "--since", "2026-11-24").out
    assert "120" in report("fine", "--since", "2026-11-23").out


def test_a_rule_that_tries_nothing_is_told_when_it_is_named(report, engine):
    with transaction(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO matches VALUES ('u1', 'ordinary', 'e', '2026-11-20', NULL, '{}')"
        )
        seen = Given("ordinary", "e", Action.SEEN, NOON)
        banner_feedback.save(connection, [("u1", seen)])
    (rule,) = json.loads(report("ordinary", "--json").out)["rules"]
    (arm,) = rule["arms"]
    assert (arm["arm"], arm["matches"], arm["shown"]) == ("shown", 1, None)
    assert (arm["seen"]["count"], arm["seen"]["of"], arm["goal_reached"]) == (1, 1, None)


def test_without_any_experiment_it_says_what_to_do(report, rules):
    (rules / "people" / "fine.py").unlink()
    assert "no rule has a goal, a control group or variants" in report().out
    assert json.loads(report("--json").out)["rules"] == []


HOSTILE = {
    "an unknown rule": (("fin",), 1, "did you mean fine?"),
    "a rule that is a path": (("../fine",), 1, "there is no rule"),
    "no day": (("--since", "yesterday"), 2, "write YYYY-MM-DD"),
    "a day that is not there": (("--since", "2026-02-30"), 2, "is not a day"),
    "a page in a folder that is not there": (("--html", "/nowhere/at/all.html"), 2, "be written"),
    "a page that is a folder": (("--html", "/tmp"), 2, "is a directory"),
    "two rules": (("fine", "ordinary"), 2, "unexpected extra argument"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_reported_is_refused(name, report, tried):
    arguments, code, said = HOSTILE[name]
    told = report(*arguments)
    assert told.code == code
    assert said in told.err


class _Page(HTMLParser):
    """The tags of a page, its texts, and its ids."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_has_pictures_stands_alone_and_escapes_everything(report, tried, tmp_path):
    path = tmp_path / "report.html"
    assert f"the page is in {path}" in report("--html", str(path)).out
    text = path.read_text()
    page = _Page(text)
    assert page.tags.count("svg") == 2
    assert not {"script", "img", "link", "iframe", "b", "i"} & {*page.tags}
    assert "http" not in text
    assert 'Who owes <b>much</b> & "more".' in page.texts
    assert len(page.ids) == len({*page.ids})
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_pictures_say_what_they_show_and_draw_it_to_scale(report, tried, tmp_path):
    path = tmp_path / "report.html"
    report("fine", "--html", str(path))
    goal, clicks = [
        ET.fromstring(each) for each in re.findall(r"<svg.*?</svg>", path.read_text(), re.DOTALL)
    ]
    assert goal.find("title").text.startswith("Goal reached")
    assert "urgent 25.0 % (21.0 to 29.5)" in goal.find("desc").text
    widths = [float(rect.get("width")) for rect in goal.iter("rect")]
    assert widths[2] / widths[1] == pytest.approx(100 / 40, rel=0.01)
    assert widths[2] / widths[0] == pytest.approx(0.25 / 0.05, rel=0.01)
    left, width = 170, 640
    for picture in (goal, clicks):
        for whisker in picture.iter("path"):
            low, high = re.match(r"M([\d.]+) [\d.]+H([\d.]+)M", whisker.get("d")).groups()
            assert left <= float(low) < float(high) <= width
    assert len([*clicks.iter("rect")]) == 2


def test_the_page_says_so_when_there_is_no_data(report, tmp_path):
    path = tmp_path / "report.html"
    assert report("fine", "--html", str(path), "--json").code == 0
    assert "No data yet" in path.read_text()

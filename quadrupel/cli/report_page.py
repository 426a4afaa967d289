"""The report of rules as one page of HTML with pictures, which needs nothing beside it.

No script, no address of anything, one style sheet inside; light, dark and on paper. Every picture
says what it shows in words, and a table below has all its numbers. The template is in `pages/`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from quadrupel.core.reports import FEW, ArmReport, Difference, Proportion, RuleReport
from quadrupel.rules.experiment_words import goal_words, percent, said
from quadrupel.rules.rule import Rule

WIDTH = 640
LEFT = 170
RIGHT = 20
ROW = 44
BAR = 20
TOP = 8
AXIS = 30
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)
_MAX_TICKS = 5


@dataclass(frozen=True, slots=True)
class Bar:
    """One arm in a picture: a bar, and its interval from `low` to `high`. Lengths are pixels."""

    arm: str
    says: str
    y: int
    width: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Picture:
    """A proportion by arm. `ticks` are positions with their labels."""

    name: str
    title: str
    says: str
    bars: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def height(self) -> int:
        """Pixels."""
        return self.floor + AXIS

    @property
    def floor(self) -> int:
        """Where the axis is, from above."""
        return TOP + ROW * len(self.bars)


@dataclass(frozen=True, slots=True)
class Section:
    """One rule on the page: its report, pictures, and what the differences come to."""

    rule: Rule
    report: RuleReport
    pictures: tuple[Picture, ...]
    sentences: tuple[str, ...]


def page(reports: Sequence[tuple[Rule, RuleReport]], since: date | None, now: datetime) -> str:
    """The page as HTML, made `now`."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["goal"] = goal_words
    environment.filters["percent"] = percent
    shared = {"width": WIDTH, "left": LEFT, "row": ROW, "bar": BAR, "few": FEW}
    sections = [_section(*each) for each in reports]
    return environment.get_template("report.html").render(
        shared, sections=sections, since=since, now=now
    )


def sentences(report: RuleReport) -> Iterator[str]:
    """What the differences of a report come to, a sentence each."""
    compared: set[str] = set()
    for arm in report.arms:
        for what, each in (("goal", arm.goal_difference), ("clicks", arm.click_difference)):
            if each is not None:
                compared |= {arm.arm, each.against}
                yield _sentence(arm, what, each)
    if any(arm.users < FEW for arm in report.arms if arm.arm in compared or not compared):
        yield f"An arm has fewer than {FEW} people: wait before you decide."


def _sentence(arm: ArmReport, what: str, difference: Difference) -> str:
    return f"{arm.arm} against {difference.against}, {what}: {said(difference)}."


def _section(rule: Rule, report: RuleReport) -> Section:
    goal = _picture("goal", "Goal reached, of all for whom the rule began to hold", report, _goal)
    clicks = _picture("clicks", "Clicked, of those who saw the banner", report, _clicks)
    pictures = tuple([each for each in (goal, clicks) if each is not None])
    return Section(rule, report, pictures, tuple(sentences(report)))


def _goal(arm: ArmReport) -> Proportion | None:
    return arm.reached


def _clicks(arm: ArmReport) -> Proportion | None:
    return arm.clicked


def _picture(
    name: str, title: str, report: RuleReport, proportion: Callable[[ArmReport], Proportion | None]
) -> Picture | None:
    """A bar for each arm of which there is somebody to tell it of; None if there is no such arm."""
    found = [(arm.arm, of) for arm in report.arms if (of := proportion(arm)) is not None and of.of]
    if not found:
        return None
    step = _step(max(each.interval.high for _, each in found))
    steps = _steps(max(each.interval.high for _, each in found), step)
    scale = (WIDTH - LEFT - RIGHT) / (steps * step)
    bars = tuple(
        [
            Bar(
                *(arm, percent(each.interval), TOP + ROW * row + (ROW - BAR) // 2),
                *(round(scale * part, 1) for part in each.interval),
            )
            for row, (arm, each) in enumerate(found)
        ]
    )
    ticks = [
        (round(LEFT + scale * step * n, 1), f"{100 * step * n:.4g} %") for n in range(steps + 1)
    ]
    says = "; ".join(f"{bar.arm} {bar.says}" for bar in bars)
    return Picture(f"{report.rule}-{name}", title, says, bars, tuple(ticks))


def _step(most: float) -> float:
    """The distance of ticks on an axis that reaches to `most`, at most 1."""
    return next((step for step in _STEPS if most <= step * _MAX_TICKS), _STEPS[-1])


def _steps(most: float, step: float) -> int:
    """How many steps an axis has that reaches to `most`."""
    return next(n for n in range(1, 1_001) if most <= n * step * (1 + 1e-9))

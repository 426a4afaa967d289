"""Experiments in words: shares, goals, and what an interval comes to."""

from quadrupel.core.experiments import Goal
from quadrupel.core.intervals import Interval
from quadrupel.core.reports import FEW, Difference
from quadrupel.rules.rule import Rule


def goal_words(goal: Goal) -> str:
    """The event, what its data must be, and within how many days: one line."""
    where = ", ".join(f"{name} = {value}" for name, value in goal.where)
    days = f"within {goal.within} day{'' if goal.within == 1 else 's'}"
    return f"{goal.event}{f' ({where})' if where else ''} {days}"


def experiment_words(rule: Rule) -> list[str]:
    """What is tried with a rule, a line each: its control group, its variants, its goal."""
    lines = []
    if rule.control is not None:
        lines.append(
            f"control group of {_share(rule.control)}" if rule.control else "no control group"
        )
    if rule.banner is not None and rule.banner.variants:
        shares = [f"{each.name} {_share(each.share)}" for each in rule.banner.variants]
        lines.append(f"variants {', '.join(shares)}")
    if rule.goal is not None:
        lines.append(f"goal {goal_words(rule.goal)}")
    return lines


def percent(interval: Interval) -> str:
    """A proportion in percent, with what it is likely to be: `12.5 % (10.1 to 15.2)`."""
    value, low, high = (100 * each for each in interval)
    return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def points(interval: Interval) -> str:
    """A difference in percentage points: `+2.1 points (-0.3 to +4.5)`."""
    value, low, high = (100 * each for each in interval)
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def said(difference: Difference) -> str:
    """A difference and what it comes to: clear, within chance, or too few to say."""
    if not difference.enough:
        return f"too few to say: there are fewer than {FEW} people on a side"
    comes_to = "may be chance"
    if difference.is_clear:
        comes_to = "more" if difference.interval.value > 0 else "fewer"
    return f"{points(difference.interval)}, {comes_to}"


def _share(share: float) -> str:
    return f"{share * 100:.4g} %"

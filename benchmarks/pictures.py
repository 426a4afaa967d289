"""Pictures of what a benchmark measured."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt


def histogram(
    path: Path,
    samples: Mapping[str, Sequence[float]],
    *,
    title: str,
    unit: str,
    lines: Mapping[str, float],
) -> None:
    """How often which value was measured, one panel a series, with lines at the goals."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, panels = plt.subplots(
        len(samples), 1, figsize=(8, 3 * len(samples)), layout="constrained", squeeze=False
    )
    figure.suptitle(title)
    for panel, (name, values) in zip(panels[:, 0], samples.items(), strict=True):
        panel.hist(values, bins=100, color="#2b6cb0")
        panel.set(title=name, xlabel=unit, ylabel="events", yscale="log")
        for label, value in lines.items():
            panel.axvline(value, color="#c53030", linestyle="--", linewidth=1)
            panel.annotate(
                label,
                (value, 1),
                color="#c53030",
                xycoords=("data", "axes fraction"),
                xytext=(3, -10),
                textcoords="offset points",
                fontsize=8,
            )
    figure.savefig(path)
    plt.close(figure)


def line(
    path: Path, points: Mapping[int, float], *, title: str, x: str, y: str, goal: float
) -> None:
    """One value by another, with a line at the goal."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, panel = plt.subplots(figsize=(8, 4), layout="constrained")
    panel.plot(list(points), list(points.values()), marker="o", color="#2b6cb0")
    panel.axhline(goal, color="#c53030", linestyle="--", linewidth=1)
    panel.set(title=title, xlabel=x, ylabel=y, ylim=(0, None))
    figure.savefig(path)
    plt.close(figure)

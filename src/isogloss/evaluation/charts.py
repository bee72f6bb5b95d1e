"""Where the marks of the page's charts lie, in per cent of the drawing's width."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from isogloss.evaluation.view import Row, decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A scale of scores from ``low`` (0, or less where a score is negative) to 1."""

    low: float

    @classmethod
    def over(cls, values: Iterable[float | None]) -> Axis:
        """The axis that holds all values, its lower end a multiple of a quarter."""
        return cls(low=math.floor(4 * min([0.0, *(value for value in values if value is not None)])) / 4)

    def at(self, value: float) -> float:
        """Position of a score."""
        return round(100 * (value - self.low) / (1 - self.low), 2)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels, every quarter."""
        steps = range(round(4 * self.low), 5)
        return [(self.at(step / 4), decimal(step / 4, 2)) for step in steps]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """A row of the chart: the bar from zero to the score, and the interval's ends where there is one."""

    row: Row
    start: float
    width: float
    whisker: tuple[float, float] | None


def score_bars(rows: Sequence[Row], metric: str, reference: float | None) -> tuple[Axis, list[Bar]]:
    """One bar for each language, from the best to the worst score; the axis holds the ``reference`` score too."""
    scored = [row for row in rows if row.values[metric] is not None]
    ends = [bound for row in scored for bound in row.intervals[metric] or ()]
    axis = Axis.over([*(row.values[metric] for row in scored), *ends, reference])
    bars = []
    for row in sorted(scored, key=lambda row: -(row.values[metric] or 0.0)):
        value, interval = row.values[metric] or 0.0, row.intervals[metric]
        start, end = sorted((axis.at(0.0), axis.at(value)))
        whisker = (axis.at(interval[0]), axis.at(interval[1])) if interval else None
        bars.append(Bar(row=row, start=start, width=round(end - start, 2), whisker=whisker))
    return axis, bars


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """A row of the chart of predictions; ``range`` has start and width of the interval. None where not known."""

    lang: str
    range: tuple[float, float] | None
    predicted: float
    score: float | None
    inside: bool | None


def plan_chart(targets: Mapping[str, Mapping[str, Any]]) -> tuple[Axis, list[Guess]]:
    """One row for each target of a report's ``plan``, from the highest to the lowest prediction."""
    bounds = [bound for row in targets.values() for bound in row["interval"] or ()]
    axis = Axis.over([*bounds, *(row[key] for row in targets.values() for key in ("predicted", "score"))])
    guesses = []
    for lang, row in sorted(targets.items(), key=lambda entry: -entry[1]["predicted"]):
        ends = [axis.at(bound) for bound in row["interval"] or ()]
        guesses.append(
            Guess(
                lang=lang,
                range=(ends[0], round(ends[1] - ends[0], 2)) if ends else None,
                predicted=axis.at(row["predicted"]),
                score=None if row["score"] is None else axis.at(row["score"]),
                inside=row["inside"],
            )
        )
    return axis, guesses


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """A piece of a stacked bar."""

    name: str
    value: float
    start: float
    width: float


def stacked(values: Mapping[str, float]) -> list[Slice]:
    """The pieces of a stacked bar in the given order; zero ones are left out."""
    total = sum(values.values())
    slices: list[Slice] = []
    start = 0.0
    for name, value in values.items():
        if value > 0:
            width = 100 * value / total
            slices.append(Slice(name=name, value=value, start=round(start, 3), width=round(width, 3)))
            start += width
    return slices

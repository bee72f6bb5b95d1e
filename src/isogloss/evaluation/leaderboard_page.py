"""The leaderboard as one self-contained page: tables, and quality against cost as a drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isogloss.evaluation import view
from isogloss.evaluation.html import environment

if TYPE_CHECKING:
    from isogloss.evaluation.leaderboard import Leaderboard, Standing


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """A system in the drawing: places in per cent from the left and from the top; ``hue`` tells its group.

    ``best`` where nothing that costs as little is as good.
    """

    name: str
    x: float
    y: float
    top: float
    bottom: float
    hue: int
    best: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Plot:
    """Quality against cost: marks, and the ticks of seconds (powers of ten and thrice that) and of scores."""

    marks: list[Mark]
    seconds: list[tuple[float, float]]
    scores: list[tuple[float, str]]


def cost_quality(groups: Sequence[Sequence[Standing]]) -> Plot | None:
    """Where the systems lie, seconds of one seed on a logarithmic axis; None where no cost is known."""
    placed = [(hue, standing) for hue, group in enumerate(groups) for standing in group if standing.seconds > 0]
    if not placed:
        return None
    costs = [math.log10(standing.seconds) for _, standing in placed]
    ends = [bound for _, s in placed for bound in (s.mean, *(b for b in s.ci95 if not math.isnan(b)))]
    left, right = min(costs) - 0.15, max(costs) + 0.15
    low, high = math.floor(20 * min(ends)) / 20, math.ceil(20 * max(ends)) / 20
    high = high if high > low else low + 0.05

    def across(cost: float) -> float:
        return round(100 * (cost - left) / (right - left), 2)

    def down(score: float) -> float:
        return round(100 * (high - score) / (high - low), 2)

    honest = [standing for _, standing in placed if standing.rank is not None]  # an oracle is no rival
    marks = []
    for hue, s in placed:
        cheaper = [t for t in honest if t is not s and t.seconds <= s.seconds and t.mean >= s.mean]
        bounds = [s.mean if math.isnan(bound) else bound for bound in s.ci95]
        marks.append(
            Mark(
                name=s.name, x=across(math.log10(s.seconds)), y=down(s.mean), top=down(bounds[1]),
                bottom=down(bounds[0]), hue=hue, best=s in honest and not cheaper,
            )
        )  # fmt: skip
    steps = [base * 10.0**power for power in range(-3, 9) for base in (1, 3)]
    step = next(step for step in (0.05, 0.1, 0.25) if (high - low) / step <= 6 or step == 0.25)
    values = [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]
    return Plot(
        marks=marks,
        seconds=[(across(math.log10(value)), value) for value in steps if left <= math.log10(value) <= right],
        scores=[(down(value), view.decimal(value, 2)) for value in values],
    )


def render_board(board: Leaderboard) -> str:
    """The page as text, to be written as UTF-8."""
    template = environment().get_template("leaderboard.html.j2")
    groups = [(name, view.TIER_WORDS.get(name, name), group) for name, group in board.groups.items()]
    plot = cost_quality([group for _, _, group in groups])
    return template.render(board=board, groups=groups, plot=plot, several=len(board.groups) > 1)

"""A plan as one self-contained page: sources ranked for each target, sets of sources, and a map of the distances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isogloss.evaluation.html import environment

if TYPE_CHECKING:
    from isogloss.planning.plan import Plan
    from isogloss.planning.planner import Ranked

MOST_MAPPED = 40
"""Languages in a map: more cells than that nobody reads, and the numbers are in the plan file."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A cell of the heat map: what it says, and its ``tone`` in [0, 1]; darker is better. Blank where not known."""

    text: str
    tone: float
    title: str


def plan_page(plan: Plan) -> str:
    """The page as text, to be written as UTF-8."""
    predicted = bool(plan.evidence)
    return (
        environment()
        .get_template("plan.html.j2")
        .render(
            plan=plan,
            map=heat_map(plan),
            predicted=predicted,
            most_mapped=MOST_MAPPED,
            sources=plan.candidates[:MOST_MAPPED],
            left_out=max(len(plan.candidates), len(plan.targets)) - MOST_MAPPED,
            digest=plan.to_json()["sha256"],
        )
    )


def heat_map(plan: Plan) -> list[tuple[str, list[Tile]]]:
    """A row for each target, a tile for each candidate: the predicted score, or the distance where none is predicted.

    Scores are shaded from the lowest to the highest of the map; distances within their row, among those of the same
    kinds, because others cannot be compared.
    """
    scores = [entry.prediction.value for found in plan.ranked.values() for entry in found if entry.prediction]
    rows = []
    for target in plan.targets[:MOST_MAPPED]:
        found = {entry.source: entry for entry in plan.ranked[target]}
        tiles = [_tile(plan, target, found.get(source), source, scores) for source in plan.candidates]
        rows.append((target, tiles[:MOST_MAPPED]))
    return rows


def _tile(plan: Plan, target: str, entry: Ranked | None, source: str, scores: list[float]) -> Tile:
    pair = f"{plan.spelling(source)} to {plan.spelling(target)}"
    if entry is None:
        return Tile(text="", tone=0.0, title=f"{pair}: {'the same language' if source == target else 'not known'}")
    known = ", ".join(f"{kind} {value:.2f}" for kind, value in entry.distances.items())
    guess = entry.prediction
    if guess is None:
        # Where others in the map have a score, a distance is no score's neighbour: it is shown without a shade.
        alike = [-other.distance for other in plan.ranked[target] if other.distances.keys() == entry.distances.keys()]
        tone = 0.0 if scores else _between(-entry.distance, alike)
        return Tile(text=f"{entry.distance:.2f}", tone=tone, title=f"{pair}: distance {entry.distance:.3f} ({known})")
    bounds = "" if guess.low is None or guess.high is None else f" [{guess.low:.2f}, {guess.high:.2f}]"
    return Tile(
        text=f"{guess.value:.2f}",
        tone=_between(guess.value, scores),
        title=f"{pair}: {guess.value:.3f}{bounds}; distance {entry.distance:.3f} ({known})",
    )


def _between(value: float, values: list[float]) -> float:
    low, high = min(values), max(values)
    return 0.5 if math.isclose(low, high) else (value - low) / (high - low)

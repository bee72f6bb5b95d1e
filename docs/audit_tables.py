"""The tables of docs/results.md about the instruments themselves: intervals, the audit, probes' labels, Familiarity."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bridge_tables import _head, _points, _row

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def audit(folder: Path = BENCHMARKS) -> list[str]:
    """The section, as far as its results are there."""
    lines: list[str] = []
    for place, table in TABLES.items():
        path = folder / place
        if path.exists():
            lines += table(json.loads(path.read_text(encoding="utf-8")))
    return ["## Are the instruments right?", "", *lines, ""] if lines else []


def _coverage(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Intervals", "", f"`{result['command']}`", "")
    low, high = result["wanted"]
    yield (
        f"{result['simulations']:,} simulated evaluations a cell, with span F1 on {result['items']} sentences a "
        f"language, {result['resamples']:,} resamples. How often the 95 % interval holds the truth, lowest and highest "
        "over means and paired differences and over languages that are near each other or far apart; of one seed the "
        f"truth is that of this training, of several that of trainings like them. {result['within']} of {result['of']} "
        f"cells lie within {_points(low)} to {_points(high)} %. `items alone` is an interval that keeps the seeds as "
        "they are."
    )
    yield from _head("seeds", "languages", "coverage", "items alone", "mean width")
    found: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for cell in result["cells"]:
        found.setdefault((cell["seeds"], cell["languages"]), []).append(cell)
    for (seeds, languages), cells in sorted(found.items()):
        spans = (_span([cell[key] for cell in cells]) for key in ("coverage", "items_alone", "mean_width"))
        yield _row(seeds, languages, *spans)
    yield ""


def _span(values: Sequence[float]) -> str:
    return f"{_points(min(values))} to {_points(max(values))}"


def _links(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### The audit", "", f"`{result['command']}`", "")
    yield "What `check --deep` finds in sets that share items, and in sets that are clean:"
    yield from _head("sets", "test items", "links", "found by", "items in the largest")
    for name, row in (result["linked"] | result["clean"]).items():
        kinds = ", ".join(sorted({link["kind"] for link in row["links"]}))
        largest = max(row["links"], key=lambda link: link["items"] / link["of"], default=None)
        share = f"{largest['items']} of {largest['of']} ({largest['test']})" if largest else ""
        yield _row(name, f"{row['test_items']:,}", len(row["links"]), kinds, share)
    yield ""


def _solver(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Labels of the probes", "", f"`{result['command']}`", "")
    yield (
        f"{result['count']:,} items of each phenomenon, judged by a solver that shares no code with the rules that "
        "made them. The last column is what a guess from the hypothesis alone reaches, lowest and highest over "
        "languages."
    )
    yield from _head("phenomenon", "judged", "judged otherwise", "patterns", "hypothesis alone")
    for name, row in result["rows"].items():
        blind = [found["hypothesis_only"] for found in row["languages"].values()]
        told = _span(blind) if None not in blind else ""
        yield _row(name, f"{row['judged']:,}", row["differ"], row["patterns"], told)
    yield ""


def _familiarity(result: dict[str, Any]) -> Iterable[str]:
    same, speed = result["same"], result["speed"]
    yield from ("### Familiarity", "", f"`{result['command']}`", "")
    worst = max(same["largest_difference"].values())
    yield (
        f"On the test data of the official implementation ({same['mentions']:,} mentions, K = "
        f"{', '.join(map(str, same['k']))}, all three weightings) the values differ by {worst:.0e} at most. From "
        f"vectors to values with {speed['train_labels']:,} training labels, in processor time: "
        f"{speed['ratio_same_labels']:.0f} times as fast for the same {speed['official_test_labels']} evaluation "
        f"labels; for {speed['test_labels']}, reckoned from these for the official code, which makes every pair by "
        f"itself, {speed['ratio_all_labels']:.0f} times."
    )
    yield ""


TABLES = {
    "audit/results/coverage.json": _coverage,
    "audit/results/links.json": _links,
    "probes/results/solver.json": _solver,
    "open-labels/results/familiarity.json": _familiarity,
}

"""The tables of docs/results.md about labels that are named when predicting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bridge_tables import _difference, _head, _points, _row

RESULTS = Path(__file__).parent.parent / "benchmarks" / "open-labels" / "results" / "difficulty.json"
NAMES = {
    "all": "`open-labels`",
    "closed": "closed tagger, the same learning rates",
    "direct": "closed tagger, its own (`direct`)",
}


def open_labels(path: Path = RESULTS) -> list[str]:
    """The section, if its results are there."""
    return list(_difficulty(json.loads(path.read_text(encoding="utf-8")))) if path.exists() else []


def _difficulty(result: Mapping[str, Any]) -> Iterable[str]:
    rows, size = result["rows"], result["size"]
    updates = sorted({row["updates"] for row in rows.values()})
    yield from ("## Labels by their names", "", f"`{result['command']}`", "")
    yield (
        f"CrossNER's AI, music and politics, {size['train']} training sentences of each, {updates[0]} to {updates[-1]} "
        f"updates of {size['batch']} sentences. Entity F1 in points with its 95 % interval over "
        f"{result['test']['held_out']} test sentences. Splits: "
        + "; ".join(f"*{split}* {', '.join(labels)}" for split, labels in result["splits"].items())
        + f". Seeds: {'; '.join(_seeds(rows))}."
    )
    if result["all"]:
        yield from ("", "All labels learnt and asked for:")
        yield from _head("training", "F1", "precision", "recall", "open labels less this")
        for name, row in result["all"].items():
            less = _difference(result["all_less"].get(name))
            yield _row(NAMES[name], _f1(row), _points(row["precision"]), _points(row["recall"]), less)
    yield from ("", "The labels of a split are taken out of training, and then asked for:")
    yield from _head("split", "mentions", "familiarity", "probability above", "not learnt", "precision", "recall",
                     "names shuffled", "less shuffled", "all labels learnt", "closed, same rates")  # fmt: skip
    for split, row in result["held_out"].items():
        for number, (threshold, found) in enumerate(row["open"].items()):
            first = (f"**{split}**", sum(row["mentions"].values()), f"{row['familiarity']['value']:.3f}")
            bounds = [_f1(row[name]) if name in row else "" for name in ("all", "closed")]
            yield _row(
                *(first if not number else ("", "", "")),
                threshold,
                _f1(found),
                _points(found["precision"]),
                _points(found["recall"]),
                _f1(found["shuffled"]),
                _difference(found["less_shuffled"]),
                *(bounds if not number else ("", "")),
            )
    if result["only"]:
        yield from (
            "",
            f"A split's labels in music and politics are all that is learnt; asked for are the labels of AI in its "
            f"{result['test']['only']} test sentences, and those of them alone that the split does not have:",
        )
        yield from _head("split", "familiarity", "probability above", "labels of AI", "those not learnt")
        for split, row in result["only"].items():
            for number, (threshold, found) in enumerate(row["open"].items()):
                first = (f"**{split}**", f"{row['familiarity']:.3f}") if not number else ("", "")
                yield _row(*first, threshold, _f1(found), _f1(row["new"][threshold]))
    yield ""


def _f1(row: Mapping[str, Any]) -> str:
    return _points(row["span_f1"], row["ci95"])


def _seeds(rows: Mapping[str, Any]) -> Iterable[str]:
    """Each set of seeds with its rows."""
    sets: dict[str, list[str]] = {}
    for name, row in rows.items():
        sets.setdefault(", ".join(map(str, row["seeds"])), []).append(f"`{name}`")
    return (f"{seeds} ({', '.join(names)})" for seeds, names in sets.items())

"""From the records of the race's runs to its figures: rates after the warm-up, medians, ratios pair by pair."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

WARM_UP = 10

Row = Mapping[str, Any]


def first_counted(total: int, per_epoch: int) -> int:
    """Index of the first update whose time counts: the start of the first epoch that begins after the warm-up.

    Batches grouped by length come from long to short, so that a part of an epoch is no sample of it. Where no epoch
    begins after the warm-up, the updates after it count, and all of them where there are no more than the warm-up.
    """
    start = -(-WARM_UP // per_epoch) * per_epoch
    return start if start < total else WARM_UP if total > WARM_UP else 0


def speeds(updates: Sequence[Row], per_epoch: int) -> dict[str, Any]:
    """Rates of training from updates with start, end (seconds), rows, pieces, and cells (pieces and padding).

    An update lasts from the end of the one before, or from its own start where an epoch begins: the evaluation and the
    checkpoint between two epochs are no part of it.
    """
    seconds = [
        update["end"] - (updates[i - 1]["end"] if i % per_epoch else update["start"])
        for i, update in enumerate(updates)
    ]
    first = first_counted(len(updates), per_epoch)
    counted, spent = updates[first:], sum(seconds[first:])
    total = {name: sum(update[name] for update in counted) for name in ("rows", "pieces", "cells")}
    return {
        "update_seconds": sum(seconds),
        "examples_per_second": total["rows"] / spent,
        "pieces_per_second": total["pieces"] / spent,
        "padding_share": 1 - total["pieces"] / total["cells"],
        "counted_updates": [first, len(updates)],
    }


def best_rate(scores: Mapping[str, float]) -> str:
    """The learning rate with the best score, the smallest of equals."""
    return min(scores, key=lambda rate: (-scores[rate], float(rate)))


def rotated(items: Sequence[str], by: int) -> list[str]:
    """The items in their order, begun ``by`` places later."""
    by %= len(items)
    return [*items[by:], *items[:by]]


def spread(values: Iterable[float]) -> dict[str, float]:
    """Smallest, middle and largest value."""
    values = list(values)
    return {"min": min(values), "median": median(values), "max": max(values)}


def medians(rows: Iterable[Row], measures: Sequence[str]) -> dict[str, dict[str, float]]:
    """For each side the median of each measure over its runs."""
    sides: dict[str, list[Row]] = {}
    for row in rows:
        sides.setdefault(row["side"], []).append(row)
    return {side: {name: median(row[name] for row in own) for name in measures} for side, own in sides.items()}


def ratios(rows: Iterable[Row], ours: str, theirs: str, measures: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Ours divided by theirs for each measure, seed by seed: both runs of a pair have the same seed and round.

    Raises:
        ValueError: a seed was run by one of the two sides only.
    """
    by_side: dict[str, dict[int, Row]] = {ours: {}, theirs: {}}
    for row in rows:
        if row["side"] in by_side:
            by_side[row["side"]][row["seed"]] = row
    if by_side[ours].keys() != by_side[theirs].keys():
        raise ValueError(f"{ours} and {theirs} do not have the same seeds.")
    table = {}
    for name in measures:
        quotients = {str(seed): row[name] / by_side[theirs][seed][name] for seed, row in by_side[ours].items()}
        table[name] = {"by_seed": quotients, **spread(quotients.values())}
    return table

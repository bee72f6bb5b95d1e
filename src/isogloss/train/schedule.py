"""Which rows each update sees, how fast it learns, and after which updates a snapshot is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

Plan = list[list[int]]
"""The rows of every update of a phase, in order. Written out in full, so that a training can go on anywhere in it."""

POOL = 50
"""Batches drawn together and sorted by length: enough to leave hardly any padding, few enough to stay random."""


def plan_batches(lengths: Sequence[int], *, epochs: int, batch_size: int, batch_tokens: int = 0, seed: int = 1) -> Plan:
    """Batches of rows of like length, every row once an epoch, in random order.

    Args:
        lengths: pieces of each row.
        epochs: passes over the rows.
        batch_size: rows in a batch.
        batch_tokens: where not 0, a batch is filled up to so many pieces, padding counted, however many rows that is;
            a longer row is a batch of its own. ``batch_size`` then only sizes the pools that are sorted.
        seed: of the order.
    """
    generator = np.random.default_rng(seed)
    plan: Plan = []
    for _ in range(epochs):
        order = generator.permutation(len(lengths))
        batches = [
            batch
            for start in range(0, len(order), POOL * batch_size)
            for batch in _cut(order[start : start + POOL * batch_size], lengths, batch_size, batch_tokens)
        ]
        plan += [batches[i] for i in generator.permutation(len(batches))]
    return plan


def _cut(pool: np.ndarray, lengths: Sequence[int], batch_size: int, batch_tokens: int) -> Iterator[list[int]]:
    ranked = sorted(pool.tolist(), key=lambda row: lengths[row], reverse=True)
    while ranked:
        size = max(1, batch_tokens // max(1, lengths[ranked[0]])) if batch_tokens else batch_size
        yield ranked[:size]
        ranked = ranked[size:]


def linear_rate(steps: int, warmup: float, start: int = 0) -> Callable[[int], float]:
    """The factor of the learning rate by update, as in transformers: from 0 to 1 in the ``warmup`` share, back to 0.

    ``start`` is the number of updates done before the schedule is asked: those of the part that was trained earlier.
    """
    rising = math.ceil(steps * warmup)

    def factor(update: int) -> float:
        at = update + start
        return at / rising if at < rising else max(0.0, (steps - at) / max(1, steps - rising))

    return factor


def snapshot_steps(steps: int, most: int) -> set[int]:
    """The updates after which a snapshot is taken: at most ``most``, evenly spread, the last among them."""
    return {round(steps * i / most) for i in range(1, most + 1)} - {0}

"""Which languages to annotate: the k that lie nearest to all others (k-medoids, as in arXiv 2411.08785)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

MOST_SETS = 20_000
"""Up to so many sets of k all are tried, which takes under a second; beyond, swaps look for the best."""


def choose(distance_SL: NDArray[np.float64], k: int, *, beside: Sequence[int] = ()) -> tuple[int, ...]:
    """The k of S candidates with the least total distance from each of L languages to its nearest candidate.

    Exact while there are at most ``MOST_SETS`` sets; beyond, the best of :func:`by_swaps`. Of equally good sets the
    first in the order of the candidates.

    Args:
        distance_SL: without nan; square where the languages choose among themselves.
        k: how many, from 1 to S, less those that are chosen already.
        beside: rows that are chosen already: they serve too, and are not among those that are returned.

    Returns:
        Rows of ``distance_SL``, ascending.

    Raises:
        ValueError: k is no such number, or a distance is not a number.
    """
    if beside:
        free = [row for row in range(len(distance_SL)) if row not in beside]
        # A candidate can bring a language no further away than what is there already.
        nearer_SL = np.minimum(distance_SL[free], distance_SL[list(beside)].min(0))
        return tuple(free[row] for row in choose(nearer_SL, k))
    _check(distance_SL, k)
    if comb(len(distance_SL), k) > MOST_SETS:
        return by_swaps(distance_SL, k)
    return min(combinations(range(len(distance_SL)), k), key=lambda chosen: (_rounded(distance_SL, chosen), chosen))


def by_swaps(distance_SL: NDArray[np.float64], k: int) -> tuple[int, ...]:
    """The same by swaps: start once from every candidate, add greedily, then swap while a swap helps.

    Every swap shortens the total, so that it ends; what it ends in cannot be bettered by a single swap.

    Raises:
        ValueError: as :func:`choose`.
    """
    _check(distance_SL, k)
    ends = {_descend(distance_SL, _grown(distance_SL, first, k)) for first in range(len(distance_SL))}
    return min(ends, key=lambda chosen: (_rounded(distance_SL, chosen), chosen))


def total(distance_SL: NDArray[np.float64], chosen: tuple[int, ...]) -> float:
    """The sum of distances from each language to its nearest chosen candidate."""
    return float(distance_SL[list(chosen)].min(0).sum())


def clusters(distance_SL: NDArray[np.float64], chosen: tuple[int, ...]) -> NDArray[np.intp]:
    """Of each of L languages the nearest chosen candidate, as a row of ``distance_SL``; the first of equally near."""
    nearest_L: NDArray[np.intp] = np.array(chosen)[distance_SL[list(chosen)].argmin(0)]
    return nearest_L


def _check(distance_SL: NDArray[np.float64], k: int) -> None:
    if not 1 <= k <= len(distance_SL):
        raise ValueError(f"k = {k} is not between 1 and {len(distance_SL)}, the number of candidates.")
    if np.isnan(distance_SL).any():
        raise ValueError("A distance is not a number.")


def _rounded(distance_SL: NDArray[np.float64], chosen: tuple[int, ...]) -> float:
    """Totals that differ by rounding alone are equal, so that the order decides."""
    return round(total(distance_SL, chosen), 10)


def _grown(distance_SL: NDArray[np.float64], first: int, k: int) -> tuple[int, ...]:
    chosen: tuple[int, ...] = (first,)
    while len(chosen) < k:
        rest = (s for s in range(len(distance_SL)) if s not in chosen)
        chosen = (*chosen, min(rest, key=lambda s: (_rounded(distance_SL, (*chosen, s)), s)))
    return tuple(sorted(chosen))


def _descend(distance_SL: NDArray[np.float64], chosen: tuple[int, ...]) -> tuple[int, ...]:
    while True:
        near = (
            tuple(sorted({*chosen, new} - {old}))
            for old in chosen
            for new in range(len(distance_SL))
            if new not in chosen
        )
        best = min(near, key=lambda other: (_rounded(distance_SL, other), other), default=chosen)
        if _rounded(distance_SL, best) >= _rounded(distance_SL, chosen):
            return chosen
        chosen = best

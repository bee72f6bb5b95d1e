"""Whether distance goes with transfer, by permuting languages (Mantel, 1967), for pairs depend on each other."""

from __future__ import annotations

import numpy as np

from isogloss.planning.weights import Floats, fit_weights

PERMUTATIONS = 999


def mantel(distance_KLL: Floats, score_LL: Floats, *, permutations: int = PERMUTATIONS, seed: int = 0) -> float:
    """The chance to see so strong a connection if distance had nothing to do with transfer.

    All languages change places at once, rows and columns alike, and the weights are fitted anew each time: a fit that
    may choose among distances finds some connection in anything.

    Args:
        distance_KLL: K distances between L languages, without nan off the diagonal.
        score_LL: rows are sources, columns targets; nan where nothing was measured, and on the diagonal.
        permutations: how many are drawn.
        seed: of the drawing.

    Returns:
        (1 + as strong ones) / (1 + permutations), uniform where there is no connection.
    """
    drawn = np.random.default_rng(seed)
    source_N, target_N = np.nonzero(~np.isnan(score_LL))
    scores_N = score_LL[source_N, target_N]

    def strength(order_L: np.ndarray) -> float:
        return -fit_weights(distance_KLL[:, order_L[source_N], order_L[target_N]].T, scores_N, target_N).correlation

    count = len(score_LL)
    there = strength(np.arange(count))
    as_strong = sum(strength(drawn.permutation(count)) >= there - 1e-12 for _ in range(permutations))
    return (1 + as_strong) / (1 + permutations)

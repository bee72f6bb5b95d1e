"""Weights on distances, none negative, sum 1, under which far languages transfer worst (arXiv 2411.08785, made convex).

The paper maximises the correlation of the weighted distance with measured transfer by a general solver. The correlation
does not change with the scale of the weights, so that its maximum lies where non-negative least squares ends: a convex
problem.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of K distances.

    Attributes:
        values_K: none negative, sum 1; all 0 where no distance goes with worse transfer.
        correlation: of the weighted distance with the scores (Pearson; within groups where there are any), at most 0.
    """

    values_K: Floats
    correlation: float


def fit_weights(distances_NK: Floats, scores_N: Floats, groups_N: NDArray[np.intp] | None = None) -> Weights:
    """Fit weights to the transfer scores of N pairs.

    Args:
        distances_NK: of each pair, oriented so that larger is further.
        scores_N: what transfer reached.
        groups_N: a number for each pair, its target's for instance: only differences within a group count, so that a
            target that is hard from everywhere says nothing of distance.
    """
    away_NK, worse_N = centred(distances_NK, groups_N), -centred(scores_N[:, None], groups_N)[:, 0]
    coefficients_K = non_negative(away_NK, worse_N)
    total = coefficients_K.sum()
    if total <= 0:
        return Weights(values_K=np.zeros(distances_NK.shape[1]), correlation=0.0)
    weighted_N = away_NK @ coefficients_K
    size = np.linalg.norm(weighted_N) * np.linalg.norm(worse_N)
    return Weights(values_K=coefficients_K / total, correlation=-float(weighted_N @ worse_N / size))


def centred(values_NK: Floats, groups_N: NDArray[np.intp] | None = None) -> Floats:
    """Each column less its mean, or less its mean in the row's group."""
    if groups_N is None:
        groups_N = np.zeros(len(values_NK), dtype=np.intp)
    _, group_N, size_G = np.unique(groups_N, return_inverse=True, return_counts=True)
    sums_GK = np.zeros((len(size_G), values_NK.shape[1]))
    np.add.at(sums_GK, group_N, values_NK)
    found: Floats = values_NK - (sums_GK / size_G[:, None])[group_N]
    return found


def non_negative(columns_NK: Floats, target_N: Floats) -> Floats:
    """The x with no negative entry for which ``columns x`` is nearest to the target (Lawson and Hanson, 1974, 23.3)."""
    gram_KK, right_K = columns_NK.T @ columns_NK, columns_NK.T @ target_N
    width = len(right_K)
    x_K, free_K = np.zeros(width), np.zeros(width, dtype=bool)
    least = 1e-10 * max(1.0, float(np.abs(right_K).max(initial=0)))
    for _ in range(10 * width):
        gradient_K = np.where(free_K, -np.inf, right_K - gram_KK @ x_K)
        if free_K.all() or gradient_K.max() <= least:
            break
        free_K[gradient_K.argmax()] = True
        while True:
            trial_K = np.zeros(width)
            trial_K[free_K] = np.linalg.lstsq(gram_KK[np.ix_(free_K, free_K)], right_K[free_K], rcond=None)[0]
            if (trial_K[free_K] > 0).all():
                break
            blocked_K = free_K & (trial_K <= 0)
            step = (x_K[blocked_K] / np.maximum(x_K[blocked_K] - trial_K[blocked_K], 1e-300)).min()
            x_K = x_K + step * (trial_K - x_K)
            free_K &= x_K > 1e-14
            x_K[~free_K] = 0
        x_K = trial_K
    return x_K

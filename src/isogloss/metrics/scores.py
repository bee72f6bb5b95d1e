"""Scores of one prediction per item (or per token): accuracy, macro F1, Spearman's rank correlation.

Every function takes gold and predictions of N items and ``weights_RN`` of non-negative counts (how often each resample
holds each item), returns one float per resample, and gives nan for a resample of total weight 0. All raise ValueError
when the lengths do not agree.

Shape letters: R resamples, N items, M = N + 1 borders between sorted items, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isogloss.metrics.weights import Floats, Weights, as_weights, ratio


def accuracy(gold: Sequence[str], pred: Sequence[str], weights_RN: Weights) -> Floats:
    """Share of items whose prediction equals gold. Returns R values in [0, 1]."""
    weights = as_weights(weights_RN, gold, pred)
    hit_N = np.array([g == p for g, p in zip(gold, pred, strict=True)], dtype=np.float64)
    return ratio(weights @ hit_N, weights.sum(axis=1), empty=np.nan)


def macro_f1(gold: Sequence[str], pred: Sequence[str], weights_RN: Weights) -> Floats:
    """Plain mean of the F1 of every class that occurs in gold or predictions of the resample.

    The classes are found anew for each resample, as scikit-learn's ``f1_score(average="macro")`` would on the repeated
    items. Returns R values in [0, 1].
    """
    weights = as_weights(weights_RN, gold, pred)
    column = {label: c for c, label in enumerate(sorted({*gold, *pred}))}
    gold_NC = _one_hot([column[label] for label in gold], len(column))
    pred_NC = _one_hot([column[label] for label in pred], len(column))
    hits_RC = weights @ (gold_NC * pred_NC)
    occurrences_RC = weights @ (gold_NC + pred_NC)
    f1_RC = ratio(2 * hits_RC, occurrences_RC, empty=0.0)
    return ratio(f1_RC.sum(axis=1), (occurrences_RC > 0).sum(axis=1, dtype=np.float64), empty=np.nan)


def spearman(gold: Sequence[float], pred: Sequence[float], weights_RN: Weights) -> Floats:
    """Rank correlation, tied values sharing their mean rank and an item of weight k counting as k tied items.

    A resample in which either side is constant has no correlation: 0.0. Returns R values in [-1, 1].

    Raises:
        ValueError: a value is nan, which has no rank.
    """
    weights = as_weights(weights_RN, gold, pred)
    gold_RN, pred_RN = (_centred_ranks(np.asarray(side, dtype=np.float64), weights) for side in (gold, pred))
    covariance_R = np.einsum("rn,rn,rn->r", weights, gold_RN, pred_RN)
    gold_R = np.einsum("rn,rn,rn->r", weights, gold_RN, gold_RN)
    pred_R = np.einsum("rn,rn,rn->r", weights, pred_RN, pred_RN)
    values_R = np.clip(ratio(covariance_R, np.sqrt(gold_R * pred_R), empty=0.0), -1.0, 1.0)
    values_R[weights.sum(axis=1) == 0] = np.nan
    return values_R


def token_accuracy(gold: Sequence[Sequence[str]], pred: Sequence[Sequence[str]], weights_RN: Weights) -> Floats:
    """Share of tokens whose label equals gold, every token counting the same (micro). Returns R values in [0, 1].

    A resample without tokens is nan.

    Raises:
        ValueError: an item has not as many predicted labels as tokens.
    """
    weights = as_weights(weights_RN, gold, pred)
    for n, (g, p) in enumerate(zip(gold, pred, strict=True)):
        if len(g) != len(p):
            raise ValueError(f"Item {n} has {len(g)} gold labels and {len(p)} predicted ones.")
    hits_N = np.array([sum(map(str.__eq__, g, p)) for g, p in zip(gold, pred, strict=True)], dtype=np.float64)
    tokens_N = np.array([len(g) for g in gold], dtype=np.float64)
    return ratio(weights @ hits_N, weights @ tokens_N, empty=np.nan)


def limits_of(metric: str) -> tuple[float, float]:
    """The least and the most that a metric can be."""
    return (-1.0, 1.0) if metric == "spearman" else (0.0, 1.0)


def _one_hot(columns: Sequence[int], width: int) -> Floats:
    """N x C, a single 1.0 in every row."""
    matrix_NC = np.zeros((len(columns), width))
    matrix_NC[np.arange(len(columns)), np.asarray(columns, dtype=np.intp)] = 1.0
    return matrix_NC


def _centred_ranks(values_N: Floats, weights_RN: Floats) -> Floats:
    """R x N mid-ranks among the repeated items, less their mean: exact for counts, so a constant side is exactly 0."""
    if np.isnan(values_N).any():
        raise ValueError(f"Value {int(np.isnan(values_N).argmax())} is nan, which has no rank.")
    order = np.argsort(values_N)
    below_RM = np.zeros((weights_RN.shape[0], len(values_N) + 1))
    np.cumsum(weights_RN[:, order], axis=1, out=below_RM[:, 1:])
    first_N = np.searchsorted(values_N, values_N, side="left", sorter=order)
    last_N = np.searchsorted(values_N, values_N, side="right", sorter=order)
    # A run of ties covers the ranks from below[first] + 1 to below[last]; the mean of all ranks is (total + 1) / 2.
    centred_RN: Floats = (below_RM[:, first_N] + below_RM[:, last_N] - below_RM[:, -1:]) / 2
    return centred_RN

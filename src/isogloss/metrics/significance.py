"""Tests of a difference between two systems on the same items, and scores that can be compared over label sets.

The permutation test is exact for every metric here: under the hypothesis that the two systems do not differ, the
answers to an item could be swapped between them. Swapping is written as weights: gold and answers of both systems lie
side by side as 2 N items, a system's own answers weigh 1, those it gave away 0. The metric is that of the scores, F1
and rank correlations included. An item that occurs in several languages is swapped in all of them or in none.

Shape letters: R permutations, N items of a language, S seeds, C classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from isogloss.metrics.intervals import blocks, generator_of, interval
from isogloss.metrics.scores import accuracy
from isogloss.metrics.spans import Span
from isogloss.metrics.weights import Floats, Weights, as_weights, ratio

Metric = Callable[[Sequence[Any], Sequence[Any], Weights], Floats]
"""Gold and answers of M items and R x M weights to R scores."""

ROUNDING = 1e-12
"""Differences closer than this are the same: the sums are made in another order."""


def flips(ids: Mapping[str, Sequence[str]], *, count: int = 1000, seed: int = 0) -> dict[str, NDArray[np.bool_]]:
    """Fair coins for every item of every language, one for all items that share an id: R x N each.

    As with ``resamples``, the coins of languages that share ids depend on their ids and the seed only.
    """
    coins: dict[str, NDArray[np.bool_]] = {}
    for block in blocks(ids):
        names = sorted({name for lang in block for name in ids[lang]})
        column = {name: u for u, name in enumerate(names)}
        tossed_RU = generator_of(names, seed).integers(2, size=(count, len(names)), dtype=np.uint8).astype(bool)
        for lang in block:
            coins[lang] = tossed_RU[:, np.array([column[name] for name in ids[lang]], dtype=np.intp)]
    return {lang: coins[lang] for lang in ids}


def swapped_differences(
    metric: Metric,
    gold: Sequence[Any],
    system: Sequence[Sequence[Any]],
    baseline: Sequence[Sequence[Any]],
    coins_RN: NDArray[np.bool_],
) -> tuple[float, Floats]:
    """Difference of two systems on one language, as it is and with answers swapped where a coin says so.

    Args:
        metric: of gold, answers and weights.
        gold: N items.
        system: its N answers for each of S seeds.
        baseline: the same; the seeds of the two are paired in their order.
        coins_RN: which items are swapped, as :func:`flips` gives them.

    Returns:
        The difference system less baseline of the means over seeds, and R permuted ones.

    Raises:
        ValueError: there are not as many seeds on both sides, or the lengths do not agree.
    """
    if len(system) != len(baseline) or not system:
        raise ValueError(f"{len(system)} and {len(baseline)} seeds: a permutation test pairs them one to one.")
    stay_RN = np.concatenate([np.zeros((1, len(gold)), dtype=bool), coins_RN])  # the first row swaps nothing
    away_R2N = np.concatenate([stay_RN, ~stay_RN], axis=1).astype(np.float64)
    twice = [*gold, *gold]
    total_R = np.zeros(len(stay_RN))
    for ours, theirs in zip(system, baseline, strict=True):
        both = [*ours, *theirs]
        total_R += metric(twice, both, 1 - away_R2N) - metric(twice, both, away_R2N)
    total_R /= len(system)
    return float(total_R[0]), total_R[1:]


def permutation_p(observed: float, permuted_R: Floats) -> float:
    """Two-sided p of a difference: the share of permutations at least as far from 0, the data themselves among them.

    Counting the data keeps the test valid for any R (Phipson and Smyth 2010): the smallest p is 1 / (R + 1).
    nan where the observed difference is.
    """
    if np.isnan(observed):
        return float("nan")
    known = permuted_R[~np.isnan(permuted_R)]
    far = int((np.abs(known) >= abs(observed) - ROUNDING).sum())
    return (1 + far) / (1 + known.size)


def holm(p: Mapping[str, float]) -> dict[str, float]:
    """P values adjusted so that the chance of any false finding among them stays below the level (Holm 1979).

    nan stays nan and counts for nothing.
    """
    known = sorted((name for name in p if not np.isnan(p[name])), key=lambda name: p[name])
    adjusted, highest = dict(p), 0.0
    for rank, name in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p[name]))
        adjusted[name] = highest
    return adjusted


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests of a difference against a margin.

    Attributes:
        p: the larger of the two one-sided p values, by the resamples.
        interval: the one that must lie within the margin: of level 1 - 2 alpha.
        equivalent: whether it does.
    """

    p: float
    interval: tuple[float, float]
    equivalent: bool


def equivalence(delta_R: Floats, *, margin: float, alpha: float = 0.05) -> Equivalence:
    """Whether resampled differences are too small to matter (two one-sided tests, Schuirmann 1987).

    The difference is equivalent at ``alpha`` if its 1 - 2 ``alpha`` percentile interval lies within the margin: the
    95 % interval of ``verdict`` is the stricter ``alpha = 0.025``.

    Raises:
        ValueError: ``margin`` is not above 0, or ``alpha`` not between 0 and 0.5.
    """
    if not margin > 0 or not 0 < alpha < 0.5:
        raise ValueError(f"The margin is above 0 and alpha between 0 and 0.5, not {margin} and {alpha}.")
    low, high = interval(delta_R, 1 - 2 * alpha)
    known = delta_R[~np.isnan(delta_R)]
    above, below = int((known >= margin).sum()), int((known <= -margin).sum())
    p = (1 + max(above, below)) / (1 + known.size) if known.size else float("nan")
    return Equivalence(p=p, interval=(low, high), equivalent=-margin < low and high < margin)


Chance = Literal["agreement", "majority", "uniform"]


def chance_corrected(
    gold: Sequence[str], pred: Sequence[str], weights_RN: Weights, *, chance: Chance = "agreement", classes: int = 0
) -> Floats:
    """Accuracy above chance: (accuracy - c) / (1 - c), 1 for a perfect system, 0 for one that guesses.

    Args:
        gold: N labels.
        pred: N answers.
        weights_RN: how often each resample holds each item.
        chance: what guessing is: ``agreement`` draws from the system's own answers (Cohen's kappa, 1960), ``majority``
            always says the commonest gold label of the resample, ``uniform`` draws from ``classes`` labels.
        classes: number of labels, for ``uniform``.

    Returns:
        R values of at most 1; nan where the resample is empty or guessing is always right.

    Raises:
        ValueError: the lengths do not agree, or ``uniform`` has fewer than two classes.
    """
    right_R = accuracy(gold, pred, weights_RN)
    weights = as_weights(weights_RN, gold, pred)
    if chance == "uniform":
        if classes < 2:
            raise ValueError(f"Guessing among {classes} classes is no guessing.")
        guessed_R = np.full(len(right_R), 1 / classes)
    else:
        gold_RC, pred_RC = (_shares(side, sorted({*gold, *pred}), weights) for side in (gold, pred))
        guessed_R = (gold_RC * pred_RC).sum(axis=1) if chance == "agreement" else gold_RC.max(axis=1, initial=0.0)
    room_R = np.where(1 - guessed_R > ROUNDING, 1 - guessed_R, 0.0)
    return ratio(right_R - guessed_R, room_R, empty=np.nan)


def shared_labels(by_language: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The labels that occur in every language, sorted: what scores over unequal label sets can be compared on."""
    sets = [set(labels) for labels in by_language.values()]
    return tuple(sorted(set.intersection(*sets))) if sets else ()


def only_labels(gold: Sequence[str], weights_RN: Weights, labels: Collection[str]) -> Floats:
    """The weights with 0 for items of another gold label: accuracy becomes accuracy on the shared set.

    An answer outside the set stays an error. (Macro F1 would count classes that are only answered, with F1 0.)
    """
    kept_N = np.array([label in labels for label in gold], dtype=np.float64)
    return as_weights(weights_RN, gold, gold) * kept_N


def only_spans(items: Sequence[Collection[Span]], labels: Collection[str]) -> list[list[Span]]:
    """The spans of shared types alone, for gold and answers alike."""
    return [[span for span in spans if span[2] in labels] for spans in items]


def label_distance(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    """Total variation distance of two label distributions given as counts, in [0, 1]; nan if one is empty."""
    sums = sum(first.values()), sum(second.values())
    if not all(sums):
        return float("nan")
    return sum(abs(first.get(c, 0) / sums[0] - second.get(c, 0) / sums[1]) for c in {*first, *second}) / 2


def label_shift(
    first: Mapping[str, int], second: Mapping[str, int], *, count: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Distance of two label distributions, and its p if both were drawn from one: labels dealt out anew R times."""
    distance = label_distance(first, second)
    if np.isnan(distance):
        return distance, float("nan")
    both = Counter(first) + Counter(second)
    names = sorted(both)
    sums = sum(first.values()), sum(second.values())
    whole_C = np.array([both[name] for name in names])
    dealt_RC = generator_of(names, seed).multivariate_hypergeometric(whole_C, sums[0], size=count, method="marginals")
    distances_R = np.abs(dealt_RC / sums[0] - (whole_C - dealt_RC) / sums[1]).sum(axis=1) / 2
    return distance, permutation_p(distance, distances_R)


def _shares(side: Sequence[str], labels: Sequence[str], weights_RN: Floats) -> Floats:
    """R x C: how much of each resample has each label."""
    column = {label: c for c, label in enumerate(labels)}
    one_NC = np.zeros((len(side), len(labels)))
    one_NC[np.arange(len(side)), [column[label] for label in side]] = 1.0
    counts_RC = weights_RN @ one_NC
    total_R1 = counts_RC.sum(axis=1, keepdims=True)
    return ratio(counts_RC, np.broadcast_to(total_R1, counts_RC.shape), empty=0.0)

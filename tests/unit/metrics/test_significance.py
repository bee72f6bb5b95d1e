"""Permutation, Holm, equivalence, chance and shared label sets: identities, and what they do when nothing differs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from isogloss.metrics import (
    accuracy,
    chance_corrected,
    equivalence,
    flips,
    holm,
    label_distance,
    label_shift,
    macro_f1,
    ones,
    only_labels,
    only_spans,
    permutation_p,
    resamples,
    shared_labels,
    span_scores,
    swapped_differences,
    verdict,
)
from isogloss.metrics.significance import Metric

LABELS = ("food", "sport", "travel")


def names(prefix: str, items: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(items)]


def answers(rng: np.random.Generator, gold: list[str], right: float) -> list[str]:
    return [label if rng.random() < right else LABELS[rng.integers(3)] for label in gold]


def test_parallel_items_are_swapped_together_and_others_are_not() -> None:
    eng, other = names("x", 40), names("y", 40)
    coins = flips({"eng": eng, "swa": eng[::-1], "yor": other}, count=200)
    np.testing.assert_array_equal(coins["eng"], coins["swa"][:, ::-1])
    assert not np.array_equal(coins["eng"], coins["yor"])
    np.testing.assert_array_equal(coins["eng"], flips({"eng": eng}, count=200)["eng"])
    assert coins["eng"].mean() == pytest.approx(0.5, abs=0.02)
    assert not np.array_equal(coins["eng"], flips({"eng": eng}, count=200, seed=1)["eng"])


@pytest.mark.parametrize("metric", [accuracy, macro_f1])
def test_swapping_by_weights_is_swapping_by_hand(metric: Metric) -> None:
    rng = np.random.default_rng(0)
    gold = [LABELS[i] for i in rng.integers(3, size=30)]
    ours, theirs = [answers(rng, gold, 0.8) for _ in range(2)], [answers(rng, gold, 0.5) for _ in range(2)]
    coins_RN = flips({"e": names("a", 30)}, count=20)["e"]
    observed, permuted_R = swapped_differences(metric, gold, ours, theirs, coins_RN)

    def difference(swap_N: np.ndarray) -> float:
        deltas = []
        for a, b in zip(ours, theirs, strict=True):
            first = [y if s else x for x, y, s in zip(a, b, swap_N, strict=True)]
            second = [x if s else y for x, y, s in zip(a, b, swap_N, strict=True)]
            deltas.append(metric(gold, first, ones(30))[0] - metric(gold, second, ones(30))[0])
        return float(np.mean(deltas))

    assert observed == pytest.approx(difference(np.zeros(30, dtype=bool)))
    np.testing.assert_allclose(permuted_R, [difference(row) for row in coins_RN])


def test_swapping_everything_turns_the_sign_and_nothing_changes_between_twins() -> None:
    gold = ["a", "b", "a", "b"]
    all_RN = np.ones((1, 4), dtype=bool)
    observed, permuted_R = swapped_differences(accuracy, gold, [["a", "b", "a", "a"]], [["b", "b", "b", "a"]], all_RN)
    assert observed == 0.5
    assert permuted_R[0] == -0.5
    twins = swapped_differences(accuracy, gold, [gold], [gold], flips({"e": names("a", 4)})["e"])
    assert permutation_p(*twins) == 1.0


def test_a_permutation_test_of_all_swaps_is_exact() -> None:
    """Six items, all 64 swaps: the sign test, of which the p is known."""
    gold = ["a"] * 6
    every_RN = np.array(list(product([False, True], repeat=6)))
    observed, permuted_R = swapped_differences(accuracy, gold, [["a"] * 6], [["b"] * 6], every_RN)
    assert (np.abs(permuted_R) >= observed - 1e-12).mean() == 2 / 64
    assert permutation_p(observed, permuted_R) == 3 / 65


def test_other_numbers_of_seeds_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs them"):
        swapped_differences(accuracy, ["a"], [["a"]], [["a"], ["b"]], np.zeros((1, 1), dtype=bool))


def test_p_is_uniform_where_nothing_differs() -> None:
    """Span F1 over two parallel languages and two seeds, both systems drawn alike: p below x in x of the cases.

    300 simulations: the largest distance of an empirical from a uniform distribution function stays below 1.36 /
    sqrt(300) = 0.079 in 95 of 100 cases (Kolmogorov); p has steps of 1 / 200 and ties push it up a little.
    """
    rng = np.random.default_rng(3)
    items, simulations = 60, 300
    ids = {lang: names("a", items) for lang in ("eng", "swa")}
    gold = [[(0, 1, "PER"), (2, 4, "LOC")] if n % 3 else [(1, 2, "ORG")] for n in range(items)]
    found = []
    for simulation in range(simulations):
        hard_N = rng.normal(0, 1, items)  # an item is as hard for both systems, in both languages
        coins = flips(ids, count=199, seed=simulation)
        total, permuted_R = 0.0, np.zeros(199)
        for lang in ids:
            sides = [
                [[[s for s in gold[n] if rng.normal() > hard_N[n] - 0.5] for n in range(items)] for _ in range(2)]
                for _ in range(2)
            ]
            one, many = swapped_differences(
                lambda g, p, w: span_scores(g, p, w)["span_f1"], gold, sides[0], sides[1], coins[lang]
            )
            total, permuted_R = total + one, permuted_R + many
        found.append(permutation_p(total, permuted_R))
    ordered = np.sort(found)
    distance = max(np.abs(ordered - np.arange(1, simulations + 1) / simulations))
    assert distance < 0.079
    assert np.mean(ordered <= 0.05) <= 0.075  # 5 in 100 and two standard errors


def test_p_without_joint_swaps_would_be_too_small() -> None:
    """Where both languages hold the same answers, swapping them apart finds what is not there."""
    rng = np.random.default_rng(5)
    items, gold = 50, ["a"] * 50
    joint: list[float] = []
    apart: list[float] = []
    for simulation in range(200):
        ours, theirs = (["a" if rng.random() < 0.6 else "b" for _ in gold] for _ in range(2))
        for together, ids in ((True, ("x", "x", "x", "x")), (False, ("x", "y", "z", "w"))):
            coins = flips({str(i): names(p, items) for i, p in enumerate(ids)}, count=199, seed=simulation)
            rows = [swapped_differences(accuracy, gold, [ours], [theirs], coins[lang]) for lang in coins]
            p = permutation_p(sum(row[0] for row in rows), np.sum([row[1] for row in rows], axis=0))
            (joint if together else apart).append(p)
    assert np.mean(np.array(joint) <= 0.05) <= 0.08
    assert np.mean(np.array(apart) <= 0.05) > 0.2


def test_p_of_nothing_known_is_nan_and_nan_draws_are_left_out() -> None:
    assert np.isnan(permutation_p(float("nan"), np.zeros(3)))
    assert permutation_p(0.5, np.array([0.5, np.nan, 0.1])) == 2 / 3


def test_holm_by_hand() -> None:
    adjusted = holm({"yor": 0.01, "swa": 0.04, "eus": 0.03, "tha": float("nan"), "deu": 0.8})
    assert np.isnan(adjusted.pop("tha"))
    assert adjusted == pytest.approx({"yor": 0.04, "swa": 0.09, "eus": 0.09, "deu": 0.8})
    assert holm({"a": 0.6, "b": 0.7}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_holm_keeps_the_chance_of_any_false_finding() -> None:
    rng = np.random.default_rng(1)
    false = [min(holm(dict(enumerate(rng.random(10)))).values()) <= 0.05 for _ in range(2000)]  # type: ignore[arg-type]
    assert np.mean(false) == pytest.approx(0.05, abs=0.015)  # three standard errors of 2000


def test_equivalence_is_the_verdict_at_a_stricter_alpha() -> None:
    rng = np.random.default_rng(2)
    for shift in (0.0, 0.004, 0.007, 0.02):
        delta_R = rng.normal(shift, 0.003, 2000)
        strict = equivalence(delta_R, margin=0.01, alpha=0.025)
        assert strict.equivalent == (verdict(delta_R, margin=0.01) == "equivalent")
        found = equivalence(delta_R, margin=0.01)
        assert found.equivalent == (found.p < 0.05)
    assert not equivalence(np.array([np.nan]), margin=0.01).equivalent
    for margin, alpha in ((0.0, 0.05), (0.01, 0.5)):
        with pytest.raises(ValueError, match="above 0"):
            equivalence(np.zeros(3), margin=margin, alpha=alpha)


def test_equivalence_is_claimed_of_a_difference_on_the_margin_in_5_of_100_cases() -> None:
    """1000 simulations: 5 in 100 and three standard errors of 0.7 in 100; bootstraps of 100 items are a little free."""
    rng = np.random.default_rng(4)
    claimed = 0
    weights_RN = resamples({"e": names("a", 100)}, count=400)["e"]
    for _ in range(1000):
        delta_N = rng.normal(0.1, 0.3, 100)  # the true difference is the margin
        claimed += equivalence(weights_RN @ delta_N / 100, margin=0.1).equivalent
    assert 0.03 <= claimed / 1000 <= 0.075


def test_kappa_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    gold = [LABELS[i] for i in rng.integers(3, size=80)]
    pred = answers(rng, gold, 0.6)
    assert chance_corrected(gold, pred, ones(80))[0] == pytest.approx(cohen_kappa_score(gold, pred))
    weights_RN = resamples({"e": names("a", 80)}, count=5)["e"]
    for row_N, value in zip(weights_RN, chance_corrected(gold, pred, weights_RN), strict=True):
        assert value == pytest.approx(cohen_kappa_score(gold, pred, sample_weight=row_N))


def test_guessing_is_worth_nothing() -> None:
    gold = ["a"] * 7 + ["b"] * 3
    assert chance_corrected(gold, ["a"] * 10, ones(10)) == pytest.approx([0])
    assert chance_corrected(gold, ["a"] * 10, ones(10), chance="majority") == pytest.approx([0])
    assert chance_corrected(gold, ["a"] * 10, ones(10), chance="uniform", classes=2) == pytest.approx([0.4])
    for chance in ("agreement", "majority"):
        assert chance_corrected(gold, gold, ones(10), chance=chance) == pytest.approx([1])
    assert np.isnan(chance_corrected(["a"] * 3, ["a"] * 3, ones(3))).all()
    with pytest.raises(ValueError, match="no guessing"):
        chance_corrected(gold, gold, ones(10), chance="uniform")


def test_scores_on_the_shared_labels() -> None:
    assert shared_labels({"swa": ["a", "b", "c"], "yor": {"c", "b"}}) == ("b", "c")
    assert shared_labels({}) == ()
    gold, pred = ["a", "b", "c", "b"], ["a", "b", "a", "c"]
    assert accuracy(gold, pred, only_labels(gold, ones(4), ("b", "c"))) == pytest.approx([1 / 3])
    spans = [[(0, 1, "PER"), (2, 3, "DATE")], [(0, 1, "DATE")]]
    assert only_spans(spans, ("PER",)) == [[(0, 1, "PER")], []]


def test_shift_of_labels() -> None:
    assert label_distance({"a": 3, "b": 1}, {"a": 1, "b": 3}) == 0.5
    assert label_distance({"a": 3}, {"b": 3}) == 1.0
    assert np.isnan(label_distance({}, {"b": 3}))
    far, p = label_shift({"a": 150, "b": 50}, {"a": 50, "b": 150})
    assert (far, p) == (0.5, 1 / 2001)
    rng = np.random.default_rng(0)

    def dealt() -> dict[str, int]:
        return dict(zip("abc", rng.multinomial(90, [0.5, 0.3, 0.2]).tolist(), strict=True))

    same = [label_shift(dealt(), dealt(), count=200)[1] for _ in range(300)]
    assert np.mean(np.array(same) <= 0.05) <= 0.09  # 5 in 100 and three standard errors of 300

"""The scores equal scikit-learn and scipy on the items repeated as often as their weights say."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import accuracy_score, f1_score

from isogloss.metrics import accuracy, interval, macro_f1, ones, resamples, spearman, token_accuracy


def weights(items: int, count: int = 40, seed: int = 0) -> np.ndarray:
    return resamples({"eng": [str(n) for n in range(items)]}, count=count, seed=seed)["eng"]


@pytest.mark.parametrize("items", [1, 5, 60])
def test_accuracy_and_macro_f1_equal_scikit_learn(items: int) -> None:
    rng = np.random.default_rng(items)
    gold = rng.choice(list("abcde"), items)
    pred = np.where(rng.random(items) < 0.6, gold, rng.choice(list("abcdef"), items))
    weights_RN = weights(items)
    got_accuracy, got_f1 = accuracy(list(gold), list(pred), weights_RN), macro_f1(list(gold), list(pred), weights_RN)
    for row, one_accuracy, one_f1 in zip(weights_RN, got_accuracy, got_f1, strict=True):
        again_gold, again_pred = np.repeat(gold, row), np.repeat(pred, row)
        assert one_accuracy == pytest.approx(accuracy_score(again_gold, again_pred), abs=1e-12)
        expected = f1_score(again_gold, again_pred, average="macro", zero_division=0)
        assert one_f1 == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("items", "values"), [(2, 3), (6, 2), (50, 5), (50, 10_000)])
def test_spearman_equals_scipy(items: int, values: int) -> None:
    rng = np.random.default_rng(items + values)
    gold, pred = rng.integers(values, size=(2, items)) / 7
    weights_RN = weights(items)
    for row, got in zip(weights_RN, spearman(list(gold), list(pred), weights_RN), strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy warns about constant input
            expected = spearmanr(np.repeat(gold, row), np.repeat(pred, row)).statistic
        assert got == pytest.approx(0.0 if np.isnan(expected) else expected, abs=1e-12)


def test_spearman_extremes_and_constant_sides() -> None:
    rising, row = [0.1, 0.5, 2.0, 9.0], ones(4)
    assert spearman(rising, [1, 2, 3, 4], row).tolist() == [1.0]
    assert spearman(rising, [4, 3, 2, 1], row).tolist() == [-1.0]
    assert spearman(rising, [0.3] * 4, row).tolist() == [0.0]
    assert spearman(rising, [1, 2, 3, 4], np.array([[0, 7, 0, 0]])).tolist() == [0.0]
    with pytest.raises(ValueError, match="Value 2 is nan"):
        spearman(rising, [1, 2, float("nan"), 4], row)


def test_token_accuracy_is_micro_over_tokens() -> None:
    gold, pred = [["N", "V", "N"], ["V"], []], [["N", "V", "V"], ["N"], []]
    rows = np.array([[1, 1, 1], [2, 0, 5], [0, 3, 0], [0, 0, 4]])
    np.testing.assert_allclose(token_accuracy(gold, pred, rows), [2 / 4, 4 / 6, 0.0, np.nan])


def test_perfect_predictions_score_one_with_interval_one_one() -> None:
    labels, numbers = list("abcab" * 10), [float(n % 7) for n in range(50)]
    weights_RN = weights(50, count=200)
    assert interval(accuracy(labels, labels, weights_RN)) == (1.0, 1.0)
    assert interval(macro_f1(labels, labels, weights_RN)) == (1.0, 1.0)
    assert interval(spearman(numbers, numbers, weights_RN)) == (1.0, 1.0)
    assert interval(token_accuracy([labels] * 50, [labels] * 50, weights_RN)) == (1.0, 1.0)


def test_a_resample_of_weight_zero_is_nan() -> None:
    rows = np.array([[0, 0], [1, 1]])
    for values in (
        accuracy(["a", "b"], ["a", "a"], rows),
        macro_f1(["a", "b"], ["a", "a"], rows),
        spearman([1, 2], [2, 1], rows),
        token_accuracy([["a"], ["b"]], [["a"], ["a"]], rows),
    ):
        assert np.isnan(values).tolist() == [True, False]
    nothing = ones(0)
    for values in (accuracy([], [], nothing), macro_f1([], [], nothing), spearman([], [], nothing)):
        assert np.isnan(values).tolist() == [True]


def test_small_types_of_weights_neither_overflow_nor_round() -> None:
    rows = np.array([[60_000, 60_000]], dtype=np.uint16)
    assert accuracy(["a", "b"], ["a", "a"], rows).tolist() == [0.5]
    assert macro_f1(["a", "b"], ["a", "b"], rows).tolist() == [1.0]
    assert spearman([1, 2], [1, 2], rows).tolist() == [1.0]
    rows = np.array([[2**24, 1]], dtype=np.float32)
    assert accuracy(["a", "b"], ["a", "a"], rows).tolist() == [2**24 / (2**24 + 1)]


def test_lengths_and_weights_are_checked() -> None:
    with pytest.raises(ValueError, match="2 gold items, 1 predictions"):
        accuracy(["a", "b"], ["a"], ones(2))
    with pytest.raises(ValueError, match="weights of shape"):
        macro_f1(["a", "b"], ["a", "b"], ones(3))
    with pytest.raises(ValueError, match="resamples x items"):
        accuracy(["a", "b"], ["a", "b"], np.ones(2))
    with pytest.raises(ValueError, match="negative"):
        spearman([1, 2], [1, 2], np.array([[1, -1]]))
    with pytest.raises(ValueError, match="Item 1 has 1 gold labels and 2"):
        token_accuracy([["a"], ["a"]], [["a"], ["a", "b"]], ones(2))

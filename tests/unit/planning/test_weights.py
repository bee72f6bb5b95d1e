from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.planning.weights import centred, fit_weights, non_negative


@pytest.mark.parametrize("planted", [(0.4, 0.2, 0.4), (1, 0, 0), (0, 0.5, 0.5), (0.1, 0.1, 0.8)])
def test_planted_weights_are_recovered(planted: tuple[float, ...]) -> None:
    distances = np.random.default_rng(0).random((81, 3))
    found = fit_weights(distances, 0.9 - 0.3 * distances @ planted)
    assert found.values_K == pytest.approx(planted, abs=1e-9)
    assert found.correlation == pytest.approx(-1)


def test_planted_weights_are_recovered_behind_the_difficulty_of_targets() -> None:
    drawn = np.random.default_rng(1)
    distances, target = drawn.random((90, 4)), np.repeat(np.arange(10), 9)
    scores = 0.8 - 0.2 * distances @ (0.25, 0, 0.5, 0.25) + drawn.normal(0, 5, 10)[target]
    assert fit_weights(distances, scores, target).values_K == pytest.approx([0.25, 0, 0.5, 0.25], abs=1e-9)
    assert abs(fit_weights(distances, scores).correlation) < 0.5


def test_no_weights_on_the_simplex_correlate_better() -> None:
    drawn = np.random.default_rng(2)
    distances = drawn.random((40, 3))
    scores = -distances @ (0.6, 0.4, -0.5) + drawn.normal(0, 0.2, 40)
    best = fit_weights(distances, scores)
    assert best.values_K.sum() == pytest.approx(1)
    assert (best.values_K >= 0).all()
    for weights in drawn.dirichlet((0.5, 0.5, 0.5), 500):
        assert np.corrcoef(distances @ weights, scores)[0, 1] >= best.correlation - 1e-9


def test_distances_that_go_with_better_transfer_get_no_weight() -> None:
    distances = np.random.default_rng(3).random((30, 2))
    found = fit_weights(distances, distances @ (1.0, 2.0))
    assert found.values_K.tolist() == [0, 0]
    assert found.correlation == 0


@given(seed=st.integers(0, 10_000), width=st.integers(1, 8))
def test_least_squares_without_negatives_equals_scipys(seed: int, width: int) -> None:
    nnls = pytest.importorskip("scipy.optimize").nnls
    drawn = np.random.default_rng(seed)
    columns, target = drawn.normal(size=(25, width)), drawn.normal(size=25)
    assert non_negative(columns, target) == pytest.approx(nnls(columns, target)[0], abs=1e-7)


def test_twice_the_same_distance_is_no_trouble() -> None:
    one = np.random.default_rng(4).random((20, 1))
    found = fit_weights(np.concatenate([one, one], axis=1), -one[:, 0])
    assert found.values_K.sum() == pytest.approx(1)
    assert found.correlation == pytest.approx(-1)


def test_centring_takes_out_the_means_of_groups() -> None:
    values = np.array([[1.0], [3], [10], [14]])
    assert centred(values, np.array([5, 5, 2, 2]))[:, 0].tolist() == [-1, 1, -2, 2]
    assert centred(values)[:, 0].tolist() == [-6, -4, 3, 7]

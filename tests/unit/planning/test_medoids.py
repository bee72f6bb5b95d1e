from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from isogloss.planning import medoids


def nine(seed: int) -> NDArray[np.float64]:
    places = np.random.default_rng(seed).random((9, 3))
    found: NDArray[np.float64] = np.linalg.norm(places[:, None] - places, axis=2)
    return found


def brute(distance: NDArray[np.float64], k: int) -> float:
    return min(float(distance[list(s)].min(0).sum()) for s in combinations(range(len(distance)), k))


@pytest.mark.parametrize("k", range(1, 10))
def test_medoids_of_nine_languages_equal_brute_force(k: int) -> None:
    for seed in range(20):
        distance = nine(seed)
        assert medoids.total(distance, medoids.choose(distance, k)) == pytest.approx(brute(distance, k), abs=1e-9)


@pytest.mark.parametrize("most_sets", [medoids.MOST_SETS, 1])
@pytest.mark.parametrize("k", range(1, 8))
def test_medoids_beside_others_equal_brute_force(k: int, most_sets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medoids, "MOST_SETS", most_sets)
    for seed in range(10):
        distance, beside = nine(seed), (seed % 9, (seed + 4) % 9)
        chosen = medoids.choose(distance, k, beside=beside)
        assert len(chosen) == k
        assert not set(chosen) & set(beside)
        best = min(
            medoids.total(distance, (*beside, *others))
            for others in combinations([row for row in range(9) if row not in beside], k)
        )
        assert medoids.total(distance, (*beside, *chosen)) == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("k", range(1, 10))
def test_swaps_find_sets_as_good_as_trying_all(k: int) -> None:
    for seed in range(20):  # of two languages that are each other's nearest, either may stand for both
        distance = nine(seed)
        assert medoids.total(distance, medoids.by_swaps(distance, k)) == pytest.approx(brute(distance, k), abs=1e-9)


def test_many_languages_go_by_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(medoids, "MOST_SETS", 10)
    assert medoids.total(nine(3), medoids.choose(nine(3), 3)) == pytest.approx(brute(nine(3), 3))


def test_candidates_need_not_be_the_languages_that_are_served() -> None:
    distance = np.array([[0.1, 0.9, 0.2], [0.8, 0.1, 0.9], [0.5, 0.5, 0.5]])
    assert medoids.choose(distance, 1) == (0,)
    assert medoids.choose(distance, 2) == (0, 1)
    assert medoids.clusters(distance, (0, 1)).tolist() == [0, 1, 0]


def test_two_groups_each_get_their_middle() -> None:
    places = np.array([0, 1, 2, 100, 101, 102.0])
    assert medoids.choose(np.abs(places[:, None] - places), 2) == (1, 4)


def test_of_equal_sets_the_first_is_taken() -> None:
    assert medoids.choose(np.ones((5, 5)) - np.eye(5), 2) == (0, 1)
    assert medoids.by_swaps(np.ones((5, 5)) - np.eye(5), 2) == (0, 1)


@pytest.mark.parametrize("k", [0, 10, -1])
def test_impossible_numbers_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 9"):
        medoids.choose(nine(0), k)
    with pytest.raises(ValueError, match="between 1 and 8"):
        medoids.choose(nine(0), 9, beside=[3])
    with pytest.raises(ValueError, match="not a number"):
        medoids.choose(np.full((2, 2), np.nan), 1)

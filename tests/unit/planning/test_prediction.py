from __future__ import annotations

import numpy as np
import pytest

from isogloss.planning.mantel import mantel
from isogloss.planning.prediction import CASES, Pairs, Predictor, Ridge, left_out, reach

LANGS = tuple("abcdefghij")
OFF = ~np.eye(len(LANGS), dtype=bool)


def planted(*, noise: float = 0.0, seed: int = 0, slope: float = 0.5) -> Pairs:
    """Ten languages at random places; transfer falls with the first of two distances; the second is of other places."""
    drawn = np.random.default_rng(seed)
    distances = []
    for _ in range(2):
        places = drawn.random((len(LANGS), 2))
        distances.append(np.linalg.norm(places[:, None] - places, axis=2) / np.sqrt(2))
    rows, columns = np.nonzero(OFF)
    near = np.stack([matrix[rows, columns] for matrix in distances], axis=1)
    return Pairs(
        sources=tuple(LANGS[i] for i in rows),
        targets=tuple(LANGS[j] for j in columns),
        distances_NK=near,
        scores_N=np.clip(0.9 - slope * near[:, 0] + drawn.normal(0, noise, len(rows)), 0, 1),
    )


def grid(pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
    distance, score = np.zeros((2, len(LANGS), len(LANGS))), np.full((len(LANGS), len(LANGS)), np.nan)
    distance[:, OFF], score[OFF] = pairs.distances_NK.T, pairs.scores_N
    return distance, score


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_out_is_never_seen(case: str) -> None:
    pairs, asked = planted(), 0
    for fit, ask, name in left_out(pairs, case):
        seen = pairs.rows(fit)
        wanted = pairs.rows(ask)
        asked += len(wanted.sources)
        assert not (fit & ask).any()
        if case == "target":
            assert set(wanted.targets) == {name}
            assert name not in seen.languages
        elif case == "source":
            assert set(wanted.sources) == {name}
            assert name not in seen.languages
        elif case == "both":
            assert not {*wanted.sources, *wanted.targets} & set(seen.languages)
        else:
            assert fit.sum() == len(pairs.sources) - 1
    assert asked == len(pairs.sources) == len(LANGS) * (len(LANGS) - 1)


def test_the_closed_form_equals_stacked_least_squares() -> None:
    pairs = planted(noise=0.05)
    ridge = Ridge.fit(pairs)
    centred = pairs.distances_NK - pairs.distances_NK.mean(0)
    spread = pairs.distances_NK.std(0)
    dummies = [
        np.array([[x == lang for lang in LANGS] for x in column], dtype=float)
        for column in (pairs.sources, pairs.targets)
    ]
    design = np.concatenate([np.ones((90, 1)), centred / spread, *dummies], axis=1)
    penalty = np.eye(23)[1:]
    found = np.linalg.lstsq(
        np.concatenate([design, penalty]), np.concatenate([pairs.scores_N, np.zeros(22)]), rcond=None
    )[0]
    assert ridge.mean == pytest.approx(found[0])
    assert ridge.weights_K == pytest.approx(found[1:3] / spread)
    assert list(ridge.source.values()) == pytest.approx(found[3:13])
    assert list(ridge.target.values()) == pytest.approx(found[13:])


def test_planted_transfer_is_predicted_for_languages_that_were_left_out() -> None:
    predictor = Predictor.fit(("near", "idle"), planted(noise=0.01))
    for case in CASES:
        figures = predictor.figures[case]
        assert figures.pairs == 90
        assert figures.error < figures.error_of_mean / 2
        assert figures.r2 > 0.7
        assert 0.75 <= figures.covered <= 1
    assert predictor.figures["target"].regret < predictor.figures["target"].regret_of_usual
    assert predictor.ridge.weights_K[0] < 0
    assert abs(predictor.ridge.weights_K[1]) < abs(predictor.ridge.weights_K[0]) / 5


def test_noise_is_not_predicted() -> None:
    figures = Predictor.fit(("near", "idle"), planted(noise=0.1, slope=0)).figures["target"]
    assert figures.r2 < 0.2


def test_cases_and_bounds() -> None:
    predictor = Predictor.fit(("near", "idle"), planted(noise=0.02))
    assert [predictor.case(s, t) for s, t in (("a", "x"), ("x", "a"), ("x", "y"), ("a", "b"))] == list(CASES)
    near, far = (predictor.predict("a", "x", np.array([d, 0.5])) for d in (0.05, 0.9))
    assert near.value > far.value
    assert near.low is not None
    assert near.high is not None
    assert 0 <= near.low < near.value < near.high <= 1


def test_a_few_languages_are_too_few() -> None:
    pairs = planted()
    with pytest.raises(ValueError, match="3 languages"):
        Predictor.fit(("near", "idle"), pairs.rows(~pairs.having(LANGS[3:])))
    four = Predictor.fit(("near", "idle"), pairs.rows(~pairs.having(LANGS[4:])))
    assert four.figures["both"].pairs == 12
    # The misses would do for an interval, and none is left to see how often it holds.
    assert reach(four.misses["target"], four.level) is not None
    assert np.isnan(four.figures["target"].covered)
    assert four.predict("a", "x", np.array([0.1, 0.1])).low is None
    assert four.swap("a", "b", 0.1).low is None


def test_reach_is_the_conformal_quantile() -> None:
    misses = np.arange(1.0, 20)
    assert reach(misses, 0.9) == 18
    assert reach(misses, 0.95) == 19
    assert reach(misses[:8], 0.9) is None


def test_planted_connections_have_a_small_p() -> None:
    assert mantel(*grid(planted(noise=0.05)), permutations=99) == pytest.approx(0.01)


def test_p_is_uniform_where_there_is_no_connection() -> None:
    found = [mantel(*grid(planted(noise=0.1, slope=0, seed=seed)), permutations=39) for seed in range(60)]
    assert 0.35 < np.mean(found) < 0.65
    assert np.mean(np.array(found) <= 0.1) < 0.25


def test_gaps_in_the_matrix_are_left_out() -> None:
    distance, score = grid(planted(noise=0.05))
    score[0, 3] = score[5, 2] = np.nan
    assert mantel(distance, score, permutations=99) < 0.05


def test_a_swap_is_missed_by_the_difference_of_what_was_left_out() -> None:
    exact = Predictor.fit(("near", "other"), planted())
    assert len(exact.swaps) == len(LANGS) * (len(LANGS) - 2)  # nine sources a target, the best one against eight
    noisy = Predictor.fit(("near", "other"), planted(noise=0.1))
    assert np.median(exact.swaps) < np.median(noisy.swaps)
    sure, unsure = noisy.swap("a", "b", 0.2), noisy.swap("new", "b", 0.2)
    assert sure.low is not None
    assert sure.low == pytest.approx(0.2 - (reach(noisy.swaps, 0.9) or np.nan))
    assert unsure.value == 0.2
    assert unsure.low is unsure.high is None

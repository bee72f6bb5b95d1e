from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.planning.law import FewShotLaw, Gains, next_of, t_quantile

NUMBERS = [0, 10, 50, 100, 500, 1000]


def law(n: float, alpha: float, beta: float, n0: float) -> float:
    return alpha + beta * math.log(n + n0)


@given(alpha=st.floats(0, 0.8), beta=st.floats(0.005, 0.1), n0=st.floats(0.5, 300))
def test_planted_constants_are_recovered(alpha: float, beta: float, n0: float) -> None:
    found = FewShotLaw.fit(NUMBERS, [law(n, alpha, beta, n0) for n in NUMBERS])
    assert found.n0 == pytest.approx(n0, rel=1e-3)
    assert (found.alpha, found.beta) == pytest.approx((alpha, beta), abs=1e-3)
    assert found.at(200).value == pytest.approx(law(200, alpha, beta, n0), abs=1e-6)
    assert found.needed(law(2000, alpha, beta, n0)) == pytest.approx(2000, rel=1e-2)


def test_the_interval_holds_new_scores_about_as_often_as_it_says() -> None:
    drawn, inside, rounds = np.random.default_rng(0), 0, 300
    numbers = [n for n in NUMBERS for _ in range(3)]
    for _ in range(rounds):
        found = FewShotLaw.fit(numbers, [law(n, 0.4, 0.05, 20) + drawn.normal(0, 0.01) for n in numbers])
        estimate = found.at(2000)
        assert estimate.low is not None
        assert estimate.high is not None
        inside += estimate.low <= law(2000, 0.4, 0.05, 20) + drawn.normal(0, 0.01) <= estimate.high
    assert 0.88 <= inside / rounds <= 0.99  # n0 is taken as known, which costs a little at the far end


def test_three_points_say_nothing_of_certainty() -> None:
    estimate = FewShotLaw.fit([0, 10, 100], [0.3, 0.4, 0.5]).at(50)
    assert estimate.low is None
    assert estimate.high is None


def test_scores_that_do_not_grow_are_never_enough() -> None:
    found = FewShotLaw.fit(NUMBERS, [0.5, 0.49, 0.48, 0.47, 0.46, 0.45])
    assert found.beta < 0
    assert found.needed(0.6) == math.inf
    assert found.needed(0.3) == 0


@pytest.mark.parametrize(("n", "scores"), [([0, 1], [0.1, 0.2]), ([0, 5, 5], [0.1, 0.2, 0.3]), ([-1, 5, 9], [1, 1, 1])])
def test_too_few_numbers_are_refused(n: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError, match="three different"):
        FewShotLaw.fit(n, scores)


def test_lists_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 numbers"):
        FewShotLaw.fit([1, 2], [0.1])


def test_gains_are_pooled_over_pairs_of_different_height() -> None:
    curves = [(NUMBERS, [law(n, alpha, beta, 30) for n in NUMBERS]) for alpha, beta in ((0.2, 0.04), (0.6, 0.06))]
    gains = Gains.fit(curves)
    assert gains.n0 == pytest.approx(30, rel=1e-3)
    assert gains.betas == pytest.approx((0.04, 0.06), abs=1e-5)
    found = gains.gain(300)
    assert found.value == pytest.approx(0.05 * math.log(11), abs=1e-4)
    assert found.low is not None
    assert found.low < found.value
    assert gains.gain(0).value == 0
    assert Gains.fit(curves[:1]).gain(100).low is None
    with pytest.raises(ValueError, match="No pair"):
        Gains.fit([])


def test_what_is_gained_after_some_examples_is_the_rest() -> None:
    gains = Gains(n0=10, betas=(0.02, 0.05, 0.03))
    whole, first, rest = gains.gain(100), gains.gain(30), gains.gain(70, after=30)
    assert rest.value == pytest.approx(whole.value - first.value)
    assert rest.low is not None
    assert whole.low is not None
    assert first.low is not None
    assert rest.low == pytest.approx(whole.low - first.low)


def test_a_further_value_lies_within_its_bounds_as_often_as_they_say() -> None:
    drawn, inside, rounds = np.random.default_rng(3), 0, 400
    for _ in range(rounds):
        *seen, new = drawn.normal(0.1, 0.05, 6)
        found = next_of(seen, level=0.9)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= new <= found.high
    assert 0.86 <= inside / rounds <= 0.94
    assert next_of([0.3]).value == 0.3
    assert next_of([0.3]).low is None


def test_quantiles_of_t_equal_scipys() -> None:
    t = pytest.importorskip("scipy.stats").t
    for freedom in (1, 2, 3, 7, 30):
        for share in (0.5, 0.75, 0.95, 0.975):
            assert t_quantile(share, freedom) == pytest.approx(t.ppf(share, freedom), rel=1e-4, abs=1e-9)

"""Intervals over items, languages and seeds hold the truth as often as they say."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import stats

from isogloss.metrics import Sample, crossed_interval, interval, resamples, span_scores
from isogloss.metrics.crossed import median_share, satterthwaite, t_quantile

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "audit"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_coverage", FOLDER / "coverage.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


simulation = load()


def spare(simulations: int, bound: float) -> float:
    """Two Monte-Carlo standard errors at a bound."""
    return 2 * math.sqrt(bound * (1 - bound) / simulations)


def test_the_counts_of_the_simulation_give_the_f1_of_the_metric() -> None:
    rng = np.random.default_rng(0)
    hard_N, spans_N = simulation.items(rng, 20)
    world = simulation.World(skill=1, seed_spread=0.2, languages=1)
    counts = world.counts(rng, world.seeds(rng, 1), hard_N, spans_N)[:, 0, 0]
    right, _, found = counts.astype(int)
    gold = [[(0, i + 1, "X") for i in range(n)] for n in spans_N]
    pred = [
        [(0, i + 1, "X") for i in range(r)] + [(1, i + 2, "Y") for i in range(f - r)]
        for r, f in zip(right, found, strict=True)
    ]
    weights_RN = resamples({"e": [str(n) for n in range(20)]}, count=7)["e"]
    np.testing.assert_allclose(span_scores(gold, pred, weights_RN)["span_f1"], simulation.f1(counts, weights_RN))


def test_the_truth_of_the_simulation_is_what_very_many_items_and_seeds_come_to() -> None:
    rng = np.random.default_rng(0)
    world = simulation.World(skill=0.8, seed_spread=0.4)
    own_SL = world.seeds(rng, 20)
    counts = world.counts(rng, own_SL, *simulation.items(rng, 6000))
    assert simulation.f1(counts, np.ones((1, 6000))).mean() == pytest.approx(world.truth_of(own_SL), abs=0.008)
    assert world.truth_of(world.seeds(rng, 20000)) == pytest.approx(world.truth(), abs=0.002)


@pytest.mark.parametrize(
    ("languages", "seeds", "apart", "difference"),
    [
        (1, 3, "far apart", False),
        (1, 3, "near", False),
        (3, 3, "alike", True),
        (1, 5, "far apart", True),
        (1, 1, "far apart", False),
    ],
)
def test_span_f1_of_100_items_is_covered_in_93_to_97(
    languages: int, seeds: int, apart: str, *, difference: bool
) -> None:
    """Cells where the interval is nearest to the bounds, and others; the command has them all, and more simulations."""
    found = simulation.coverage(
        languages=languages,
        seeds=seeds,
        seed_spread=simulation.SPREADS[apart],
        difference=difference,
        simulations=800,
        seed=12,
    )
    assert 0.93 - spare(800, 0.93) <= found["coverage"] <= 0.97 + spare(800, 0.97)
    if apart == "far apart" and seeds > 1:
        assert found["items_alone"] < 0.85  # the seeds are left out of it


def test_every_cell_that_the_command_has_measured_lies_in_93_to_97_but_for_two_seeds() -> None:
    """Two seeds are the case that the docstring of the module speaks of."""
    measured = json.loads((FOLDER / "results" / "coverage.json").read_text(encoding="utf-8"))
    cells = {tuple(c[k] for k in ("languages", "seeds", "apart", "difference")): c for c in measured["cells"]}
    assert len(cells) == 2 * 4 * 3 * 2
    assert measured["simulations"] >= 2000
    for cell in cells.values():
        below, above = (0.93, 0.975) if cell["seeds"] == 2 else (0.93, 0.97)
        low, high = below - spare(measured["simulations"], below), above + spare(measured["simulations"], above)
        assert low <= cell["coverage"] <= high, cell


def test_what_the_items_make_of_the_spread_is_taken_away_as_a_median() -> None:
    """Seeds whose spread is that of the items at its median have none of their own, and any more is theirs."""
    for scale, own in ((1.0, 0.0), (1.1, 0.1)):
        spread = scale * 0.02**2 * median_share(2)
        points_S = 0.7 + math.sqrt(spread) * np.array([-1.0, 0.0, 1.0])
        errors_SR = np.random.default_rng(0).normal(0, 1, (3, 1000))
        errors_SR -= errors_SR.mean(axis=0)
        errors_SR *= np.sqrt((spread + 0.02**2) / errors_SR.var(axis=0, ddof=1))
        sample = Sample(points_S=points_S, draws_SR=errors_SR, items=100)
        assert sample.seed_variance == pytest.approx(own * 0.02**2 * median_share(2) / 3, abs=1e-12)


def test_one_seed_is_the_interval_over_items_but_for_their_number() -> None:
    rng = np.random.default_rng(0)
    draws_SR = rng.normal(0.7, 0.03, (1, 1000))
    low, high = crossed_interval(Sample(points_S=np.array([0.7]), draws_SR=draws_SR, items=10**6))
    assert (low, high) == pytest.approx(interval(draws_SR[0]), abs=1e-3)
    few = crossed_interval(Sample(points_S=np.array([0.7]), draws_SR=draws_SR, items=20))
    assert few[1] - few[0] > 1.05 * (high - low)


def test_seeds_that_agree_beyond_chance_add_nothing() -> None:
    draws_R = np.random.default_rng(0).normal(0.7, 0.03, 1000)
    same = Sample(points_S=np.full(3, 0.7), draws_SR=np.tile(draws_R, (3, 1)), items=500)
    assert same.seed_variance == 0
    apart = Sample(points_S=np.array([0.6, 0.7, 0.8]), draws_SR=draws_R + np.array([[-0.1], [0], [0.1]]), items=500)
    assert apart.seed_variance == pytest.approx(0.01 / 3)
    narrow, wide = crossed_interval(same), crossed_interval(apart)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_a_system_against_itself_differs_by_nothing() -> None:
    one = Sample(points_S=np.array([0.7]), draws_SR=np.random.default_rng(0).random((1, 50)), items=9)
    assert crossed_interval(one, one) == (0, 0)


def test_scores_that_no_item_moves_have_the_spread_of_their_seeds() -> None:
    """All draws alike, as where every item is right or all are one: what is left is the t interval of the seeds."""
    points_S = np.array([0.6, 0.7, 0.8])
    fixed = Sample(points_S=points_S, draws_SR=np.tile(points_S[:, None], (1, 50)), items=30)
    half = stats.t.ppf(0.975, 2) * 0.1 / np.sqrt(3)
    assert crossed_interval(fixed) == pytest.approx((0.7 - half, 0.7 + half))
    assert np.isnan(crossed_interval(Sample(points_S=np.ones(1), draws_SR=np.full((1, 4), np.nan), items=1))).all()


def test_the_interval_of_a_score_ends_where_the_score_does() -> None:
    """Two seeds far apart have a half-width of 12.7 standard errors."""
    draws_SR = np.array([[0.2], [0.7]]) + np.random.default_rng(0).normal(0, 0.02, 1000)
    wide = Sample(points_S=np.array([0.2, 0.7]), draws_SR=draws_SR, items=9)
    assert crossed_interval(wide)[0] < 0 < 1 < crossed_interval(wide)[1]
    share, correlation = replace(wide, limits=(0.0, 1.0)), replace(wide, limits=(-1.0, 1.0))
    assert crossed_interval(share) == (0.0, 1.0)
    assert crossed_interval(correlation) == (-1.0, 1.0)
    assert crossed_interval(share, share) == (-1.0, 1.0)
    assert share.less(share).limits == (-1.0, 1.0)
    assert crossed_interval(share.less(replace(share, points_S=share.points_S[::-1])))[0] == -1.0


def test_every_item_right_in_every_seed_is_not_certain() -> None:
    """Bounds of Clopper and Pearson, as scipy has them; a correlation has none."""
    right = Sample(points_S=np.ones(2), draws_SR=np.ones((2, 50)), items=30, limits=(0.0, 1.0))
    assert crossed_interval(right) == pytest.approx(tuple(stats.binomtest(30, 30).proportion_ci()))
    at_90 = tuple(stats.binomtest(30, 30).proportion_ci(0.9))
    assert crossed_interval(right, level=0.9) == pytest.approx(at_90)
    assert crossed_interval(replace(right, limits=(-1.0, 1.0))) == (1.0, 1.0)
    assert crossed_interval(right, right) == (0.0, 0.0)


@pytest.mark.parametrize("degrees", [1, 2, 3.5, 10, 99, 900])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.99])
def test_quantiles_of_student(degrees: float, level: float) -> None:
    assert t_quantile(degrees, level) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=5e-3)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 8, 20])
def test_the_median_of_a_variance(degrees: int) -> None:
    assert median_share(degrees) == pytest.approx(stats.chi2.median(degrees) / degrees, rel=0.04 / degrees**1.5)


def test_degrees_of_freedom_of_a_sum() -> None:
    """Those of Welch's test; equal variances pool them, and one alone has its own."""
    assert satterthwaite([0.2, 0.2], [4, 4]) == pytest.approx(8)
    assert satterthwaite([0.2, 0.0], [2, 0]) == pytest.approx(2)
    assert satterthwaite([1e-200, 3e-200], [2, 4]) == pytest.approx(16 / (1 / 2 + 9 / 4))

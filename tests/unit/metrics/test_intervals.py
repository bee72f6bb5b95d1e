"""Joint resampling, interval coverage, and the four verdicts."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from isogloss.metrics import accuracy, interval, ones, resamples, verdict


def names(prefix: str, items: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(items)]


def test_parallel_items_are_drawn_together_in_any_order() -> None:
    eng = names("x", 50)
    swa = eng[::-1]
    drawn = resamples({"eng": eng, "swa": swa}, count=100)
    assert drawn["eng"].shape == (100, 50)
    np.testing.assert_array_equal(drawn["eng"], drawn["swa"][:, ::-1])
    assert (drawn["eng"].sum(axis=1) == 50).all()
    assert len(np.unique(drawn["eng"], axis=0)) == 100


def test_languages_linked_through_a_third_share_their_draws() -> None:
    ids = {"eng": names("a", 30), "yor": names("b", 30), "swa": names("a", 10) + names("b", 10)}
    drawn = resamples(ids, count=200)
    np.testing.assert_array_equal(drawn["swa"][:, :10], drawn["eng"][:, :10])
    np.testing.assert_array_equal(drawn["swa"][:, 10:], drawn["yor"][:, :10])
    # One block of 60 ids: eng and yor hold 30 each, and what one gains in a draw the other loses.
    totals = drawn["eng"].sum(axis=1)
    assert (totals + drawn["yor"].sum(axis=1) == 60).all()
    assert len(set(totals.tolist())) > 1
    assert totals.mean() == pytest.approx(30, abs=1)


def test_blocks_do_not_depend_on_the_order_of_languages() -> None:
    ids = {"eng": names("a", 30), "yor": names("a", 30) + names("b", 9), "swa": names("a", 30), "ibo": names("b", 9)}
    drawn, backwards = resamples(ids, count=20), resamples(dict(reversed(ids.items())), count=20)
    for lang in ids:
        np.testing.assert_array_equal(drawn[lang], backwards[lang])
    np.testing.assert_array_equal(drawn["eng"], drawn["swa"])
    np.testing.assert_array_equal(drawn["yor"], np.concatenate([drawn["eng"], drawn["ibo"]], axis=1))


def test_a_block_does_not_depend_on_other_languages() -> None:
    eng, other = names("a", 40), names("b", 40)
    alone = resamples({"eng": eng}, count=20)["eng"]
    together = resamples({"yor": other, "eng": eng}, count=20)
    np.testing.assert_array_equal(alone, together["eng"])
    assert not np.array_equal(together["yor"], together["eng"])
    assert list(together) == ["yor", "eng"]


def test_the_seed_decides_and_fewer_rows_are_a_prefix() -> None:
    ids = {"eng": names("a", 40)}
    first = resamples(ids, count=20, seed=1)["eng"]
    np.testing.assert_array_equal(first, resamples(ids, count=20, seed=1)["eng"])
    np.testing.assert_array_equal(first[:5], resamples(ids, count=5, seed=1)["eng"])
    assert not np.array_equal(first, resamples(ids, count=20, seed=2)["eng"])


def test_draws_survive_a_new_process() -> None:
    code = "from isogloss.metrics import resamples; print(resamples({'e': list('abcdefgh')}, count=3)['e'].tolist())"
    env = {"PYTHONHASHSEED": "12345", "PYTHONPATH": ":".join(sys.path)}
    printed = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(resamples({"e": list("abcdefgh")}, count=3)["e"].tolist())


def test_importing_the_metrics_loads_nothing_heavy() -> None:
    code = "import sys, isogloss.metrics; print(sorted({'torch', 'sklearn', 'scipy', 'seqeval'} & set(sys.modules)))"
    env = {"PYTHONPATH": ":".join(sys.path)}
    printed = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_counts_are_multinomial() -> None:
    drawn = resamples({"eng": names("a", 20)}, count=5000)["eng"].astype(float)
    assert drawn.mean(axis=0) == pytest.approx(np.ones(20), abs=0.07)
    assert drawn.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.12)


def test_repeated_ids_are_one_cluster_and_no_items_are_no_columns() -> None:
    drawn = resamples({"eng": ["a", "b", "a"], "yor": []}, count=10)
    np.testing.assert_array_equal(drawn["eng"][:, 0], drawn["eng"][:, 2])
    assert drawn["yor"].shape == (10, 0)
    assert resamples({}) == {}


def test_interval_covers_a_bernoulli_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    truth, items, simulations, covered = 0.7, 200, 200, 0
    gold = ["yes"] * items
    for simulation in range(simulations):
        pred = np.where(rng.random(items) < truth, "yes", "no").tolist()
        weights_RN = resamples({"eng": names("a", items)}, count=500, seed=simulation)["eng"]
        low, high = interval(accuracy(gold, pred, weights_RN))
        point = accuracy(gold, pred, ones(items))[0]
        assert low <= point <= high
        covered += low <= truth <= high
    assert 0.90 <= covered / simulations <= 0.98


def test_interval_takes_percentiles_and_ignores_nan() -> None:
    values = np.array([*range(101), np.nan, np.nan], dtype=float)
    assert interval(values) == pytest.approx((2.5, 97.5))
    assert interval(values, level=0.5) == pytest.approx((25, 75))
    assert np.isnan(interval(np.array([np.nan, np.nan]))).all()
    for level in (0.0, 1.0, 95.0):
        with pytest.raises(ValueError, match="between 0 and 1"):
            interval(values, level=level)


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.02, 0.08, 0.01, "better"),
        (-0.08, -0.02, 0.01, "worse"),
        (-0.005, 0.005, 0.01, "equivalent"),
        (0.001, 0.005, 0.01, "equivalent"),  # surely above 0, but too small to matter
        (-0.005, -0.001, 0.01, "equivalent"),
        (0.005, 0.05, 0.01, "better"),
        (-0.02, 0.05, 0.01, "inconclusive"),
        (0.0, 0.0, 0.0, "equivalent"),
        (np.nan, np.nan, 0.01, "inconclusive"),
    ],
)
def test_verdicts(low: float, high: float, margin: float, expected: str) -> None:
    # 400 values of which 10% sit on each border: the 95% interval is (low, high) itself.
    delta = np.repeat([low, (low + high) / 2, high], [40, 320, 40])
    assert verdict(delta, margin=margin) == expected


def test_a_negative_margin_is_refused() -> None:
    for margin in (-0.01, float("nan")):
        with pytest.raises(ValueError, match="at least 0"):
            verdict(np.zeros(3), margin=margin)

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.languages import features
from isogloss.languages.distances import (
    DISTANCES,
    HALF_GLOBE_KM,
    METRICS,
    Distance,
    anderberg,
    cosine,
    distance,
    distances,
    great_circle,
    hamming,
    jaccard,
)

needs_tables = pytest.mark.skipif(not features.installed(), reason="the extra 'plan' (lang2vec) is not installed")

ONE, OTHER = np.array([1, 1, 1, 0, 0, 0, 0.0]), np.array([1, 0, 0, 1, 0, 0, 0.0])  # a 1, b 2, c 1, d 3
bits = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=12)


def test_metrics_equal_hand_counts() -> None:
    assert hamming(ONE, OTHER) == pytest.approx(3 / 7)
    assert jaccard(ONE, OTHER) == pytest.approx(3 / 4)
    assert cosine(ONE, OTHER) == pytest.approx(1 - 1 / np.sqrt(6))
    # joint: 2 + 3 + 1 + 3 = 9; margins: 5 + 4 = 9: neither tells anything of the other.
    assert anderberg(ONE, OTHER) == 0.5
    assert great_circle(np.array([1, 0, 0.0]), np.array([0, 1, 0.0])) == pytest.approx(0.5)
    assert great_circle(np.array([1, 0, 0.0]), np.array([-1, 0, 0.0])) == pytest.approx(1)


@pytest.mark.parametrize("name", METRICS)
@given(pair=bits.flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))))
def test_metrics_are_bounded_symmetric_and_zero_on_equals(name: str, pair: tuple[list[float], list[float]]) -> None:
    metric, one, other = METRICS[name], np.array(pair[0]), np.array(pair[1])
    assert 0 <= metric(one, other) <= 1
    assert metric(one, other) == pytest.approx(metric(other, one))
    assert metric(one, one) == pytest.approx(0)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_grow_with_every_value_that_comes_to_differ(name: str) -> None:
    metric, n = METRICS[name], 6
    for ones in range(n + 1):
        one = np.array([1.0] * ones + [0.0] * (n - ones))
        for other in itertools.product((0.0, 1.0), repeat=n):
            before = metric(one, np.array(other))
            for i in np.flatnonzero(one == np.array(other)):
                further = np.array(other)
                further[i] = 1 - further[i]
                assert metric(one, further) >= before - 1e-12


@given(st.floats(0, 3.14), st.floats(0, 3.14))
def test_the_great_circle_is_the_angle(angle: float, turn: float) -> None:
    one = np.array([np.cos(turn), np.sin(turn), 0])
    other = np.array([np.cos(turn + angle), np.sin(turn + angle), 0])
    assert great_circle(one, other) == pytest.approx(angle / np.pi, abs=1e-9)


@needs_tables
@pytest.mark.parametrize("kind", DISTANCES)
def test_matrices_are_distances(kind: Distance) -> None:
    codes = ["eng", "deu", "spa", "rus", "tur", "yor", "x-mine"]
    found = distances(codes, kind)
    assert np.array_equal(found, found.T, equal_nan=True)
    assert np.array_equal(np.diag(found), np.zeros(7))
    assert np.isnan(found[6, :6]).all()
    assert (found[:6, :6] >= 0).all()
    assert (found[:6, :6] <= 1).all()
    assert found[0, 1] == pytest.approx(distance("en", "de", kind))
    assert distance("eng", "x-mine", kind) is None


@needs_tables
def test_near_languages_are_near() -> None:
    def far(one: str, other: str, kind: Distance) -> float:
        found = distance(one, other, kind)
        assert found is not None
        return found

    assert far("eng", "deu", "syntactic") < far("eng", "spa", "syntactic") < far("eng", "tur", "syntactic")
    assert far("tur", "hun", "morphological") < far("tur", "eng", "morphological")
    assert far("eng", "deu", "genetic") < far("eng", "rus", "genetic") < far("eng", "tur", "genetic") == 1
    assert far("eng", "fra", "geographic") * HALF_GLOBE_KM < 1000 < far("eng", "jpn", "geographic") * HALF_GLOBE_KM


@needs_tables
def test_a_metric_that_is_not_there_is_named() -> None:
    assert distance("eng", "deu", "syntactic", metric="anderberg") is not None
    with pytest.raises(ValueError, match="'inner'"):
        distance("eng", "deu", "syntactic", metric="inner")
    with pytest.raises(ValueError, match="geographic"):
        distance("eng", "deu", "geographic", metric="hamming")

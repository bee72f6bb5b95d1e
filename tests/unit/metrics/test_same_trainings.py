"""Differences between two ways of asking the very same trainings."""

from __future__ import annotations

import numpy as np
import pytest

from isogloss.metrics.crossed import Sample, crossed_interval


def test_what_seeds_have_in_common_does_not_count_against_a_difference_between_two_uses_of_them() -> None:
    drawn = np.random.default_rng(0)
    items_R = drawn.normal(0, 0.01, 500)
    seeds_S = np.array([0.4, 0.6, 0.8])  # far apart, but alike on both sides
    one = Sample(points_S=seeds_S, draws_SR=seeds_S[:, None] + items_R, items=500)
    other = Sample(points_S=seeds_S - 0.05, draws_SR=seeds_S[:, None] - 0.05 + 0.5 * items_R, items=500)
    apart = crossed_interval(one, other)
    together = crossed_interval(one.less(other))
    assert apart[0] < 0 < apart[1]
    assert 0 < together[0] < 0.05 < together[1]
    assert together[1] - together[0] < (apart[1] - apart[0]) / 10
    assert one.less(other).point == pytest.approx(0.05)


def test_as_many_seeds_are_needed_on_both_sides() -> None:
    one = Sample(points_S=np.zeros(2), draws_SR=np.zeros((2, 9)), items=9)
    with pytest.raises(ValueError, match="2 seeds cannot be paired with 3"):
        one.less(Sample(points_S=np.zeros(3), draws_SR=np.zeros((3, 9)), items=9))

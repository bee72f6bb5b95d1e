"""Sparsemax against its definition: the nearest point of the simplex."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.transplant.sparsemax import sparsemax


def dense(scores: torch.Tensor, most: int = 128) -> torch.Tensor:
    places, shares = sparsemax(scores, most=most)
    return torch.zeros_like(scores).scatter_(1, places, shares)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 50), st.sampled_from([0.01, 0.3, 1.0, 20.0]), st.sampled_from([1, 3, 64]))
def test_it_is_the_nearest_point_of_the_simplex(seed: int, size: int, scale: float, most: int) -> None:
    scores = scale * torch.randn(5, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    shares = dense(scores, most)
    assert (shares >= 0).all()
    assert torch.allclose(shares.sum(1), torch.ones(5).double(), atol=1e-12)
    # Optimal if and only if one threshold makes all of it: p = max(z - t, 0).
    for z, p in zip(scores, shares, strict=True):
        threshold = (z - p)[p > 0]
        assert torch.allclose(threshold, threshold[:1].expand_as(threshold), atol=1e-10)
        assert (z[p == 0] <= threshold[0] + 1e-10).all()


def test_equal_scores_share_and_a_large_one_takes_all() -> None:
    assert torch.allclose(dense(torch.zeros(1, 300)), torch.full((1, 300), 1 / 300))
    assert dense(torch.tensor([[0.1, 2.0, 0.9]])).tolist() == [[0.0, 1.0, 0.0]]

"""Batches and rates, written out before the training begins."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.train.schedule import linear_rate, plan_batches, snapshot_steps

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=200)


@given(lengths=LENGTHS, epochs=st.integers(1, 3), size=st.integers(1, 20), seed=st.integers(0, 9))
def test_every_row_comes_once_an_epoch(lengths: list[int], epochs: int, size: int, seed: int) -> None:
    plan = plan_batches(lengths, epochs=epochs, batch_size=size, seed=seed)
    assert Counter(row for batch in plan for row in batch) == dict.fromkeys(range(len(lengths)), epochs)
    assert max(map(len, plan)) <= size
    per_epoch = len(plan) // epochs
    assert sorted(row for batch in plan[:per_epoch] for row in batch) == list(range(len(lengths)))


@given(lengths=LENGTHS, tokens=st.integers(1, 300), seed=st.integers(0, 9))
def test_a_batch_holds_no_more_pieces_than_the_budget(lengths: list[int], tokens: int, seed: int) -> None:
    plan = plan_batches(lengths, epochs=1, batch_size=16, batch_tokens=tokens, seed=seed)
    assert sorted(row for batch in plan for row in batch) == list(range(len(lengths)))
    for batch in plan:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens


def test_batches_hold_rows_of_like_length() -> None:
    lengths = [1 + i * 37 % 100 for i in range(800)]

    def padded(plan: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[row] for row in batch) for batch in plan)

    grouped = plan_batches(lengths, epochs=1, batch_size=16)
    assert padded(grouped) < 1.1 * sum(lengths)
    assert padded([list(range(i, i + 16)) for i in range(0, 800, 16)]) > 1.5 * sum(lengths)


def test_the_seed_is_the_order() -> None:
    lengths = list(range(1, 100))
    assert plan_batches(lengths, epochs=2, batch_size=8, seed=3) == plan_batches(
        lengths, epochs=2, batch_size=8, seed=3
    )
    assert plan_batches(lengths, epochs=2, batch_size=8, seed=3) != plan_batches(
        lengths, epochs=2, batch_size=8, seed=4
    )
    one, other = (plan_batches(lengths, epochs=2, batch_size=8)[part] for part in (slice(0, 13), slice(13, 26)))
    assert one != other


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
def test_the_rate_is_that_of_transformers(warmup: float) -> None:
    import math

    import torch
    from transformers import get_linear_schedule_with_warmup

    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = get_linear_schedule_with_warmup(optimiser, math.ceil(37 * warmup), 37)
    factor = linear_rate(37, warmup)
    for update in range(37):
        assert factor(update) == pytest.approx(theirs.get_last_lr()[0])
        assert linear_rate(37, warmup, start=5)(update) == factor(update + 5)
        optimiser.step()
        theirs.step()


@given(steps=st.integers(1, 500), most=st.integers(1, 12))
def test_snapshots_are_spread_and_the_last_is_the_end(steps: int, most: int) -> None:
    marks = sorted(snapshot_steps(steps, most))
    assert marks[-1] == steps
    assert marks[0] > 0
    assert len(marks) == min(steps, most)
    gaps = [b - a for a, b in zip([0, *marks], marks, strict=False)]
    assert max(gaps) - min(gaps) <= 1

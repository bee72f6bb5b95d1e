"""A checkpoint is whole, or it is not used."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isogloss.train.checkpoints import KEPT, Checkpoints, State


def state(step: int) -> State:
    generator = torch.Generator().manual_seed(step)
    weights = {"a": torch.randn(4, 3, generator=generator), "b": torch.arange(step)}
    return State(
        phase=1, step=step, steps=9, snapshots={step: "abc"}, history=[{"step": step, "loss": 0.5}],
        tensors={"weights": weights, "generators": {"torch": torch.random.get_rng_state()}},
    )  # fmt: skip


def equal(one: State, other: State) -> bool:
    facts = [(s.phase, s.step, s.steps, dict(s.snapshots), s.history, sorted(s.tensors)) for s in (one, other)]
    return facts[0] == facts[1] and all(
        torch.equal(tensor, other.tensors[kind][name])
        for kind, tensors in one.tensors.items()
        for name, tensor in tensors.items()
    )


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def kept(tmp_path: Path, said: list[str]) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoints", said.append)


def test_what_was_saved_is_read(kept: Checkpoints) -> None:
    assert kept.latest() is None
    kept.save(state(3))
    found = kept.latest()
    assert found is not None
    assert equal(found, state(3))
    assert not found.finished
    assert kept.latest(lambda s: s.step != 3) is None


def test_the_newest_comes_first_and_the_oldest_goes(kept: Checkpoints) -> None:
    for step in (2, 10, 9):
        kept.save(state(step))
    found = kept.latest()
    assert found is not None
    assert found.step == 10
    assert len(list(kept.folder.iterdir())) == KEPT


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), cut=st.booleans())
def test_a_damaged_one_is_noticed_and_the_one_before_it_serves(
    kept: Checkpoints, said: list[str], seed: int, cut: bool
) -> None:
    """Any file of it, cut at any place or with any one bit turned over."""
    chance = random.Random(seed)
    kept.save(state(4))
    kept.save(state(5))
    path = chance.choice(sorted((kept.folder / "phase-01-step-00000005").iterdir()))
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    if cut:
        content = content[:at]
    else:
        content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    said.clear()
    found = kept.latest()
    assert found is not None
    assert equal(found, state(4))
    assert said == ["The checkpoint phase-01-step-00000005 is damaged: it is passed over."]


def test_one_that_was_being_written_is_none(kept: Checkpoints) -> None:
    kept.save(state(4))
    (kept.folder / "phase-01-step-00000004").rename(kept.folder / ".phase-01-step-00000004")
    assert kept.latest() is None
    kept.save(state(4))
    assert kept.latest() is not None

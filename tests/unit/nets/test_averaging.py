"""The identities of averaging (Free Lunch): what must hold whatever was trained."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.swa_utils import AveragedModel

from isogloss.nets.averaging import RunningMean

State = dict[str, torch.Tensor]


def states(count: int, seed: int = 0) -> list[State]:
    generator = torch.Generator().manual_seed(seed)
    return [
        {"body": torch.randn(5, 3, generator=generator), "head": torch.randn(3, generator=generator)}
        for _ in range(count)
    ]


def mean_of(items: list[State]) -> State:
    mean = RunningMean()
    for item in items:
        mean.add(item)
    return mean.result()


def same(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_of_one_is_itself() -> None:
    (only,) = states(1)
    assert same(mean_of([only]), only)


@given(count=st.integers(2, 12), seed=st.integers(0, 99))
def test_of_equal_ones_is_each_of_them_bit_for_bit(count: int, seed: int) -> None:
    (only,) = states(1, seed)
    assert same(mean_of([only] * count), only)


@given(count=st.integers(1, 12), seed=st.integers(0, 99))
def test_is_the_mean(count: int, seed: int) -> None:
    items = states(count, seed)
    expected = torch.stack([item["body"].double() for item in items]).mean(0)
    assert torch.allclose(mean_of(items)["body"].double(), expected, atol=1e-6)


def test_is_what_torch_averages() -> None:
    items, network = states(7), torch.nn.ParameterDict(states(1)[0])
    theirs = AveragedModel(network)
    for item in items:
        network.load_state_dict(item)
        theirs.update_parameters(network)
    for name, value in mean_of(items).items():
        assert torch.allclose(value, theirs.module[name], atol=1e-7, rtol=0)


@given(order=st.permutations(range(6)))
def test_order_does_not_matter(order: list[int]) -> None:
    items = states(6)
    one, other = mean_of(items), mean_of([items[i] for i in order])
    assert all(torch.allclose(one[name], other[name], atol=1e-6, rtol=0) for name in one)


def test_of_linear_models_predicts_the_mean_of_their_predictions() -> None:
    items, inputs = states(5), torch.randn(4, 5)
    mean = mean_of(items)

    def predict(item: State) -> torch.Tensor:
        return inputs @ item["body"] + item["head"]

    assert torch.allclose(predict(mean), torch.stack([predict(item) for item in items]).mean(0), atol=1e-5)


def test_counters_are_left_as_they_are() -> None:
    items = [{"steps": torch.tensor([3 + i, 7]), "weight": torch.ones(2) * i} for i in range(4)]
    mean = mean_of(items)
    assert mean["steps"].tolist() == [3, 7]
    assert mean["steps"].dtype == torch.int64
    assert mean["weight"].tolist() == [1.5, 1.5]


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_full(kind: torch.dtype) -> None:
    """In half precision, 2048 + 1 is 2048: summed there, the ones would be lost."""
    items = [{"weight": torch.tensor([2048.0 if i == 0 else 1.0], dtype=kind)} for i in range(8)]
    mean = mean_of(items)["weight"]
    assert mean.dtype == kind
    assert mean.item() == torch.tensor([(2048 + 7) / 8], dtype=kind).item()


def test_it_keeps_no_hold_on_what_it_was_given() -> None:
    first = states(1)[0]
    mean = RunningMean()
    mean.add(first)
    first["body"].zero_()
    assert mean.result()["body"].abs().sum() > 0


def test_other_weights_are_refused() -> None:
    mean = RunningMean()
    mean.add(states(1)[0])
    with pytest.raises(ValueError, match="different weights: head"):
        mean.add({"body": torch.zeros(5, 3)})

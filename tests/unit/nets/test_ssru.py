"""The network of the embedded translator: one pass over a translation is all its steps, padding is nothing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.nets.ssru import SsruTranslator

VOCABULARY = 11


def network(seed: int = 0) -> SsruTranslator:
    torch.manual_seed(seed)
    made = SsruTranslator(vocabulary=VOCABULARY, width=8, heads=2, inner=12, encoder_layers=2, decoder_layers=2)
    torch.nn.init.normal_(made.output_bias)
    return made.double().eval().requires_grad_(False)


@pytest.fixture(scope="module", autouse=True)
def double() -> object:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def there(*lengths: int) -> torch.Tensor:
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@given(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=7), st.integers(0, 3))
@settings(deadline=None)
def test_reading_a_translation_is_stepping_through_it(pieces: list[int], seed: int) -> None:
    net, source = network(seed), torch.tensor([[3, 1, 4, 1, 5]])
    memory = net.encode(source, there(5))
    states, weights = net.read(torch.tensor([pieces]), memory)
    cells = net.begin(memory)
    for time in range(len(pieces) + 1):
        logits, cells = net.step(torch.tensor([[pieces[time - 1]]]) if time else None, time, cells, memory)
        torch.testing.assert_close(net.logits(states[:, time]), logits[:, 0])
    torch.testing.assert_close(weights.sum(2), torch.ones(1, len(pieces) + 1))


def test_padding_changes_nothing() -> None:
    net = network()
    target = torch.tensor([[2, 7, 1, 8], [2, 8, 0, 0]])
    both = net.encode(torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 0, 0]]), there(5, 3))
    alone = net.encode(torch.tensor([[9, 2, 6]]), there(3))
    states, weights = net.read(target, both)
    states_alone, weights_alone = net.read(target[1:, :2], alone)
    torch.testing.assert_close(states[1:, :3], states_alone)
    torch.testing.assert_close(weights[1:, :3, :3], weights_alone)
    assert not weights[1, :, 3:].any()
    assert not torch.allclose(states[:1, :3], states_alone)


def test_a_selected_sentence_is_that_sentence() -> None:
    net = network()
    memory = net.encode(torch.tensor([[3, 1, 4], [1, 5, 9]]), there(3, 3)).select(torch.tensor([1, 0, 1]))
    logits, cells = net.step(None, 0, net.begin(memory), memory)
    assert torch.equal(logits[0], logits[2])
    assert cells.shape == (2, 3, 1, 8)
    alone = net.encode(torch.tensor([[1, 5, 9]]), there(3))
    torch.testing.assert_close(logits[:1], net.step(None, 0, net.begin(alone), alone)[0])


def test_a_shut_forget_gate_remembers_nothing() -> None:
    layer = network().decoder[0]
    layer.forget.weight.zero_()
    layer.forget.bias.fill_(-1e3)
    states = torch.randn(1, 4, 8)
    torch.testing.assert_close(layer.cells(states, None), layer.candidate(states))
    layer.forget.bias.fill_(1e3)
    assert not layer.cells(states, None).any()
    before = torch.randn(1, 4, 8)
    torch.testing.assert_close(layer.cells(states, before), before)

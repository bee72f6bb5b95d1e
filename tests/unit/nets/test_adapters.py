"""Adapters: what a network computes with them, that it is itself again after them, and how big they are."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_networks import NAMES, answers, batch, network, state
from torch import nn

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.adapters import ACTIVATIONS, Adapter, Coupling, layer_norms, split
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.nets.pieces import network_fingerprint
from isogloss.nets.seen_rows import seen_rows
from isogloss.train.pretraining import masked_logits


def learnt(model: nn.Module, seed: int = 1, **settings: Any) -> Adapter:
    """An adapter as if it had learnt something."""
    piece = Adapter.fresh(model, **({"reduction": 4} | settings))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in piece.weights.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return piece


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["MaskedLM", "SequenceClassification", "TokenClassification", "Model"])
def test_a_fresh_adapter_changes_nothing_and_leaves_nothing(name: str, head: str) -> None:
    model = network(name, head)
    before, expected = state(model), answers(model)
    names = [name for name, _ in model.named_parameters()]
    piece = Adapter.fresh(model, reduction=4, invertible=True)
    with piece.within(model):
        within = answers(model)
        assert network_fingerprint(model) == piece.network
        assert [name for name, _ in model.named_parameters() if "adapters." not in name] == names
        assert network_fingerprint(model) == Adapter.fresh(model).network
    # The coupling cuts vectors into halves and joins them: no sum is made in another order.
    assert torch.equal(within, expected)
    assert state(model) == before
    assert torch.equal(answers(model), expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_learnt_adapter_changes_the_answer_and_leaves_nothing(name: str) -> None:
    model = network(name)
    model.base_model.encoder.layer[0].requires_grad_(False)
    before, expected = state(model), answers(model)
    with suppress(ZeroDivisionError), learnt(model, invertible=True).within(model):
        changed = answers(model)
        model.requires_grad_(False)
        raise ZeroDivisionError
    assert not torch.allclose(changed, expected, atol=1e-2)
    assert state(model) == before
    assert torch.equal(answers(model), expected)


def naive_layer(layer: Any, states_BTD: torch.Tensor, stack: list[tuple[Adapter, int]]) -> torch.Tensor:
    """A layer of BERT written out, with adapters as AdapterHub's Pfeiffer configuration has them (no mask)."""
    attended_BTD = layer.attention(states_BTD, None)[0]
    hidden_BTD = layer.output.dense(layer.intermediate(attended_BTD))
    for piece, number in stack:
        residual_BTD = hidden_BTD  # residual_before_ln
        normed_BTD = layer.output.LayerNorm(hidden_BTD + attended_BTD)  # original_ln_before
        bottleneck: Any = piece.weights.layers[number]
        inner = ACTIVATIONS[piece.activation](normed_BTD @ bottleneck.down.weight.T + bottleneck.down.bias)
        hidden_BTD = residual_BTD + inner @ bottleneck.up.weight.T + bottleneck.up.bias
    normed: torch.Tensor = layer.output.LayerNorm(hidden_BTD + attended_BTD)  # original_ln_after
    return normed


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_a_stack_is_pfeiffers_in_the_order_of_putting_in(activation: Any) -> None:
    model = network("Bert", "Model")
    first, second = (learnt(model, seed, activation=activation) for seed in (1, 2))
    ids_BT = batch(model)["input_ids"]
    with torch.no_grad():
        naive_BTD, other_BTD = model.embeddings(ids_BT), model.embeddings(ids_BT)
        for number, layer in enumerate(model.encoder.layer):
            naive_BTD = naive_layer(layer, naive_BTD, [(first, number), (second, number)])
            other_BTD = naive_layer(layer, other_BTD, [(second, number), (first, number)])
        with first.within(model), second.within(model):
            found_BTD = model(ids_BT)[0]
    assert (found_BTD - naive_BTD).abs().max() < 1e-5
    assert (found_BTD - other_BTD).abs().max() > 1e-3


def test_the_coupling_acts_on_word_vectors_and_is_undone_before_the_last_layer() -> None:
    model = network("XLMRoberta", num_hidden_layers=1)
    piece = learnt(model, invertible=True)
    coupling: Any = piece.weights.invertible
    seen: list[torch.Tensor] = []
    decoder = model.get_output_embeddings()
    inputs = batch(model)
    with torch.no_grad(), piece.within(model):
        handle = decoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        vectors_BTE = model.base_model.embeddings(inputs["input_ids"])
        logits_BTV = model(**inputs).logits
        handle.remove()
    with torch.no_grad():
        plain_BTE = model.base_model.embeddings(inputs["input_ids"])
        assert torch.equal(vectors_BTE, coupling(plain_BTE))
        assert (coupling.inverse(vectors_BTE) - plain_BTE).abs().max() < 1e-5
        assert torch.equal(logits_BTV, decoder(seen[0]))
        halves = plain_BTE.chunk(2, -1)
        one = halves[0] + coupling.f(halves[1])
        assert torch.equal(vectors_BTE, torch.cat([one, halves[1] + coupling.g(one)], -1))


def test_of_two_couplings_the_last_is_undone_first() -> None:
    """With a head that hands the states on, all that couplings do to the word vectors is undone."""
    model = network("Bert")
    first, second = (learnt(model, seed, invertible=True) for seed in (1, 2))
    caught: list[torch.Tensor] = []
    states = torch.randn(2, 3, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), first.within(model), second.within(model):
        forth = second.weights.forth(first.weights.forth(states))
        handle = model.get_output_embeddings().register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        model.get_output_embeddings()(forth)
        handle.remove()
    assert (caught[0] - states).abs().max() < 1e-5


@given(seed=st.integers(0, 999), half=st.integers(1, 9), size=st.floats(0.1, 3.0))
@settings(max_examples=30, deadline=None)
def test_the_coupling_is_undone(seed: int, half: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    coupling = Coupling(2 * half, 3, "relu")
    with torch.no_grad():
        for parameter in coupling.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
        vectors = torch.randn(4, 2 * half, generator=generator) * size
        assert (coupling.inverse(coupling(vectors)) - vectors).abs().max() < 1e-5


@pytest.mark.parametrize(("reduction", "bottlenecks", "couplings"), [(16, 894_528, 37_680), (2, 7_091_712, 296_064)])
@pytest.mark.parametrize("name", ["Bert", "XLMRoberta"])
def test_sizes_are_the_papers(name: str, reduction: int, bottlenecks: int, couplings: int) -> None:
    """12 layers of width 768: 0.89M weights for a task's adapter, 7.09M + 0.30M for a language's."""
    sizes = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 8}
    model = network(name, "Model", **sizes)
    assert Adapter.fresh(model, reduction=reduction).size == bottlenecks
    assert Adapter.fresh(model, reduction=reduction, invertible=True).size == bottlenecks + couplings


def test_only_what_is_picked_by_name_learns() -> None:
    model = network("MPNet", "SequenceClassification").train()
    language, task = learnt(model, invertible=True), Adapter.fresh(model, reduction=8)
    kept = language.tensors()
    before = state(model)
    with language.within(model), task.within(model):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(task.holds(name))
        own = [parameter for name, parameter in model.named_parameters() if task.holds(name)]
        assert sum(parameter.numel() for parameter in own) == task.size
        assert sum(p.numel() for name, p in model.named_parameters() if language.holds(name)) == language.size
        optimizer = torch.optim.SGD(own, lr=0.5)
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss = model(**batch(model), labels=torch.tensor([0, 1, 1])).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert state(model) == before
    assert all(torch.equal(language.tensors()[name], tensor) for name, tensor in kept.items())
    changed = {name: bool(tensor.any()) for name, tensor in task.tensors().items() if ".up." in name}
    assert len(changed) == 4
    assert all(changed.values())
    assert not task.holds("mpnet.adapters.1.layers.0.up.bias")  # it is out


def test_under_autocast_a_fresh_adapter_changes_nothing() -> None:
    model = network("Bert", "SequenceClassification")
    with torch.autocast("cpu", torch.bfloat16):
        expected = answers(model)
        with Adapter.fresh(model, reduction=2, invertible=True).within(model):
            assert torch.equal(answers(model), expected)


def test_a_network_in_half_precision_has_adapters_in_full() -> None:
    model = network("Bert", "Model").to(torch.bfloat16)
    piece = learnt(model, invertible=True)
    with piece.within(model):
        assert answers(model).dtype == torch.bfloat16
    assert {tensor.dtype for tensor in piece.tensors().values()} == {torch.float32}


@pytest.mark.parametrize("name", ["Bert", "XLMRoberta", "MPNet"])
def test_the_softmax_over_seen_pieces_sees_the_inverse(name: str) -> None:
    model = network(name)
    piece = learnt(model, invertible=True)
    inputs, ids_S = batch(model), torch.arange(3, 40)
    hidden_BT = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
    hidden_BT[:, 2:4] = True
    with torch.no_grad(), piece.within(model):
        whole_NV = model(**inputs).logits[hidden_BT]
    with seen_rows(model, ids_S), torch.no_grad(), piece.within(model):
        some_NS = masked_logits(model, inputs, hidden_BT, ids_S)
    assert (some_NS - whole_NV[:, 3:]).abs().max() < 1e-4


def test_the_averaging_layer_has_no_adapter() -> None:
    model = network("XLMRoberta", "SequenceClassification")
    piece = learnt(model)
    append_mean_pooling(model.base_model)
    assert len(layer_norms(model)) == 2 == len(piece.weights.layers)
    assert Adapter.fresh(model).network == piece.network
    piece.check(model)
    averaging: Any = model.base_model.encoder.layer[-1]
    expected = answers(model)
    with torch.no_grad(), piece.within(model):
        states = model.base_model(**batch(model), output_hidden_states=True).hidden_states
        mask_B11T = batch(model)["attention_mask"][:, None, None].bool()
        assert torch.equal(states[-1], averaging(states[-2], mask_B11T))
        assert not torch.equal(answers(model), expected)


def pair(model: nn.Module, *, both: bool = True) -> tuple[Adapter, Adapter]:
    return learnt(model, 1, invertible=True), learnt(model, 2, invertible=both)


@pytest.mark.parametrize("name", ["Bert", "XLMRoberta", "MPNet"])
@pytest.mark.parametrize("both", [True, False])
def test_a_row_of_one_language_is_that_languages(name: str, both: bool) -> None:
    model = network(name)
    before = state(model)
    first, second = pair(model, both=both)
    with first.within(model):
        all_first = answers(model)
    with second.within(model):
        all_second = answers(model)
    assert not torch.equal(all_first, all_second)
    for fill, expected in ((0, all_first), (1, all_second)):
        with split(first, second, model=model, second_BT=torch.full((3, 7), fill)):
            assert torch.equal(answers(model), expected)
    assert state(model) == before


def test_each_token_goes_through_its_own_languages_adapter() -> None:
    """In one layer tokens differ by their own adapter alone, once what attention reads is held fixed."""
    model = network("Bert", "Model", num_hidden_layers=1)
    first, second = pair(model)
    second_BT = batch(model)["input_ids"] % 2 == 1
    assert 0 < second_BT.sum() < second_BT.numel()
    with torch.no_grad(), split(first, second, model=model, second_BT=second_BT):
        mixed_BTD, states = (out := model(**batch(model), output_hidden_states=True))[0], out.hidden_states
        vectors_BTE = states[0]
    with torch.no_grad():
        plain_BTE = model.embeddings(batch(model)["input_ids"])
        by_own = torch.where(second_BT[..., None], second.weights.forth(plain_BTE), first.weights.forth(plain_BTE))
        assert torch.equal(vectors_BTE, by_own)  # the invertible part too is each token's own
        attended = model.encoder.layer[0].attention(vectors_BTE, batch(model)["attention_mask"][:, None, None].bool())[
            0
        ]
        output = model.encoder.layer[0].output
        sum_BTD = output.dense(model.encoder.layer[0].intermediate(attended)) + attended
        normed_BTD = output.LayerNorm(sum_BTD)
        own_BTD = torch.stack(
            [
                torch.stack(
                    [
                        (second if second_BT[b, t] else first).weights.added(0, normed_BTD[b, t])
                        for t in range(second_BT.shape[1])
                    ]
                )
                for b in range(second_BT.shape[0])
            ]
        )
        assert (mixed_BTD - output.LayerNorm(sum_BTD + own_BTD)).abs().max() < 1e-5


def test_a_task_goes_over_two_languages_in_a_row() -> None:
    model = network("Bert", "SequenceClassification")
    (first, second), task = pair(model), learnt(model, 5)
    with split(first, second, model=model, second_BT=torch.zeros(3, 7)), task.within(model):
        mixed = answers(model)
        assert {number for number in ("0", "1", "2") if number in model.base_model.adapters} == {"0", "1", "2"}
    with first.within(model), task.within(model):
        assert torch.equal(answers(model), mixed)


def test_languages_told_for_another_batch_are_refused() -> None:
    model = network("Bert")
    before = state(model)
    with pytest.raises(RecipeError, match="batch has the shape"), split(
        *pair(model), model=model, second_BT=torch.zeros(3, 6)
    ):  # fmt: skip
        answers(model)
    assert state(model) == before


def wider(model: Any) -> Any:
    return network(hidden_size=32)


def deeper(model: Any) -> Any:
    return network(num_hidden_layers=3)


def other(model: Any) -> Any:
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.base_model.encoder.layer[1].output.dense.bias[3] += 1e-3
    return changed


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (wider, "The adapter was made for a network of width 16, this one has 32"),
        (deeper, "The adapter was made for a network of 2 layers, this one has 3"),
        (other, "The piece was learnt in another network than this one"),
    ],
)
def test_another_network_is_refused(change: Callable[[Any], Any], sentence: str) -> None:
    piece = Adapter.fresh(network(), reduction=4, invertible=True)
    piece.check(network())
    with pytest.raises(ResourceError, match=sentence):
        piece.check(change(network()))


def test_word_vectors_of_another_width_are_refused() -> None:
    piece = Adapter.fresh(network("Electra", embedding_size=8), reduction=2, invertible=True)
    assert piece.tensors()["invertible.f.up.weight"].shape == (4, 2)
    with pytest.raises(ResourceError, match="word vectors of width 8, this one has 16"):
        piece.check(network("Electra"))
    narrow = network("Electra", embedding_size=8)
    with learnt(narrow, reduction=2, invertible=True).within(narrow):
        assert answers(narrow).shape == (3, 7, 40)


@pytest.mark.parametrize("reduction", [0, -1, 17])
def test_no_width_is_left(reduction: int) -> None:
    with pytest.raises(RecipeError, match="cannot be narrowed"):
        Adapter.fresh(network(), reduction=reduction)
    with pytest.raises(RecipeError, match="between 1 and 8"):
        Adapter.fresh(network(), reduction=16, invertible=True)


def test_other_shapes_are_refused() -> None:
    from transformers import DistilBertConfig, DistilBertModel

    model = DistilBertModel(DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=8, vocab_size=9))
    with pytest.raises(RecipeError, match="BERT, RoBERTa"):
        Adapter.fresh(model)


def test_it_is_put_in_once() -> None:
    model = network()
    piece = Adapter.fresh(model, reduction=4)
    before = state(model)
    with piece.within(model), pytest.raises(RecipeError, match="in a network already"):
        piece.within(model).__enter__()
    assert state(model) == before
    with piece.within(model):  # out again, it can be put in again
        assert piece.holds("bert.adapters.0.layers.1.down.weight")


def test_fresh_weights_are_the_generators() -> None:
    model = network()
    one, two = (Adapter.fresh(model, reduction=4, generator=torch.Generator().manual_seed(7)) for _ in range(2))
    assert all(torch.equal(one.tensors()[name], tensor) for name, tensor in two.tensors().items())
    torch.manual_seed(7)
    by_torch = Adapter.fresh(model, reduction=4)
    assert torch.equal(by_torch.tensors()["layers.0.down.weight"], one.tensors()["layers.0.down.weight"])
    assert one.tensors()["layers.0.down.weight"].any()

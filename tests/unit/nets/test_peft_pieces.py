"""LoRA, IA3 and prompts: what a network computes with them, and that it is itself again after them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_networks import NAMES, answers, batch, network, state

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.adapters import Adapter, layers_of
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.nets.peft_pieces import IA3, LoRA, linear_shapes
from isogloss.nets.pieces import Piece, network_fingerprint
from isogloss.nets.prompts import Prompt
from isogloss.train.batching import longest_input

pytest.importorskip("peft")

FRESH: dict[str, Callable[[Any], Any]] = {
    "lora": lambda model: LoRA.fresh(model, rank=2),
    "ia3": IA3.fresh,
    "prompt": lambda model: Prompt.fresh(model, vectors=3),
}


def stirred(piece: Piece, seed: int = 1) -> Any:
    """A piece as if it had learnt something: all its weights moved."""
    generator = torch.Generator().manual_seed(seed)
    moved = {
        name: tensor + 0.3 * torch.randn(tensor.shape, generator=generator) for name, tensor in piece.tensors().items()
    }
    other = type(piece).of(moved, piece.settings())
    other.network = piece.network
    return other


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["MaskedLM", "SequenceClassification", "TokenClassification", "Model"])
@pytest.mark.parametrize("kind", ["lora", "ia3"])
def test_a_fresh_one_changes_nothing_and_leaves_nothing(kind: str, name: str, head: str) -> None:
    model = network(name, head)
    before, expected = state(model), answers(model)
    piece = FRESH[kind](model)
    with piece.within(model):
        assert state(model) != before
        assert torch.equal(answers(model), expected)
        assert network_fingerprint(model) == piece.network
    assert state(model) == before
    assert torch.equal(answers(model), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", FRESH)
def test_a_learnt_one_changes_the_answer_and_leaves_nothing(kind: str, name: str) -> None:
    model = network(name, "TokenClassification")
    model.base_model.encoder.layer[1].requires_grad_(False)
    before, expected = state(model), answers(model)
    piece = stirred(FRESH[kind](model))
    with suppress(ZeroDivisionError), piece.within(model):
        changed = answers(model)
        assert network_fingerprint(model) == piece.network
        model.requires_grad_(False)
        raise ZeroDivisionError
    assert changed.shape == expected.shape
    assert not torch.allclose(changed, expected, atol=1e-3)
    assert state(model) == before
    assert torch.equal(answers(model), expected)


def with_weights(model: Any, change: Callable[[str, Any, Any], None], piece: Any) -> torch.Tensor:
    """The answer of a copy of the network whose own weights are changed, layer by layer."""
    changed = copy.deepcopy(model)
    with torch.no_grad():
        for name, layer in piece.layers.items():
            change(name, changed.base_model.get_submodule(name), layer)
    return answers(changed)


@pytest.mark.parametrize("name", ["Bert", "XLMRoberta", "MPNet"])
def test_lora_adds_low_rank_products(name: str) -> None:
    def change(_: str, linear: Any, layer: Any) -> None:
        linear.weight += 16 / 2 * layer.lora_B["default"].weight @ layer.lora_A["default"].weight

    model = network(name, "SequenceClassification")
    piece = stirred(LoRA.fresh(model, rank=2, alpha=16))
    assert piece.size == 2 * 2 * (16 * 2 + 2 * 16)  # of two layers, queries and values
    with piece.within(model):
        assert (
            answers(model) - with_weights(network(name, "SequenceClassification"), change, piece)
        ).abs().max() < 1e-5


@pytest.mark.parametrize("name", ["Bert", "XLMRoberta", "MPNet"])
def test_ia3_scales_keys_values_and_inner_states(name: str) -> None:
    def change(place: str, linear: Any, layer: Any) -> None:
        scales = layer.ia3_l["default"]
        linear.weight *= scales
        if ".attention." in place:
            linear.bias *= scales.squeeze(1)

    model = network(name, "SequenceClassification")
    piece = stirred(IA3.fresh(model))
    assert piece.size == 2 * (16 + 16 + 24)
    with piece.within(model):
        assert (
            answers(model) - with_weights(network(name, "SequenceClassification"), change, piece)
        ).abs().max() < 1e-5


def test_two_of_a_kind_add_up_and_are_told_apart() -> None:
    model = network("Bert", "SequenceClassification")
    before = state(model)
    first, second = (stirred(LoRA.fresh(model, rank=2), seed) for seed in (1, 2))
    together = LoRA.fresh(model, rank=4, alpha=32)  # the same weight for every column of the two
    layer: Any
    for name, layer in together.layers.items():
        one, two = (piece.layers[name] for piece in (first, second))
        with torch.no_grad():
            layer.lora_A["default"].weight.copy_(
                torch.cat([one.lora_A["default"].weight, two.lora_A["default"].weight])
            )
            layer.lora_B["default"].weight.copy_(
                torch.cat([one.lora_B["default"].weight, two.lora_B["default"].weight], 1)
            )
    with together.within(model):
        expected = answers(model)
    with first.within(model), second.within(model):
        assert (answers(model) - expected).abs().max() < 1e-5
        own = [[name for name, _ in model.named_parameters() if piece.holds(name)] for piece in (first, second)]
        assert len(own[0]) == len(own[1]) == 8
        assert not set(own[0]) & set(own[1])
    assert state(model) == before


@pytest.mark.parametrize("kind", FRESH)
def test_only_what_is_picked_by_name_learns(kind: str) -> None:
    model = network("XLMRoberta", "SequenceClassification").train()
    language, piece = Adapter.fresh(model, reduction=4, invertible=True), FRESH[kind](model)
    before, kept, start = state(model), language.tensors(), piece.tensors()
    with language.within(model), piece.within(model):
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(piece.holds(name))
        own = [parameter for parameter in model.parameters() if parameter.requires_grad]
        assert sum(parameter.numel() for parameter in own) == piece.size
        optimizer = torch.optim.SGD(own, lr=0.5)
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss = model(**batch(model), labels=torch.tensor([0, 1, 1])).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert state(model) == before
    assert all(torch.equal(language.tensors()[name], tensor) for name, tensor in kept.items())
    moved = {name: not torch.equal(piece.tensors()[name], tensor) for name, tensor in start.items()}
    assert all(moved.values())
    assert all(tensor.dtype == torch.float32 for tensor in piece.tensors().values())


@pytest.mark.parametrize("kind", FRESH)
def test_the_averaging_layer_is_left_alone(kind: str) -> None:
    model = network("XLMRoberta", "SequenceClassification")
    piece = stirred(FRESH[kind](model))
    append_mean_pooling(model.base_model)
    before, expected = state(model), answers(model)
    assert len(layers_of(model)) == 2
    assert not any("layer.2" in name for name in linear_shapes(model, ("query", "feed-forward")))
    piece.check(model)
    with piece.within(model):
        assert not torch.allclose(answers(model), expected, atol=1e-4)
    assert state(model) == before


def by_hand(model: Any, piece: Prompt, head: str) -> torch.Tensor:
    """The network's answer where the vectors are given as the word vectors that they stand for."""
    inputs, base, k = batch(model), model.base_model, piece.count
    vectors_BKD = piece.tensors()["vectors"].expand(3, k, -1)
    text_BTD = base.get_input_embeddings()(inputs["input_ids"])
    mask_BT = torch.cat([torch.ones(3, k, dtype=torch.long), inputs["attention_mask"]], 1)
    states_BTD = base(inputs_embeds=torch.cat([vectors_BKD, text_BTD], 1), attention_mask=mask_BT)[0][:, k:]
    if head == "Model":
        given: torch.Tensor = states_BTD
    elif head == "TokenClassification":
        given = model.classifier(states_BTD)
    elif base.pooler is not None if hasattr(base, "pooler") else False:
        given = model.classifier(base.pooler(states_BTD))
    else:
        given = model.classifier(states_BTD)
    return given


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification", "Model"])
def test_a_prompt_is_read_as_words_before_the_text(name: str, head: str) -> None:
    model = network(name, head)
    piece = Prompt.fresh(model, vectors=3)
    table = model.base_model.get_input_embeddings().weight
    assert all((table == vector).all(1).any() for vector in piece.tensors()["vectors"])  # of words, to begin with
    piece = stirred(piece)
    before, shape = state(model), answers(model).shape
    with torch.no_grad():
        expected = by_hand(model, piece, head)
    with piece.within(model):
        found = answers(model)
    assert found.shape == shape
    assert (found - expected).abs().max() < 1e-5
    assert state(model) == before


def test_words_as_a_prompt_are_words() -> None:
    """Vectors equal to those of words give what the words give, at their positions, with types, padding and all."""
    model = network("Bert", "Model")
    piece = Prompt.fresh(model, vectors=3)
    words_K = torch.tensor([7, 9, 11])
    with torch.no_grad():
        piece.vectors.embedding.weight.copy_(model.get_input_embeddings().weight[words_K])
    given = batch(model) | {"token_type_ids": (torch.arange(7) > 3).long().expand(3, 7)}
    longer = {
        "input_ids": torch.cat([words_K.expand(3, 3), given["input_ids"]], 1),
        "attention_mask": torch.cat([torch.ones(3, 3).long(), given["attention_mask"]], 1),
        "token_type_ids": torch.cat([torch.zeros(3, 3).long(), given["token_type_ids"]], 1),
    }
    with torch.no_grad():
        expected = model(**longer)[0][:, 3:]
        with piece.within(model):
            out = model(given["input_ids"], given["attention_mask"], token_type_ids=given["token_type_ids"],
                        output_hidden_states=True)  # fmt: skip
            placed = model(**given, position_ids=torch.arange(7)[None])[0]
    assert (out[0] - expected).abs().max() < 1e-6
    assert (placed - expected).abs().max() < 1e-6
    assert {tuple(layer.shape) for layer in out.hidden_states} == {(3, 7, 16)}


def test_a_second_prompt_stands_before_the_first() -> None:
    model = network("XLMRoberta", "Model")
    first, second = (stirred(Prompt.fresh(model, vectors=k), k) for k in (2, 3))
    both = Prompt.of({"vectors": torch.cat([second.tensors()["vectors"], first.tensors()["vectors"]])}, {})
    with both.within(model):
        expected = answers(model)
    with first.within(model), second.within(model):
        assert (answers(model) - expected).abs().max() < 1e-6


def test_padding_does_not_matter_to_a_prompt() -> None:
    model = network("XLMRoberta", "SequenceClassification")
    given = batch(model)
    alone = {name: tensor[1:2, :5] for name, tensor in given.items()}
    with torch.no_grad(), stirred(Prompt.fresh(model, vectors=3)).within(model):
        assert (model(**alone)[0] - model(**given)[0][1:2]).abs().max() < 1e-5


def test_a_prompt_leaves_room_for_the_text() -> None:
    model = network("XLMRoberta", "Model")  # 32 positions: two are not for pieces
    with pytest.raises(RecipeError, match="half or more of the 32 positions"):
        Prompt.fresh(model, vectors=16)
    before = state(model)
    with Prompt.fresh(model, vectors=15).within(model):
        assert longest_input(model, SimpleNamespace(model_max_length=512)) == 17  # type: ignore[arg-type]
        assert model(torch.full((1, 17), 5))[0].shape == (1, 17, 16)
        with pytest.raises(RecipeError, match="A text of 18 pieces leaves no room for 15 vectors"):
            model(torch.full((1, 18), 5))
    assert state(model) == before
    with pytest.raises(RecipeError, match="positions that the network has"):
        Prompt.of({"vectors": torch.zeros(16, 16)}, {}).within(model).__enter__()


@pytest.mark.parametrize(("kind", "sentence"), [
    ("lora", "is 16 to 16 wide, this one's is 32 to 32"), ("ia3", "is 16 to 16 wide, this one's is 32 to 32"),
    ("prompt", "of width 16, this one has 32"),
])  # fmt: skip
def test_another_network_is_refused(kind: str, sentence: str) -> None:
    piece = FRESH[kind](network())
    piece.check(network())
    with pytest.raises(ResourceError, match=sentence):
        piece.check(network(hidden_size=32))
    with pytest.raises(ResourceError, match="learnt in another network"):
        piece.check(network(seed=5))
    if kind != "prompt":
        with pytest.raises(ResourceError, match="layers of other names than the network's"):
            piece.check(network(num_hidden_layers=3))
        with pytest.raises(ResourceError, match="layers of other names"):
            piece.check(network("MPNet"))


@pytest.mark.parametrize("kind", FRESH)
def test_it_is_put_in_once(kind: str) -> None:
    model = network()
    piece, before = FRESH[kind](model), state(model)
    with piece.within(model), pytest.raises(RecipeError, match="in a network already"):
        piece.within(model).__enter__()
    assert state(model) == before
    with piece.within(model):
        assert any(piece.holds(name) for name, _ in model.named_parameters())
        assert not piece.holds("bert.no.such.weight")
    assert not any(piece.holds(name) for name, _ in model.named_parameters())


def test_none_of_nothing() -> None:
    model = network()
    with pytest.raises(RecipeError, match="rank 0"):
        LoRA.fresh(model, rank=0)
    with pytest.raises(RecipeError, match="0 vectors"):
        Prompt.fresh(model, vectors=0)


def test_without_peft_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isogloss.nets.peft_pieces.find_spec", lambda _: None)
    with pytest.raises(ResourceError, match="need the package peft"):
        IA3.fresh(network())

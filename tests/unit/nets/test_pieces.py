"""Pieces of every kind on the disk, in the order they are put in, and the fingerprint that they belong to."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny_networks import NAMES, answers, network, state

from isogloss.errors import ResourceError
from isogloss.nets.adapters import Adapter
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.nets.peft_pieces import IA3, LoRA
from isogloss.nets.pieces import FORMAT, Piece, check_network, kinds, load_piece, network_fingerprint, save_piece
from isogloss.nets.prompts import Prompt
from isogloss.nets.sparse_delta import SparseDelta


def delta(model: Any) -> SparseDelta:
    """Every seventh weight of the last layer changed."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    after = {name: parameter.clone() for name, parameter in before.items()}
    for name, tensor in after.items():
        if "encoder.layer.1." in name:
            tensor.view(-1)[::7] += 0.25
    piece = SparseDelta.between(before, after)
    piece.network = network_fingerprint(model)
    return piece


FRESH: dict[str, Callable[[Any], Any]] = {
    "adapter": lambda model: Adapter.fresh(model, reduction=4, invertible=True, activation="gelu"),
    "delta": delta,
    "lora": lambda model: LoRA.fresh(model, rank=2, alpha=6),
    "ia3": IA3.fresh,
    "prompt": lambda model: Prompt.fresh(model, vectors=3),
}
PEFT = pytest.mark.skipif(find_spec("peft") is None, reason="peft is not installed")
KINDS = [pytest.param(kind, marks=PEFT if kind in ("lora", "ia3", "prompt") else ()) for kind in FRESH]


def learnt(model: Any, kind: str, seed: int = 1) -> Any:
    """A piece as if it had learnt something."""
    piece = FRESH[kind](model)
    if kind == "delta":
        return piece
    generator = torch.Generator().manual_seed(seed)
    moved = {
        name: tensor + 0.3 * torch.randn(tensor.shape, generator=generator) for name, tensor in piece.tensors().items()
    }
    other = type(piece).of(moved, piece.settings())
    other.network = piece.network
    return other


def test_every_kind_is_tested_here() -> None:
    assert kinds().keys() == FRESH.keys()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Bert", "MPNet"])
def test_what_is_read_is_what_was_written(kind: str, name: str, tmp_path: Path) -> None:
    model = network(name, "SequenceClassification")
    piece = learnt(model, kind)
    piece.facts = {"text": 12, "language": "yor"}
    before, plain = state(model), answers(model)
    with piece.within(model):
        expected = answers(model)
    path = tmp_path / "somewhere" / "piece.safetensors"
    save_piece(piece, path)
    assert [file.name for file in path.parent.iterdir()] == ["piece.safetensors"]
    read = load_piece(path)
    assert type(read) is type(piece)
    assert (read.network, read.settings(), read.size) == (piece.network, piece.settings(), piece.size)
    assert read.facts == {"text": 12, "language": "yor"}
    assert read.tensors().keys() == piece.tensors().keys()
    assert all(torch.equal(read.tensors()[place], tensor) for place, tensor in piece.tensors().items())
    read.check(model)
    with read.within(model):
        assert torch.equal(answers(model), expected)
    assert not torch.equal(plain, expected)
    assert state(model) == before
    save_piece(read, path.with_name("again"))
    assert load_file(path.with_name("again")).keys() == load_file(path).keys()
    assert path.with_name("again").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_short_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "piece"
    save_piece(FRESH[kind](network()), path)
    whole = path.read_bytes()
    for length in (0, 5, 8, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ResourceError, match="damaged or cut short"):
            load_piece(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_one_of_its_tensors_is_refused(kind: str, tmp_path: Path) -> None:
    piece = FRESH[kind](network())
    card = {"kind": kind, "network": "", "settings": piece.settings(), "facts": {}}
    marks = {FORMAT: json.dumps(card)}
    tensors = piece.tensors()
    for name in list(tensors)[:3]:
        rest = {other: tensor for other, tensor in tensors.items() if other != name}
        for changed in (
            rest,
            {**rest, name: tensors[name].flatten()[:1].clone()},
            {**tensors, "foreign": torch.ones(1)},
        ):
            save_file(changed, tmp_path / "piece", metadata=marks)
            with pytest.raises(ResourceError, match="damaged or cut short"):
                load_piece(tmp_path / "piece")
    save_file({}, tmp_path / "piece", metadata=marks)
    if kind != "delta":
        with pytest.raises(ResourceError, match="damaged or cut short"):
            load_piece(tmp_path / "piece")


@pytest.mark.parametrize(
    "card",
    [
        "no json", "[]", "{}", "null", '{"kind": "adapter", "network": "", "facts": {}}',
        '{"kind": "adapter", "network": "", "settings": [], "facts": {}}',
        '{"kind": "adapter", "network": "", "settings": {"activation": "none", "reduction": 2}, "facts": {}}',
        '{"kind": "adapter", "network": "", "settings": {}, "facts": []}',
    ],
)  # fmt: skip
def test_a_card_that_is_no_card_is_refused(card: str, tmp_path: Path) -> None:
    path = tmp_path / "piece"
    tensors = Adapter.fresh(network(), reduction=4).tensors()
    save_file(tensors, path, metadata={FORMAT: card})
    with pytest.raises(ResourceError, match="damaged or cut short"):
        load_piece(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no such file"):
        load_piece(tmp_path / "piece")
    with pytest.raises(ResourceError, match="no such file"):
        load_piece(tmp_path)
    for metadata in (None, {"format": "pt"}, {"isogloss piece 2": "{}"}):
        save_file({"weight": torch.ones(2)}, tmp_path / "model.safetensors", metadata=metadata)
        with pytest.raises(ResourceError, match="holds no piece"):
            load_piece(tmp_path / "model.safetensors")
    card = {"kind": "sticker", "network": "", "settings": {}, "facts": {}}
    save_file({}, tmp_path / "new", metadata={FORMAT: json.dumps(card)})
    with pytest.raises(ResourceError, match="unknown kind 'sticker'"):
        load_piece(tmp_path / "new")


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_header_is_refused_or_read(data: st.DataObject, tmp_path: Path) -> None:
    """Whatever byte of the header is another, there is a piece or one sentence, never another error."""
    path = tmp_path / "piece"
    save_piece(Adapter.fresh(network(), reduction=8), path)
    raw = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 8 + int.from_bytes(raw[:8], "little") - 1))
    raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    with suppress(ResourceError):
        assert isinstance(load_piece(path), Piece)


@pytest.mark.parametrize(("first", "second"), [
    pytest.param(*pair, marks=PEFT if {"lora", "ia3", "prompt"} & set(pair) else ())
    for pair in [*combinations(FRESH, 2), *((kind, kind) for kind in FRESH)]
])  # fmt: skip
@pytest.mark.parametrize("turned", [False, True])
def test_pieces_are_mixed_and_leave_nothing(first: str, second: str, turned: bool) -> None:
    if turned:
        first, second = second, first
    model = network("XLMRoberta", "TokenClassification")
    before, expected = state(model), answers(model)
    one, two = learnt(model, first, 1), learnt(model, second, 2)
    if first in ("lora", "ia3") and second == "delta":  # they rename what the delta is to be added to
        with one.within(model), pytest.raises(ResourceError, match="which the network does not have"):
            two.within(model).__enter__()
        assert state(model) == before
        return
    with one.within(model):
        alone, middle = answers(model), state(model)
        with two.within(model):
            both = answers(model)
            names = [name for name, _ in model.named_parameters()]
            assert not any(one.holds(name) and two.holds(name) for name in names)
            for piece in (one, two):
                held = sum(model.get_parameter(name).numel() for name in names if piece.holds(name))
                assert held == (0 if piece.kind == "delta" else piece.size)
        assert state(model) == middle
        assert torch.equal(answers(model), alone)
    assert state(model) == before
    assert torch.equal(answers(model), expected)
    assert not torch.allclose(alone, expected, atol=1e-4)
    assert not torch.allclose(both, alone, atol=1e-4)
    assert both.shape == expected.shape


@pytest.mark.parametrize("name", NAMES)
def test_heads_the_pooler_and_the_averaging_layer_do_not_count(name: str) -> None:
    model = network(name, "SequenceClassification")
    own = network_fingerprint(model)
    assert network_fingerprint(model.base_model) == own
    with torch.no_grad():
        for place, parameter in model.named_parameters():
            if place.startswith("classifier") or ".pooler." in place:
                parameter.add_(1)
    assert network_fingerprint(model) == own
    if name != "MPNet":
        append_mean_pooling(model.base_model)
        assert network_fingerprint(model) == own


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_every_weight_of_the_body_counts(data: st.DataObject) -> None:
    model = network("Bert", "Model")
    own = network_fingerprint(model)
    places = [place for place, _ in model.named_parameters() if not place.startswith("pooler.")]
    parameter = model.get_parameter(data.draw(st.sampled_from(places)))
    index = data.draw(st.integers(0, parameter.numel() - 1))
    with torch.no_grad():
        parameter.view(-1)[index] += 0.5
    assert network_fingerprint(model) != own


@pytest.mark.parametrize("kind", [param for param in KINDS if param.values[0] != "delta"])
def test_the_fingerprint_is_that_of_the_network_without_the_piece(kind: str) -> None:
    model = network("XLMRoberta", "TokenClassification")
    own = network_fingerprint(model)
    piece = learnt(model, kind)
    assert piece.network == own
    with piece.within(model), learnt(model, kind, 2).within(model):
        assert network_fingerprint(model) == own
        piece.check(model)


def test_a_piece_of_an_unknown_network_is_not_checked() -> None:
    piece = Adapter.fresh(network(), reduction=4)
    piece.network = ""
    check_network(piece, network(seed=9))
    piece.check(network(seed=9))

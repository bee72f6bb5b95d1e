"""Fusion of a text and its translation: what must be exactly true of it, whatever the weights are."""

from __future__ import annotations

import itertools
from copy import deepcopy
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from isogloss.nets import fusion as module
from isogloss.nets.fusion import PairReader, fused, fused_layers, remember, remembered, task_depth
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.nets.pointing import logits_of

CONFIGS = {"bert": BertConfig, "roberta": RobertaConfig, "xlm-roberta": XLMRobertaConfig}
HEADS = {
    "classes": AutoModelForSequenceClassification,
    "tokens": AutoModelForTokenClassification,
    "answers": AutoModelForQuestionAnswering,
}
LAYERS = 3
CUTS = list(itertools.product(range(LAYERS + 1), range(LAYERS + 2)))
KINDS = [
    ("bert", "classes", "eager"), ("bert", "answers", "sdpa"), ("roberta", "tokens", "eager"),
    ("roberta", "classes", "sdpa"), ("xlm-roberta", "tokens", "sdpa"), ("xlm-roberta", "answers", "eager"),
    ("bert-mean", "classes", "eager"), ("xlm-roberta-mean", "classes", "sdpa"),
]  # fmt: skip
PAD = 1


@cache
def network(kind: tuple[str, str, str]) -> Any:
    shape, head, attention = kind
    torch.manual_seed(0)
    config = CONFIGS[shape.removesuffix("-mean")](
        vocab_size=50,
        hidden_size=16,
        num_hidden_layers=LAYERS,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
        pad_token_id=PAD,
        initializer_range=0.5,
        num_labels=2 if head == "answers" else 3,
    )
    model = HEADS[head].from_config(config, attn_implementation=attention).eval()
    if not shape.endswith("-mean"):
        return model.double()
    append_mean_pooling(model.base_model)  # which computes in fp32
    return model


@pytest.fixture(params=KINDS, ids="-".join)
def model(request: pytest.FixtureRequest) -> Any:
    return network(request.param)


def texts(seed: int, lengths: tuple[int, ...], width: int | None = None) -> dict[str, torch.Tensor]:
    """Random texts of some lengths, padded to a width."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.full((len(lengths), width or max(lengths)), PAD)
    for row, length in zip(ids, lengths, strict=True):
        row[:length] = torch.randint(2, 50, (length,), generator=generator)
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}


def plain(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    return logits_of(model(**inputs))


def same(found: torch.Tensor, expected: torch.Tensor, inputs: dict[str, torch.Tensor]) -> bool:
    """Equal wherever a piece stands."""
    if found.ndim == 3:
        read = inputs["attention_mask"][:, : found.shape[1]].bool()
        found, expected = found[read], expected[:, : read.shape[1]][read]
    return torch.allclose(found, expected, rtol=0, atol=1e-9 if found.dtype == torch.float64 else 1e-5)


TARGET, SOURCE = texts(1, (7, 4, 5)), texts(2, (3, 9, 6))


@torch.no_grad()
def test_a_text_read_with_itself_is_the_text_read_alone(model: Any) -> None:
    expected = plain(model, TARGET)
    for local, fusion in CUTS:
        for side in fused(model, TARGET, TARGET, local=local, fusion=fusion):
            assert same(side, expected, TARGET), (local, fusion)


@torch.no_grad()
def test_the_order_of_the_sides_does_not_matter(model: Any) -> None:
    for local, fusion in CUTS:
        target, source = fused(model, TARGET, SOURCE, local=local, fusion=fusion)
        swapped = fused(model, SOURCE, TARGET, local=local, fusion=fusion)
        assert same(target, swapped[1], TARGET)
        assert same(source, swapped[0], SOURCE)


@torch.no_grad()
@pytest.mark.parametrize(("local", "fusion"), [(0, 0), (1, 0), (LAYERS, 5)])
def test_without_a_fusion_layer_it_is_the_plain_encoder(model: Any, local: int, fusion: int) -> None:
    target, source = fused(model, TARGET, SOURCE, local=local, fusion=fusion)
    assert same(target, plain(model, TARGET), TARGET)
    assert same(source, plain(model, SOURCE), SOURCE)


@torch.no_grad()
def test_with_a_fusion_layer_it_is_not(model: Any) -> None:
    target, source = fused(model, TARGET, SOURCE, local=1, fusion=1)
    assert not same(target, plain(model, TARGET), TARGET)
    assert not same(source, plain(model, SOURCE), SOURCE)
    assert not same(target, fused(model, TARGET, SOURCE, local=1, fusion=2)[0], TARGET)


@torch.no_grad()
def test_without_the_keys_of_the_other_side_it_is_the_plain_encoder(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def apart(mask: torch.Tensor) -> torch.Tensor:
        keys = torch.cat(mask[:, 0, 0].chunk(2), dim=1)
        read = keys if keys.dtype == torch.bool else keys >= 0
        width = read.shape[1] // 2
        own = torch.block_diag(torch.ones(width, width), torch.ones(width, width)).bool()
        open_ = read[:, None, None] & own
        return open_ if mask.dtype == torch.bool else torch.zeros(open_.shape).to(mask).masked_fill(~open_, -1e30)

    monkeypatch.setattr(module, "joint_mask", apart)
    target, source = fused(model, TARGET, SOURCE, local=1, fusion=2)
    assert same(target, plain(model, TARGET), TARGET)
    assert same(source, plain(model, SOURCE), SOURCE)


@torch.no_grad()
@pytest.mark.parametrize("widths", [(None, 15), (15, None), (20, 12)])
def test_padding_changes_nothing(model: Any, widths: tuple[int | None, int | None]) -> None:
    expected = fused(model, TARGET, SOURCE, local=1, fusion=1)
    wide = texts(1, (7, 4, 5), widths[0]), texts(2, (3, 9, 6), widths[1])
    found = fused(model, *wide, local=1, fusion=1)
    assert same(found[0][:, :7], expected[0], TARGET)
    assert same(found[1][:, :9], expected[1], SOURCE)
    if expected[0].ndim == 3:
        assert [side.shape[1] for side in found] == [widths[0] or 7, widths[1] or 9]


@torch.no_grad()
def test_pairs_do_not_see_each_other_nor_what_stands_in_the_padding(model: Any) -> None:
    target, source = fused(model, TARGET, SOURCE, local=0, fusion=3)
    for row in range(3):
        one = [{name: value[row : row + 1] for name, value in side.items()} for side in (TARGET, SOURCE)]
        alone = fused(model, *one, local=0, fusion=3)
        assert same(alone[0], target[row : row + 1], one[0])
        assert same(alone[1], source[row : row + 1], one[1])
    soiled = {**SOURCE, "input_ids": SOURCE["input_ids"].masked_fill(SOURCE["attention_mask"] == 0, 0)}
    reader = PairReader(model, local=0, fusion=3)
    found = reader(**TARGET, **{f"source_{name}": value for name, value in soiled.items()}).logits
    assert same(found, target, TARGET)


def test_the_layers_are_as_they_were_afterwards(model: Any) -> None:
    def broken() -> None:
        with fused_layers(model, local=0, fusion=9):
            assert sum("forward" in vars(layer) for layer in model.base_model.encoder.layer) == task_depth(model)
            raise KeyError

    with pytest.raises(KeyError):
        broken()
    assert task_depth(model) == LAYERS
    assert not any("forward" in vars(layer) for layer in model.base_model.encoder.layer)


def test_the_config_remembers_how_pairs_are_read(model: Any, tmp_path: Any) -> None:
    assert remembered(model.config) is None
    told = SimpleNamespace(config=deepcopy(model.config))
    remember(told, local=1, fusion=2, source=("eng",))  # type: ignore[arg-type]
    told.config.save_pretrained(tmp_path)
    again = type(model.config).from_pretrained(tmp_path)
    assert remembered(again) == {"local": 1, "fusion": 2, "source": ["eng"]}

"""The averaging layer: what it computes, that it never learns, that it survives the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest

import isogloss
from isogloss import Backbone, Problem, Recipe
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.nets.mean_pooling import (
    append_mean_pooling,
    averaging_layer,
    has_mean_pooling,
    supports_mean_pooling,
)

TEXTS = ["the girl saw the bread", "a", "my uncle carried the heavy hammer " * 4, "我喜欢红色的面包"]


@pytest.fixture
def backbone(tiny_backbone: Path, tmp_path: Path) -> Backbone:
    """The tiny encoder with the file by which sentence encoders say that they pool by the mean."""
    import shutil

    folder = shutil.copytree(tiny_backbone, tmp_path / "mean")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    return Backbone.load(str(folder))


@pytest.fixture
def model(backbone: Backbone, tiny_problem: Callable[..., Problem]) -> Any:
    return backbone.model(tiny_problem("classification").task).eval()


def hidden_states(model: Any, backbone: Backbone, texts: list[str]) -> tuple[Any, Any, Any]:
    """States before (B x T x H) and after the averaging layer, and the mask (B x T)."""
    import torch

    batch = backbone.tokenizer()(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model.base_model(**batch, output_hidden_states=True).hidden_states
    return states[-2], states[-1], batch["attention_mask"]


def test_the_first_state_is_the_normalised_mean(model: Any, backbone: Backbone) -> None:
    import torch

    before_BTH, after_BTH, mask_BT = hidden_states(model, backbone, TEXTS)
    assert mask_BT.sum(1).min() < mask_BT.sum(1).max()  # a batch with padding
    mask_BT1 = mask_BT.unsqueeze(-1)
    mean_BH = (before_BTH * mask_BT1).sum(1) / mask_BT1.sum(1)
    expected_BH = torch.nn.functional.layer_norm(mean_BH, mean_BH.shape[-1:], eps=1e-12)
    assert (after_BTH[:, 0] - expected_BH).abs().max() < 1e-3


def test_padding_changes_nothing(model: Any, backbone: Backbone) -> None:
    together = hidden_states(model, backbone, TEXTS)[1][:, 0]
    for text, row_H in zip(TEXTS, together, strict=True):
        alone = hidden_states(model, backbone, [text])[1][0, 0]
        assert (alone - row_H).abs().max() < 1e-4


def test_without_the_layer_the_first_state_is_another(model: Any, backbone: Backbone) -> None:
    before_BTH, after_BTH, _ = hidden_states(model, backbone, TEXTS)
    assert (before_BTH[:, 0] - after_BTH[:, 0]).abs().max() > 0.1


@pytest.mark.parametrize("model_type", ["bert", "roberta", "xlm-roberta", "camembert", "electra"])
def test_it_fits_every_architecture_that_is_named(model_type: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = AutoConfig.for_model(
        model_type, vocab_size=50, max_position_embeddings=40, pad_token_id=1, embedding_size=16, **sizes
    )
    torch.manual_seed(0)
    encoder = AutoModel.from_config(config).eval()
    assert supports_mean_pooling(encoder)
    assert averaging_layer(encoder) == []
    inputs = torch.tensor([[5, 6, 7, 8], [9, 10, 1, 1]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    with torch.no_grad():
        before = encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
        append_mean_pooling(encoder)
        after = encoder(input_ids=inputs, attention_mask=mask).last_hidden_state[:, 0]
    mean = torch.stack([before[0].mean(0), before[1, :2].mean(0)])
    assert (after - torch.nn.functional.layer_norm(mean, (16,), eps=1e-12)).abs().max() < 1e-3
    assert has_mean_pooling(encoder)
    assert encoder.config.num_hidden_layers == 3


@pytest.mark.parametrize("trains", ["all", "body", "head"])
def test_it_is_frozen_whatever_trains(model: Any, trains: Literal["all", "body", "head"]) -> None:
    from isogloss.train.phases import choose_trainable

    choose_trainable(model, trains)
    layer = averaging_layer(model.base_model)
    assert len(layer) == 16
    assert not any(parameter.requires_grad for parameter in layer)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {"classifier.weight", "bert.pooler.dense.weight"} <= trained
    assert ("bert.encoder.layer.1.output.dense.weight" in trained) == (trains != "head")
    assert ("bert.embeddings.word_embeddings.weight" in trained) == (trains == "all")


@pytest.mark.parametrize("trains", ["all", "body", "head"])
def test_training_leaves_it_as_it_was_and_the_disk_keeps_it(
    backbone: Backbone, tiny_problem: Callable[..., Problem], trains: Any, tmp_path: Path
) -> None:
    import torch

    from isogloss import System

    problem = tiny_problem("classification")
    fresh = backbone.model(problem.task)
    before = [parameter.clone() for parameter in averaging_layer(fresh.base_model)]
    recipe = Recipe(name="a", objective=CrossEntropy(trains=trains, epochs=2, min_steps=0, learning_rate=1e-2))
    system, _ = isogloss.transfer(problem, recipe, backbone=backbone.id, precision="fp32")
    system.save_pretrained(tmp_path / "saved")
    loaded = System.from_pretrained(tmp_path / "saved")
    for trained in (system, loaded):
        assert trained.base is not None
        assert has_mean_pooling(trained.base.model.base_model)
        assert trained.base.model.config.num_hidden_layers == 3
        after = averaging_layer(trained.base.model.base_model)
        assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert loaded.predict(TEXTS) == system.predict(TEXTS)


def test_it_is_not_appended_twice(
    backbone: Backbone, model: Any, tiny_problem: Callable[..., Problem], tmp_path: Path
) -> None:
    import shutil

    model.base_model.save_pretrained(tmp_path / "again")
    backbone.tokenizer().save_pretrained(tmp_path / "again")
    shutil.copytree(Path(backbone.path) / "1_Pooling", tmp_path / "again" / "1_Pooling")
    again = Backbone.load(str(tmp_path / "again")).model(tiny_problem("classification").task)
    assert again.config.num_hidden_layers == 3


@pytest.mark.parametrize("kind", ["spans", "words"])
def test_tagging_reads_every_token_and_has_none(
    kind: str, backbone: Backbone, tiny_problem: Callable[..., Problem]
) -> None:
    assert averaging_layer(backbone.model(tiny_problem(kind).task).base_model) == []


def test_an_encoder_that_says_nothing_pools_by_its_first_token(tiny_backbone: Path) -> None:
    assert Backbone.load(str(tiny_backbone)).pooling == "first"

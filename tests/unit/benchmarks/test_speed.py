"""The race's pure functions: what counts of a run, pairs and ratios, the operations of a training example."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification

from isogloss.nets.mean_pooling import append_mean_pooling

ROOT = Path(__file__).resolve().parents[3]


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.replace("/", "_").removesuffix(".py"), ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


figures = load("benchmarks/speed/figures.py")
floor = load("benchmarks/speed/floor.py")
tables = load("docs/tables.py")


@pytest.mark.parametrize(
    ("total", "per_epoch", "first"),
    [(132, 44, 44), (20, 5, 10), (18, 4, 12), (44, 44, 10), (20, 10, 10), (10, 5, 0), (3, 3, 0), (11, 6, 10)],
)
def test_counting_begins_with_an_epoch_where_one_is_left(total: int, per_epoch: int, first: int) -> None:
    assert figures.first_counted(total, per_epoch) == first


def updates(epochs: int, per_epoch: int, *, pause: float) -> list[dict[str, float]]:
    """Updates of half a second, a tenth of which is collation; ``pause`` seconds between two epochs."""
    made, clock = [], 7.0
    for i in range(epochs * per_epoch):
        clock += 0.1 if i % per_epoch else pause
        made.append({"start": clock, "end": clock + 0.4, "rows": 16, "pieces": 300, "cells": 400})
        clock += 0.4
    return made


def test_speeds_leave_out_what_happens_between_epochs() -> None:
    for pause in (0.0, 60.0):
        found = figures.speeds(updates(3, 10, pause=pause), 10)
        assert found["counted_updates"] == [10, 30]
        assert found["update_seconds"] == pytest.approx(3 * (0.4 + 9 * 0.5))
        assert found["examples_per_second"] == pytest.approx(16 * 20 / (2 * (0.4 + 9 * 0.5)))
        assert found["pieces_per_second"] == pytest.approx(300 * 20 / (2 * (0.4 + 9 * 0.5)))
        assert found["padding_share"] == pytest.approx(0.25)


def test_the_best_rate_is_the_smallest_of_equals() -> None:
    assert figures.best_rate({"2e-4": 0.9, "5e-5": 0.8, "1e-4": 0.9}) == "1e-4"
    assert figures.best_rate({"2e-4": 0.9, "5e-5": 0.8}) == "2e-4"


def test_every_side_begins_once_in_as_many_rounds() -> None:
    orders = [figures.rotated("abcd", turn) for turn in range(5)]
    assert orders[:3] == [["a", "b", "c", "d"], ["b", "c", "d", "a"], ["c", "d", "a", "b"]]
    assert orders[4] == orders[0]


def row(side: str, seed: int, seconds: float) -> dict[str, Any]:
    return {"side": side, "seed": seed, "seconds": seconds}


def test_ratios_are_taken_within_a_seed_whatever_the_order() -> None:
    rows = [row("x", 1, 2.0), row("y", 2, 10.0), row("y", 1, 4.0), row("x", 2, 20.0), row("z", 3, 1.0)]
    found = figures.ratios(rows, "x", "y", ["seconds"])["seconds"]
    assert found == {"by_seed": {"1": 0.5, "2": 2.0}, "min": 0.5, "median": 1.25, "max": 2.0}
    assert figures.medians(rows, ["seconds"])["y"] == {"seconds": 7.0}


def test_a_seed_without_its_pair_is_an_error() -> None:
    with pytest.raises(ValueError, match="the same seeds"):
        figures.ratios([row("x", 1, 2.0), row("y", 2, 1.0)], "x", "y", ["seconds"])


@pytest.mark.parametrize("embeddings_train", [True, False])
@pytest.mark.parametrize("mean_pooling", [True, False])
def test_operations_are_those_that_torch_counts(embeddings_train: bool, mean_pooling: bool) -> None:
    shape = {"hidden": 16, "ffn": 40, "layers": 3, "labels": 5}
    config = BertConfig(
        vocab_size=30, hidden_size=16, intermediate_size=40, num_hidden_layers=3, num_attention_heads=2, num_labels=5
    )
    config._attn_implementation = "eager"  # the fused kernel of processors is not in torch's counter
    model = BertForSequenceClassification(config)
    if mean_pooling:  # which takes no matrix products
        append_mean_pooling(model.base_model)
    model.base_model.embeddings.requires_grad_(embeddings_train)
    with FlopCounterMode(display=False) as counter:
        model(input_ids=torch.arange(11)[None], labels=torch.tensor([2])).loss.backward()
    expected = floor.operations(11, **shape, embeddings_train=embeddings_train)
    assert counter.get_total_flops() == expected


def test_shares_are_measured_against_the_rate_of_the_side_s_own_format() -> None:
    shape = {"hidden": 8, "ffn": 16, "layers": 1, "labels": 2}
    how = {"embeddings_train": True}
    work = (floor.operations(3, **shape, **how) + floor.operations(9, **shape, **how)) / 2
    facts = how | {"examples_per_second": 10.0}
    sides = {"slow": facts | {"precision": "fp32"}, "fast": facts | {"precision": "bf16"}}
    found = floor.shares([3, 9], shape, sides, {"fp32": {"layer": work * 20}, "bf16": {"layer": work * 40}})
    assert found["slow"]["share_of_matrix_rate"] == pytest.approx(0.5)
    assert found["fast"]["share_of_matrix_rate"] == pytest.approx(0.25)
    assert found["fast"]["floor_seconds_per_example"] == pytest.approx(1 / 40)


def test_the_results_page_takes_engines_with_gaps(tmp_path: Path) -> None:
    assert tables.speed(tmp_path) == []
    (tmp_path / "inference.json").write_text('{"engines": {"torch": {"texts_per_second": 12.34}}}')
    assert tables.speed(tmp_path)[-2] == "| torch | 12.3 | - | - | - | - | - | - | - |"

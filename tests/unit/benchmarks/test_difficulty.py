"""The benchmark of difficulty splits, on invented sentences and a tiny random encoder."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from isogloss import Backbone
from isogloss.evaluation.familiarity import label_mentions

ROOT = Path(__file__).resolve().parents[3]
WORDS = {"ai": [("net", "task"), ("ann", "person")], "music": [("hymn", "song"), ("ann", "person")],
         "politics": [("vote", "election"), ("rome", "country")]}  # fmt: skip
SPLITS = {"easy": ("person", "country"), "medium": ("song",), "hard": ("election",)}


def embed(names: Any) -> np.ndarray:
    """Each name its own direction, not quite apart from the others."""
    known = sorted({label for row in WORDS.values() for _, label in row})
    return np.eye(len(known))[[known.index(name) for name in names]] + 0.1


@pytest.fixture
def difficulty(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    place = ROOT / "benchmarks" / "open-labels" / "difficulty.py"
    spec = importlib.util.spec_from_file_location("difficulty", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "difficulty", module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(difficulty: ModuleType, tmp_path: Path) -> Any:
    for domain, words in WORDS.items():
        place = tmp_path / "data" / "ner" / "crossner" / domain
        place.mkdir(parents=True)
        for split in ("train", "test"):
            (one, first), (two, second) = words
            block = f"{split}\tO\nsaw\tO\n{one}\tI-{first}\nand\tO\n{two}\tB-{second}\n\nwe\tO\n{two}\tB-{second}\n\n"
            (place / f"{split}.txt").write_text(block, encoding="utf-8")
    size = difficulty.Size(train=2, test=2, epochs=1, batch=3, seeds=(1, 2))
    return difficulty.Bench(tmp_path / "data", size, tmp_path, SPLITS)


def test_a_split_is_taken_away_or_is_all_there_is(bench: Any) -> None:
    known = {row: set(label_mentions(bench.training(row).train["eng"])) for row in ("all", "without-easy", "only-easy")}
    assert known["all"] == {"task", "person", "song", "election", "country"}
    assert known["without-easy"] == {"task", "song", "election"}
    assert known["only-easy"] == {"person", "country"}
    assert len(bench.training("only-easy").train["eng"]) == 4  # AI's persons are not among them
    asked = bench.questions("without-easy")["easy"].test["eng-x-asked"]
    assert len(asked) == 6
    assert set(label_mentions(asked)) == set(SPLITS["easy"])


def test_names_are_turned_round_and_nothing_else(difficulty: ModuleType) -> None:
    said = [[[0, 1, "a"], [2, 3, "c"]], []]
    assert difficulty.turned(said, ["a", "b", "c"], 1) == [[[0, 1, "b"], [2, 3, "a"]], []]
    assert difficulty.turned(said, ["a", "b", "c"], 3) == said
    assert difficulty.kept(said, ["a"]) == [[[0, 1, "a"]], []]


def test_the_right_names_are_better_than_turned_ones(difficulty: ModuleType, bench: Any) -> None:
    question = bench.questions("without-easy")["easy"]
    gold = [
        [[*span] for span in question.task.marked(row.fields)["text"].spans] for row in question.test["eng-x-asked"]
    ]
    found = difficulty.beside_shuffled(question, {1: gold, 2: gold}, SPLITS["easy"])
    assert found["span_f1"] == 1
    assert found["shuffled"]["span_f1"] == 0
    assert found["less_shuffled"]["delta"] == 1


def test_rows_are_kept_and_summed_up(
    difficulty: ModuleType, bench: Any, tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = Backbone.load(str(tiny_backbone))
    for row in ("without-easy", "direct", "only-hard"):
        bench.do(row, 1, backbone)
    assert not any((bench.work / "runs").iterdir())
    result = json.loads(json.dumps(difficulty.summarise(bench, embed)))
    assert {row: facts["seeds"] for row, facts in result["rows"].items()} == {
        "without-easy": [1], "direct": [1], "only-hard": [1],
    }  # fmt: skip
    easy = result["held_out"]["easy"]
    assert easy["mentions"] == {"person": 4, "country": 2}
    assert list(easy["open"]) == [str(t) for t in difficulty.THRESHOLDS]
    assert 0 < easy["familiarity"]["value"] < 1
    assert easy["direct"]["by_seed"].keys() == {"1"}
    assert result["held_out"]["hard"]["open"] == {}
    assert list(result["only"]) == ["hard"]
    assert list(result["all"]) == ["direct"]
    assert result["all_less"] == {}
    (tmp_path / "difficulty.json").write_text(json.dumps(result), encoding="utf-8")
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    page = importlib.import_module("open_label_tables").open_labels(tmp_path / "difficulty.json")
    assert [line.split(" | ")[1] for line in page if line.startswith("| **easy**")] == ["6"]
    assert sum(line.startswith("|  |") for line in page) == 2 * (len(difficulty.THRESHOLDS) - 1)


@pytest.mark.parametrize("threshold", [0.5, 0.001])
def test_open_systems_are_asked_at_a_threshold(
    difficulty: ModuleType, bench: Any, threshold: float, untrained: Any
) -> None:
    from isogloss.tasks import OpenTagging

    system = untrained(OpenTagging(labels=("song",), metric="span_f1", widest=3, size=4))
    question = bench.questions("without-easy")["easy"]
    found = difficulty.asked(system, question, SPLITS["easy"], threshold, None)
    assert any(found) == (threshold < 0.5)
    assert {label for answer in found for *_, label in answer} <= set(SPLITS["easy"])

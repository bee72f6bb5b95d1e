from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isogloss.errors import DataError
from isogloss.planning.matrix import Cell, TransferMatrix

GOOD: dict[str, Any] = {"source": "en", "target": "yor", "task": "classification", "scores": {"1": 0.5, "2": 0.7}}


def written(folder: Path, cells: list[Any], **more: Any) -> Path:
    path = folder / "matrix.json"
    path.write_text(json.dumps({"schema": 1, "cells": cells, **more}), encoding="utf-8")
    return path


def run(folder: Path, name: str, *source: str, **changes: Any) -> None:
    scores = {lang: {"accuracy": 0.6, "n": 9, "ci95": {}, "by_seed": {"1": {"accuracy": 0.6, "macro_f1": 0.2}}}
              for lang in ("eng", "yor", "rus")}  # fmt: skip
    report = {"source": source, "regime": "zero-shot", "recipe": "direct", "backbone": {"id": "tiny"},
              "metric": "accuracy", "task": "classification", "scores": scores} | changes  # fmt: skip
    (folder / name).mkdir(parents=True)
    (folder / name / "report.json").write_text(json.dumps(report), encoding="utf-8")


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    cell = Cell(source="eng", target="yor", task="pair", scores={1: 0.5}, metric="accuracy", distances={"script": 0.1})
    matrix = TransferMatrix(cells=(cell,), about={"backbone": "tiny"})
    matrix.write(tmp_path / "m.json")
    assert TransferMatrix.read(tmp_path / "m.json") == matrix


def test_codes_become_canonical_and_seeds_are_averaged(tmp_path: Path) -> None:
    (cell,) = TransferMatrix.read(written(tmp_path, [GOOD])).cells
    assert (cell.source, cell.target, cell.examples) == ("eng", "yor", 0)
    assert cell.score == pytest.approx(0.6)


def test_diagonal_and_few_shot_are_no_zero_shot_transfer(tmp_path: Path) -> None:
    rows = [GOOD, {**GOOD, "target": "eng"}, {**GOOD, "examples": 10}, {**GOOD, "examples": 50}]
    matrix = TransferMatrix.read(written(tmp_path, rows))
    assert len(matrix.zero_shot()) == 1
    assert matrix.curves() == [([0, 0, 10, 10, 50, 50], [0.5, 0.7, 0.5, 0.7, 0.5, 0.7])]
    assert matrix.of_task("tagging").cells == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"source": ""}, "no source"),
        ({"target": 3}, "no target"),
        ({"task": None}, "no task"),
        ({"scores": {}}, "no scores"),
        ({"scores": {"1": 71.5}}, "between 0 and 1"),
        ({"scores": {"1": True}}, "between 0 and 1"),
        ({"scores": {"one": 0.5}}, "seed"),
        ({"distances": {"wings": 0.1}}, "script"),
        ({"examples": -1}, "examples"),
        ({"source": "a b"}, "language code"),
    ],
)
def test_a_wrong_cell_is_one_sentence(tmp_path: Path, change: dict[str, Any], word: str) -> None:
    with pytest.raises(DataError, match=word):
        TransferMatrix.read(written(tmp_path, [{**GOOD, **change}]))


@pytest.mark.parametrize("content", ["", "[1]", '{"schema": 2, "cells": []}', '{"schema": 1}', "\udc80"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError, match=r"m\.json"):
        TransferMatrix.read(tmp_path / "m.json")
    with pytest.raises(DataError, match="no such file"):
        TransferMatrix.read(tmp_path / "none.json")


def test_the_same_cell_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="twice"):
        TransferMatrix.read(written(tmp_path, [GOOD, {**GOOD, "source": "eng"}]))


def test_runs_make_a_matrix(tmp_path: Path) -> None:
    run(tmp_path, "a", "eng")
    run(tmp_path, "b", "rus")
    run(tmp_path, "c", "yor", regime="few-shot")
    matrix = TransferMatrix.read(tmp_path)
    assert {(cell.source, cell.target) for cell in matrix.zero_shot()} == {
        ("eng", "yor"), ("eng", "rus"), ("rus", "eng"), ("rus", "yor"),
    }  # fmt: skip
    made = {"recipe": "direct", "backbone": "tiny", "metric": "accuracy"}
    assert matrix.about == made | {"left_out": ["c (few-shot)"]}
    run(tmp_path, "d", "yor", recipe="filter")
    with pytest.raises(DataError, match=r"\(direct, tiny, accuracy: a, b; filter, tiny, accuracy: d\)"):
        TransferMatrix.read(tmp_path)


def test_what_is_no_transfer_on_the_task_is_left_out_and_named(tmp_path: Path) -> None:
    run(tmp_path, "a", "eng")
    run(tmp_path, "cmp/direct", "rus", task="tagging", recipe="other")
    run(tmp_path, "two", "eng", "yor")
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "report.json").write_text('{"rows": []}')
    matrix = TransferMatrix.read(tmp_path, task="classification")
    assert {cell.source for cell in matrix.cells} == {"eng"}
    assert matrix.about["left_out"] == [
        "board (no report of a run)", "cmp/direct (task tagging)", "two (several sources)",
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"on span is in it; left out: a, two \(task classif"):
        TransferMatrix.read(tmp_path, task="span")


def test_two_runs_of_one_pair_are_named(tmp_path: Path) -> None:
    run(tmp_path, "a", "eng")
    run(tmp_path, "b2", "eng")
    with pytest.raises(DataError, match=r"measured by two runs \(a, b2\)"):
        TransferMatrix.read(tmp_path)


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No zero-shot run"):
        TransferMatrix.read(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(DataError, match=r"left out: .*no report of a run"):
        TransferMatrix.read(tmp_path)


def test_gains_are_paired_by_seed() -> None:
    def cell(examples: int, scores: dict[int, float], target: str = "yor") -> Cell:
        return Cell(source="eng", target=target, task="pair", scores=scores, examples=examples)

    cells = (
        cell(0, {1: 0.5, 2: 0.9}),
        cell(10, {2: 0.8}),
        cell(50, {1: 0.6, 2: 1.0}),
        cell(0, {1: 0.4}, "hau"),
        cell(50, {1: 0.3}, "hau"),
        cell(50, {1: 0.9}, "ibo"),
        cell(100, {3: 0.9}),
    )
    gained = TransferMatrix(cells=cells).gained()
    assert list(gained) == [10, 50]
    assert gained[10] == pytest.approx([-0.1])
    assert gained[50] == pytest.approx([0.1, -0.1])

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from isogloss.languages import features

MINE = str.maketrans("eo", "ao")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Runs of three characters in place of an encoder's pieces, and no matrix of the package."""
    monkeypatch.setattr(import_module("isogloss.commands.plan"), "_pieces", lambda backbone: None)
    monkeypatch.setattr(import_module("isogloss.planning.planner"), "PERMUTATIONS", 49)
    monkeypatch.setattr(import_module("isogloss.planning.shipped"), "FOLDER", tmp_path / "no matrices")
    monkeypatch.setattr(import_module("isogloss.commands.plan"), "_unread", lambda texts, backbone: False)


@pytest.fixture
def unlisted(problem: Path) -> Path:
    """The problem with a target that no data base knows, and 200 lines of its text."""
    settings = problem / "problem.toml"
    settings.write_text(settings.read_text().replace('"swa"', '"swa", "x-mine"'))
    (problem / "unlabelled").mkdir(exist_ok=True)
    english = [json.loads(line)["text"] for line in (problem / "train" / "eng.jsonl").read_text().splitlines()]
    texts = {"swa": ["mchezaji alifunga bao la ushindi"], "x-mine": [line.translate(MINE) for line in english]}
    for code, lines in texts.items():
        text = "".join(f"{lines[i % len(lines)]}\n" for i in range(200))
        (problem / "unlabelled" / f"{code}.txt").write_text(text, encoding="utf-8")
    return problem


def test_an_unlisted_language_is_ranked_by_its_text(isogloss: Any, unlisted: Path) -> None:
    done = isogloss("plan", unlisted)
    assert done.code == 0
    assert "200 lines of its text" in done.out
    assert "No score is predicted" in done.err
    assert "lexical" in done.out
    found = json.loads(isogloss("plan", unlisted, "--json").out)
    assert [entry["source"] for entry in found["ranked"]["x-mine"]][:2] == ["eng", "swa"]
    assert found["languages"]["x-mine"]["lines"] == 200
    assert found["evidence"] == []


def test_a_matrix_gives_scores_and_the_files_are_written(isogloss: Any, unlisted: Path, tmp_path: Path) -> None:
    codes = ("eng", "swa", "x-mine", "x-other", "x-third")
    cells = [
        {"source": s, "target": t, "task": "classification", "metric": "accuracy",
         "scores": {"1": 0.9 - abs(i - j) / 10}, "distances": {"script": 0.0, "lexical": abs(i - j) / 5}}
        for i, s in enumerate(codes) for j, t in enumerate(codes) if i != j
    ]  # fmt: skip
    matrix, page, plan = tmp_path / "m.json", tmp_path / "p.html", tmp_path / "p.json"
    matrix.write_text(json.dumps({"schema": 1, "cells": cells}))
    done = isogloss("plan", unlisted, "--matrix", matrix, "--html", page, "--out", plan, "--k", "1")
    assert done.code == 0, done.err
    assert "accuracy to expect" in done.out
    assert "left out: mean error" in done.out
    assert "Mantel p" in done.out
    assert "Labels worth buying" in done.out
    assert "Recipe to begin with: direct." in done.out
    content = json.loads(plan.read_text())
    assert content["recipe"]["name"] == "direct"
    assert [p["what"] for p in content["resources"]["swa"]["purchases"]][-2:] == ["raw text", "translations"]
    assert "Labels worth buying" in page.read_text(encoding="utf-8")
    assert "weights that were fitted to measured transfer: lexical 1.00." in done.out
    assert "To annotate beside eng, chosen by distance (" in done.out
    assert "), not by score:" in done.out
    assert "0: eng alone" in done.out
    none = isogloss("plan", unlisted, "--matrix", "none")
    assert none.code == 0
    assert "no matrix was wanted" in none.err
    assert "to expect" not in none.out
    assert json.loads(plan.read_text())["sha256"] in page.read_text(encoding="utf-8")


def test_a_few_runs_are_too_few_for_intervals(isogloss: Any, unlisted: Path, tmp_path: Path) -> None:
    cells = [
        {"source": s, "target": t, "task": "classification", "metric": "accuracy",
         "scores": {"1": 0.9 - abs(i - j) / 10}}
        for i, s in enumerate(("eng", "spa", "swa")) for j, t in enumerate(("eng", "spa", "swa", "deu")) if i != j
    ]  # fmt: skip
    (tmp_path / "m.json").write_text(json.dumps({"schema": 1, "cells": cells}))
    done = isogloss("plan", unlisted, "--matrix", tmp_path / "m.json", "--html", tmp_path / "p.html")
    assert done.code == 0, done.err
    if features.installed():
        assert "too few to tell" in done.out
        assert "too few to tell" in (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "nan" not in done.out
    assert "[0." not in done.out


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--matrix", "none.json"), "none.json"),
        (("--k", "9"), "9"),
        (("--texts", "nowhere"), "no such folder"),
        (("--candidates", "a b"), "language code"),
    ],
)
def test_wrong_input_is_one_sentence(isogloss: Any, unlisted: Path, options: tuple[str, ...], word: str) -> None:
    done = isogloss("plan", unlisted, *options)
    assert done.code == 1
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert word in errors[0]
    assert done.out == ""


def test_a_list_that_is_none_is_wrong_usage(isogloss: Any, unlisted: Path) -> None:
    assert isogloss("plan", unlisted, "--candidates", "a,,b").code == 2


def test_without_tables_languages_are_compared_by_text_alone(
    isogloss: Any, unlisted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(features, "_folder", lambda: None)
    done = isogloss("plan", unlisted)
    assert done.code == 0, done.err
    assert done.err.count("not installed (pip install isogloss[plan])") == 1
    assert "swa: URIEL's tables are not installed; 200 lines of its text alone" in done.out
    assert "not listed" not in done.out + done.err
    shutil.rmtree(unlisted / "unlabelled")
    done = isogloss("plan", unlisted)
    assert done.code == 1
    assert "Nothing is known of any two of these languages" in done.err
    assert "pip install isogloss[plan]" in done.err

"""A plan file read before a run, and the run held against it: numbers by hand, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isogloss.errors import DataError
from isogloss.planning.calibration import VERY_PAIR, calibration, foretold
from isogloss.planning.plan import digest


def entry(source: str, value: float | None, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    guess = None if value is None else {"value": value, "low": low, "high": high}
    return {"source": source, "prediction": guess, "case": "target", "rests_on": ["script"], "measured": None}


def content(**changes: Any) -> dict[str, Any]:
    ranked = {
        "yor": [entry("rus", 0.9, 0.8, 1.0), entry("eng", 0.5, 0.4, 0.6)],
        "rus": [entry("eng", 0.8, 0.7, 0.9) | {"measured": 0.7}],
        "deu": [entry("eng", 0.25)],
        "spa": [entry("eng", None)],
    }
    evidence = [{"kinds": ["lexical"], "pairs": 6, "languages": 4, "level": 0.9}]
    evidence += [{"kinds": ["script"], "pairs": 12, "languages": 5, "level": 0.9}]
    plan = {"schema": 1, "task": "classification", "metric": "accuracy", "targets": list(ranked), "ranked": ranked}
    return plan | {"evidence": evidence, "about": {}} | changes


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to_file(**changes: Any) -> Path:
        plan = content(**changes)
        path = tmp_path / "plan.json"
        path.write_text(json.dumps(plan | {"sha256": digest(plan)}), encoding="utf-8")
        return path

    return to_file


def report(**changes: Any) -> dict[str, Any]:
    scores = {lang: {"accuracy": value} for lang, value in (("yo", 0.65), ("rus", 0.75), ("deu", 0.5), ("en", 0.9))}
    run = {"task": "classification", "metric": "accuracy", "source": ["en"], "targets": ["yo", "rus", "deu", "spa"]}
    return run | {"scores": scores} | changes


def test_the_numbers_are_those_of_a_pencil(write: Any) -> None:
    found = calibration(write(), report())
    rows = [(o.target, o.predicted, o.interval, o.score, o.inside) for o in found.outcomes]
    assert rows == [
        ("yo", 0.5, (0.4, 0.6), 0.65, False),
        ("rus", 0.8, (0.7, 0.9), 0.75, True),
        ("deu", 0.25, None, 0.5, None),
    ]
    assert found.error == pytest.approx((0.15 + 0.05 + 0.25) / 3)
    assert found.shift == pytest.approx((0.15 - 0.05 + 0.25) / 3)
    assert found.covered == 0.5
    assert found.differs == ("The plan's matrix held this very source with rus: no test of what it foretells.",)


def test_another_problem_is_said_in_so_many_words(write: Any) -> None:
    path = write(problem="helpdesk", about={"epochs": 6, "learning": {"learning_rate": 2e-4, "max_length": 128}})
    settings = {"cross_entropy": {"epochs": 10, "max_length": 128}, "other": {"learning_rate": 2e-4}}
    run = report(problem="news", targets=["yo", "swa", "spa"], scores={}, settings=settings)
    assert calibration(path, run).differs == (
        "The plan was made for the problem helpdesk; this run is of news.",
        "Of the plan's 4 targets this run has 2.",
        "The plan predicts no score for swa, spa.",
        "The transfers behind the predictions were trained with epochs 6; this run with epochs 10.",
    )
    same = report(problem="helpdesk", targets=["yo", "rus", "de", "es"], scores={})
    assert calibration(path, same).differs[:1] == ("The plan predicts no score for es.",)
    with pytest.raises(DataError, match="no score from eng to a target of this run"):
        calibration(path, report(targets=["swa"]))


def test_a_target_without_a_score_counts_in_no_mean(write: Any) -> None:
    for missing in (None, float("nan")):
        found = calibration(write(), report(scores={"yo": {"accuracy": missing}, "rus": {"accuracy": 0.7}}))
        assert [(o.target, o.score) for o in found.outcomes] == [("yo", None), ("rus", 0.7), ("deu", None)]
        assert (found.error, found.shift) == pytest.approx((0.1, -0.1))
        assert found.covered == 1.0
    nothing = calibration(write(), report(scores={}))
    assert (nothing.error, nothing.shift, nothing.covered) == (None, None, None)


def test_a_bound_is_within(write: Any) -> None:
    found = calibration(write(), report(scores={"yo": {"accuracy": 0.6}, "rus": {"accuracy": 0.7}}))
    assert [o.inside for o in found.outcomes if o.score is not None] == [True, True]


def test_an_estimate_says_what_it_rests_on(write: Any) -> None:
    told = foretold(write(), task="classification", metric="accuracy", sources=["eng"], targets=["yor"])
    first = told.estimate("yo")
    assert first is not None
    assert (first["value"], first["interval"], first["level"]) == (0.5, (0.4, 0.6), 0.9)
    assert "12 measured transfers among 5 languages, by script; the target was never measured" in first["basis"]
    second = told.estimate("rus")
    assert second is not None
    assert VERY_PAIR in second["basis"]
    bare = told.estimate("deu")
    assert bare is not None
    assert bare["interval"] is None
    assert told.estimate("spa") is None
    assert told.estimate("swa") is None


def test_json_has_the_targets_by_language(write: Any) -> None:
    field = calibration(write(), report()).to_json()
    assert list(field) == ["sha256", "level", "targets", "error", "shift", "covered", "differs"]
    assert field["targets"]["deu"] == {"predicted": 0.25, "interval": None, "score": 0.5, "inside": None}


def test_what_the_predictions_are_not_of_is_said(write: Any) -> None:
    path = write(about={"recipe": "direct", "backbone": "other"})
    run = report(regime="few-shot", recipe="maft", backbone={"id": "mine"})
    shot, _, recipe, encoder = calibration(path, run).differs
    assert "this run is few-shot" in shot
    assert "recipe direct; this run has maft" in recipe
    assert "encoder other; this run has mine" in encoder
    assert (
        calibration(
            path, report(regime="zero-shot", recipe="direct", backbone={"id": "other"}, scores={}, targets=["yo"])
        ).differs
        == ()
    )


@pytest.mark.parametrize(
    ("changes", "asked", "words"),
    [
        ({"task": "pair"}, {}, "task is pair"),
        ({"metric": "macro_f1"}, {}, "metric is macro_f1"),
        ({"evidence": []}, {}, "predicts no score. Make it without --matrix none"),
        ({}, {"sources": ["eng", "rus"]}, "several sources"),
        ({}, {"sources": ["swa"]}, "no score from swa"),
        ({}, {"targets": ["spa", "swa"]}, "no score from eng to a target"),
    ],
)
def test_a_plan_of_something_else_is_one_sentence(write: Any, changes: Any, asked: Any, words: str) -> None:
    run: dict[str, Any] = {"task": "classification", "metric": "accuracy", "sources": ["eng"], "targets": ["yor"]}
    with pytest.raises(DataError, match=words) as caught:
        foretold(write(**changes), **run | asked)
    assert "plan.json" in str(caught.value)
    assert caught.value.fix


def test_a_folder_is_no_plan(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        foretold(tmp_path, task="classification", metric="accuracy", sources=["eng"])

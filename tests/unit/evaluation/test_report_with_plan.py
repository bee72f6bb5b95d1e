"""A run with a plan: read before training, estimates and calibration in the report, drawn on page and card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from invented_reports import report

import isogloss
from isogloss import Problem
from isogloss.errors import DataError, IsoglossError
from isogloss.evaluation.card import render_card
from isogloss.evaluation.charts import plan_chart
from isogloss.evaluation.html import render_html
from isogloss.evaluation.report import Report
from isogloss.evaluation.view import held
from isogloss.planning.plan import digest

TARGETS: dict[str, dict[str, Any]] = {
    "ar": {"predicted": 0.7, "interval": [0.6, 0.8], "score": 0.771, "inside": True},
    "he": {"predicted": 0.74, "interval": [0.68, 0.8], "score": 0.842, "inside": False},
    "hi": {"predicted": 0.8, "interval": None, "score": 0.803, "inside": None},
    "no": {"predicted": 0.85, "interval": [0.75, 0.95], "score": None, "inside": None},
}
PLAN: dict[str, Any] = {
    "sha256": "ab" * 32,
    "level": 0.9,
    "targets": TARGETS,
    "error": 0.0587,
    "shift": 0.0587,
    "covered": 0.5,
    "differs": [
        "The plan predicts no score for zh.",
        "The transfers behind the predictions had the recipe <b>; this run has direct.",
    ],
}
GUESS = {"value": 0.85, "interval": [0.75, 0.95], "level": 0.9, "basis": "a plan, from 12 measured transfers"}


@pytest.fixture
def planned() -> Report:
    return report(plan=PLAN, estimate={"no": GUESS})


def text_of(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.split("<body>")[1]).split())


def test_the_page_has_a_row_for_each_target_in_chart_and_table(planned: Report) -> None:
    page = render_html(planned)
    section = page[page.index("Held against the plan") : page.index("What goes wrong")]
    chart, table = section.split('<table class="scores">')
    assert 'role="img" aria-label="' in chart
    assert len(re.findall(r'<span class="name"><bdi>', chart)) == len(re.findall(r'<th scope="row"><bdi>', table)) == 4
    assert (chart.count("<circle"), chart.count('class="score outside"'), chart.count('class="range"')) == (3, 1, 3)
    words = text_of("<body>" + section)
    assert "predicted 3 scores with a mean absolute error of 0.059; 1 of 2 within intervals that promise 90 %" in words
    assert "level of all scores shifts" in words
    assert "0.059 above the predictions" in words
    assert "recipe &lt;b&gt;" in section
    assert "predicts no score for zh" in words
    assert PLAN["sha256"] in words
    assert "Hebrew he 0.740 [0.680, 0.800] 0.842 +0.102 outside" in words


def test_an_estimate_is_told_apart_from_a_score(planned: Report) -> None:
    words = text_of(render_html(planned))
    assert "Norwegian no no test file 0.850 [0.750, 0.950] An estimate is no score: nothing of Norwegian" in words
    card = render_card(planned)
    assert "not measured here: no 0.850 [0.750, 0.950]." in card
    assert held(planned) in card


def test_without_a_plan_nothing_is_said() -> None:
    assert "Held against" not in render_html(report())
    assert "plan" not in render_card(report())
    assert "Norwegian no no test file none" in text_of(render_html(report()))


def test_marks_lie_where_the_numbers_are() -> None:
    axis, guesses = plan_chart(TARGETS)
    assert [guess.lang for guess in guesses] == ["no", "hi", "he", "ar"]
    assert (guesses[2].range, guesses[2].predicted, guesses[2].score) == ((68.0, 12.0), 74.0, 84.2)
    assert (guesses[1].range, guesses[0].score) == (None, None)
    assert axis.low == 0


def test_the_sentence_counts_what_was_tested(planned: Report) -> None:
    none = planned.model_copy(update={"plan": PLAN | {"targets": {"no": TARGETS["no"]}, "error": None}})
    assert "not put to the test" in held(none)
    assert "plan" not in render_card(none).split("## What it has seen")[0]
    one = planned.model_copy(update={"plan": PLAN | {"targets": {"ar": TARGETS["ar"]}, "error": 0.071}})
    assert held(one).startswith("The plan predicted 1 score with an error of 0.071; 1 of 1 within")
    assert held(report()) == ""


def plan_file(path: Path, **changes: Any) -> Path:
    evidence = [{"kinds": ["script"], "pairs": 12, "languages": 5, "level": 0.8}]
    ranked = {
        lang: [
            {
                "source": "eng",
                "prediction": {"value": value, "low": value - 0.05, "high": value + 0.05},
                "case": "target",
                "rests_on": ["script"],
                "measured": None,
            }
        ]
        for lang, value in (("yor", 0.5), ("rus", 0.6))
    }
    plan = {"schema": 1, "task": "classification", "metric": "accuracy", "ranked": ranked, "evidence": evidence}
    plan |= {"targets": ["yor", "rus"]} | changes
    path.write_text(json.dumps(plan | {"sha256": digest(plan)}), encoding="utf-8")
    return path


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    """English to Yoruba, which has a test, to Russian, which has none, and to Swahili, which the plan does not know."""
    whole = tiny_problem("classification", targets=["yor", "rus", "swa"])
    return replace(whole, test={"yor": whole.test["yor"]})


@pytest.fixture
def transfer(problem: Problem, tiny_backbone: Path, fast: dict[str, str]) -> Callable[..., Report]:
    def run(**options: Any) -> Report:
        fixed: dict[str, Any] = {"backbone": str(tiny_backbone), "settings": fast, "precision": "fp32"}
        return isogloss.transfer(problem, **fixed | options)[1]

    return run


def test_a_run_fills_estimate_and_plan(transfer: Callable[..., Report], tmp_path: Path) -> None:
    path, out = plan_file(tmp_path / "plan.json"), tmp_path / "run"
    found = transfer(plan=path, out=out)
    assert found.estimate["swa"] is None
    assert found.estimate["rus"]["value"] == 0.6
    assert found.estimate["rus"]["level"] == 0.8
    assert found.plan is not None
    score = found.scores["yor"]["accuracy"]
    assert set(found.plan["targets"]) == {"yor", "rus"}
    assert found.plan["targets"]["yor"]["score"] == found.mean_target == score
    assert found.plan["targets"]["yor"]["inside"] == (0.45 <= score <= 0.55)
    assert found.plan["error"] == pytest.approx(abs(score - 0.5))
    assert found.plan["sha256"] == json.loads(path.read_text())["sha256"]
    loaded = Report.load(out)
    assert loaded.to_json() == found.to_json()
    assert transfer(plan=path, out=out, resume=True).plan == loaded.plan
    other = plan_file(tmp_path / "other.json", about={"backbone": "x"})
    for wrong in (other, None):
        with pytest.raises(IsoglossError, match="begun with the plan"):
            transfer(plan=wrong, out=out, resume=True)


def test_a_run_that_was_begun_keeps_its_plan(
    transfer: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = plan_file(tmp_path / "plan.json"), tmp_path / "run"
    module = import_module("isogloss.commands.transfer")
    whole = module.predict_tests

    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "predict_tests", cut)
    with pytest.raises(KeyboardInterrupt):
        transfer(out=out)
    with pytest.raises(IsoglossError, match="begun with no plan"):  # a plan comes before the run
        transfer(plan=path, out=out, resume=True)
    with pytest.raises(KeyboardInterrupt):
        transfer(plan=path, out=out, force=True)
    with pytest.raises(IsoglossError, match="begun with the plan"):
        transfer(out=out, resume=True)
    monkeypatch.setattr(module, "predict_tests", whole)
    assert transfer(plan=path, out=out, resume=True).plan is not None


@pytest.mark.parametrize(
    ("text", "words"), [("no", "no plan"), ("[]", "no plan"), (None, "changed"), ("gone", "no such plan")]
)
def test_a_bad_plan_is_refused_before_training(
    transfer: Callable[..., Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, words: str
) -> None:
    def trained(*_: Any, **__: Any) -> None:
        pytest.fail("it was trained")

    monkeypatch.setattr(isogloss.run.Run, "fit", trained)
    path = plan_file(tmp_path / "plan.json")
    path.write_text(path.read_text().replace("0.5,", "0.51,", 1) if text is None else text)
    if text == "gone":
        path.unlink()
    with pytest.raises(DataError, match=words):
        transfer(plan=path, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()

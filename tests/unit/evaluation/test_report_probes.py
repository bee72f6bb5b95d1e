"""What a probe found, in the report of its run: the section, the files beside it, and when they go."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from invented_reports import HOSTILE, report
from test_report_html import Page

from isogloss import System
from isogloss.commands import probe
from isogloss.errors import DataError, IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.html import render_html
from isogloss.evaluation.probes.scoring import PAGE_FILE, SCORES_FILE, Probed
from isogloss.example import Example
from isogloss.tasks import Prediction
from isogloss.tasks.pair import Pair


def score(accuracy: float, **more: Any) -> dict[str, Any]:
    bounds = [accuracy - 0.05, accuracy + 0.05]
    known = {"n": 1200, "accuracy": accuracy, "ci95": bounds, "majority": 0.5, "hypothesis_only": 0.62}
    return known | {"most_answered": 0.6, "by_label": {}} | more


def probed(**changes: Any) -> Probed:
    """An invented result in two languages, one phenomenon asked in one of them alone."""
    fields: dict[str, Any] = {
        "system": "direct on isogloss:e5-small",
        "scores": {
            "eng": {"negation": score(0.9), "spelling": score(0.8, unchanged=0.85, kept=0.9)},
            "zho": {"negation": score(0.64), "suite/idioms": score(0.7, hypothesis_only=None)},
        },
        "labels": {"entailment": "entailment"},
        "notices": (HOSTILE,),
        "settings": {"count": 300, "seed": 0},
    }
    return Probed(**(fields | changes))


def section(page: str) -> str:
    text = Page(page).text()
    return text[text.index("What it understands") : text.index("What it has seen")]


def test_the_section_has_a_row_for_each_phenomenon_and_a_column_for_each_language() -> None:
    page = render_html(report(), probed())
    table = page[page.index('<table class="probes">') : page.index("</table>", page.index('<table class="probes">'))]
    assert re.findall(r'<td class="(\w+)"', table) == ["high", "low", "high", "none", "none", "high"]
    assert "hypothesis alone 0.620, n 1,200" in table
    first = table[table.index("<rect") :]  # the bar, then the most frequent label and the guess from the hypothesis
    marks = re.findall(r'(?:width|class="(?:floor|blind)" x1)="([^"]*)"', first)
    assert marks[:3] == ["90.0%", "50.0%", "62.0%"]
    words = section(page)
    assert "3 of 4 scores in English and Chinese are surely above both baselines." in words
    assert "before the change" in words
    assert "<script" not in page


def test_without_a_probe_there_is_no_section() -> None:
    assert "What it understands" not in render_html(report())


def test_a_probe_without_changed_rows_has_no_mark_for_them() -> None:
    assert "before the change" not in section(render_html(report(), probed(scores={"eng": {"negation": score(0.9)}})))


def test_scores_are_read_as_they_were_written(tmp_path: Path) -> None:
    assert Probed.load(tmp_path) is None
    probed().save(tmp_path)
    assert Probed.load(tmp_path) == probed()


@pytest.mark.parametrize("spoil", ["accuracy", "ci95", "hypothesis_only"])
def test_a_file_of_something_else_is_refused(spoil: str, tmp_path: Path) -> None:
    record = probed().record()
    record["scores"]["eng"]["negation"][spoil] = "high"
    for text in (json.dumps(record), "[]", "{}", "not json"):
        (tmp_path / SCORES_FILE).write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="not what a probe found"):
            report().save(tmp_path)


class Constant(System):
    """A system that always gives the same answer."""

    def predict_examples(self, examples: Any, *, langs: Any, quiet: bool = True, run: Any = None) -> list[Prediction]:
        assert all(isinstance(example, Example) for example in examples)
        return [Prediction(value="neutral", score=1.0) for _ in examples]

    def serves(self, lang: str) -> bool:
        return True


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with a report and no network: the system that stands in for it answers alike to everything."""
    task = Pair(labels=("contradiction", "entailment", "neutral"))
    system = Constant(task=task, base=None, source=("eng",), targets=("deu",))
    monkeypatch.setattr(System, "from_pretrained", classmethod(lambda cls, folder: system))
    report("pair", labels=list(task.labels), errors={}).save(tmp_path / "run")
    return tmp_path / "run"


def test_probing_a_run_shows_what_it_found_in_its_report(run: Path) -> None:
    before = (run / "report.json").read_bytes()
    found = probe(run, count=12, phenomena=["negation", "overlap"])
    assert json.loads((run / SCORES_FILE).read_text("utf-8"))["scores"] == found.scores
    assert "<summary>Items</summary>" in (run / PAGE_FILE).read_text("utf-8")
    page = (run / "report.html").read_text("utf-8")
    assert "0 of 4 scores in English and German" in section(page)
    assert (run / "report.json").read_bytes() == before
    Report.load(run).save(run)
    assert (run / "report.html").read_text("utf-8") == page
    with pytest.raises(IsoglossError, match="probed already"):
        probe(run, count=12, phenomena=["negation"], langs=["eng"])
    assert (run / "report.html").read_text("utf-8") == page
    probe(run, count=12, phenomena=["negation"], langs=["eng"], force=True)
    assert "0 of 1 scores in English" in section((run / "report.html").read_text("utf-8"))


def test_what_is_wrong_is_said_before_the_network_is_loaded(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(folder: Path) -> System:
        raise AssertionError

    monkeypatch.setattr(System, "from_pretrained", load)
    (run.parent / "other").mkdir()
    (run.parent / "other" / "file").touch()
    for options, said in [
        ({"phenomena": ["foo"]}, "Unknown phenomenon"),
        ({"langs": ["fra"]}, "no probe lexicon of French"),
        ({"labels": {"0": "entailment"}}, "no label '0'"),
        ({"labels": {"neutral": "foo"}}, "What the label 'foo'"),
        ({"labels": {"0": "entailment"}, "out": run.parent / "new"}, "no label '0'"),
        ({"out": run.parent / "other"}, "not written by isogloss"),
        ({"count": 2}, "three items"),
    ]:
        with pytest.raises(IsoglossError, match=said):
            probe(run, **options)


def test_out_leaves_the_run_as_it_is(run: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    probe(run, count=12, phenomena=["negation"], out=tmp_path / "elsewhere")
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert (tmp_path / "elsewhere" / "problem.toml").is_file()

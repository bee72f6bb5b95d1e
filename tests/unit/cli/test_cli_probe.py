"""``isogloss probe`` and the function behind it, asked of systems whose answers are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import isogloss
from isogloss import Problem, System
from isogloss.commands import probe
from isogloss.errors import IsoglossError
from isogloss.evaluation import Report
from isogloss.evaluation.probes import LANGS, NAMES, items
from isogloss.evaluation.probes.answering import Names
from isogloss.evaluation.probes.baselines import crossed, hypothesis_only, majority
from isogloss.example import Example
from isogloss.tasks import Prediction
from isogloss.tasks.pair import Pair

NLI = ("contradiction", "entailment", "neutral")


@dataclass(frozen=True, kw_only=True)
class Answering(System):
    """A system that answers by rule."""

    rule: Callable[[Example], str] = lambda example: "neutral"

    def predict_examples(
        self, examples: Sequence[Example], *, langs: Sequence[str], quiet: bool = True, run: Any = None
    ) -> list[Prediction]:
        assert all("label" not in example.fields for example in examples)
        assert len({(e.lang, *e.fields.values()) for e in examples}) == len(examples)
        return [Prediction(value=self.rule(example), score=1.0) for example in examples]

    def serves(self, lang: str) -> bool:
        return lang != "deu"


def system(labels: Sequence[str] = NLI, rule: Callable[[Example], str] | None = None) -> Answering:
    return Answering(
        task=Pair(labels=tuple(labels)),
        base=None,
        source=("eng",),
        targets=("por", "yor"),
        rule=rule or (lambda _: labels[0]),
    )


def knowing(name: Mapping[str, str] | None = None, count: int = 30, **given: Any) -> Callable[[Example], str]:
    """Answers with the label of the item."""
    table = {
        (item.lang, item.text_a, item.text_b): item.label
        for phenomenon in NAMES
        for lang in LANGS
        for item in items(phenomenon, lang, count=count, **given)
    }
    return lambda e: (name or {}).get(
        table[(e.lang, e.fields["text_a"], e.fields["text_b"])], table[(e.lang, e.fields["text_a"], e.fields["text_b"])]
    )


def test_a_system_that_knows_and_one_that_does_not() -> None:
    found = probe(system(rule=knowing()), count=30)
    assert list(found.scores) == ["eng", "por"]
    assert set(found.phenomena) == set(NAMES)
    assert all(score["accuracy"] == 1.0 for table in found.scores.values() for score in table.values())
    assert found.scores["eng"]["distraction"]["unchanged"] == found.scores["eng"]["spelling"]["kept"] == 1.0
    constant = probe(system(), count=30, phenomena=["negation", "antonyms"], langs=["en", "zh"])
    assert set(constant.scores) == {"eng", "zho"}
    for score in (score for table in constant.scores.values() for score in table.values()):
        assert score["accuracy"] == score["majority"] == pytest.approx(1 / 3, abs=1e-3)
        assert score["most_answered"] == 1.0
        assert score["by_label"] == {"contradiction": 1.0, "entailment": 0.0, "neutral": 0.0}
        assert score["ci95"][0] < 1 / 3 < score["ci95"][1]


def test_a_language_without_a_lexicon_is_named() -> None:
    found = probe(system(), count=3, phenomena=["negation"])
    assert found.notices == ("Nothing is asked in Yoruba: there is no probe lexicon.",)
    assert list(found.scores) == ["eng", "por"]


def test_items_of_one_label_are_too_few() -> None:
    rows = [{"text_a": f"The house number {n} stands.", "text_b": f"House {n}.", "label": "neutral"} for n in range(4)]
    rows.append({"text_a": "The last house falls.", "text_b": "Houses fall.", "label": "entailment"})
    problem = Problem.from_data(task="pair", source="eng", targets="yor", test={"eng": rows})
    few = {"on": problem, "langs": ["eng"], "phenomena": ["distraction", "negation"]}
    told = ("All items of distraction have one label: too few to tell, raise the count.",)
    assert probe(system(), count=4, **few).notices == told
    assert probe(system(), count=5, **few).notices == ()


def test_every_item_right_or_wrong_is_not_certain() -> None:
    few = {"count": 6, "langs": ["eng"], "phenomena": ["negation"]}
    assert probe(system(rule=knowing(count=6)), **few).scores["eng"]["negation"]["ci95"] == [0.5407, 1.0]
    wrong = dict(zip(NLI, (*NLI[1:], NLI[0]), strict=True))
    assert probe(system(rule=knowing(wrong, 6)), **few).scores["eng"]["negation"]["ci95"] == [0.0, 0.4593]


def test_two_classes_are_asked_what_they_know() -> None:
    found = probe(system(("entailment", "neutral")), count=30, phenomena=["negation"], langs=["eng"])
    assert found.scores["eng"]["negation"]["n"] == 20
    assert found.notices == ("The system has no label for contradiction: such items are left out.",)
    merged = probe(system(("entailment", "not_entailment")), count=30, phenomena=["negation"], langs=["eng"])
    assert merged.scores["eng"]["negation"]["n"] == 30
    assert merged.scores["eng"]["negation"]["majority"] == pytest.approx(2 / 3, abs=1e-3)
    assert "Neutral and contradiction both count" in merged.notices[0]


@pytest.mark.parametrize(
    ("labels", "mapping", "known"),
    [
        (("E", "N", "C"), None, {"entailment": "E", "neutral": "N", "contradiction": "C"}),
        (("yes", "maybe", "no"), None, {"entailment": "yes", "neutral": "maybe", "contradiction": "no"}),
        (("0", "1"), {"0": "entailment", "1": "neutral"}, {"entailment": "0", "neutral": "1"}),
    ],
)
def test_labels_are_understood(labels: Sequence[str], mapping: Any, known: dict[str, str]) -> None:
    assert Names.of(labels, mapping).names == known


@pytest.mark.parametrize(
    ("labels", "mapping", "message"),
    [
        (("0", "1", "2"), None, "--labels 0=entailment"),
        (("entailment", "neutral"), {"3": "neutral"}, "no label '3'"),
        (("entailment", "yes", "no"), None, "Two labels"),
        (("neutral", "contradiction"), None, "needs entailment"),
        ((), None, "needs entailment"),
    ],
)
def test_labels_that_are_not_understood_are_refused(labels: Sequence[str], mapping: Any, message: str) -> None:
    with pytest.raises(IsoglossError, match=message):
        Names.of(labels, mapping)


def test_the_folder_is_a_problem_with_the_labels_of_the_system(tmp_path: Path) -> None:
    spoken = {"entailment": "e", "neutral": "n", "contradiction": "c"}
    asked = system(("c", "e", "n"), knowing(spoken))
    found = probe(asked, count=30, out=tmp_path / "probes", phenomena=["negation", "distraction"])
    problem = Problem.read(tmp_path / "probes")
    assert problem.task.labels == ("c", "e", "n")
    assert len(problem.test["por"]) == found.scores["por"]["negation"]["n"] + found.scores["por"]["distraction"]["n"]
    assert {e.id for e in problem.test["por"]} == {e.id for e in problem.test["eng"]}
    assert json.loads((tmp_path / "probes" / "probe.json").read_text("utf-8"))["scores"] == found.scores
    page = (tmp_path / "probes" / "probe.html").read_text("utf-8")
    assert page.count('role="row"') == 4
    assert "<script" not in page
    assert "http" not in page
    assert "4 of 4 scores in English and Portuguese are surely above both baselines" in page
    with pytest.raises(IsoglossError, match="exists already"):
        probe(asked, count=30, out=tmp_path / "probes")


def test_rows_of_the_user_are_changed(tmp_path: Path) -> None:
    rows = [
        {"text_a": f"The green house number {n} stands empty.", "text_b": f"House {n} is empty.", "label": label}
        for n in range(4)
        for label in ("entailment", "neutral")
    ]
    other = [{"text_a": "Ilé náà ṣófo.", "text_b": "Ilé wà.", "label": "entailment"}]
    problem = Problem.from_data(task="pair", source="eng", targets="yor", test={"eng": rows, "yor": other})
    rule = lambda e: "neutral" if "," in e.fields["text_b"] else "entailment"  # noqa: E731
    found = probe(system(rule=rule), on=problem, phenomena=["distraction", "spelling"], langs=["eng"])
    score = found.scores["eng"]["distraction"]
    assert score["n"] == 8
    assert score["unchanged"] == 0.5
    moved = sum("," in item.text_b for item in found.items["eng"]["distraction"])
    assert score["kept"] == pytest.approx(1 - moved / 8)
    assert 0 < moved < 8
    assert found.notices == ("The test rows in yor are left out: nothing is asked in it.",)


def test_suites_are_asked_in_chinese(tmp_path: Path) -> None:
    lines = [
        {"sentence1": f"他有{n}本书。", "sentence2": "他有书。", "label": "entailment", "category": "idioms"}
        for n in range(9)
    ]
    (tmp_path / "a.json").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    found = probe(system(("entailment", "neutral")), suite=tmp_path, phenomena=["negation"], langs=["eng"], count=6)
    assert found.scores["zho"]["suite/idioms"]["n"] == 6
    assert found.scores["zho"]["suite/idioms"]["accuracy"] == 1.0
    assert "read it beside another set" in found.notices[-1]


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(IsoglossError, match="no network for German"):
        probe(system(), langs=["deu"])
    with pytest.raises(IsoglossError, match="no probe lexicon of Yoruba"):
        probe(system(), langs=["yor"])
    with pytest.raises(IsoglossError, match="Unknown phenomenon 'overlp'"):
        probe(system(), phenomena=["overlp"])
    with pytest.raises(IsoglossError, match="None of the system's languages"):
        probe(replace(system(), source=("yor",), targets=("swa",)))


def test_baselines_by_hand() -> None:
    assert majority(["a", "b", "b", "c"]) == 0.5
    told = [("no cat", "c"), ("a cat", "e")] * 4
    assert hypothesis_only(told, [("no dog", "c"), ("a dog", "e"), ("a pig", "c")]) == pytest.approx(2 / 3)
    blind = [("a cat", "c"), ("a cat", "e")] * 4
    assert hypothesis_only(blind, blind) == 0.5
    assert crossed([("a", "e")]) is None
    assert crossed([("no", "c"), ("no", "c"), ("yes", "e"), ("yes", "e")]) == 1.0


def test_the_generated_items_cannot_be_guessed_from_the_hypothesis() -> None:
    for name in ("negation", "numbers", "antonyms", "overlap"):
        rows = [[(i.text_b, i.label) for i in items(name, "eng", count=300, seed=seed)] for seed in (1, 0)]
        assert hypothesis_only(*rows) < 0.47, name


def test_the_command(isogloss: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(System, "from_pretrained", classmethod(lambda cls, folder: system()))
    done = isogloss("probe", "runs/x", "--langs", "eng,zho", "--phenomena", "negation", "--count", "30", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["scores"]["zho"]["negation"]["n"] == 30
    done = isogloss("probe", "runs/x", "--phenomena", "spelling,numbers", "--count", "12", "--out", tmp_path / "p")
    assert done.code == 0, done.err
    assert "hypothesis only" in done.out
    assert (tmp_path / "p" / "probe.html").is_file()
    assert isogloss("probe", "runs/x", "--phenomena", "negatoin").code == 1
    assert isogloss("probe", "runs/x", "--labels", "a").code == 2


def test_the_command_says_where_to_look(isogloss: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(System, "from_pretrained", classmethod(lambda cls, folder: system()))
    report = Report(
        problem="x", task="pair", metric="accuracy", regime="zero-shot", tier="nothing", recipe="direct", settings={},
        backbone={"id": "x"}, source=["eng"], targets=["por"], selection={}, seeds=[1], scores={},
    )  # fmt: skip
    report.save(tmp_path)
    done = isogloss("probe", tmp_path, "--phenomena", "negation", "--count", "12")
    assert done.code == 0, done.err
    assert f"Look at it: {tmp_path / 'report.html'}, and {tmp_path / 'probe.html'} with the items\n" in done.err
    assert "What it understands" in (tmp_path / "report.html").read_text("utf-8")


def test_the_function_is_public() -> None:
    assert isogloss.probe is probe

"""What the bridge of translation promises: nothing changes through an identity, labels come back from a cipher."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

import isogloss as ig
from isogloss import Example, Problem, System
from isogloss.bridges.aligners import GuidedAligner
from isogloss.bridges.base import LabelledSpan, Outcome, Parallel, Projection, Projector, Translation, Translator
from isogloss.bridges.bridge import Bridge, summary
from isogloss.bridges.projectors.align import Align
from isogloss.bridges.projectors.copy import Copy
from isogloss.bridges.translators import load_translator
from isogloss.bridges.translators.cached import Cached
from isogloss.errors import RecipeError, ResourceError
from isogloss.methods.inference.translate_ensemble import combined
from isogloss.methods.inference.translate_test import TranslateTest
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.recipes import check_needs, resolve
from isogloss.tasks import Prediction

CARRIED = ("classification", "pair_labels", "pair_scores", "spans", "qa", "event_arguments")
GUIDED = Align(aligner=GuidedAligner())
QUICK = {"cross_entropy.epochs": "2", "cross_entropy.min_steps": "0"}
PAIRED = {"filter.epochs": "1", "filter.min_steps": "0", "filter.snapshots": "1"}
RECIPES = {
    "translate-train": QUICK,
    "translate-test": QUICK,
    "translate-ensemble": QUICK,
    "filter": PAIRED,
    "filter-self-teaching": PAIRED | {name.replace("filter", "self_teaching"): value for name, value in PAIRED.items()},
}


class Scripted(Translator):
    """Translates what it was told to, upper-cases the rest, and counts."""

    version = "1"

    def __init__(self, book: dict[str, str] | None = None, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.id, self.book, self.pairs, self.asked = "scripted", book or {}, pairs, []

    def serves(self, source: str, target: str) -> bool:
        return not self.pairs or (source, target) in self.pairs

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        self.asked += texts
        return [(Translation(text=self.book.get(text, text.upper())),) for text in texts]


@dataclass(frozen=True, kw_only=True)
class Loses(Projector):
    """Keeps the first span of a sentence where it is and loses the others."""

    name: ClassVar[str] = "loses"

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        return [
            Projection.of(
                item,
                [
                    Outcome(span=(a, b), score=0.5) if i == 0 else Outcome(span=None, score=0.0, reason="not_found")
                    for i, (a, b, _) in enumerate(item.spans)
                ],
            )
            for item in items
        ]


def tagging(text: str, *spans: LabelledSpan) -> tuple[Problem, Example]:
    rows = [{"text": text, "spans": [list(span) for span in spans]}, {"text": "x y", "spans": [[0, 1, "A"]]}]
    problem = Problem.from_data(task="tagging", source="eng", targets="yor", train={"eng": rows}, labels=["A", "B"])
    return problem, problem.train["eng"][0]


@pytest.mark.parametrize("kind", CARRIED)
@pytest.mark.parametrize("projector", [Copy(), GUIDED])
def test_an_identity_changes_nothing(tiny_problem: Callable[..., Problem], kind: str, projector: Projector) -> None:
    problem = tiny_problem(kind)
    bridge = Bridge(translator=load_translator("identity"), projector=projector)
    examples = problem.train["eng"]
    views = bridge.carry(examples, problem.task, "yor")
    for view, example in zip(views, examples, strict=True):
        assert view.example is not None
        assert view.complete
        assert view.example.lang == "yor"
        assert problem.task.row(view.example.fields) == problem.task.row(example.fields)
    if kind == "spans":
        assert [view.example.fields["tags"] for view in views] == [example.fields["tags"] for example in examples]


def test_labels_go_through_a_cipher_and_come_back(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem("spans")
    bridge = Bridge(translator=load_translator("cipher"), projector=GUIDED)
    examples = problem.train["eng"]
    there = [view.example for view in bridge.carry(examples, problem.task, "yor")]
    assert all(
        view is not None and view.fields["text"] != e.fields["text"] for view, e in zip(there, examples, strict=True)
    )
    back = bridge.carry([view for view in there if view is not None], problem.task, "eng")
    for view, example in zip(back, examples, strict=True):
        assert view.example is not None
        assert problem.task.row(view.example.fields) == problem.task.row(example.fields)


def test_answers_come_back_onto_the_original_words(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem("spans")
    bridge = Bridge(translator=load_translator("cipher"), projector=GUIDED)
    hidden = problem.task.hide(problem.test["eng"])
    enciphered = [view.example for view in bridge.carry(hidden, problem.task, "yor") if view.example]
    views = bridge.carry(enciphered, problem.task, "eng")
    gold = [problem.task.row(example.fields)["spans"] for example in problem.test["eng"]]
    back = bridge.carry_back([Prediction(value=spans, score=1.0) for spans in gold], views, problem.task)
    expected = [v.example for v in bridge.carry(problem.test["eng"], problem.task, "yor")]
    assert [p.value for p in back] == [problem.task.row(e.fields)["spans"] for e in expected if e]
    assert all(p.score == 1.0 for p in back)


def test_a_text_is_cut_into_sentences_and_put_together_again() -> None:
    problem, example = tagging("Ann met Bob.  Then Bob left!\nNobody  saw Ann.", (0, 3, "A"), (19, 22, "B"))
    translator = Scripted()
    views = Bridge(translator=translator, projector=Loses()).carry([example], problem.task, "yor")
    assert sorted(translator.asked) == ["Ann met Bob.", "Nobody  saw Ann.", "Then Bob left!"]
    (view,) = views
    assert view.example is not None
    assert view.example.fields["text"] == "ANN MET BOB.  THEN BOB LEFT!\nNOBODY  SAW ANN."
    assert view.example.fields["gold"] == ((0, 3, "A"), (19, 22, "B"))
    assert view.example.score == 0.5
    assert view.example.origin == "projected"


def test_a_text_without_a_translation_is_no_example() -> None:
    problem, example = tagging("Ann met Bob. Bob left.", (0, 3, "A"))
    translator = Scripted({"Bob left.": " "})
    (view,) = Bridge(translator=translator, projector=Loses()).carry([example], problem.task, "yor")
    assert view.example is None
    assert view.reason == "no_translation"
    assert summary([view])["no_example"] == {"no_translation": 1}


def test_lost_spans_are_counted_with_their_reason() -> None:
    problem, example = tagging("Ann met Bob", (0, 3, "A"), (8, 11, "B"))
    (view,) = Bridge(translator=Scripted(), projector=Loses()).carry([example], problem.task, "yor")
    assert not view.complete
    facts = summary([view])
    assert (facts["spans"], facts["spans_kept"], facts["lost"]) == (2, 1, {"not_found": 1})
    assert facts["projection_rate"] == 0.5


def test_an_answer_that_runs_over_sentences_joins_them() -> None:
    problem, example = tagging("ann met. bob left.")
    bridge = Bridge(translator=Scripted(), projector=Loses())
    views = bridge.carry(problem.task.hide([example]), problem.task, "eng" if example.lang != "eng" else "yor")
    assert len(views[0].seams["text"]) >= 1
    (back,) = bridge.carry_back([Prediction(value=[[4, 12, "A"]], score=0.8)], views, problem.task)
    assert back.value == [[4, 12, "A"]]
    assert back.score == pytest.approx(0.4)


def test_a_pair_that_the_translator_does_not_serve() -> None:
    problem, example = tagging("Ann met Bob", (0, 3, "A"))
    bridge = Bridge(translator=Scripted(pairs=[("eng", "fra")]), projector=Loses())
    with pytest.raises(ResourceError, match="does not translate from eng to yor"):
        bridge.carry([example], problem.task, "yor")


def test_a_projector_that_asks_too_much_of_the_translator() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Asks(Loses):
        needs: ClassVar[tuple[Any, ...]] = ("score",)

    problem, example = tagging("Ann met Bob", (0, 3, "A"))
    with pytest.raises(ResourceError, match="needs a translator that can score, and 'scripted 1'"):
        Bridge(translator=Scripted(), projector=Asks()).carry([example], problem.task, "yor")


def test_tags_of_words_are_refused(tiny_problem: Callable[..., Problem]) -> None:
    problem = tiny_problem("words")
    bridge = Bridge(translator=Scripted(), projector=Loses())
    with pytest.raises(RecipeError, match="single words"):
        bridge.carry(problem.train["eng"], problem.task, "yor")


class TestRecipes:
    """The recipes that translate, through the whole flow, with a cipher for a translator."""

    def run(self, problem: Problem, recipe: str, backbone: Path, **more: Any) -> tuple[System, ig.evaluation.Report]:
        options = {"translator": "cipher", "settings": QUICK, "precision": "fp32", "backbone": str(backbone)} | more
        return ig.transfer(problem, recipe, **options)

    @pytest.mark.parametrize("kind", CARRIED)
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_runs(self, tiny_problem: Callable[..., Problem], tiny_backbone: Path, kind: str, recipe: str) -> None:
        more: dict[str, Any] = {"settings": RECIPES[recipe]}
        if kind not in ("classification", "pair_labels", "pair_scores"):
            more["settings"] = more["settings"] | {"align.aligner": "guided"}
        _, report = self.run(tiny_problem(kind), recipe, tiny_backbone, **more)
        tiers = {"translate-train": "MT in training", "translate-test": "MT at inference"}
        assert report.tier == tiers.get(recipe, "MT in training and at inference")
        assert report.regime == "zero-shot"
        assert report.leaks["total"] == 0
        assert {row["translator"] for row in report.bridges} == {f"cipher {load_translator('cipher').version}"}
        assert set(report.scores) == {"eng", "yor", "rus"}

    def test_translated_rows_are_trained_on(self, tiny_problem: Callable[..., Problem], tiny_backbone: Path) -> None:
        _, report = self.run(tiny_problem(), "translate-train", tiny_backbone)
        assert report.resources["train"] == {"eng": 32, "yor": 32, "rus": 32}

    def test_a_test_in_cipher_is_answered_as_its_plain_text(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path
    ) -> None:
        problem = tiny_problem()
        cipher = load_translator("cipher")
        bridge = Bridge(translator=cipher, projector=Copy())
        tests = {lang: tuple(v.example for v in bridge.carry(problem.test["eng"], problem.task, lang) if v.example)
                 for lang in problem.targets}  # fmt: skip
        problem = replace(problem, test={"eng": problem.test["eng"], **tests})
        _, report = self.run(problem, "translate-test", tiny_backbone, out=tmp_path / "run")
        rows = [{k: v for k, v in row.items() if k != "ci95"} for row in report.scores.values()]
        assert rows[0] == rows[1] == rows[2]
        again = System.from_pretrained(tmp_path / "run")
        assert again.translator == "cipher"
        text = tests["yor"][0].fields["text"]
        plain = problem.test["eng"][0].fields["text"]
        assert again.predict([text], lang="yor")[0].value == again.predict([plain], lang="eng")[0].value

    def test_the_language_must_be_known(self, tiny_problem: Callable[..., Problem], tiny_backbone: Path) -> None:
        system, _ = self.run(tiny_problem(), "translate-test", tiny_backbone, translator="identity")
        assert system.predict(["ab cd"], lang="yor")
        with pytest.raises(ResourceError, match="--lang"):
            replace(system, translator="isogloss:eng-por").predict(["ab cd"])

    def test_a_target_without_a_translator(self, tiny_problem: Callable[..., Problem]) -> None:
        problem, recipe = tiny_problem(), resolve("translate-train")
        translator = Scripted(pairs=[("eng", "rus")])
        with pytest.raises(ResourceError, match=r"none for yor .*Name a translator from eng into yor"):
            check_needs(recipe, problem, translator=translator)
        left = check_needs(recipe, problem, translator=translator, skip_unserved=True)
        assert left == {"yor": "there is no translator from eng into yor"}

    def test_the_projector_is_named_and_set(self) -> None:
        recipe = resolve("translate-train", projector="copy", settings={"copy.cutoff": "0.7"})
        assert recipe.settings()["translate_train"]["projector"] == "copy"
        assert recipe.settings()["copy"]["cutoff"] == 0.7
        both = resolve("translate-ensemble", projector="copy", settings={"copy.cutoff": "0.7"})
        assert both.data[0].projector == both.inference[0].projector  # type: ignore[attr-defined]
        with pytest.raises(RecipeError, match="uses a projector"):
            resolve("direct", projector="copy")


class TestCombined:
    """Two answers in one."""

    def test_probabilities_are_averaged(self) -> None:
        own = Prediction(value="a", score=0.6, probabilities={"a": 0.6, "b": 0.4})
        other = Prediction(value="b", score=0.9, probabilities={"a": 0.1, "b": 0.9})
        both = combined(own, other)
        assert (both.value, both.score) == ("b", pytest.approx(0.65))

    def test_numbers_are_averaged(self) -> None:
        assert combined(Prediction(value=1.0, score=1.0), Prediction(value=2.0, score=1.0)).value == 1.5

    def test_spans_are_joined_and_the_certain_one_wins(self) -> None:
        own = Prediction(value=[[0, 3, "A"], [9, 12, "B"]], score=0.5)
        other = Prediction(value=[[1, 3, "B"], [5, 7, "A"]], score=0.9)
        assert combined(own, other).value == [[1, 3, "B"], [5, 7, "A"], [9, 12, "B"]]


class TestTrouble:
    """A translator that dies, returns nothing, or is given too much."""

    def test_what_was_translated_before_a_breakdown_is_kept(
        self, tiny_problem: Callable[..., Problem], tmp_path: Path
    ) -> None:
        class Dies(Scripted):
            def translate(self, texts: Sequence[str], *pair: str, best: int = 1) -> list[tuple[Translation, ...]]:
                if len(self.asked) >= 16:
                    raise ResourceError("The line is dead")
                return super().translate(texts, *pair, best=best)

        problem = tiny_problem()
        dying = Dies()
        with pytest.raises(ResourceError, match="dead"):
            ig.project(problem, "copy", Cached(dying, tmp_path / "cache", chunk=8), targets=["yor"])
        assert len(dying.asked) == 16
        well = Scripted()
        result = ig.project(problem, "copy", Cached(well, tmp_path / "cache", chunk=8), targets=["yor"])
        assert len(well.asked) == len(problem.train["eng"]) - 16
        assert len(result.examples["yor"]) == len(problem.train["eng"])

    def test_nothing_is_written_by_a_command_that_breaks_off(
        self, tiny_problem: Callable[..., Problem], tmp_path: Path
    ) -> None:
        with pytest.raises(ResourceError):
            ig.project(tiny_problem(), "copy", Scripted(pairs=[("eng", "fra")]), out=tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_texts_without_a_translation_are_answered_as_they_are(
        self, tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, caplog: Any
    ) -> None:
        problem = tiny_problem()
        system, _ = ig.transfer(problem, "direct", settings=QUICK, backbone=str(tiny_backbone), precision="fp32")
        first = problem.test["yor"][0]
        run = replace(system.new_run(tmp_path, quiet=True), translator=Scripted({first.fields["text"]: ""}))
        silent = replace(system, inference=(TranslateTest(projector=Copy()),))
        answers = silent.predict_examples([first, problem.test["yor"][1]], langs=["yor", "yor"], run=run)
        assert answers[0].score == pytest.approx(system.predict_examples([first], langs=["yor"])[0].score, abs=1e-6)
        assert "1 of 2 texts have no translation from yor: answered as they are." in caplog.messages

    def test_a_text_of_five_thousand_words(self) -> None:
        words = " ".join(["word"] * 5000)
        problem, example = tagging(words, (0, 4, "A"))
        translator = Scripted()
        (view,) = Bridge(translator=translator, projector=Loses()).carry([example], problem.task, "yor")
        assert max(map(len, translator.asked)) <= 1000
        assert view.example is not None
        assert view.example.fields["text"] == words.upper()


def test_the_projected_folder_is_read_again(tiny_problem: Callable[..., Problem], tmp_path: Path) -> None:
    for kind in CARRIED:
        problem = tiny_problem(kind)
        out = tmp_path / kind
        result = ig.project(problem, GUIDED, "cipher", targets=["yor"], out=out)
        rows = [json.loads(line) for line in (out / "train" / "yor.jsonl").read_text(encoding="utf-8").splitlines()]
        again = make_examples(
            type(problem.task), [Row(i, row) for i, row in enumerate(rows, 1)], lang="yor", split="train", place="x"
        )
        assert [e.fields for e in again] == [e.fields for e in result.examples["yor"]]
        assert (out / "yor.html").read_text(encoding="utf-8").startswith("<!doctype html>")
        assert json.loads((out / "project.json").read_text(encoding="utf-8"))["targets"]["yor"]["written"] == len(rows)


@pytest.mark.parametrize("projector", ["align", "copy", "easyproject", "ensemble"])
def test_a_recipe_that_was_written_down_is_the_same_again(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, projector: str
) -> None:
    """With an identity nothing is left for a projector to do: only its settings go through the file."""
    problem = tiny_problem("spans")
    changed = {"align.aligner": "hmm"} if projector == "align" else {}
    options = {"settings": QUICK | changed, "precision": "fp32", "backbone": str(tiny_backbone)}
    ig.transfer(problem, "translate-train", translator="identity", projector=projector, out=tmp_path / "a", **options)
    written = tmp_path / "a" / "recipe.toml"
    assert 'translator = "identity"' in written.read_text(encoding="utf-8")
    again = resolve(str(written))
    assert again.data == resolve("translate-train", projector=projector, settings=changed).data
    if projector == "ensemble":
        report = ig.transfer(problem, str(written), precision="fp32", out=tmp_path / "b")[1]
        assert report.translator == "identity"

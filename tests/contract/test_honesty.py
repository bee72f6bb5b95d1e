"""Test labels change nothing, the same seed gives the same bits, leaks are found, tiers are derived."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import isogloss
from isogloss import Example, Ledger, Problem
from isogloss.ledger import Leak, normalise
from isogloss.tasks import Classification

SETTINGS = {"cross_entropy.epochs": "4", "cross_entropy.min_steps": "0", "cross_entropy.learning_rate": "1e-3"}
FLIPPED = {"food": "tool", "tool": "food"}


@pytest.fixture(scope="module")
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem("classification")


@pytest.fixture(scope="module")
def train(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    def run(problem: Problem, **options: Any) -> Path:
        out = tmp_path_factory.mktemp("run") / "out"
        options = {"backbone": str(tiny_backbone), "settings": SETTINGS, "precision": "fp32"} | options
        isogloss.transfer(problem, "direct", out=out, **options)
        return out

    return run


@pytest.fixture(scope="module")
def honest(problem: Problem, train: Callable[..., Path]) -> Path:
    return train(problem)


def with_test_labels(problem: Problem, change: Callable[[int, str], str]) -> Problem:
    test = {
        lang: tuple(
            replace(e, fields=dict(e.fields) | {"label": change(n, e.fields["label"])}) for n, e in enumerate(examples)
        )
        for lang, examples in problem.test.items()
    }
    return replace(problem, test=test)


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def choices(run: Path) -> list[dict[str, Any]]:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))["selection"]["runs"]


class TestLabelsOfTheTest:
    def test_they_change_no_weight_and_no_choice(
        self, problem: Problem, honest: Path, train: Callable[..., Path]
    ) -> None:
        lied_to = train(with_test_labels(problem, lambda _, label: FLIPPED[label]))
        assert weights(lied_to) == weights(honest)
        assert choices(lied_to) == choices(honest)
        mine, theirs = (json.loads((run / "report.json").read_text(encoding="utf-8")) for run in (honest, lied_to))
        assert mine["mean_target"] == pytest.approx(1 - theirs["mean_target"])  # they did change the score

    def test_no_test_at_all_changes_no_weight_either(
        self, problem: Problem, honest: Path, train: Callable[..., Path]
    ) -> None:
        untested = train(replace(problem, test={}))
        assert weights(untested) == weights(honest)
        report = json.loads((untested / "report.json").read_text(encoding="utf-8"))
        assert (report["mean_target"], report["scores"]) == (None, {})
        assert report["estimate"] == {"yor": None, "rus": None}

    def test_only_the_oracle_follows_them_and_says_so(self, problem: Problem, train: Callable[..., Path]) -> None:
        told = train(problem, select="oracle")
        lied_to = train(with_test_labels(problem, lambda _, label: FLIPPED[label]), select="oracle")
        one, other = choices(told)[0], choices(lied_to)[0]
        assert {step: 1 - score for step, score in other["scores"].items()} == pytest.approx(one["scores"])
        for run in (told, lied_to):
            report = json.loads((run / "report.json").read_text(encoding="utf-8"))
            assert (report["regime"], report["tier"], report["selection"]["rule"]) == ("oracle", "oracle", "oracle")

    def test_the_honest_report_does_not_say_so(self, honest: Path) -> None:
        report = json.loads((honest / "report.json").read_text(encoding="utf-8"))
        assert (report["regime"], report["tier"], report["selection"]["rule"]) == ("zero-shot", "nothing", "source_dev")

    def test_they_are_no_part_of_the_fingerprint(self, problem: Problem) -> None:
        lied_to = with_test_labels(problem, lambda n, label: FLIPPED[label] if n % 2 else label)
        assert lied_to.fingerprint() == problem.fingerprint() == problem.blind().fingerprint()


class TestSeeds:
    def test_the_same_seed_gives_the_same_bits(
        self, problem: Problem, honest: Path, train: Callable[..., Path]
    ) -> None:
        again = train(problem)
        assert weights(again) == weights(honest)
        assert choices(again) == choices(honest)
        for lang in ("eng", "yor", "rus"):
            name = f"predictions/{lang}.jsonl"
            assert (again / name).read_bytes() == (honest / name).read_bytes()

    def test_another_seed_gives_others(self, problem: Problem, honest: Path, train: Callable[..., Path]) -> None:
        assert weights(train(problem, seeds=[2])) != weights(honest)

    def test_a_seed_is_the_same_alone_and_among_others(
        self, problem: Problem, honest: Path, train: Callable[..., Path]
    ) -> None:
        both = train(problem, seeds=[2, 1])
        assert choices(both)[1] == choices(honest)[0]
        for lang in ("yor", "rus"):
            alone = [json.loads(x) for x in (honest / f"predictions/{lang}.jsonl").read_text().split("\n")[:-1]]
            among = [json.loads(x) for x in (both / f"predictions/{lang}.jsonl").read_text().split("\n")[:-1]]
            assert [row["by_seed"]["1"] for row in among] == [row["by_seed"]["1"] for row in alone]

    @pytest.mark.parametrize("seeds", [(0,), (1, 0), (0, 1)])
    def test_the_predictions_written_are_those_of_the_model_kept(
        self, problem: Problem, train: Callable[..., Path], seeds: tuple[int, ...]
    ) -> None:
        out = train(problem, seeds=seeds)
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (out / "predictions" / "yor.jsonl").read_text().split("\n")[:-1]]
        system = isogloss.System.from_pretrained(out)
        given = system.predict([e.fields["text"] for e in problem.test["yor"]], lang="yor")
        assert report["model_seed"] in seeds
        assert [row["prediction"] for row in rows] == [prediction.value for prediction in given]
        assert [row["score"] for row in rows] == pytest.approx([prediction.score for prediction in given], abs=1e-5)


SENTENCE = "Ọmọ náà rà búrẹ́dì 12, „straße“ ﬁn!"
COPIES = {
    "exact": SENTENCE,
    "case": SENTENCE.upper(),
    "punctuation": "ọmọ náà -- rà búrẹ́dì; 12 straße fin",
    "full width": SENTENCE.replace("12", "１２").replace("!", "！"),
    "decomposed": "O\u0323mo\u0323 na\u0301a\u0300 ra\u0300 bu\u0301re\u0323\u0301di\u0300 12, „straße“ fin!",
    "spaces": SENTENCE.replace(" ", "  \u00a0"),
}
ROLES = {"train": "train", "dev": "select", "few": "few", "unlabelled": "adapt", "parallel": "parallel"}


def example(name: str, lang: str, text: str, place: str) -> Example:
    return Example(id=name, lang=lang, fields={"text": text, "label": "a"}, place=place)


def raw(text: str, lang: str, place: str) -> Example:
    return Example(id=f"{lang}/{place}", lang=lang, fields={"text": text}, place=place)


def house(*more: str) -> dict[tuple[str, str], tuple[tuple[Example, Example], ...]]:
    """Parallel text: a house, and a sentence with the given translation."""
    pairs = [("a house", "ilé"), *(("a sentence", text) for text in more)]
    places = [f"parallel/eng-yor:{number}" for number in range(1, len(pairs) + 1)]
    return {
        ("eng", "yor"): tuple(
            (raw(one, "eng", place), raw(other, "yor", place))
            for place, (one, other) in zip(places, pairs, strict=True)
        )
    }


def lines(*texts: str) -> dict[str, tuple[Example, ...]]:
    """Raw text of the target language."""
    return {"yor": tuple(raw(text, "yor", f"unlabelled/yor:{n}") for n, text in enumerate(texts, start=1))}


def planted(where: str, text: str, *, seen_id: str = "eng/train/1", test_id: str = "yor/test/1") -> Problem:
    """A problem that has ``text`` in one place and ``SENTENCE`` in its test."""
    clean = Problem(
        name="clean",
        task=Classification(labels=("a", "b")),
        source=("eng",),
        targets=("yor",),
        train={"eng": (example("eng/train/9", "eng", "one thing", "train/eng:9"),)},
        dev={"eng": (example("eng/dev/9", "eng", "another thing", "dev/eng:9"),)},
        few={"yor": (example("yor/few/9", "yor", "ohun kan", "few/yor:9"),)},
        test={"yor": (example(test_id, "yor", SENTENCE, "test/yor:1"), example("y", "yor", "rárá", "test/yor:2"))},
        unlabelled=lines("ohun mìíràn"),
        parallel=house(),
    )
    if where == "unlabelled":
        return replace(clean, unlabelled=lines("ohun mìíràn", text))
    if where == "parallel":
        return replace(clean, parallel=house(text))
    lang = "yor" if where == "few" else "eng"
    split = {lang: (*getattr(clean, where)[lang], example(seen_id, lang, text, f"{where}/{lang}:10"))}
    return replace(clean, **{where: split})


class TestLeaks:
    @pytest.mark.parametrize("where", ROLES)
    @pytest.mark.parametrize("copy", COPIES)
    def test_a_copy_of_a_test_text_is_found_wherever_it_stands(self, copy: str, where: str) -> None:
        (leak,) = Ledger.of(planted(where, COPIES[copy])).leaks()
        seen = {"unlabelled": "unlabelled/yor:2", "parallel": "parallel/eng-yor:2"}
        assert leak == Leak(
            kind="exact" if copy == "exact" else "normalised",
            role=ROLES[where],  # type: ignore[arg-type]
            seen=seen.get(where, f"{where}/{'yor' if where == 'few' else 'eng'}:10"),
            test="test/yor:1",
            lang="yor",
        )

    @pytest.mark.parametrize("where", ["train", "dev", "few"])
    def test_a_translation_of_a_test_item_is_found_by_its_id(self, where: str) -> None:
        (leak,) = Ledger.of(planted(where, "quite another text", seen_id="7", test_id="7")).leaks()
        assert (leak.kind, leak.role, leak.test) == ("parallel", ROLES[where], "test/yor:1")
        assert "the same id" in str(leak)

    @pytest.mark.parametrize("where", ROLES)
    def test_other_text_is_no_leak(self, where: str) -> None:
        assert Ledger.of(planted(where, "quite another text")).leaks() == []

    def test_ids_that_the_reader_made_name_no_translation(self) -> None:
        # The first row of every file that has no ids is number 1, and no translation for that.
        assert Ledger.of(planted("train", "another text", seen_id="eng/train/1", test_id="yor/test/1")).leaks() == []

    def test_the_strongest_kind_is_reported_once_for_each_role(self) -> None:
        problem = planted("train", SENTENCE, seen_id="7", test_id="7")
        problem = replace(problem, unlabelled=lines(SENTENCE.lower(), SENTENCE.upper()))
        assert [(leak.kind, leak.role) for leak in Ledger.of(problem).leaks()] == [
            ("exact", "train"),
            ("normalised", "adapt"),
        ]

    def test_signs_alone_are_not_the_same_sentence(self) -> None:
        problem = planted("train", "!!!")
        test = {"yor": (example("yor/test/1", "yor", "???", "test/yor:1"),)}
        assert Ledger.of(replace(problem, test=test)).leaks() == []

    def test_the_invented_problems_are_clean(self, tiny_problem: Callable[..., Problem]) -> None:
        for kind in ("classification", "pair_labels", "pair_scores", "spans", "words"):
            assert Ledger.of(tiny_problem(kind)).leaks() == []

    def test_they_are_counted_in_the_report(self, problem: Problem, train: Callable[..., Path]) -> None:
        copied = problem.test["yor"][0]
        train_rows = (*problem.train["eng"], replace(copied, lang="eng", id="new", place="train:99"))
        out = train(replace(problem, train={"eng": train_rows}))
        leaks = json.loads((out / "report.json").read_text(encoding="utf-8"))["leaks"]
        assert (leaks["total"], leaks["by_kind"]) == (1, {"exact:train": 1})
        assert leaks["first"] == ["test['yor']:1: the same text as train:99 (role train)"]

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Straße", "STRASSE"),
            ("ﬁn", "FIN"),
            ("Ｈｅｌｌｏ", "hello"),
            ("a-b c", "abc"),
            ("é", "e\u0301"),
            ("ΣΑΣ", "σας"),
        ],
    )
    def test_what_counts_as_the_same(self, one: str, other: str) -> None:
        assert normalise(one) == normalise(other)

    @pytest.mark.parametrize(("one", "other"), [("e", "é"), ("कि", "की"), ("1", "2"), ("ọ", "o"), ("กา", "กี")])
    def test_what_does_not(self, one: str, other: str) -> None:
        assert normalise(one) != normalise(other)


class TestTransductive:
    def test_raw_text_of_the_test_is_marked(self) -> None:
        assert Ledger.of(planted("unlabelled", SENTENCE)).transductive

    @pytest.mark.parametrize("where", ["train", "dev", "few", "parallel"])
    def test_the_same_in_another_role_is_a_leak_only(self, where: str) -> None:
        assert not Ledger.of(planted(where, SENTENCE)).transductive

    def test_a_clean_problem_is_not(self) -> None:
        assert not Ledger.of(planted("unlabelled", "ohun tuntun")).transductive


class TestTier:
    """What a result was allowed to know of its targets follows from what was entered."""

    @pytest.fixture
    def ledger(self, problem: Problem) -> Ledger:
        ledger = Ledger()
        ledger.record("train", problem.train["eng"], problem.task)
        ledger.record("select", problem.dev["eng"], problem.task)
        ledger.record("test", problem.test["yor"], problem.task)
        return ledger

    def derived(self, ledger: Ledger) -> tuple[str, str]:
        return ledger.regime(["yor", "rus"]), ledger.tier(["yor", "rus"])

    def test_nothing(self, ledger: Ledger) -> None:
        assert self.derived(ledger) == ("zero-shot", "nothing")

    def test_raw_text(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record_text(replace(problem, unlabelled=lines("ohun")))
        assert self.derived(ledger) == ("zero-shot", "raw text")

    def test_parallel_text(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record_text(replace(problem, unlabelled=lines("ohun"), parallel=house("ohun")))
        assert self.derived(ledger) == ("zero-shot", "parallel text")

    @pytest.mark.parametrize("origin", ["translated", "projected"])
    def test_machine_translation_in_training(self, origin: Any, ledger: Ledger, problem: Problem) -> None:
        made = [replace(e, lang="yor", origin=origin) for e in problem.train["eng"]]
        ledger.record("train", made, problem.task)
        assert self.derived(ledger) == ("zero-shot", "MT in training")

    def test_machine_translation_at_inference(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record("bridge", problem.test["yor"], problem.task)
        assert self.derived(ledger)[1] == "MT at inference"

    @pytest.mark.parametrize("role", ["train", "select", "few", "prompt"])
    def test_labels_of_a_target(self, role: Any, ledger: Ledger, problem: Problem) -> None:
        ledger.record(role, [replace(e, lang="yor") for e in problem.train["eng"][:5]], problem.task)
        assert self.derived(ledger) == ("few-shot", "5 target labels")

    def test_the_same_labels_seen_by_every_seed_are_counted_once(self, ledger: Ledger, problem: Problem) -> None:
        for _ in range(3):
            ledger.record("few", [replace(e, lang="yor") for e in problem.train["eng"][:5]], problem.task)
        assert self.derived(ledger) == ("few-shot", "5 target labels")
        assert ledger.resources()["few"] == {"yor": 5}

    def test_labels_of_a_language_that_is_no_target(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record("few", [replace(e, lang="hau") for e in problem.train["eng"][:5]], problem.task)
        assert self.derived(ledger) == ("zero-shot", "nothing")

    def test_the_oracle_outdoes_all(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record("few", [replace(e, lang="yor") for e in problem.train["eng"][:5]], problem.task)
        ledger.selected_on_test = True
        assert self.derived(ledger) == ("oracle", "oracle")

    def test_what_the_test_holds_is_not_what_was_known(self, ledger: Ledger, problem: Problem) -> None:
        ledger.record("test", problem.test["rus"], problem.task)
        assert self.derived(ledger) == ("zero-shot", "nothing")

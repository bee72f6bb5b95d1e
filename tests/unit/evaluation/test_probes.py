"""Probe items: labels by an independent judge, the same meanings in every language, changes that keep the label."""

from __future__ import annotations

import ast
import inspect
import random
import re
import string
from collections import Counter
from typing import Any

import pytest

from isogloss.errors import DataError
from isogloss.evaluation.probes import CHANGES, LABELS, LANGS, NAMES, PHENOMENA, Item, Lexicon, items, solver
from isogloss.evaluation.probes.lexicon import TABLES
from isogloss.evaluation.probes.perturbing import TAUTOLOGIES, Distraction, Spelling
from isogloss.evaluation.probes.solver import solve
from isogloss.languages import units

ANNA, BEN = ("act", "anna", "sing"), ("act", "daniel", "dance")


def judged(name: str, count: int) -> list[tuple[str, str]]:
    made = items(name, "eng", count=count)
    return [(item.label, solve(item.form or {})) for item in made]


@pytest.mark.parametrize("name", NAMES)
def test_the_solver_gives_the_labels_of_the_rules(name: str) -> None:
    pairs = judged(name, 180)
    assert len(pairs) == 180
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_solver_gives_the_labels_of_ten_thousand(name: str) -> None:
    pairs = judged(name, 10_000)
    assert len(pairs) == 10_000
    assert [pair for pair in pairs if pair[0] != pair[1]] == []


def test_the_solver_shares_nothing_with_the_generators() -> None:
    imports = [node for node in ast.walk(ast.parse(inspect.getsource(solver))) if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imports if str(node.module).startswith("isogloss")} == set()


@pytest.mark.parametrize(
    ("premise", "hypothesis", "given", "label"),
    [
        ([ANNA], ("not", ANNA), [], "contradiction"),
        ([("or", ANNA, BEN)], ANNA, [], "neutral"),
        ([("or", ANNA, BEN), ("not", ANNA)], BEN, [], "entailment"),
        ([("if", ANNA, BEN), BEN], ANNA, [], "neutral"),
        ([("act", "anna", "sing", "rome")], ANNA, [], "entailment"),
        ([("not", ("act", "anna", "sing", "rome"))], ("not", ANNA), [], "neutral"),
        ([("not", ("is", "anna", "tall"))], ("is", "anna", "short"), [("contrary", "tall", "short")], "neutral"),
        ([("is", "anna", "tall")], ("is", "anna", "short"), [], "neutral"),
        ([("is", "anna", "tall")], ("is", "anna", "short"), [("contrary", "tall", "short")], "contradiction"),
        (
            [("not", ("is", "anna", "present"))],
            ("is", "anna", "absent"),
            [("complementary", "present", "absent")],
            "entailment",
        ),
        ([("every", "doctor", None, "sing")], ("every", "doctor", "rome", "sing"), [], "entailment"),
        ([("every", "doctor", "rome", "sing")], ("every", "doctor", None, "sing"), [], "neutral"),
        ([("every", "doctor", None, "sing")], ("some", "doctor", None, "sing"), [], "entailment"),
        ([("every", "doctor", None, "sing")], ("some", "doctor", None, "swim"), [], "neutral"),
        ([("count", "anna", "buy", "egg", "more", 5, "digits")], ("count", "anna", "buy", "egg", "least", 6, "words"),
         [], "entailment"),
        ([("count", "anna", "buy", "egg", "least", 5, "digits")], ("count", "anna", "buy", "egg", "fewer", 5, "words"),
         [], "contradiction"),
        ([("count", "anna", "buy", "egg", "least", 5, "digits"), ("count", "eva", "buy", "egg", "least", 2, "digits")],
         ("more", "anna", "eva", "buy", "egg"), [], "neutral"),
        ([("count", "anna", "buy", "egg", "more", 5, "digits"), ("count", "eva", "buy", "egg", "most", 5, "digits")],
         ("more", "anna", "eva", "buy", "egg"), [], "entailment"),
        ([ANNA], ("appended", ANNA, ("differ", "black", "white")), [], "entailment"),
        ([ANNA], ("appended", ANNA, ("differ", "black", "black")), [], "contradiction"),
        ([("next", "doctor", "judge", "sleep")], ("past", "judge", "sleep"), [], "neutral"),
    ],
)  # fmt: skip
def test_the_solver_on_what_anybody_can_check(premise: Any, hypothesis: Any, given: Any, label: str) -> None:
    assert solve({"premise": premise, "hypothesis": hypothesis, "given": given}) == label


def test_the_solver_refuses_premises_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="contradict"):
        solve({"premise": [ANNA, ("not", ANNA)], "hypothesis": BEN})


@pytest.mark.parametrize("name", PHENOMENA)
def test_labels_are_balanced_and_items_differ(name: str) -> None:
    for lang in LANGS:
        made = items(name, lang, count=99)
        assert Counter(item.label for item in made) == dict.fromkeys(LABELS, 33)
        assert len({(item.text_a, item.text_b) for item in made}) == len(made)
        assert all(item.text_a != item.text_b for item in made)


@pytest.mark.parametrize("count", [3, 6, 20, 99])
def test_few_changed_items_have_every_label(count: int) -> None:
    for lang in LANGS:
        counts = Counter(item.label for item in items("distraction", lang, count=count))
        assert max(counts.values()) - min(counts[label] for label in LABELS) <= 1
        some = Counter(item.label for item in items("spelling", lang, count=count))
        assert some.total() == count
        assert max(some.values()) <= count / 2 + 1  # where nothing can be misspelt, the next item takes the turn


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_means_the_same_in_every_language(name: str) -> None:
    english = {item.id: item for item in items(name, "eng", count=60)}
    for lang in LANGS[1:]:
        there = {item.id: item for item in items(name, lang, count=60)}
        shared = english.keys() & there.keys()
        assert len(shared) > 30
        assert all(there[key].label == english[key].label for key in shared)
        assert all(there[key].text_a != english[key].text_a for key in shared if lang == "zho")
        if name in PHENOMENA:
            assert all(there[key].form == english[key].form for key in shared)


@pytest.mark.parametrize("name", PHENOMENA)
def test_a_smaller_number_is_the_beginning_of_a_larger_one(name: str) -> None:
    assert items(name, "por", count=12) == items(name, "por", count=30)[:12]
    assert items(name, "por", count=12) != items(name, "por", count=12, seed=1)


def test_every_lexicon_has_the_concepts_and_forms_that_its_templates_need() -> None:
    english = Lexicon.of("eng")
    for lang in LANGS:
        lexicon = Lexicon.of(lang)
        assert {table: lexicon.words[table].keys() for table in TABLES} == {
            table: english.words[table].keys() for table in TABLES
        }
        assert lexicon.templates.keys() >= english.templates.keys()
        assert lexicon.operators.keys() == english.operators.keys()
        assert lexicon.tautologies.keys() == english.tautologies.keys()
        for table in TABLES:  # two concepts that look the same would make labels wrong
            looks = [str(word) for word in lexicon.words[table].values()]
            assert len(set(looks)) == len(looks), (lang, table)


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", PHENOMENA)
def test_sentences_are_well_formed(name: str, lang: str) -> None:
    lexicon = Lexicon.of(lang)
    for item in items(name, lang, count=60):
        for text in (item.text_a, item.text_b):
            assert text == text.strip()
            assert text[0] == text[0].upper()
            assert text.endswith(lexicon.stop)
            assert not re.search(r"[{}]|  |\.\.", text)
            assert (" " in text) == (lang != "zho")


SENTENCES = {
    ("not", ("act", "anna", "sing")): (
        "Anna does not sing.", "Ana não canta.", "Ana no canta.", "Anna singt nicht.", "安娜不唱歌。",
    ),
    ("if", ("not", ("act", "anna", "sing")), ("not", ("act", "paul", "read"))): (
        "If Anna does not sing, Paul does not read.", "Se Ana não canta, Paulo não lê.",
        "Si Ana no canta, Pablo no lee.",
        "Wenn Anna nicht singt, dann liest Paul nicht.", "如果安娜不唱歌，那么保罗就不看书。",
    ),
    ("count", "paul", "buy", "apple", "least", 2, "words"): (
        "Paul bought at least two apples.", "Paulo comprou pelo menos duas maçãs.",
        "Pablo compró al menos dos manzanas.",
        "Paul kaufte mindestens zwei Äpfel.", "保罗至少买了两个苹果。",
    ),
    ("no", "doctor", "lisbon", "swim"): (
        "No doctor from Lisbon swims.", "Nenhum médico de Lisboa nada.", "Ningún médico de Lisboa nada.",
        "Kein Arzt aus Lissabon schwimmt.", "没有一个来自里斯本的医生游泳。",
    ),
    ("did", "doctor", "see", "lawyer"): (
        "The doctor saw the lawyer.", "O médico viu o advogado.", "El médico vio al abogado.",
        "Der Arzt sah den Anwalt.", "医生看见了律师。",
    ),
    ("next", "doctor", "lawyer", "sleep"): (
        "The doctor next to the lawyer slept.", "O médico ao lado do advogado dormiu.",
        "El médico junto al abogado durmió.", "Der Arzt neben dem Anwalt schlief.", "律师旁边的医生睡着了。",
    ),
    ("not", ("is", "anna", "lazy")): (
        "Anna is not lazy.", "Ana não é preguiçosa.", "Ana no es perezosa.", "Anna ist nicht faul.", "安娜不懒。",
    ),
    ("false", ("did", "doctor", "see", "lawyer")): (
        "The following is false: the doctor saw the lawyer.", "O seguinte é falso: o médico viu o advogado.",
        "Lo siguiente es falso: el médico vio al abogado.", "Folgendes ist falsch: Der Arzt sah den Anwalt.",
        "以下说法是错的：医生看见了律师。",
    ),
}  # fmt: skip


@pytest.mark.parametrize("formula", SENTENCES, ids=lambda formula: str(formula[0]))
def test_what_a_formula_is_in_five_languages(formula: tuple[Any, ...]) -> None:
    assert tuple(Lexicon.of(lang).text(formula) for lang in LANGS) == SENTENCES[formula]


@pytest.mark.parametrize("lang", LANGS)
def test_overlap_hypotheses_have_no_word_of_their_own(lang: str) -> None:
    for item in items("overlap", lang, count=90):
        words = [{text[slice(*unit)].lower() for unit in units(text)} for text in (item.text_a, item.text_b)]
        assert words[1] <= words[0], item


@pytest.mark.parametrize("lang", LANGS)
def test_a_distraction_is_the_text_of_its_form(lang: str) -> None:
    for item in items("distraction", lang, count=60):
        assert item.form is not None
        lexicon = Lexicon.of(lang)
        assert item.text_a == lexicon.text(*item.form["premise"])
        assert item.text_b == lexicon.text(item.form["hypothesis"])
        assert (item.text_a, item.text_b) != item.base


@pytest.mark.parametrize("lang", LANGS)
def test_a_misspelling_swaps_two_neighbours_and_no_function_word(lang: str) -> None:
    lexicon = Lexicon.of(lang)
    made = items("spelling", lang, count=90)
    assert len(made) == 90
    for item in made:
        assert item.base is not None
        sides = [(a, b) for a, b in zip(item.base, (item.text_a, item.text_b), strict=True) if a != b]
        assert len(sides) == 1
        before, after = sides[0]
        at = next(i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b)
        assert before[at : at + 2] == after[at : at + 2][::-1]
        assert before[at + 2 :] == after[at + 2 :]
        if lang == "zho":
            assert not set(before[at : at + 2]) & lexicon.function_words
        else:
            word = next(m[0] for m in re.finditer(r"[^\W\d_]+", before) if m.start() <= at < m.end())
            assert word.lower() not in lexicon.function_words


def row(lang: str, text_a: str, text_b: str) -> Item:
    return Item(id="1", lang=lang, text_a=text_a, text_b=text_b, label="neutral", phenomenon="rows")


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("The shop is shut.", "The shop is shut, and "),
        ("The shop is shut", "The shop is shut, and "),
        ("Is it shut?", "Is it shut? "),
    ],
)
def test_distraction_of_a_users_row(text: str, ending: str) -> None:
    for seed in range(8):
        new = Distraction().changed(row("eng", text, text), random.Random(seed))
        assert new is not None
        longer = max(new.text_a, new.text_b, key=len)
        assert longer.startswith(ending)
        assert longer.endswith(".")
        assert new.label == "neutral"
        assert new.form is None


def test_a_row_of_function_words_cannot_be_misspelt() -> None:
    assert Spelling().changed(row("eng", "They have not been there.", "Some were."), random.Random(0)) is None
    assert Spelling().changed(row("spa", "Nunca nadie.", "Todos, también no."), random.Random(0)) is not None


def test_every_tautology_is_true_and_has_words() -> None:
    assert {solve({"premise": [ANNA], "hypothesis": tautology}) for tautology in TAUTOLOGIES} == {"entailment"}
    for lang in LANGS:
        assert len({Lexicon.of(lang).text(tautology) for tautology in TAUTOLOGIES}) == len(TAUTOLOGIES)


def test_templates_name_only_slots_that_are_filled() -> None:
    for lang in LANGS:
        for template in Lexicon.of(lang).templates.values():
            slots = {str(name).split(".")[0] for _, name, *_ in string.Formatter().parse(template) if name}
            assert slots <= set("abcnopqrstvxS") | {"op", "where"}


def test_what_there_is_not_is_said() -> None:
    with pytest.raises(DataError, match=r"no probe lexicon of Yoruba.*eng, por"):
        items("negation", "yor", count=3)
    with pytest.raises(DataError, match="Did you mean 'negation'"):
        items("negatoin", "eng", count=3)
    assert set(CHANGES) | set(PHENOMENA) == set(NAMES)

"""Links between files, found and not invented; and what else the audit says of a problem."""

from __future__ import annotations

import random
from typing import Any

import pytest

from isogloss import Problem
from isogloss.evaluation.audit import audit
from isogloss.evaluation.links import find_links, parallel_rows
from isogloss.evaluation.partial import partial_input

WORDS = (
    "river", "stone", "harvest", "market", "teacher", "window", "carry", "village", "listen", "bread", "copper",
    "winter", "road", "sister", "garden",
)  # fmt: skip
LABELS = ("food", "sport", "travel")


def sentence(rng: random.Random, words: int = 9) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def rows(seed: int, number: int = 60) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [{"text": sentence(rng), "label": rng.choice(LABELS)} for _ in range(number)]


def cipher(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"text": " ".join(word[::-1] + "o" for word in row["text"].split())} for row in given]


def problem(**data: Any) -> Problem:
    return Problem.from_data(task="classification", source="eng", targets=["yor", "swa"], labels=LABELS, **data)


def kinds(made: Problem) -> dict[tuple[str, str, str], int]:
    return {(link.kind, link.seen, link.test): link.count for link in find_links(made)}


def test_a_sound_problem_has_no_links() -> None:
    test = {"yor": cipher(rows(3)), "swa": cipher(rows(4))}
    assert find_links(problem(train={"eng": rows(1, 200)}, dev={"eng": rows(2)}, test=test)) == []


def test_translations_in_one_order_are_found_without_ids() -> None:
    dev = rows(2)
    found = kinds(problem(train={"eng": rows(1)}, dev={"eng": dev}, test={"yor": cipher(dev[10:])}))
    assert found == {("order", "dev['eng']", "test['yor']"): 50}


def test_parallel_tests_without_ids_are_found_and_those_with_ids_are_not() -> None:
    test = rows(3)
    bare = problem(train={"eng": rows(1)}, test={"yor": cipher(test), "swa": cipher(cipher(test))})
    assert kinds(bare) == {("order", "test['yor']", "test['swa']"): 60}
    named = [row | {"id": str(n)} for n, row in enumerate(test)]
    assert kinds(problem(train={"eng": rows(1)}, test={"yor": cipher(named), "swa": cipher(named)})) == {}


def test_a_sentence_inside_a_paragraph_and_its_translation_are_found() -> None:
    english = [row | {"id": str(n)} for n, row in enumerate(rows(3, 20))]
    rng = random.Random(9)
    read = [f"{sentence(rng, 12)}. {english[4]['text'].upper()}! {sentence(rng, 12)}", english[7]["text"]]
    made = problem(train={"eng": rows(1)}, unlabelled={"eng": read}, test={"eng": english, "yor": cipher(english)})
    assert kinds(made) == {
        ("part", "unlabelled['eng']", "test['eng']"): 1,
        ("text", "unlabelled['eng']", "test['eng']"): 1,
        ("translation", "unlabelled['eng']", "test['yor']"): 2,
    }


def test_rows_that_agree_by_their_make_are_not_parallel() -> None:
    labels = [label for label in LABELS for _ in range(40)]
    assert parallel_rows(labels, labels) is None  # sorted by label
    assert parallel_rows(LABELS * 40, LABELS * 40) is None  # taking turns
    assert parallel_rows(["a"] * 50, ["a"] * 50) is None
    rng = random.Random(0)
    first, second = rng.choices(LABELS, k=300), rng.choices(LABELS, k=300)
    assert parallel_rows(first, second) is None
    assert parallel_rows(first, first[25:] + second) == (25, 275)
    assert parallel_rows(first[:19], first[:19]) is None


def test_parallel_rows_are_never_found_in_noise() -> None:
    rng = random.Random(1)
    found = [parallel_rows(rng.choices("ab", k=60), rng.choices("ab", k=60)) for _ in range(200)]
    assert found == [None] * 200


def test_the_audit_names_classes_shifts_and_conflicts() -> None:
    train = rows(1, 200)
    yor = [row | {"label": "food"} for row in cipher(rows(3, 80))]
    swa = [row | {"label": "sport" if n % 10 else "travel"} for n, row in enumerate(cipher(rows(4, 80)))]
    clash = train[0] | {"label": next(label for label in LABELS if label != train[0]["label"])}
    found = audit(problem(train={"eng": [*train, clash]}, test={"yor": yor, "swa": swa}))
    by_kind: dict[str, list[str]] = {}
    for finding in found:
        by_kind.setdefault(finding.kind, []).append(finding.text)
    assert by_kind["conflict"] == ["train['eng']:201: the same text as train['eng']:1, and another label."]
    assert "all 80 examples" in by_kind["one class"][0]
    assert by_kind["missing classes"] == [
        "test['swa']: no item has the label food, which other test files have.",
    ]
    assert [text.partition(":")[0] for text in by_kind["label shift"]] == ["test['yor']", "test['swa']"]
    assert set(by_kind) == {"conflict", "one class", "missing classes", "label shift"}


def test_half_a_pair_that_tells_the_label_is_found() -> None:
    rng = random.Random(2)
    texts = [sentence(rng) for _ in range(300)]
    labels = [rng.choice("ab") for _ in texts]
    told = [f"{text} nobody" if label == "a" and n % 3 else text
            for n, (text, label) in enumerate(zip(texts, labels, strict=True))]  # fmt: skip
    plain, given = partial_input(texts, labels), partial_input(told, labels)
    assert plain.accuracy == pytest.approx(0.5, abs=0.09)  # three standard errors
    assert given.accuracy > 0.7
    assert given.above[0] > 0.1
    with pytest.raises(ValueError, match="as many"):
        partial_input(texts, labels[1:])


def test_premises_with_all_their_hypotheses_share_a_fold() -> None:
    """Three hypotheses of each premise, one of each label and all of the premise's words: nothing is to be learnt."""
    premises = [f"subject{n} object{n} place{n}" for n in range(100) for _ in range(3)]
    labels = ["a", "b", "c"] * 100
    assert partial_input(premises, labels, groups=premises).accuracy == pytest.approx(1 / 3)
    apart = partial_input(premises, labels, groups=[f"{premise} {n}" for n, premise in enumerate(premises)])
    assert apart.accuracy < 0.2  # what was met under two labels is taken for one of them

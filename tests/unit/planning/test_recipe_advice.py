from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from isogloss.planning.recipe import NOTES, RULES, Facts, advise
from isogloss.recipes import catalogue

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results.md"
TOPICS = Facts(task="classification", metric="accuracy")
NAMES = Facts(task="tagging", metric="span_f1")


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (TOPICS, "direct"),
        (replace(TOPICS, few=10), "direct"),
        (replace(TOPICS, few=100), "direct"),
        (replace(TOPICS, few=100, few_help=True), "few-shot"),
        (replace(TOPICS, few_help=True), "direct"),
        (replace(NAMES, few=10), "direct"),
        (replace(NAMES, few=50), "few-shot"),
        (replace(NAMES, into_target=True), "direct"),
        (Facts(task="qa", metric="f1", unread=True, into_source=True), "translate-test"),
        (Facts(task="qa", metric="f1", unread=True), "direct"),
        (Facts(task="qa", metric="f1", into_source=True), "direct"),
        (Facts(task="tagging", metric="accuracy", few=500), "direct"),
    ],
)
def test_the_first_rule_that_fits_names_the_recipe(facts: Facts, name: str) -> None:
    found = advise(facts)
    assert found.name == name
    assert found.name in catalogue()


def test_direct_says_what_speaks_against_the_others() -> None:
    assert "ten of seven classes cost" in advise(replace(TOPICS, few=10)).reason
    assert "translate-train was" in advise(replace(NAMES, into_target=True)).reason
    assert "translate-train was" not in advise(NAMES).reason
    assert "maft" in advise(replace(TOPICS, raw=True)).reason
    assert "no recipes were compared" in advise(Facts(task="qa", metric="f1")).reason
    assert "isogloss:e5-small" in advise(replace(TOPICS, backbone="other")).reason
    assert "isogloss:e5-small" not in advise(TOPICS).reason


def test_every_figure_of_a_reason_stands_in_the_results() -> None:
    results = " ".join(RESULTS.read_text(encoding="utf-8").replace("+", "").split())
    for sentence in (*(reason for *_, reason in RULES), *(note for _, note in NOTES)):
        figures = re.findall(r"\d+\.\d+(?: points)?(?: \[[^]]+\])|\d+\.\d+ to \d+\.\d+", sentence)
        assert figures or not re.search(r"\d\.\d", sentence), sentence
        for figure in figures:
            assert figure in results or figure.replace(" points", "") in results, figure
        if figures:
            assert "on our benchmark" in sentence.lower(), sentence

"""A system is scored on problems of its own kind only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import isogloss
from isogloss import IsoglossError, Problem


@pytest.mark.parametrize(
    ("made", "asked", "words"),
    [
        ("pair_labels", "pair_scores", "pair measured by accuracy, the problem is pair measured by spearman"),
        ("pair_scores", "pair_labels", "pair measured by spearman, the problem is pair measured by accuracy"),
        ("spans", "words", "tagging measured by span_f1, the problem is tagging measured by accuracy"),
        ("words", "spans", "tagging measured by accuracy, the problem is tagging measured by span_f1"),
        ("spans", "pair_labels", "made for tagging, the problem is pair"),
    ],
)
def test_another_kind_is_refused_in_a_sentence(
    made: str, asked: str, words: str, untrained: Any, tiny_problem: Callable[..., Problem]
) -> None:
    with pytest.raises(IsoglossError, match=words):
        isogloss.evaluate(untrained(tiny_problem(made).task), tiny_problem(asked))

"""From linked words to a span of the target: which of the linked words make up the translation of a source span."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge

from isogloss.bridges.base import Span

SpanRule = Literal["largest_group", "min_max"]

SIGNS = frozenset("%‰&@#§")
"""What Unicode counts as punctuation, but stands for a word: ``50 %``, ``AT & T``."""


def span_of(
    linked: Iterable[int],
    units: Sequence[Span],
    text: str,
    *,
    rule: SpanRule = "largest_group",
    gap: Annotated[int, Ge(0)] = 1,
) -> Span | None:
    """The span that the linked words of a target stand for; None where no word but punctuation is linked.

    ``min_max`` reaches from the first to the last linked word: good for sparse links. ``largest_group`` puts linked
    words together that have at most ``gap`` other words between them and keeps the group with the most linked words
    (of equals the one with more characters, then the first): it survives a stray link far away. The rule is that of
    Easy-Label-Projection (García-Ferrero et al., Findings of EMNLP 2022), whose code compares the widths of two groups
    where it means the gap between them.

    Args:
        linked: indexes into ``units``, in any order.
        units: the target's words, [start, end) in characters, in order.
        text: the target.
        rule: see above.
        gap: words that may lie between two words of a group.
    """
    words = sorted({unit for unit in linked if not is_punctuation(text[slice(*units[unit])])})
    if not words:
        return None
    if rule == "min_max":
        return units[words[0]][0], units[words[-1]][1]
    groups = [[words[0]]]
    for previous, word in pairwise(words):
        if word - previous - 1 <= gap:
            groups[-1].append(word)
        else:
            groups.append([word])
    spans = [(units[group[0]][0], units[group[-1]][1]) for group in groups]
    best = max(range(len(groups)), key=lambda n: (len(groups[n]), spans[n][1] - spans[n][0], -n))
    return spans[best]


def is_punctuation(word: str) -> bool:
    """Whether a word has nothing in it but punctuation, and none of the signs that stand for a word."""
    shapes = unicodedata.normalize("NFKC", word).strip()
    return all(unicodedata.category(char)[0] == "P" and char not in SIGNS for char in shapes if not char.isspace())

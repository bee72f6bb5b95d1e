"""Stress tests for natural language inference: items whose labels are right by construction, in several languages."""

from __future__ import annotations

from collections.abc import Sequence

from isogloss.errors import DataError, unknown
from isogloss.evaluation.probes.antonyms import ANTONYMS
from isogloss.evaluation.probes.booleans import BOOLEANS
from isogloss.evaluation.probes.forms import LABELS, Form, Item, Label
from isogloss.evaluation.probes.lexicon import LANGS, Lexicon
from isogloss.evaluation.probes.negation import NEGATION
from isogloss.evaluation.probes.numbers import NUMBERS
from isogloss.evaluation.probes.overlap import OVERLAP
from isogloss.evaluation.probes.perturbing import Change, Distraction, Spelling, changed
from isogloss.evaluation.probes.phenomena import Phenomenon, forms, worded
from isogloss.evaluation.probes.quantifiers import QUANTIFIERS

__all__ = [
    "CHANGES",
    "LABELS",
    "LANGS",
    "NAMES",
    "PHENOMENA",
    "Change",
    "Form",
    "Item",
    "Label",
    "Lexicon",
    "Phenomenon",
    "items",
]

PHENOMENA: dict[str, Phenomenon] = {
    made.name: made for made in (NEGATION, NUMBERS, QUANTIFIERS, BOOLEANS, ANTONYMS, OVERLAP)
}
CHANGES: dict[str, Change] = {change.name: change for change in (Distraction(), Spelling())}
NAMES = (*PHENOMENA, *CHANGES)
SPARE = 1.3
"""So many times the items asked for are made for a change: some sentences have no word that can be misspelt."""


def items(
    phenomenon: str, lang: str, *, count: int = 300, seed: int = 0, base: Sequence[Item] | None = None
) -> list[Item]:
    """Items of a phenomenon in a language.

    Args:
        phenomenon: one of ``NAMES``.
        lang: a language that has a lexicon.
        count: how many; labels in turn. The items of a smaller number are the first of a larger one.
        seed: the same seed gives items with the same ids and meanings in every language.
        base: rows that ``distraction`` and ``spelling`` change; by default generated items of all phenomena, labels in
            turn. Rows with nothing to change are left out: of rows that are given there may be fewer than ``count``.

    Raises:
        DataError: the phenomenon is unknown, has no so many items, or the language has no lexicon.
    """
    if phenomenon in PHENOMENA:
        return worded(forms(PHENOMENA[phenomenon], count=count, seed=seed), phenomenon, lang, seed=seed)
    if phenomenon not in CHANGES:
        raise DataError(unknown("phenomenon", phenomenon, NAMES).rstrip("."))
    if base is None:
        rounds = int(-(-count * SPARE // (len(PHENOMENA) * len(LABELS))))
        made = [items(name, lang, count=rounds * len(LABELS), seed=seed) for name in PHENOMENA]
        base = [
            made[p][round_ * len(LABELS) + (turn + p) % len(LABELS)]  # each begins with another label
            for round_ in range(rounds)
            for turn in range(len(LABELS))
            for p in range(len(made))
        ]
    return changed(base, CHANGES[phenomenon], most=count, seed=seed)

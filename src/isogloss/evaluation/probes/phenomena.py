"""What every generated phenomenon is: patterns by label, drawn in turn so that labels are balanced exactly."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from isogloss.errors import DataError
from isogloss.evaluation.probes.forms import LABELS, Form, Formula, Item, Label
from isogloss.evaluation.probes.lexicon import TABLES, Lexicon

TRIES = 2000
"""Draws without a new form after which a phenomenon is held to have no more."""

Drawn = tuple[tuple[Formula, ...], Formula]
"""Premise sentences and hypothesis."""


class Draw:
    """Concepts at random, the same in every language: those of the English lexicon are those of all."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        words = Lexicon.of("eng").words
        self.concepts = {table: tuple(words[table]) for table in TABLES}

    def some(self, table: str, count: int) -> list[str]:
        """``count`` different concepts of a table."""
        return self.rng.sample(self.concepts[table], count)

    def one(self, table: str) -> str:
        """A concept of a table."""
        return self.rng.choice(self.concepts[table])

    def coin(self) -> bool:
        """True or false, as often the one as the other."""
        return self.rng.random() < 0.5


Pattern = Callable[[Draw], Drawn]


class Phenomenon(Protocol):
    """Something that an NLI system is probed for."""

    @property
    def name(self) -> str:
        """As the user calls it."""

    @property
    def about(self) -> str:
        """What is probed, in a few words."""

    def form(self, draw: Draw, label: Label) -> Form:
        """A form that has the label by construction."""


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """A phenomenon whose forms come from patterns, each of which always gives the same label."""

    name: str
    about: str
    patterns: dict[Label, Sequence[Pattern]]

    def form(self, draw: Draw, label: Label) -> Form:
        pattern = draw.rng.choice(self.patterns[label])
        premise, hypothesis = pattern(draw)
        return Form(premise=premise, hypothesis=hypothesis, label=label, pattern=pattern.__name__.strip("_"))


def forms(phenomenon: Phenomenon, *, count: int, seed: int = 0) -> list[Form]:
    """``count`` different forms, labels in turn: the same for the same seed, and the first of more.

    Raises:
        DataError: the phenomenon does not have so many.
    """
    return list(islice(_endless(phenomenon, count, seed), count))


def _endless(phenomenon: Phenomenon, count: int, seed: int) -> Iterator[Form]:
    draw = Draw(random.Random(f"{phenomenon.name}/{seed}"))
    seen: set[tuple[tuple[Formula, ...], Formula]] = set()
    while True:
        label = LABELS[len(seen) % len(LABELS)]
        for _ in range(TRIES):
            form = phenomenon.form(draw, label)
            if (form.premise, form.hypothesis) not in seen:
                break
        else:
            what = f"There are no {count} different items of '{phenomenon.name}', only some {len(seen)}"
            raise DataError(what, fix="Ask for fewer")
        seen.add((form.premise, form.hypothesis))
        yield form


def worded(made: Sequence[Form], phenomenon: str, lang: str, *, seed: int = 0) -> list[Item]:
    """Forms in the words of a language; ids do not depend on it."""
    lexicon = Lexicon.of(lang)
    return [
        Item(
            id=f"{phenomenon}/{seed}/{number}",
            lang=lexicon.lang,
            text_a=lexicon.text(*form.premise),
            text_b=lexicon.text(form.hypothesis),
            label=form.label,
            phenomenon=phenomenon,
            pattern=form.pattern,
            form=form.record(),
        )
        for number, form in enumerate(made, start=1)
    ]

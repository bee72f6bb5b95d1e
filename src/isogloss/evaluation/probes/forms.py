"""What a probe item says, as formulas that no language has any part in.

A formula is a tuple: its head, then formulas, concepts (keys of the lexicons) or numbers.

==============================================  ================================================================
``("act", name, act)``                          Anna sings
``("act", name, act, city)``                    Anna sings in Lisbon
``("is", name, adjective)``                     Anna is tall
``("not", f)``                                  the denial of one of the three, in the clause itself
``("false", f)``                                the following is false: f
``("and", f, g)``, ``("or", f, g)``             both; one or both
``("if", f, g)``                                material: false where f is true and g is not
``("nor", f, g)``                               neither of two acts
``("count", name, deal, thing, op, n, style)``  Anna bought at least 5 apples; style says "digits" or "words"
``("more", name, name, deal, thing)``           Anna bought more apples than Ben
``("every", person, city, act)``                every doctor (from Lisbon) sings; also some, no, not_every; city or None
``("did", person, meet, person)``               the doctor saw the lawyer
``("did_two", p, meet, q, r)``                  the doctor saw the lawyer and the baker
``("past", person, past)``                      the doctor slept
``("next", p, q, past)``                        the doctor next to the lawyer slept
``("equal", x, x)``, ``("differ", x, y)``       five is five; black is not white
``("appended", f, g)``                          f, and g
==============================================  ================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Label = Literal["entailment", "neutral", "contradiction"]
LABELS: tuple[Label, ...] = ("entailment", "neutral", "contradiction")

Formula = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """An item before it has been put into words.

    Attributes:
        premise: the sentences of the premise, all of them true.
        hypothesis: one sentence.
        label: what follows, known from how the form was made.
        pattern: the name of the rule that made it.
        given: what everybody knows, ``("contrary", "tall", "short")`` (not both) or ``("complementary", "present",
            "absent")`` (one of the two).
    """

    premise: tuple[Formula, ...]
    hypothesis: Formula
    label: Label
    pattern: str
    given: tuple[Formula, ...] = ()

    def record(self) -> dict[str, Any]:
        """The form as JSON has it, without the label: what the solver is given."""
        return {"premise": self.premise, "hypothesis": self.hypothesis, "given": self.given}


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A probe item in a language.

    Attributes:
        id: the same in every language: items with the same id are translations of each other.
        lang: canonical code.
        text_a, text_b: premise and hypothesis.
        phenomenon, pattern: what is probed, and the rule or the change that made the item.
        form: what it says, as JSON; empty for items that were read.
        base: for a changed item, the texts before the change.
    """

    id: str
    lang: str
    text_a: str
    text_b: str
    label: Label
    phenomenon: str
    pattern: str = ""
    form: Mapping[str, Any] | None = None
    base: tuple[str, str] | None = None

    def row(self, name: str | None = None) -> dict[str, Any]:
        """The item as a row of a pair problem; ``name`` is the label where it is called something else."""
        row: dict[str, Any] = {"id": self.id, "text_a": self.text_a, "text_b": self.text_b, "label": name or self.label}
        row |= {"phenomenon": self.phenomenon, "pattern": self.pattern}
        return row if self.form is None else row | {"form": self.form}


def negated(formula: Formula) -> Formula:
    """The denial of a clause, or the clause that was denied."""
    return formula[1] if formula[0] == "not" else ("not", formula)

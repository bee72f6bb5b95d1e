"""Antonyms: opposites of which both may be false (tall, short), and opposites of which one is true (present, absent).

Of a set whose items are all contradictions, a constant answer gets everything right; here a third are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from isogloss.evaluation.probes.forms import Form, Formula, Label, negated
from isogloss.evaluation.probes.phenomena import Draw, Drawn, Patterns

CONTRARY = (
    ("tall", "short"), ("rich", "poor"), ("strong", "weak"), ("calm", "nervous"), ("polite", "rude"),
    ("generous", "stingy"), ("hard_working", "lazy"), ("brave", "cowardly"), ("fat", "thin"),
    ("optimistic", "pessimistic"),
)  # fmt: skip
COMPLEMENTARY = (("present", "absent"), ("guilty", "innocent"), ("adult", "minor"))


def _opposites(draw: Draw, pairs: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    one, other = draw.rng.choice(pairs)
    return (one, other) if draw.coin() else (other, one)


def _about_two(draw: Draw, first: Formula, rest: str) -> tuple[Formula, ...]:
    """A premise that says it of one person and something of other kind of another, in either order."""
    second: Formula = ("is", rest, _opposites(draw, CONTRARY)[0])
    clauses = (first, second) if draw.coin() else (second, first)
    return (("and", *clauses),) if draw.coin() else clauses


def _pairs(draw: Draw) -> tuple[tuple[str, str], ...]:
    """Pairs of either kind, so often of each that the kind tells nothing about the label."""
    return COMPLEMENTARY if draw.rng.random() < 0.75 else CONTRARY


def _denial(draw: Draw, clause: Formula) -> Formula:
    """The clause denied in one of the two ways."""
    return negated(clause) if draw.coin() else ("false", clause)


def _restated(draw: Draw) -> Drawn:
    a, b = draw.some("names", 2)
    clause: Formula = ("is", a, _opposites(draw, CONTRARY + COMPLEMENTARY)[0])
    return _about_two(draw, clause, b), clause


def _opposite_denied(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    return _about_two(draw, ("is", a, one), b), _denial(draw, ("is", a, other))


def _other_half(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, COMPLEMENTARY)
    hypothesis: Formula = ("is", a, other) if draw.coin() else _denial(draw, ("is", a, one))
    return _about_two(draw, negated(("is", a, one)), b), hypothesis


def _opposite(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    return _about_two(draw, ("is", a, one), b), ("is", a, other)


def _denied(draw: Draw) -> Drawn:
    (a, b), (one, _) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    return _about_two(draw, ("is", a, one), b), _denial(draw, ("is", a, one))


def _neither_half(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, COMPLEMENTARY)
    hypothesis: Formula = ("is", a, one) if draw.coin() else _denial(draw, ("is", a, other))
    return _about_two(draw, negated(("is", a, one)), b), hypothesis


def _between_the_two(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY)
    hypothesis: Formula = ("is", a, other)
    return _about_two(draw, negated(("is", a, one)), b), hypothesis if draw.coin() else _denial(draw, hypothesis)


def _another_person(draw: Draw) -> Drawn:
    (a, b, c), opposites = draw.some("names", 3), _opposites(draw, _pairs(draw))
    hypothesis: Formula = ("is", c, draw.rng.choice(opposites))
    return _about_two(draw, ("is", a, opposites[0]), b), hypothesis if draw.coin() else _denial(draw, hypothesis)


def _another_property(draw: Draw) -> Drawn:
    (a, b), asked = draw.some("names", 2), draw.rng.choice(_pairs(draw))
    said = _opposites(draw, tuple(pair for pair in CONTRARY + COMPLEMENTARY if pair != asked))[0]
    hypothesis: Formula = ("is", a, draw.rng.choice(asked))
    return _about_two(draw, ("is", a, said), b), hypothesis if draw.coin() else _denial(draw, hypothesis)


@dataclass(frozen=True, kw_only=True)
class Antonyms(Patterns):
    """Patterns over adjectives; every form says which of its adjectives exclude each other."""

    def form(self, draw: Draw, label: Label) -> Form:
        form = super().form(draw, label)
        used = {part for sentence in (*form.premise, form.hypothesis) for part in _adjectives(sentence)}
        kinds = (("contrary", CONTRARY), ("complementary", COMPLEMENTARY))
        given = tuple((kind, *pair) for kind, pairs in kinds for pair in pairs if used & set(pair))
        return replace(form, given=given)


def _adjectives(formula: Formula) -> list[str]:
    if formula[0] == "is":
        return [formula[2]]
    return [name for part in formula if isinstance(part, tuple) for name in _adjectives(part)]


ANTONYMS = Antonyms(
    name="antonyms",
    about="tall and short (not both), present and absent (one of the two)",
    patterns={
        "entailment": (_restated, _opposite_denied, _other_half),
        "contradiction": (_opposite, _denied, _neither_half),
        "neutral": (_between_the_two, _another_person, _another_property),
    },
)

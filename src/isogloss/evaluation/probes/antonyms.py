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


def restated(draw: Draw) -> Drawn:
    a, b = draw.some("names", 2)
    clause: Formula = ("is", a, _opposites(draw, CONTRARY + COMPLEMENTARY)[0])
    return _about_two(draw, clause, b), clause


def opposite_denied(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    hypothesis = negated(("is", a, other)) if draw.coin() else ("false", ("is", a, other))
    return _about_two(draw, ("is", a, one), b), hypothesis


def other_half(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, COMPLEMENTARY)
    return _about_two(draw, negated(("is", a, one)), b), ("is", a, other)


def opposite(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    return _about_two(draw, ("is", a, one), b), ("is", a, other)


def denied(draw: Draw) -> Drawn:
    (a, b), (one, _) = draw.some("names", 2), _opposites(draw, CONTRARY + COMPLEMENTARY)
    hypothesis = negated(("is", a, one)) if draw.coin() else ("false", ("is", a, one))
    return _about_two(draw, ("is", a, one), b), hypothesis


def neither_half(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, COMPLEMENTARY)
    return _about_two(draw, negated(("is", a, one)), b), negated(("is", a, other))


def between_the_two(draw: Draw) -> Drawn:
    (a, b), (one, other) = draw.some("names", 2), _opposites(draw, CONTRARY)
    hypothesis: Formula = ("is", a, other)
    return _about_two(draw, negated(("is", a, one)), b), hypothesis if draw.coin() else negated(hypothesis)


def another_person(draw: Draw) -> Drawn:
    (a, b, c), (one, other) = draw.some("names", 3), _opposites(draw, CONTRARY + COMPLEMENTARY)
    hypothesis: Formula = ("is", c, draw.rng.choice((one, other)))
    return _about_two(draw, ("is", a, one), b), hypothesis if draw.coin() else ("false", hypothesis)


def another_property(draw: Draw) -> Drawn:
    a, b = draw.some("names", 2)
    (one, _), (other, _) = draw.rng.sample(CONTRARY + COMPLEMENTARY, 2)
    hypothesis: Formula = ("is", a, other)
    return _about_two(draw, ("is", a, one), b), hypothesis if draw.coin() else negated(hypothesis)


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
        "entailment": (restated, opposite_denied, other_half),
        "contradiction": (opposite, denied, neither_half),
        "neutral": (between_the_two, another_person, another_property),
    },
)

"""Negation: denial, double denial, and denial of less or more than was said."""

from __future__ import annotations

from isogloss.evaluation.probes.forms import Formula, negated
from isogloss.evaluation.probes.phenomena import Draw, Drawn, Patterns


def _clause(draw: Draw) -> Formula:
    """An act or its denial, as often the one as the other."""
    act: Formula = ("act", draw.one("names"), draw.one("acts"))
    return act if draw.coin() else negated(act)


def _place(draw: Draw) -> tuple[Formula, Formula]:
    """An act, and the same act in a city."""
    name, act, city = draw.one("names"), draw.one("acts"), draw.one("cities")
    return ("act", name, act), ("act", name, act, city)


def _double_denial_removed(draw: Draw) -> Drawn:
    clause = _clause(draw)
    return (("false", negated(clause)),), clause


def _double_denial_made(draw: Draw) -> Drawn:
    clause = _clause(draw)
    return (clause,), ("false", negated(clause))


def _denial_of_the_wider(draw: Draw) -> Drawn:
    act, narrow = _place(draw)
    return (negated(act),), negated(narrow)


def _the_wider_of_the_narrow(draw: Draw) -> Drawn:
    act, narrow = _place(draw)
    return (narrow,), act


def _denied(draw: Draw) -> Drawn:
    clause = _clause(draw)
    return (clause,), negated(clause)


def _called_false(draw: Draw) -> Drawn:
    clause = _clause(draw)
    return (("false", clause),), clause


def _double_denial_against(draw: Draw) -> Drawn:
    clause = _clause(draw)
    return (clause,), ("false", clause)


def _narrow_denied_wide(draw: Draw) -> Drawn:
    act, narrow = _place(draw)
    return ((narrow,), negated(act)) if draw.coin() else ((negated(act),), narrow)


def _denial_of_the_narrow(draw: Draw) -> Drawn:
    act, narrow = _place(draw)
    return (negated(narrow),), act if draw.coin() else negated(act)


def _narrowed(draw: Draw) -> Drawn:
    act, narrow = _place(draw)
    return (act,), narrow if draw.coin() else negated(narrow)


def _another_act(draw: Draw) -> Drawn:
    name, (first, second) = draw.one("names"), draw.some("acts", 2)
    return _polar(draw, ("act", name, first)), _polar(draw, ("act", name, second))[0]


def _another_person(draw: Draw) -> Drawn:
    (first, second), act = draw.some("names", 2), draw.one("acts")
    hypothesis = _polar(draw, ("act", second, act))[0]
    return _polar(draw, ("act", first, act)), hypothesis if draw.coin() else ("false", hypothesis)


def _polar(draw: Draw, act: Formula) -> tuple[Formula]:
    return (act if draw.coin() else negated(act),)


NEGATION = Patterns(
    name="negation",
    about="denial, double denial, denial of less or more than was said",
    patterns={
        "entailment": (_double_denial_removed, _double_denial_made, _denial_of_the_wider, _the_wider_of_the_narrow),
        "contradiction": (_denied, _called_false, _double_denial_against, _narrow_denied_wide),
        "neutral": (_denial_of_the_narrow, _narrowed, _another_act, _another_person),
    },
)

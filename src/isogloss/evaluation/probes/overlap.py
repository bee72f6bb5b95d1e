"""Overlap: every word of the hypothesis stands in the premise, whatever the label (after HANS; McCoy et al., ACL 2019).

A system that takes shared words for entailment is right in a third of the items.
"""

from __future__ import annotations

from isogloss.evaluation.probes.forms import Formula
from isogloss.evaluation.probes.phenomena import Draw, Drawn, Patterns


def _did(draw: Draw) -> Formula:
    p, q = draw.some("persons", 2)
    return ("did", p, draw.one("meets"), q)


def _clauses(draw: Draw) -> tuple[Formula, Formula]:
    """Two clauses about four people, with the same past verb or two different ones."""
    p, q, r, s = draw.some("persons", 4)
    v, w = draw.some("meets", 2)
    return ("did", p, v, q), ("did", r, w, s)


def one_of_two_clauses(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("and", *clauses),), draw.rng.choice(clauses)


def one_of_two_objects(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did_two", p, v, q, r),), ("did", p, v, draw.rng.choice((q, r)))


def beside_someone(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("next", p, q, v),), ("past", p, v)


def swapped(draw: Draw) -> Drawn:
    did = _did(draw)
    return (did,), ("did", did[3], did[2], did[1])


def either_clause(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("or", *clauses),), draw.rng.choice(clauses)


def across_clauses(draw: Draw) -> Drawn:
    (_, p, v, q), (_, r, w, s) = clauses = _clauses(draw)
    return (("and", *clauses),), draw.rng.choice((("did", p, v, s), ("did", r, w, q), ("did", p, w, q)))


def among_the_objects(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did_two", p, v, q, r),), ("did", q, v, r)


def the_one_beside(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("next", p, q, v),), ("past", q, v)


def called_false(draw: Draw) -> Drawn:
    did = _did(draw)
    return (("false", did),), did


def either_called_false(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("false", ("or", *clauses)),), draw.rng.choice(clauses)


def one_object_called_false(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did", p, v, q), ("false", ("did", p, v, r))), ("did", p, v, r)


def past_called_false(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("past", q, v), ("false", ("past", p, v))), ("past", p, v)


OVERLAP = Patterns(
    name="overlap",
    about="all words of the hypothesis stand in the premise",
    patterns={
        "entailment": (one_of_two_clauses, one_of_two_objects, beside_someone),
        "neutral": (swapped, either_clause, across_clauses, among_the_objects, the_one_beside),
        "contradiction": (called_false, either_called_false, one_object_called_false, past_called_false),
    },
)

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


def _one_of_two_clauses(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("and", *clauses),), draw.rng.choice(clauses)


def _one_of_two_objects(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did_two", p, v, q, r),), ("did", p, v, draw.rng.choice((q, r)))


def _beside_someone(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("next", p, q, v),), ("past", p, v)


def _swapped(draw: Draw) -> Drawn:
    did = _did(draw)
    return (did,), ("did", did[3], did[2], did[1])


def _either_clause(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("or", *clauses),), draw.rng.choice(clauses)


def _across_clauses(draw: Draw) -> Drawn:
    (_, p, v, q), (_, r, w, s) = clauses = _clauses(draw)
    return (("and", *clauses),), draw.rng.choice((("did", p, v, s), ("did", r, w, q), ("did", p, w, q)))


def _among_the_objects(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did_two", p, v, q, r),), ("did", q, v, r)


def _the_one_beside(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("next", p, q, v),), ("past", q, v)


def _called_false(draw: Draw) -> Drawn:
    did = _did(draw)
    return (("false", did),), did


def _either_called_false(draw: Draw) -> Drawn:
    clauses = _clauses(draw)
    return (("false", ("or", *clauses)),), draw.rng.choice(clauses)


def _one_object_called_false(draw: Draw) -> Drawn:
    p, q, r = draw.some("persons", 3)
    v = draw.one("meets")
    return (("did", p, v, q), ("false", ("did", p, v, r))), ("did", p, v, r)


def _past_called_false(draw: Draw) -> Drawn:
    (p, q), v = draw.some("persons", 2), draw.one("pasts")
    return (("past", q, v), ("false", ("past", p, v))), ("past", p, v)


OVERLAP = Patterns(
    name="overlap",
    about="all words of the hypothesis stand in the premise",
    patterns={
        "entailment": (_one_of_two_clauses, _one_of_two_objects, _beside_someone),
        "neutral": (_swapped, _either_clause, _across_clauses, _among_the_objects, _the_one_beside),
        "contradiction": (_called_false, _either_called_false, _one_object_called_false, _past_called_false),
    },
)

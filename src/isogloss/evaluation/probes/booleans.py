"""And, or, if, neither: the rules of propositional logic, and what looks like them."""

from __future__ import annotations

from isogloss.evaluation.probes.forms import Formula, negated
from isogloss.evaluation.probes.phenomena import Draw, Drawn, Patterns


def _two(draw: Draw) -> tuple[Formula, Formula]:
    """Two clauses about two people, each an act or its denial."""
    (a, b), (v, w) = draw.some("names", 2), draw.some("acts", 2)
    clauses: list[Formula] = [("act", a, v), ("act", b, v if draw.rng.random() < 0.3 else w)]
    first, second = (clause if draw.coin() else negated(clause) for clause in clauses)
    return first, second


def _part_of_both(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("and", p, q),), draw.rng.choice((p, q))


def _both_of_parts(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (p, q), ("and", p, q)


def _one_gives_either(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (draw.rng.choice((p, q)),), ("or", p, q)


def _the_other_of_two(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("or", p, q), negated(p)), q


def _ponens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), p), q


def _tollens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(q)), negated(p)


def _neither(draw: Draw) -> Drawn:
    p, q = _alike(draw)
    return (("nor", p, q),), negated(draw.rng.choice((p, q)))


def _both_and_not_one(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("and", p, q),), negated(draw.rng.choice((p, q)))


def _one_fails_both(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (negated(draw.rng.choice((p, q))),), ("and", p, q)


def _neither_and_either(draw: Draw) -> Drawn:
    p, q = _alike(draw)
    return (("nor", p, q),), ("or", p, q)


def _against_the_other_of_two(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("or", p, q), negated(p)), negated(q)


def _against_ponens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), p), negated(q)


def _against_tollens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(q)), p


def _neither_and_one(draw: Draw) -> Drawn:
    p, q = _alike(draw)
    return (("nor", p, q),), draw.rng.choice((p, q))


def _one_of_either(draw: Draw) -> Drawn:
    p, q = _two(draw)
    chosen = draw.rng.choice((p, q))
    return (("or", p, q),), chosen if draw.coin() else negated(chosen)


def _both_of_one(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (draw.rng.choice((p, q)),), ("and", p, q)


def _either_of_a_denial(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (negated(draw.rng.choice((p, q))),), ("or", p, q)


def _consequent_affirmed(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), q), p if draw.coin() else negated(p)


def _antecedent_denied(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(p)), q if draw.coin() else negated(q)


def _condition_alone(draw: Draw) -> Drawn:
    p, q = _two(draw)
    chosen = draw.rng.choice((p, q))
    return (("if", p, q),), chosen if draw.coin() else negated(chosen)


def _alike(draw: Draw) -> tuple[Formula, Formula]:
    """The same act of two people, which 'neither' can deny."""
    (a, b), act = draw.some("names", 2), draw.one("acts")
    return ("act", a, act), ("act", b, act)


BOOLEANS = Patterns(
    name="booleans",
    about="and, or, if, neither",
    patterns={
        "entailment": (
            _part_of_both, _both_of_parts, _one_gives_either, _the_other_of_two, _ponens, _tollens, _neither,
        ),
        "contradiction": (
            _both_and_not_one, _one_fails_both, _neither_and_either, _against_the_other_of_two, _against_ponens,
            _against_tollens, _neither_and_one,
        ),
        "neutral": (
            _one_of_either, _both_of_one, _either_of_a_denial, _consequent_affirmed, _antecedent_denied,
            _condition_alone,
        ),
    },
)  # fmt: skip

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


def part_of_both(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("and", p, q),), draw.rng.choice((p, q))


def both_of_parts(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (p, q), ("and", p, q)


def one_gives_either(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (draw.rng.choice((p, q)),), ("or", p, q)


def the_other_of_two(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("or", p, q), negated(p)), q


def ponens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), p), q


def tollens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(q)), negated(p)


def neither(draw: Draw) -> Drawn:
    p, q = _neither(draw)
    return (("nor", p, q),), negated(draw.rng.choice((p, q)))


def both_and_not_one(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("and", p, q),), negated(draw.rng.choice((p, q)))


def one_fails_both(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (negated(draw.rng.choice((p, q))),), ("and", p, q)


def neither_and_either(draw: Draw) -> Drawn:
    p, q = _neither(draw)
    return (("nor", p, q),), ("or", p, q)


def against_the_other_of_two(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("or", p, q), negated(p)), negated(q)


def against_ponens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), p), negated(q)


def against_tollens(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(q)), p


def neither_and_one(draw: Draw) -> Drawn:
    p, q = _neither(draw)
    return (("nor", p, q),), draw.rng.choice((p, q))


def one_of_either(draw: Draw) -> Drawn:
    p, q = _two(draw)
    chosen = draw.rng.choice((p, q))
    return (("or", p, q),), chosen if draw.coin() else negated(chosen)


def both_of_one(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (draw.rng.choice((p, q)),), ("and", p, q)


def either_of_a_denial(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (negated(draw.rng.choice((p, q))),), ("or", p, q)


def consequent_affirmed(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), q), p if draw.coin() else negated(p)


def antecedent_denied(draw: Draw) -> Drawn:
    p, q = _two(draw)
    return (("if", p, q), negated(p)), q if draw.coin() else negated(q)


def condition_alone(draw: Draw) -> Drawn:
    p, q = _two(draw)
    chosen = draw.rng.choice((p, q))
    return (("if", p, q),), chosen if draw.coin() else negated(chosen)


def _neither(draw: Draw) -> tuple[Formula, Formula]:
    (a, b), act = draw.some("names", 2), draw.one("acts")
    return ("act", a, act), ("act", b, act)


BOOLEANS = Patterns(
    name="booleans",
    about="and, or, if, neither",
    patterns={
        "entailment": (part_of_both, both_of_parts, one_gives_either, the_other_of_two, ponens, tollens, neither),
        "contradiction": (
            both_and_not_one, one_fails_both, neither_and_either, against_the_other_of_two, against_ponens,
            against_tollens, neither_and_one,
        ),
        "neutral": (
            one_of_either, both_of_one, either_of_a_denial, consequent_affirmed, antecedent_denied, condition_alone,
        ),
    },
)  # fmt: skip

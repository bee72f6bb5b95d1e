"""An independent judge of probe items: it looks at every world that matters, and at nothing that the generators know.

A world says what is true of the people, classes and numbers that a form names. The label is read off the worlds in
which all premises are true: the hypothesis is true in all of them (entailment), in none (contradiction), or in some
(neutral). Counts run over 0, 1, ... up to two above the largest number named: beyond that no comparison of the form can
change but the one of two counts, for which both orders are then among the worlds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

Term = Sequence[Any]
World = dict[Any, Any]

ELSEWHERE = "elsewhere"


def solve(form: Mapping[str, Any]) -> str:
    """The label of a form ``{"premise": [...], "hypothesis": ..., "given": [...]}``.

    Raises:
        ValueError: no world makes the premises true, or a formula is not known.
    """
    premises, hypothesis, given = form["premise"], form["hypothesis"], form.get("given", ())
    answers = set()
    for world in _worlds([*premises, hypothesis], given):
        if all(_true(sentence, world) for sentence in premises):
            answers.add(_true(hypothesis, world))
            if len(answers) == 2:
                return "neutral"
    if not answers:
        raise ValueError("The premises contradict each other.")
    return "entailment" if answers.pop() else "contradiction"


def _worlds(sentences: Sequence[Term], given: Sequence[Term]) -> Iterator[World]:
    """All worlds over the facts that the sentences mention."""
    simple = [term for sentence in sentences for term in _leaves(sentence)]
    facts: dict[Any, Sequence[Any]] = {}
    cities = sorted({term[3] for term in simple if term[0] == "act" and len(term) > 3})
    for term in simple:
        head, *rest = term
        if head == "act":
            facts |= {("act", rest[0], rest[1], place): (False, True) for place in (*cities, ELSEWHERE)}
        elif head == "is":
            facts[("is", rest[0], rest[1])] = (False, True)
        elif head in ("did", "past"):
            facts[tuple(term)] = (False, True)
        elif head == "did_two":
            facts |= {("did", rest[0], rest[1], other): (False, True) for other in rest[2:]}
        elif head == "next":
            facts[("past", rest[0], rest[2])] = (False, True)
    for _, *opposites in given:
        for who in {term[1] for term in simple if term[0] == "is" and term[2] in opposites}:
            facts |= {("is", who, adjective): (False, True) for adjective in opposites}
    numbers = [term[5] for term in simple if term[0] == "count"]
    for who, deal, thing in {key for term in simple for key in _counted(term)}:
        facts[("count", who, deal, thing)] = range(max(numbers, default=2) + 3)
    quantified = [term for term in simple if term[0] in ("every", "some", "no", "not_every")]
    acts = sorted({term[3] for term in quantified})
    for person, city in {(term[1], term[2]) for term in quantified}:
        # A class is the set of what its members do: some subset of the possible doings, and not the empty one.
        facts[("class", person, city)] = _doings(acts)
    names = list(facts)
    for values in product(*facts.values()):
        world = dict(zip(names, values, strict=True))
        if _sound(world, given):
            yield world


def _doings(acts: Sequence[str]) -> list[frozenset[frozenset[str]]]:
    """All classes that have members, told apart by what their members do."""
    kinds = [
        frozenset(a for a, does in zip(acts, row, strict=True) if does) for row in product((0, 1), repeat=len(acts))
    ]
    rows = product((0, 1), repeat=len(kinds))
    return [frozenset(k for k, there in zip(kinds, row, strict=True) if there) for row in rows if any(row)]


def _sound(world: World, given: Sequence[Term]) -> bool:
    """Whether a world obeys what everybody knows, and what is from a city is part of the whole."""
    for kind, one, other in given:
        for who in {key[1] for key in world if key[0] == "is" and key[2] == one}:
            both = (world[("is", who, one)], world[("is", who, other)])
            if all(both) or (kind == "complementary" and not any(both)):
                return False
    for key, members in world.items():
        if key[0] == "class" and key[2] is not None:
            whole = world.get(("class", key[1], None))
            if whole is not None and not members <= whole:
                return False
    return True


def _true(term: Term, world: World) -> bool:
    head, *rest = term
    match head:
        case "not" | "false":
            return not _true(rest[0], world)
        case "and" | "appended":
            return all(_true(part, world) for part in rest)
        case "or":
            return any(_true(part, world) for part in rest)
        case "nor":
            return not any(_true(part, world) for part in rest)
        case "if":
            return not _true(rest[0], world) or _true(rest[1], world)
        case "act" if len(rest) == 3:
            return bool(world[("act", *rest)])
        case "act":
            return any(value for key, value in world.items() if key[:3] == ("act", *rest))
        case "is" | "did" | "past":
            return bool(world[(head, *rest)])
        case "did_two":
            return all(world[("did", rest[0], rest[1], other)] for other in rest[2:])
        case "next":
            return bool(world[("past", rest[0], rest[2])])
        case "count":
            return _holds(rest[3], world[("count", *rest[:3])], rest[4])
        case "more":
            one, other = (world[("count", who, *rest[2:])] for who in rest[:2])
            return bool(one > other)
        case "every" | "not_every":
            every = all(rest[2] in member for member in world[("class", rest[0], rest[1])])
            return every is (head == "every")
        case "some" | "no":
            some = any(rest[2] in member for member in world[("class", rest[0], rest[1])])
            return some is (head == "some")
        case "equal" | "differ":
            return bool((rest[0] == rest[1]) is (head == "equal"))
        case _:
            raise ValueError(f"A formula '{head}' is not known.")


def _holds(op: str, number: int, bound: int) -> bool:
    return {
        "exactly": number == bound,
        "more": number > bound,
        "fewer": number < bound,
        "least": number >= bound,
        "most": number <= bound,
    }[op]


def _leaves(term: Term) -> Iterator[Term]:
    """The formulas within a formula that hold no others."""
    inner = [part for part in term if isinstance(part, tuple | list)]
    if not inner:
        yield term
    for part in inner:
        yield from _leaves(part)


def _counted(term: Term) -> list[tuple[str, str, str]]:
    if term[0] == "count":
        return [(term[1], term[2], term[3])]
    return [(who, term[3], term[4]) for who in term[1:3]] if term[0] == "more" else []

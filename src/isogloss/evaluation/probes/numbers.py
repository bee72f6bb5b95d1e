"""Numbers: what "exactly", "more than", "at most" say of each other, in digits and in words."""

from __future__ import annotations

from dataclasses import dataclass

from isogloss.evaluation.probes.forms import Form, Formula, Label
from isogloss.evaluation.probes.phenomena import Draw

OPERATORS = ("exactly", "more", "fewer", "least", "most")
LOW, WORDS, HIGH = 2, 20, 60
"""The smallest number, the largest in words, the largest in digits."""
SPREAD = 4
"""Numbers of an item are this close, so that size alone tells nothing."""

Range = tuple[int, float]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Forms are drawn until one has the label: intervals of whole numbers contain each other, are apart, or neither.

    The hypothesis's operator is drawn first and kept: it tells nothing about the label.
    """

    name: str = "numbers"
    about: str = "exactly, more than, at most, more than another; digits and words"

    def form(self, draw: Draw, label: Label) -> Form:
        return self._compared(draw, label) if draw.rng.random() < 0.25 else self._bounded(draw, label)

    def _bounded(self, draw: Draw, label: Label) -> Form:
        asked = draw.rng.choice(OPERATORS)
        while True:
            op, (first, second) = draw.rng.choice(OPERATORS), _close(draw)
            styles = _style(draw, first), _style(draw, second)
            same = (op, first, styles[0]) == (asked, second, styles[1])
            if not same and _relation(_range(op, first), _range(asked, second)) == label:
                break
        who, deal, thing = draw.one("names"), draw.one("deals"), draw.one("things")
        premise: Formula = ("count", who, deal, thing, op, first, styles[0])
        hypothesis: Formula = ("count", who, deal, thing, asked, second, styles[1])
        return Form(premise=(premise,), hypothesis=hypothesis, label=label, pattern=f"{op}_{asked}")

    def _compared(self, draw: Draw, label: Label) -> Form:
        while True:
            ops, (first, second) = draw.rng.choices(OPERATORS, k=2), _close(draw)
            (low, high), (other_low, other_high) = _range(ops[0], first), _range(ops[1], second)
            found: Label = "entailment" if low > other_high else "contradiction" if high <= other_low else "neutral"
            if found == label:
                break
        (a, b), deal, thing = draw.some("names", 2), draw.one("deals"), draw.one("things")
        premise: tuple[Formula, ...] = (
            ("count", a, deal, thing, ops[0], first, _style(draw, first)),
            ("count", b, deal, thing, ops[1], second, _style(draw, second)),
        )
        return Form(premise=premise, hypothesis=("more", a, b, deal, thing), label=label, pattern="compared")


def _close(draw: Draw) -> tuple[int, int]:
    first = draw.rng.randint(LOW, WORDS if draw.coin() else HIGH)
    return first, draw.rng.randint(max(LOW, first - SPREAD), first + SPREAD)


def _style(draw: Draw, n: int) -> str:
    return "words" if n <= WORDS and draw.coin() else "digits"


def _range(op: str, n: int) -> Range:
    """Lowest and highest number that an operator leaves."""
    ranges: dict[str, Range] = {
        "exactly": (n, n),
        "more": (n + 1, float("inf")),
        "fewer": (0, n - 1),
        "least": (n, float("inf")),
        "most": (0, n),
    }
    return ranges[op]


def _relation(said: Range, wanted: Range) -> Label:
    if said[0] >= wanted[0] and said[1] <= wanted[1]:
        return "entailment"
    return "contradiction" if said[1] < wanted[0] or said[0] > wanted[1] else "neutral"


NUMBERS = Numbers()

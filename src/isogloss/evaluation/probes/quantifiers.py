"""Every, some, no, not every: the square of opposition, and what follows when the class is made smaller or larger.

Classes have members: "every doctor sings" says also that there is a doctor. No label hangs on a member of a class that
only the hypothesis names.
"""

from __future__ import annotations

from dataclasses import dataclass

from isogloss.evaluation.probes.forms import Form, Formula, Label
from isogloss.evaluation.probes.phenomena import Draw

Kind = tuple[str, str, str, str]
"""Quantifier and class of the premise, then of the hypothesis. Classes: ``all`` doctors, or the ``few`` from a city."""

_SQUARE: dict[Label, tuple[tuple[str, str], ...]] = {
    "entailment": (("every", "some"), ("no", "not_every")),
    "contradiction": (("every", "not_every"), ("not_every", "every"), ("some", "no"), ("no", "some"),
                      ("every", "no"), ("no", "every")),
    "neutral": (("some", "every"), ("not_every", "no"), ("some", "not_every"), ("not_every", "some")),
}  # fmt: skip
_SIZES: dict[Label, tuple[Kind, ...]] = {
    "entailment": (
        ("every", "all", "every", "few"), ("no", "all", "no", "few"), ("some", "few", "some", "all"),
        ("not_every", "few", "not_every", "all"), ("every", "few", "some", "all"), ("no", "few", "not_every", "all"),
    ),
    "contradiction": (
        ("every", "all", "not_every", "few"), ("no", "all", "some", "few"), ("some", "few", "no", "all"),
        ("not_every", "few", "every", "all"), ("every", "few", "no", "all"), ("no", "few", "every", "all"),
    ),
    "neutral": (
        ("every", "few", "every", "all"), ("no", "few", "no", "all"), ("some", "all", "some", "few"),
        ("not_every", "all", "not_every", "few"), ("some", "all", "no", "few"), ("not_every", "all", "every", "few"),
        ("every", "few", "not_every", "all"), ("no", "few", "some", "all"),
    ),
}  # fmt: skip
_KNOWN_BY_THEIR_ACTS = ("fisherman", "painter", "writer")
"""Left out: that a fisherman fishes follows from more than the premise."""
_OPPOSITE = {"every": "not_every", "not_every": "every", "some": "no", "no": "some"}


@dataclass(frozen=True, kw_only=True)
class Quantifiers:
    """Labels are those of the two tables; a quarter of the neutral forms asks about another act."""

    name: str = "quantifiers"
    about: str = "every, some, no, not every; smaller and larger classes"

    def form(self, draw: Draw, label: Label) -> Form:
        person = draw.rng.choice([name for name in draw.concepts["persons"] if name not in _KNOWN_BY_THEIR_ACTS])
        city, (act, other) = draw.one("cities"), draw.some("acts", 2)
        if label == "neutral" and draw.rng.random() < 0.25:
            said, asked = draw.rng.choice(list(_OPPOSITE)), draw.rng.choice(list(_OPPOSITE))
            where = city if draw.coin() else None
            return _made(draw, (said, person, where, act), (asked, person, where, other), label)
        if draw.coin():
            said, asked = draw.rng.choice(_SQUARE[label])
            where = city if draw.coin() else None
            return _made(draw, (said, person, where, act), (asked, person, where, act), label)
        said, size, asked, other_size = draw.rng.choice(_SIZES[label])
        places = {"all": None, "few": city}
        return _made(draw, (said, person, places[size], act), (asked, person, places[other_size], act), label)


def _made(draw: Draw, premise: Formula, hypothesis: Formula, label: Label) -> Form:
    """The form; in a third of them the hypothesis calls its opposite false."""
    pattern = f"{premise[0]}_{hypothesis[0]}"
    if draw.rng.random() < 1 / 3:
        hypothesis = ("false", (_OPPOSITE[hypothesis[0]], *hypothesis[1:]))
    return Form(premise=(premise,), hypothesis=hypothesis, label=label, pattern=pattern)


QUANTIFIERS = Quantifiers()

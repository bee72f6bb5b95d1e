"""How the label names of a system are understood, and what may be asked of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isogloss.errors import DataError
from isogloss.evaluation.probes.forms import LABELS, Item, Label

OTHER = "non-entailment"
"""Neutral and contradiction in one, as some two-class systems have it."""
_KNOWN = {
    "entailment": ("entailment", "entails", "entailed", "entail", "e", "yes"),
    "neutral": ("neutral", "n", "maybe"),
    "contradiction": ("contradiction", "contradicts", "contradictory", "contradict", "c", "no"),
    OTHER: ("non-entailment", "not-entailment", "nonentailment", "no-entailment"),
}


@dataclass(frozen=True, kw_only=True)
class Names:
    """The system's name of each label; ``names`` has only those that it knows."""

    names: Mapping[str, str]

    @classmethod
    def of(cls, labels: Sequence[str], mapping: Mapping[str, str] | None = None) -> Names:
        """Understand the labels of a system.

        Args:
            labels: its label names.
            mapping: what they mean where that is not plain, ``{"0": "entailment"}``.

        Raises:
            DataError: a label is not understood (numbers never are), two mean the same, or none means entailment.
        """
        mapping = mapping or {}
        if strange := sorted(set(mapping) - set(labels)):
            raise DataError(f"The system has no label '{strange[0]}'", fix=f"It has {', '.join(labels) or 'none'}")
        names: dict[str, str] = {}
        for label in labels:
            meaning = _meaning(mapping.get(label, label))
            if meaning is None:
                example = f"{label}=entailment"
                what = f"What the label '{mapping.get(label, label)}' of the system means is not known"
                raise DataError(what, fix=f"Say it: --labels {example}, one of {', '.join((*LABELS, OTHER))} for each")
            if meaning in names:
                raise DataError(f"Two labels of the system mean {meaning}: {names[meaning]} and {label}")
            names[meaning] = label
        if "entailment" not in names or len(names) < 2:
            what = "The system is not one of natural language inference: it needs entailment and another label"
            raise DataError(what, fix=f"Its labels are: {', '.join(labels) or 'none (a score)'}")
        if OTHER in names and len(names) > 2:
            raise DataError(f"The label '{names[OTHER]}' stands beside neutral or contradiction")
        return cls(names=names)

    def gold(self, label: Label) -> str | None:
        """The system's name of a label; None where it has none."""
        return self.names.get(label) or (None if label == "entailment" else self.names.get(OTHER))

    def alike(self, items: Sequence[Item]) -> bool:
        """Whether the system has one and the same label for all of them."""
        return len({self.gold(item.label) for item in items}) == 1

    @property
    def said(self) -> str:
        """What the labels are taken for, and what is left out, as a sentence; empty where all three are there."""
        missing = [label for label in LABELS if self.gold(label) is None]
        if missing:
            return f"The system has no label for {' or '.join(missing)}: such items are left out."
        return f"Neutral and contradiction both count as '{self.names[OTHER]}'." if OTHER in self.names else ""


def _meaning(name: str) -> str | None:
    plain = name.strip().casefold().replace("_", "-").replace(" ", "-")
    return next((meaning for meaning, known in _KNOWN.items() if plain in known), None)

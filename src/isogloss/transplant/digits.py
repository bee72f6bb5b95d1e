"""How a tokenizer cuts numbers: a body that learnt to reckon on one cut does not on another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Grouping = Literal["single digits", "groups of three from the left", "groups of three from the right", "as they come"]

PROBES = ("4827", "59163", "760938", "8315274", "26094718", "901537462", "3140592687", "71529046853")
"""Numbers that nobody writes often, of four to eleven digits."""


def cuts(tokenizer: PreTrainedTokenizerBase, number: str) -> list[str]:
    """The parts of a number, as strings of digits."""
    ids = tokenizer(number, add_special_tokens=False)["input_ids"]
    parts = ("".join(c for c in tokenizer.decode([i]) if c.isdigit()) for i in ids)
    return [part for part in parts if part]


def grouping(tokenizer: PreTrainedTokenizerBase) -> Grouping:
    """How a tokenizer cuts the probes."""
    found = [[len(part) for part in cuts(tokenizer, number)] for number in PROBES]
    if all(set(lengths) == {1} for lengths in found):
        return "single digits"
    if all(set(lengths[:-1]) == {3} and lengths[-1] <= 3 for lengths in found):
        return "groups of three from the left"
    if all(set(lengths[1:]) == {3} and lengths[0] <= 3 for lengths in found):
        return "groups of three from the right"
    return "as they come"


def digit_note(old: PreTrainedTokenizerBase, new: PreTrainedTokenizerBase) -> str | None:
    """A warning where the two cut numbers differently (Goddard and Fernandes Neto, 2025, abstract); else None."""
    different = sum(cuts(old, number) != cuts(new, number) for number in PROBES)
    if not different:
        return None
    ways = grouping(old), grouping(new)
    shown = "" if ways[0] == ways[1] else f" (old: {ways[0]}; new: {ways[1]})"
    return f"The tokenizers cut {different} of {len(PROBES)} numbers differently{shown}: expect arithmetic to suffer."

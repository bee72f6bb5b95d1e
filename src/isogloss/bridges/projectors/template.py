"""A target sentence as pieces that are copied, and which of their boundaries are boundaries of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from isogloss.bridges.base import Parallel, Span
from isogloss.languages.scripts import units

if TYPE_CHECKING:
    from isogloss.bridges.base import StepDecoder


@dataclass(frozen=True, kw_only=True)
class Template:
    """A target as pieces that are copied.

    Attributes:
        text: the target.
        pieces: of the text, without the end.
        offsets: where the pieces are, without white space at their edges.
        words: [start, end) of the words.
    """

    text: str
    pieces: tuple[int, ...]
    offsets: tuple[Span, ...]
    words: tuple[Span, ...]

    @classmethod
    def of(cls, item: Parallel, decoder: StepDecoder) -> Template:
        """The target of an item; its words where the data do not say."""
        pieces, offsets = decoder.pieces(item.target) if item.target.strip() else ([], [])
        tight = tuple(_tight(item.target, span) for span in offsets)
        words = tuple(units(item.target)) if item.target_units is None else item.target_units
        return cls(text=item.target, pieces=tuple(pieces), offsets=tight, words=tuple(w for w in words if w[0] < w[1]))

    @property
    def everywhere(self) -> frozenset[int]:
        """All positions."""
        return frozenset(range(len(self.pieces) + 1))

    @property
    def openings(self) -> frozenset[int]:
        """Positions at the start of a word; all where no piece begins with a word."""
        starts = {start for start, _ in self.words}
        first: dict[int, int] = {}
        for number, (start, _) in enumerate(self.offsets):
            first.setdefault(start, number)  # a piece that is but a space begins where the next one does
        return frozenset(number for start, number in first.items() if start in starts) or self.everywhere

    @property
    def closings(self) -> frozenset[int]:
        """Positions at the end of a word; all where no piece ends with a word."""
        ends = {end for _, end in self.words}
        first: dict[int, int] = {}
        for number, (start, end) in enumerate(self.offsets, start=1):
            if start < end:
                first.setdefault(end, number)
        return frozenset(number for end, number in first.items() if end in ends) or self.everywhere

    def span(self, start: int, end: int) -> Span:
        """The pieces [start, end) in characters."""
        inside = [span for span in self.offsets[start:end] if span[0] < span[1]]
        return (inside[0][0], inside[-1][1]) if inside else (0, 0)

    def snapped(self, span: Span) -> Span:
        """The span widened to whole words."""
        inside = [word for word in self.words if word[0] < span[1] and span[0] < word[1]]
        return (inside[0][0], inside[-1][1]) if inside else span


def _tight(text: str, span: Span) -> Span:
    inside = text[span[0] : span[1]]
    bare = inside.lstrip()
    # White space alone counts for the text after it.
    start = span[0] + len(inside) - len(bare)
    return start, start + len(bare.rstrip())

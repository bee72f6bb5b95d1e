"""Look for the source span's own letters in the translation: the floor that every learned projector must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Lt

from isogloss.bridges.base import Outcome, Projection, Projector
from isogloss.bridges.projectors.windows import EXACT, place, source_places, target_units

if TYPE_CHECKING:
    from isogloss.bridges.base import Parallel, Translator


@dataclass(frozen=True, kw_only=True)
class Copy(Projector):
    """Names often stay as they are, or nearly: the run of target words that looks most like the source span is taken.

    No two spans share a place, so that a name that occurs twice is found twice. Works within one writing system. The
    score of a span is its likeness (difflib's ratio): 1 for an exact copy.

    Attributes:
        fuzzy: whether other spellings count; otherwise nothing but a copy, letter case apart.
        cutoff: the likeness above which they do.
    """

    name: ClassVar[str] = "copy"

    fuzzy: bool = True
    cutoff: Annotated[float, Ge(0), Lt(1)] = 0.5

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        return [self._carried(item) for item in items]

    def _carried(self, item: Parallel) -> Projection:
        wanted = [item.source[start:end].strip() for start, end, _ in item.spans]
        cutoff = self.cutoff if self.fuzzy else EXACT
        placed = place(wanted, source_places(item), item.target, target_units(item), cutoff=cutoff)
        outcomes = [
            Outcome(span=found[0], score=found[1])
            if found
            else Outcome(span=None, score=0.0, reason="not_found" if text else "empty")
            for text, found in zip(wanted, placed, strict=True)
        ]
        return Projection.of(item, outcomes)

"""Several projectors vote on where each span went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, MinLen

from isogloss.bridges.base import Outcome, Projection, Projector
from isogloss.errors import RecipeError

if TYPE_CHECKING:
    from isogloss.bridges.base import Parallel, Span, Translator


@dataclass(frozen=True, kw_only=True)
class Ensemble(Projector):
    """A span is carried to where most projectors put it: votes weighed by the projectors' own scores.

    Only the very same place, characters for characters, is agreement. All members work on the translation given: where
    it might be changed, it is held fast. The score of a span is the share of the members that agree on it.

    Attributes:
        projectors: the members, by name or as they are.
        needed: how many must agree; a span with fewer is lost (``low_score``), one that none found is lost for the
            reason of the first member.
    """

    name: ClassVar[str] = "ensemble"

    projectors: Annotated[tuple[str | Projector, ...], MinLen(1)] = ("align", "codec", "copy")
    needed: Annotated[int, Ge(1)] = 2

    def members(self) -> tuple[Projector, ...]:
        """The members, those named by name found.

        Raises:
            RecipeError: a name is unknown, or there are fewer members than must agree.
        """
        from isogloss.bridges.projectors import find_projector

        if len(self.projectors) < self.needed:
            raise RecipeError(
                f"An ensemble of {len(self.projectors)} projectors cannot have {self.needed} that agree",
                fix="Lower needed, or name more projectors",
            )
        return tuple(find_projector(each) if isinstance(each, str) else each for each in self.projectors)

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        from isogloss.bridges.projectors import check_translator

        members = self.members()
        for member in members:
            check_translator(member, translator)
        fixed = [replace(item, fixed=True) for item in items]
        ballots = zip(*(member(fixed, translator, source, target) for member in members), strict=True)
        return [
            Projection.of(item, [self._vote(votes) for votes in zip(*(each.outcomes for each in ballot), strict=True)])
            for item, ballot in zip(items, ballots, strict=True)
        ]

    def _vote(self, votes: Sequence[Outcome]) -> Outcome:
        weights: dict[Span, float] = {}
        voters: dict[Span, int] = {}
        for vote in votes:
            if vote.span is not None:
                weights[vote.span] = weights.get(vote.span, 0.0) + vote.score
                voters[vote.span] = voters.get(vote.span, 0) + 1
        if not voters:
            return Outcome(span=None, score=0.0, reason=votes[0].reason)
        agreed = [span for span in voters if voters[span] >= self.needed]
        if not agreed:
            return Outcome(span=None, score=0.0, reason="low_score")
        best = max(agreed, key=lambda span: (weights[span], voters[span]))  # of equal ones the first member's
        return Outcome(span=best, score=voters[best] / len(votes))

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pytest
from scripted import Scripted

from isogloss.bridges.base import Ability, Outcome, Parallel, Projection, Projector, Reason, Span, Translator
from isogloss.bridges.projectors import PROJECTORS, check_translator, find_projector
from isogloss.bridges.projectors.copy import Copy
from isogloss.bridges.projectors.ensemble import Ensemble
from isogloss.bridges.projectors.markers import Markers
from isogloss.errors import RecipeError, ResourceError

ITEM = Parallel(source="a", spans=((0, 1, "X"),), target="one two three", fixed=False)


@dataclass(frozen=True, kw_only=True)
class Says(Projector):
    name: ClassVar[str] = "says"
    span: Span | None
    score: float = 0.0
    reason: Reason = "ok"

    def __call__(
        self, items: Sequence[Parallel], translator: Translator | None, source: str, target: str
    ) -> list[Projection]:
        assert all(item.fixed for item in items)
        return [Projection.of(item, [Outcome(span=self.span, score=self.score, reason=self.reason)]) for item in items]


@dataclass(frozen=True, kw_only=True)
class Decodes(Says):
    name: ClassVar[str] = "decodes"
    needs: ClassVar[tuple[Ability, ...]] = ("decode",)


ONE, TWO, NONE = Says(span=(0, 3), score=0.3), Says(span=(4, 7), score=0.9), Says(span=None, reason="no_link")


@pytest.mark.parametrize(
    ("members", "needed", "outcome"),
    [
        ((ONE, TWO, ONE), 2, Outcome(span=(0, 3), score=2 / 3)),
        ((ONE, TWO, ONE), 1, Outcome(span=(4, 7), score=1 / 3)),  # one weighty vote against two light ones
        ((TWO, ONE, NONE), 2, Outcome(span=None, score=0.0, reason="low_score")),
        ((NONE, ONE), 1, Outcome(span=(0, 3), score=1 / 2)),
        ((NONE, Says(span=None, reason="not_found")), 1, Outcome(span=None, score=0.0, reason="no_link")),
        ((ONE, ONE, ONE), 3, Outcome(span=(0, 3), score=1.0)),
    ],
)
def test_votes(members: tuple[Projector, ...], needed: int, outcome: Outcome) -> None:
    (projection,) = Ensemble(projectors=members, needed=needed)([ITEM], None, "eng", "deu")
    assert projection.outcomes == (outcome,)


def test_a_member_that_the_translator_cannot_serve_is_refused_by_name() -> None:
    ensemble = Ensemble(projectors=(ONE, Decodes(span=None)), needed=1)
    with pytest.raises(ResourceError, match="'decodes' needs a translator that can 'decode', and 'scripted' cannot"):
        ensemble([ITEM], Scripted(), "eng", "deu")
    with pytest.raises(ResourceError, match="'decodes' needs a translator"):
        ensemble([ITEM], None, "eng", "deu")
    assert ensemble([ITEM], Scripted(abilities=["decode"]), "eng", "deu")[0].complete


def test_fewer_members_than_must_agree_are_refused() -> None:
    with pytest.raises(RecipeError, match="of 1 projectors cannot have 2 that agree"):
        Ensemble(projectors=("copy",))([ITEM], None, "eng", "deu")


def test_projectors_are_found_by_name() -> None:
    assert find_projector("copy") == Copy()
    assert find_projector("easyproject") == Markers(scheme="brackets")
    assert find_projector("xml") == Markers(scheme="xml")
    assert find_projector("ensemble") == Ensemble()
    with pytest.raises(RecipeError, match=r"Unknown projector 'easyprojekt'. Did you mean 'easyproject'\?"):
        find_projector("easyprojekt")
    assert {"align", "codec", "t_projection", "markers"} <= PROJECTORS.keys()


def test_a_projector_that_needs_nothing_needs_no_translator() -> None:
    check_translator(Copy(), None)

from __future__ import annotations

from scripted import Linked

from isogloss.bridges.base import Aligner, Bitext, Links, Parallel
from isogloss.bridges.projectors.align import Align

# 0 The 1 United 2 Nations 3 met 4 .        0 Se 1 reunieron 2 las 3 Naciones 4 Unidas 5 ayer 6 .
ITEM = Parallel(
    source="The United Nations met.", spans=((4, 18, "ORG"),), target="Se reunieron las Naciones Unidas ayer."
)


def test_the_linked_words_are_the_span() -> None:
    links = frozenset({(1, 4), (2, 3), (3, 1)})
    (projection,) = Align(aligner=Linked(links=links))([ITEM], None, "eng", "spa")
    assert [projection.target[start:end] for start, end, _ in projection.spans] == ["Naciones Unidas"]
    assert projection.outcomes[0].score == 1.0


def test_the_score_is_the_share_of_words_that_are_linked_into_the_group() -> None:
    links = frozenset({(1, 3), (1, 4), (2, 0)})
    (projection,) = Align(aligner=Linked(links=links))([ITEM], None, "eng", "spa")
    assert [projection.target[start:end] for start, end, _ in projection.spans] == ["Naciones Unidas"]
    assert projection.outcomes[0].score == 0.5
    (projection,) = Align(aligner=Linked(links=links), span_rule="min_max")([ITEM], None, "eng", "spa")
    assert [projection.target[start:end] for start, end, _ in projection.spans] == ["Se reunieron las Naciones Unidas"]
    assert projection.outcomes[0].score == 1.0


def test_a_span_whose_words_have_no_link_is_lost() -> None:
    (projection,) = Align(aligner=Linked(links=frozenset({(0, 2)})))([ITEM], None, "eng", "spa")
    assert projection.outcomes[0].reason == "no_link"


def test_the_aligner_is_given_only_what_has_something_to_follow() -> None:
    class Counting(Aligner):
        name = "counting"

        def __call__(self, bitexts: list[Bitext], source: str, target: str) -> list[Links]:
            assert [bitext.source for bitext in bitexts] == [ITEM.source]
            return [frozenset()]

    items = [Parallel(source="x", spans=(), target="y"), ITEM, Parallel(source="x", spans=((0, 1, "X"),), target=" ")]
    assert len(Align(aligner=Counting())(items, None, "eng", "spa")) == 3

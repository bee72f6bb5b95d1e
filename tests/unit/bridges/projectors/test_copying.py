from __future__ import annotations

from dataclasses import replace

from isogloss.bridges.base import Parallel, Projection
from isogloss.bridges.projectors.copy import Copy


def carried(item: Parallel, projector: Copy | None = None) -> Projection:
    (projection,) = (projector or Copy())([item], None, "eng", "por")
    return projection


def test_a_name_that_stays_is_found_whatever_its_case() -> None:
    item = Parallel(source="In LISBON, Maria", spans=((3, 9, "LOC"), (11, 16, "PER")), target="Maria em Lisbon")
    projection = carried(item, Copy(fuzzy=False))
    assert projection.spans == ((0, 5, "PER"), (9, 15, "LOC"))
    assert [outcome.score for outcome in projection.outcomes] == [1.0, 1.0]


def test_another_spelling_is_found_only_if_fuzzy() -> None:
    item = Parallel(source="Lisbon", spans=((0, 6, "LOC"),), target="A cidade de Lisboa.")
    assert carried(item).spans == ((12, 18, "LOC"),)
    assert carried(item).outcomes[0].score == 10 / 12
    assert carried(item, Copy(fuzzy=False)).outcomes[0].reason == "not_found"
    assert carried(item, Copy(cutoff=0.9)).outcomes[0].reason == "not_found"


def test_a_name_that_occurs_twice_is_found_twice() -> None:
    item = Parallel(source="Rio is not Rio", spans=((0, 3, "LOC"), (11, 14, "ORG")), target="Rio nunca foi Rio")
    assert carried(item).spans == ((0, 3, "LOC"), (14, 17, "ORG"))


def test_the_words_that_the_data_define_are_those_that_are_kept_whole() -> None:
    item = Parallel(source="上海 is big", spans=((0, 2, "LOC"),), target="在上海市里")
    assert carried(item).spans == ((1, 3, "LOC"),)
    words = ((0, 1), (1, 4), (4, 5))
    assert carried(replace(item, target_units=words)).spans == ((1, 4, "LOC"),)


def test_nothing_is_found_in_nothing() -> None:
    item = Parallel(source="a  b", spans=((0, 1, "X"), (1, 3, "X")), target="")
    assert [outcome.reason for outcome in carried(item).outcomes] == ["not_found", "empty"]

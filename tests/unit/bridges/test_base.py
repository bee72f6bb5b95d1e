"""What a projection makes of the outcomes of its spans."""

from __future__ import annotations

from isogloss.bridges.base import Outcome, Parallel, Projection

ITEM = Parallel(source="a b c", spans=((0, 1, "X"), (2, 3, "Y"), (4, 5, "X")), target="one two three")
LOST = Outcome(span=None, score=0.0, reason="not_found")


def test_spans_take_the_labels_of_their_sources_and_the_order_of_the_target() -> None:
    outcomes = (Outcome(span=(8, 13), score=0.2), Outcome(span=(0, 3), score=0.9), LOST)
    projection = Projection.of(ITEM, outcomes)
    assert projection.spans == ((0, 3, "Y"), (8, 13, "X"))
    assert projection.outcomes == outcomes
    assert projection.target == ITEM.target
    assert not projection.complete


def test_of_two_that_overlap_the_less_reliable_is_lost() -> None:
    projection = Projection.of(ITEM, [Outcome(span=(0, 7), score=0.4), Outcome(span=(4, 13), score=0.5), LOST])
    assert projection.spans == ((4, 13, "Y"),)
    assert projection.outcomes[0] == Outcome(span=None, score=0.0, reason="overlap")


def test_of_equally_reliable_ones_the_first_source_span_stays() -> None:
    projection = Projection.of(ITEM, [Outcome(span=(0, 3), score=0.5)] * 3)
    assert projection.spans == ((0, 3, "X"),)
    assert [outcome.reason for outcome in projection.outcomes] == ["ok", "overlap", "overlap"]


def test_spans_that_touch_do_not_overlap() -> None:
    outcomes = [Outcome(span=(0, 3), score=0.1), Outcome(span=(3, 7), score=0.9), Outcome(span=(7, 8), score=0.5)]
    assert Projection.of(ITEM, outcomes).complete


def test_a_loser_makes_no_room_for_itself() -> None:
    # The middle one loses to the first, and so does not stand in the way of the last.
    outcomes = [Outcome(span=(0, 5), score=0.9), Outcome(span=(4, 8), score=0.8), Outcome(span=(7, 13), score=0.1)]
    assert Projection.of(ITEM, outcomes).spans == ((0, 5, "X"), (7, 13, "X"))


def test_another_target_replaces_the_one_given() -> None:
    projection = Projection.of(ITEM, [LOST] * 3, "anew")
    assert (projection.target, projection.spans) == ("anew", ())


def test_a_sentence_without_spans_is_complete() -> None:
    assert Projection.of(Parallel(source="", spans=(), target=""), ()).complete

from __future__ import annotations

import logging
import math
from dataclasses import replace

import pytest
from scripted import Scripted

from isogloss.bridges.base import Parallel
from isogloss.bridges.projectors.markers import Markers
from isogloss.bridges.projectors.survival import survival
from isogloss.errors import ResourceError

ITEM = Parallel(
    source="Ann met Bo in Rome",
    spans=((0, 3, "PER"), (8, 10, "PER"), (14, 18, "LOC")),
    target="In Rom traf Ann Bo",
    fixed=False,
)


def test_brackets_are_written_and_read() -> None:
    translator = Scripted({"[Ann] met [Bo] in [Rome]": "In [Rom] traf [Ann] heute [Bo]"}, score=math.log(0.5))
    (projection,) = Markers(scheme="brackets")([ITEM], translator, "eng", "deu")
    assert projection.target == "In Rom traf Ann heute Bo"
    assert projection.spans == ((3, 6, "LOC"), (12, 15, "PER"), (22, 24, "PER"))
    assert [outcome.score for outcome in projection.outcomes] == pytest.approx([0.5, 0.5, 0.5 * 6 / 7])
    assert translator.asked[1:] == ["Ann", "Bo", "Rome"]


def test_spans_of_one_label_need_no_translations_of_their_own() -> None:
    item = replace(ITEM, spans=ITEM.spans[:2])
    translator = Scripted({"[Ann] met [Bo] in Rome": "[Anna] traf [Bob] in Rom"})
    (projection,) = Markers(scheme="brackets")([item], translator, "eng", "deu")
    assert projection.spans == ((0, 4, "PER"), (10, 13, "PER"))
    assert [outcome.score for outcome in projection.outcomes] == [1.0, 1.0]
    assert len(translator.asked) == 1


def test_a_translation_of_the_span_alone_tells_which_it_is() -> None:
    item = Parallel(source="Ann in Japan", spans=((0, 3, "PER"), (7, 12, "LOC")), target="", fixed=False)
    table = {"[Ann] in [Japan]": "[日本]の[アン]", "Japan": "日本", "Ann": "杏"}
    (projection,) = Markers(scheme="brackets")([item], Scripted(table), "eng", "jpn")
    assert projection.spans == ((0, 2, "LOC"), (3, 5, "PER"))
    assert [outcome.score for outcome in projection.outcomes] == [0.5, 1.0]  # Ann was left over


def test_what_nothing_tells_apart_is_ambiguous() -> None:
    item = Parallel(source="Ann in Japan", spans=((0, 3, "PER"), (7, 12, "LOC")), target="", fixed=False)
    (projection,) = Markers(scheme="brackets")([item], Scripted({"[Ann] in [Japan]": "[日本]の[アン]"}), "eng", "jpn")
    assert [outcome.reason for outcome in projection.outcomes] == ["ambiguous", "ambiguous"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("In Rom traf [Ann] [Bo]", "marker_lost"),
        ("[In] [Rom] traf [Ann] [Bo]", "marker_added"),
        ("", "no_translation"),
        ("In [Rom] traf [] [Bo]", "empty"),
    ],
)
def test_where_marks_are_spoilt_the_translation_without_them_stays(output: str, reason: str) -> None:
    translator = Scripted({"[Ann] met [Bo] in [Rome]": output})
    (projection,) = Markers(scheme="brackets")([ITEM], translator, "eng", "deu")
    assert (projection.target, projection.spans) == (ITEM.target, ())
    assert {outcome.reason for outcome in projection.outcomes} == {reason}


def test_numbered_tags_are_lost_one_by_one() -> None:
    table = {"<a>Ann</a> met <b>Bo</b> in <c>Rome</c>": "In <c>Rom</c> traf <a>Ann</a> Bo"}
    translator = Scripted(table)
    (projection,) = Markers(scheme="xml")([ITEM], translator, "eng", "deu")
    assert projection.target == "In Rom traf Ann Bo"
    assert projection.spans == ((3, 6, "LOC"), (12, 15, "PER"))
    assert projection.outcomes[1].reason == "marker_lost"
    assert len(translator.asked) == 1


def test_a_fixed_translation_does_not_change() -> None:
    item = replace(ITEM, target="Ann traf Bo damals in Rom", fixed=True)
    translator = Scripted(
        {"<a>Ann</a> met <b>Bo</b> in <c>Rome</c>": "In <c>Roma</c> traf <a>Ann</a> den <b>Xaver</b>"}
    )
    (projection,) = Markers(scheme="xml")([item], translator, "eng", "deu")
    assert projection.target == item.target
    assert projection.spans == ((0, 3, "PER"), (22, 25, "LOC"))
    assert [outcome.reason for outcome in projection.outcomes] == ["ok", "not_found", "ok"]
    assert projection.outcomes[2].score == pytest.approx(6 / 7)


def test_a_translator_of_markup_is_given_html() -> None:
    item = Parallel(source='AT&T <3 "Bo"', spans=((0, 4, "ORG"), (9, 11, "PER")), target="", fixed=False)
    translator = Scripted(abilities=["markup"])
    (projection,) = Markers(scheme="html")([item], translator, "eng", "spa")
    assert translator.asked == ['<b id="1">AT&amp;T</b> &lt;3 "<b id="2">Bo</b>"']
    assert (projection.target, projection.spans) == (item.source, item.spans)


def test_a_source_with_marks_of_its_own_is_not_guessed_at() -> None:
    item = Parallel(source="[sic] Ann", spans=((6, 9, "PER"),), target="[sic] Ann", fixed=False)
    (projection,) = Markers(scheme="brackets")([item], Scripted(), "eng", "deu")
    assert projection.outcomes[0].reason == "ambiguous"


def test_auto_takes_the_marks_that_come_through(caplog: pytest.LogCaptureFixture) -> None:
    class NoBrackets(Scripted):
        def translate(self, texts, source, target, *, best=1):  # type: ignore[no-untyped-def]
            return super().translate([text.replace("[", "") for text in texts], source, target)

    with caplog.at_level(logging.INFO, "isogloss"):
        (projection,) = Markers()([ITEM], NoBrackets(), "eng", "deu")
    assert projection.complete
    assert "brackets 0%, xml 100%, quotes 100% of 1 sentences" in caplog.text
    assert "Taken: xml" in caplog.text


def test_survival_counts_sentences_and_spans() -> None:
    translator = Scripted({"[Ann] met [Bo] in [Rome]": "[Ann] met Bo in [Rome]"})
    found = survival(
        translator,
        [(ITEM.source, ITEM.spans), ("Bo", ((0, 2, "PER"),)), ("none", ())],
        "brackets",
        "eng",
        "deu",
    )
    assert (found.sentences, found.share) == (2, 0.5)
    assert found.reasons == {"marker_lost": 3, "ok": 1}


def test_sentences_without_spans_are_not_translated() -> None:
    translator = Scripted()
    item = Parallel(source="a", spans=(), target="b", fixed=False)
    assert Markers()([item], translator, "eng", "deu")[0].target == "b"
    assert translator.asked == []


def test_a_translator_is_needed_that_serves_the_pair() -> None:
    with pytest.raises(ResourceError, match="needs a translator"):
        Markers()([ITEM], None, "eng", "deu")
    with pytest.raises(ResourceError, match="does not translate from eng to nowhere"):
        Markers()([ITEM], Scripted(), "eng", "nowhere")

"""Marks that are written are read again, however a translator has bent them."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from isogloss.bridges.projectors.marks import SCHEMES, Scheme, mark, read

TEXT = "Ann Lee met Bo in Rome"
SPANS = ((0, 7, "PER"), (12, 14, "PER"), (18, 22, "LOC"))


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40), st.sets(st.integers(0, 40), max_size=8), st.sampled_from(SCHEMES))
def test_reading_undoes_marking(text: str, cuts: set[int], scheme: Scheme) -> None:
    borders = sorted(cut for cut in cuts if cut <= len(text))
    # White space at the borders of a span goes outside, so that only spans without it come back the same.
    spans = [
        (start, end, "X")
        for start, end in zip(borders[::2], borders[1::2], strict=False)
        if text[start:end] == text[start:end].strip()
    ]
    marked = mark(text, spans, scheme)
    assume(marked is not None)
    # A quotation mark may be two characters, which borders may tear.
    assume(scheme != "quotes" or not set("'`") & set(text))
    reading = read(marked, text, len(spans), scheme)
    assert reading.text == text
    assert reading.spans == tuple(span[:2] for span in spans)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_text_with_such_marks_of_its_own_is_not_marked(scheme: Scheme) -> None:
    own = mark(TEXT, SPANS, scheme)
    assert own is not None
    assert mark(own, SPANS, scheme) is None


@pytest.mark.parametrize(
    "output",
    [
        "[Ann Lee] traf [Bo] in [Rom]",
        "[ Ann Lee ] traf [ Bo ] in [ Rom ]",
        "[[Ann Lee]] traf [[Bo] ] in [Rom]",
        "［Ann Lee］ traf [Bo］ in ⟦Rom⟧",
        "【Ann Lee】 traf [Bo] in 「Rom」",
        "(Ann Lee) traf (Bo) in [Rom]",
        "«Ann Lee» traf «Bo» in [Rom]",
        "{Ann Lee} traf [Bo] in [Rom]",
        "[Ann Lee ]traf [Bo] in[ Rom]",
    ],
)
def test_bent_brackets_are_brackets(output: str) -> None:
    reading = read(output, TEXT, 3, "brackets")
    assert reading.text == "Ann Lee traf Bo in Rom"
    assert reading.spans == ((0, 7), (13, 15), (19, 22))


def test_a_kind_of_bracket_that_the_source_uses_is_never_a_mark() -> None:
    assert read("Ann (geboren 1961)", "Ann (born 1961)", 1, "brackets").spans == ("marker_lost",)
    assert read("Ann (1961) [Lee]", "Ann (1961) Lee", 1, "brackets").spans == ((11, 14),)


@pytest.mark.parametrize(
    ("output", "scheme", "spans"),
    [
        ("[Ann Lee] traf Bo in [Rom]", "brackets", ("marker_lost",) * 3),
        ("[Ann] [Lee] traf [Bo] in [Rom]", "brackets", ("marker_added",) * 3),
        ("[Ann Lee] traf ]Bo[ in [Rom]", "brackets", ("ambiguous",) * 3),
        ("[Ann Lee] traf [ ] in [Rom]", "brackets", ((0, 7), "empty", (17, 20))),
        ('"Ann" traf "Bo', "quotes", ("marker_lost",) * 3),
        ("„Ann“ traf «Bo» in ''Rom''", "quotes", ((0, 3), (9, 11), (15, 18))),
        ("<c>Rom</c> sah <A>Ann Lee</A> und <b> Bo< / b >", "xml", ((8, 15), (20, 22), (0, 3))),
        ("<a>Ann Lee</a> traf Bo</b> in <c></c>", "xml", ((0, 7), "marker_lost", "empty")),
        ("<a>Ann</a> <a>Lee</a> traf <b>Bo</b> <b>x</b> y <b>z</b>", "xml", ((0, 7), "marker_added", "marker_lost")),
        ("</a>Ann<a> traf <b>Bo</b> oder <b>Co</b>", "xml", ("ambiguous", "marker_added", "marker_lost")),
        ('<b id="2">Bo</b> <b id="3">Rom</b> <b id="9">?</b></b>', "html", ("marker_lost", (0, 2), (3, 6))),
    ],
)
def test_what_is_wrong_is_said(output: str, scheme: Scheme, spans: tuple[object, ...]) -> None:
    assert read(output, TEXT, 3, scheme).spans == spans

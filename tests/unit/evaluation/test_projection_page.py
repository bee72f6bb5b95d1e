"""The page of a projection: well-formed, self-contained, safe, the worst first, and matching numbers on both sides."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_report_html import Page
from test_report_in_browser import FLAGS, PROBE

from isogloss.bridges.base import Outcome, Parallel, Projection
from isogloss.evaluation.projection_page import ProjectionRow, ProjectionSummary, percent, projection_page, stretches

HOSTILE = "<script>alert('x')</script>"


def row(name: str, source: str, target: str, *outcomes: tuple[str, str, str | None, float]) -> ProjectionRow:
    """Spans by their text: (source text, label, target text or None, score)."""
    spans = tuple((source.index(text), source.index(text) + len(text), label) for text, label, _, _ in outcomes)
    item = Parallel(source=source, spans=spans, target=target)
    found = [
        Outcome(span=None, score=0.0, reason="no_link")
        if there is None
        else Outcome(span=(target.index(there), target.index(there) + len(there)), score=score)
        for _, _, there, score in outcomes
    ]
    return ProjectionRow(item=item, projection=Projection.of(item, found), id=name)


ROWS = [
    row("sure", "Ann is in Rome.", "Ann ist in Rom.", ("Ann", "PER", "Ann", 0.9), ("Rome", "LOC", "Rom", 0.8)),
    row(
        "lost", "Obama met Merkel", "التقى أوباما ميركل", ("Obama", "PER", "أوباما", 0.9), ("Merkel", "PER", None, 0.0)
    ),
    row("bad", f"{HOSTILE} & Bo", f"Bo & {HOSTILE}", (HOSTILE, HOSTILE, HOSTILE, 0.3), ("Bo", "PER", "Bo", 0.7)),
    row("bare", "Nothing here", "Nichts hier"),
]


def summary(rows: list[ProjectionRow], **changes: object) -> ProjectionSummary:
    facts = {"title": "names", "source": "eng", "target": "ara", "projector": "align", "translator": "isogloss:eng-por"}
    return ProjectionSummary.of([each.projection for each in rows], **(facts | changes))  # type: ignore[arg-type]


def test_counts() -> None:
    found = summary(ROWS, seconds=2.0)
    assert (found.sentences, found.labelled, found.complete, found.spans, found.kept) == (4, 3, 2, 6, 5)
    assert found.reasons == {"no_link": 1}
    assert (found.rate, found.complete_rate, found.per_second) == (5 / 6, 2 / 3, 2.0)


def test_what_is_not_whole_is_not_100_percent() -> None:
    shown = [percent(share).replace("\N{NO-BREAK SPACE}", " ") for share in (1.0, 0.99999, 0.29, 0.0, float("nan"))]
    assert shown == ["100.0 %", "99.9 %", "29.0 %", "0.0 %", "–"]


def test_the_page_is_whole_and_fetches_nothing() -> None:
    html = projection_page(ROWS, summary(ROWS, settings={"gap": "1"}, versions={HOSTILE: HOSTILE}))
    page = Page(html)
    assert not re.search(r"https?:|@import|url\(|javascript:", html)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "link", "img", "iframe"})
    for words in ("5 of 6 spans carried over from English to Arabic", "83.3 %", "66.6 %", "no word is linked to it"):
        assert words in page.text()


def test_the_worst_come_first_and_sentences_without_spans_do_not_come() -> None:
    text = Page(projection_page(ROWS, summary(ROWS))).text()
    assert text.index("lost score 0.00") < text.index("bad score 0.30") < text.index("sure score 0.80")
    assert "Nothing here" not in text


def test_no_more_than_asked_for_are_shown() -> None:
    text = Page(projection_page(ROWS, summary(ROWS), most=1)).text()
    assert "1 of 3 that have a span" in text
    assert "Rom." not in text


def test_a_span_has_its_number_and_colour_on_both_sides() -> None:
    html = projection_page(ROWS[:1], summary(ROWS[:1]))
    marks = re.findall(r'<mark class="(\w+)( off)?">(\w+)<span class="kind"><bdi dir="ltr">(\d) (\w+)', html)
    assert [mark[2:] for mark in marks] == [
        *[("Ann", "1", "PER"), ("Rome", "2", "LOC")],
        *[("Ann", "1", "PER"), ("Rom", "2", "LOC")],
    ]
    assert marks[0][0] == marks[2][0] != marks[1][0] == marks[3][0]
    assert {mark[1] for mark in marks} == {""}


def test_a_lost_span_is_framed_and_named_with_its_reason() -> None:
    html = projection_page(ROWS[1:2], summary(ROWS[1:2]))
    assert re.findall(r'<mark class="hue0( off)?">(\w+)', html) == [("", "Obama"), (" off", "Merkel"), ("", "أوباما")]
    assert "2 Merkel PER , lost: no word is linked to it" in Page(html).text()


def test_stretches_give_the_text_back() -> None:
    cut = stretches("abcdef", [((4, 6), 1, "X"), ((0, 2), 2, "")], lost=[2])
    assert "".join(each.text for each in cut) == "abcdef"
    assert [(each.text, each.number, each.lost) for each in cut if each.label is not None] == [
        ("ab", 2, True),
        ("ef", 1, False),
    ]


def test_nothing_to_carry_is_said() -> None:
    text = Page(projection_page(ROWS[3:], summary(ROWS[3:], translator=""))).text()
    assert "none of them with a span" in text
    assert "none: the translations were given" in text


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
@pytest.mark.parametrize("width", [1100, 500])
def test_right_to_left_text_runs_right_to_left_and_nothing_overflows(tmp_path: Path, width: int) -> None:
    page = tmp_path / "projection.html"
    page.write_text(
        projection_page(ROWS, summary(ROWS)).replace("</body>", PROBE + "</body>"), encoding="utf-8", newline="\n"
    )
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = ["chromium", *FLAGS, profile, f"--window-size={width},900", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    words = done.stdout.split("<title>")[1].split("</title>")[0].split()
    assert int(words[1]) == 1
    assert (words[3], words[5]) == ("0", "false")

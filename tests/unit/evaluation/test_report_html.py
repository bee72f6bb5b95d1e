"""The page: well-formed, self-contained, safe with hostile text, right for text that runs from right to left."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from invented_reports import HOSTILE, SENTENCES, N, report, span_errors, troubled, wide

from isogloss.evaluation.charts import Axis, score_bars, stacked
from isogloss.evaluation.html import duration, render_html, segments
from isogloss.evaluation.report import Report
from isogloss.evaluation.view import rows

VOID = {"meta", "br", "hr", "img", "input", "link"}
REPORTS = {
    "spans": report(),
    "labels": troubled(),
    "pair": troubled("pair"),
    "wide": wide(),
    "no scores": report(scores={}, errors={}, mean_target=None, gap=None, gap_ci95=None, mean_target_ci95=None),
}


class Page(HTMLParser):
    """Collects elements with their attributes and text, and complains of tags that do not match."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str | None]]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, list[tuple[str, dict[str, str | None]]]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((data, list(self.open)))

    def text(self) -> str:
        shown = (data for data, path in self.texts if "style" not in [tag for tag, _ in path])
        return " ".join(" ".join(shown).replace("\N{NO-BREAK SPACE}", " ").split())


@pytest.fixture(params=REPORTS, name="any_report")
def every_report(request: pytest.FixtureRequest) -> Report:
    return REPORTS[request.param]


def test_tags_match(any_report: Report) -> None:
    page = Page(render_html(any_report))
    assert [tag for tag, _ in page.elements].count("main") == 1
    assert any_report.recipe in page.text()


def test_nothing_is_fetched_and_nothing_runs(any_report: Report) -> None:
    html = render_html(any_report)
    assert not re.search(r"https?:|@import|url\(|javascript:", html)
    for tag, attributes in Page(html).elements:
        assert tag not in {"script", "link", "img", "iframe", "object"}
        assert not {name for name in attributes if name in {"src", "href", "srcset"} or name.startswith("on")}


def test_hostile_text_is_shown_and_not_run() -> None:
    html = render_html(troubled().model_copy(update={"problem": HOSTILE, "settings": {HOSTILE: HOSTILE}}))
    assert "<script" not in html
    # Title, heading, notice, leak, setting (name and value) and the label and texts of the examples.
    assert html.count("&lt;script&gt;") > 10
    assert HOSTILE in Page(html).text()


@pytest.mark.parametrize("lang", SENTENCES)
def test_sentences_are_isolated_and_find_their_own_direction(lang: str) -> None:
    page = Page(render_html(report(errors={lang: span_errors(lang)})))
    start = SENTENCES[lang][0].split()[0][:3]
    homes = [path for data, path in page.texts if data.startswith(start)]
    assert len(homes) == 4  # gold and predicted of two examples
    for path in homes:
        tag, attributes = [entry for entry in path if "text" in (entry[1].get("class") or "").split()][-1]
        assert (tag, attributes["dir"], attributes["lang"]) == ("bdi", "auto", lang)


def test_spans_are_marked_and_their_types_do_not_turn_the_sentence() -> None:
    page = Page(render_html(report(errors={"ar": span_errors("ar")})))
    marked = [data for data, path in page.texts if path and path[-1][0] == "mark"]
    assert marked.count("بيروت") == 4
    kinds = [path[-1] for data, path in page.texts if data == "ORG"]
    assert [(tag, attributes["dir"]) for tag, attributes in kinds] == [("bdi", "ltr")]


def test_segments_give_the_text_back() -> None:
    text = "Ada met Bob."
    gold, predicted = [[0, 3, "PER"], [8, 11, "PER"]], [[0, 3, "PER"], [8, 12, "PER"], [9, 11, "LOC"]]
    found = segments(text, gold, predicted)
    assert [(s.text, s.kind, s.agrees) for s in found] == [
        ("Ada", "PER", True),
        (" met ", None, True),
        ("Bob", "PER", False),
        (".", None, True),
    ]
    assert "".join(s.text for s in segments(text, predicted, gold)) == text  # overlapping spans lose no text


def test_the_summary_is_plain_english() -> None:
    expected = "Trained on English labels, tested in 4 languages: mean span F1 0.78 [0.76, 0.80], 0.14 below English."
    assert expected in Page(render_html(report())).text()


def test_what_spoils_the_numbers_is_said_at_the_top() -> None:
    text = Page(render_html(troubled())).text()
    box = text[text.index("Before you trust") : text.index("Scores by language")]
    for words in ("Oracle:", "12 leaks", "Transductive", "Norwegian (no translator)"):
        assert words in box
    assert "Before you trust" not in Page(render_html(report())).text()


def test_every_language_has_a_bar_with_its_score_and_size() -> None:
    page = render_html(report())
    bars = re.findall(r'<div class="bar( source)?" role="row">(.*?)</div>', page, re.DOTALL)
    assert [bool(mark) for mark, _ in bars] == [True, False, False, False, False]
    assert all(f"{n:,}" in page for n in N.values())


def test_bars_lie_where_the_scores_are() -> None:
    axis, bars = score_bars(rows(report()), "span_f1", 0.914)
    assert [bar.row.code for bar in bars] == ["en", "he", "hi", "ar", "zh"]
    assert (bars[0].start, bars[0].width) == (0.0, 91.4)
    assert axis.ticks[0] == (0.0, "0.00")


def test_a_negative_correlation_hangs_left_of_zero() -> None:
    axis = Axis.over([-0.3, 0.5])
    assert (axis.low, axis.at(-0.5), axis.at(0.0), axis.at(1.0)) == (-0.5, 0.0, 33.33, 100.0)
    assert axis.ticks[0] == (0.0, "−0.50")


def test_a_stacked_bar_is_full() -> None:
    slices = stacked({"data": 1.0, "model": 0.0, "objective": 3.0})
    assert [(s.name, s.start, s.width) for s in slices] == [("data", 0.0, 25.0), ("objective", 25.0, 75.0)]
    assert stacked({}) == []


def test_the_chosen_steps_are_told() -> None:
    assert "Weights chosen by source_dev seed 1 step 400 (0.910)" in Page(render_html(report())).text()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.42, "0.4 s"), (12.3, "12 s"), (185.0, "3 min 05 s"), (7620.0, "2 h 07 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_undefined_scores_are_dashes() -> None:
    odd = report()
    odd.scores["zh"] |= {"span_f1": None, "ci95": {"span_f1": [None, None]}}
    odd.scores["hi"]["span_f1"] = float("nan")
    text = Page(render_html(odd)).text()
    scores = text[text.index("Scores by language") : text.index("What goes wrong")]
    assert "nan" not in scores
    assert "None" not in scores
    assert "Chinese zh – 0.707" in scores

"""Sentences: nothing is lost, nothing kept is cut, and the time is linear."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.bridges.sentences import sentences

TEXTS = st.text("aB 1.!?。！।\"'”“)(\n\t\u2028é中", max_size=80) | st.text(max_size=80)


@st.composite
def text_with_spans(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    text = draw(TEXTS)
    place = st.integers(0, len(text))
    return text, draw(st.lists(st.tuples(place, place).map(lambda pair: (min(pair), max(pair))), max_size=4))


@given(text_with_spans(), st.integers(1, 30))
def test_everything_but_white_space_is_covered_once_in_order(
    given_text: tuple[str, list[tuple[int, int]]], most: int
) -> None:
    text, keep = given_text
    found = sentences(text, keep, most)
    end, covered = 0, set()
    for start, stop in found:
        assert end <= start < stop <= len(text)
        assert not text[start].isspace()
        assert not text[stop - 1].isspace()
        covered |= set(range(start, stop))
        end = stop
    assert all(text[i].isspace() for i in range(len(text)) if i not in covered)
    # No kept span has letters in two sentences.
    for first, last in keep:
        touched = [span for span in found if any(span[0] <= i < span[1] for i in range(first, last))]
        assert len(touched) <= 1


@given(TEXTS, st.integers(1, 20))
def test_what_is_longer_than_allowed_has_no_white_space_to_be_cut_at(text: str, most: int) -> None:
    for start, end in sentences(text, most=most):
        assert end - start <= most or not any(c.isspace() for c in text[start : start + most + 1])


@pytest.mark.parametrize(("text", "expected"), [
    ("One came. Two left! \"I.\" So (it was.) End", ["One came.", "Two left!", '"I." So (it was.)', "End"]),
    ("He said \"nobody.\" So", ['He said "nobody."', "So"]),
    ("यह रोटी है। वह घर है॥ end", ["यह रोटी है।", "वह घर है॥", "end"]),
    ("他来了。“真的吗？”她问。好！", ["他来了。", "“真的吗？”", "她问。", "好！"]),
    ("هل هذا؟ نعم۔ لا", ["هل هذا؟", "نعم۔", "لا"]),
    ("Սա հաց է։ Այո", ["Սա հաց է։", "Այո"]),
    ("ዳቦ ነው። አዎ", ["ዳቦ ነው።", "አዎ"]),
    ("So… Then what?! Yes...", ["So…", "Then what?!", "Yes..."]),
    ("line one\nline two\r\n\r\nthree", ["line one", "line two", "three"]),
    ("J. R. Smith met Dr. Who, i.e. him, z. B. here.", ["J. R. Smith met Dr. Who, i.e. him, z. B. here."]),
    ("Am 3. Mai kam er. Only 3.50 now. In 1999. Then", ["Am 3. Mai kam er.", "Only 3.50 now.", "In 1999.", "Then"]),
    ("pop. and rock, etc. so on", ["pop. and rock, etc. so on"]),
    ("example.org is it", ["example.org is it"]),
    ("", []), (" \n ", []), (".", ["."]), ("...", ["..."]),
])  # fmt: skip
def test_sentences_of_many_scripts(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


def test_a_kept_span_holds_sentences_together() -> None:
    text = "He read Who? What. Where! yesterday. Then left."
    start = text.index("Who")
    kept = [text[a:b] for a, b in sentences(text, [(start, start + 17)])]
    assert kept == ["He read Who? What. Where!", "yesterday.", "Then left."]
    assert len(sentences(text)) == 5


def test_a_long_sentence_is_cut_at_white_space() -> None:
    text = "word " * 500
    found = sentences(text)
    assert all(end - start <= 1000 for start, end in found)
    assert " ".join(text[start:end] for start, end in found) == text.strip()
    assert len(found) == 3
    assert sentences(text, [(0, len(text))]) == [(0, len(text) - 1)]


@pytest.mark.parametrize("unit", [".", ".)", "a. ", "\n", " ", "。", '"', "a", ". ", "(", "1.", "a.b"])
def test_time_is_linear(unit: str) -> None:
    def seconds(count: int) -> float:
        text, keep = unit * count, [(i, i + 3) for i in range(0, count, 7)]
        start = time.perf_counter()
        sentences(text, keep)
        return time.perf_counter() - start

    seconds(1000)
    assert min(seconds(80_000) for _ in range(2)) < 40 * min(seconds(8_000) for _ in range(3)) + 0.05

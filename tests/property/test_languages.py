from __future__ import annotations

import unicodedata

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from isogloss.errors import DataError
from isogloss.languages import Language, direction, join_tokens, units

# Letters of every kind of script, marks, digits, joiners, emoji, full-width forms, spaces and broken Unicode, so that
# borders between them are met far more often than in text drawn from all of Unicode.
MIXED = st.text(
    st.one_of(
        st.sampled_from(
            "aZ9'-é\u0301漢かー한ก\u0e48កब\u094dא  \n\u3000。Ａ\u200b\u200c\u200d\u00ad🇳👍🏽\ufe0f\ud800\x1c"
        ),
        st.characters(exclude_categories=()),
    )
)
SUBTAG = st.text("abcxyzABXYZ0189", min_size=1, max_size=8)
CODES = st.one_of(
    st.lists(
        SUBTAG | st.sampled_from(["zh", "sr", "en", "ger", "Latn", "Cyrl", "TW", "x"]), min_size=1, max_size=4
    ).flatmap(lambda parts: st.sampled_from("-_").map(lambda mark: mark.join(parts))),
    st.text(min_size=1),
)


# The first call of each function loads tables and patterns: on a busy machine that outlasts a deadline.
patient = settings(deadline=None)


@patient
@given(CODES)
@example("\U0001d400_\U0001d400bcd")
@example("x_Latn")
def test_parse_is_idempotent_and_ignores_case(text: str) -> None:
    try:
        language = Language.parse(text)
    except DataError:
        assume(False)
    again = Language.parse(language.code)
    assert again.code == language.code
    assert (again.base, again.script, again.name) == (language.base, language.script, language.name)
    assert Language.parse(language.base).code == language.base
    if text.isascii():
        assert Language.parse(text.upper()) == Language.parse(text.lower()) == language


@patient
@given(st.lists(MIXED))
def test_join_tokens_cuts_its_tokens(tokens: list[str]) -> None:
    text, offsets = join_tokens(tokens)
    assert [text[start:end] for start, end in offsets] == tokens
    borders = [0, *[border for span in offsets for border in span], len(text)]
    assert borders == sorted(borders)
    between = [text[end:start] for end, start in zip(borders[::2], borders[1::2], strict=True)]
    assert set(between) <= {"", " "}
    assert between[0] == between[-1] == ""


@patient
@given(MIXED)
def test_units_are_in_order_and_cover_all_that_can_be_read(text: str) -> None:
    spans = units(text)
    covered: set[int] = set()
    last = 0
    for start, end in spans:
        assert last <= start < end <= len(text)
        assert not text[start:end].isspace()
        covered.update(range(start, end))
        last = end
    for place, char in enumerate(text):
        if unicodedata.category(char)[0] in "LN":
            assert place in covered, f"letter {char!r} is in no unit"
        if place not in covered:
            assert unicodedata.category(char)[0] in "ZCM", f"{char!r} is in no unit"


@patient
@given(MIXED)
def test_units_of_a_unit_are_itself(text: str) -> None:
    for start, end in units(text):
        assert units(text[start:end]) == [(0, end - start)]


@patient
@given(MIXED)
def test_direction_is_total(text: str) -> None:
    assert direction(text) in ("ltr", "rtl")
    assert direction("a" + text) == "ltr"
    assert direction("א" + text) == "rtl"

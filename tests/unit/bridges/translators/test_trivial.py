"""Identity and cipher: every round trip gives the text again, and words stay words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.bridges.translators.trivial import CipherTranslator, IdentityTranslator
from isogloss.errors import ResourceError
from isogloss.languages import units

LANGS = ("eng", "yor", "rus", "zho", "deu")
PAIRS = st.lists(st.sampled_from(LANGS), min_size=2, max_size=2, unique=True)


def translate(translator: CipherTranslator, text: str, source: str, target: str) -> str:
    ((translation,),) = translator.translate([text], source, target)
    return translation.text


@given(st.text(), PAIRS, st.integers(0, 5))
def test_a_round_trip_gives_the_text_again(text: str, pair: list[str], seed: int) -> None:
    cipher = CipherTranslator(seed)
    there = translate(cipher, text, *pair)
    assert translate(cipher, there, *reversed(pair)) == text
    assert len(there) == len(text)


@given(st.text(), st.permutations(LANGS))
def test_a_detour_is_the_straight_way(text: str, langs: list[str]) -> None:
    cipher, (one, by, other, *_) = CipherTranslator(), langs
    assert translate(cipher, translate(cipher, text, one, by), by, other) == translate(cipher, text, one, other)


@given(st.text(), PAIRS)
def test_words_stay_where_they_are(text: str, pair: list[str]) -> None:
    there = translate(CipherTranslator(), text, *pair)
    assert units(there) == units(text)
    (attention,) = CipherTranslator().attend([(text, there)], *pair)
    np.testing.assert_array_equal(attention.weights_TS, np.eye(len(units(text))))
    assert attention.source_offsets == attention.target_offsets == tuple(units(text))


@given(st.text("abcxyzäöüéABCXYZÄÖÜÉабвгАБВГ0 .,'-"))
def test_case_script_and_signs_stay(text: str) -> None:
    there = translate(CipherTranslator(), text, "eng", "yor")
    for before, after in zip(text, there, strict=True):
        assert before.isupper() == after.isupper()
        assert before.isalpha() == after.isalpha()
        assert (before < "\u0250") == (after < "\u0250")
        if not before.isalpha():
            assert before == after
    assert translate(CipherTranslator(), text.lower(), "eng", "yor") == there.lower()


def test_it_is_another_language() -> None:
    text = "The quick brown fox jumps over the lazy dog; съешь ещё этих мягких булок; 東京タワーへ행복"
    made = {translate(CipherTranslator(seed), text, "eng", lang) for seed in range(3) for lang in ("yor", "rus")}
    assert len(made) == 6
    assert text not in made
    for there in made:
        assert sum(a == b for a, b in zip(text, there, strict=True) if a.isalpha()) < 8
    assert translate(CipherTranslator(), text, "en", "yo") == translate(CipherTranslator(), text, "eng", "yor")


def test_the_clear_language_is_chosen() -> None:
    assert translate(CipherTranslator(source="yor"), "abc", "yor", "eng") != "abc"
    with pytest.raises(ResourceError, match="to itself"):
        CipherTranslator().translate(["a"], "eng", "en")
    assert not CipherTranslator().serves("eng", "en")
    assert CipherTranslator().serves("eng", "anything-at-all")


def test_identity() -> None:
    identity = IdentityTranslator()
    assert [one.text for (one,) in identity.translate(["<b>a</b>", ""], "eng", "eng")] == ["<b>a</b>", ""]
    assert identity.translate_markup(["<b>a</b>"], "eng", "yor") == ["<b>a</b>"]
    assert identity.serves("eng", "yor")
    (attention,) = identity.attend([("a b", "c")], "eng", "yor")
    assert attention.weights_TS.tolist() == [[1, 0]]

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.languages.overlap import (
    MEASURED,
    WORDS,
    Profile,
    edit_distances,
    lexical_distance,
    lexicon_distance,
    measured,
    piece_distance,
    script_distance,
    trigrams,
)

LINES = [f"the {who} {did} a {how} {what}" for who in ("girl", "farmer", "aunt") for did in ("saw", "sold", "painted")
         for how in ("red", "small", "heavy") for what in ("bread", "hammer", "soup", "needle")]  # fmt: skip


def profile(lines: list[str]) -> Profile:
    found = Profile.of(lines)
    assert found is not None
    return found


def swapped(share: float, shift: int) -> Profile:
    """The text with a share of the alphabet moved to other characters."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    table = {ord(c): ord(c) + shift for c in letters[: round(share * 26)]}
    return profile([line.translate(table) for line in LINES])


def levenshtein(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row, last = [i], row
        for j, b in enumerate(other, 1):
            row.append(min(row[-1] + 1, last[j] + 1, last[j - 1] + (a != b)))
    return row[-1]


words = st.lists(st.text("abcd", max_size=6), min_size=1, max_size=5)


@given(words, words)
def test_edit_distances_equal_the_plain_recursion(ones: list[str], others: list[str]) -> None:
    found = edit_distances(ones, others)
    want = [[levenshtein(a, b) / max(len(a), len(b), 1) for b in others] for a in ones]
    assert found == pytest.approx(np.array(want))


def test_all_distances_grow_as_letters_are_exchanged() -> None:
    base = profile(LINES)
    for distance in (script_distance, piece_distance, lexical_distance):
        found = [distance(base, swapped(share, 0x400)) for share in (0, 0.2, 0.4, 0.6, 0.8, 1)]
        assert found == sorted(found)
        assert found[0] == 0
        assert found[-1] > 0.9
        assert distance(swapped(0.5, 0x400), base) == pytest.approx(distance(base, swapped(0.5, 0x400)))


def test_scripts_are_shares_of_letters() -> None:
    found = profile(["abc где 123 !"])
    assert found.scripts == {"Latn": 0.5, "Cyrl": 0.5}
    assert script_distance(found, profile(["abc"])) == pytest.approx(0.5)
    assert profile(["日本ア"]).scripts == pytest.approx({"Hani": 2 / 3, "Kana": 1 / 3})
    assert profile(["ⲁⲃ"]).scripts == {"Copt": 1}


def test_pieces_come_from_the_tokenizer_that_is_given() -> None:
    one = Profile.of(["a b c", "d"], pieces=str.split)
    other = Profile.of(["a b x y"], pieces=str.split)
    assert one is not None
    assert other is not None
    assert sorted(one.pieces) == ["a", "b", "c", "d"]
    assert piece_distance(one, other) == pytest.approx(1 - 2 / 6)
    assert trigrams("To  be") == [" to", "to ", "o b", " be", "be "]


def test_pieces_are_compared_among_equally_many() -> None:
    one = Profile(lines=1, scripts={"Latn": 1}, pieces=("a", "b", "c", "d"), words=())
    other = Profile(lines=1, scripts={"Latn": 1}, pieces=("a", "b"), words=())
    assert piece_distance(one, other) == 0
    assert piece_distance(one, other, size=1) == 0


def test_words_are_the_most_frequent_with_a_letter() -> None:
    found = profile(["b b a 7 7 7 !", "b A c"])
    assert found.words == ("b", "a", "c")
    assert len(profile([f"{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(500)]).words) == WORDS


def test_the_order_of_lines_changes_no_small_text() -> None:
    assert profile(LINES).words == profile(LINES[::-1]).words
    assert profile(LINES).scripts == profile(LINES[::-1]).scripts


def test_no_letters_no_profile() -> None:
    assert Profile.of([]) is None
    assert Profile.of(["", " ", "12 34 !"]) is None


def test_a_lexicon_is_measured_word_by_word() -> None:
    assert lexicon_distance([("night", "Nacht"), ("arm", "Arm")]) == pytest.approx((2 / 5 + 0) / 2)
    assert np.isnan(lexicon_distance([]))


def test_matrices_have_gaps_where_there_is_no_text() -> None:
    found = measured([profile(LINES), swapped(0.5, 0x400), None])
    assert list(found) == list(MEASURED)
    for matrix in found.values():
        assert np.array_equal(matrix, matrix.T, equal_nan=True)
        assert np.diag(matrix).tolist() == [0, 0, 0]
        assert 0 < matrix[0, 1] <= 1
        assert np.isnan(matrix[2, :2]).all()

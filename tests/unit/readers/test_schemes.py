"""Tag schemes: recognised, checked and turned into IOB2."""

from __future__ import annotations

from pathlib import Path

import pytest

from isogloss.errors import DataError
from isogloss.readers import to_iob2


def convert(*sentences: str) -> list[str]:
    return [" ".join(tags) for tags in to_iob2([sentence.split() for sentence in sentences])]


@pytest.mark.parametrize(
    ("given", "iob2"),
    [
        (["B-PER I-PER O B-LOC B-LOC", "O"], ["B-PER I-PER O B-LOC B-LOC", "O"]),  # IOB2
        (["I-PER I-PER B-PER O I-LOC", "I-LOC I-PER"], ["B-PER I-PER B-PER O B-LOC", "B-LOC B-PER"]),  # IOB1
        (["B-PER E-PER S-LOC O B-X I-X E-X"], ["B-PER I-PER B-LOC O B-X I-X I-X"]),  # BIOES
        (["B-PER L-PER U-LOC O B-X I-X L-X"], ["B-PER I-PER B-LOC O B-X I-X I-X"]),  # BILOU
        (["B-PER M-PER E-PER S-LOC"], ["B-PER I-PER I-PER B-LOC"]),  # BMES
        (["B-a-b I-a-b B-I-x"], ["B-a-b I-a-b B-I-x"]),  # a type may hold hyphens
        (["NOUN VERB O", "PUNCT"], ["NOUN VERB O", "PUNCT"]),  # plain
        (["PER O O O O O O O O O O O"], ["PER O O O O O O O O O O O"]),  # types without prefixes are plain too
        (["I-VERB NOUN X"], ["I-VERB NOUN X"]),  # one tag that happens to have a prefix
        (["O O", ""], ["O O", ""]),
    ],
)
def test_schemes(given: list[str], iob2: list[str]) -> None:
    assert convert(*given) == iob2


@pytest.mark.parametrize(
    ("sentences", "place", "says"),
    [
        (["B-PER O I-LOC"], (1, 3), "tag I-LOC follows O; in IOB2 an entity starts with B-"),
        (["B-PER I-LOC"], (1, 2), "tag I-LOC follows B-PER; in IOB2"),
        (["O B-PER", "I-PER"], (2, 1), "tag I-PER starts a sentence; in IOB2"),
        (["B-PER O S-LOC"], (1, 2), "tag O follows B-PER; in BIOES that entity goes on until E-"),
        (["B-PER E-LOC"], (1, 2), "tag E-LOC follows B-PER"),
        (["S-PER I-PER E-PER"], (1, 2), "tag I-PER follows S-PER; in BIOES an entity starts with B- or S-"),
        (["S-PER", "O E-PER"], (2, 2), "tag E-PER follows O"),
        (["S-PER B-PER", "O"], (1, 2), "tag B-PER ends the sentence; in BIOES an entity ends with E- or S-"),
        (["U-PER B-PER I-PER"], (1, 3), "in BILOU an entity ends with L- or U-"),
        (["L-PER"], (1, 1), "in BILOU an entity starts with B- or U-"),
        (["S-PER O U-PER"], (1, 3), "tag U-PER is BILOU"),
        (["O O O O O B-PER O O O", "XYZ"], (2, 1), "tag XYZ is neither O nor"),
        (["O O O O O B-PER O O B-"], (1, 9), None),
    ],
)
def test_illegal_tags(sentences: list[str], place: tuple[int, int], says: str | None) -> None:
    tags = [sentence.split() for sentence in sentences]
    if says is None:  # eight of nine are fewer than 90 %
        assert to_iob2(tags) == tags
        return
    with pytest.raises(DataError) as caught:
        to_iob2(tags)
    assert says in caught.value.what
    assert f"(sentence {place[0]}, token {place[1]})" in caught.value.what
    lines = [[100 * s + t for t in range(1, 11)] for s in range(1, 3)]
    with pytest.raises(DataError) as caught:
        to_iob2(tags, Path("x.conll"), lines)
    assert (caught.value.line, caught.value.where) == (100 * place[0] + place[1], Path("x.conll"))
    assert "sentence 1, token" not in caught.value.what


def test_ninety_per_cent_is_enough() -> None:
    nine = ["B-PER", *["O"] * 8]
    with pytest.raises(DataError, match="tag XYZ is neither"):
        to_iob2([[*nine, "XYZ"]])
    plain = [[*nine[:-1], "XYZ"]]
    assert to_iob2(plain) == plain


def test_input_is_left_alone() -> None:
    given = [["I-PER", "O"]]
    assert to_iob2(given) == [["B-PER", "O"]]
    assert given == [["I-PER", "O"]]

"""Tokens that come with their places in the text."""

from __future__ import annotations

from typing import Any

import pytest

from isogloss.tasks import Tagging

TEXT = "in dem Haus"


def row(offsets: Any, tokens: tuple[str, ...] = ("in", "dem", "Haus")) -> dict[str, Any]:
    return {"text": TEXT, "tokens": list(tokens), "offsets": offsets, "tags": ["A"] * len(tokens)}


@pytest.mark.parametrize("pair", [tuple, list])
def test_offsets_that_fit_are_the_units(pair: type) -> None:
    fields = Tagging.parse(row([pair((0, 2)), pair((3, 6)), pair((7, 11))]))
    assert fields["units"] == ((0, 2), (3, 6), (7, 11))
    assert fields["text"] == TEXT


def test_words_of_one_token_share_its_place() -> None:
    fields = Tagging.parse(row([[0, 2], [7, 11], [7, 11]], ("in", "Haus", "Haus")))
    assert fields["units"] == ((0, 2), (7, 11), (7, 11))


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize(
    ("offsets", "tokens", "words"),
    [
        (None, ("in",), "not a list"),
        ("0-2", ("in",), "not a list"),
        ([[0, 2]], ("in", "dem"), "2 tokens but 1 offsets"),
        ([[0, 2, 3]], ("in",), "not \\[start, end\\]"),
        ([["0", "2"]], ("in",), "not \\[start, end\\]"),
        ([[0.0, 2.0]], ("in",), "not \\[start, end\\]"),
        ([7], ("in",), "not \\[start, end\\]"),
        ([[7, 12]], ("Haus",), "inside the text of 11"),
        ([[-4, -1]], ("Hau",), "inside the text"),
        ([[2, 0]], ("in",), "inside the text"),
        ([[0, 0]], ("in",), "inside the text"),
        ([[0, 3]], ("in",), "offsets of 'in '"),
        ([[7, 11], [3, 6]], ("Haus", "dem"), "overlap or precede"),
        ([[0, 2], [1, 2]], ("in", "n"), "overlap or precede"),
    ],
)
def test_offsets_that_do_not_fit_are_refused(offsets: Any, tokens: tuple[str, ...], words: str, labelled: bool) -> None:
    with pytest.raises(ValueError, match=words):
        Tagging.parse(row(offsets, tokens), labelled=labelled)

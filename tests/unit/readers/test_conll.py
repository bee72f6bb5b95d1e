"""CoNLL files: columns, borders, and the many faces of a line that begins with #."""

from __future__ import annotations

from pathlib import Path

import pytest

from isogloss.errors import DataError
from isogloss.readers import Row, read_rows
from isogloss.readers.conll import parse_conll

WHERE = Path("train/eng.conll")


def tokens(text: str) -> list[list[str]]:
    return [row.fields["tokens"] for row in parse_conll(text, WHERE)]


def refusal(text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse_conll(text, WHERE)
    assert caught.value.where == WHERE
    return caught.value


@pytest.mark.parametrize("suffix", ["conll", "iob2"])
def test_two_columns_with_tabs(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"eng.{suffix}"
    path.write_text("\n# sent_id = s 1 \n# text = Ann\nAnn\tB-PER\nde la\tI-PER\n \nis\tO\r\n\n\n", encoding="utf-8")
    assert read_rows(path) == [
        Row(4, {"id": "s 1", "tokens": ["Ann", "de la"], "tags": ["B-PER", "I-PER"]}, (4, 5)),
        Row(7, {"tokens": ["is"], "tags": ["O"]}, (7,)),
    ]


def test_four_columns_document_marks_and_iob1() -> None:
    text = "-DOCSTART- -X- O O\n\nU.N. NNP  I-NP I-ORG\nsays VBZ I-VP O\n-DOCSTART- -X- -X- O\nRome NNP I-NP I-LOC \n"
    assert parse_conll(text, WHERE) == [
        Row(3, {"tokens": ["U.N.", "says"], "tags": ["B-ORG", "O"]}, (3, 4)),
        Row(6, {"tokens": ["Rome"], "tags": ["B-LOC"]}, (6,)),
    ]


def test_plain_tags_stay() -> None:
    assert parse_conll("Ko NOUN\nmin PRON\n", WHERE)[0].fields["tags"] == ["NOUN", "PRON"]


def test_numbered_tokens() -> None:
    assert tokens("1\tplay\tx\tO\n2\tjazz\tx\tB-genre\n\n1\tstop\tx\tO\n") == [["play", "jazz"], ["stop"]]
    assert tokens("1 CD O\n\n1 CD O\n") == [["1"], ["1"]]  # nothing shows that this is a number
    assert tokens("1 O\n2 O\n") == [["1", "2"]]  # two columns are token and tag
    assert tokens("1 a O\n3 b O\n") == [["1", "3"]]


def test_hash_as_a_token() -> None:
    assert tokens("# O\nwins O\n") == [["#", "wins"]]
    assert tokens("a O\n# O\n") == [["a", "#"]]
    assert tokens("#\tO\n#tag\tO\n") == [["#", "#tag"]]
    assert tokens("# SYM\n1 NUM\n\n5 SYM\n") == [["#", "1"], ["5"]]  # SYM is a tag elsewhere
    assert tokens("# SYM X O\n1 NUM X O\n") == [["#", "1"]]


def test_comments() -> None:
    assert tokens("# comment\n#\na O\n") == [["a"]]  # two columns, but no tag is called "comment"
    assert tokens("# id = 7\na NN O O\n") == [["a"]]  # four columns, but a key and a value
    assert tokens("# text: O O O\n# gloss = a\tO\na\tO\n") == [["a"]]
    assert tokens("# one O\n\n# two more\n\na O\n") == [["a"]]
    assert parse_conll("# id = 7\n\na O\n", WHERE)[0].fields == {"tokens": ["a"], "tags": ["O"]}
    ids = [row.fields["id"] for row in parse_conll("# id = 7\na O\n\n#  sent_id=x=y\n# id = 8\nb O\n", WHERE)]
    assert ids == ["7", "x=y"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a O\n\nb NN O\n", 3, "3 columns, the first one of the file has 2"),
        ("a\tNN\tO\nb\tO\n", 2, "2 columns, the first one of the file has 3"),
        ("a O\nb\n", 2, "a single column"),
        ("\nhello\n", 2, "a single column, like the first one"),
        ("a\tO\n# id = 5\nb\tO\n", 2, "4 columns"),
        ("a\tO\n\tO\n", 2, "the token is empty"),
        ("a\tO\n\nb\t\n", 3, "the tag is empty"),
        ("# x = 1\na B-PER\nb O\n\nc I-LOC\n", 5, "tag I-LOC starts a sentence"),
        ("a O\nb S-PER\nc B-PER\n", 3, "tag B-PER ends the sentence"),
        ("B-PER B-PER\n" + "a O\n" * 20 + "b B_PER\n", 22, "tag B_PER is neither"),
    ],
)
def test_errors_have_lines(text: str, line: int, says: str) -> None:
    error = refusal(text)
    assert error.line == line
    assert says in error.what


def test_empty_file_has_no_rows() -> None:
    assert parse_conll("", WHERE) == []
    assert parse_conll("# only = comments\n\n-DOCSTART- O\n", WHERE) == []

"""CoNLL-U: surface tokens, their parts of speech and offsets that cut the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from isogloss.errors import DataError
from isogloss.readers import read_rows
from isogloss.readers.conllu import parse_conllu

WHERE = Path("test/deu.conllu")


def word(name: str, form: str, tag: str, misc: str = "_") -> str:
    return f"{name}\t{form}\t_\t{tag}\t_\t_\t_\t_\t_\t{misc}\n"


SENTENCE = (
    "# sent_id = d-1\n# text = Im  Haus .\n"
    + word("1-2", "Im", "_")
    + word("1", "in", "ADP")
    + word("2", "dem", "DET")
    + word("2.1", "leer", "ADJ")
    + word("3", "Haus", "NOUN", "Gloss=x|SpaceAfter=No")
    + word("4", ".", "PUNCT", "SpaceAfter=No")
)


def test_sentence(tmp_path: Path) -> None:
    path = tmp_path / "deu.conllu"
    path.write_text("# newdoc\n\n" + SENTENCE + "\n" + word("1", "Ja", "INTJ"), encoding="utf-8")
    first, second = read_rows(path)
    assert first.fields == {
        "id": "d-1",
        "tokens": ["Im", "Haus", "."],
        "tags": ["ADP", "NOUN", "PUNCT"],
        "text": "Im  Haus .",
        "offsets": [(0, 2), (4, 8), (9, 10)],
    }
    assert (first.line, first.lines) == (5, (5, 9, 10))
    assert second.fields == {"tokens": ["Ja"], "tags": ["INTJ"], "text": "Ja", "offsets": [(0, 2)]}


@pytest.mark.parametrize("comment", ["", "# text = Im Hause.\n", "# text = Im Haus. Ja\n", "# text = Im\n"])
def test_text_is_built_from_forms_where_the_comment_is_another(comment: str) -> None:
    text = SENTENCE.replace("# text = Im  Haus .\n", comment)
    fields = parse_conllu(text, WHERE)[0].fields
    assert fields["text"] == "Im Haus."
    assert fields["offsets"] == [(0, 2), (3, 7), (7, 8)]


def test_forms_with_spaces() -> None:
    words = word("1", "1 000", "NUM") + word("2", "\u00a0", "X") + word("3", "km", "NOUN")
    for comment in ("", "# text = 1 000 \u00a0 km\n", "# text = 1  000 \u00a0 km\n"):
        fields = parse_conllu(comment + words, WHERE)[0].fields
        assert [fields["text"][start:end] for start, end in fields["offsets"]] == ["1 000", "\u00a0", "km"]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("1\ta\tNOUN\n", 1, "3 columns, CoNLL-U has 10"),
        (word("1", "a", "X") + word("b", "b", "X"), 2, "word id 'b'"),
        (word("1", "a", "X") + word("2-", "b", "X"), 2, "word id '2-'"),
        (word("²", "a", "X"), 1, "word id '²'"),
        (word("1", "a", "X") + word("3", "b", "X"), 2, "word id 3 stands where 2"),
        (word("1", "a", "X") + word("1", "b", "X"), 2, "word id 1 stands where 2"),
        (word("2-1", "a", "_"), 1, "word id 2-1 stands where 1"),
        (word("1-3", "ab", "_") + word("1", "a", "X") + word("2-3", "b", "_"), 3, "word id 2-3"),
        ("\n" + word("1-3", "ab", "_") + word("1", "a", "X"), 2, "reaches to word 3, the sentence ends at 1"),
        ("# text = a\n" + word("1-2", "ab", "_"), 2, "reaches to word 2, the sentence ends at 0"),
        (word("1", "", "X"), 1, "form is empty"),
        (word("1", "a", "X") + word("2", "b", "_"), 2, "'b' has no UPOS"),
        (word("1", "a", ""), 1, "'a' has no UPOS"),
    ],
)
def test_errors_have_lines(text: str, line: int, says: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_conllu(text, WHERE)
    assert (caught.value.line, caught.value.where) == (line, WHERE)
    assert says in caught.value.what


def test_empty_nodes_may_come_first() -> None:
    assert parse_conllu(word("0.1", "x", "_") + word("1", "a", "X"), WHERE)[0].fields["tokens"] == ["a"]
    assert parse_conllu(word("0.1", "x", "_"), WHERE) == []


@pytest.mark.timeout(20)
def test_long_blank_comments_take_linear_time() -> None:
    blank = " " * 1_000_000
    fields = parse_conllu(f"# text ={blank}\n# sent_id{blank}\n" + word("1", "a", "X"), WHERE)[0].fields
    assert (fields["text"], "id" in fields) == ("a", False)

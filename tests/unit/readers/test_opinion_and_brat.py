"""Spans in files that annotate documents: SemEval's opinion targets and brat's standoff."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from isogloss import Problem
from isogloss.errors import DataError
from isogloss.readers import read_rows
from isogloss.readers.overlaps import longest

XML = """<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Reviews><Review rid="1"><sentences>
<sentence id="1:0"><text>Good sushi &amp; rolls.</text><Opinions>
 <Opinion target="sushi" category="FOOD#QUALITY" polarity="positive" from="5" to="10"/>
 <Opinion target="sushi" category="FOOD#PRICES" polarity="positive" from="5" to="10"/>
 <Opinion target="NULL" category="SERVICE#GENERAL" polarity="neutral" from="0" to="0"/>
</Opinions></sentence>
<sentence id="1:1" OutOfScope="TRUE"><text>See you.</text></sentence>
<sentence id="1:2"><text>Nothing here.</text></sentence>
</sentences></Review></Reviews>
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_targets_are_spans_and_null_is_none(tmp_path: Path) -> None:
    rows = read_rows(write(tmp_path, "eng.xml", XML))
    assert [(row.line, row.fields) for row in rows] == [
        (3, {"id": "1:0", "text": "Good sushi & rolls.", "spans": [[5, 10, "TARGET"]]}),
        (9, {"id": "1:2", "text": "Nothing here.", "spans": []}),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('from="5" to="10"', 'from="6" to="10"', r"eng\.xml:3: the target 'sushi' of sentence 1:0 is not at"),
        ('from="5" to="10"', 'from="" to="10"', "no numbers"),
        ("<text>Good sushi &amp; rolls.</text>", "", r"sentence 1:0 has no <text>"),
        ("&amp;", "&lol;", "not well-formed XML: undefined entity"),
        ("</Review>", "", "not well-formed XML"),
        ("<Reviews>", '<!DOCTYPE r [<!ENTITY lol "ha">]><Reviews>', "declares a document type"),
        ("<Reviews>", '<!DOCTYPE r SYSTEM "file:///etc/passwd"><Reviews>', "declares a document type"),
    ],
)
def test_what_is_wrong_in_xml_is_one_sentence(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_rows(write(tmp_path, "eng.xml", XML.replace(old, new)))


def test_xml_without_sentences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no <sentence>"):
        read_rows(write(tmp_path, "eng.xml", "<a/>"))


def test_deeply_nested_xml_does_no_harm(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no <sentence>"):
        read_rows(write(tmp_path, "eng.xml", "<a>" * 50_000 + "</a>" * 50_000))


TEXT = "Aims of it.\r\n\r\nIt helps most patients.\nIt is cheap.\n"
ANN = (
    "T1\tClaim 15 23\tIt helps\n"
    "T2\tPremise 15 38\tIt helps most patients.\n"
    "R1\tSupport Arg1:T1 Arg2:T2\n"
    "T3\tClaim 39 41;45 50\tIt cheap\n"
)


def test_lines_of_the_text_are_rows_and_the_longer_span_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, "eng.txt", TEXT)
    with caplog.at_level(logging.WARNING, "isogloss"):
        rows = read_rows(write(tmp_path, "eng.ann", ANN))
    assert [(row.line, row.fields["text"], row.fields["spans"]) for row in rows] == [
        (1, "Aims of it.", []),
        (3, "It helps most patients.", [[0, 23, "Premise"]]),
        (4, "It is cheap.", [[0, 11, "Claim"]]),
    ]
    assert "1 of 3 spans overlap" in caplog.text


def test_a_span_joins_the_lines_it_crosses(tmp_path: Path) -> None:
    write(tmp_path, "eng.txt", "One two\nthree\nfour")
    (first, second) = read_rows(write(tmp_path, "eng.ann", "T1\tX 4 13\ttwo three\n"))
    assert first.fields == {"text": "One two\nthree", "spans": [[4, 13, "X"]]}
    assert second.fields == {"text": "four", "spans": []}


@pytest.mark.parametrize(
    ("ann", "words"),
    [
        ("T1\tX 0 3\tTwo", r"eng\.ann:1: the words 'Two' are not at the characters 0 3 of eng\.txt"),
        ("#1\tnote\nT1 X 0 3 One", r"eng\.ann:2: the text-bound annotation cannot be read"),
        ("T1\tX 3 3\t", "are not at"),
        ("T1\tX 90 99\tOne", "are not at"),
    ],
)
def test_what_is_wrong_in_standoff_is_one_sentence(tmp_path: Path, ann: str, words: str) -> None:
    write(tmp_path, "eng.txt", "One two")
    with pytest.raises(DataError, match=words):
        read_rows(write(tmp_path, "eng.ann", ann))


def test_standoff_without_its_text_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"eng\.txt: there is no such file"):
        read_rows(write(tmp_path, "eng.ann", ANN))


def test_a_folder_takes_both(tmp_path: Path) -> None:
    write(tmp_path, "problem.toml", 'task = "tagging"\nsource = ["eng"]\ntargets = ["spa"]\nlabels = "open"\n')
    for split in ("train", "test"):
        (tmp_path / split).mkdir()
    write(tmp_path / "train", "eng.txt", TEXT)
    write(tmp_path / "train", "eng.ann", ANN)
    write(tmp_path / "test", "spa.xml", XML)
    problem = Problem.read(tmp_path)
    assert problem.task.labels == ("Claim", "Premise")
    assert len(problem.train["eng"]) == 3
    assert [example.id for example in problem.test["spa"]] == ["1:0", "1:2"]
    write(tmp_path / "train", "notes.txt", "stray")
    with pytest.raises(DataError, match=r"notes\.txt: '\.txt' is not a known format"):
        Problem.read(tmp_path)


def test_of_two_as_long_the_first_stays() -> None:
    assert longest([(2, 5, "B"), (0, 3, "A"), (7, 8, "C"), (7, 8, "C")], "here") == [(0, 3, "A"), (7, 8, "C")]

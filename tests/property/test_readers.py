"""Any bytes give rows or a DataError; what is written comes back as it was."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from isogloss.errors import DataError
from isogloss.readers import SUFFIXES, Row, read_lines, read_rows, to_iob2
from isogloss.readers.conll import parse_conll
from isogloss.readers.conllu import parse_conllu
from isogloss.readers.tables import parse_csv, parse_jsonl, parse_tsv

WHERE = Path("any")


def _parquet() -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table({"text": ["a", "é"], "spans": [[[0, 1]], []]}), buffer)
    return buffer.getvalue()


BRAT = "Anna lives in Berlin.\n\nBob too.\n"
CONLL = b"# id = 1\nAnn\tB-PER\nLee\tI-PER\n#\tO\n\n-DOCSTART-\tO\n\nRome\tB-LOC\n"
VALID = {
    ".jsonl": '{"text": "a \\u00e9", "spans": [[0, 1, "X"]], "n": -1.5e3}\n\n{"text": "é"}\n'.encode(),
    ".tsv": b'text\tlabel\n"a\tx\nb\ty\n',
    ".csv": b'text,label\n"a ""b""\nc",x\nd,y\n',
    ".conll": CONLL,
    ".json": b'{"data": [{"title": "t", "paragraphs": [{"context": "Ann saw Bob.", "qas": '
    b'[{"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}]}]}]}',
    ".xml": b'<Reviews><sentence id="1"><text>Good soup</text><Opinions><Opinion target="soup" from="5" to="9"/>'
    b"</Opinions></sentence></Reviews>",
    ".ann": b"T1\tPER 0 4\tAnna\nT2\tLOC 14 20\tBerlin\n",
    ".iob2": CONLL.replace(b"I-PER", b"E-PER").replace(b"B-LOC", b"S-LOC"),
    ".conllu": b"# text = Im Haus\n1-2\tIm\t_\t_\t_\t_\t_\t_\t_\t_\n1\tin\t_\tADP\t_\t_\t_\t_\t_\t_\n"
    b"2\tdem\t_\tDET\t_\t_\t_\t_\t_\t_\n2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_\n3\tHaus\t_\tNOUN\t_\t_\t_\t_\t_\tSpaceAfter=No\n",
    ".parquet": _parquet(),
}
# Pieces that mean something to one of the formats: they reach further than random bytes do.
PIECES = [
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b'"',
    b",",
    b"{",
    b"}",
    b"[" * 70,
    b"#",
    b"# ",
    b"O",
    b"B-",
    b"-",
    b"1",
    b"_",
    b"\xff",
]
PIECES += [
    b"\0",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e999",
    b"\\ud800",
    "\u2028".encode(),
    b"-DOCSTART-",
    b"E-PER",
    b"\t\t",
    b"",
]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def rows_or_data_error(path: Path, data: bytes) -> None:
    """Anything but a DataError goes through and fails the test."""
    path.write_bytes(data)
    if path.suffix == ".ann":  # the text it is about lies beside it
        path.with_suffix(".txt").write_text(BRAT, encoding="utf-8")
        data += BRAT.encode()
    last_line = 1 + data.count(b"\n") + data.count(b"\r")
    try:
        rows = read_rows(path)
    except DataError as error:
        found = (error.where, error.line or 1)
    else:
        found = (path, max((row.line for row in rows if path.suffix != ".parquet"), default=1))
    assert found[0] == path
    assert 1 <= found[1] <= last_line
    with contextlib.suppress(DataError):
        read_lines(path)


def test_valid_files_are_valid(folder: Path) -> None:
    assert set(VALID) == set(SUFFIXES)
    for suffix, data in VALID.items():
        path = folder / f"valid{suffix}"
        path.write_bytes(data)
        path.with_suffix(".txt").write_text(BRAT, encoding="utf-8")
        assert read_rows(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200) | st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join))
def test_any_bytes(folder: Path, suffix: str, data: bytes) -> None:
    rows_or_data_error(folder / f"any{suffix}", data)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=120, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, 10_000), st.integers(0, 8), st.binary(max_size=3) | st.sampled_from(PIECES)),
        min_size=1,
        max_size=4,
    )
)
def test_mutated_files(folder: Path, suffix: str, edits: list[tuple[int, int, bytes]]) -> None:
    data = VALID[suffix]
    for at, cut, piece in edits:
        at %= len(data) + 1
        data = data[:at] + piece + data[at + cut :]
    rows_or_data_error(folder / f"mutated{suffix}", data)


@settings(max_examples=150, deadline=None)
@given(number=st.integers(0, 60), pieces=st.lists(st.sampled_from(PIECES), min_size=1, max_size=3))
def test_conllu_offsets_cut_the_text(number: int, pieces: list[bytes]) -> None:
    lines = (
        VALID[".conllu"]
        .decode()
        .replace("Haus", "Ha us")
        .replace("Im", "I" + b"".join(pieces).decode("utf-8", "ignore"))
    )
    try:
        rows = parse_conllu(lines[: len(lines) - number] if number % 3 == 0 else lines, WHERE)
    except DataError:
        return
    for row in rows:
        fields = row.fields
        assert [fields["text"][start:end] for start, end in fields["offsets"]] == fields["tokens"]
        assert len(fields["tags"]) == len(fields["tokens"]) == len(row.lines)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\n\r"))
NAMES = st.lists(TEXT.filter(str.strip), min_size=2, max_size=4, unique=True)


@settings(deadline=None)
@given(
    objects=st.lists(st.dictionaries(TEXT, TEXT | st.integers() | st.booleans() | st.none() | st.lists(TEXT))),
    ascii_=st.booleans(),
)
def test_jsonl_round_trip(objects: list[dict[str, Any]], ascii_: bool) -> None:
    text = "".join(json.dumps(item, ensure_ascii=ascii_) + "\n" for item in objects)
    assert parse_jsonl(text, WHERE) == [Row(line, item) for line, item in enumerate(objects, start=1)]


@settings(deadline=None)
@given(names=NAMES, data=st.data())
def test_csv_round_trip(names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(TEXT, min_size=len(names), max_size=len(names)), max_size=5))
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([names, *rows])
    assert [row.fields for row in parse_csv(buffer.getvalue(), WHERE)] == [
        dict(zip(names, row, strict=True)) for row in rows
    ]


@settings(deadline=None)
@given(names=st.lists(CELL.filter(str.strip), min_size=2, max_size=4, unique=True), data=st.data())
def test_tsv_round_trip(names: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(CELL, min_size=len(names), max_size=len(names)), max_size=5))
    text = "\r\n".join("\t".join(cells) for cells in [names, *rows])
    expected = [Row(line, dict(zip(names, cells, strict=True))) for line, cells in enumerate(rows, start=2)]
    assert parse_tsv(text, WHERE) == expected


TOKEN = CELL.filter(lambda cell: cell.strip() != "" and not cell.startswith(("# ", "-DOCSTART-")))
SPANS = st.lists(st.tuples(st.sampled_from(["PER", "LOC", "O"]), st.integers(1, 3)), min_size=1, max_size=6)


def iob2(spans: list[tuple[str, int]]) -> list[str]:
    return ["O" if kind == "O" else ("I-" if i else "B-") + kind for kind, length in spans for i in range(length)]


def bioes(tags: list[str], last: str = "E", single: str = "S") -> list[str]:
    ends = [after[:2] != "I-" for after in [*tags[1:], "O"]]
    names = {("B-", True): single, ("B-", False): "B", ("I-", True): last, ("I-", False): "I"}
    return [tag if tag == "O" else names[tag[:2], end] + tag[1:] for tag, end in zip(tags, ends, strict=True)]


def iob1(tags: list[str]) -> list[str]:
    return [
        "I" + tag[1:] if tag[0] == "B" and before[2:] != tag[2:] else tag
        for before, tag in zip(["", *tags[:-1]], tags, strict=True)
    ]


@settings(deadline=None)
@given(sentences=st.lists(SPANS.map(iob2), max_size=4))
@pytest.mark.parametrize("scheme", [list, iob1, bioes, lambda tags: bioes(tags, "L", "U")])
def test_every_scheme_comes_out_as_iob2(scheme: Callable[[list[str]], list[str]], sentences: list[list[str]]) -> None:
    assert to_iob2([scheme(tags) for tags in sentences]) == sentences


@settings(deadline=None)
@given(sentences=st.lists(SPANS.map(iob2), min_size=1, max_size=4), ids=st.booleans(), data=st.data())
def test_conll_round_trip(sentences: list[list[str]], ids: bool, data: st.DataObject) -> None:
    expected, text = [], ""
    for number, tags in enumerate(sentences):
        tokens = data.draw(st.lists(TOKEN, min_size=len(tags), max_size=len(tags)))
        text += f"# id = {number}\n" * ids + "".join(f"{a}\t{b}\n" for a, b in zip(tokens, tags, strict=True)) + "\n"
        expected.append(({"id": str(number)} if ids else {}) | {"tokens": tokens, "tags": tags})
    assert [row.fields for row in parse_conll(text, WHERE)] == expected

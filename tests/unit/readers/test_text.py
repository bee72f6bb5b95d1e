"""Strict UTF-8, honest line numbers, and lines that end only where a line ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from isogloss.errors import DataError
from isogloss.readers import SUFFIXES, Row, read_lines, read_rows
from isogloss.readers.text import decode


def write(folder: Path, data: bytes, name: str = "yor.txt") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def refusal(path: Path, **limits: int) -> DataError:
    with pytest.raises(DataError) as caught:
        decode(path, **limits)
    assert caught.value.where == path
    return caught.value


def test_lines_split_at_line_ends_and_nowhere_else(tmp_path: Path) -> None:
    odd = "a\u2028b\x0bc\x0cd\x85e\x1cf"
    path = write(tmp_path, f"{odd}\r\nsecond\rthird\n\nfifth".encode())
    assert read_lines(path) == [odd, "second", "third", "", "fifth"]


@pytest.mark.parametrize(
    ("text", "lines"), [("", []), ("\n", [""]), ("a", ["a"]), ("a\n", ["a"]), ("a\n\n", ["a", ""])]
)
def test_last_line_end_adds_no_line(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert read_lines(write(tmp_path, text.encode())) == lines


def test_utf8_byte_order_mark_is_dropped_once(tmp_path: Path) -> None:
    assert decode(write(tmp_path, b"\xef\xbb\xbf\xef\xbb\xbfb")) == "\ufeffb"


def test_invalid_byte_has_line_and_offset(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "é\r\nü\rx\n".encode() + b"ab\xe9c\n"))
    assert (error.line, "byte 0xe9 at byte offset 11" in error.what) == (4, True)
    assert "UTF-8" in error.fix


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-32"])
def test_wide_encodings_are_refused(tmp_path: Path, codec: str) -> None:
    error = refusal(write(tmp_path, "abc".encode(codec)))
    assert (error.line, "UTF-8" in error.fix) == (1, True)


def test_encoded_surrogates_are_refused(tmp_path: Path) -> None:
    assert refusal(write(tmp_path, b"\xed\xa0\x80")).line == 1


def test_nul_byte_has_its_line(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, b"one\ntwo\0\n"))
    assert (error.line, "NUL" in error.what, "offset 7" in error.what) == (2, True, True)


def test_limits(tmp_path: Path) -> None:
    path = write(tmp_path, "éé\nééé\n".encode())
    assert decode(path, max_bytes=12, max_line=3) == "éé\nééé\n"
    assert "12 bytes" in refusal(path, max_bytes=11).what
    assert refusal(path, max_line=2).line == 2


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.txt").what
    assert "regular file" in refusal(tmp_path).what
    assert refusal(tmp_path / "a\0b")


def test_unknown_suffix_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_rows(write(tmp_path, b"", "eng.xlsx"))
    assert "'.xlsx'" in caught.value.what
    assert all(suffix in caught.value.fix for suffix in SUFFIXES)


def test_message_names_the_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, b"{", "eng.jsonl")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"^eng\.jsonl:1: "):
        read_rows(Path("eng.jsonl"))


def test_columns_rename_and_make_way(tmp_path: Path) -> None:
    path = write(tmp_path, b"text\tsentence\tn\nold\tnew\t1\n", "eng.tsv")
    assert read_rows(path, columns={"text": "sentence"}) == [Row(2, {"n": "1", "text": "new"})]
    swapped = read_rows(path, columns={"text": "sentence", "sentence": "text"})
    assert swapped == [Row(2, {"n": "1", "text": "new", "sentence": "old"})]


def test_missing_mapped_column_names_those_there(tmp_path: Path) -> None:
    path = write(tmp_path, b'{"a": 1, "b": 2}\n{"b": 3}\n', "eng.JSONL")
    with pytest.raises(DataError) as caught:
        read_rows(path, columns={"label": "a"})
    assert (caught.value.line, caught.value.fix) == (2, "The columns are: b")

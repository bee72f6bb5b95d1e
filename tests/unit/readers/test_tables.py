"""JSON Lines, csv, tsv and parquet: what they give, and what they refuse at which line."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from isogloss.errors import DataError
from isogloss.readers import Row, read_rows
from isogloss.readers.tables import MAX_DEPTH, parse_csv, parse_jsonl, parse_parquet, parse_tsv

WHERE = Path("train/eng")
Parse = Callable[[str, Path], list[Row]]


def refusal(parse: Parse, text: str) -> DataError:
    with pytest.raises(DataError) as caught:
        parse(text, WHERE)
    assert caught.value.where == WHERE
    return caught.value


def packed(table: pyarrow.Table) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    return buffer.getvalue()


def test_jsonl_keeps_values_and_line_numbers() -> None:
    text = '{"text": "a\u2028b", "n": [1, 2.5, null]}\r\n\n  \n{"text": "\\ud83d\\ude00", "ok": true}'
    assert parse_jsonl(text, WHERE) == [
        Row(1, {"text": "a\u2028b", "n": [1, 2.5, None]}),
        Row(4, {"text": "😀", "ok": True}),
    ]
    assert parse_jsonl("", WHERE) == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"a": 1,}', "column 9"),
        ('{"a": 1} {"b": 2}', "column 10"),
        ("{'a': 1}", "not valid JSON at column 2"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' occurs twice"),
        ('{"a": {"b": 1, "b": 1}}', "'b' occurs twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": [-Infinity]}', "-Infinity"),
        ('{"a": 1e999}', "too large"),
        ('{"a": ' + "9" * 5000 + "}", "too many digits"),
        ('{"a": "\\ud83d"}', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ("[1]", "a JSON list, not an object"),
        ('"a"', "a JSON string"),
        ("true", "a JSON boolean"),
        ("null", "a JSON null"),
        ("1.5", "a JSON number"),
    ],
)
def test_jsonl_refuses(line: str, says: str) -> None:
    error = refusal(parse_jsonl, f'{{"fine": 1}}\n\n{line}\n')
    assert error.line == 3
    assert says in error.what


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_jsonl_depth(brackets: str) -> None:
    def nested(depth: int) -> str:
        opening = "[" if brackets == "[]" else '{"a": '
        return '{"a": ' + opening * (depth - 1) + "1" + brackets[1] * (depth - 1) + "}"

    assert parse_jsonl(nested(MAX_DEPTH), WHERE)
    for depth in (MAX_DEPTH + 1, 100_000):
        assert "nested" in refusal(parse_jsonl, nested(depth)).what
    wide = '{"a": [' + ", ".join(["[]"] * 500) + "]}"
    assert len(parse_jsonl(wide, WHERE)[0].fields["a"]) == 500


def test_csv_quotes_and_lines_inside_cells() -> None:
    text = 'text,label\r\n"a ""b"", c\nd",x\r\n\r\n,"y\rz"\r\nu"v,w\r\n'
    assert parse_csv(text, WHERE) == [
        Row(2, {"text": 'a "b", c\nd', "label": "x"}),
        Row(5, {"text": "", "label": "y\rz"}),
        Row(7, {"text": 'u"v', "label": "w"}),
    ]


def test_csv_takes_long_cells() -> None:
    assert len(parse_csv("text\n" + "x" * 500_000, WHERE)[0].fields["text"]) == 500_000
    assert "limit" in refusal(parse_csv, 'text\n"' + "x\n" * 600_000 + '"').what


@pytest.mark.parametrize("text", ['a,b\n1,2\n"3,4\n5,6\n', 'a,b\n1,2\n"3"x,4\n'])
def test_csv_refuses_wrong_quotes_at_the_start_of_the_record(text: str) -> None:
    error = refusal(parse_csv, text)
    assert (error.line, "not valid csv" in error.what) == (3, True)


def test_tsv_takes_quotes_literally() -> None:
    text = 'text\tlabel\n"a\tx\n\n\t\n \u2028"b""\ty, z\n'
    assert parse_tsv(text, WHERE) == [
        Row(2, {"text": '"a', "label": "x"}),
        Row(4, {"text": "", "label": ""}),
        Row(5, {"text": ' \u2028"b""', "label": "y, z"}),
    ]


@pytest.mark.parametrize(("parse", "comma"), [(parse_csv, ","), (parse_tsv, "\t")])
class TestHeaders:
    def test_header_alone(self, parse: Parse, comma: str) -> None:
        assert parse(f"a{comma}b\n", WHERE) == []

    @pytest.mark.parametrize("row", ["1", "1,2,3"])
    def test_ragged_row(self, parse: Parse, comma: str, row: str) -> None:
        error = refusal(parse, f"a,b\n1,2\n{row}\n".replace(",", comma))
        assert error.line == 3
        count = row.count(",") + 1
        assert f"the row has {count} column" in error.what
        assert "the header has 2" in error.what

    @pytest.mark.parametrize(("header", "says"), [("a,b,a", "two columns are called 'a'"), ("a, ,b", "column 2")])
    def test_bad_header(self, parse: Parse, comma: str, header: str, says: str) -> None:
        error = refusal(parse, header.replace(",", comma) + "\n")
        assert (error.line, says in error.what) == (1, True)

    @pytest.mark.parametrize("text", ["", "\n\n"])
    def test_empty_file(self, parse: Parse, comma: str, text: str) -> None:
        assert "empty" in refusal(parse, text).what


def test_parquet_gives_plain_values(tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"text": ["a", None], "spans": [[[0, 1]], []], "meta": [{"k": 1}, None]}
    path = tmp_path / "eng.parquet"
    path.write_bytes(packed(pyarrow.table(columns)))
    rows = read_rows(path, columns={"sentence": "text"})
    assert rows == [
        Row(1, {"spans": [[0, 1]], "meta": {"k": 1}, "sentence": "a"}),
        Row(2, {"spans": [], "meta": None, "sentence": None}),
    ]


def test_parquet_refuses_damage_and_bombs() -> None:
    data = packed(pyarrow.table({"text": ["x" * 1000] * 2000}))
    assert len(data) < 100_000
    for bad in (b"", b"PAR1", data[:-9], data[:40] + bytes(200) + data[240:], b"text\nhello\n"):
        with pytest.raises(DataError, match="not a sound parquet file"):
            parse_parquet(bad, WHERE)
    with pytest.raises(DataError, match="unpacked"):
        parse_parquet(data, WHERE, max_bytes=1_000_000)


def test_parquet_refuses_double_names_and_unknown_time_zones() -> None:
    with pytest.raises(DataError, match="two columns are called 'a'"):
        parse_parquet(packed(pyarrow.table([[1], [2]], names=["a", "a"])), WHERE)
    nowhere = pyarrow.array([0], pyarrow.timestamp("us", "Nowhere/Never"))
    with pytest.raises(DataError, match="not a sound parquet file"):
        parse_parquet(packed(pyarrow.table({"a": nowhere})), WHERE)


@pytest.mark.timeout(20)
def test_wide_lines_take_linear_time() -> None:
    names = [f"c{number}" for number in range(120_000)]
    assert len(parse_csv(",".join(names) + "\n", WHERE)) == 0
    pairs = ", ".join(f'"{name}": 1' for name in [*names, names[-1]])
    assert "occurs twice" in refusal(parse_jsonl, "{" + pairs + "}").what

"""The terminal table: all languages, sorted, within 80 columns, plain where there is no terminal."""

from __future__ import annotations

import io

import pytest
from invented_reports import HOSTILE, report, troubled, wide
from rich.cells import cell_len
from rich.console import Console

from isogloss.evaluation.report import Report
from isogloss.evaluation.table import print_report


def printed(result: Report, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_report(result, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("result", [report(), report("classification"), troubled(), wide()])
def test_no_line_is_wider_than_80(result: Report) -> None:
    lines = printed(result).splitlines()
    assert max(map(cell_len, lines)) <= 80
    for code in result.scores:
        assert sum(f" {code[:7]}" in line and "[" in line for line in lines) == 1


def test_the_source_is_first_and_the_targets_are_sorted() -> None:
    lines = [line.split() for line in printed(report()).splitlines() if "[" in line and ":" not in line]
    assert [line[1] for line in lines[:5]] == ["en", "he", "hi", "ar", "zh"]
    assert lines[0][2:5] == ["0.914", "[0.879,", "0.949]"]
    assert lines[5][:4] == ["mean", "of", "targets", "0.778"]
    assert lines[6][:4] == ["gap", "to", "source", "0.136"]


def test_the_last_line_says_what_the_numbers_rest_on() -> None:
    last = printed(report()).splitlines()[-1]
    assert last == "zero-shot · saw nothing of the targets · selected by source_dev · no leaks"


def test_without_a_terminal_there_are_no_escape_codes_and_no_markup() -> None:
    text = printed(troubled())
    assert "\x1b" not in text
    assert HOSTILE in text
    assert "Oracle: the weights were chosen on the test labels." in " ".join(text.split())
    assert "[bold]x" in printed(report(notices=["[bold]x"]))


def test_the_plan_and_what_it_expects_unmeasured_are_told() -> None:
    guess = {"predicted": 0.7, "interval": [0.6, 0.8], "score": 0.771, "inside": True}
    plan = {
        "sha256": "ab",
        "level": 0.9,
        "targets": {"ar": guess},
        "error": 0.071,
        "differs": ["Of another."],
    }
    estimate = {"no": {"value": 0.85, "interval": [0.75, 0.95]}, "sw": None}
    text = " ".join(printed(report(plan=plan, estimate=estimate)).split())
    assert "Plan: The plan predicted 1 score with an error of 0.071" in text
    assert "Of another." in text
    assert "Expected by the plan, and not measured: no 0.850 [0.750, 0.950]." in text
    assert "plan" not in printed(report()).lower()

"""The loader of the published suites, on invented rows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isogloss.errors import DataError
from isogloss.evaluation.probes.suites import read_suite


def write(path: Path, *rows: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def row(a: str, b: str, label: str, **more: str) -> dict[str, str]:
    return {"sentence1": a, "sentence2": b, "label": label, **more}


def test_rows_of_all_three_kinds(tmp_path: Path) -> None:
    write(
        tmp_path / "diagnostics.json",
        row("他画蛇添足。", "他做了多余的事。", "entailment", phenomenon="Idioms"),
        row("来了。", "有人来了。", "entailment", phenomenon="Pro drop"),
        row("他来了。", "他没来。", "contradiction", phenomenon="Idioms"),
    )
    write(tmp_path / "stress" / "antonym.json", row("门开着。", "门关着。", "contradiction", category="antonym"))
    (tmp_path / "own.tsv").write_text("sentence1\tsentence2\tlabel\n下雨了。\t天气不好。\tneutral\n", encoding="utf-8")
    suite = read_suite(tmp_path)
    assert {name: len(items) for name, items in suite.items.items()} == {
        "suite/antonym": 1, "suite/idioms": 2, "suite/own": 1, "suite/pro_drop": 1,
    }  # fmt: skip
    (first, _) = suite.items["suite/idioms"]
    assert (first.lang, first.text_a, first.label, first.id) == (
        "zho", "他画蛇添足。", "entailment", "suite/diagnostics/1",
    )  # fmt: skip
    assert any("suite/antonym have the label contradiction" in notice for notice in suite.notices)


def test_what_has_no_sure_label_is_left_out_and_said(tmp_path: Path) -> None:
    write(
        tmp_path / "a.jsonl",
        row("甲。", "乙。", "-", category="x"),
        row("甲。", "丙。", "neutral", category="x"),
        row("甲。", "丙。", "neutral", category="x"),
        row("甲。", "丁。", "neutral", category="x"),
        row("甲。", "丁。", "entailment", category="x"),
        row("甲。", "戊。", "entailment", category="x"),
    )
    suite = read_suite(tmp_path)
    assert [item.text_b for item in suite.items["suite/x"]] == ["丙。", "戊。"]
    assert suite.notices == (
        "1 suite rows without an agreed label are left out.",
        "1 suite rows repeated are left out.",
        "2 suite rows with two labels for the same texts are left out.",
    )


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no \.json"):
        read_suite(tmp_path)
    write(tmp_path / "a.json", row("甲。", "乙。", "maybe"))
    with pytest.raises(DataError, match=r"a\.json:1: the label 'maybe'"):
        read_suite(tmp_path)
    write(tmp_path / "a.json", {"sentence1": "甲。", "label": "neutral"})
    with pytest.raises(DataError, match="column 'sentence2'"):
        read_suite(tmp_path)


def test_two_files_with_a_set_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path / "logic.json", row("甲。", "乙。", "neutral", category="negation"))
    write(tmp_path / "more" / "hand.json", row("甲。", "丙。", "neutral", phenomenon="Negation"))
    assert set(read_suite(tmp_path).items) == {"suite/negation/logic", "suite/negation/hand"}

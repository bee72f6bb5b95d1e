"""The tables about probes, from an invented result of two mixtures."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"


def score(accuracy: float, **more: Any) -> dict[str, Any]:
    known = {"n": 134, "accuracy": accuracy, "ci95": [accuracy - 0.08, accuracy + 0.08], "majority": 0.5}
    return known | {"hypothesis_only": 0.56, "most_answered": 0.7, "by_label": {}} | more


RESULT = {
    "command": "python benchmarks/probes/nli.py",
    "seen": 6000,
    "rows": 2000,
    "seed": 1,
    "labels": ["entailment", "neutral"],
    "runs": {
        "source": {
            "mean": {"eng": 0.65, "zho": 0.5},
            "notices": ["Contradictions are left out."],
            "scores": {
                "eng": {"negation": score(0.8), "overlap": score(0.5, most_answered=1.0)},
                "zho": {"negation": score(0.53)},
            },
        },
        "mt-por": {
            "mean": {"por": 0.9},
            "notices": [],
            "scores": {"por": {"negation": score(0.9, n=1200, hypothesis_only=None)}},
        },
    },
}


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[str]]:
    monkeypatch.syspath_prepend(str(DOCS))
    found: Callable[[Path], list[str]] = importlib.import_module("probe_tables").probes
    return found


def test_without_results_there_is_no_section(tables: Callable[[Path], list[str]], tmp_path: Path) -> None:
    assert tables(tmp_path) == []


def test_each_score_stands_beside_its_baselines(tables: Callable[[Path], list[str]], tmp_path: Path) -> None:
    (tmp_path / "nli.json").write_text(json.dumps(RESULT), encoding="utf-8")
    lines = tables(tmp_path)
    assert "| `source` | 65.0 | 50.0 |  | 1 of 3 |" in lines
    assert "| negation | **80.0 [72.0, 88.0]** (50.0, 56.0) | 53.0 [45.0, 61.0] (50.0, 56.0) |" in lines
    assert "| overlap | 50.0 [42.0, 58.0] = (50.0, 56.0) |  |" in lines
    assert "| negation | **90.0 [82.0, 98.0]** (50.0, –) |" in lines
    assert "**`mt-por`**, 1,200 items of each phenomenon in each language" in lines
    assert "Contradictions are left out." in lines


def test_what_passes_neither_baseline_is_named(tables: Callable[[Path], list[str]], tmp_path: Path) -> None:
    (tmp_path / "nli.json").write_text(json.dumps(RESULT), encoding="utf-8")
    found = [line for line in tables(tmp_path) if "surely above both baselines" in line and " of " in line]
    neither = "1 pass neither of them, and say nothing: overlap (eng)."
    assert found == [
        f"1 of 3 scores are surely above both baselines; {neither}",
        "1 of 1 scores are surely above both baselines.",
    ]

"""The benchmark of mixtures, on invented rows and a tiny random encoder."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def nli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """The script, with data and results folders of the test's own."""
    spec = importlib.util.spec_from_file_location("probes_nli", ROOT / "benchmarks" / "probes" / "nli.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "probes_nli", module)
    spec.loader.exec_module(module)
    for lang, split, count in (("en", "train", 40), ("en", "dev", 40), ("zh", "dev", 40)):
        place = tmp_path / "data" / "nli" / "xnli" / lang
        place.mkdir(parents=True, exist_ok=True)
        labels = ("entailment", "neutral", "contradiction")
        rows = [
            {"premise": f"{split} the girl saw {n}", "hypothesis": f"the girl {n}", "label": labels[n % 3]}
            for n in range(count)
        ]
        (place / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(module, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module, "SEEN", 24)
    monkeypatch.setattr(module, "DEV", 8)
    return module


def test_a_mixture_has_the_rows_of_its_parts(nli: ModuleType, tmp_path: Path) -> None:
    problem = nli.mixture("source+expert-zho", tmp_path / "data", 10)
    assert {lang: len(rows) for lang, rows in problem.train.items()} == {"eng": 10, "zho": 27 - 8}
    assert problem.task.labels == nli.LABELS
    trained = {example.id for example in problem.train["zho"]}
    assert trained.isdisjoint(example.id for example in problem.dev["eng"])


def test_a_run_is_probed_in_five_languages(nli: ModuleType, tiny_backbone: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    nli.main(
        ["--runs", "source", "--rows", "12", "--count", "6", "--backbone", str(tiny_backbone), "--work", str(work)]
    )
    found = json.loads((tmp_path / "results" / "nli.json").read_text("utf-8"))["runs"]["source"]
    assert sorted(found["scores"]) == ["deu", "eng", "por", "spa", "zho"]
    assert found["scores"]["deu"]["negation"]["n"] == 4
    assert "no label for contradiction" in found["notices"][0]
    assert (work / "source" / "probe" / "probe.html").is_file()

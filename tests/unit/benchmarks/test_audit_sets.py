"""The audit finds the links that public data sets are known to have, and none where there are none."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "audit" / "links.py"
needs_data = pytest.mark.skipif(not os.environ.get("ISOGLOSS_DATA"), reason="ISOGLOSS_DATA is not set")


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_links", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@needs_data
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("xnli", {("select", "order"), ("test", "order")}),
        ("pawsx", {("select", "order"), ("test", "order")}),
        ("lareqa", {("adapt", "text"), ("adapt", "part"), ("adapt", "translation")}),
        ("mafand", {("adapt", "text"), ("adapt", "part")}),
        ("bible", {("adapt", "text"), ("test", "order")}),
    ],
)
def test_known_links_are_found(name: str, kinds: set[tuple[str, str]]) -> None:
    found = script().row(getattr(script(), name))["links"]
    assert {(link["role"], link["kind"]) for link in found} == kinds


@needs_data
@pytest.mark.parametrize("name", ["sib200", "taxi1500", "masakhaner", "tydiqa_xquad", "masakhanews"])
def test_clean_sets_have_none(name: str) -> None:
    assert script().row(getattr(script(), name))["links"] == []


def test_it_says_that_it_needs_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISOGLOSS_DATA", raising=False)
    with pytest.raises(SystemExit, match="ISOGLOSS_DATA"):
        script().data_folder()

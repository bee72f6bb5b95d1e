"""The sentences that projectors are measured on."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "bridges" / "gold.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bridges_gold", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


gold = load_script()
needs_data = pytest.mark.skipif(not os.environ.get("ISOGLOSS_DATA"), reason="ISOGLOSS_DATA is not set")


def test_tags_become_spans_of_the_running_text() -> None:
    found = gold.sentence([("New", "B-LOC"), ("York", "I-LOC"), ("saw", "O"), ("Ann", "I-PER")])
    assert found.text == "New York saw Ann"
    assert found.spans == ((0, 8, "LOC"), (13, 16, "PER"))
    assert [found.text[a:b] for a, b in found.units] == ["New", "York", "saw", "Ann"]


def test_the_ceiling_is_what_both_sides_have() -> None:
    one = gold.sentence([("a", "B-X"), ("b", "B-X"), ("c", "B-Y")])
    other = gold.sentence([("d", "B-X"), ("e", "B-Z")])
    both = gold.Gold(name="x", target="deu", source_side=(one,), target_side=(other,))
    assert both.ceiling() == {"precision": 1 / 3, "recall": 1 / 2, "span_f1": 2 / 5}


@needs_data
@pytest.mark.parametrize(
    ("read", "langs", "sentences"),
    [("pud", ("pt", "por"), 500), ("europarl", ("es", "spa"), 799), ("xsid", ("de", "deu"), 250)],
)
def test_both_sides_are_in_step(read: str, langs: tuple[str, str], sentences: int) -> None:
    data = getattr(gold, read)(*langs)
    assert len(data.source_side) == len(data.target_side) == sentences
    assert data.ceiling()["span_f1"] > 0.8  # out of step, hardly a type would agree
    for item in data.items():
        assert all(item.target[a:b].strip() for a, b in item.target_units or ())

"""The benchmark of BiStil: which raw text may be used, and how its rows differ."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "adaptation"
TESTED = "Wakulima wengi waliuza mazao yao sokoni jana asubuhi."


@pytest.fixture
def bistil(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "bistil", raising=False)
    return importlib.import_module("bistil")


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which one Swahili test sentence is also in the raw text: alone, inside a line, in capitals."""
    for lang in ("swh_Latn", "yor_Latn", "eng_Latn"):
        place = tmp_path / f"topic/sib200/{lang}"
        place.mkdir(parents=True)
        text = TESTED if lang == "swh_Latn" else f"A sentence of {lang} that is tested, and is long enough."
        for split, line in (("test", text), ("train", f"Trained on in {lang}.")):
            (place / f"{split}.tsv").write_text(f"index_id\tcategory\ttext\n1\ttravel\t{line}\n", encoding="utf-8")
    lines = {
        "swa": ["Habari za leo.", TESTED, f"Alisema: {TESTED} Kisha akaondoka."],
        "yor": ["Ẹ káàárọ̀ o."],
        "eng": ["Hello."],
    }
    (tmp_path / "mt/ntrex").mkdir(parents=True)
    for lang, some in lines.items():
        (tmp_path / f"mt/ntrex/{lang}.txt").write_text("\n".join(some) + "\n", encoding="utf-8")
    for lang in ("swa", "yor"):
        place = tmp_path / f"mt/mafand/en-{lang}"
        place.mkdir(parents=True)
        row = {"en": "Good morning.", lang: TESTED.upper() if lang == "swa" else "Ó dàárọ̀."}
        (place / "test.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("data")
def test_no_test_sentence_is_in_the_raw_text(bistil: ModuleType) -> None:
    texts, counts = bistil.raw_text(bistil.Size())
    assert texts["swa"] == ["Trained on in swh_Latn.", "Habari za leo."]
    assert texts["eng"] == ["Trained on in eng_Latn.", "Hello.", "Good morning.", "Good morning."]
    assert counts["swa"] == {"lines": 5, "removed_as_test": 3, "used": 2}


def test_rows_differ_in_what_they_are_named_for(bistil: ModuleType, tmp_path: Path) -> None:
    size = bistil.Size()
    recipes = {row: bistil.recipe_of(row, size, tmp_path) for row in bistil.ROWS if row != "speed"}
    students = {row: recipe.model[1] for row, recipe in recipes.items() if row != "teacher"}
    assert {row: (one.every, one.steps) for row, one in students.items()} == {
        "bistil-2": (2, size.steps), "copied-2": (2, 0), "multilingual-2": (2, size.steps), "bistil-3": (3, size.steps),
    }  # fmt: skip
    assert {row: recipe.scope for row, recipe in recipes.items() if recipe.scope == "joint"} == {
        "multilingual-2": "joint"
    }
    assert {recipe.objective.teacher.objective for row, recipe in recipes.items() if row != "teacher"} == {
        recipes["teacher"].objective
    }

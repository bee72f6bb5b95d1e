from __future__ import annotations

import json
from pathlib import Path

from isogloss.commands.check import check


def add(path: Path, *rows: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_a_sound_problem_is_counted(isogloss, problem: Path) -> None:
    done = isogloss("check", problem, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert found["clean"] is True
    assert found["labels"] == ["food", "sport"]
    assert found["counts"]["train"] == {"eng": {"": 16, "food": 8, "sport": 8}}
    assert found["counts"]["test"] == {"spa": {"": 6, "food": 2, "sport": 4}}
    assert "swa has no test file" in done.err
    table = isogloss("check", problem).out
    assert "food 8, sport 8" in table


def test_each_leak_is_a_line_with_both_places_and_the_mend(isogloss, problem: Path) -> None:
    add(problem / "test" / "spa.jsonl", {"text": "The soup needs MORE salt 0!", "label": "food"})
    done = isogloss("check", problem)
    assert done.code == 1
    (leak,) = [line for line in done.out.splitlines() if line.startswith("leak: ")]
    assert "test/spa.jsonl:7" in leak
    assert "train/eng.jsonl:5" in leak
    assert "Remove" in leak
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert errors == [f"error: {problem}: 1 leak into test/spa.jsonl. Mend them and check again."]


def test_ids_that_restart_are_leaks_with_their_own_mend(isogloss, problem: Path) -> None:
    add(problem / "train" / "eng.jsonl", {"id": "1", "text": "quite new", "label": "food"})
    add(problem / "test" / "spa.jsonl", {"id": "1", "text": "otra cosa", "label": "food"})
    done = isogloss("check", problem, "--json")
    assert done.code == 1
    (leak,) = json.loads(done.out)["leaks"]
    assert (leak["kind"], leak["seen"], leak["test"]) == ("parallel", "train/eng.jsonl:17", "test/spa.jsonl:7")
    assert "drop the ids" in leak["mend"]


def test_quiet_leaves_only_the_error(isogloss, problem: Path) -> None:
    assert isogloss("check", problem, "--quiet").err == ""
    add(problem / "test" / "spa.jsonl", {"text": "the soup needs more salt 0", "label": "food"})
    assert isogloss("check", problem, "--quiet").err.startswith("error: ")
    # what one command was told does not stay for the next
    assert "swa has no test file" in isogloss("check", problem).err


def test_deep_finds_what_is_odd(problem: Path, encoder: Path, monkeypatch) -> None:
    monkeypatch.setattr("isogloss.backbones.Backbone.load", classmethod(lambda cls, name="": _backbone(cls, encoder)))
    add(problem / "train" / "eng.jsonl", {"text": "the soup needs more salt 0", "label": "sport"})
    add(problem / "test" / "swa.jsonl", {"text": "supu", "label": "food"}, {"text": "chai", "label": "food"})
    found = check(problem, deep=True)
    assert found.clean
    assert found.findings == (
        "train/eng.jsonl:17: the same text as train/eng.jsonl:5, and another label.",
        "test/swa.jsonl: all 2 examples have the same label; a score on them says little.",
    )
    assert found.lengths["swa"] == 4.0
    assert found.unknown["swa"] == 1.0
    assert found.unknown["eng"] < 0.05
    assert check(problem).findings == ()


def _backbone(cls, folder: Path):
    return cls(id="tiny", path=str(folder))

"""What the benchmarks of African languages read: which raw text may be used, and how tags are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from isogloss.ledger import normalise

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "adaptation"


@pytest.fixture
def african(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "african", raising=False)
    import importlib

    return importlib.import_module("african")


TESTED = "Manoma da yawa sun sayar da amfanin gonarsu a kasuwa."


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder in which one Hausa test sentence is also in the raw text: alone, inside a line, and in capitals."""
    for lang in ("hau", "yor", "swa"):
        place = tmp_path / f"ner/masakhaner2/{lang}"
        place.mkdir(parents=True)
        (place / "test.txt").write_text("Yusuf B-PER\nBala I-PER\nya O\nzo O\nranar B-DATE\n\n", encoding="utf-8")
        place = tmp_path / f"sentiment/afrisenti/{lang}"
        place.mkdir(parents=True)
        (place / "test.tsv").write_text("tweet\tlabel\nNa ji dadi sosai\tpositive\n", encoding="utf-8")
    for folder in ("hau_Latn", "yor_Latn", "swh_Latn", "eng_Latn"):
        place = tmp_path / f"topic/sib200/{folder}"
        place.mkdir(parents=True)
        for split, text in (("test", TESTED), ("train", f"A text of {folder} to train on")):
            (place / f"{split}.tsv").write_text(f"index_id\tcategory\ttext\n7\tpolitics\t{text}\n", encoding="utf-8")
    place = tmp_path / "mt/mafand/en-hau"
    place.mkdir(parents=True)
    lines = [
        TESTED,
        f"An ce: {TESTED} Haka ne.",
        TESTED.upper(),
        "Yusuf Bala ya zo ranar",
        "Na ji dadi sosai!",
        "Wani layi dabam ne wannan.",
    ]
    (place / "train.jsonl").write_text(
        "".join(json.dumps({"en": f"Line {n}", "hau": line}) + "\n" for n, line in enumerate(lines)), encoding="utf-8"
    )
    monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("data")
def test_no_line_is_or_holds_a_test_sentence(african: ModuleType) -> None:
    texts, counts = african.raw_text(2500)
    assert texts["hau"] == ["Wani layi dabam ne wannan.", "A text of hau_Latn to train on"]
    assert counts["hau"] == {"mafand": 1, "sib200": 1, "removed_as_test": 5, "used": 2}
    assert not any(normalise(TESTED) in normalise(line) for lines in texts.values() for line in lines)


@pytest.mark.usefixtures("data")
def test_no_more_lines_are_used_than_wanted_and_counts_are_of_those(african: ModuleType) -> None:
    texts, counts = african.raw_text(1)
    assert {len(lines) for lines in texts.values()} == {1}
    assert counts["hau"] == {"mafand": 1, "removed_as_test": 5, "used": 1}


def test_types_that_the_problem_does_not_have_are_no_names(african: ModuleType, data: Path) -> None:
    (row,) = african.tagged(data / "ner/masakhaner2/hau/test.txt")
    assert row["tokens"] == ["Yusuf", "Bala", "ya", "zo", "ranar"]
    assert row["tags"] == ["B-PER", "I-PER", "O", "O", "O"]

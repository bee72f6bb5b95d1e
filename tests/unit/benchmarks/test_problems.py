"""The quality benchmark's problem folders, made from the real data sets: counts, ids, labels."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "benchmarks" / "quality" / "problems.py"
UPOS = {
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM",
    "VERB", "X",
}  # fmt: skip
BIO = {"O", *(f"{mark}-{kind}" for mark in "BI" for kind in ("PER", "ORG", "LOC"))}


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quality_problems", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


problems = load_script()
needs_data = pytest.mark.skipif(not os.environ.get("ISOGLOSS_DATA"), reason="ISOGLOSS_DATA is not set")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("problems")
    problems.main([str(place)])
    return place


def rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def ids(path: Path) -> list[str]:
    if path.suffix == ".jsonl":
        return [row["id"] for row in rows(path)]
    return re.findall(r"(?m)^# sent_id = (.+)$", path.read_text(encoding="utf-8"))


def tag_sequences(path: Path) -> list[list[str]]:
    """The tags of each sentence of a .conll or .conllu file."""
    column = 3 if path.suffix == ".conllu" else 1
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    lines = [[line.split("\t") for line in block.split("\n") if not line.startswith("# ")] for block in blocks]
    return [[cells[column] for cells in block if column == 1 or cells[0].isdecimal()] for block in lines]


@needs_data
@pytest.mark.parametrize("name", list(problems.PROBLEMS))
def test_ids_are_unique_in_a_file_and_train_dev_and_test_share_none(out: Path, name: str) -> None:
    seen: dict[str, set[str]] = {"train": set(), "dev": set(), "test": set()}
    for path in (path for path in (out / name).glob("*/*") if path.is_file()):
        found = ids(path)
        assert found
        assert len(found) == len(set(found)), path
        seen[path.parent.name] |= set(found)
    assert not seen["train"] & seen["dev"]
    assert not seen["train"] & seen["test"]
    assert not seen["dev"] & seen["test"]


@needs_data
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("sib200", {"train": 701, "dev": 99, "test": 204}),
        ("masakhanews", {"train": 240, "dev": 60, "test": 250}),
        ("xnli", {"train": 6000, "dev": 100, "test": 300}),
        ("ner", {"train": 1500, "dev": 501, "test": 500}),
        ("pos", {"train": 2000, "dev": 300, "test": 300}),
        ("panx-dev", {"train": 2000, "dev": 300}),
    ],
)
def test_english_counts(out: Path, name: str, counts: dict[str, int]) -> None:
    assert {path.parent.name: len(ids(path)) for path in (out / name).glob("*/eng.*")} == counts


@needs_data
@pytest.mark.parametrize("name", list(problems.PROBLEMS))
def test_settings_name_the_test_files(out: Path, name: str) -> None:
    settings = tomllib.loads((out / name / "problem.toml").read_text(encoding="utf-8"))
    assert settings["source"] == ["eng"]
    assert set(settings["targets"]) == {path.stem for path in (out / name / "test").iterdir()} - {"eng"}


@needs_data
@pytest.mark.parametrize("name", ["sib200", "masakhanews", "xnli"])
def test_no_label_is_unknown_to_training(out: Path, name: str) -> None:
    known = {row["label"] for row in rows(out / name / "train" / "eng.jsonl")}
    for path in (out / name).glob("[dt]e*/*.jsonl"):
        assert {row["label"] for row in rows(path)} <= known, path


@needs_data
def test_xnli_dev_and_test_share_no_premise_and_test_is_parallel(out: Path) -> None:
    test = {path.stem: rows(path) for path in (out / "xnli" / "test").iterdir()}
    premises = {row["text_a"] for row in test["eng"]}
    assert premises.isdisjoint(
        row["text_a"] for split in ("train", "dev") for row in rows(out / f"xnli/{split}/eng.jsonl")
    )
    keys = [(row["id"], row["label"]) for row in test["eng"]]
    assert all([(row["id"], row["label"]) for row in found] == keys for found in test.values())


@needs_data
def test_masakhanews_dev_has_ten_articles_of_each_class(out: Path) -> None:
    labels = [row["label"] for row in rows(out / "masakhanews/dev/eng.jsonl")]
    assert {label: labels.count(label) for label in labels} == dict.fromkeys(labels, 10)


@needs_data
@pytest.mark.parametrize(("name", "legal"), [("ner", BIO), ("panx-dev", BIO), ("pos", UPOS)])
def test_tags_are_legal(out: Path, name: str, legal: set[str]) -> None:
    for path in (out / name).glob("*/*.conll*"):
        sequences = tag_sequences(path)
        assert len(sequences) == len(ids(path)), path
        assert {tag for tags in sequences for tag in tags} <= legal, path
        for tags in sequences:
            for before, tag in zip(["O", *tags], tags, strict=False):
                assert not tag.startswith("I-") or before[2:] == tag[2:], path


@needs_data
def test_parallel_treebanks_share_ids_and_others_do_not(out: Path) -> None:
    test = {path.stem: ids(path) for path in (out / "ner/test").iterdir()}
    assert test["deu"] == test["por"]
    assert len(set(test["deu"]) & set(test["zho_Hant"])) == 188
    assert not set(test["slk"]) & set(test["tgl"])
    assert ids(out / "pos/test/arb.conllu") == ids(out / "pos/test/zho_Hant.conllu")


@needs_data
def test_folders_read_as_problems(out: Path) -> None:
    from isogloss.problem import Problem

    for name in problems.PROBLEMS:
        assert Problem.read(out / name).targets


def test_entities_outside_the_three_types_are_dropped_and_stray_insides_begin() -> None:
    tags = ("B-DATE", "I-DATE", "I-LOC", "I-LOC", "B-PER", "I-ORG", "O", "I-PER")
    sentence = problems.Sentence(id=None, tokens=tags, tags=tags)
    expected = ("O", "O", "B-LOC", "I-LOC", "B-PER", "B-ORG", "O", "B-PER")
    assert problems.in_bio(sentence).tags == expected


def test_a_token_that_is_a_hash_is_no_comment(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("# sent_id = 7\n#\tO\nx\tO\n\n#\tO\n", encoding="utf-8")
    first, second = problems.read_conll(path, "\t")
    assert (first.id, first.tokens) == ("7", ("#", "x"))
    assert (second.id, second.tokens) == (None, ("#",))


@pytest.mark.parametrize("data", [None, "nowhere"])
def test_missing_data_is_one_sentence_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: str | None
) -> None:
    if data is None:
        monkeypatch.delenv("ISOGLOSS_DATA", raising=False)
    else:
        monkeypatch.setenv("ISOGLOSS_DATA", str(tmp_path / data))
    with pytest.raises(SystemExit, match=r"^[^\n]*ISOGLOSS_DATA[^\n]*\.$"):
        problems.main([str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()

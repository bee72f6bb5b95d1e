"""Broken problem folders: one clear sentence that names the file and the mend, exit code 1, and nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

TOML = 'task = "classification"\nsource = ["eng"]\ntargets = ["spa", "swa"]\n'
TAGGING = {
    "problem.toml": TOML.replace("classification", "tagging"),
    "train/eng.jsonl": None,
    "dev/eng.jsonl": None,
    "test/spa.jsonl": None,
}
PAIR = {**TAGGING, "problem.toml": TOML.replace("classification", "pair")}
CONLL = "Anna\tB-PER\nsaw\tO\nRome\tB-LOC\n\nBob\tB-PER\nslept\tO\n"


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def row(text: str = "a text", label: str = "food", **more: object) -> dict[str, object]:
    return {"text": text, "label": label, **more}


def span_row(*spans: object) -> dict[str, object]:
    return {"text": "Anna saw Rome", "spans": list(spans)}


@dataclass(frozen=True)
class Broken:
    """A way to break the folder.

    Attributes:
        files: new contents by path; None removes the file.
        names: what the sentence must begin with, below the folder: the file, and the line where there is one.
        words: what it must say.
        also: what files cannot express.
    """

    name: str
    files: dict[str, str | bytes | None]
    names: str
    words: str
    also: Callable[[Path], object] = field(default=lambda folder: None)


def toml(name: str, content: str, words: str) -> Broken:
    return Broken(name, {"problem.toml": content}, "problem.toml: ", words)


def train(name: str, content: str | bytes, words: str, line: int | None = None, suffix: str = "jsonl") -> Broken:
    """A training file in place of the sound one."""
    place = f"train/eng.{suffix}:" + (f"{line}: " if line else " ")
    return Broken(name, {"train/eng.jsonl": None, f"train/eng.{suffix}": content}, place, words)


def tagged(name: str, content: str, words: str, line: int, suffix: str = "jsonl") -> Broken:
    return Broken(name, {**TAGGING, f"train/eng.{suffix}": content}, f"train/eng.{suffix}:{line}: ", words)


def out_of_folder(folder: Path) -> None:
    (folder.parent / "elsewhere.jsonl").write_text(lines(row()))
    (folder / "dev" / "eng.jsonl").symlink_to(folder.parent / "elsewhere.jsonl")


def toml_elsewhere(folder: Path) -> None:
    (folder.parent / "elsewhere.toml").write_text(TOML)
    (folder / "problem.toml").symlink_to(folder.parent / "elsewhere.toml")


def no_folder(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)


CASES = [
    Broken("no folder", {}, "", "no such folder", no_folder),
    Broken("no problem.toml", {"problem.toml": None}, "problem.toml: ", "missing"),
    toml("invalid toml", "task = \n", "TOML"),
    Broken("toml in utf-16", {"problem.toml": TOML.encode("utf-16")}, "problem.toml:1: ", "UTF-16"),
    Broken(
        "problem.toml is a link out of the folder",
        {"problem.toml": None},
        "problem.toml: ",
        "out of the problem",
        toml_elsewhere,
    ),
    toml("unknown task", TOML.replace("classification", "clasification"), "Did you mean 'classification'"),
    toml("task is a number", TOML.replace('"classification"', "3"), "task"),
    toml("task is a list", TOML.replace('"classification"', '["classification"]'), "task"),
    toml("no task", TOML.partition("\n")[2], "'task' is missing"),
    toml("no targets", 'task = "pair"\nsource = "eng"\n', "'targets' is missing"),
    toml("unknown key", TOML + 'metrics = "accuracy"\n', "Did you mean 'metric'"),
    toml("empty targets", TOML.replace('["spa", "swa"]', "[]"), "'targets'"),
    toml("targets of numbers", TOML.replace('["spa", "swa"]', "[1, 2]"), "'targets'"),
    toml("source in targets", TOML.replace("swa", "en"), "both a source and a target"),
    toml("a target twice", TOML.replace("swa", "es"), "twice"),
    toml("a path for a language", TOML.replace("swa", "../x"), "'../x'"),
    toml("an empty language", TOML.replace("swa", ""), "language code"),
    toml("wrong metric", TOML + 'metric = "acuracy"\n', "Did you mean 'accuracy'"),
    toml("metric is a number", TOML + "metric = 3\n", "metric"),
    toml("labels of another kind", TOML + 'labels = "half-open"\n', "'closed'.+'open'"),
    toml("labels is a list", TOML + 'labels = ["food"]\n', "labels"),
    toml("columns is no table", TOML + 'columns = "text"\n', "'columns'"),
    Broken(
        "mapped column missing", {"problem.toml": TOML + 'columns = {text = "body"}\n'}, "train/eng.jsonl:1: ", "body"
    ),
    train("no label column", lines({"text": "a"}), "'label' is missing", 1),
    train("no text column", lines({"txt": "a", "label": "food"}), "'text' is missing", 1),
    train("latin-1", "text,label\ncafé,food\n".encode("latin-1"), "0xe9", 2, "csv"),
    train("utf-16", lines(row()).encode("utf-16"), "UTF-16", 1),
    train("NUL byte", b"text,label\na,food\nb\0b,food\n", "NUL", 3, "csv"),
    train("ragged csv", "text,label\na,food\na,b,food\n", "3 columns", 3, "csv"),
    train("ragged tsv", "text\tlabel\na\tfood\nb\n", "1 column", 3, "tsv"),
    train("open quotation mark", 'text,label\n"a,food\n', "not valid csv", 2, "csv"),
    train("header only", "text,label\n", "no examples", suffix="csv"),
    train("empty file", "", "no examples"),
    train("empty csv", "", "empty", suffix="csv"),
    train("a header name twice", "text,text,label\na,b,food\n", "'text'", 1, "csv"),
    train("bad JSON", lines(row()) + '{"text": "b", \n', "not valid JSON", 2),
    train("JSON list", lines(row()) + '["a", "food"]\n', "list", 2),
    train("text is a number", lines(row(), {"text": 5, "label": "food"}), "expected text", 2),
    train("text is null", lines(row(), {"text": None, "label": "food"}), "expected text", 2),
    train("label is null", lines(row(), {"text": "b", "label": None}), "expected a label", 2),
    train("label is blank", lines(row(), row(label=" ")), "expected a label", 2),
    train("label is a list", lines(row(), {"text": "b", "label": ["food"]}), "expected a label", 2),
    train("an id twice", lines(row(id="1"), row("b", "sport", id="1")), "'1'.+line 1", 2),
    Broken("one label only", {"train/eng.jsonl": lines(row(), row("b"))}, "train", "same label"),
    train("half a surrogate pair", '{"text": "\\ud83d", "label": "food"}\n', "surrogate", 1),
    train("nested too deeply", '{"text": ' + "[" * 5000 + "]" * 5000 + "}\n", "nested", 1),
    train("not parquet", b"PAR1 and then something else", "parquet", suffix="parquet"),
    Broken("unknown suffix", {"dev/eng.jsonl": None, "dev/eng.yaml": "[]"}, "dev/eng.yaml: ", "not a known format"),
    Broken("two files for one language", {"dev/en.jsonl": lines(row())}, "dev/eng.jsonl: ", "second file"),
    Broken(
        "a folder for a file", {"dev/eng.jsonl": None, "dev/eng.jsonl/x": "x"}, "dev/eng.jsonl: ", "not a regular file"
    ),
    Broken("a file for a folder", {"dev/eng.jsonl": None, "dev": "x"}, "dev: ", "folder"),
    Broken("a link out of the folder", {"dev/eng.jsonl": None}, "dev/eng.jsonl: ", "out of the problem", out_of_folder),
    Broken(
        "a label only in the test", {"test/spa.jsonl": lines(row(label="politics"))}, "test/spa.jsonl:1: ", "'politics'"
    ),
    Broken("a label only in dev", {"dev/eng.jsonl": lines(row(), row(label="x"))}, "dev/eng.jsonl:2: ", "'x'"),
    Broken("a name that is no language", {"test/a b.jsonl": lines(row())}, "test/a b.jsonl: ", "language code"),
    Broken("empty raw text", {"unlabelled/swa.txt": "\n\n"}, "unlabelled/swa.txt: ", "no text"),
    Broken("parallel of one language", {"parallel/eng.tsv": "a\tb\n"}, "parallel/eng.tsv: ", "two languages"),
    Broken(
        "parallel with one column", {"parallel/eng-spa.tsv": "a\tb\nc\n"}, "parallel/eng-spa.tsv:2: ", "columns is 1"
    ),
    Broken("parallel of no languages", {"parallel/-.tsv": "a\tb\n"}, "parallel/-.tsv: ", "language"),
    tagged("ragged CoNLL", CONLL.replace("saw\tO", "saw"), "column", 2, "conll"),
    Broken("an illegal tag", {**TAGGING, "train/eng.conll": CONLL.replace("B-LOC", "LOC")}, "train", "'LOC'"),
    tagged("a span outside the text", lines(span_row([0, 4, "PER"]), span_row([9, 99, "LOC"])), "inside the text", 2),
    tagged("a span the wrong way", lines(span_row([0, 4, "PER"]), span_row([4, 0, "LOC"])), "span", 2),
    tagged("a span of words", lines(span_row(["Anna", "PER"])), "span", 1),
    tagged("overlapping spans", lines(span_row([0, 8, "PER"], [5, 13, "LOC"])), "overlap", 1),
    tagged("tokens without tags", lines({"tokens": ["a", "b"], "tags": ["O"]}), "2 tokens but 1 tags", 1),
    tagged("an empty token", lines({"tokens": ["a", ""], "tags": ["O", "O"]}), "tokens", 1),
    Broken(
        "a score that is no number",
        {**PAIR, "train/eng.jsonl": '{"text_a": "a", "text_b": "b", "score": NaN}\n'},
        "train/eng.jsonl:1: ",
        "NaN",
    ),
    Broken(
        "a score that is a word",
        {**PAIR, "train/eng.csv": "text_a,text_b,score\na,b,nan\n"},
        "train/eng.csv:2: ",
        "number",
    ),
    Broken(
        "scores and labels",
        {
            **PAIR,
            "train/eng.jsonl": lines(
                {"text_a": "a", "text_b": "b", "score": 1}, {"text_a": "a", "text_b": "b", "label": "x"}
            ),
        },
        "train: ",
        "score.+label",
    ),
    Broken(
        "scores to learn from and labels to test on",
        {
            **PAIR,
            "train/eng.jsonl": lines(*({"text_a": "a", "text_b": str(i), "score": i} for i in range(3))),
            "test/spa.jsonl": lines({"text_a": "a", "text_b": "b", "label": "yes"}),
        },
        "test/spa.jsonl:1: ",
        "label|score",
    ),
    Broken(
        "labels to learn from and scores to test on",
        {
            **PAIR,
            "train/eng.jsonl": lines(*({"text_a": "a", "text_b": "b", "label": label} for label in "xy")),
            "test/spa.jsonl": lines({"text_a": "c", "text_b": "d", "score": 1}),
        },
        "test/spa.jsonl:1: ",
        "label|score",
    ),
    Broken(
        "raw text of a language twice",
        {"unlabelled/sw.txt": "a\n", "unlabelled/swa.txt": "b\n"},
        "unlabelled/swa.txt: ",
        "second",
    ),
    Broken(
        "parallel text in a format that is not read",
        {"parallel/eng-spa.csv": "a,b\n"},
        "parallel/eng-spa.csv: ",
        "format",
    ),
    Broken("no labelled data", {path: None for path in TAGGING if path != "problem.toml"}, "", "no labelled data"),
]


def broken(folder: Path, case: Broken) -> None:
    for name, content in case.files.items():
        path = folder / name
        if content is None:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    if case.also is out_of_folder:
        (folder / "dev").mkdir(exist_ok=True)
    case.also(folder)


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("command", ["check", "transfer"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_folder_is_one_clear_sentence(
    case: Broken, command: str, isogloss, problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(problem, case)
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    # A backbone that is not there: what is not refused for its data does not train for minutes either.
    done = isogloss(command, problem, *(("--backbone", "./nowhere") if command == "transfer" else ()))
    assert (done.code, done.out) == (1, "")
    errors = [line for line in done.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert done.err.splitlines()[-1] == errors[0]
    assert errors[0].startswith(f"error: {problem / case.names}" if case.names else f"error: {problem}")
    assert re.search(case.words, errors[0])
    assert re.search(r"[.?)] [A-Z].*[.?]$", errors[0]), "it does not say how to mend it"
    assert "?." not in errors[0]
    assert "Traceback" not in done.err
    assert tree(tmp_path) == before


def test_the_folder_that_is_broken_is_sound(isogloss, problem: Path, tmp_path: Path) -> None:
    assert isogloss("check", problem).code == 0
    assert isogloss("transfer", problem, "--dry-run", "--out", tmp_path / "out").code == 0


def test_without_training_data_only_the_training_is_refused(isogloss, problem: Path, tmp_path: Path) -> None:
    (problem / "train" / "eng.jsonl").unlink()
    assert isogloss("check", problem).code == 0
    done = isogloss("transfer", problem, "--out", tmp_path / "out")
    assert (done.code, done.out) == (1, "")
    assert "train/<source>.jsonl" in done.err
    assert not (tmp_path / "out").exists()

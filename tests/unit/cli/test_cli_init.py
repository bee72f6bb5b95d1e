from __future__ import annotations

import json
from pathlib import Path

import pytest

from isogloss import Problem
from isogloss.commands.init import init, split_rows

NEWS = [(f"text {i}", "sport" if i % 2 else "food") for i in range(40)]


def csv(header: str = "text,label") -> str:
    return header + "\n" + "".join(f"{text},{label}\n" for text, label in NEWS)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_table_becomes_a_problem_that_can_be_read(isogloss, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text(csv())
    done = isogloss(
        "init", tmp_path / "p", "--task", "classification", "--from", tmp_path / "news.csv", "--targets", "yor,sw"
    )
    assert (done.code, done.out) == (0, f"{tmp_path / 'p'}\n")
    problem = Problem.read(tmp_path / "p")
    assert (problem.source, problem.targets) == (("eng",), ("yor", "swa"))
    train, dev = (
        [(e.fields["text"], e.fields["label"]) for e in split["eng"]] for split in (problem.train, problem.dev)
    )
    assert sorted(train + dev) == sorted(NEWS)
    assert sorted(label for _, label in dev) == ["food", "food", "sport", "sport"]
    assert 'targets = ["yor", "sw"]' in (tmp_path / "p" / "problem.toml").read_text()
    assert isogloss("check", tmp_path / "p").code == 0


def test_the_same_file_is_always_split_alike(tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text(csv())
    first, second = (
        init(tmp_path / name, task="classification", targets=["yor"], data=tmp_path / "news.csv") for name in "ab"
    )
    assert tree(first) == tree(second)


@pytest.mark.parametrize(
    ("sizes", "dev"), [([2], 1), ([3, 2], 1), ([10, 10], 2), ([26, 4], 3), ([1] * 5, 1), ([200, 1], 20)]
)
def test_a_tenth_of_each_label_is_dev(sizes: list[int], dev: int) -> None:
    rows = [
        (str(label), {"text": f"{label} {i}", "label": str(label)}) for label, n in enumerate(sizes) for i in range(n)
    ]
    splits = split_rows(rows)
    assert len(splits["dev"]) == dev
    assert len(splits["train"]) == len(rows) - dev
    assert not {row["text"] for row in splits["train"]} & {row["text"] for row in splits["dev"]}


def test_columns_of_other_names_are_asked_for_and_taken(isogloss, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text(csv("sentence,topic"))
    arguments = ("init", tmp_path / "p", "--task", "classification", "--from", tmp_path / "news.csv")
    done = isogloss(*arguments)
    assert done.code == 1
    assert "news.csv:" in done.err
    assert "sentence, topic" in done.err
    assert "--columns text=sentence,label=topic" in done.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["news.csv"]
    assert isogloss(*arguments, "--columns", "text=sentence,label=topic").code == 0
    row = json.loads((tmp_path / "p" / "train" / "eng.jsonl").read_text().splitlines()[0])
    assert row == {"text": "text 0", "label": "food"}


def test_a_conll_file_becomes_a_tagging_problem(tmp_path: Path) -> None:
    sentences = "".join(f"Anna\tB-PER\nsaw\tO\nRome{i}\tB-LOC\n\n" for i in range(5))
    (tmp_path / "names.conll").write_text(sentences)
    made = init(tmp_path / "p", task="tagging", source="deu", targets=["yor"], data=tmp_path / "names.conll")
    problem = Problem.read(made)
    assert problem.task.labels == ("LOC", "PER")
    assert len(problem.train["deu"]) == 4
    assert problem.train["deu"][0].fields["tags"] == ("B-PER", "O", "B-LOC")


def test_without_data_there_are_instructions(isogloss, tmp_path: Path) -> None:
    done = isogloss("init", tmp_path / "p", "--task", "pair", "--source", "yor")
    assert done.code == 0
    assert sorted(tree(tmp_path / "p")) == ["README.md", "problem.toml"]
    assert "text_a" in (tmp_path / "p" / "README.md").read_text()
    assert 'targets = ["swa"]' in (tmp_path / "p" / "problem.toml").read_text()
    assert "No targets were named" in done.err


def test_an_empty_folder_may_be_there_and_a_full_one_not(isogloss, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    assert isogloss("init", tmp_path / "p", "--task", "tagging").code == 0
    before = tree(tmp_path)
    done = isogloss("init", tmp_path / "p", "--task", "tagging")
    assert done.code == 1
    assert done.err == f"error: {tmp_path / 'p'}: There is something here already. Choose a new folder.\n"
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("text,label\n", (), "no rows"),
        ("text,label\none,food\n", (), "fewer than two"),
        ("text,label\none,food\ntwo,\n", (), "news.csv:3: "),
        ("text,label\none,food,x\n", (), "news.csv:2: "),
        (csv(), ("--task", "clasification"), "Did you mean 'classification'"),
        (csv(), ("--targets", "eng"), "source"),
        (csv(), ("--targets", "../x"), "cannot be a language code"),
        (csv(), ("--columns", "text=body"), "'body'"),
        (b"text,label\ncaf\xe9,food\n", (), "news.csv:2: "),
    ],
)
def test_nothing_is_left_of_a_failed_init(
    isogloss, tmp_path: Path, content: str | bytes, options: tuple, words: str
) -> None:
    (tmp_path / "news.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    task = () if "--task" in options else ("--task", "classification")
    done = isogloss("init", tmp_path / "p", "--from", tmp_path / "news.csv", *task, *options)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")
    assert words in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["news.csv"]


def test_json_names_the_folder_and_its_files(isogloss, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text(csv())
    done = isogloss(
        "init", tmp_path / "p", "--task", "classification", "--from", tmp_path / "news.csv", "--json", "--quiet"
    )
    files = ["README.md", "dev/eng.jsonl", "problem.toml", "train/eng.jsonl"]
    assert json.loads(done.out) == {"folder": str(tmp_path / "p"), "files": files}


def test_a_scheme_of_tags_is_understood_from_the_whole_file(tmp_path: Path) -> None:
    """One row of the file says that it is BIOES; the part without that row would be IOB2 with an error."""
    rows = [
        {"tokens": ["a", "b"], "tags": ["B-X", "E-X"]},
        *({"tokens": [c, "z"], "tags": ["S-X", "O"]} for c in "cdefg"),
    ]
    (tmp_path / "names.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    problem = Problem.read(init(tmp_path / "p", task="tagging", targets=["yor"], data=tmp_path / "names.jsonl"))
    tags = {example.fields["tags"] for split in (problem.train, problem.dev) for example in split["eng"]}
    assert tags == {("B-X", "I-X"), ("B-X", "O")}


def test_a_squad_file_becomes_a_problem_of_questions(isogloss, tmp_path: Path) -> None:
    text = "Ada Lo founded the school in 1903."
    questions = [
        {"id": f"q{n}", "question": f"Who {n}?", "answers": [{"text": "Ada Lo", "answer_start": 0}]} for n in range(20)
    ] + [{"id": f"n{n}", "question": f"Why {n}?", "answers": [], "is_impossible": True} for n in range(10)]
    document = {"data": [{"paragraphs": [{"context": text, "qas": questions}]}]}
    (tmp_path / "squad.json").write_text(json.dumps(document))
    assert isogloss("init", tmp_path / "p", "--task", "qa", "--from", tmp_path / "squad.json").code == 0
    problem = Problem.read(tmp_path / "p")
    assert problem.task.labels == ("answer", "none")
    assert sorted(bool(example.fields["answers"]) for example in problem.dev["eng"]) == [False, True, True]
    assert isogloss("check", tmp_path / "p").code == 0


def test_events_become_a_problem(isogloss, tmp_path: Path) -> None:
    row = {"text": "My uncle sold bread.", "trigger": [9, 13, "TRADE"], "arguments": [[0, 8, "SELLER"], [14, 19, "X"]]}
    (tmp_path / "events.jsonl").write_text(
        "".join(json.dumps(row | {"text": row["text"] + "!" * n}) + "\n" for n in range(20))
    )
    assert isogloss("init", tmp_path / "p", "--task", "event_arguments", "--from", tmp_path / "events.jsonl").code == 0
    assert Problem.read(tmp_path / "p").task.labels == ("SELLER", "X")

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from isogloss.errors import DataError
from isogloss.problem import make_examples
from isogloss.readers import read_rows
from isogloss.tasks import QuestionAnswering

QUESTION = {"id": "q1", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}]}


def squad(*questions: Any, context: Any = "Ada wrote it.") -> dict[str, Any]:
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]}


def write(folder: Path, document: Any) -> Path:
    path = folder / "eng.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_questions_are_rows_with_their_paragraph(tmp_path: Path) -> None:
    impossible = {"id": 7, "question": "When?", "answers": [], "is_impossible": True, "plausible_answers": []}
    rows = read_rows(write(tmp_path, squad(QUESTION, impossible)))
    assert [row.line for row in rows] == [1, 2]
    assert rows[0].fields == {
        "id": "q1", "context": "Ada wrote it.", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}],
    }  # fmt: skip
    assert rows[1].fields["id"] == "7"
    assert rows[1].fields["is_impossible"] is True
    answers = [e.fields["answers"] for e in make_examples(QuestionAnswering, rows, lang="eng", split="t", place="p")]
    assert answers == [(("Ada", 0),), ()]


def test_a_shared_id_names_no_question(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "isogloss"):
        rows = read_rows(write(tmp_path, squad(QUESTION, {**QUESTION, "question": "Which?"}, {**QUESTION, "id": "q2"})))
    assert [row.fields.get("id") for row in rows] == [None, None, "q2"]
    assert "1 ids belong to several questions" in caplog.text


def test_a_line_as_long_as_the_file_is_no_trouble(tmp_path: Path) -> None:
    assert read_rows(write(tmp_path, squad(QUESTION, context="Ada " + "x" * 2**21)))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "the file has no list 'data'"),
        ({"data": [{}]}, "article 1 has no list 'paragraphs'"),
        ({"data": [{"paragraphs": [{"context": "x"}]}]}, "article 1, paragraph 1 has no list 'qas'"),
        (squad(QUESTION, context=None), "article 1, paragraph 1 has no 'context'"),
        (squad("Who?"), "question 1 is not an object"),
        (squad({"id": "q9"}), "question 'q9' has no text"),
    ],
)
def test_another_layout_is_one_sentence(tmp_path: Path, document: Any, words: str) -> None:
    with pytest.raises(DataError, match=r"eng\.json") as error:
        read_rows(write(tmp_path, document))
    assert words in str(error.value)


def test_broken_json_is_told_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "eng.json").write_text('{"data": [\n{]}')
    with pytest.raises(DataError, match=r"eng\.json:2: this is not valid JSON"):
        read_rows(tmp_path / "eng.json")


def test_a_wrong_start_names_the_question(tmp_path: Path) -> None:
    wrong = {**QUESTION, "answers": [{"text": "Ada", "answer_start": 4}]}
    rows = read_rows(write(tmp_path, squad(wrong)))
    with pytest.raises(DataError, match=r"train/eng\.json:1: question 'q1': the answer 'Ada' .* but at 0"):
        make_examples(QuestionAnswering, rows, lang="eng", split="train", place="train/eng.json")


@pytest.mark.skipif("ISOGLOSS_DATA" not in os.environ, reason="no data")
def test_public_data_sets_are_read() -> None:
    files = sorted((Path(os.environ["ISOGLOSS_DATA"]) / "qa").rglob("*.json"))
    counts = {}
    for path in files:
        examples = make_examples(QuestionAnswering, read_rows(path), lang="und", split="test", place=path.name)
        counts[path.name] = len(examples)
        assert all(example.fields["answers"] for example in examples)
    english, german = (
        {row.fields["id"] for row in read_rows(path)}
        for path in files
        if path.name in ("xquad.en.json", "xquad.de.json")
    )
    assert english == german
    assert len(files) > 10
    assert min(counts.values()) >= 150

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from isogloss.system import System

predicting = importlib.import_module("isogloss.commands.predict")  # the package shows the function of that name


def rows_of(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_text_lines_are_answered_in_order_blank_ones_too(isogloss, system_run: Path) -> None:
    done = isogloss("predict", system_run, "--lang", "yor", stdin=b"the soup\n\nthe team\r\nthe soup")
    assert done.code == 0
    found = rows_of(done.out)
    assert [row["id"] for row in found] == [1, 2, 3, 4]
    assert {row["lang"] for row in found} == {"yor"}
    assert {row["prediction"] for row in found} <= {"food", "sport"}
    assert found[0]["score"] == found[3]["score"] != found[1]["score"]
    assert all(0.5 <= row["score"] <= 1 for row in found)


def test_json_lines_keep_their_ids(isogloss, system_run: Path) -> None:
    lines = [
        b"",
        b'{"id": "a", "text": "the soup"}',
        b'{"text": "the team"}',
        b"",
        b'{"id": "a", "text": "\xc3\xbcber"}',
    ]
    found = rows_of(isogloss("predict", system_run, stdin=b"\n".join(lines)).out)
    assert [row["id"] for row in found] == ["a", 3, "a"]
    assert found[0].keys() == {"id", "lang", "prediction", "score"}


def test_answers_do_not_depend_on_the_chunks(system_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    system = System.from_pretrained(system_run)
    text = "".join(f"the team {'and the soup ' * (i % 3)}{i}\n" for i in range(11)).encode()
    whole = list(predicting.predict(system, io.BytesIO(text)))
    monkeypatch.setattr(predicting, "CHUNK", 3)
    parts = list(predicting.predict(system, io.BytesIO(text)))
    assert [row["id"] for row in parts] == list(range(1, 12))
    assert [row["prediction"] for row in parts] == [row["prediction"] for row in whole]
    assert [row["score"] for row in parts] == pytest.approx([row["score"] for row in whole], abs=1e-5)


def test_rows_come_before_the_input_has_ended(system_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    class Endless(io.RawIOBase):
        def readline(self, size: int = -1) -> bytes:
            return b"the soup\n"

    monkeypatch.setattr(predicting, "CHUNK", 2)
    assert next(predicting.predict(system_run, Endless()))["id"] == 1


@pytest.mark.parametrize(
    ("stdin", "line", "words"),
    [
        (b"one\ntw\xe9\n", 2, "0xe9"),
        (b"one\ntwo\nth\0ree\n", 3, "NUL"),
        ("one\n".encode("utf-16"), 1, ""),
        (b'{"text": "one"}\nplain text\n', 2, "JSON"),
        (b'{"text": "one"}\n\n[1]\n', 3, "object"),
        (b'{"text": "one"}\n{"texte": "two"}\n', 2, "'text' is missing"),
        (b'{"text": NaN}\n', 1, "NaN"),
        (b'{"text": 5}\n', 1, "expected text"),
        (b'{"text": "\\ud800"}\n', 1, "surrogate"),
        (b"x" * (predicting.MAX_BYTES + 1), 1, "bytes"),
    ],
)
def test_bad_input_is_named_by_its_line(isogloss, system_run: Path, stdin: bytes, line: int, words: str) -> None:
    done = isogloss("predict", system_run, stdin=stdin)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"error: stdin:{line}: ")
    assert words in done.err
    assert done.err.count("\n") == 1


def test_no_input_is_no_output(isogloss, system_run: Path) -> None:
    done = isogloss("predict", system_run, "--quiet")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_closed_labels_cannot_be_changed(isogloss, system_run: Path) -> None:
    assert isogloss("predict", system_run, "--labels", "sport,food", stdin=b"the soup").code == 0
    done = isogloss("predict", system_run, "--labels", "sport,politics", stdin=b"the soup")
    assert (done.code, done.out) == (1, "")
    assert "food, sport" in done.err


def test_language_can_be_detected(isogloss, system_run: Path) -> None:
    pytest.importorskip("lingua")
    lines = "The children are playing in the garden.\nLos niños juegan en el jardín de la casa.\n"
    found = rows_of(isogloss("predict", system_run, "--lang", "auto", stdin=lines.encode()).out)
    assert [row["lang"] for row in found] == ["eng", "spa"]


@pytest.mark.parametrize("lang", ["../x", "", "a b"])
def test_a_language_that_is_none_is_refused(isogloss, system_run: Path, lang: str) -> None:
    done = isogloss("predict", system_run, "--lang", lang, stdin=b"x")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("error: ")


def test_a_folder_without_a_system_is_refused(isogloss, tmp_path: Path) -> None:
    done = isogloss("predict", tmp_path, stdin=b"x")
    assert done.code == 1
    assert done.err.startswith(f"error: {tmp_path}: There is no isogloss system here.")


def test_a_pair_task_asks_for_json_lines(isogloss, system_run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(system_run, tmp_path / "run")
    card = tmp_path / "run" / "model" / "isogloss.json"
    card.write_text(card.read_text().replace('"classification"', '"pair"'))
    assert "text_a and text_b" in isogloss("predict", tmp_path / "run", stdin=b"x\n").err
    line = b'{"text_a": "the soup", "text_b": "the team"}\n'
    assert isogloss("predict", tmp_path / "run", stdin=line).code == 0

"""The cache gives what the translator gave, keeps what was finished, and never a wrong answer."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from counting import Counting
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.translators import load_translator
from isogloss.bridges.translators.cached import Cached
from isogloss.errors import ResourceError


@given(st.lists(st.text(st.characters(), max_size=8), max_size=8), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_it_answers_as_the_translator_does(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], best: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    expected = Counting().translate(texts, "eng", "yor", best=best)
    cached = Cached(Counting(), folder, chunk=3)
    assert cached.translate(texts, "eng", "yor", best=best) == expected
    again = Counting()
    assert Cached(again, folder).translate(texts, "eng", "yor", best=best) == expected
    assert again.asked == []


def test_what_makes_a_difference_is_in_the_key(tmp_path: Path) -> None:
    inner = Counting()
    cached = Cached(inner, tmp_path)
    cached.translate(["a", "a", "b"], "eng", "yor")
    assert (inner.asked, cached.hits, cached.misses) == (["a", "b"], 0, 3)
    cached.translate(["b", "a"], "en", "yo")
    assert (cached.hits, cached.misses) == (2, 3)
    for source, target, best in (("eng", "rus", 1), ("rus", "yor", 1), ("eng", "yor", 2)):
        cached.translate(["a"], source, target, best=best)
    inner.version = "2"
    Cached(inner, tmp_path).translate(["a"], "eng", "yor")
    inner.id = "other"
    Cached(inner, tmp_path).translate(["a"], "eng", "yor")
    assert inner.asked == ["a", "b", "a", "a", "a", "a", "a"]


def test_finished_chunks_survive_a_translator_that_dies(tmp_path: Path) -> None:
    texts = [f"sentence {n}" for n in range(10)]
    dying = Cached(Counting(dies_after=7), tmp_path, chunk=3)
    with pytest.raises(ResourceError, match="It died"):
        dying.translate(texts, "eng", "yor")
    fresh = Counting()
    assert Cached(fresh, tmp_path).translate(texts, "eng", "yor") == Counting().translate(texts, "eng", "yor")
    assert fresh.asked == texts[6:]


def test_a_changed_entry_is_translated_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = Cached(Counting(), tmp_path).translate(["a"], "eng", "yor")
    with sqlite3.connect(tmp_path / "translations.sqlite") as base:
        base.execute("UPDATE translations SET value = replace(value, 'yor', 'YOR')")
    base.close()
    inner = Counting()
    assert Cached(inner, tmp_path).translate(["a"], "eng", "yor") == expected
    assert inner.asked == ["a"]
    assert "damaged" in caplog.text


def test_a_damaged_file_is_left_alone_and_another_one_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "translations.sqlite").write_bytes(b"not a database" * 100)
    with caplog.at_level(logging.WARNING):
        Cached(Counting(), tmp_path).translate(["a"], "eng", "yor")
    assert "translations.sqlite is damaged" in caplog.text
    inner = Counting()
    Cached(inner, tmp_path).translate(["a"], "eng", "yor")
    assert inner.asked == []
    assert (tmp_path / "translations.sqlite").read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cache of translations cannot be used"):
        Cached(Counting(), tmp_path / "file").translate(["a"], "eng", "yor")


def test_processes_share_a_cache(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from counting import Counting;"
        "from isogloss.bridges.translators.cached import Cached; cached = Cached(Counting(), Path(sys.argv[2]), 5);"
        "cached.translate([f'{n} {sys.argv[3]}' for n in range(100)] + [str(n) for n in range(100)], 'eng', 'yor')"
    )
    here = str(Path(__file__).parent)
    running = [subprocess.Popen([sys.executable, "-c", program, here, str(tmp_path), str(n)]) for n in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    inner = Counting()
    texts = [f"{n} {number}" for n in range(100) for number in range(3)] + [str(n) for n in range(100)]
    assert Cached(inner, tmp_path).translate(texts, "eng", "yor") == Counting().translate(texts, "eng", "yor")
    assert inner.asked == []


def test_other_abilities_pass_through(tmp_path: Path) -> None:
    identity = load_translator("identity")
    cached = Cached(identity, tmp_path)
    assert (cached.id, cached.version, cached.abilities) == (identity.id, identity.version, identity.abilities)
    assert cached.translate_markup(["<b>a</b>"], "eng", "yor") == ["<b>a</b>"]
    assert cached.attend([("a", "a")], "eng", "yor")[0].weights_TS.tolist() == [[1]]
    assert cached.serves("eng", "yor")

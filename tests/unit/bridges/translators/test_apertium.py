"""Apertium: as many translations as texts, whatever is in them; its troubles as one sentence each."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from isogloss.bridges.translators import apertium, load_translator
from isogloss.bridges.translators.apertium import ApertiumTranslator
from isogloss.errors import ResourceError


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    apertium._installed.cache_clear()
    yield
    apertium._installed.cache_clear()


@pytest.fixture
def real() -> ApertiumTranslator:
    if not apertium.available():
        pytest.skip("apertium is not installed")
    translator = ApertiumTranslator()
    if not translator.serves("eng", "spa"):
        pytest.skip("apertium-eng-spa is not installed")
    return translator


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ApertiumTranslator]:
    """Apertium as a script: what it does with its input is given."""

    def make(translates: str) -> ApertiumTranslator:
        script = tmp_path / "apertium"
        modes = "  eng-spa\n  en-gl\n  eng-cat_valencia\n  Cyrl-Latn\n"
        script.write_text(
            f"#!/bin/sh\ncase $1 in\n-V) echo 'Apertium 9';;\n-l) printf '{modes}';;\n*) {translates};;\nesac"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return ApertiumTranslator()

    return make


def texts_of(translator: ApertiumTranslator, texts: list[str]) -> list[str]:
    return [one.text for (one,) in translator.translate(texts, "eng", "spa")]


def test_it_translates(real: ApertiumTranslator) -> None:
    assert texts_of(real, ["The house is red.", "", "  ", "Yes"]) == ["La casa es roja.", "", "", "Sí"]
    assert texts_of(real, []) == []
    assert real.version.startswith("Apertium 3")


def test_the_count_holds_for_any_text(real: ApertiumTranslator) -> None:
    odd = ["a\n\nb", "[x] ^y$ {z} / \\ @ <b>", "c\x00d\x1a", "\u2028 e", "日本 😀", "\ud800", "</p>", "&amp;", "..."]
    odd += ["word " * 5000]
    found = texts_of(real, [*odd, "The house is red."])
    assert len(found) == len(odd) + 1
    assert found[-1] == "La casa es roja."
    assert found[:-1] == [texts_of(real, [text])[0] for text in odd]
    assert len(found[-2].split()) >= 5000


def test_tags_stay(real: ApertiumTranslator) -> None:
    assert real.translate_markup(["The house is <b>red</b> &amp; big.", "Yes"], "eng", "spa") == [
        "La casa es <b>roja</b> &amp; grande.", "Sí",
    ]  # fmt: skip


def test_pairs(fake: Callable[[str], ApertiumTranslator]) -> None:
    translator = fake("cat")
    assert translator.serves("eng", "spa")
    assert translator.serves("en", "es_ES")
    assert translator.serves("eng", "glg")
    assert not translator.serves("spa", "eng")
    assert not translator.serves("eng", "cat")
    assert translator.version == "Apertium 9"
    with pytest.raises(ResourceError, match="does not translate from spa to eng"):
        translator.translate(["a"], "spa", "eng")


def test_a_wrong_count_is_mended_or_said(fake: Callable[[str], ApertiumTranslator]) -> None:
    # It loses a blank line after 'two' where another item follows.
    translator = fake(r"sed -z 's/two\n\n\(.\)/two\n\1/g'")
    assert texts_of(translator, ["one", "two", "three"]) == ["one", "two", "three"]
    translator = fake(r"sed 's/two/tw\n\no/'")
    with pytest.raises(ResourceError, match="made 2 paragraphs of one sentence"):
        texts_of(translator, ["one", "two", "three"])


def test_it_breaks_down(fake: Callable[[str], ApertiumTranslator], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match="broke down: no such mode"):
        texts_of(fake("echo no such mode >&2; exit 1"), ["a"])
    translator = fake("exec sleep 20")
    monkeypatch.setattr(apertium, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(apertium, "TEXT_SECONDS", 0)
    with pytest.raises(ResourceError, match="did not answer"):
        texts_of(translator, ["a"])


def test_it_returns_nothing(fake: Callable[[str], ApertiumTranslator]) -> None:
    assert texts_of(fake(r"tr -d 'a-z'"), ["one", "two"]) == ["", ""]


def test_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ResourceError, match="apt install apertium-eng-spa"):
        load_translator("apertium")

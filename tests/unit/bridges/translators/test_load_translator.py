"""Translators by name, and the one that chooses for each pair."""

from __future__ import annotations

from pathlib import Path

import pytest
from counting import Counting

import isogloss.bridges.translators as names
from isogloss.bridges.translators import apertium, embedded, load_translator
from isogloss.bridges.translators.auto import AutoTranslator
from isogloss.bridges.translators.cached import Cached
from isogloss.bridges.translators.trivial import CipherTranslator, IdentityTranslator
from isogloss.errors import ResourceError


class Limited(Counting):
    """Serves one pair."""

    def __init__(self, name: str, pair: tuple[str, str]) -> None:
        super().__init__()
        self.id, self.pair = name, pair

    def serves(self, source: str, target: str) -> bool:
        return (source, target) == self.pair


def test_trivial_ones_are_never_cached() -> None:
    assert isinstance(load_translator("identity"), IdentityTranslator)
    assert isinstance(load_translator("cipher"), CipherTranslator)
    assert load_translator("cipher:7").id == "cipher:7"


def test_the_cache_is_the_users_a_given_one_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_named", lambda name: Counting())
    monkeypatch.setenv("ISOGLOSS_CACHE", str(tmp_path / "user"))
    user, chosen, none = (load_translator("x"), load_translator("x", cache=tmp_path), load_translator("x", cache=None))
    assert isinstance(user, Cached)
    assert user.folder == tmp_path / "user" / "translations"
    assert isinstance(chosen, Cached)
    assert chosen.folder == tmp_path
    assert isinstance(none, Counting)


@pytest.mark.parametrize(("name", "message"), [
    ("ciper", "Unknown translator 'ciper'. Did you mean 'cipher'"),
    ("cipher:x", "'cipher:x' is not of the form cipher:SEED"),
    ("ctranslate2:", "'ctranslate2:' is not of the form ctranslate2:FOLDER"),
    ("googel", "Unknown translator 'googel'"),
    ("", "Unknown translator ''"),
])  # fmt: skip
def test_a_wrong_name_is_one_sentence(name: str, message: str) -> None:
    with pytest.raises(ResourceError) as error:
        load_translator(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_the_first_that_serves_a_pair_is_used() -> None:
    one, other = Limited("one", ("eng", "por")), Limited("other", ("eng", "spa"))
    auto = AutoTranslator([one, Limited("late", ("eng", "por")), other])
    assert (auto.used("eng", "por"), auto.used("eng", "spa")) == ("one 1", "other 1")
    assert auto.translate(["a"], "eng", "spa")[0][0].text == "spa0 a"
    assert (one.asked, other.asked) == ([], ["a"])
    assert auto.serves("eng", "por")
    assert not auto.serves("por", "eng")
    with pytest.raises(ResourceError, match="No installed translator translates from por to eng"):
        auto.translate(["a"], "por", "eng")
    with pytest.raises(ResourceError, match="other, lacks the ability 'score'"):
        auto.score([("a", "b")], "eng", "spa")


def test_nothing_installed_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "available", lambda: False)
    monkeypatch.setattr(apertium, "available", lambda: False)
    auto = load_translator("auto", cache=None)
    assert not auto.serves("eng", "por")
    assert auto.abilities == frozenset()


def test_the_embedded_translator_comes_before_apertium(tmp_path: Path) -> None:
    if not embedded.available():
        pytest.skip("the extra 'translate' is not installed")
    auto = load_translator(cache=tmp_path)
    assert isinstance(auto, AutoTranslator)
    assert auto.used("en", "pt").startswith("isogloss:eng-por ")
    assert auto.translate(["Yes."], "en", "pt")[0][0].text == "Sim."
    assert (tmp_path / "translations.sqlite").exists()
    if apertium.available():
        assert "apertium" in {one.id for one in auto.translators}

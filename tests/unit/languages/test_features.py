from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

from isogloss.errors import ResourceError
from isogloss.languages import features
from isogloss.languages.features import KINDS, Kind

needs_tables = pytest.mark.skipif(not features.installed(), reason="the extra 'plan' (lang2vec) is not installed")


@needs_tables
@pytest.mark.parametrize(
    ("kind", "width", "known"),
    [("syntax", 103, 2654), ("phonology", 28, 1296), ("inventory", 158, 1715), ("family", 3718, 7294)],
)
def test_the_tables_have_their_published_sizes(kind: Kind, width: int, known: int) -> None:
    assert len(features.names(kind)) == width
    values = features.vector("eng", kind)
    assert values is not None
    assert values.shape == (width,)
    assert set(np.unique(values)) <= {0.0, 1.0}
    assert abs(len(features.languages(kind)) - known) <= 1


@needs_tables
def test_morphology_is_the_part_of_syntax_that_is_bound_to_words() -> None:
    whole, part = features.names("syntax"), features.names("morphology")
    assert len(part) == 40
    assert {"CASE_SUFFIX", "TEND_HEADMARK", "GENDER_MARK", "ANY_REDUP", "PROSUBJECT_CLITIC"} <= set(part) < set(whole)
    assert not {"SVO", "ARTICLE_WORD_BEFORE_NOUN", "POLARQ_MARK_FINAL", "NUMCLASS_MARK", "PLURAL_WORD"} & set(part)
    for code in ("deu", "tur", "yor"):
        syntax, morphology = features.vector(code, "syntax"), features.vector(code, "morphology")
        assert syntax is not None
        assert morphology is not None
        assert np.array_equal(syntax[[whole.index(name) for name in part]], morphology)


@needs_tables
def test_completion_keeps_what_was_observed_and_leaves_no_gap() -> None:
    for code in ("deu", "yor", "nob"):
        for kind in ("syntax", "phonology", "inventory"):
            said, filled = features.vector(code, kind, completed=False), features.vector(code, kind)
            assert said is not None
            assert filled is not None
            assert not np.isnan(filled).any()
            there = ~np.isnan(said) & np.isin(said, (0, 1))
            assert np.array_equal(said[there], filled[there])
    assert features.observed("deu", "syntax") == pytest.approx(87 / 103)


@needs_tables
def test_every_spelling_finds_the_language() -> None:
    want = features.vector("deu", "syntax")
    assert want is not None
    for spelling in ("de", "ger", "DEU", "deu_Latn", "de-CH"):
        found = features.vector(spelling, "syntax")
        assert found is not None
        assert np.array_equal(found, want)


@needs_tables
def test_a_language_of_which_nothing_is_observed_takes_its_macrolanguage() -> None:
    assert features.listed("lvs", "syntax") == "lav"
    assert features.listed("nob", "family") == "nor"
    assert features.listed("nob", "syntax") == "nob"
    assert features.listed("fil", "syntax") == "fil"
    assert features.observed("fil", "syntax") == 0


@needs_tables
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("code", ["x-mine", "klingon-of-mine", "und", "mul"])
def test_an_unlisted_language_is_none(kind: Kind, code: str) -> None:
    assert features.vector(code, kind) is None
    assert features.listed(code, kind) is None
    assert features.observed(code, kind) == 0


@needs_tables
def test_places_are_where_they_are() -> None:
    for code, latitude, longitude in (("eng", 53, -1), ("yor", 7.2, 3.7), ("jpn", 35, 135)):
        place = features.vector(code, "geography")
        assert place is not None
        x, y, z = place
        assert np.degrees(np.arcsin(z)) == pytest.approx(latitude, abs=0.2)
        assert np.degrees(np.arctan2(y, x)) == pytest.approx(longitude, abs=0.2)


def test_without_the_tables_one_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(features, "distribution", absent)
    features._table.cache_clear()
    assert not features.installed()
    with pytest.raises(ResourceError, match=r"isogloss\[plan\]"):
        features.vector("eng", "syntax")


@needs_tables
def test_a_script_of_the_same_name_does_not_hide_the_tables(tmp_path: Path) -> None:
    """lang2vec installs a script ``lang2vec.py`` into the folder with which the command line's path begins."""
    (tmp_path / "lang2vec.py").write_text("raise SystemExit('the script was run')\n")
    (tmp_path / "ask.py").write_text(
        "from isogloss.languages import features\nprint(features.installed(), len(features.names('syntax')))\n"
    )
    done = subprocess.run([sys.executable, tmp_path / "ask.py"], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "103"], done.stderr


def test_a_table_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(features, "_folder", lambda: tmp_path)
    features._table.cache_clear()
    with pytest.raises(ResourceError, match="family_features"):
        features.vector("eng", "family")


def test_the_code_of_lang2vec_is_never_run() -> None:
    if features.installed():
        features.vector("eng", "syntax")
    assert "lang2vec" not in sys.modules

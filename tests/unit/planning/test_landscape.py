from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from isogloss.errors import DataError
from isogloss.languages import features
from isogloss.languages.distances import DISTANCES
from isogloss.languages.overlap import MEASURED
from isogloss.planning.landscape import ALL_KINDS, read_texts, survey

needs_tables = pytest.mark.skipif(not features.installed(), reason="the extra 'plan' (lang2vec) is not installed")

TEXTS = {"eng": ["the old man saw a house"] * 20, "x-mine": ["tha uld men sew e hoose"] * 30}


@needs_tables
def test_listed_and_unlisted_languages_side_by_side() -> None:
    land = survey(["en", "eng", "deu", "x-mine"], TEXTS)
    assert land.languages == ("eng", "deu", "x-mine")
    assert land.kinds([("eng", "deu")]) == DISTANCES
    assert land.kinds([("eng", "x-mine")]) == MEASURED
    assert land.kinds([("eng", "deu"), ("eng", "x-mine")]) == ()
    assert land.kinds([("deu", "x-mine")]) == ()
    assert land.kinds([]) == ()
    assert land.between("eng", "deu", ("genetic",))[0] == land.distances["genetic"][0, 1]
    assert land.basis["x-mine"].sentence == "not listed in URIEL; 30 lines of its text alone"
    assert land.basis["eng"].sentence.startswith("URIEL")
    assert land.basis["eng"].sentence.endswith("; 20 lines of its text")
    assert land.basis["deu"].sentence.endswith("; no text")
    assert (
        survey(["x-y"]).basis["x-y"].sentence.startswith("nothing")
        or "nothing" in survey(["x-y"]).basis["x-y"].sentence
    )


def test_without_the_tables_text_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "installed", lambda: False)
    land = survey(["eng", "x-mine"], TEXTS)
    assert tuple(land.distances) == ALL_KINDS
    assert land.kinds([("eng", "x-mine")]) == MEASURED
    assert np.isnan(land.distances["syntactic"][0, 1])
    assert land.distances["syntactic"][0, 0] == 0
    assert land.basis["eng"].listed == {}


def test_texts_are_read_by_code(tmp_path: Path) -> None:
    (tmp_path / "yo.txt").write_text("ọmọ\nilé\n", encoding="utf-8")
    assert read_texts(tmp_path) == {"yor": ["ọmọ", "ilé"]}
    with pytest.raises(DataError, match="no such folder"):
        read_texts(tmp_path / "none")
    (tmp_path / "ibo.txt").write_bytes(b"a line\nno \xff text\n")
    with pytest.raises(DataError, match="not UTF-8") as caught:
        read_texts(tmp_path)
    assert "ibo.txt:2" in str(caught.value)
    (tmp_path / "ibo.txt").rename(tmp_path / "yor.txt")
    (tmp_path / "yor.txt").write_text("ọmọ\n", encoding="utf-8")
    with pytest.raises(DataError, match="second file of yor"):
        read_texts(tmp_path)

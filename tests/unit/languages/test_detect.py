from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import pytest

from isogloss.errors import ResourceError
from isogloss.languages import Language, detect
from isogloss.languages.detect import _detector

ENGLISH = "The committee decided on Tuesday that the new bridge will be built next year."
SWAHILI = "Kamati iliamua Jumanne kuwa daraja jipya litajengwa mwaka ujao."
CHINESE = "委员会星期二决定明年修建新桥。"
ARABIC = "قررت اللجنة يوم الثلاثاء بناء الجسر الجديد في العام المقبل."


def languages(codes: str) -> list[Language]:
    return [Language.parse(code) for code in codes.split()]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    _detector.cache_clear()
    yield
    _detector.cache_clear()


def test_a_missing_library_is_one_sentence_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lingua", None)
    with pytest.raises(ResourceError, match=r"install isogloss\[detect\]"):
        detect([ENGLISH])


class TestWithLingua:
    @pytest.fixture(autouse=True)
    def _lingua(self) -> None:
        pytest.importorskip("lingua")

    def test_the_candidates_own_codes_come_back(self, caplog: pytest.LogCaptureFixture) -> None:
        found = detect([ENGLISH, SWAHILI, CHINESE, ARABIC], languages("en swh_Latn cmn arb"))
        assert found == ["eng", "swh", "cmn", "arb"]
        assert not caplog.records

    def test_without_candidates_all_languages_are_possible(self) -> None:
        assert detect([ENGLISH, SWAHILI, CHINESE, ARABIC]) == ["eng", "swa", "zho", "ara"]

    @pytest.mark.parametrize("text", ["", " ", "😀", "12345", "\ud800"])
    def test_the_undecidable_is_und(self, text: str) -> None:
        assert detect([text], languages("eng swa")) == ["und"]

    def test_no_text_no_answer(self) -> None:
        assert detect([], languages("eng swa")) == []

    def test_a_lone_surrogate_does_no_harm(self) -> None:
        assert detect([ENGLISH + "\udcff"], languages("eng swa")) == ["eng"]

    def test_unknown_candidates_are_named_once(self, caplog: pytest.LogCaptureFixture) -> None:
        for _ in range(2):
            assert detect([ENGLISH], languages("eng swa bam srp_Latn")) == ["eng"]
        assert [r.levelno for r in caplog.records] == [logging.WARNING] * 2
        assert "'bam' (Bambara)" in caplog.text
        assert "'srp_Latn' (Serbian (Latin))" in caplog.text

    def test_fewer_than_two_known_candidates_open_the_choice(self, caplog: pytest.LogCaptureFixture) -> None:
        assert detect([SWAHILI, ENGLISH], languages("swh bam")) == ["swh", "eng"]
        assert "fewer than two" in caplog.text

    def test_a_macrolanguage_stands_for_its_members(self) -> None:
        text = "Komiteen bestemte på tirsdag at den nye broen skal bygges neste år."
        assert detect([text, ENGLISH], languages("nor eng")) == ["nor", "eng"]

    def test_candidates_that_share_a_model(self, caplog: pytest.LogCaptureFixture) -> None:
        assert detect([SWAHILI], languages("swh eng swa")) == ["swa"], "the exact language has the model"
        assert "cannot tell 'swh' from 'swa'" in caplog.text
        assert detect([CHINESE], languages("zho_Hant zho eng")) == ["zho_Hant"], "otherwise the first"
        assert "cannot tell 'zho' from 'zho_Hant'" in caplog.text

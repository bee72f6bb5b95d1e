from __future__ import annotations

import logging

import pytest

from isogloss.languages import Language, find


@pytest.mark.parametrize(
    ("wanted", "among", "match"),
    [
        ("hi", ["eng", "hin_Deva"], "hin_Deva"),
        ("srp_Cyrl", ["srp_Latn", "sr"], "sr"),
        ("swa", ["swh", "sw"], "sw"),  # the equal one, though a related one comes first
        ("de", ["ger", "deu"], "ger"),
        ("xyz", ["XYZ"], "XYZ"),
    ],
)
def test_equal_codes_match_silently(
    wanted: str, among: list[str], match: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="isogloss"):
        found = find(wanted, among)
    assert found is not None
    assert found.spelled == match
    assert not caplog.records


@pytest.mark.parametrize(
    ("wanted", "among", "match"),
    [
        ("swa", ["eng", "swh_Latn"], "swh_Latn"),
        ("swh", ["eng", "swa"], "swa"),
        ("ara", ["arb"], "arb"),
        ("arb", ["ar"], "ar"),
        ("zh", ["cmn"], "cmn"),
        ("cmn_Hant", ["zho", "zho_Hant"], "zho_Hant"),
        ("nb", ["no", "sv"], "no"),
        ("lus", ["lus_Latn"], "lus_Latn"),
        ("lus_Latn", ["lus"], "lus"),
        ("sw", ["swh", "swh_Latn"], "swh"),  # one language, spelled twice
    ],
)
def test_the_only_related_language_matches_with_a_notice(
    wanted: str, among: list[str], match: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="isogloss"):
        found = find(Language.parse(wanted), [Language.parse(code) for code in among])
    assert found is not None
    assert found.spelled == match
    (record,) = caplog.records
    assert f"'{wanted}'" in record.getMessage()
    assert f"'{match}'" in record.getMessage()


@pytest.mark.parametrize(
    ("wanted", "among"),
    [
        ("ara", ["arb", "arz"]),  # ambiguous
        ("no", ["nb", "nn"]),
        ("nb", ["nn"]),  # siblings
        ("srp_Latn", ["srp_Cyrl"]),  # scripts differ
        ("zho_Hant", ["cmn"]),
        ("arb_Latn", ["ara"]),
        ("lus", ["lus_Latn", "lus_Beng"]),
        ("yor", ["eng", "swa"]),
        ("yor", []),
    ],
)
def test_nothing_else_matches(wanted: str, among: list[str], caplog: pytest.LogCaptureFixture) -> None:
    assert find(wanted, among) is None
    assert not caplog.records

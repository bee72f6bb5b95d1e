from __future__ import annotations

import subprocess
import sys

import pytest

from isogloss.errors import DataError
from isogloss.languages import Language

# FLORES-200 names whose script is not the usual one of the language: the script must stay.
UNUSUAL = "ace_Arab arb_Latn bjn_Arab crh_Latn kas_Deva knc_Arab min_Arab taq_Tfng tzm_Tfng zho_Hant"
USUAL = "amh_Ethi azb_Arab azj_Latn ben_Beng bod_Tibt ckb_Arab ell_Grek jpn_Jpan khk_Cyrl kmr_Latn kor_Hang mni_Beng "
USUAL += "nob_Latn npi_Deva ory_Orya pbt_Arab pes_Arab quy_Latn sat_Olck srp_Cyrl swh_Latn uzn_Latn ydd_Hebr yue_Hant"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        # two letters, and what has replaced withdrawn ones
        *[("sw", "swa"), ("ar", "ara"), ("zh", "zho"), ("no", "nor"), ("nb", "nob"), ("nn", "nno"), ("tl", "tgl")],
        *[("iw", "heb"), ("he", "heb"), ("in", "ind"), ("ji", "yid"), ("jw", "jav"), ("mo", "ron"), ("sh", "hbs")],
        # three letters: the very language, never its macrolanguage
        *[("arb", "arb"), ("cmn", "cmn"), ("swh", "swh"), ("quy", "quy"), ("que", "que"), ("prs", "prs")],
        *[("cnr", "cnr"), ("tgl", "tgl"), ("fil", "fil"), ("hbs", "hbs"), ("twi", "twi"), ("aka", "aka")],
        # bibliographic and withdrawn
        *[("ger", "deu"), ("fre", "fra"), ("chi", "zho"), ("per", "fas"), ("scc", "srp"), ("mol", "ron")],
        # BCP-47
        *[("pt-BR", "por"), ("pt_BR", "por"), ("en_XX", "eng"), ("es-419", "spa"), ("de-AT-1901", "deu")],
        *[("zh-Hans", "zho"), ("zh-Hant", "zho_Hant"), ("sr-Latn-RS", "srp_Latn"), ("sr-RS", "srp")],
        *[("zh-CN", "zho"), ("zh-TW", "zho_Hant"), ("pa-PK", "pan_Arab"), ("zh-Hans-TW", "zho")],
        *[("zh-yue", "yue"), ("zh-cmn-Hans", "cmn"), ("zh-min-nan", "nan"), ("i-klingon", "tlh"), ("no-bok", "nob")],
        # FLORES
        *[("hin_Deva", "hin"), ("zho_Hans", "zho"), ("arb_Arab", "arb"), ("srp_Latn", "srp_Latn")],
        *[("cmn_Hani", "cmn"), ("urd_Aran", "urd"), ("jpn_Hira", "jpn_Hira")],
        *[(name, name) for name in UNUSUAL.split()],
        *[(name, name[:3]) for name in USUAL.split()],
        # any case
        *[("YO", "yor"), ("Yor", "yor"), ("HIN_DEVA", "hin"), ("SRP_latn", "srp_Latn"), ("ZH-hANT", "zho_Hant")],
        # unlisted: kept
        *[("xyz", "xyz"), ("QQQ", "qqq"), ("xx", "xx"), ("xyz_Latn", "xyz_Latn"), ("lus_Latn", "lus_Latn")],
        *[("Klingon", "klingon"), ("my-lang", "my-lang"), ("bat-smg", "bat-smg"), ("x-Foo", "x-foo")],
        *[("en-x-cipher", "en-x-cipher"), ("a", "a"), ("1", "1"), ("ßprach", "ßprach"), ("und", "und"), ("mul", "mul")],
    ],
)
def test_canonical_code(text: str, code: str) -> None:
    language = Language.parse(text)
    assert language.code == code
    assert language.spelled == text
    assert Language.parse(code).code == code


@pytest.mark.parametrize(
    "text",
    ["", " ", "e n", " en", "en\n", "en\t", "en/us", "en\\us", "../etc", "..", ".hidden", "en\0", "en\u200b", "\ud800"],
)
def test_what_cannot_name_a_file_is_refused(text: str) -> None:
    with pytest.raises(DataError) as error:
        Language.parse(text)
    assert "\n" not in str(error.value)
    assert "srp_Latn" in str(error.value), "the sentence shows what a code looks like"


def test_languages_are_equal_by_code_and_keep_the_spelling() -> None:
    short, flores = Language.parse("hi"), Language.parse("hin_Deva")
    assert short == flores
    assert len({short, flores}) == 1
    assert (str(flores), flores.spelled) == ("hin", "hin_Deva")
    assert Language.parse("srp_Cyrl") != Language.parse("srp_Latn")


@pytest.mark.parametrize(
    ("text", "base", "script", "name"),
    [
        ("sr", "srp", "Cyrl", "Serbian"),
        ("srp_Latn", "srp", "Latn", "Serbian (Latin)"),
        ("hin_Deva", "hin", "Deva", "Hindi"),
        ("arb", "arb", "Arab", "Standard Arabic"),
        ("azb", "azb", "Arab", "South Azerbaijani"),
        ("quy", "quy", "Latn", "Ayacucho Quechua"),
        ("he", "heb", "Hebr", "Hebrew"),
        ("tl", "tgl", "Latn", "Tagalog"),
        ("cnr", "cnr", "Latn", "Montenegrin"),
        ("xyz", "xyz", "", "xyz"),
        ("xyz_Thai", "xyz", "Thai", "xyz (Thai)"),
        ("bat_smg", "bat_smg", "", "bat_smg"),
        ("ßprach", "ßprach", "", "ßprach"),
    ],
)
def test_base_script_and_name(text: str, base: str, script: str, name: str) -> None:
    language = Language.parse(text)
    assert (language.base, language.script, language.name) == (base, script, name)


def test_every_two_letter_code_has_three_and_stays_put() -> None:
    from langcodes.data_dicts import LANGUAGE_ALPHA3

    for short in (code for code in LANGUAGE_ALPHA3 if len(code) == 2):
        code = Language.parse(short).code
        assert len(code) == 3, short
        assert Language.parse(code).code == code


def test_importing_loads_nothing_slow() -> None:
    check = (
        "import sys, isogloss.languages; print(sorted({'langcodes', 'lingua', 'regex', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout == "[]\n"

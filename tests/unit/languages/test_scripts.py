from __future__ import annotations

import time

import pytest

from isogloss.languages import direction, join_tokens, units


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["The", "cat", "sat", "."], "The cat sat ."),
        (["我", "喜欢", "学习", "。"], "我喜欢学习。"),
        (["東京", "タワー", "へ", "行く"], "東京タワーへ行く"),
        (["コーヒー", "豆"], "コーヒー豆"),
        (["ㄅㄆ", "ㄇ"], "ㄅㄆㄇ"),
        (["ภาษา", "ไทย"], "ภาษาไทย"),
        (["ພາສາ", "ລາວ"], "ພາສາລາວ"),
        (["ភាសា", "ខ្មែរ"], "ភាសាខ្មែរ"),
        (["မြန်မာ", "စာ"], "မြန်မာစာ"),
        (["བོད་", "སྐད་"], "བོད་སྐད་"),
        (["나는", "학교에", "간다", "."], "나는 학교에 간다 ."),  # Korean has spaces
        (["안녕", "。", "네"], "안녕。네"),
        (["ﾡ", "ﾢ"], "ﾡ ﾢ"),  # half-width Hangul too
        (["iPhone", "を", "買う"], "iPhoneを買う"),
        (["New", "York", "に"], "New Yorkに"),
        (["2024", "年", "5", "月"], "2024年5月"),
        (["๑", "๒"], "๑ ๒"),  # digits of an unspaced script must not become one number
        (["Ａ", "Ｂ", "（", "c", "）", "d"], "Ａ Ｂ（c）d"),
        (["葛\U000e0100", "城"], "葛\U000e0100城"),  # a variation selector is not a space
        (["नमस्ते", "दुनिया"], "नमस्ते दुनिया"),
        (["你好", ",", "世界", "!"], "你好,世界!"),
        (["", "a", "", "b", ""], "a b"),
        ([], ""),
    ],
)
def test_join_tokens(tokens: list[str], text: str) -> None:
    joined, offsets = join_tokens(tokens)
    assert joined == text
    assert [joined[start:end] for start, end in offsets] == tokens


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The cat sat.", ["The", "cat", "sat", "."]),
        ("don't o’clock co-op", ["don't", "o’clock", "co-op"]),
        ("'quoted' well- -ish", ["'", "quoted", "'", "well", "-", "-", "ish"]),
        ("3.14 3-4 2nd", ["3", ".", "14", "3", "-", "4", "2nd"]),
        ("--- a", ["-", "-", "-", "a"]),
        ("paral·lel צה״ל", ["paral·lel", "צה״ל"]),
        ("Ẹ kú àárọ̀", ["Ẹ", "kú", "àárọ̀"]),
        ("क्षत्रिय है।", ["क्षत्रिय", "है", "।"]),
        ("می\u200cخواهم کتاب", ["می\u200cخواهم", "کتاب"]),
        ("co\u00adoperate", ["co\u00adoperate"]),
        ("나는 학교에", ["나는", "학교에"]),
        ("我爱NLP。", ["我", "爱", "NLP", "。"]),
        ("コーヒー2杯", ["コ", "ー", "ヒ", "ー", "2", "杯"]),
        ("か\u3099く", ["か\u3099", "く"]),  # a combining mark stays on its kana
        ("ที่นี่", ["ที่", "นี่"]),
        ("ខ្មែ\u200bរ", ["ខ្មែ", "រ"]),  # a zero-width space separates and is no unit
        ("a👍🏽b 👨‍👩‍👧 ❤️", ["a", "👍🏽", "b", "👨‍👩‍👧", "❤️"]),
        ("🇳🇬🇰🇪🇹", ["🇳🇬", "🇰🇪", "🇹"]),
        ("a\u200b\ufeff\x1c\u3000 \n", ["a"]),
        ("x\ud800y", ["x", "\ud800", "y"]),
        ("", []),
    ],
)
def test_units(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in units(text)] == words


@pytest.mark.parametrize(
    "piece",
    [
        "hello wor'ld ",
        "ภาษาไทย",
        "漢字",
        "🇳",
        "a-",
        "'",
        "\u0301",
        "\u200d",
        "👍\u200d",
        "👍🏽",
        "क्",
        "\u0600",
        "\ud800",
        " \u0301",
        "ក\u17d2",
        "ᄀ",
    ],
)
def test_units_are_linear_in_the_length(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.perf_counter()
    units(text)
    # Quadratic time on 100 kB is tens of seconds; linear is some 0.05 s.
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("مرحبا", "rtl"),
        ("שלום world", "rtl"),
        ("123 - مرحبا", "rtl"),
        ("Hello שלום", "ltr"),
        ("ߒߞߏ", "rtl"),
        ("你好", "ltr"),
        ("123 !", "ltr"),
        ("", "ltr"),
    ],
)
def test_direction(text: str, way: str) -> None:
    assert direction(text) == way

"""F1 and exact match of answers, against a plain reading of the official formula."""

from __future__ import annotations

import random
import re
import string
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.metrics import answer_f1, answer_scores, answer_tokens, exact_match, ones

LISTED = {"en": "eng", "es": "spa", "hi": "hin", "vi": "vie", "de": "deu", "ar": "ara", "zh": "zho"}
PUNCTUATION = {chr(i) for i in range(sys.maxunicode + 1) if unicodedata.category(chr(i))[0] == "P"}
PUNCTUATION |= set(string.punctuation)
ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}
WORDS = re.split(
    " ",
    "The the An a apple Apple's apple, un la LAS casa el-niño der Die eine Straße STRASSE của là nhà những phố "
    "الكتاب ال كتاب، والكتاب नमस्ते का घर। "
    "中国 北京大学 在2008年 ABC公司。 《红楼梦》 £5 $5 10% 3.5 co-op x^y … ¿qué? „Wort“",
)


def plain_tokens(text: str, lang: str) -> list[str]:
    """Step by step, with explicit lists."""
    text = text.lower()
    text = "".join(c for c in text if c not in PUNCTUATION)
    for article in ARTICLES.get(lang, "").split():
        text = re.sub(r"\b" + article + r"\b", " ", text)
    if lang == "ar":
        text = text.replace("ال", " ")
    if lang != "zh":
        return text.split()
    tokens, word = [], ""
    for c in text:
        if "\u4e00" <= c <= "\u9fa5":
            tokens += [*word.split(), c]
            word = ""
        else:
            word += c
    return [*tokens, *word.split()]


def plain_f1(gold: str, answer: str, lang: str) -> float:
    left, right = plain_tokens(gold, lang), plain_tokens(answer, lang)
    rest, same = list(right), 0
    for token in left:
        if token in rest:
            rest.remove(token)
            same += 1
    if same == 0:
        return 0.0
    precision, recall = same / len(right), same / len(left)
    return 2 * precision * recall / (precision + recall)


def test_a_thousand_random_cases_are_scored_as_the_official_formula_does() -> None:
    draw = random.Random(0)
    partial = 0
    for _ in range(1000):
        lang = draw.choice(list(LISTED))
        pool = draw.sample(WORDS, 6)
        gold = [" ".join(draw.choices(pool, k=draw.randint(1, 5))) for _ in range(draw.randint(1, 3))]
        answer = draw.choice(gold) if draw.random() < 0.2 else " ".join(draw.choices(pool, k=draw.randint(0, 5)))
        code = LISTED[lang]
        assert answer_tokens(answer, code) == plain_tokens(answer, lang)
        assert answer_f1(gold, answer, code) == pytest.approx(max(plain_f1(g, answer, lang) for g in gold))
        assert exact_match(gold, answer, code) == max(plain_tokens(g, lang) == plain_tokens(answer, lang) for g in gold)
        partial += 0 < answer_f1(gold, answer, code) < 1
    assert partial > 200


@pytest.mark.parametrize(
    ("text", "lang", "tokens"),
    [
        ("The U.S. army", "eng", ["us", "army"]),
        ("The U.S. army", "swa", ["the", "us", "army"]),  # no articles are known
        ("der Straße", "deu_Latn", ["straße"]),
        ("北京 2008年", "zho_Hant", ["北", "京", "2008", "年"]),
        ("東京タワー2号", "jpn", ["東", "京", "タ", "ワ", "ー", "2", "号"]),
        ("น้ำ ABC", "tha", ["น้", "ำ", "abc"]),
        ("서울 타워", "kor", ["서울", "타워"]),
        ("東京", "eng", ["東京"]),
    ],
)
def test_tokens_by_language(text: str, lang: str, tokens: list[str]) -> None:
    assert answer_tokens(text, lang) == tokens


@given(st.text(), st.sampled_from([*LISTED.values(), "swa", "jpn", "tha", "und"]))
def test_a_text_matches_itself(text: str, lang: str) -> None:
    tokens = answer_tokens(text, lang)
    assert exact_match([text], text, lang) == 1
    assert answer_f1([text], text, lang) == (1.0 if tokens else 0.0)


def test_without_gold_answers_only_silence_is_right() -> None:
    assert (answer_f1([], "", "eng"), exact_match([], "", "eng")) == (1, 1)
    assert (answer_f1([], "Rome", "eng"), exact_match([], "Rome", "eng")) == (0, 0)
    assert (answer_f1(["Rome"], "", "eng"), exact_match(["Rome"], "", "eng")) == (0, 0)


def test_weights_are_counts_of_questions() -> None:
    gold, pred, langs = [["red house"], ["Rome"], []], ["house", "Paris", ""], ["eng"] * 3
    weights = np.array([[1, 1, 1], [3, 0, 0], [0, 2, 2], [0, 0, 0]])
    scores = answer_scores(gold, pred, langs, weights)
    assert scores["f1"][:3] == pytest.approx([(2 / 3 + 1) / 3, 2 / 3, 0.5])
    assert scores["exact_match"][:3] == pytest.approx([1 / 3, 0, 0.5])
    assert np.isnan(scores["f1"][3])
    with pytest.raises(ValueError, match="items"):
        answer_scores(gold, pred[:2], langs, ones(3))

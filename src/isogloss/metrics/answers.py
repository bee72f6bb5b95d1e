"""F1 and exact match of answers given as text: the scores of SQuAD v1.1, normalised as MLQA does it.

Both texts are lower-cased, lose punctuation (the Unicode categories P and ASCII's own signs) and articles, and fall
into tokens. F1 is the harmonic mean of precision and recall of the tokens as bags, exact match asks for the same tokens
in the same order; of several gold answers the best one counts. Without gold answers the only right answer is none,
which scores 1 on both (SQuAD v2.0).

MLQA (Lewis et al., ACL 2020) lays down articles and tokens for seven languages; these rules are followed to the letter,
so that Arabic loses every ال, not only where it is an article, and Chinese is cut at the characters U+4E00 to U+9FA5.
Every other language keeps its words: no articles are known. Its tokens are those between white space, and in scripts
written without spaces (Han, kana, Thai, Lao, Tibetan, Burmese, Khmer) every character with its marks is one.

Shape letters: R resamples, N items.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from isogloss.metrics.weights import Floats, Weights, as_weights, ratio


def _words(*words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b")


_ARTICLES: Mapping[str, re.Pattern[str]] = {
    "eng": _words("a", "an", "the"),
    "spa": _words("un", "una", "unos", "unas", "el", "la", "los", "las"),
    "vie": _words("của", "là", "cái", "chiếc", "những"),
    "deu": _words(
        "ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"
    ),
    "ara": re.compile("ال"),
    "arb": re.compile("ال"),
}  # fmt: skip
_WHITE_SPACE = frozenset((*_ARTICLES, "hin"))
_CHARACTERS = frozenset(("zho", "cmn"))
_MLQA_CHARACTER = re.compile("([\u4e00-\u9fa5])")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def answer_tokens(text: str, lang: str) -> list[str]:
    """The tokens of an answer that count; ``lang`` is a canonical code, a script behind it is not looked at."""
    base = lang.partition("_")[0]
    bare = "".join(c for c in text.lower() if c not in string.punctuation and unicodedata.category(c)[0] != "P")
    if base in _ARTICLES:
        bare = _ARTICLES[base].sub(" ", bare)
    if base in _CHARACTERS:
        bare = _MLQA_CHARACTER.sub(r" \1 ", bare)
    elif base not in _WHITE_SPACE:
        bare = _apart(bare)
    return bare.split()


def answer_f1(gold: Sequence[str], answer: str, lang: str) -> float:
    """The best token F1 of an answer over the gold answers, in [0, 1]."""
    return _best(_f1, gold, answer, lang)


def exact_match(gold: Sequence[str], answer: str, lang: str) -> float:
    """1.0 where the answer has the tokens of a gold answer, else 0.0."""
    return _best(lambda g, p: float(g == p), gold, answer, lang)


def answer_scores(
    gold: Sequence[Sequence[str]], pred: Sequence[str], langs: Sequence[str], weights_RN: Weights
) -> dict[str, Floats]:
    """Means of F1 and exact match over N questions.

    Args:
        gold: the gold answers of each question, none where it has no answer.
        pred: one answer each, empty where the system gives none.
        langs: canonical codes of the languages of the answers.
        weights_RN: how often each resample holds each question.

    Returns:
        ``f1`` and ``exact_match``, each R values in [0, 1]; a resample of total weight 0 is nan.

    Raises:
        ValueError: the lengths do not agree.
    """
    weights = as_weights(weights_RN, gold, pred)
    rows = list(zip(gold, pred, langs, strict=True))
    total_R = weights.sum(axis=1)
    return {
        name: ratio(weights @ np.array([score(*row) for row in rows], dtype=np.float64), total_R, empty=np.nan)
        for name, score in (("f1", answer_f1), ("exact_match", exact_match))
    }


def _best(score: Callable[[list[str], list[str]], float], gold: Sequence[str], answer: str, lang: str) -> float:
    tokens = answer_tokens(answer, lang)
    if not gold:
        return float(not tokens)
    return max(score(answer_tokens(right, lang), tokens) for right in gold)


def _f1(gold: list[str], pred: list[str]) -> float:
    shared = (Counter(gold) & Counter(pred)).total()
    return 2 * shared / (len(gold) + len(pred)) if shared else 0.0


def _apart(text: str) -> str:
    """Spaces around every character of a script without them; a mark stays with the character before it."""
    parts: list[str] = []
    apart = False
    for c in text:
        if unicodedata.category(c)[0] != "M":
            before, apart = apart, _UNSPACED.match(c) is not None
            if before or apart:
                parts.append(" ")
        parts.append(c)
    return "".join(parts)

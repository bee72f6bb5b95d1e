"""A system answers any text: one prediction an input, scores that are probabilities, offsets that cut the text.

Ten thousand strings from seeds, many at a time: the systems are built once, and a batch costs little more than a text.
Hypothesis, which varies a long list only a little from one example to the next, adds short lists that it can shrink.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isogloss import Problem, System
from isogloss.languages.scripts import units
from isogloss.tasks import Prediction

SEEDS, STRINGS = 10, 335
"""Times three systems: 10,050 strings, and those that hypothesis writes."""

ALPHABETS = [
    "abc XYZ.,!?'-",
    "àéîõüçñ e\u0301a\u0323\u0300",
    "абв ёїђ",
    "我喜欢红色的面包。，",
    "かなカナー漢字ﾊﾟ",
    "ฉันชอบข้าว กำ",
    "हिन्दी की नई रोटी क्ष",
    "اللغة العربية ﷺ \u064b\u0651",
    "עברית שָׁלוֹם \u05f3",
    "한국어 ㄱㅏ ᄒ\u1161\u11ab",
    "\U0001f600\U0001f469\u200d\U0001f33e\U0001f1eb\U0001f1f7\U0001f44d\U0001f3fd\ufe0f",
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f",
    "\u202a\u202b\u202e\u2066\u2069",
    "\0\x01\t\n\r\x1b\x7f\x85\u2028\u2029",
    "\ud800\udbff\udc00\udfff",
    "▁Ġ## <s></s><unk><pad>[CLS]",
    " \u00a0\u2003\u3000",
    "ａＢ１！～ﬁ①㍿ ½",
    "\U0010ffff\ufffd\ufffe\ue000",
]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=20),  # lone surrogates too
    st.text(st.sampled_from("".join(ALPHABETS)), max_size=30),
    st.builds(lambda text, times: text * times, st.text(max_size=8), st.integers(0, 60)),
)


def text_of(rng: random.Random) -> str:
    """Up to 40 characters of one writing system, of several, or of all of Unicode."""
    length = int(rng.expovariate(0.08))
    kind = rng.randrange(4)
    if kind == 0:
        return "".join(chr(rng.randrange(0x110000)) for _ in range(length))
    letters = rng.choice(ALPHABETS) if kind == 1 else "".join(rng.sample(ALPHABETS, 3))
    text = "".join(rng.choice(letters) for _ in range(length))
    return text * rng.randrange(30) if rng.random() < 0.05 else text


def texts_of(seed: int) -> list[str]:
    rng = random.Random(seed)
    return [text_of(rng) for _ in range(STRINGS)]


many = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)

ODD = ["", " ", "\0", "\ud800", "\ud83d\ude00", "\u200b", "a" * 100_000, "我" * 10_000, "a b " * 5_000, "\u0301" * 5000,
       "\U0001f1eb" * 999, "\n" * 1000, "ﷺ" * 500]  # fmt: skip


@pytest.fixture(scope="module")
def classifier(tiny_problem: Callable[..., Problem], untrained: Callable[..., System]) -> System:
    return untrained(tiny_problem("classification").task)


@pytest.fixture(scope="module", params=["spans", "words"])
def tagger(
    request: pytest.FixtureRequest, tiny_problem: Callable[..., Problem], untrained: Callable[..., System]
) -> System:
    return untrained(tiny_problem(request.param).task)


def check_labels(texts: list[str], predictions: list[Prediction], system: System) -> None:
    assert len(predictions) == len(texts)
    for prediction in predictions:
        assert prediction.value in system.task.labels
        assert 0 <= prediction.score <= 1


def check_tags(texts: list[str], predictions: list[Prediction], system: System) -> None:
    assert len(predictions) == len(texts)
    for text, prediction in zip(texts, predictions, strict=True):
        assert 0 <= prediction.score <= 1
        before = 0
        for start, end, label in prediction.value:
            assert before <= start < end <= len(text)
            assert text[start:end].strip()
            assert label in system.task.labels
            before = end
        if system.task.config()["kind"] == "words":
            assert [(start, end) for start, end, _ in prediction.value] == units(text)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_thousands_of_texts_have_a_label(seed: int, classifier: System) -> None:
    check_labels(texts_of(seed), classifier.predict(texts_of(seed)), classifier)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_thousands_of_texts_have_tags(seed: int, tagger: System) -> None:
    check_tags(texts_of(seed), tagger.predict(texts_of(seed)), tagger)


@many
@given(texts=st.lists(TEXTS, max_size=20))
def test_every_text_has_a_label(texts: list[str], classifier: System) -> None:
    check_labels(texts, classifier.predict(texts), classifier)


@many
@given(texts=st.lists(TEXTS, max_size=20))
def test_every_text_has_tags(texts: list[str], tagger: System) -> None:
    check_tags(texts, tagger.predict(texts), tagger)


def test_odd_texts_have_a_label(classifier: System) -> None:
    check_labels(ODD, classifier.predict(ODD), classifier)


def test_odd_texts_have_tags(tagger: System) -> None:
    check_tags(ODD, tagger.predict(ODD), tagger)


def test_the_strings_differ() -> None:
    strings = [text for seed in range(SEEDS) for text in texts_of(seed)]
    assert len(set(strings)) > 0.85 * len(strings)
    assert any("\ud800" <= c <= "\udfff" for text in strings for c in text)


def test_the_untrained_tagger_does_find_something(tagger: System) -> None:
    """Without that, the checks above would look at nothing."""
    assert any(prediction.value for prediction in tagger.predict(["the girl saw the bread", "我喜欢红色的面包"]))


@pytest.mark.parametrize("text", ["", "\ud800", "a\u0301 \ud800 我"])
@pytest.mark.parametrize("kind", ["classification", "spans"])
def test_a_text_is_answered_the_same_alone_and_among_others(
    kind: str, text: str, tiny_problem: Callable[..., Problem], untrained: Callable[..., System]
) -> None:
    system: Any = untrained(tiny_problem(kind).task)
    (alone,) = system.predict([text])
    among = system.predict(["the girl saw the bread " * 9, text, "a"])[1]
    assert among.value == alone.value
    assert among.score == pytest.approx(alone.score, abs=1e-5)

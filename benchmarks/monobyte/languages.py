"""What a byte model can be pretrained on: Bibles of equal content, and two languages that nobody speaks.

MonoByte (Abonizio et al., COLING 2022) sets models of ten languages beside one of random words and one of nested pairs.
``nonsense`` follows its generator (5,000 letter strings of one length, documents of about 10 paragraphs of 10 sentences
of 10 words). The generator of its ``hierarchical`` language is not published: ours is a reconstruction after the
nested corpus of Papadimitriou and Jurafsky, "Learning music helps you read", EMNLP 2020.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

TYPES = 5000
"""Different words of an artificial language."""
OPENING = 0.49
"""Probability that a token of ``hierarchical`` opens a pair: below one half, so that what is open gets closed."""
LENGTH = 100
"""Tokens after which a document of ``hierarchical`` opens no more pairs: those of a paragraph of ``nonsense``."""
TRAIN_BYTES, HELD_OUT_BYTES = 490_000, 15_360
"""Text of every language alike: as much as the shortest Bible allows."""

NATURAL = ("eng", "swh", "eus", "wol", "ukr")
"""The Gospels and the Acts, verse by verse the same content; the English is the King James Version."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """Raw text of one language in UTF-8; what is held out comes after the rest in the book, not from between."""

    train: bytes
    held_out: bytes


def word(number: int, letters: int = 3) -> str:
    """A numeral to base 26 in the digits a to z: 0 is ``aaa``, 27 is ``abb``."""
    digits = ""
    for _ in range(letters):
        number, digit = divmod(number, 26)
        digits = chr(ord("a") + digit) + digits
    return digits


def nonsense(generator: Random) -> str:
    """One document of random words; how far its counts stray from 10 (3 to 5) is between MonoByte's bounds."""

    def about_ten(spread: int) -> range:
        return range(generator.randint(10 - spread, 10 + spread))

    def sentence() -> str:
        return " ".join(word(generator.randrange(TYPES)) for _ in about_ten(5)) + "."

    return "\n".join(" ".join(sentence() for _ in about_ten(4)) for _ in about_ten(3)) + "\n"


def hierarchical(generator: Random) -> str:
    """One document of nested pairs, both tokens of a pair the same word: ``aab kfc kfc bzd bzd aab``.

    A token closes the pair that was opened last, or opens one of another word. At the end nothing is open.
    """
    open_words: list[str] = []
    tokens: list[str] = []
    while len(tokens) < LENGTH or open_words:
        if len(tokens) < LENGTH and (not open_words or generator.random() < OPENING):
            new = word(generator.randrange(TYPES))
            if open_words and new == open_words[-1]:
                continue  # it would close what it is to be put into
            open_words.append(new)
            tokens.append(new)
        else:
            tokens.append(open_words.pop())
    return " ".join(tokens) + "\n"


ARTIFICIAL: dict[str, Callable[[Random], str]] = {"nonsense": nonsense, "hierarchical": hierarchical}


def documents(language: str, seed: int) -> Iterator[str]:
    """Documents of an artificial language without end; a seed always gives the same ones."""
    generator = Random(f"{language} {seed}")
    while True:
        yield ARTIFICIAL[language](generator)


def artificial(language: str, *, size: int, seed: int = 1) -> bytes:
    """The first ``size`` bytes of documents."""
    pieces, length = [], 0
    for document in documents(language, seed):
        pieces.append(document)
        length += len(document)  # ASCII: letters are bytes
        if length >= size:
            return "".join(pieces).encode()[:size]
    raise AssertionError("documents never end")


def bible(language: str) -> bytes:
    """All verses in the order of the book, one a line."""
    path = Path(os.environ["ISOGLOSS_DATA"]) / "mt" / "bible_nt" / f"{language}.tsv"
    lines = path.read_text(encoding="utf-8").splitlines()
    return "".join(line.partition("\t")[2] + "\n" for line in lines).encode()


def text(language: str) -> Text:
    """Equal amounts of text for every language."""
    if language in ARTIFICIAL:
        return Text(
            train=artificial(language, size=TRAIN_BYTES, seed=1),
            held_out=artificial(language, size=HELD_OUT_BYTES, seed=2),
        )
    raw = bible(language)
    return Text(train=raw[:TRAIN_BYTES], held_out=raw[-HELD_OUT_BYTES:])

"""How far two languages are apart in the user's own text: script, pieces and frequent words. Nothing is looked up.

Each distance is in [0, 1], symmetric and 0 for the same text. They serve languages that no data base lists.
Unrelated languages in one script are not at 1: short words resemble each other by chance, and names are shared.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isogloss.languages.scripts import units

Measured = Literal["script", "pieces", "lexical"]
MEASURED: tuple[Measured, ...] = get_args(Measured)
Pieces = Callable[[str], Sequence[str]]

MOST_CHARACTERS = 200_000
"""Of a language's text so much is read, in an order drawn once: more changes no distance that matters."""
WORDS = 100
"""How many of the most frequent words are compared."""
MOST_PIECES = 5_000
"""So many pieces are compared, about 200 lines, where all texts have them: only then are two problems on one scale."""
_COMMON = ("Latn", "Cyrl", "Arab", "Deva", "Hani", "Hang", "Hira", "Kana", "Grek", "Hebr", "Ethi", "Thai", "Beng")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is kept of a language's text.

    Attributes:
        lines: how many there were, empty ones apart.
        scripts: the share of letters in each Unicode script, by its four letters; they sum to 1.
        pieces: in the order of the text.
        words: the most frequent ones that have a letter, in lower case, the most frequent first.
    """

    lines: int
    scripts: Mapping[str, float]
    pieces: tuple[str, ...]
    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], *, pieces: Pieces | None = None) -> Profile | None:
        """Read a text, at most ``MOST_CHARACTERS`` of it; None if no letter is in it.

        Args:
            texts: lines of one language, in any order.
            pieces: cuts a text as the encoder's tokenizer does; by default into runs of three characters.
        """
        lines = [line for line in texts if line.strip()]
        drawn = random.Random(0).sample(lines, len(lines))
        kept, room = [], MOST_CHARACTERS
        for line in drawn:
            kept.append(line[:room])
            room -= len(line)
            if room <= 0:
                break
        letters = Counter(char for line in kept for char in line.lower() if char.isalpha())
        if not letters:
            return None
        scripts: Counter[str] = Counter()
        for char, count in letters.items():
            scripts[_script(char)] += count
        words = Counter(line[a:b].lower() for line in kept for a, b in units(line))
        spelled = {word: n for word, n in words.items() if any(map(str.isalpha, word))}
        return cls(
            lines=len(lines),
            scripts={script: count / scripts.total() for script, count in scripts.items()},
            pieces=tuple(piece for line in kept for piece in (pieces or trigrams)(line)),
            words=tuple(sorted(spelled, key=lambda word: (-spelled[word], word))[:WORDS]),
        )


def trigrams(text: str) -> list[str]:
    """Runs of three characters, with a blank at both ends, in lower case."""
    padded = f" {' '.join(text.lower().split())} "
    return [padded[i : i + 3] for i in range(len(padded) - 2)]


def script_distance(one: Profile, other: Profile) -> float:
    """1 - the share of letters that both write in the same scripts."""
    shared = sum(min(share, other.scripts.get(script, 0.0)) for script, share in one.scripts.items())
    return float(np.clip(1 - shared, 0, 1))


def piece_distance(one: Profile, other: Profile, *, size: int | None = None) -> float:
    """1 - shared / all different pieces, among equally many of each text (the first ``size``, or all that both have).

    The overlap grows with the size: compare only distances of one size.
    """
    size = min(len(one.pieces), len(other.pieces), *([size] if size is not None else []))
    first, second = set(one.pieces[:size]), set(other.pieces[:size])
    return 1 - len(first & second) / len(first | second) if first or second else float(one.pieces != other.pieces)


def lexical_distance(one: Profile, other: Profile) -> float:
    """Of each frequent word the edit distance to the most similar word of the other text; the mean of both ways.

    Edit distances are divided by the length of the longer word.
    """
    if not one.words or not other.words:
        return float(one.words != other.words)
    nearest_WV = edit_distances(one.words, other.words)
    return float((nearest_WV.min(1).mean() + nearest_WV.min(0).mean()) / 2)


def lexicon_distance(lexicon: Iterable[tuple[str, str]]) -> float:
    """The mean edit distance of words and their translations, divided by the longer; nan for an empty lexicon."""
    pairs = [(one.lower(), other.lower()) for one, other in lexicon]
    return float(np.mean([edit_distances([one], [other])[0, 0] for one, other in pairs])) if pairs else float("nan")


def edit_distances(ones: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """Levenshtein's distance of W words and V words over the length of the longer: W x V, in [0, 1]."""
    first_WI, length_W = _padded(ones, -1)
    second_VJ, length_V = _padded(others, -2)
    # All pairs at once: one row of the usual table for each, and the entry at both lengths is read when its row is due.
    row = np.broadcast_to(np.arange(second_VJ.shape[1] + 1), (len(ones), len(others), second_VJ.shape[1] + 1)).copy()
    found_WV = np.where(length_W[:, None] == 0, length_V[None, :], 0)
    for i in range(first_WI.shape[1]):
        new = np.empty_like(row)
        new[:, :, 0] = i + 1
        for j in range(second_VJ.shape[1]):
            differs = first_WI[:, None, i] != second_VJ[None, :, j]
            new[:, :, j + 1] = np.minimum(np.minimum(new[:, :, j], row[:, :, j + 1]) + 1, row[:, :, j] + differs)
        row = new
        due = length_W == i + 1
        found_WV[due] = np.take_along_axis(row[due], length_V[None, :, None], axis=2)[:, :, 0]
    longer_WV = np.maximum(length_W[:, None], length_V[None, :])
    return found_WV / np.maximum(longer_WV, 1)


def measured(
    profiles: Sequence[Profile | None], *, most_pieces: int = MOST_PIECES
) -> dict[Measured, NDArray[np.float64]]:
    """All three distances between L texts, each L x L; nan where there is no text, 0 from a language to itself.

    Pieces are compared among ``most_pieces``, or as many as the shortest text has, so that all pairs are on one scale.
    """
    size = min((len(profile.pieces) for profile in profiles if profile is not None), default=0)
    size = min(size, most_pieces)
    found = {kind: np.full((len(profiles), len(profiles)), np.nan) for kind in MEASURED}
    for i, one in enumerate(profiles):
        for j, other in enumerate(profiles[:i]):
            if one is not None and other is not None:
                found["script"][i, j] = found["script"][j, i] = script_distance(one, other)
                found["pieces"][i, j] = found["pieces"][j, i] = piece_distance(one, other, size=size)
                found["lexical"][i, j] = found["lexical"][j, i] = lexical_distance(one, other)
    for matrix in found.values():
        np.fill_diagonal(matrix, 0.0)
    return found


@lru_cache(maxsize=1 << 14)
def _script(char: str) -> str:
    """The Unicode script of a character, by its ISO 15924 code; ``Zyyy`` for one that is common to several."""
    import regex
    from langcodes.data_dicts import ALL_SCRIPTS

    for script in (*_COMMON, *sorted(ALL_SCRIPTS.difference(_COMMON))):
        try:
            if regex.match(rf"\p{{Script={script}}}", char):
                return script
        except regex.error:  # a code for a style or a mixture, which Unicode gives to no character
            continue
    return "Zyyy"


def _padded(words: Sequence[str], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """W words as rows of code points, filled up with a number that is none; and their lengths."""
    lengths_W = np.array([len(word) for word in words])
    codes_WI = np.full((len(words), max(int(lengths_W.max(initial=0)), 0)), pad)
    for row, word in zip(codes_WI, words, strict=True):
        row[: len(word)] = [ord(char) for char in word]
    return codes_WI, lengths_W

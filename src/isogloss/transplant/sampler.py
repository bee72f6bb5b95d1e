"""Tokenizers drawn at random from text: what a hypernetwork is trained over (ZeTT, section 3.2 and appendix A).

Substrings of recent texts are scored by how often they occur times how many bytes they have; noise of a strength that
is itself drawn at random disturbs the scores, and the best are a Unigram vocabulary with their log-scores.

Sizes are ours, for a laptop: the paper keeps 2,048 texts and draws 32,768 tokens out of bytes; here tokens are made of
characters, of which all in the pool are in.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase

LONGEST = 16
"""Characters of a candidate, the blank in front among them."""
STRIDE = 4
"""Candidates begin at every so many characters of a word."""
NOISE_MEAN, NOISE_SIGMA = float(np.log(1e-5)), 4.0
"""Of the normal distribution from which the logarithm of the noise's deviation is drawn."""
BLANK = "▁"
UNKNOWN = "<unk>"


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """A tokenizer that was drawn.

    Attributes:
        pieces: its tokens as they are written, with ``▁`` for a blank; token i has the id i + 1, 0 is "unknown".
        scores: their log-probabilities.
        engine: what cuts text into them.
    """

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    engine: Tokenizer

    @property
    def forms(self) -> list[bytes]:
        """The tokens in common form."""
        return [piece.replace(BLANK, " ").encode() for piece in self.pieces]


class Sampler:
    """Draws tokenizers from a sliding pool of texts.

    Args:
        tokenizer: the original one: texts are normalised as by it.
        size: tokens of a vocabulary: exactly so many where the pool has so many candidates and no more characters.
        pool: texts that are remembered.
        seed: of the noise.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, *, size: int = 2048, pool: int = 256, seed: int = 1) -> None:
        self.normalizer: Any = tokenizer.backend_tokenizer.normalizer if tokenizer.is_fast else None
        self.size, self.pool = size, pool
        self.texts: deque[Counter[str]] = deque()
        self.words: Counter[str] = Counter()
        self.noise = np.random.default_rng(seed)

    def push(self, texts: Iterable[str]) -> None:
        """Take in texts; the oldest beyond the pool's size are forgotten."""
        for text in texts:
            clean = self.normalizer.normalize_str(text) if self.normalizer else text
            words = Counter(BLANK + word for word in clean.replace(BLANK, " ").split(" ") if word)
            self.texts.append(words)
            self.words.update(words)
            if len(self.texts) > self.pool:
                self.words -= self.texts.popleft()

    def sample(self) -> Sampled:
        """Draw a tokenizer. Raises ValueError if the pool has no text."""
        if not self.words:
            raise ValueError("there is no text to draw a tokenizer from")
        counts, singles = candidates(self.words), sorted({c for word in self.words for c in word})
        pieces = sorted(counts.keys() | set(singles))
        value = np.array([counts[piece] * len(piece.replace(BLANK, " ").encode()) for piece in pieces], dtype=float)
        value /= value.sum()
        least = value[value > 0].min()
        value += self.noise.normal(0.0, self.noise.lognormal(NOISE_MEAN, NOISE_SIGMA), len(value))
        order = np.argsort(-value, kind="stable").tolist()
        single = set(singles)
        others = [i for i in order if pieces[i] not in single][: max(0, self.size - len(singles))]
        chosen = [i for i in order if pieces[i] in single] + others
        scores = np.log(np.maximum(value[chosen], least)).tolist()
        return sampled([pieces[i] for i in chosen], scores, self.normalizer)


def candidates(words: Counter[str]) -> Counter[str]:
    """How often each substring of at most 16 characters occurs that begins at every 4th character of a word."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(0, len(word), STRIDE):
            for end in range(start + 1, min(start + LONGEST, len(word)) + 1):
                found[word[start:end]] += count
    return found


def sampled(pieces: Sequence[str], scores: Sequence[float], normalizer: Any = None) -> Sampled:
    """A Unigram tokenizer over given pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    scored = [(UNKNOWN, 0.0), *zip(pieces, scores, strict=True)]
    engine = Tokenizer(models.Unigram(scored, unk_id=0, byte_fallback=False))
    if normalizer is not None:
        engine.normalizer = normalizer
    engine.pre_tokenizer = pre_tokenizers.Metaspace(replacement=BLANK, prepend_scheme="always")
    return Sampled(pieces=tuple(pieces), scores=tuple(scores), engine=engine)

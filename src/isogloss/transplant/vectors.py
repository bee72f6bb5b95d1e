"""Vectors of tokens and words that are trained on raw text: what new rows are modelled on where there is no donor.

fastText's CBOW (Bojanowski et al., TACL 2017) by gensim. Trained once for each text, vocabulary and setting in a
process: several initialisers, and both matrices of a network, ask for the same ones.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import torch

    from isogloss.transplant.tokens import Tokens

BUCKETS = 500_000
"""Slots for parts of words. fastText has two million, which take 8 bytes times ``dim`` for each thousandth of them."""
LONGEST = 1000
"""Tokens a sentence; what is longer is cut into several."""
BATCH = 1000
MOST_KEPT = 4
"""Trainings kept in a process."""
TOKENS_FOR_ONE = 100_000
"""Tokens of text for each time that a token must occur, until ``min_count``."""

_kept: dict[str, Any] = {}


@dataclass(frozen=True, kw_only=True)
class FastText:
    """How vectors are trained.

    Attributes:
        dim: their width; 100 in the release of FOCUS.
        epochs: rounds over the text.
        min_count: how often a token must occur; less in short text, at least twice (see :meth:`fewest`).
        negatives: tokens drawn against each that is right.
    """

    dim: Annotated[int, Ge(2)] = 100
    epochs: Annotated[int, Ge(1)] = 3
    min_count: Annotated[int, Ge(1)] = 10
    negatives: Annotated[int, Ge(1)] = 10

    def fewest(self, tokens: int) -> int:
        """How often a token must occur in a text of so many: ``min_count`` from a million on, in proportion below."""
        return min(self.min_count, max(2, tokens // TOKENS_FOR_ONE))

    def token_vectors(self, texts: Sequence[str], tokens: Tokens, *, seed: int) -> tuple[torch.Tensor, str]:
        """A vector for each token that occurs in the texts often enough, and a sentence on what was done.

        Returns:
            N x dim, zeros where there is no vector, and the sentence.

        Raises:
            ResourceError: there is no text, or gensim is not installed.
        """
        import torch

        names = {i: _name(form) for i, form in tokens.forms.items()}
        model, fewest, size = self._train(_read(texts, tokens, names), seed)
        vectors_NE = torch.zeros(tokens.size, self.dim)
        known = [(i, model.wv.key_to_index[name]) for i, name in names.items() if name in model.wv.key_to_index]
        ids, places = (list(each) for each in zip(*known, strict=True))
        vectors_NE[ids] = torch.from_numpy(model.wv.vectors[places].copy())
        note = (
            f"Vectors of {len(ids):,} of {len(names):,} new tokens, those that occur {fewest} times or more, were "
            f"trained on {size:,} tokens of text."
        )
        return vectors_NE, note

    def word_vectors(self, texts: Sequence[str], *, seed: int) -> Words:
        """Vectors of words. Raises ResourceError as :meth:`token_vectors`."""
        model, _, _ = self._train([re.findall(r"\w+|[^\w\s]", text) for text in texts], seed)
        return Words(model=model)

    def _train(self, sentences: Iterable[list[str]], seed: int) -> tuple[Any, int, int]:
        """The model, how often a token had to occur and how many there were."""
        try:
            from gensim.models import FastText as Model
        except ImportError as error:
            raise ResourceError(
                "Vectors of tokens need gensim, which is not installed", fix="pip install isogloss[adapt]"
            ) from error

        pieces = [row[i : i + LONGEST] for row in sentences for i in range(0, len(row), LONGEST)]
        settings = tuple(getattr(self, field.name) for field in fields(FastText))
        digest = hashlib.sha256(repr((settings, seed)).encode())
        for piece in pieces:
            digest.update(("\t".join(piece) + "\n").encode("utf-8", "surrogatepass"))
        key = digest.hexdigest()
        if key not in _kept:
            size = sum(map(len, pieces))
            fewest = self.fewest(size)
            # One thread, for the same vectors every time. Rates are those of fastText's own program.
            model = Model(
                vector_size=self.dim, min_count=fewest, negative=self.negatives, seed=seed, workers=1, sg=0, window=5,
                alpha=0.05, sample=1e-4, min_n=3, max_n=6, bucket=BUCKETS,
            )  # fmt: skip
            model.build_vocab(pieces)
            if not len(model.wv):
                raise ResourceError(
                    f"No token occurs {fewest} times in the text ({size} tokens)", fix="Give more raw text"
                )
            model.train(pieces, total_examples=len(pieces), epochs=self.epochs)
            while len(_kept) >= MOST_KEPT:
                _kept.pop(next(iter(_kept)))
            _kept[key] = (model, fewest, size)
        found: tuple[Any, int, int] = _kept[key]
        return found


@dataclass(frozen=True, kw_only=True)
class Words:
    """Trained vectors of words; others are put together from their parts."""

    model: Any

    def of_words(self, words: Sequence[str]) -> torch.Tensor:
        """Vectors of words that :meth:`knows` (W x dim)."""
        import torch

        wv = self.model.wv
        return torch.from_numpy(wv.vectors[[wv.key_to_index[word] for word in words]].copy())

    def knows(self, word: str) -> bool:
        """Whether the word itself was trained."""
        return word in self.model.wv.key_to_index

    @property
    def known(self) -> list[str]:
        """All words that were trained, the most frequent first."""
        return list(self.model.wv.index_to_key)

    def of_tokens(self, tokens: Tokens, size: int) -> torch.Tensor:
        """A vector for each token, read as a word: its own, or the mean of its parts that were seen in training.

        Returns:
            ``size`` x dim; zeros for special tokens, for bytes that are no text and where no part was seen.
        """
        import numpy as np
        import torch
        from gensim.models.fasttext import ft_ngram_hashes

        wv = self.model.wv
        seen = np.zeros(wv.bucket, dtype=bool)
        for buckets in wv.buckets_word:
            seen[buckets] = True
        out = np.zeros((size, wv.vector_size), dtype=np.float32)
        for i, form in tokens.forms.items():
            word = form.decode("utf-8", "replace").strip()
            if i >= size or not word or "\ufffd" in word:
                continue
            if word in wv.key_to_index:
                out[i] = wv.vectors[wv.key_to_index[word]]
                continue
            parts = [part for part in ft_ngram_hashes(word, wv.min_n, wv.max_n, wv.bucket) if seen[part]]
            if parts:
                out[i] = wv.vectors_ngrams[parts].mean(0)
        return torch.from_numpy(out)


def _name(form: bytes) -> str:
    """A token as fastText reads it: parts of it stand for the same letters under every tokenizer."""
    return form.decode("utf-8", "backslashreplace").replace(" ", "▁")


def _read(texts: Sequence[str], tokens: Tokens, names: dict[int, str]) -> list[list[str]]:
    """The texts as names of tokens, special ones left out."""
    if not texts:
        raise ResourceError("Vectors of tokens are trained on raw text and there is none", fix="Give texts or a donor")
    found: list[list[str]] = []
    for start in range(0, len(texts), BATCH):
        some = list(texts[start : start + BATCH])
        rows = tokens.tokenizer(some, add_special_tokens=False, verbose=False)["input_ids"]
        found += [[names[i] for i in row if i in names] for row in rows]
    return found

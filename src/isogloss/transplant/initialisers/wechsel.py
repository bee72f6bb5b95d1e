"""WECHSEL: a new row is a mean of the rows of old tokens whose meaning is near, across two languages.

Minixhofer, Paischer and Rekabsaz, "WECHSEL: Effective initialization of subword embeddings for cross-lingual transfer
of monolingual language models", NAACL 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt

from isogloss.errors import DataError, ResourceError
from isogloss.transplant.base import How, Initialiser, Rows, Swap
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.vectors import FastText, Words

if TYPE_CHECKING:
    import torch

# O old tokens with a vector, T new tokens at a time, M neighbours, P pairs of words
MOST_VALUES = 2**24
FEW_PAIRS = 500
"""Pairs of words below which the user is told."""


@dataclass(frozen=True, kw_only=True)
class Wechsel(FastText, Initialiser):
    """Every new token gets the mean of its nearest old tokens' rows, weighted by softmax of the cosine.

    Words of both languages get vectors, trained on raw text each and turned onto each other by a dictionary; a token's
    vector is that of its text read as a word. Special tokens keep their rows; shared ordinary ones do not. Tokens
    without a vector get a row drawn from N(mean, std) of the old ones.

    Attributes:
        neighbours: old tokens for each new one.
        temperature: what cosines are divided by.
        lexicon: path of a dictionary, one pair a line: a word in the language of the old tokenizer, a tab, a word in
            that of the new one. Empty for words that are spelt alike in both texts.

    The other settings are those of vectors trained on raw text.
    """

    name: ClassVar[str] = "wechsel"
    needs_text: ClassVar[bool] = True

    neighbours: Annotated[int, Ge(1)] = 10
    temperature: Annotated[float, Gt(0)] = 0.1
    lexicon: str = ""

    def __call__(self, swap: Swap) -> Rows:
        """Rows for all new tokens. Raises ResourceError without text of both languages, or pairs of words."""
        import torch

        for texts, whose in ((swap.old_texts, "old"), (swap.texts, "new")):
            if not texts:
                given = "old_texts" if whose == "old" else "texts"
                raise ResourceError(
                    f"WECHSEL needs raw text in the language of the {whose} tokenizer",
                    fix=f"Give some ({given}=), or use focus",
                )
        old = self.word_vectors(swap.old_texts, seed=swap.seed)
        new = self.word_vectors(swap.texts, seed=swap.seed)
        pairs = [(a, b) for a, b in self._pairs(old, new) if old.knows(a) and new.knows(b)]
        if not pairs:
            raise ResourceError("No pair of words occurs in the texts of both languages", fix="Give a larger lexicon")
        ours, theirs = (list(each) for each in zip(*pairs, strict=True))
        turn_EE = procrustes(new.of_words(theirs), old.of_words(ours))
        old_VE = old.of_tokens(swap.old, len(swap.rows_VD))
        new_NE = new.of_tokens(swap.new, swap.new.size) @ turn_EE
        near = old_VE.any(1).nonzero().flatten()
        if not len(near):
            raise ResourceError("No old token has a vector", fix="Give more text in the language of the old tokenizer")
        base = Random(copy_shared=False)(swap)
        how: list[How] = list(base.how)
        wanted = [i for i in torch.nonzero(new_NE.any(1)).flatten().tolist() if i in swap.new.forms]
        base.rows_ND[wanted] = nearest_rows(
            new_NE[wanted], old_VE[near], swap.rows_VD[near].float(), most=self.neighbours, temperature=self.temperature
        )
        for i in wanted:
            how[i] = "approximated"
        source = "the lexicon" if self.lexicon else "words that are spelt alike in both texts"
        few = ": few, so that the two languages may not lie well on each other" if len(pairs) < FEW_PAIRS else ""
        return Rows(rows_ND=base.rows_ND, how=how, notes=(f"{len(pairs):,} pairs of words from {source}{few}.",))

    def _pairs(self, old: Words, new: Words) -> list[tuple[str, str]]:
        """Pairs of words, each also in small letters and with a capital, none twice."""
        if not self.lexicon:
            return [(word, word) for word in old.known if new.knows(word)]
        return list(dict.fromkeys(
            (change(a), change(b))
            for a, b in read_lexicon(self.lexicon)
            for change in (str, str.lower, str.capitalize)
        ))  # fmt: skip


def read_lexicon(path: str) -> list[tuple[str, str]]:
    """The pairs of a dictionary of two columns parted by a tab; empty lines are left out.

    Raises:
        ResourceError: there is no such file.
        DataError: a line has no second column.
    """
    if not Path(path).is_file():
        raise ResourceError(f"There is no lexicon '{path}'", fix="Give the path of a file with two columns")
    pairs = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8-sig").splitlines(), start=1):
        if line.strip():
            first, tab, rest = line.partition("\t")
            second = rest.partition("\t")[0]
            if not (tab and first.strip() and second.strip()):
                raise DataError("A line of a lexicon is two words parted by a tab", where=path, line=number)
            pairs.append((first.strip(), second.strip()))
    return pairs


def procrustes(from_PE: torch.Tensor, onto_PE: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrix (E x E) that turns the directions of the first vectors onto those of the second best."""
    import torch

    units = [torch.nn.functional.normalize(each, dim=1).double() for each in (from_PE, onto_PE)]
    left, _, right = torch.linalg.svd(units[0].T @ units[1])
    turn_EE: torch.Tensor = (left @ right).to(from_PE.dtype)
    return turn_EE


def nearest_rows(
    new_NE: torch.Tensor, old_OE: torch.Tensor, rows_OD: torch.Tensor, *, most: int, temperature: float
) -> torch.Tensor:
    """For each new token the mean of the nearest old ones' rows, weighted by softmax(cosine / temperature) (N x D)."""
    import torch

    units_OE = torch.nn.functional.normalize(old_OE, dim=1)
    out_ND = rows_OD.new_empty(len(new_NE), rows_OD.shape[1])
    step = max(1, MOST_VALUES // max(1, len(old_OE)))
    for start in range(0, len(new_NE), step):
        some = slice(start, start + step)
        cosines_TO = torch.nn.functional.normalize(new_NE[some], dim=1) @ units_OE.T
        values_TM, places_TM = cosines_TO.topk(min(most, len(old_OE)), dim=1)
        shares_TM = torch.softmax(values_TM.double() / temperature, dim=1).to(rows_OD.dtype)
        out_ND[some] = torch.nn.functional.embedding_bag(places_TM, rows_OD, mode="sum", per_sample_weights=shares_TM)
    return out_ND

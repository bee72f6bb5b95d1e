"""Vocabulary trimming: a tokenizer and a network with fewer pieces, all else as it was.

For a Unigram tokenizer text whose pieces are all kept is cut as before: the best of all ways to cut it is still there
and has fewer competitors. That needs two things which naive trimming breaks. A character that loses its own piece can
be read as unknown, which is a new competitor; and the score of "unknown" is taken from the worst score in the
vocabulary. So a character's own piece stays wherever a piece with that character stays, and the worst piece stays too.
WordPiece takes the longest piece that fits, from left to right, so the same holds where nothing was unknown before.
Pieces of BPE are made of each other, in an order; those tokenizers are refused.

Abdaoui, Pradel and Sigel, "Load what you need: smaller versions of multilingual BERT", SustaiNLP 2020, is where the
idea of dropping rows comes from; Alabi et al., COLING 2022, section 3, reduce XLM-R's vocabulary with it.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from isogloss.errors import ResourceError
from isogloss.languages.alphabet import written_in

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

BATCH = 1000
"""Texts tokenised at a time."""


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """The pieces of a tokenizer that stay.

    Attributes:
        kept: their ids, ascending: the position of an id is the piece's new id.
    """

    kept: tuple[int, ...]

    @classmethod
    def of_scripts(cls, tokenizer: PreTrainedTokenizerBase, scripts: Iterable[str]) -> Vocabulary:
        """All pieces whose letters belong to the Unicode scripts (``Latn``), with digits, punctuation and signs."""
        wanted = tuple(scripts)
        pieces = Pieces.of(tokenizer)
        return pieces.close(i for piece, i in pieces.ids.items() if written_in(pieces.bare(piece), wanted))

    @classmethod
    def of_texts(cls, tokenizer: PreTrainedTokenizerBase, texts: Iterable[str], *, least: float = 0.0) -> Vocabulary:
        """The pieces that occur in texts and every single character: no text gets an unknown piece it had not.

        Args:
            tokenizer: whose pieces.
            texts: what they are counted in.
            least: share of the running pieces below which one is not kept for its own sake.
        """
        pieces = Pieces.of(tokenizer)
        counts: Counter[int] = Counter()
        for some in _batches(texts):
            counts.update(chain.from_iterable(tokenizer(some, add_special_tokens=False)["input_ids"]))
        used = (piece for piece, count in counts.items() if count >= least * counts.total())
        single = (i for piece, i in pieces.ids.items() if len(pieces.bare(piece)) <= 1 or pieces.bare(piece) == "▁")
        alone = {pieces.bare(piece) for piece in pieces.ids if len(pieces.bare(piece)) == 1}
        # A character that has no piece of its own is read through longer ones: these all stay.
        only = (i for piece, i in pieces.ids.items() if not alone.issuperset(pieces.bare(piece)))
        return pieces.close(chain(used, single, only))

    def __or__(self, other: Vocabulary) -> Vocabulary:
        """The pieces of both."""
        return Vocabulary(kept=tuple(sorted({*self.kept, *other.kept})))

    def keeps(self, ids: Iterable[int]) -> bool:
        """Whether all of the (old) ids stay."""
        return set(self.kept).issuperset(ids)

    def new_ids(self) -> dict[int, int]:
        """New ids by old ones."""
        return {old: new for new, old in enumerate(self.kept)}

    def tokenizer(self, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
        """A tokenizer with these pieces only; the given one is left alone.

        Raises:
            ResourceError: its pieces cannot be renumbered faithfully.
        """
        from tokenizers import Tokenizer

        new = self.new_ids()
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        model = content["model"]
        if model["type"] == "Unigram":
            model["vocab"] = [model["vocab"][old] for old in self.kept if old < len(model["vocab"])]
            model["unk_id"] = None if model["unk_id"] is None else new[model["unk_id"]]
        else:
            model["vocab"] = {piece: new[old] for piece, old in model["vocab"].items() if old in new}
        for token in content["added_tokens"]:
            token["id"] = new[token["id"]]
        if content.get("post_processor"):
            _renumber(content["post_processor"], new)
        trimmed = copy.deepcopy(tokenizer)
        trimmed._tokenizer = Tokenizer.from_str(json.dumps(content))  # where fast tokenizers keep their engine
        if trimmed.convert_ids_to_tokens(list(range(len(trimmed)))) != tokenizer.convert_ids_to_tokens(list(self.kept)):
            raise ResourceError("The tokenizer cannot be trimmed: its pieces do not keep their order", fix=WITHOUT)
        return trimmed

    def shrink(self, model: PreTrainedModel) -> None:
        """Keep the rows of these pieces in a network's input embeddings, and in its output layer if it has one.

        Size, special ids and padding row follow, in the network and in its config.

        Raises:
            ResourceError: the id of padding would change, from which some networks count positions.
        """
        import torch

        new, config = self.new_ids(), model.config
        padding = getattr(config, "pad_token_id", None)
        if padding is not None and new.get(padding) != padding:
            raise ResourceError("The network cannot be trimmed: its padding is not among the first pieces", fix=WITHOUT)
        rows_K = torch.tensor(self.kept)
        with torch.no_grad():
            before = {name: weights[rows_K].clone() for name, weights in _by_piece(model).items()}
            model.resize_token_embeddings(len(self.kept), mean_resizing=False)  # ties, sizes and the config follow
            for name, weights in _by_piece(model).items():
                weights.copy_(before[name])
            if "bias" in before and not getattr(config, "tie_word_embeddings", True):
                # Resizing lets the bias share memory with another weight, which saving then leaves out.
                output: Any = model.get_output_embeddings()
                output.bias = torch.nn.Parameter(before["bias"])
        for name, value in config.to_dict().items():
            if name.endswith("_token_id") and isinstance(value, int) and value in new:
                setattr(config, name, new[value])


WITHOUT = "Leave --trim out"


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """What a tokenizer's pieces are.

    Attributes:
        ids: by piece, in the order of the ids.
        prefix: what stands before pieces that continue a word (WordPiece), else "".
        fixed: ids that always stay: special and added tokens, what templates insert, and whatever else the way of
            cutting depends on.
    """

    ids: dict[str, int]
    prefix: str
    fixed: frozenset[int]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Pieces:
        """Raises ResourceError if the tokenizer is of a kind whose pieces depend on each other."""
        content = json.loads(tokenizer.backend_tokenizer.to_str())
        model = content["model"]
        if model["type"] not in ("Unigram", "WordPiece"):
            raise ResourceError(
                f"A tokenizer of kind {model['type']} cannot be trimmed: its pieces are made of each other", fix=WITHOUT
            )
        ids = tokenizer.get_vocab()
        fixed = {token["id"] for token in content["added_tokens"]} | set(tokenizer.all_special_ids)
        fixed |= set(_ids_in(content.get("post_processor") or {}))
        if model["type"] == "Unigram":
            scores = [score for _, score in model["vocab"]]
            fixed.add(scores.index(min(scores)))
            fixed |= {model["unk_id"]} - {None}
            fixed |= {i for piece, i in ids.items() if model.get("byte_fallback") and _is_byte(piece)}
        prefix = model.get("continuing_subword_prefix", "")
        return cls(ids=dict(sorted(ids.items(), key=lambda item: item[1])), prefix=prefix, fixed=frozenset(fixed))

    def bare(self, piece: str) -> str:
        """A piece without the mark of a continuation."""
        return piece[len(self.prefix) :] if self.prefix and piece.startswith(self.prefix) else piece

    def close(self, chosen: Iterable[int]) -> Vocabulary:
        """The chosen pieces, those that are fixed, and the single characters that they are made of."""
        kept = self.fixed | set(chosen)
        letters = {c for piece, i in self.ids.items() if i in kept for c in self.bare(piece)}
        return Vocabulary(
            kept=tuple(sorted(kept | {i for piece, i in self.ids.items() if self.bare(piece) in letters}))
        )


def _by_piece(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """The weights of a network that have a row for each piece."""
    table: Any = model.get_input_embeddings()
    output: Any = model.get_output_embeddings()
    found = {"input": table.weight}
    if output is not None:
        found["output"] = output.weight
        if output.bias is not None:
            found["bias"] = output.bias
    return found


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while some := list(islice(rest, BATCH)):
        yield some


def _is_byte(piece: str) -> bool:
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def _renumber(processor: dict[str, Any], new: dict[int, int]) -> None:
    """Put new ids into a post-processor of any of the library's kinds, in place."""
    for part in processor.get("processors", ()):
        _renumber(part, new)
    for name in ("sep", "cls"):
        if name in processor:
            processor[name][1] = new[processor[name][1]]
    for token in processor.get("special_tokens", {}).values():
        token["ids"] = [new[old] for old in token["ids"]]


def _ids_in(processor: dict[str, Any]) -> Iterator[int]:
    for part in processor.get("processors", ()):
        yield from _ids_in(part)
    yield from (processor[name][1] for name in ("sep", "cls") if name in processor)
    for token in processor.get("special_tokens", {}).values():
        yield from token["ids"]

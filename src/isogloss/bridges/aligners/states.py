"""What an encoder makes of every piece of a sentence, layer by layer.

Shape letters: K layers, T pieces of a sentence that stand for characters of its text, B sentences in a batch, W pieces
of a window with its special ones, D width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isogloss.bridges.base import Span
from isogloss.tasks.base import clean
from isogloss.tasks.pieces import STRIDE, piece_offsets

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.backbones import Backbone


@dataclass(frozen=True, kw_only=True, slots=True)
class PieceStates:
    """The pieces of a sentence.

    Attributes:
        offsets: where each of the T pieces lies in the text; special pieces and those of a prefix are not among them.
        states_KTD: their states in the layers that were asked for, float32.
    """

    offsets: tuple[Span, ...]
    states_KTD: NDArray[np.float32]


@lru_cache(maxsize=1)
def network(backbone: Backbone, device: str) -> PreTrainedModel:
    """The encoder without a head, ready to read; one for all who ask.

    Raises:
        ResourceError: it cannot be loaded.
    """
    from transformers import AutoModel

    model: PreTrainedModel = backbone._from_pretrained(AutoModel, use_safetensors=True, dtype="float32")
    model.eval().to(device)
    return model


def depth(backbone: Backbone, device: str) -> int:
    """How many layers the encoder has; layer 0 is its embeddings."""
    config: Any = network(backbone, device).config
    return int(config.num_hidden_layers)


def piece_states(
    texts: Sequence[str],
    backbone: Backbone,
    *,
    layers: Sequence[int],
    half: bool = False,
    batch_tokens: int = 4096,
    device: str = "cpu",
) -> list[PieceStates]:
    """The states of every text's pieces in each of K layers, from one pass through the encoder.

    A text longer than the encoder is read in windows that overlap by 64 pieces (or a quarter of what the encoder
    reads); where two windows have a piece, the one in which it stands further from the edge counts.

    Args:
        texts: running text, not words.
        backbone: any encoder with a fast tokenizer.
        layers: from 0 (embeddings) to :func:`depth`.
        half: whether to compute in bfloat16.
        batch_tokens: most pieces read at once, padding counted; a single window may have more.
        device: where to compute.
    """
    model, tokenizer = network(backbone, device), backbone.tokenizer()
    if not texts:
        return []
    longest = _longest(model, tokenizer)
    stride = min(STRIDE, longest // 4)
    batch = tokenizer(
        [clean(text) for text in texts],
        truncation=True,
        max_length=longest,
        stride=stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    names = [name for name in tokenizer.model_input_names if name in batch]
    windows = [{name: batch[name][row] for name in names} for row in range(len(batch["input_ids"]))]
    states: dict[int, NDArray[np.float32]] = {}
    for rows, states_BKWD in _batches(windows, model, tokenizer, layers, half=half, batch_tokens=batch_tokens):
        for row, states_KWD in zip(rows, states_BKWD, strict=True):
            states[row] = states_KWD[:, : len(windows[row]["input_ids"])]
    of_text: list[list[int]] = [[] for _ in texts]
    for row, owner in enumerate(batch["overflow_to_sample_mapping"]):
        of_text[owner].append(row)
    result = []
    for text, rows in zip(texts, of_text, strict=True):
        spots = [piece_offsets(batch.encodings[row], text) for row in rows]
        kept: list[tuple[Span, Any]] = []
        inner = [[n for n, s in enumerate(batch.encodings[row].sequence_ids) if s is not None] for row in rows]
        for window, piece in _chosen([len(places) for places in inner], stride):
            place = inner[window][piece]
            if (spot := spots[window][place]) is not None:
                kept.append((spot, (rows[window], place)))
        found = [states[row][:, place] for _, (row, place) in kept]
        shape = (len(layers), 0, model.config.hidden_size)
        result.append(
            PieceStates(
                offsets=tuple(spot for spot, _ in kept),
                states_KTD=np.stack(found, axis=1) if found else np.zeros(shape, dtype=np.float32),
            )
        )
    return result


def _chosen(sizes: Sequence[int], stride: int) -> Iterator[tuple[int, int]]:
    """For each piece of a text in turn the window it is read from and its place there.

    Neighbouring windows share ``stride`` pieces: the first half of them is taken from the earlier window.
    """
    for window, size in enumerate(sizes):
        start = 0 if window == 0 else stride // 2
        end = size if window == len(sizes) - 1 else size - (stride - stride // 2)
        yield from ((window, piece) for piece in range(start, end))


def _batches(
    windows: Sequence[dict[str, Any]],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    layers: Sequence[int],
    *,
    half: bool,
    batch_tokens: int,
) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
    """Rows of windows of like length and their states (B x K x W x D)."""
    import torch

    lengths = [len(window["input_ids"]) for window in windows]
    order = sorted(range(len(windows)), key=lambda row: lengths[row], reverse=True)
    at = 0
    while at < len(order):
        rows = order[at : at + max(1, batch_tokens // lengths[order[at]])]
        padded = tokenizer.pad([windows[row] for row in rows], return_tensors="pt", padding_side="right")
        with torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
            states = model(**padded.to(model.device), output_hidden_states=True).hidden_states
        yield rows, torch.stack([states[layer].float() for layer in layers], dim=1).cpu().numpy()
        at += len(rows)


def _longest(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Pieces the encoder reads at once, special ones counted."""
    config: Any = model.config
    positions = config.max_position_embeddings
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):  # these count positions from the padding id on
        positions -= config.pad_token_id + 1
    return int(min(tokenizer.model_max_length, positions))

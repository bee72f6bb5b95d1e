"""Span corruption of batches: the encoder-decoder's counterpart of masks (T5, section 3.1.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

import torch

from isogloss.train.corruption import corrupt
from isogloss.train.masking import NO_TARGET

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# B rows, T pieces of the input, U pieces of the target

SHORTEST = 2
"""Pieces that a row must have: one to mask and one to keep."""


def encode_plain(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, most: int) -> list[dict[str, Any]]:
    """Rows of at most ``most - 1`` pieces without special ones; a longer text makes several rows.

    Corruption never makes a row longer by more than the end of the text that it adds.
    """
    found = tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"]
    cut = (ids[start : start + most - 1] for ids in found for start in range(0, len(ids), most - 1))
    return [{"input_ids": row, "attention_mask": [1] * len(row)} for row in cut if len(row) >= SHORTEST]


def corrupted_batch(
    batch: Mapping[str, torch.Tensor],
    *,
    model: PreTrainedModel,
    sentinels: Sequence[int],
    rate: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Rows with spans taken out, what the decoder reads, and the spans as targets (B x U, -100 after their end).

    Drawn anew each time, by default from torch's global generator.
    """
    config: Any = model.config
    draws = Random(int(torch.randint(1 << 62, (), generator=generator)))
    rows = [
        corrupt(ids[mask.bool()].tolist(), sentinels=sentinels, eos=config.eos_token_id, generator=draws, density=rate)
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    inputs_BT = _padded([torch.tensor(ids) for ids, _ in rows], config.pad_token_id)
    mask_BT = _padded([torch.ones(len(ids), dtype=torch.long) for ids, _ in rows], 0)
    targets_BU = _padded([torch.tensor(ids) for _, ids in rows], NO_TARGET)
    device = batch["input_ids"].device
    network: Any = model
    decoder_BU = network.prepare_decoder_input_ids_from_labels(targets_BU)
    inputs = {"input_ids": inputs_BT, "attention_mask": mask_BT, "decoder_input_ids": decoder_BU}
    return {name: value.to(device) for name, value in inputs.items()}, targets_BU.to(device)


def _padded(rows: Sequence[torch.Tensor], blank: int) -> torch.Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True, padding_value=blank)

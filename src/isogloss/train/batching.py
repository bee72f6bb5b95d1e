"""Features to padded batches, and batched forward passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isogloss.nets.pointing import logits_of
from isogloss.train.precision import Precision

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.engines import Engine

# B batch, T pieces, C classes

Feature = Mapping[str, Any]
PADDING = {"labels": -100}


def collator(tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[Feature]], dict[str, torch.Tensor]]:
    """A function that stacks features: numbers become a vector, lists are padded on the right to the longest.

    ``labels`` are padded with -100, ``input_ids`` with the tokenizer's padding id, everything else with 0; a list of
    rows (T x C soft labels) with rows of zeros. Arrays (T x D) of int16 are the bits of bfloat16 numbers.
    """
    import torch

    fill = PADDING | {"input_ids": tokenizer.pad_token_id or 0}

    def collate(features: Sequence[Feature]) -> dict[str, torch.Tensor]:
        batch = {}
        for key in features[0]:
            values = [feature[key] for feature in features]
            if isinstance(values[0], np.ndarray):
                rows = [torch.from_numpy(np.array(value)) for value in values]
                numbers = [row.view(torch.bfloat16).float() if row.dtype == torch.int16 else row for row in rows]
                batch[key] = torch.nn.utils.rnn.pad_sequence(numbers, batch_first=True)
                continue
            if isinstance(values[0], list):
                width = max(map(len, values))
                blank = [0.0] * len(values[0][0]) if values[0] and isinstance(values[0][0], list) else fill.get(key, 0)
                values = [value + [blank] * (width - len(value)) for value in values]
            batch[key] = torch.tensor(values)
        return batch

    return collate


def forward(
    model: PreTrainedModel | Engine,
    tokenizer: PreTrainedTokenizerBase,
    features: Sequence[Feature],
    *,
    precision: Precision,
    tokens_per_batch: int | None = None,
) -> list[np.ndarray]:
    """Logits of every feature (C, or T x C without padding), float32, in the given order.

    Features are sorted by length and batched to at most ``tokens_per_batch`` pieces with padding, by default what an
    engine asks for, else 4096.
    """
    import torch

    if tokens_per_batch is None:
        tokens_per_batch = int(getattr(model, "pieces_per_batch", 4096))
    device = model.device
    collate = collator(tokenizer)
    order = sorted(range(len(features)), key=lambda i: len(features[i]["input_ids"]), reverse=True)
    results: dict[int, np.ndarray] = {}
    was_training = model.training
    model.eval()
    start = 0
    while start < len(order):
        longest = len(features[order[start]]["input_ids"])
        chosen = order[start : start + max(1, tokens_per_batch // max(longest, 1))]
        inputs = collate([{key: value for key, value in features[i].items() if key != "labels"} for i in chosen])
        inputs = {key: value.to(device) for key, value in inputs.items()}
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = logits_of(model(**inputs)).float().cpu().numpy()
        for row, i in zip(logits, chosen, strict=True):
            results[i] = row if row.ndim == 1 else row[: len(features[i]["input_ids"])]
        start += len(chosen)
    model.train(was_training)
    return [results[i] for i in range(len(features))]


def longest_input(model: PreTrainedModel | Engine, tokenizer: PreTrainedTokenizerBase, wanted: int = 512) -> int:
    """Pieces the network can read at once, special ones counted, and at most ``wanted``."""
    config: Any = model.config
    positions = config.max_position_embeddings
    if config.model_type in ("roberta", "xlm-roberta", "camembert"):  # these count positions from the padding id on
        positions -= config.pad_token_id + 1
    return int(min(tokenizer.model_max_length, positions, wanted))

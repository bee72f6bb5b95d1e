"""Frozen lower layers, computed once: their output does not change while only the layers above them learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# N rows, T pieces, D width

TOKENS_PER_BATCH = 4096


def lower_states(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    features: Sequence[Mapping[str, Any]],
    depth: int,
    *,
    half: bool,
    file: Path,
) -> list[dict[str, Any]]:
    """The features with ``inputs_embeds`` (T x D, the state after ``depth`` layers) in place of ``input_ids``.

    The states lie in ``file``, memory-mapped: float32, or with ``half`` the upper 16 bits of it (bfloat16). Dropout is
    off: the layers below are a fixed function of the text.

    Args:
        model: an encoder of BERT's shape.
        tokenizer: the one that made the features.
        features: rows with ``input_ids`` and ``attention_mask`` of T each; every other key is handed on.
        depth: how many layers from the embeddings up.
        half: whether states are computed and kept in bfloat16.
        file: a place on disk that stays there as long as the features are read.
    """
    base: Any = model.base_model
    lengths = [len(feature["input_ids"]) for feature in features]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    kind = np.int16 if half else np.float32
    table = np.memmap(file, dtype=kind, mode="w+", shape=(max(1, int(starts[-1])), model.config.hidden_size))
    order = sorted(range(len(features)), key=lambda row: lengths[row], reverse=True)
    was_training = model.training
    model.eval()
    at = 0
    while at < len(order):
        chosen = order[at : at + max(1, TOKENS_PER_BATCH // lengths[order[at]])]
        names = [name for name in tokenizer.model_input_names if name in features[chosen[0]]]
        padded = tokenizer.pad(
            [{name: features[row][name] for name in names} for row in chosen], return_tensors="pt", padding_side="right"
        ).to(model.device)
        with torch.no_grad(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
            states_BTD = _stop_after(base, depth, dict(padded))
        for state_TD, row in zip(states_BTD, chosen, strict=True):
            state_TD = state_TD[: lengths[row]]
            bits = state_TD.to(torch.bfloat16).view(torch.int16) if half else state_TD.float()
            table[starts[row] : starts[row + 1]] = bits.cpu().numpy()
        at += len(chosen)
    model.train(was_training)
    table.flush()
    return [
        {key: value for key, value in feature.items() if key not in ("input_ids", "token_type_ids")}
        | {"inputs_embeds": table[starts[row] : starts[row + 1]]}
        for row, feature in enumerate(features)
    ]


class _Reached(Exception):  # noqa: N818  # not an error: the way out of the network at the layer that was asked for
    def __init__(self, states_BTD: torch.Tensor) -> None:
        self.states_BTD = states_BTD


def _stop_after(base: Any, depth: int, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    def leave(module: Any, arguments: Any, output: Any) -> None:
        raise _Reached(output[0] if isinstance(output, tuple) else output)

    hook = base.encoder.layer[depth - 1].register_forward_hook(leave)
    try:
        base(**inputs)
    except _Reached as reached:
        return reached.states_BTD
    finally:
        hook.remove()
    raise RuntimeError("the encoder did not pass through its layers")


@contextmanager
def skipped(model: PreTrainedModel, depth: int) -> Iterator[None]:
    """While the block runs, ``inputs_embeds`` are taken for the states after ``depth`` layers.

    The layers below stay where they are, so that every weight keeps its name; only their computation is left out.
    """
    base: Any = model.base_model
    layers = list(base.encoder.layer)[:depth]
    base.embeddings.forward = lambda inputs_embeds, **_: inputs_embeds
    for layer in layers:
        layer.forward = lambda hidden_states, *_, **__: hidden_states
    try:
        yield
    finally:
        for module in (base.embeddings, *layers):
            del module.forward

"""A text and its translation through one encoder that lets both read each other in a few of its layers.

The two sides are rows of one batch, so that every layer reads each of them alone, with its own positions, and the head
answers for each. Only in the fusion layers the rows of a pair are laid end to end, (target, source), and attend to
everything in both. No layer and no weight is added.

Fang et al., 'FILTER: An Enhanced Fusion Method for Cross-lingual Language Understanding', AAAI 2021, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from isogloss.nets.mean_pooling import averaging_layer
from isogloss.nets.pointing import logits_of

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

    Inputs = Mapping[str, torch.Tensor]

# B pairs, T pieces of the longer side, D width, C classes (for question answering two: start and end)

MEMORY = "isogloss_fusion"
"""The entry of a network's config that says how it reads pairs: ``local``, ``fusion``, and the ``source`` languages."""
SOURCE = "source_"
"""Before the names of the source side's inputs, where both sides are in one batch."""


def task_depth(model: PreTrainedModel) -> int:
    """Layers of an encoder of BERT's shape, without the averaging layer of mean pooling, which is part of the head."""
    base: Any = model.base_model
    return len(base.encoder.layer) - bool(averaging_layer(base))


@contextmanager
def fused_layers(model: PreTrainedModel, *, local: int, fusion: int) -> Iterator[None]:
    """While the block runs, a batch is read as B target rows and then their B source rows, of one width.

    Layers 1 to ``local`` and those above the ``fusion`` layers read each row alone; ``fusion`` is cut to what is left
    above ``local``. The averaging layer of mean pooling always reads each row alone.
    """
    base: Any = model.base_model
    layers = list(base.encoder.layer)[: task_depth(model)][local : local + fusion]
    for layer in layers:
        layer.forward = partial(_end_to_end, layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


def _end_to_end(
    forward: Any, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *rest: Any, **options: Any
) -> torch.Tensor:
    """One layer over both sides of each pair: 2B x T x D in and out, B x 2T x D inside."""
    pairs_B2TD = torch.cat(hidden_states.chunk(2), dim=1)
    states_B2TD = forward(pairs_B2TD, joint_mask(attention_mask), *rest, **options)
    return torch.cat(states_B2TD.chunk(2, dim=1))


def joint_mask(mask: torch.Tensor | None) -> torch.Tensor | None:
    """The mask of pairs laid end to end from that of their 2B rows, boolean or added to scores.

    Which keys are padding is the same for every query, so that one row for all (B x 1 x 1 x 2T) is enough.
    """
    if mask is None:  # nothing is padding
        return None
    return torch.cat(mask[..., :1, :].chunk(2), dim=-1) if mask.ndim > 2 else torch.cat(mask.chunk(2), dim=-1)


def fused(
    model: PreTrainedModel, target_inputs: Inputs, source_inputs: Inputs, *, local: int, fusion: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The task logits of both sides of B pairs, each through the model's own head.

    Args:
        model: any classifier, tagger or question answerer whose encoder has BERT's shape (BERT, RoBERTa, XLM-R).
        target_inputs: what the model reads of the targets, B x their own width, padded on the right.
        source_inputs: the same of the sources.
        local: layers from below that read each side alone.
        fusion: layers after those that read both; more than there are is all that there are.

    Returns:
        Logits of the targets and of the sources: B x C, or B x (its own width) x C for tokens. Question answering has
        C = 2, the start and the end.
    """
    sides = [_padded(inputs, model.config.pad_token_id) for inputs in (target_inputs, source_inputs)]
    widths = [side["attention_mask"].shape[1] for side in sides]
    stacked = {
        name: torch.cat([_widened(side[name], max(widths), model.config.pad_token_id, name) for side in sides])
        for name in sides[0]
    }
    with fused_layers(model, local=local, fusion=fusion):
        logits = logits_of(model(**stacked))
    target, source = logits.chunk(2)
    return (target, source) if logits.ndim == 2 else (target[:, : widths[0]], source[:, : widths[1]])


def _padded(inputs: Inputs, pad: int) -> dict[str, torch.Tensor]:
    """With a mask, and with nothing but padding where it is 0: RoBERTa counts positions by the padding's id."""
    read = inputs.get("input_ids", inputs.get("inputs_embeds"))
    assert read is not None  # noqa: S101  # a model reads one or the other
    mask_BT = inputs.get("attention_mask", torch.ones(read.shape[:2], dtype=torch.long, device=read.device))
    padded = {**inputs, "attention_mask": mask_BT}
    if "input_ids" in inputs:
        padded["input_ids"] = inputs["input_ids"].masked_fill(mask_BT == 0, pad)
    return padded


def _widened(values: torch.Tensor, width: int, pad: int, name: str) -> torch.Tensor:
    """B x T or B x T x D with padding up to ``width``."""
    blank = [0, 0] * (values.ndim - 2) + [0, width - values.shape[1]]
    return torch.nn.functional.pad(values, blank, value=pad if name == "input_ids" else 0)


class PairReader:
    """A network that answers for targets read with their sources: what :func:`isogloss.train.forward` calls.

    The source's inputs are those whose names begin with ``source_``.
    """

    def __init__(self, model: PreTrainedModel, *, local: int, fusion: int) -> None:
        self.model, self.local, self.fusion = model, local, fusion
        self.eval, self.train = model.eval, model.train
        self.config, self.device = model.config, model.device

    @property
    def training(self) -> bool:
        """Whether dropout is on."""
        return self.model.training

    def __call__(self, **inputs: torch.Tensor) -> SimpleNamespace:
        """An object with the targets' ``logits``, as a model of transformers returns."""
        source = {name.removeprefix(SOURCE): value for name, value in inputs.items() if name.startswith(SOURCE)}
        target = {name: value for name, value in inputs.items() if not name.startswith(SOURCE)}
        return SimpleNamespace(logits=fused(self.model, target, source, local=self.local, fusion=self.fusion)[0])


def remember(model: PreTrainedModel, *, local: int, fusion: int, source: tuple[str, ...]) -> None:
    """Write into the network's config how it reads pairs, so that it is saved and loaded with the weights."""
    setattr(model.config, MEMORY, {"local": local, "fusion": fusion, "source": list(source)})


def remembered(config: PretrainedConfig) -> dict[str, Any] | None:
    """What :func:`remember` wrote; None for a network that reads texts alone."""
    return getattr(config, MEMORY, None)

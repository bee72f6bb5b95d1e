"""A shallower student of an encoder, and what the layers of both compute, to be compared.

The student is every r-th layer of its teacher, really copied, under the same embeddings. It is as wide as its teacher,
so that its states and attention maps can be compared with the teacher's as they are.

Ansell, Ponti, Korhonen and Vulić, 'Distilling Efficient Language-Specific Models for Cross-Lingual Transfer', Findings
of ACL 2023, section 3.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from isogloss.errors import RecipeError
from isogloss.nets.mean_pooling import averaging_layer, supports_mean_pooling

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# B rows, T pieces, D width, H heads

DROPOUT = ("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout")


def depth_of(model: PreTrainedModel) -> int:
    """Layers of an encoder of BERT's shape, without the averaging layer of mean pooling.

    Raises:
        RecipeError: its layers have another shape.
    """
    base: Any = model.base_model
    if not supports_mean_pooling(base):
        raise RecipeError(
            f"The layers of {type(model).__name__} cannot be compared one by one with those of a student",
            fix="Choose an encoder of the shape of BERT or XLM-R",
        )
    return len(base.encoder.layer) - bool(averaging_layer(base))


def student_of(teacher: PreTrainedModel, *, every: int) -> PreTrainedModel:
    """A network of its own with every ``every``-th layer: its layer j (from 0) is the teacher's every * (j + 1) - 1.

    Embeddings, pooler, head and averaging layer are the teacher's; there is no dropout. With ``every`` 1 it computes
    what its teacher does.

    Raises:
        RecipeError: ``every`` does not divide the depth, or the layers do not have BERT's shape.
    """
    depth = depth_of(teacher)
    if depth % every:
        fitting = [r for r in range(1, depth + 1) if depth % r == 0]
        raise RecipeError(
            f"The encoder has {depth} layers, so a student of every {every}th would miss the last ones",
            fix=f"Set every to one of {', '.join(map(str, fitting))}",
        )
    student = copy.deepcopy(teacher)
    base: Any = student.base_model
    layers = list(base.encoder.layer)
    base.encoder.layer = nn.ModuleList([*layers[every - 1 : depth : every], *layers[depth:]])
    for number, layer in enumerate(base.encoder.layer):
        if hasattr(layer.attention.self, "layer_idx"):
            layer.attention.self.layer_idx = number
    config: Any = student.config
    config.num_hidden_layers = len(base.encoder.layer)
    for name in DROPOUT:
        if hasattr(config, name):
            setattr(config, name, 0.0)
    for module in student.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return student


@dataclass(frozen=True, kw_only=True)
class Inside:
    """What an encoder's layers computed, without the averaging layer of mean pooling.

    Attributes:
        states: of every place, B x T x D each: what the first layer reads, then what each layer gives.
        maps: attention probabilities of each layer, B x H x T x T each.
    """

    states: list[torch.Tensor]
    maps: list[torch.Tensor]


def look_inside(model: PreTrainedModel, inputs: Mapping[str, torch.Tensor]) -> tuple[Any, Inside]:
    """The model's own output and what its layers computed on the way; see :func:`attention_maps`."""
    base: Any = model.base_model
    layers = list(base.encoder.layer)[: depth_of(model)]
    inside = Inside(states=[], maps=[])

    def entered(_: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        inside.states.append(given[0] if given else named["hidden_states"])

    def left(_: nn.Module, __: Any, output: Any) -> None:
        inside.states.append(output[0] if isinstance(output, tuple) else output)

    def attended(_: nn.Module, __: Any, output: Any) -> None:
        inside.maps.append(output[1])

    handles = [layers[0].register_forward_pre_hook(entered, with_kwargs=True)]
    for layer in layers:
        handles += [layer.register_forward_hook(left), layer.attention.self.register_forward_hook(attended)]
    try:
        output = model(**inputs)
    finally:
        for handle in handles:
            handle.remove()
    return output, inside


@contextmanager
def attention_maps(*models: PreTrainedModel) -> Iterator[None]:
    """While the block runs, the models compute attention in the way that gives its probabilities."""
    chosen = [model.config._attn_implementation for model in models]
    for model in models:
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        for model, its in zip(models, chosen, strict=True):
            model.set_attn_implementation(its)

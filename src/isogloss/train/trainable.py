"""Which weights learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import RecipeError
from isogloss.nets.mean_pooling import averaging_layer
from isogloss.nets.seen_rows import FROZEN_TABLE

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Trains = Literal["all", "seen", "body", "head"] | Callable[[str], bool]
"""Which weights learn: all; all but the word vectors of pieces that the training text does not have (``seen``); the
body, that is all but the input embeddings; the head; or those that a function picks by name."""


def choose_trainable(model: PreTrainedModel, trains: Trains, freeze_layers: int = 0) -> None:
    """Set ``requires_grad``. The averaging layer of mean pooling stays frozen in every choice.

    Args:
        model: the network; for ``seen`` it already holds :class:`isogloss.nets.seen_rows.SeenRows`.
        trains: see :data:`Trains`.
        freeze_layers: so many encoder layers, from the embeddings up, stay as they are, the embeddings with them.

    Raises:
        RecipeError: there are not so many layers.
    """
    base: Any = model.base_model
    inputs = base.embeddings if hasattr(base, "embeddings") else model.get_input_embeddings()
    embeddings = {id(parameter) for parameter in inputs.parameters()}
    fixed = {id(parameter) for parameter in averaging_layer(base)}
    fixed |= {id(parameter) for name, parameter in model.named_parameters() if name.endswith(FROZEN_TABLE)}
    if freeze_layers:
        layers = base.encoder.layer
        if freeze_layers >= len(layers):
            raise RecipeError(
                f"There are {len(layers)} layers, not more than {freeze_layers}", fix="Set a smaller freeze_layers"
            )
        fixed |= embeddings | {id(p) for layer in layers[:freeze_layers] for p in layer.parameters()}
    for name, parameter in model.named_parameters():
        if callable(trains):
            wanted = trains(name)
        elif trains == "head":
            wanted = in_head(model, name)
        else:
            wanted = trains in ("all", "seen") or id(parameter) not in embeddings
        parameter.requires_grad_(wanted and id(parameter) not in fixed)


def in_head(model: PreTrainedModel, name: str) -> bool:
    """Whether a parameter belongs to the fresh head (BERT's pooler counts: it is drawn anew too)."""
    return not name.startswith(model.base_model_prefix + ".") or ".pooler." in name

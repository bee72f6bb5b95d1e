"""Training only those word vectors that the training text has.

The gradient of every other row of the table is zero in every update, and without weight decay Adam leaves a row alone
whose gradient has always been zero. So a table of the rows that occur, trained in place of the whole one, ends in the
same weights as training everything, for the price of a few thousand rows where there are a quarter of a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import PreTrainedModel

FROZEN_TABLE = ".full.weight"
"""How the whole table's name ends while only its seen rows are trained."""


class SeenRows(nn.Module):
    """An embedding in which ``ids`` are looked up in a small trainable table, all others in the frozen full one.

    Args:
        full: the whole table (V x D), which is not changed before :meth:`fold`.
        ids: the pieces (S) that have a row of their own, without the padding piece.
    """

    def __init__(self, full: nn.Embedding, ids: torch.Tensor) -> None:
        super().__init__()
        self.full = full.requires_grad_(False)
        self.seen_rows = nn.Parameter(full.weight[ids].clone())
        places = torch.full((full.num_embeddings,), -1)
        places[ids] = torch.arange(len(ids))
        self.ids = nn.Buffer(ids, persistent=False)
        self.places = nn.Buffer(places, persistent=False)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Vectors (B x T x D) of pieces (B x T)."""
        places = self.places[input_ids]
        own = nn.functional.embedding(places.clamp(min=0), self.seen_rows)
        return torch.where((places >= 0)[..., None], own, self.full(input_ids))

    @torch.no_grad()
    def fold(self) -> nn.Embedding:
        """The full table with the trained rows put back."""
        self.full.weight[self.ids] = self.seen_rows.detach()
        return self.full


@contextmanager
def seen_rows(model: PreTrainedModel, ids: torch.Tensor) -> Iterator[None]:
    """While the block runs, the model's input embedding trains only the rows of ``ids``; they are put back after it."""
    full = model.get_input_embeddings()
    if not isinstance(full, nn.Embedding):
        raise TypeError(f"the input embedding is a {type(full).__name__}, not a table of rows")
    table = SeenRows(full, ids)
    model.set_input_embeddings(table)
    try:
        yield
    finally:
        model.set_input_embeddings(table.fold())


@contextmanager
def untied(model: PreTrainedModel) -> Iterator[None]:
    """While the block runs, an output layer that shares the input's word vectors has frozen ones of its own.

    Inside :func:`seen_rows` they take no memory: the whole table is not changed there before it ends.
    """
    table = model.get_input_embeddings()
    output: Any = model.get_output_embeddings()
    shared = table.full.weight if isinstance(table, SeenRows) else table.weight
    if output.weight is not shared:
        yield
        return
    own = shared.detach()
    output.weight = nn.Parameter(own if isinstance(table, SeenRows) else own.clone(), requires_grad=False)
    try:
        yield
    finally:
        output.weight = shared

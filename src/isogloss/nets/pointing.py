"""Networks that point at two pieces, the first and the last of an answer, beside those that give classes.

The question-answering heads of transformers give ``start_logits`` and ``end_logits`` (B x T each) where others give
``logits``. Here the two are one array, and their training targets (two places of pieces) are classes like any other.

Shape letters: B batch, T pieces, C classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def logits_of(output: Any) -> torch.Tensor:
    """Logits of a model's output: B x C, B x T x C, or B x T x 2 of a model that points at start and end."""
    import torch

    if getattr(output, "start_logits", None) is None:
        return output.logits  # type: ignore[no-any-return]
    return torch.stack([output.start_logits, output.end_logits], dim=-1)


def choices_of(output: Any, attention_mask_BT: torch.Tensor | None) -> torch.Tensor:
    """Logits with what is chosen among on the last axis: B x C, B x T x C, or B x 2 x T of a model that points.

    Among places, padding is none: what a row is batched with does not change its loss. Only they need the mask.
    """
    import torch

    logits = logits_of(output)
    if getattr(output, "start_logits", None) is None:
        return logits
    assert attention_mask_BT is not None  # noqa: S101
    least = torch.finfo(logits.dtype).min
    return logits.transpose(1, 2).masked_fill(attention_mask_BT[:, None] == 0, least)


def pointing_loss(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy of the starts and the ends; ``labels`` (B x 2) are places of pieces."""
    import torch

    inputs = {key: value for key, value in batch.items() if key != "labels"}
    choices_B2T = choices_of(model(**inputs), batch["attention_mask"]).float()
    return torch.nn.functional.cross_entropy(choices_B2T.flatten(0, 1), batch["labels"].flatten())


def with_logits(model: PreTrainedModel) -> torch.nn.Module:
    """A network that gives a single array of logits, to be traced: the model itself unless it points."""
    import torch

    if not type(model).__name__.endswith("ForQuestionAnswering"):
        return model

    class Pointing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = model

        def forward(
            self,
            input_ids: torch.Tensor,
            attention_mask: torch.Tensor,
            token_type_ids: torch.Tensor | None = None,
        ) -> torch.Tensor:
            more = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
            return logits_of(self.network(input_ids=input_ids, attention_mask=attention_mask, **more))

    return Pointing()

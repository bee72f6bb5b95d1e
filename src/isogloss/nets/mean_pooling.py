"""Mean pooling inside a stock BERT- or RoBERTa-shaped encoder: one frozen layer on top that averages.

Sentence encoders such as E5 were trained to carry a sentence in the *mean* of their token vectors, but the
classification heads of transformers read the first token only. An ordinary layer can do the averaging: with zero query
and key weights every attention score is equal, so that the attention output at each position is the mean over the
tokens that are not padding; identity value and a large multiple of the identity as output make that mean outweigh the
residual, and with a silent feed-forward block layer normalisation is all that remains:

    LN(h_first + SCALE * mean(h)) = LN(mean(h)) + O(1 / SCALE)

because LN does not see scale. The model stays a plain ``BertForSequenceClassification`` of one more layer, which loads
anywhere without our code.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SCALE = 2.0**14
"""Weight of the mean against the first token's own state: large enough to drown it, small enough for bf16."""


class Averaging(nn.Module):
    """What the averaging layer computes, as the mean that it is: without its matrix products.

    They are a thirteenth of a small encoder's time. Mixed into the stock layer's class, whose weights and place in the
    network stay as they are.
    """

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: Any, **__: Any
    ) -> torch.Tensor:
        """States (B x T x D) of tokens to their means; the mask (B x 1 x 1 or T x T) is boolean or added to scores."""
        layer: Any = self
        states_BTD, mixed = hidden_states.float(), layer.attention.output
        if attention_mask is None:
            mean_B1D = states_BTD.mean(1, keepdim=True)
        else:
            row_BT = attention_mask[:, 0, 0]
            read_B1T = (row_BT if row_BT.dtype == torch.bool else row_BT >= 0).float()[:, None]
            # A product, not a sum: engines add up its terms in order, so that padding changes no bit.
            mean_B1D = ((read_B1T / read_B1T.sum(2, keepdim=True)) @ states_BTD).float()
        pooled_B1D = mixed.dropout(SCALE * mean_B1D)
        return layer.output.LayerNorm(mixed.LayerNorm(pooled_B1D + states_BTD))  # type: ignore[no-any-return]


def append_mean_pooling(encoder: nn.Module) -> None:
    """Append the averaging layer to ``encoder`` (in place) and freeze it.

    Args:
        encoder: a post-layer-norm encoder with ``encoder.layer`` of BERT's shape (BERT, RoBERTa, XLM-R).
    """
    import copy

    layer = copy.deepcopy(_layers(encoder)[-1])
    config: Any = encoder.config
    eye = torch.eye(config.hidden_size)
    attention, mixed = layer.attention.self, layer.attention.output
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        attention.value.weight.copy_(eye)
        mixed.dense.weight.copy_(SCALE * eye)
        mixed.LayerNorm.weight.fill_(1)
        layer.output.LayerNorm.weight.fill_(1)
    layer.requires_grad_(False)
    _layers(encoder).append(layer)
    quicken_mean_pooling(encoder)
    config.num_hidden_layers += 1


def has_mean_pooling(encoder: nn.Module) -> bool:
    """Whether the last layer is the averaging layer (also true after loading it from disk)."""
    last = _layers(encoder)[-1]
    query = last.attention.self.query.weight
    return not bool(query.any()) and float(last.attention.output.dense.weight.detach()[0, 0]) == SCALE


def quicken_mean_pooling(encoder: nn.Module) -> None:
    """Where the last layer is the averaging layer in its stock form, as it comes from disk: compute it as a mean."""
    if not supports_mean_pooling(encoder) or not has_mean_pooling(encoder):
        return
    layer = _layers(encoder)[-1]
    if not isinstance(layer, Averaging):
        layer.__class__ = type("Averaging", (Averaging, type(layer)), {})


def averaging_layer(encoder: nn.Module) -> list[nn.Parameter]:
    """The weights of the averaging layer, none where the encoder has none."""
    there = supports_mean_pooling(encoder) and has_mean_pooling(encoder)
    return list(_layers(encoder)[-1].parameters()) if there else []


def supports_mean_pooling(encoder: nn.Module) -> bool:
    """Whether the layers have BERT's shape: attention and feed-forward, each followed by layer normalisation."""
    config: Any = encoder.config
    return config.model_type in ("bert", "roberta", "xlm-roberta", "camembert", "electra")


def _layers(encoder: nn.Module) -> Any:
    stack: Any = encoder.encoder
    return stack.layer

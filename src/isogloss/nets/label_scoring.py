"""Spans scored against the names of labels, so that a label needs no weights of its own.

A tagging head gives each piece three vectors in place of classes: one that it adds to a span that begins with it, one
for a span that ends with it, and one that it adds to a label whose name it is part of. A span is the rectified sum of
its first word's, its last word's and a fixed code of its width; a label is the mean over the pieces of its name; the
score is their product. That is a span network with one hidden layer, whose outer matrix is the labels' own: as the
encoder and its stock head hold all of its weights, it is saved, loaded and exported like any tagger.

After Zaratiana et al., 'GLiNER: Generalist Model for Named Entity Recognition using Bidirectional Transformer', NAACL
2024 (spans and labels in one space), with labels encoded apart from the text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# B texts, T pieces, N spans, C labels, W widths, P size of the space

PRIOR = -7.0
"""Added to all scores: before training almost no span has almost any label, one in a thousand or two."""
SPREAD = 1.0
"""Deviation of what a head gives before training (:func:`spread_head`)."""


def width_codes(widest: int, size: int) -> torch.Tensor:
    """Codes of the widths 1 to ``widest`` (W x P): waves, as of positions in Vaswani et al. (2017), half as high."""
    rates_P = torch.exp(torch.arange(size) // 2 * 2 * (-math.log(10_000.0) / size))
    angles_WP = torch.arange(widest)[:, None] * rates_P
    return 0.5 * torch.where(torch.arange(size) % 2 == 0, angles_WP.sin(), angles_WP.cos())


def span_scores(
    starts_NP: torch.Tensor, ends_NP: torch.Tensor, codes_NP: torch.Tensor, labels_CP: torch.Tensor
) -> torch.Tensor:
    """Scores N x C, each the log odds that the span is an entity of the label, whatever other labels there are."""
    spans_NP = torch.relu(starts_NP + ends_NP + codes_NP)
    return spans_NP @ labels_CP.T / math.sqrt(starts_NP.shape[-1]) + PRIOR


def label_vectors(model: PreTrainedModel, names: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Vectors of labels (C x P) from the pieces of their names, as a tokenizer gives them in one batch."""
    third_CTP = model(**names).logits.chunk(3, dim=-1)[2]
    there_CT1 = names["attention_mask"][..., None].to(third_CTP.dtype)
    means_CP: torch.Tensor = (third_CTP * there_CT1).sum(1) / there_CT1.sum(1)
    return means_CP


def spread_head(
    model: PreTrainedModel, head: torch.nn.Linear, texts: Mapping[str, torch.Tensor], names: Mapping[str, torch.Tensor]
) -> None:
    """Shift and stretch a fresh head's outputs, over these texts and these names, to mean 0 and deviation ``SPREAD``.

    Encoders of sentences give all pieces, and all names, much the same state. Under a head drawn around 0, spans and
    labels are then all alike, and the one thing that is learnt is to say no. The means are taken once and become part
    of the bias: scores stay independent of other labels. After Mishkin and Matas, 'All you need is a good init', ICLR
    2016.

    Args:
        model: a network with 3 x P outputs a piece; it is read without dropout.
        head: its last layer.
        texts: what it reads of some texts.
        names: the pieces of some names. Of one alone there is no deviation: the head is then shifted, not stretched.
    """
    was_training = model.training
    model.eval()
    with torch.no_grad():
        read = model(**texts).logits[texts["attention_mask"].bool()]
        for role, outputs_KP in enumerate((*read.chunk(3, dim=-1)[:2], label_vectors(model, names))):
            rows = slice(role * outputs_KP.shape[-1], (role + 1) * outputs_KP.shape[-1])
            mean_P = outputs_KP.mean(0)
            deviation = (outputs_KP - mean_P).square().mean().sqrt()
            stretch = SPREAD / deviation if deviation > 0 else torch.ones(())
            head.weight[rows] *= stretch
            head.bias[rows] = (head.bias[rows] - mean_P) * stretch
    model.train(was_training)


def span_loss(
    model: PreTrainedModel,
    inputs: Mapping[str, torch.Tensor],
    ends_BTW: torch.Tensor,
    labels_BTW: torch.Tensor,
    names: Mapping[str, torch.Tensor],
    chosen_C: torch.Tensor,
) -> torch.Tensor:
    """Binary cross-entropy of every span with every chosen label, the sum divided by the number of words.

    Args:
        model: a network with 3 x P outputs a piece.
        inputs: what it reads of the texts.
        ends_BTW: 1 + the piece that a span ends with, which begins at piece T and is W + 1 words wide; 0 for no span.
        labels_BTW: 1 + the number of the span's label; 0 where it has none.
        names: the pieces of the names of the chosen labels.
        chosen_C: their numbers.
    """
    starts_BTP, ends_BTP, _ = model(**inputs).logits.chunk(3, dim=-1)
    labels_CP = label_vectors(model, names)
    row_N, start_N, width_N = ends_BTW.nonzero(as_tuple=True)
    end_N = ends_BTW[row_N, start_N, width_N] - 1
    codes_WP = width_codes(ends_BTW.shape[-1], starts_BTP.shape[-1]).to(starts_BTP)
    scores_NC = span_scores(starts_BTP[row_N, start_N], ends_BTP[row_N, end_N], codes_WP[width_N], labels_CP)
    wanted_NC = labels_BTW[row_N, start_N, width_N][:, None] == chosen_C + 1
    loss = torch.nn.functional.binary_cross_entropy_with_logits(scores_NC.float(), wanted_NC.float(), reduction="sum")
    return loss / (width_N == 0).sum().clamp(min=1)

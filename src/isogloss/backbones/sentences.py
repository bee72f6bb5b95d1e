"""Vectors of short texts from a pretrained encoder: the mean of its last states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from isogloss.backbones.encoder import Backbone

# N texts, B of them in a batch, T pieces, E width

MOST_PIECES = 256
BATCH = 64


def sentence_vectors(backbone: Backbone, texts: Sequence[str]) -> np.ndarray:
    """Unit vectors of the texts (N x E, float32), each the mean over its pieces, special ones counted.

    Texts of like length are read together; what is longer than 256 pieces is cut.
    """
    import torch

    model: Any = backbone.bare().base_model.eval()
    tokenizer = backbone.tokenizer()
    vectors_NE = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        given = tokenizer(
            [texts[i] for i in chosen], padding=True, truncation=True, max_length=MOST_PIECES, return_tensors="pt"
        )
        with torch.inference_mode():
            states_BTE = model(**given).last_hidden_state
        there_BT1 = given["attention_mask"][..., None].to(states_BTE.dtype)
        means_BE = (states_BTE * there_BT1).sum(1) / there_BT1.sum(1)
        vectors_NE[chosen] = torch.nn.functional.normalize(means_BE, dim=1).numpy()
    return vectors_NE

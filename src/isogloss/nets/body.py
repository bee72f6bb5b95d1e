"""The body of a network that has learnt a task, as the encoder that it was before."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.nets.mean_pooling import averaging_layer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def save_body(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write the encoder under a task's head to a folder, without the averaging layer of mean pooling.

    Its weights are the network's own, bit for bit; a pooler that the network lacks is drawn anew.
    """
    import transformers

    body: Any = model.base_model
    config = copy.deepcopy(body.config)
    if averaging_layer(body):
        config.num_hidden_layers -= 1
    bare = transformers.AutoModel.from_config(config)
    bare.load_state_dict(body.state_dict(), strict=False)
    bare.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

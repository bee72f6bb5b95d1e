"""Tiny random networks of the shapes that pieces go into, a batch for them, and all that must be as it was."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40,
    "max_position_embeddings": 34,
}  # fmt: skip
NAMES = ["Bert", "Roberta", "XLMRoberta", "MPNet", "Camembert", "Electra"]


def network(name: str = "Bert", head: str = "MaskedLM", seed: int = 0, **sizes: int) -> Any:
    """A tiny random network with all its weights drawn, biases too."""
    import transformers

    config = getattr(transformers, f"{name}Config")(**SIZES | sizes)
    if name == "Electra" and "embedding_size" not in sizes:
        config.embedding_size = config.hidden_size
    torch.manual_seed(seed)
    model = getattr(transformers, f"{name}{'For' if head != 'Model' else ''}{head}")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def batch(model: Any, rows: int = 3) -> dict[str, torch.Tensor]:
    ids_BT = torch.randint(5, 40, (rows, 7), generator=torch.Generator().manual_seed(3))
    mask_BT = torch.ones_like(ids_BT)
    ids_BT[1, 5:], mask_BT[1, 5:] = model.config.pad_token_id, 0
    return {"input_ids": ids_BT, "attention_mask": mask_BT}


@torch.no_grad()
def answers(model: Any) -> torch.Tensor:
    given: torch.Tensor = model(**batch(model))[0]
    return given


def state(model: nn.Module) -> tuple[Any, ...]:
    """Everything that must be what it was: names and their order, values, hooks, what learns."""
    hooks = [
        (name, len(module._forward_hooks), len(module._forward_pre_hooks)) for name, module in model.named_modules()
    ]
    learns = [(name, parameter.requires_grad) for name, parameter in model.named_parameters()]
    weights = {name: tensor.numpy(force=True).tobytes() for name, tensor in model.state_dict().items()}
    config: Any = model.config
    return hooks, learns, list(weights.items()), config.max_position_embeddings

"""The weights before a training, which masks and pulls hold on to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

from isogloss.train.trainable import choose_trainable, in_head

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.train.phases import Phase


@dataclass(frozen=True)
class Origin:
    """Copies, by parameter name, of the weights that some phase masks or pulls."""

    weights: Mapping[str, torch.Tensor]

    @classmethod
    @torch.no_grad()
    def of(cls, model: PreTrainedModel, phases: Sequence[Phase]) -> Self:
        """Copies of what the phases need; there are none where no phase has masks or a pull.

        Raises:
            ValueError: a mask is not for a weight of the network.
        """
        wanted: set[str] = set()
        for phase in phases:
            masks = phase.masks or {}
            shapes = {name: parameter.shape for name, parameter in model.named_parameters()}
            if strange := [name for name, mask in masks.items() if shapes.get(name) != mask.shape]:
                raise ValueError(f"a mask is not for a weight of the network: {strange[0]}")
            wanted |= masks.keys()
            if phase.pull:
                wanted |= {name for name in learning(model, phase) if not in_head(model, name)}
        return cls({name: p.detach().clone() for name, p in model.named_parameters() if name in wanted})

    @torch.no_grad()
    def pull(self, model: PreTrainedModel, phase: Phase) -> None:
        """Add the gradient of ``pull / N * sum |w - w0|`` over the N weights of the body that have one; 0 where w = w0.

        Composable sparse fine-tuning regularises so (Ansell et al., 2022), once an update, in both of its phases.
        """
        if not phase.pull:
            return
        pulled = {n: p for n, p in model.named_parameters() if p.grad is not None and not in_head(model, n)}
        count = sum(parameter.numel() for parameter in pulled.values())
        for name, parameter in pulled.items():
            if parameter.grad is not None:
                sign = (parameter - self.weights[name].to(parameter.device)).sign_()
                parameter.grad.add_(sign, alpha=phase.pull / count)

    @torch.no_grad()
    def mask_gradients(self, model: PreTrainedModel, phase: Phase) -> None:
        """Nothing outside the masks has a gradient."""
        for name, mask in (phase.masks or {}).items():
            gradient = model.get_parameter(name).grad
            if gradient is not None:
                gradient.masked_fill_(~mask.to(gradient.device), 0.0)

    @torch.no_grad()
    def put_back(self, model: PreTrainedModel, phase: Phase) -> None:
        """Everything outside the masks is what it was: weight decay moves what has no gradient too."""
        for name, mask in (phase.masks or {}).items():
            weight = model.get_parameter(name).data
            torch.where(mask.to(weight.device), weight, self.weights[name].to(weight.device), out=weight)


def learning(model: PreTrainedModel, phase: Phase) -> set[str]:
    """Names of the parameters that learn in a phase."""
    choose_trainable(model, phase.trains, phase.freeze_layers)
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}

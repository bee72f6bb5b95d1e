"""The mean of many states of a network, one state in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping

import torch


class RunningMean:
    """Uniform mean of weights by name, accumulated in float32 whatever they are stored in.

    Each state moves the mean by its n-th part of the difference, so that states which are all equal leave it exactly
    as they are. Tensors that are no floating-point numbers (counters, position ids) are those of the first state.
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean: dict[str, torch.Tensor] = {}
        self.kinds: dict[str, torch.dtype] = {}

    def add(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take in one state.

        Raises:
            ValueError: it has other weights than those before.
        """
        if self.count and (other := weights.keys() ^ self.mean.keys()):
            raise ValueError(f"the states to average have different weights: {', '.join(sorted(other)[:3])}")
        self.count += 1
        for name, tensor in weights.items():
            if self.count == 1:
                self.kinds[name] = tensor.dtype
                self.mean[name] = tensor.float().clone() if tensor.is_floating_point() else tensor.clone()
            elif tensor.is_floating_point():
                self.mean[name] += (tensor.float() - self.mean[name]) / self.count

    def result(self) -> dict[str, torch.Tensor]:
        """The mean, each tensor in the number format in which its first state came."""
        return {name: mean.to(self.kinds[name]) for name, mean in self.mean.items()}

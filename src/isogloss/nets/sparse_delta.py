"""Sparse deltas: what a training changed in a network, as a few values that are added to its weights.

From lottery-ticket sparse fine-tuning (Ansell, Ponti, Korhonen, Vulic; ACL 2022). Deltas of a language and of a task
are added to the same weights; a head, which is new, is stored whole and put in the place of the network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import nn

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.pieces import Piece, check_network

INDICES, VALUES, WHOLE = "indices/", "values/", "whole/"
LAST_INT32 = 2**31 - 1

Tensors = Mapping[str, torch.Tensor]
Sparse = Mapping[str, tuple[torch.Tensor, torch.Tensor]]


@dataclass(eq=False, repr=False, kw_only=True)
class SparseDelta(Piece):
    """Values that are added to some weights of a network, and tensors that take the place of others.

    A value is the difference of two float32 weights, itself rounded to float32: the weight before plus the value may
    differ from the weight after by ``2**-24`` of the value and of the weight. Sums of deltas with disjoint supports are
    the same bits in any order, and so are the networks that two such deltas are put into one after the other.

    Attributes:
        sparse: by parameter name (as ``named_parameters`` has it, tied weights once) the flat indices (int64,
            ascending) and the values (float32).
        shapes: by parameter name the shape of the tensor that the indices are in.
        whole: tensors that are stored whole, such as a head.
        network: see :class:`Piece`.
    """

    kind: ClassVar[str] = "delta"

    sparse: Sparse = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    whole: Tensors = field(default_factory=dict)
    network: str = ""

    @classmethod
    def between(
        cls,
        before: Tensors,
        after: Tensors,
        *,
        names: Callable[[str], bool] | None = None,
        masks: Tensors | None = None,
        whole: Callable[[str], bool] | None = None,
        network: str = "",
    ) -> Self:
        """What changed from ``before`` to ``after``, two sets of weights by parameter name.

        Args:
            before: the weights of the network that the delta will belong to.
            after: those after training; tensors that ``before`` does not have are stored whole.
            names: which tensors are compared; None for all.
            masks: by name the places (bool) that are stored, changed or not; None for those that changed.
            whole: which of the tensors are stored whole, changed or not.
            network: fingerprint of the network.

        Raises:
            ValueError: a tensor changed outside its mask: the delta would not say all that was learnt.
        """
        sparse, shapes, kept = {}, {}, {}
        for name, now in after.items():
            if name not in before or (whole is not None and whole(name)):
                kept[name] = now.detach().cpu().float().clone()
                continue
            if (names is not None and not names(name)) or (masks is not None and name not in masks):
                continue
            was, now = (tensor.detach().cpu().float().flatten() for tensor in (before[name], now))
            moved = was != now
            if masks is not None:
                places = masks[name].cpu().flatten()
                if bool((moved & ~places).any()):
                    raise ValueError(f"weights of {name} have changed outside the mask")
                moved = places
            indices = moved.nonzero().flatten()
            if len(indices):
                sparse[name] = (indices, now[indices] - was[indices])
                shapes[name] = tuple(before[name].shape)
        return cls(sparse=sparse, shapes=shapes, whole=kept, network=network)

    @property
    def size(self) -> int:
        """How many values it adds; tensors that are stored whole are not counted."""
        return sum(len(values) for _, values in self.sparse.values())

    def check(self, model: nn.Module) -> None:
        """See :class:`Piece`. A table of which only the seen rows are trained at the moment is refused as unknown."""
        self._fits(model)
        check_network(self, model)

    def _fits(self, model: nn.Module) -> None:
        """Raises ResourceError where it has weights that the network does not have."""
        shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
        there = sum(parameter.numel() for parameter in model.parameters())
        if self.size > there:
            raise _misfit(f"The delta has {self.size} values, and the network only {there} weights")
        wanted = {**self.shapes, **{name: tuple(tensor.shape) for name, tensor in self.whole.items()}}
        for name, shape in wanted.items():
            if name not in shapes:
                raise _misfit(f"The delta changes '{name}', which the network does not have")
            if shapes[name] != shape:
                raise _misfit(f"The delta is for a '{name}' of the shape {shape}, and the network's is {shapes[name]}")

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Add the values while the block runs; then the weights at their places are the kept originals again."""
        self._fits(model)  # the network itself may hold another piece already
        parameters = dict(model.named_parameters())
        kept: list[tuple[nn.Parameter, torch.Tensor | None, torch.Tensor]] = []
        try:
            for name, (indices, values) in self.sparse.items():
                parameter = parameters[name]
                original = _take(parameter, indices)
                kept.append((parameter, indices, original))
                _put(parameter, indices, original.float() + values.to(original.device))
            for name, tensor in self.whole.items():
                parameter = parameters[name]
                kept.append((parameter, None, parameter.detach().clone()))
                parameter.data.copy_(tensor)
            yield
        finally:
            for parameter, places, original in reversed(kept):
                if places is None:
                    parameter.data.copy_(original)
                else:
                    _put(parameter, places, original)

    def tensors(self) -> dict[str, torch.Tensor]:
        """``indices/<name>`` (int32 where that is wide enough), ``values/<name>`` and ``whole/<name>``."""
        held = {}
        for name, (indices, values) in self.sparse.items():
            narrow = int(indices[-1]) <= LAST_INT32
            held[INDICES + name] = indices.to(torch.int32 if narrow else torch.int64)
            held[VALUES + name] = values
        return held | {WHOLE + name: tensor for name, tensor in self.whole.items()}

    def settings(self) -> dict[str, Any]:
        """The shapes of the tensors that the indices are in."""
        return {"shapes": {name: list(shape) for name, shape in self.shapes.items()}}

    @classmethod
    def of(cls, tensors: Tensors, settings: Mapping[str, Any]) -> Self:
        """See :class:`Piece`.

        Raises:
            ValueError, KeyError: indices and values do not belong together, or lie outside their tensor.
        """
        shapes = {str(name): tuple(int(n) for n in shape) for name, shape in settings["shapes"].items()}
        sparse = {}
        for name, shape in shapes.items():
            indices, values = tensors[INDICES + name].long(), tensors[VALUES + name].float()
            ascending = len(indices) > 0 and bool((indices[1:] > indices[:-1]).all()) and int(indices[0]) >= 0
            if not ascending or int(indices[-1]) >= torch.Size(shape).numel() or values.shape != indices.shape:
                raise ValueError(f"the values of {name} have no place")
            sparse[name] = (indices, values)
        whole = {name.removeprefix(WHOLE): tensor for name, tensor in tensors.items() if name.startswith(WHOLE)}
        if 2 * len(sparse) + len(whole) != len(tensors):
            raise ValueError("there are tensors that belong to nothing")
        return cls(sparse=sparse, shapes=shapes, whole=whole)

    def __add__(self, other: SparseDelta) -> SparseDelta:
        """Both at once: where both have a value, the sum of the two, also where it is 0.

        Raises:
            ResourceError: they belong to two networks, or one puts a tensor where the other changes or puts one too.
        """
        if self.network and other.network and self.network != other.network:
            raise ResourceError(
                "The two deltas were learnt in different networks", fix="Add only deltas of one and the same network"
            )
        for one, two in ((self, other), (other, self)):
            if both := sorted(one.whole.keys() & (two.whole.keys() | two.sparse.keys())):
                raise ResourceError(
                    f"Both deltas have weights for '{both[0]}', and one of them puts a whole tensor there",
                    fix="Add at most one delta that brings a head",
                )
        sparse = {}
        for name in sorted(self.sparse.keys() | other.sparse.keys()):
            if name in self.sparse and name in other.sparse:
                if self.shapes[name] != other.shapes[name]:
                    raise ResourceError(
                        f"The two deltas are for a '{name}' of different shapes",
                        fix="Add only deltas of one and the same network",
                    )
                sparse[name] = _merged(self.sparse[name], other.sparse[name])
            else:
                sparse[name] = self.sparse.get(name) or other.sparse[name]
        return SparseDelta(
            sparse=sparse,
            shapes=dict(sorted({**self.shapes, **other.shapes}.items())),
            whole=dict(sorted({**self.whole, **other.whole}.items())),
            network=self.network or other.network,
        )

    def __mul__(self, factor: float) -> SparseDelta:
        """All values times a number. Raises ResourceError where there are tensors that are stored whole."""
        if self.whole:
            raise ResourceError(
                f"The delta brings a whole '{next(iter(self.whole))}', which cannot be scaled or subtracted",
                fix="Use only deltas without a head for this",
            )
        sparse = {name: (indices, values * factor) for name, (indices, values) in self.sparse.items()}
        return replace(self, sparse=sparse)

    __rmul__ = __mul__

    def __neg__(self) -> SparseDelta:
        """All values with the other sign; raises as ``*`` does."""
        return self * -1.0

    def __sub__(self, other: SparseDelta) -> SparseDelta:
        """This one plus the other with the other sign; raises as ``+`` and ``*`` do."""
        return self + -other


def largest(changes: Tensors, k: int) -> dict[str, torch.Tensor]:
    """The places (bool, by name, shaped as given) of exactly ``k`` largest changes in size, over all tensors at once.

    Among equals (as float32) those of the tensor that comes first are taken, in a tensor those of the smaller flat
    index. One flat float32 copy of all changes is made.

    Raises:
        RecipeError: there are not so many weights, or a change is infinite or not a number.
    """
    there = sum(change.numel() for change in changes.values())
    if not 0 <= k <= there:
        raise RecipeError(
            f"{k} weights are to be chosen, and there are {there}", fix=f"Choose a number from 0 to {there}"
        )
    if not all(bool(change.isfinite().all()) for change in changes.values()):
        raise RecipeError("The training has left weights that are not numbers", fix="Set a lower learning rate")
    threshold = float("inf")
    if k:
        sizes = np.empty(there, dtype=np.float32)
        start = 0
        for change in changes.values():
            sizes[start : start + change.numel()] = _sizes(change).flatten().numpy()
            start += change.numel()
        sizes.partition(there - k)
        threshold = float(sizes[there - k])
        del sizes
    chosen = {name: _sizes(change) > threshold for name, change in changes.items()}
    left = k - sum(int(mask.sum()) for mask in chosen.values())
    for name, change in changes.items():
        if not left:
            break
        ties = (_sizes(change) == threshold).flatten().nonzero().flatten()[:left]
        chosen[name].view(-1)[ties] = True
        left -= len(ties)
    return chosen


def _sizes(change: torch.Tensor) -> torch.Tensor:
    return change.detach().cpu().float().abs().contiguous()


def _merged(
    one: tuple[torch.Tensor, torch.Tensor], two: tuple[torch.Tensor, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Two sparse vectors added up; at most two values meet in a place, so that the order makes no difference."""
    indices, place = torch.cat([one[0], two[0]]).unique(return_inverse=True)
    values = torch.zeros(len(indices)).index_add_(0, place, torch.cat([one[1], two[1]]))
    return indices, values


def _take(parameter: nn.Parameter, indices: torch.Tensor) -> torch.Tensor:
    return parameter.data.view(-1)[indices.to(parameter.device)]


def _put(parameter: nn.Parameter, indices: torch.Tensor, values: torch.Tensor) -> None:
    flat = parameter.data.view(-1)
    flat[indices.to(flat.device)] = values.to(flat.device, flat.dtype)


def _misfit(what: str) -> ResourceError:
    return ResourceError(what, fix="Use the delta with the network that it was learnt in")

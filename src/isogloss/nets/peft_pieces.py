"""LoRA and IA3: peft's layers, put into a network and taken out as pieces.

Low-rank changes of the queries and values (LoRA, Hu et al. 2021, section 4), and learnt scales of keys, values and the
feed-forward block's inner states (IA3, Liu et al. 2022, section 3.3). What is computed is peft's; where it goes is said
here, by the layers' own names, so that it is the same in every encoder of BERT's shape.

While LoRA or IA3 is in, a weight that one of its layers goes around has another name (``query.base_layer.weight`` for
``query.weight``); :meth:`Piece.holds` says which names are the piece's own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar, Self, cast

import torch
from torch import nn

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.adapters import layers_of, learning_kept, rested
from isogloss.nets.pieces import Piece, check_network, network_fingerprint

Shape = tuple[int, int]
"""Numbers that a layer reads and writes."""


class _Wrapping(Piece):
    """Layers of peft's that go around linear layers of the network.

    Args:
        layers: by the name of the network's layer, peft's around nothing yet.
    """

    def __init__(self, layers: Mapping[str, nn.Module]) -> None:
        self.layers = dict(layers)
        self._network: Any = None

    @property
    def size(self) -> int:
        return sum(parameter.numel() for parameter in self._own().values())

    def check(self, model: nn.Module) -> None:
        self._fits(model)
        check_network(self, model)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Put it in; of several that are nested, the later ones go around the earlier ones.

        Raises:
            RecipeError: it is in a network already, or this one has not the shape of BERT.
            ResourceError: the network has other layers.
        """
        if self._network is not None:
            raise RecipeError("The piece is in a network already", fix="Put it in once, or load it a second time")
        self._fits(model)
        own, device = list(self._own().values()), next(model.parameters()).device
        base: Any = getattr(model, "base_model", model)
        with learning_kept(model), ExitStack() as back:
            back.callback(rested, own)
            for name, layer in self.layers.items():
                path, _, place = name.rpartition(".")
                around: Any = layer.to(device)
                parent, inner = base.get_submodule(path), base.get_submodule(name)
                around.base_layer = inner
                setattr(parent, place, around)
                back.callback(setattr, around, "base_layer", nn.Identity())
                back.callback(setattr, parent, place, inner)
            self._network = model
            back.callback(setattr, self, "_network", None)
            yield

    def holds(self, name: str) -> bool:
        if self._network is None:
            return False
        try:
            parameter = self._network.get_parameter(name)
        except AttributeError:
            return False
        return any(parameter is own for own in self._own().values())

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: own.detach().cpu().float().clone() for name, own in self._own().items()}

    def _own(self) -> dict[str, nn.Parameter]:
        return {
            f"{name}.{part}": parameter
            for name, layer in self.layers.items()
            for part, parameter in layer.named_parameters()
            if not part.startswith("base_layer.")
        }

    def _fill(self, tensors: Mapping[str, torch.Tensor]) -> Self:
        own = self._own()
        if own.keys() != tensors.keys() or any(own[name].shape != tensor.shape for name, tensor in tensors.items()):
            raise ValueError("the weights are others than those of such a piece")
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(tensors[name])
        return self

    def _fits(self, model: nn.Module) -> None:
        """Raises ResourceError where a layer is missing or has another shape."""
        found = linear_shapes(model, self.parts())
        own = {name: (int(layer.in_features), int(layer.out_features)) for name, layer in self._layers()}
        if found.keys() != own.keys():
            raise ResourceError(
                f"The piece was made for {len(own)} layers of other names than the network's {len(found)}",
                fix="Use it in the network it was learnt in",
            )
        for name, shape in own.items():
            if shape != found[name]:
                raise ResourceError(
                    f"The piece was made for a network whose {name} is {shape[0]} to {shape[1]} wide, "
                    f"this one's is {found[name][0]} to {found[name][1]}",
                    fix="Use it in the network it was learnt in",
                )

    def _layers(self) -> Iterable[tuple[str, Any]]:
        return self.layers.items()

    @classmethod
    @abstractmethod
    def parts(cls) -> tuple[str, ...]:
        """Which linear layers it goes around, as :func:`linear_shapes` calls them."""


class LoRA(_Wrapping):
    """Low-rank changes of the queries and values: ``W x + alpha / rank * B A x``.

    Args:
        layers: peft's layers by the network's names.
        rank: width between A and B.
        alpha: weight of the change, times ``rank``.
    """

    kind: ClassVar[str] = "lora"

    def __init__(self, layers: Mapping[str, nn.Module], *, rank: int, alpha: int) -> None:
        super().__init__(layers)
        self.rank, self.alpha = rank, alpha

    @classmethod
    def fresh(cls, model: nn.Module, *, rank: int = 8, alpha: int = 16) -> Self:
        """One that does not change yet what the network computes: B is zero, A drawn from torch's generator.

        Raises:
            RecipeError: the network has not the shape of BERT, or the rank is not positive.
            ResourceError: peft is not installed.
        """
        if rank < 1:
            raise RecipeError(f"A change of rank {rank} is none", fix="Set a rank of 1 or more")
        piece = cls._made(linear_shapes(model, cls.parts()), rank, alpha)
        piece.network = network_fingerprint(model)
        return piece

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        return ("query", "value")

    def settings(self) -> dict[str, Any]:
        return {"rank": self.rank, "alpha": self.alpha}

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> Self:
        shapes = {}
        for name, lower in tensors.items():
            layer, found, _ = name.partition(".lora_A.")
            if found:
                upper = tensors[name.replace(".lora_A.", ".lora_B.")]
                if lower.dim() != 2 or upper.dim() != 2:
                    raise ValueError("the weights are others than those of such a piece")
                shapes[layer] = (lower.shape[1], upper.shape[0])
        return cls._made(shapes, settings["rank"], settings["alpha"])._fill(tensors)

    @classmethod
    def _made(cls, shapes: Mapping[str, Shape], rank: int, alpha: int) -> Self:
        numbers = [str(number) for number in range(len(shapes))]
        peft = peft_package()
        config = peft.LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules=numbers)
        return cls(_around(peft.LoraModel, config, shapes), rank=rank, alpha=alpha)


class IA3(_Wrapping):
    """Learnt scales of the keys, the values and what the feed-forward block's second matrix reads.

    peft's own choice for BERT and RoBERTa, which goes by the end of the name ``output.dense``, also scales what
    attention's output matrix reads; the paper does not, nor is it done here.
    """

    kind: ClassVar[str] = "ia3"

    @classmethod
    def fresh(cls, model: nn.Module) -> Self:
        """One that does not change yet what the network computes: all scales are 1. Raises as :meth:`LoRA.fresh`."""
        piece = cls._made(linear_shapes(model, cls.parts()))
        piece.network = network_fingerprint(model)
        return piece

    @classmethod
    def parts(cls) -> tuple[str, ...]:
        return ("key", "value", "feed-forward")

    def settings(self) -> dict[str, Any]:
        return {"layers": len(self.layers)}

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> Self:
        counts = {name.partition(".ia3_l.")[0]: scales.numel() for name, scales in tensors.items()}
        if len(counts) != settings["layers"]:
            raise ValueError("some of the layers have no scales")
        width = next((count for name, count in counts.items() if ".attention." in name), 0)
        return cls._made({name: (count, width) for name, count in counts.items()})._fill(tensors)

    @classmethod
    def _made(cls, shapes: Mapping[str, Shape]) -> Self:
        peft = peft_package()
        numbers = [str(number) for number in range(len(shapes))]
        inner = [number for number, name in zip(numbers, shapes, strict=True) if ".attention." not in name]
        config = peft.IA3Config(target_modules=numbers, feedforward_modules=inner)
        return cls(_around(peft.IA3Model, config, shapes))


def linear_shapes(model: nn.Module, parts: Iterable[str]) -> dict[str, Shape]:
    """The linear layers of some parts of every layer: by their names in ``base_model``, what they read and write.

    Args:
        model: a network of BERT's shape; the averaging layer of mean pooling has no parts.
        parts: ``query``, ``key``, ``value`` of attention, ``feed-forward`` for its second matrix.

    Raises:
        RecipeError: it has another shape.
    """
    shapes = {}
    for number, layer in enumerate(layers_of(model)):
        mpnet = hasattr(layer.attention, "attn")  # its attention has names of its own
        for part in parts:
            place = "output.dense"
            if part != "feed-forward":
                place = f"attention.attn.{part[0]}" if mpnet else f"attention.self.{part}"
            linear = cast("Any", layer.get_submodule(place))
            shapes[f"encoder.layer.{number}.{place}"] = (int(linear.in_features), int(linear.out_features))
    return shapes


def _around(tuner: Any, config: Any, shapes: Mapping[str, Shape]) -> dict[str, nn.Module]:
    """Layers of peft's for layers of some shapes: made around stand-ins, which are let go."""
    stand_ins = nn.ModuleDict(
        {str(number): nn.utils.skip_init(nn.Linear, *shape) for number, shape in enumerate(shapes.values())}
    )
    tuner(stand_ins, config, "default")
    layers: dict[str, Any] = dict(zip(shapes, stand_ins.values(), strict=True))
    for layer in layers.values():
        layer.base_layer = nn.Identity()
    return layers


def peft_package() -> Any:
    """The package. Raises ResourceError where it is not installed."""
    if find_spec("peft") is None:
        raise ResourceError(
            "LoRA, IA3 and prompts need the package peft, which is not installed", fix="pip install 'isogloss[peft]'"
        )
    return import_module("peft")

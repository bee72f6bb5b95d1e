"""Adapters: a bottleneck after every feed-forward block, and an invertible coupling at the word vectors.

MAD-X (Pfeiffer et al. 2020, sections 3.1-3.3): a language's adapter is learnt by filling in hidden pieces of its raw
text, a task's is learnt over it, and in another language that one's takes its place. The layers' classes stay as they
are: hooks change what reaches the layer normalisation that ends a layer.

With ``s`` the sum of the feed-forward block's output and its residual, every adapter of a stack does, in turn,

    s <- s + up(act(down(LN(s))))

and the layer then normalises ``s``, LN being its own normalisation: this is Pfeiffer placement, with the residual
before and the layer's own normalisation both before and after. The coupling (NICE, Dinh et al. 2014) adds to either
half of a vector what a bottleneck makes of the other half, so that it can be undone exactly before the last layer:

    o1 = e1 + F(e2),  o2 = e2 + G(o1);  e2 = o2 - G(o1),  e1 = o1 - F(e2)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, ClassVar, Literal, Protocol, Self, cast

import torch
from torch import nn

from isogloss.errors import RecipeError, ResourceError
from isogloss.nets.mean_pooling import averaging_layer
from isogloss.nets.pieces import Piece, check_network, network_fingerprint

# B rows, T pieces of text, D width of the network, E width of its word vectors, R width of a bottleneck

Activation = Literal["relu", "gelu", "swish", "tanh"]
ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": nn.functional.relu,
    "gelu": nn.functional.gelu,
    "swish": nn.functional.silu,
    "tanh": torch.tanh,
}
SPREAD = 0.02
"""Standard deviation of a fresh bottleneck's lower weights, as BERT's own weights are drawn."""


class Bottleneck(nn.Module):
    """Down to R, a nonlinearity, up to D again. Fresh, its upper weights are zero: it says nothing."""

    def __init__(self, width: int, narrow: int, activation: str, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.down: nn.Linear = nn.utils.skip_init(nn.Linear, width, narrow)
        self.up: nn.Linear = nn.utils.skip_init(nn.Linear, narrow, width)
        self.activation = ACTIVATIONS[activation]
        nn.init.normal_(self.down.weight, std=SPREAD, generator=generator)
        for rest in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(rest)

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """States (... x D) to what is added to them (... x D), in their own kind of number."""
        inner = self.activation(self.down(states.to(self.down.weight.dtype)))
        return cast("torch.Tensor", self.up(inner)).to(states.dtype)


class Coupling(nn.Module):
    """The invertible part: NICE's additive coupling of the two halves of a vector (E, even)."""

    def __init__(self, width: int, narrow: int, activation: str, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.f = Bottleneck(width // 2, narrow, activation, generator)
        self.g = Bottleneck(width // 2, narrow, activation, generator)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (... x E) to vectors (... x E)."""
        one, two = vectors.chunk(2, dim=-1)
        one = one + self.f(two)
        return torch.cat([one, two + self.g(one)], dim=-1)

    def inverse(self, vectors: torch.Tensor) -> torch.Tensor:
        """The vectors (... x E) that :meth:`forward` makes these of."""
        one, two = vectors.chunk(2, dim=-1)
        two = two - self.g(one)
        return torch.cat([one - self.f(two), two], dim=-1)


class Changes(Protocol):
    """What hooks ask of an adapter, or of two between which each token has its own."""

    def added(self, layer: int, normed_BTD: torch.Tensor) -> torch.Tensor:
        """What is added before a layer's normalisation, of the normalised states."""

    def forth(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        """Word vectors as the layers are to see them."""

    def back(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        """And the reverse."""


class Weights(nn.Module):
    """The weights of an adapter: one bottleneck per layer and, maybe, the coupling."""

    def __init__(self, layers: list[Bottleneck], invertible: Coupling | None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.invertible = invertible

    def added(self, layer: int, normed_BTD: torch.Tensor) -> torch.Tensor:
        return cast("torch.Tensor", self.layers[layer](normed_BTD))

    def forth(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        return vectors_BTE if self.invertible is None else cast("torch.Tensor", self.invertible(vectors_BTE))

    def back(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        return vectors_BTE if self.invertible is None else self.invertible.inverse(vectors_BTE)


class Adapter(Piece):
    """Bottlenecks for every layer of a network and, maybe, an invertible coupling at its word vectors.

    While it is in (:meth:`within`) its weights are parameters of ``model.base_model`` under ``adapters.NUMBER.``, the
    number being that of the pieces that were in already; :meth:`holds` tells them from another adapter's. They are the
    piece's own tensors: a training changes the piece itself.

    Args:
        weights: the modules.
        reduction: by what the bottlenecks are narrower than the network.
        activation: their nonlinearity.
    """

    kind: ClassVar[str] = "adapter"

    def __init__(self, weights: Weights, *, reduction: int, activation: str) -> None:
        self.weights, self.reduction, self.activation = weights, reduction, activation
        self._place = ""

    @classmethod
    def fresh(
        cls,
        model: nn.Module,
        *,
        reduction: int = 16,
        invertible: bool = False,
        activation: Activation = "relu",
        generator: torch.Generator | None = None,
    ) -> Self:
        """An adapter for a network that does not change yet what it computes: the upper weights are zero.

        Args:
            model: the network; it is not changed.
            reduction: the bottlenecks are ``width // reduction`` wide, the coupling's ``width // 2 // reduction``.
            invertible: whether it has the coupling.
            activation: the nonlinearity.
            generator: draws the weights; torch's own where None.

        Raises:
            RecipeError: the network has not the shape of BERT, or is too narrow for the reduction.
        """
        norms = layer_norms(model)
        width, vectors = norms[0].normalized_shape[0], vector_width(model)
        half = vectors // 2 // reduction if reduction > 0 else 0
        narrow = width // reduction if reduction > 0 else 0
        if not narrow or (invertible and not half):
            raise RecipeError(
                f"A network of width {width} cannot be narrowed by a reduction of {reduction}",
                fix=f"Set a reduction between 1 and {min(width, vectors // 2) if invertible else width}",
            )
        if invertible and vectors % 2:
            raise RecipeError(f"Vectors of the odd width {vectors} have no halves", fix="Leave out the invertible part")
        layers = [Bottleneck(width, narrow, activation, generator) for _ in norms]
        coupling = Coupling(vectors, half, activation, generator) if invertible else None
        piece = cls(Weights(layers, coupling), reduction=reduction, activation=activation)
        piece.network = network_fingerprint(model)
        return piece

    @property
    def invertible(self) -> bool:
        """Whether it has the coupling."""
        return self.weights.invertible is not None

    @property
    def size(self) -> int:
        return sum(parameter.numel() for parameter in self.weights.parameters())

    def check(self, model: nn.Module) -> None:
        self._fits(model)
        check_network(self, model)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """Put it in. Of several that are nested, the one that was put in first comes first in every layer.

        Raises:
            RecipeError: it is in a network already, or this one has not the shape of BERT.
            ResourceError: the network has another width or number of layers.
        """
        self._fits(model)
        with self._placed(model), _hooked(model, self.weights):
            yield

    def holds(self, name: str) -> bool:
        return bool(self._place) and self._place in name

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: tensor.detach().cpu().float().clone() for name, tensor in self.weights.state_dict().items()}

    def settings(self) -> dict[str, Any]:
        return {"reduction": self.reduction, "activation": self.activation}

    @classmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> Self:
        activation, count = settings["activation"], sum(name.endswith(".down.bias") for name in tensors)
        invertible, coupling = "invertible.f.down.weight" in tensors, None
        if invertible:
            narrow, half = tensors["invertible.f.down.weight"].shape
            coupling, count = Coupling(2 * half, narrow, activation), count - 2
        narrow, width = tensors["layers.0.down.weight"].shape
        weights = Weights([Bottleneck(width, narrow, activation) for _ in range(count)], coupling)
        try:
            weights.load_state_dict(dict(tensors))
        except RuntimeError as error:
            raise ValueError("the weights are not those of an adapter") from error
        return cls(weights, reduction=settings["reduction"], activation=activation)

    def _fits(self, model: nn.Module) -> None:
        """Raises ResourceError where the shapes are others than the network's."""
        norms, layers = layer_norms(model), self.weights.layers
        own, width = cast("Bottleneck", layers[0]).up.out_features, norms[0].normalized_shape[0]
        if own != width:
            raise _misfit(f"of width {own}", f"{width}")
        if len(layers) != len(norms):
            raise _misfit(f"of {len(layers)} layers", f"{len(norms)}")
        if self.weights.invertible is not None:
            own, width = 2 * self.weights.invertible.f.up.out_features, vector_width(model)
            if own != width:
                raise _misfit(f"with word vectors of width {own}", f"{width}")

    @contextmanager
    def _placed(self, model: nn.Module) -> Iterator[None]:
        if self._place:
            raise RecipeError("The adapter is in a network already", fix="Put it in once, or load it a second time")
        with seated(model, self.weights) as place:
            self._place = place
            try:
                yield
            finally:
                self._place = ""


@contextmanager
def split(first: Adapter, second: Adapter, *, model: nn.Module, second_BT: torch.Tensor) -> Iterator[None]:
    """Two languages in one row: every token goes through its own language's adapter and its own invertible part.

    Args:
        first: the adapter of most tokens.
        second: that of the tokens where ``second_BT`` is true.
        model: the network.
        second_BT: which token (B rows of T, padding too) is the second's; the block is for batches of this shape.

    Raises:
        RecipeError, ResourceError: as :meth:`Adapter.within`; also where a batch has another shape.
    """
    first._fits(model)
    second._fits(model)
    with first._placed(model), second._placed(model), _hooked(model, _Split(first.weights, second.weights, second_BT)):
        yield


class _Split:
    """Each token's own of two: both are computed and one is taken."""

    def __init__(self, first: Weights, second: Weights, second_BT: torch.Tensor) -> None:
        self.first, self.second, self.second_BT1 = first, second, second_BT.bool()[..., None]

    def added(self, layer: int, normed_BTD: torch.Tensor) -> torch.Tensor:
        return self._choose(self.first.added(layer, normed_BTD), self.second.added(layer, normed_BTD))

    def forth(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        return self._choose(self.first.forth(vectors_BTE), self.second.forth(vectors_BTE))

    def back(self, vectors_BTE: torch.Tensor) -> torch.Tensor:
        return self._choose(self.first.back(vectors_BTE), self.second.back(vectors_BTE))

    def _choose(self, first_BTD: torch.Tensor, second_BTD: torch.Tensor) -> torch.Tensor:
        if first_BTD.shape[:2] != self.second_BT1.shape[:2]:
            raise RecipeError(
                f"The batch has the shape {tuple(first_BTD.shape[:2])}, its languages are told for "
                f"{tuple(self.second_BT1.shape[:2])}",
                fix="Say for every token of the batch, padding too, whether it is the second language's",
            )
        return torch.where(self.second_BT1.to(first_BTD.device), second_BTD, first_BTD)


def layers_of(model: nn.Module) -> list[Any]:
    """The layers of a network, without the averaging layer of mean pooling.

    Raises:
        RecipeError: they have not the shape of BERT's.
    """
    base: Any = getattr(model, "base_model", model)
    layers = list(getattr(getattr(base, "encoder", None), "layer", None) or [])
    norms = [getattr(getattr(layer, "output", None), "LayerNorm", None) for layer in layers]
    if not norms or not all(isinstance(norm, nn.LayerNorm) for norm in norms) or not hasattr(base, "embeddings"):
        raise RecipeError(
            f"{type(base).__name__} has not the layers that pieces of this kind are put into",
            fix="Choose an encoder of the shape of BERT, RoBERTa, XLM-R, CamemBERT, ELECTRA or MPNet",
        )
    return layers[:-1] if averaging_layer(base) else layers


def layer_norms(model: nn.Module) -> list[nn.LayerNorm]:
    """The normalisations that end these layers. Raises as :func:`layers_of`."""
    return [layer.output.LayerNorm for layer in layers_of(model)]


@contextmanager
def learning_kept(model: nn.Module) -> Iterator[None]:
    """After the block a network's weights learn, or not, as before it."""
    learning = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        yield
    finally:
        for parameter, learns in learning:
            parameter.requires_grad_(learns)


@contextmanager
def seated(model: nn.Module, module: nn.Module) -> Iterator[str]:
    """While the block runs, a module is one of the network's under ``adapters.NUMBER.``, which it gives."""
    base: Any = getattr(model, "base_model", model)
    module.to(next(model.parameters()).device)
    with learning_kept(model):
        if not hasattr(base, "adapters"):
            base.adapters = nn.ModuleDict()
        number = str(len(base.adapters))
        base.adapters[number] = module
        try:
            yield f"adapters.{number}."
        finally:
            del base.adapters[number]
            if not base.adapters:
                del base.adapters
            rested(module.parameters())


def rested(parameters: Iterable[nn.Parameter]) -> None:
    """A piece's own weights, as they are when it is out of a network: without gradients, and ready to learn."""
    for parameter in parameters:
        parameter.grad = None
        parameter.requires_grad_(True)


@contextmanager
def _hooked(model: nn.Module, changes: Changes) -> Iterator[None]:
    base: Any = getattr(model, "base_model", model)
    outputs: Any = getattr(model, "get_output_embeddings", None)
    last: Any = outputs() if outputs else None
    with ExitStack() as handles:
        for number, norm in enumerate(layer_norms(model)):
            handles.callback(norm.register_forward_pre_hook(partial(_add, changes, number)).remove)
        handles.callback(base.embeddings.register_forward_hook(lambda *call: changes.forth(call[-1])).remove)
        if last is not None:
            # What was done last is undone first.
            undo = last.register_forward_pre_hook(lambda _, given: (changes.back(given[0]),), prepend=True)
            handles.callback(undo.remove)
        yield


def _add(changes: Changes, layer: int, norm: nn.LayerNorm, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    (sum_BTD,) = given
    normed_BTD = nn.functional.layer_norm(sum_BTD, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
    return (sum_BTD + changes.added(layer, normed_BTD).to(sum_BTD.dtype),)


def vector_width(model: nn.Module) -> int:
    """How wide its word vectors are when they leave the embeddings: ELECTRA's may be narrower than its layers."""
    base: Any = getattr(model, "base_model", model)
    return int(base.embeddings.LayerNorm.normalized_shape[0])


def _misfit(made_for: str, has: str) -> ResourceError:
    return ResourceError(
        f"The adapter was made for a network {made_for}, this one has {has}",
        fix="Use it in the network it was learnt in",
    )

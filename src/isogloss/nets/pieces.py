"""Small sets of weights that are put into a network and taken out again: adapters, sparse deltas, LoRA, prompts.

A piece is learnt in one network and belongs to it. While it is in, the network computes something else; when it is out
the network is what it was, bit for bit. Pieces of a language and of a task are put in one after the other.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from torch import nn

from isogloss.errors import ResourceError
from isogloss.nets.mean_pooling import averaging_layer

FORMAT = "isogloss piece 1"
INSERTED = "adapters."
"""In the names of all weights that a piece has put into a network as modules of its own."""
WRAPPED, WRAPPINGS = ".base_layer", (".lora_", ".ia3_")
"""In the name of a weight around whose layer peft has put its own, and in the names of those."""


class Piece(ABC):
    """A small set of weights that is put into a network and taken out again.

    Attributes:
        network: :func:`network_fingerprint` of the network it was learnt in; empty where that is not known.
        facts: what a reader may want to know of it, such as how much text it learnt from, as plain values.
    """

    kind: ClassVar[str]
    network: str = ""
    facts: Mapping[str, Any] = MappingProxyType({})

    def __repr__(self) -> str:
        """Its kind and how many weights it holds, not the weights."""
        return f"<{type(self).__name__}: {self.size:,} weights>"

    @property
    @abstractmethod
    def size(self) -> int:
        """How many weights it holds."""

    @abstractmethod
    def check(self, model: nn.Module) -> None:
        """Raises :class:`ResourceError` where it does not fit into the network, saying in one sentence why."""

    @abstractmethod
    def within(self, model: nn.Module) -> AbstractContextManager[None]:
        """Put it in; when the block ends the network is what it was, bit for bit, and computes what it did."""

    def holds(self, name: str) -> bool:
        """While it is in: whether the network's parameter of that name is one of its own, for a training to pick."""
        return False

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """What a file holds of it."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What else it takes to make it again, as plain values."""

    @classmethod
    @abstractmethod
    def of(cls, tensors: Mapping[str, torch.Tensor], settings: Mapping[str, Any]) -> Self:
        """A piece from what :meth:`tensors` and :meth:`settings` gave."""


def kinds() -> dict[str, type[Piece]]:
    """The kinds of pieces that there are, by the name that a file calls them."""
    from isogloss.nets.adapters import Adapter
    from isogloss.nets.peft_pieces import IA3, LoRA
    from isogloss.nets.prompts import Prompt
    from isogloss.nets.sparse_delta import SparseDelta

    return {piece.kind: piece for piece in (Adapter, SparseDelta, LoRA, IA3, Prompt)}


def save_piece(piece: Piece, path: str | Path) -> None:
    """Write a piece to one safetensors file, staged and renamed; its folder is made."""
    from safetensors.torch import save

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    card = {"kind": piece.kind, "network": piece.network, "settings": piece.settings(), "facts": dict(piece.facts)}
    staged = path.with_name(f".{path.name}")
    tensors = {name: tensor.contiguous() for name, tensor in piece.tensors().items()}
    # One mark: several would be written in an order that changes. Safetensors itself would let nobody else read.
    staged.write_bytes(save(tensors, metadata={FORMAT: json.dumps(card)}))
    staged.replace(path)


def load_piece(path: str | Path) -> Piece:
    """The piece in a file.

    Raises:
        ResourceError: the file is not there, is cut short or damaged, or holds no piece.
    """
    path = Path(path)
    card, tensors = _read(path)
    found = kinds().get(card["kind"])
    if found is None:
        raise ResourceError(f"A piece of the unknown kind '{card['kind']}'", where=path, fix="Update isogloss")
    try:
        piece = found.of(tensors, card["settings"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(path) from error
    piece.network, piece.facts = str(card["network"]), card["facts"]
    return piece


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ResourceError("There is no such file", where=path, fix="Give the file or the run folder of a piece")
    try:
        with safe_open(path, framework="pt") as file:
            marks = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, SafetensorError) as error:
        raise _damaged(path) from error
    if FORMAT not in marks:
        raise ResourceError(
            "The file holds no piece of a network", where=path, fix="Give one that isogloss has written"
        )
    try:
        card = json.loads(marks[FORMAT])
        whole = isinstance(card["facts"], dict) and {"kind", "network", "settings"} <= card.keys()
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    return card, tensors


def _damaged(path: Path) -> ResourceError:
    return ResourceError("The file is damaged or cut short", where=path, fix="Copy it again or make the piece again")


def network_fingerprint(model: nn.Module) -> str:
    """SHA-256 over the weights of a network's body, by name: whoever has the same one can use the same pieces.

    Heads do not count, nor does the pooler, the averaging layer of mean pooling, or what a piece has put in.
    """
    body: Any = getattr(model, "base_model", model)
    apart = {id(parameter) for parameter in averaging_layer(body)}
    digest = hashlib.sha256()
    weights = {name.replace(WRAPPED, ""): parameter for name, parameter in body.named_parameters()}
    for name, parameter in sorted(weights.items()):
        if id(parameter) in apart or name.startswith("pooler.") or any(part in name for part in (INSERTED, *WRAPPINGS)):
            continue
        digest.update(f"{name} {tuple(parameter.shape)}".encode())
        digest.update(parameter.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()


def check_network(piece: Piece, model: nn.Module) -> None:
    """Raises :class:`ResourceError` where a piece was learnt in another network than this one."""
    if piece.network and piece.network != network_fingerprint(model):
        raise ResourceError(
            "The piece was learnt in another network than this one",
            fix="Learn it again in this one, or use it in the one it was learnt in",
        )

"""What every engine is: a network that only runs forward, used where a transformers model would be."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import PretrainedConfig


class Engine(ABC):
    """A network in an engine's own format, called like a transformers model: ``engine(**inputs).logits``.

    Attributes:
        name: the engine's name in ``isogloss.json``.
        files: the files in its folder that make the network, ``config.json`` aside.
        pieces_per_batch: how much is computed at once (``isogloss.train.forward`` asks). Every engine gives an input
            the same logits whatever it is batched with.
        folder: where it was loaded from.
    """

    name: ClassVar[str]
    files: ClassVar[tuple[str, ...]]
    pieces_per_batch: ClassVar[int]
    training: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        import torch
        from transformers import AutoConfig

        self.folder = folder
        self.config: PretrainedConfig = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        self.device = torch.device("cpu")
        self.open(torch.get_num_threads())

    @abstractmethod
    def open(self, threads: int) -> None:
        """Load the network for ``threads`` threads."""

    @abstractmethod
    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Logits (B x C, or B x T x C) of inputs (B x T integers, padded on the right)."""

    def __call__(self, **inputs: torch.Tensor) -> SimpleNamespace:
        """An object with ``logits``, as a model of transformers returns."""
        import torch

        logits = self.run({key: value.numpy() for key, value in inputs.items()})
        return SimpleNamespace(logits=torch.from_numpy(logits))

    def eval(self) -> Engine:
        """Engines know no training."""
        return self

    def train(self, mode: bool = True) -> Engine:
        """Engines know no training: true raises ValueError."""
        if mode:
            raise ValueError("an exported network cannot be trained")
        return self

    def save_pretrained(self, folder: str | Path) -> None:
        """Copy the network's files to a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in ("config.json", *self.files):
            shutil.copy2(self.folder / name, Path(folder) / name)


def package(name: str) -> Any:
    """An optional package. Raises ResourceError naming the extra where it is not installed."""
    if find_spec(name) is None:
        raise ResourceError(
            f"This needs the package {name}, which is not installed", fix='pip install "isogloss[export]"'
        )
    return import_module(name)

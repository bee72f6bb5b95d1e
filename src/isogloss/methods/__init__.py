"""The parts: one technique, one file, in the folder of the stage it acts on.

A part is a frozen keyword-only dataclass whose fields are its hyper-parameters, with one method, ``__call__``. What
that method takes and gives depends on the stage; the protocols below are the whole contract. Parts import torch inside
it, so that listing recipes loads none. ``needs`` names the resources a part cannot do without (``isogloss.recipes``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    import torch

    from isogloss.backbones import Backbone
    from isogloss.example import Example
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.tasks import Prediction, Task
    from isogloss.train import Trained

    Predict = Callable[[Sequence[Example]], list[Prediction]]
    Weights = Mapping[str, torch.Tensor]
    Score = Callable[[Trained, Weights], float]


def part_name(part: object) -> str:
    """``CrossEntropy`` is called ``cross_entropy`` by users."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(part).__name__).lower()


class Part(Protocol):
    """What all parts have."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The resources it cannot do without; a class variable unless they depend on its fields."""


class DataPart(Part, Protocol):
    """Stage 1: changes the text."""

    def __call__(self, problem: Problem, run: Run) -> Problem: ...


class ModelPart(Part, Protocol):
    """Stage 2: changes the network before the task is learnt."""

    changes: ClassVar[tuple[str, ...]]
    """Which of ``vocabulary``, ``depth``, ``weights``, ``delta`` it changes."""

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Backbone: ...


class ObjectivePart(Part, Protocol):
    """Stage 3: learns the task."""

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained: ...


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Finished weights and, for the report, how they were come by."""

    weights: Weights
    how: Mapping[str, Any]


class WeightsPart(Part, Protocol):
    """Stage 4: makes the finished weights out of what training left behind."""

    oracle: ClassVar[bool]
    """Whether ``score`` is computed on target test labels. Such a part must be asked for by name."""

    @property
    def runs(self) -> int:
        """How many trainings it wants.

        The later ones take over the first one's finished head and leave it as it is, unless the part has a field
        ``shared_head`` that is false.
        """

    def __call__(self, trained: Sequence[Trained], score: Score, run: Run) -> Chosen: ...


class InferencePart(Part, Protocol):
    """Stage 5: wraps prediction; the first listed part is the outermost."""

    def __call__(self, predict: Predict, task: Task, run: Run) -> Predict: ...

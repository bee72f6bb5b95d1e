"""Plain fine-tuning on the labelled source data: the objective of every recipe that names no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class CrossEntropy:
    """Fine-tune on source labels with cross-entropy (squared error where the label is a number).

    Attributes:
        trains: ``body`` leaves the input embeddings as they are: four fifths of a multilingual encoder's weights, most
            of them for words the source data never shows; ``seen`` trains all that the training text touches: with no
            weight decay the same as ``all``, which trains everything; ``head`` trains only the new layer.
        freeze_layers: so many encoder layers from below stay as they are too; what they give is computed only once.
        epochs: passes over the training data.
        min_steps: on small data, passes are added until there are so many updates.
        batch_size: texts in an update.
        batch_tokens: where not 0, an update has so many pieces (padding counted) instead.
        learning_rate, head_learning_rate: for the encoder and for the new layer.
        snapshots: states of the weights that are kept for the rule that chooses or averages them.
        max_length: pieces read of a text.
    """

    needs: ClassVar[tuple[str, ...]] = ("train",)

    trains: Literal["all", "seen", "body", "head"] = "body"
    freeze_layers: Annotated[int, Ge(0)] = 0
    epochs: Annotated[int, Ge(1)] = 5
    min_steps: Annotated[int, Ge(0)] = 150
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-4
    head_learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3
    batch_size: Annotated[int, Ge(1)] = 16
    batch_tokens: Annotated[int, Ge(0)] = 0
    warmup: Annotated[float, Ge(0), Le(1)] = 0.1
    weight_decay: Annotated[float, Ge(0)] = 0.01
    max_length: Annotated[int, Ge(8)] = 256
    snapshots: Annotated[int, Ge(1)] = 6

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train one phase on all training examples."""
        from dataclasses import asdict

        from isogloss.train import Phase, train_phases

        examples = problem.train_examples()
        phase = Phase(name="source", examples=examples, **asdict(self))
        return train_phases(backbone.model(problem.task), backbone.tokenizer(), problem.task, [phase], run)

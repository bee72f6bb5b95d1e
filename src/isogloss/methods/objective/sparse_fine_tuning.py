"""Lottery-ticket sparse fine-tuning: few weights of the encoder learn, those that change most when all do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Le

from isogloss.errors import RecipeError
from isogloss.methods.model.language_pieces import load_pieces, source_piece
from isogloss.methods.objective.cross_entropy import CrossEntropy

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.backbones import Backbone
    from isogloss.example import Example
    from isogloss.nets.pieces import Piece
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.tasks import Encoded
    from isogloss.train import Trained
    from isogloss.train.phases import Loss


@dataclass(frozen=True, kw_only=True)
class SparseFineTuning(CrossEntropy):
    """Fine-tune twice from the same weights (LT-SFT; Ansell et al., ACL 2022): all, then those that changed most.

    After the first training everything is put back, the head too. The rest of the encoder is then, bit for bit, what it
    was: what was learnt is a small delta that goes together with a language's.

    Attributes:
        density: the share of the weights that learn in the second training, of those that do in the first. Layer norms
            learn in neither; the word vectors only with ``trains`` = ``all``; the head learns as a whole.
        first_epochs: passes over the training data in the first training; ``epochs`` are those of the second.
        pull: strength of an L1 pull to the weights before, in both; 0 for none.

    All else is as in cross_entropy, the same in both trainings; ``trains`` may not be ``seen`` or ``head``.
    """

    composes: ClassVar[bool] = True

    density: Annotated[float, Gt(0), Le(1)] = 0.08
    first_epochs: Annotated[int, Ge(1)] = 3
    pull: Annotated[float, Ge(0)] = 0.0

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train twice on all training examples, over the piece of the source language where languages have pieces."""
        from isogloss.nets.pieces import network_fingerprint
        from isogloss.train.sparse_tuning import taken_out

        model, languages = backbone.model(problem.task), load_pieces(backbone)
        if not languages:
            return self._tune(model, backbone.tokenizer(), problem, run)
        own = network_fingerprint(model)
        put_in = ExitStack()
        put_in.enter_context(source_piece(languages, problem).within(model))
        trained = self._tune(model, backbone.tokenizer(), problem, run)

        def take_out() -> dict[str, Piece]:
            piece = taken_out(trained, network=own)
            piece.facts = {"task": problem.task.name}
            put_in.close()
            return {**languages, "task": piece}

        return replace(trained, take_out=take_out)

    def _tune(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        problem: Problem,
        run: Run,
        *,
        loss: Loss | None = None,
        encode: Callable[[Sequence[Example]], Encoded] | None = None,
    ) -> Trained:
        """Both trainings, with a loss and an encoding other than the task's where they are given."""
        from isogloss.train import Phase
        from isogloss.train.sparse_tuning import sparse_tune

        if self.trains in ("seen", "head"):
            raise RecipeError(
                f"sparse_fine_tuning cannot choose weights with trains = '{self.trains}'",
                fix="Set trains to body or to all",
            )
        options = {field.name: getattr(self, field.name) for field in fields(CrossEntropy)}
        examples = problem.train_examples()
        phase = Phase(name="sparse", examples=examples, loss=loss, encode=encode, pull=self.pull, **options)
        first = replace(phase, name="dense", epochs=self.first_epochs)
        return sparse_tune(model, tokenizer, problem.task, first=first, phase=phase, run=run, density=self.density)

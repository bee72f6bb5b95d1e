"""The task as a small piece: an adapter, LoRA, IA3 or a soft prompt over the source language's own piece."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le

from isogloss.methods.model.language_pieces import load_pieces, source_piece
from isogloss.methods.objective.cross_entropy import CrossEntropy

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.nets.pieces import Piece
    from isogloss.problem import Problem
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class TaskAdapter(CrossEntropy):
    """Fine-tune a small piece and the head, and leave the encoder and the pieces of languages as they are.

    Attributes:
        kind: ``adapter`` (bottleneck layers), ``lora``, ``ia3`` or ``prompt``.
        reduction: for ``adapter``: how many times narrower than the encoder a bottleneck is.
        rank: for ``lora``.
        vectors: for ``prompt``: how many vectors every text begins with.

    All else is as in cross_entropy; ``trains`` and ``freeze_layers`` have no meaning here.
    """

    composes: ClassVar[bool] = True

    kind: Literal["adapter", "lora", "ia3", "prompt"] = "adapter"
    reduction: Annotated[int, Ge(1)] = 16
    rank: Annotated[int, Ge(1)] = 8
    vectors: Annotated[int, Ge(1)] = 16
    learning_rate: Annotated[float, Gt(0), Le(1)] = 1e-3

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Train over the piece of the source language, where languages have pieces."""
        from isogloss.nets.pieces import network_fingerprint
        from isogloss.train import Phase, train_phases
        from isogloss.train.trainable import in_head

        model, languages = backbone.model(problem.task), load_pieces(backbone)
        own = network_fingerprint(model)
        put_in = ExitStack()
        if languages:
            put_in.enter_context(source_piece(languages, problem).within(model))
        piece = self._fresh(model)
        piece.network = own
        put_in.enter_context(piece.within(model))

        def take_out() -> dict[str, Piece]:
            put_in.close()
            piece.facts = {"task": problem.task.name}
            return {**languages, "task": piece}

        options: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(CrossEntropy)}
        options |= {"trains": lambda name: piece.holds(name) or in_head(model, name), "freeze_layers": 0}
        phase = Phase(name="source", examples=problem.train_examples(), **options)
        return replace(train_phases(model, backbone.tokenizer(), problem.task, [phase], run), take_out=take_out)

    def _fresh(self, model: PreTrainedModel) -> Any:
        """A new piece of the kind; all but a prompt change nothing at first."""
        if self.kind == "adapter":
            from isogloss.nets.adapters import Adapter

            return Adapter.fresh(model, reduction=self.reduction)
        from isogloss.nets.peft_pieces import IA3, LoRA
        from isogloss.nets.prompts import Prompt

        if self.kind == "lora":
            return LoRA.fresh(model, rank=self.rank)
        return IA3.fresh(model) if self.kind == "ia3" else Prompt.fresh(model, vectors=self.vectors)

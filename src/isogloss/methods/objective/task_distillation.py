"""A student learns a task from its teacher's answers, attention and states, without a label."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, cast

from annotated_types import Gt

from isogloss.errors import RecipeError
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from isogloss.backbones import Backbone
    from isogloss.member import Member
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.run import Run
    from isogloss.train import Trained


@dataclass(frozen=True, kw_only=True)
class TaskDistillation(SparseFineTuning):
    """Teach a student the task on the source's texts (BiStil's second phase, Ansell et al., 2023, section 3.3).

    The teacher is the encoder that the student's layers were copied from, once it has learnt the task. The loss is the
    squared differences of attention maps and states plus the cross-entropy of the soft answers; gold labels have no
    part in it, they only say which pieces have an answer. Where answers are numbers, their squared difference.

    Attributes:
        teacher: the recipe by which the teacher learns the task, as a nested run.
        temperature: by which both networks' logits are divided in comparing them.

    All else is as in sparse_fine_tuning and cross_entropy; ``freeze_layers`` must be 0, for all layers are compared.
    """

    composes: ClassVar[bool] = False
    takes_pieces: ClassVar[bool] = True

    teacher: Recipe
    temperature: Annotated[float, Gt(0)] = 2.0

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Fit the teacher, then train the student by sparse fine-tuning."""
        import torch

        from isogloss.nets.student import attention_maps
        from isogloss.train.distilling import task_loss

        if backbone.teacher is None:
            raise RecipeError(
                f"task_distillation teaches a student, and {backbone.id} is none",
                fix="Use it after bilingual_student, as the recipe bistil does",
            )
        if self.freeze_layers:
            raise RecipeError(
                "task_distillation compares all layers, so that none can be left out of the training",
                fix="Set task_distillation.freeze_layers=0",
            )
        model, tokenizer = backbone.model(problem.task), backbone.tokenizer()
        member = self._fit_teacher(backbone.teacher, problem, run)
        if member.tokenizer.get_vocab() != tokenizer.get_vocab():
            raise RecipeError(
                f"The teacher '{self.teacher.name}' reads other pieces than its student",
                fix="Change the vocabulary before bilingual_student, and by no recipe of the teacher's",
            )
        teacher = cast("PreTrainedModel", member.model)
        for network in (model, teacher):
            torch.nn.Module.to(network, run.device)
        with member.composed(problem.source[0]), attention_maps(model, teacher):
            loss = partial(task_loss, teacher=teacher.requires_grad_(False).eval(), temperature=self.temperature)
            return self._tune(model, tokenizer, problem, run, loss=loss)

    def _fit_teacher(self, backbone: Backbone, problem: Problem, run: Run) -> Member:
        """The teacher of the task, of the encoder that the student was made of; its pieces are not in yet."""
        system = run.fit(self.teacher, problem, backbone)
        return system.base or system.members[problem.targets[0]]

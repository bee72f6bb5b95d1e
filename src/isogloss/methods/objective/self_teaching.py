"""FILTER's self-teaching: soft labels for translations, whose own labels are missing or not to be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

from annotated_types import Ge, Gt, Le

from isogloss.errors import RecipeError
from isogloss.methods.objective.filter import Filter

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.backbones import Backbone
    from isogloss.member import Member
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.run import Run
    from isogloss.train import Trained
    from isogloss.train.pairing import Pairing


@dataclass(frozen=True, kw_only=True)
class SelfTeaching(Filter):
    """Train a second FILTER, from the pretrained encoder on, that also learns what the first says of translations.

    Attributes:
        teacher: the recipe of the first one, as a nested run.
        alpha: weight of the teacher on the target side; the labels keep 1 - alpha.
        temperature: by which both networks' logits are divided in comparing them.

    All else is as in filter and cross_entropy.
    """

    teacher: Recipe
    alpha: Annotated[float, Ge(0), Le(1)] = 0.5
    temperature: Annotated[float, Gt(0)] = 1.0

    def __call__(self, backbone: Backbone, problem: Problem, run: Run) -> Trained:
        """Fit the teacher, have it answer for every pair of the training data once, and train the student."""
        model, tokenizer = backbone.model(problem.task), backbone.tokenizer()
        system = run.fit(self.teacher, problem, backbone)
        member = system.base or system.members[problem.targets[0]]
        if member.tokenizer.get_vocab() != tokenizer.get_vocab():
            raise RecipeError(
                f"The teacher '{self.teacher.name}' reads other pieces than its student",
                fix="Choose a teacher that keeps the vocabulary",
            )
        return self._learn(
            model, tokenizer, problem, run,
            teach=partial(_add_soft_labels, member, tokenizer, run), alpha=self.alpha, temperature=self.temperature,
        )  # fmt: skip


def _add_soft_labels(member: Member, tokenizer: PreTrainedTokenizerBase, run: Run, pairing: Pairing) -> None:
    """Put the teacher's logits into every row as ``teacher`` (C, or T x C), read as it reads when predicting."""
    from isogloss.nets.fusion import PairReader, remembered
    from isogloss.train import forward

    model = cast("PreTrainedModel", member.model)
    reading = remembered(model.config) or {"local": 0, "fusion": 0}
    reader = PairReader(model, local=reading["local"], fusion=reading["fusion"])
    features = pairing.readings(tokenizer.model_input_names)
    logits = forward(reader, tokenizer, features, precision=run.precision)  # type: ignore[arg-type]
    for feature, row in zip(pairing.encoded.features, logits, strict=True):
        feature["teacher"] = row

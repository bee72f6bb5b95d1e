"""BiStil: a small student of the encoder for the source and one target, taught twice by its teacher."""

from __future__ import annotations

from isogloss.methods.model.bilingual_student import BilingualStudent
from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.methods.objective.task_distillation import TaskDistillation
from isogloss.recipes.recipe import Recipe
from isogloss.recipes.sparse_fine_tuning import RECIPE as TEACHER

RECIPE = Recipe(
    name="bistil",
    summary="For each target a student of half the layers and the words of two languages, taught without labels, then "
    "by a teacher that knows the task.",
    paper="Ansell, Ponti, Korhonen and Vulić, 'Distilling Efficient Language-Specific Models for Cross-Lingual "
    "Transfer', Findings of ACL 2023",
    link="https://arxiv.org/abs/2306.01709",
    model=(ReduceVocabulary(), BilingualStudent()),
    objective=TaskDistillation(teacher=TEACHER),
    scope="target",
    deviations="500 updates on raw text at a rate of 3e-4, where the paper has 200,000 at 1e-4 (--set "
    "bilingual_student.steps and .learning_rate). No teacher has a delta of a language, which the paper's have where "
    "one exists for the encoder (--set task_distillation.teacher=lt-sft brings one of the source into the second "
    "phase). Held-out lines are spread over the text, not its first 5 %, and are 200 at most. Padding counts neither "
    "in attention maps nor in states (it does in the authors' code), layers are really copied (the published code "
    "draws the student at random), and all single characters stay in the vocabulary. Word vectors learn from raw text "
    "but not from the task (--set task_distillation.trains=all for the paper's choice); rates and numbers of updates "
    "of the task are those of our other recipes. Encoders of the shape of BERT only: not DeBERTa, which the authors "
    "distil too.",
)

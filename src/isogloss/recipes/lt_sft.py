"""LT-SFT: few changed weights for each language and for the task, added up at prediction time."""

from __future__ import annotations

from isogloss.methods.model.language_deltas import LanguageDeltas
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="lt-sft",
    summary="Learn which few weights change for each language and for the task, and add the changes up.",
    paper="Ansell, Ponti, Korhonen and Vulic, 'Composable Sparse Fine-Tuning for Cross-Lingual Transfer', ACL 2022",
    link="https://arxiv.org/abs/2110.07560",
    model=(LanguageDeltas(),),
    objective=SparseFineTuning(),
    deviations="The two trainings on text have as many updates as a few passes over what there is, not 100 epochs. Of "
    "the word vectors those of pieces that the text has may be chosen; the task's deltas leave word vectors alone "
    "(--set sparse_fine_tuning.trains=all for the paper's choice). A delta is a share of the weights that may be "
    "chosen, not the paper's fixed number. An encoder without a head for hidden pieces gets one for each language, "
    "which is trained first.",
)

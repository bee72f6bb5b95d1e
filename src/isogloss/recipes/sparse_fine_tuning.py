"""LT-SFT's task phase alone: the weights that change most learn the task, the others stay as they are."""

from __future__ import annotations

from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="sparse-fine-tuning",
    summary="Fine-tune twice: all weights, then only those that changed most. No language is adapted to.",
    paper="Ansell, Ponti, Korhonen and Vulić, 'Composable Sparse Fine-Tuning for Cross-Lingual Transfer', ACL 2022",
    link="https://arxiv.org/abs/2110.07560",
    objective=SparseFineTuning(),
    deviations="The word vectors do not learn (--set sparse_fine_tuning.trains=all for the paper's choice). Rates and "
    "numbers of updates are those of the other recipes, for small data.",
)

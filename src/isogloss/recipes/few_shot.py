"""Few-shot: a little labelled data of the targets, on top of any zero-shot recipe."""

from __future__ import annotations

from dataclasses import replace

from isogloss.methods.objective.few_shot import FewShot
from isogloss.methods.weights.checkpoint_averaging import CheckpointAveraging
from isogloss.recipes.direct import RECIPE as DIRECT
from isogloss.recipes.recipe import Recipe

NAME = "few-shot"


def few_shot_of(recipe: Recipe) -> Recipe:
    """``recipe`` first, then joint training on the source and the few target labels, averaged."""
    return replace(
        RECIPE,
        name=f"{recipe.name}+{NAME}",
        objective=FewShot(zero_shot=recipe),
        inference=recipe.inference,
        scope=recipe.scope,
        backbone=recipe.backbone,
    )


RECIPE = Recipe(
    name=NAME,
    summary="Go on from the zero-shot weights with a few target labels (few/<language>); --few-shot N for any recipe.",
    paper="Schmidt, Vulic and Glavas, 'Free Lunch: Robust Cross-Lingual Transfer via Model Checkpoint Averaging', "
    "ACL 2023",
    link="https://arxiv.org/abs/2305.16834",
    objective=FewShot(zero_shot=DIRECT),
    weights=CheckpointAveraging(),
    deviations="All targets are trained on together; the numbers of updates and rows are ours.",
)

"""Checkpoint averaging: the mean of late snapshots in place of a chosen one."""

from __future__ import annotations

from isogloss.methods.weights.checkpoint_averaging import CheckpointAveraging
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="checkpoint-averaging",
    summary="Average the weights of late training instead of choosing a checkpoint; add it to any recipe with +.",
    paper="Schmidt, Vulic and Glavas, 'Free Lunch: Robust Cross-Lingual Transfer via Model Checkpoint Averaging', "
    "ACL 2023",
    link="https://arxiv.org/abs/2305.16834",
    weights=CheckpointAveraging(),
    deviations="The paper averages all epochs of a training; early snapshots of a short or slow training spoil that "
    "mean, so the window begins at half of it, and source dev guards it.",
)

"""Run averaging: the mean of several trainings under one frozen head."""

from __future__ import annotations

from isogloss.methods.weights.run_averaging import RunAveraging
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="run-averaging",
    summary="Train several times under the first run's head and average; steadier, at the price of the runs.",
    paper="Schmidt, Vulic and Glavas, 'Free Lunch: Robust Cross-Lingual Transfer via Model Checkpoint Averaging', "
    "ACL 2023",
    link="https://arxiv.org/abs/2305.16834",
    weights=RunAveraging(),
    deviations="The run whose head the others take over is one of those averaged; the paper trains it apart.",
)

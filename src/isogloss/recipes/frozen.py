"""Frozen encoder: only the new layer on top is trained. The floor, in a tenth of the time."""

from __future__ import annotations

from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="frozen",
    summary="Train only the head on top of the encoder as it comes. A quick floor for comparisons.",
    objective=CrossEntropy(trains="head", epochs=20, min_steps=400, head_learning_rate=3e-3),
)

"""Translate-train: source data translated into the targets, with the labels carried over by word alignment."""

from __future__ import annotations

from isogloss.methods.data.translate_train import TranslateTrain
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="translate-train",
    summary="Train on the source data and on their translations into the targets; spans follow by --projector.",
    data=(TranslateTrain(),),
)

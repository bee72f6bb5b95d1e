"""Translate-train and translate-test together: two answers in one."""

from __future__ import annotations

from isogloss.methods.data.translate_train import TranslateTrain
from isogloss.methods.inference.translate_ensemble import TranslateEnsemble
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="translate-ensemble",
    summary="Train as translate-train; answer the text and its translation and combine the two.",
    paper="Ebing and Glavas, 'The Devil Is in the Word Alignment Details', ACL 2025",
    link="https://arxiv.org/abs/2505.10507",
    data=(TranslateTrain(),),
    inference=(TranslateEnsemble(),),
    deviations="The paper combines translate-train and translate-test for tagging; how the two answers are joined is "
    "ours: the union of their spans, and means of class probabilities. One network answers both.",
)

"""T-Projection: candidates in the translation, chosen by how well they translate the span."""

from __future__ import annotations

from isogloss.bridges.projectors.t_projection import TProjection
from isogloss.methods.data.translate_train import TranslateTrain
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="t-projection",
    summary="Translate-train; spans are the candidates of the translation that translate the source span best.",
    paper="Garcia-Ferrero, Agerri and Rigau, 'T-Projection: High Quality Annotation Projection for Sequence Labeling "
    "Tasks', Findings of EMNLP 2023",
    link="https://arxiv.org/abs/2212.10548",
    data=(TranslateTrain(projector=TProjection()),),
    deviations="Candidates are all word sequences without punctuation inside, unless t_projection.generator names an "
    "mT5, and the scorer is the recipe's own translator.",
)

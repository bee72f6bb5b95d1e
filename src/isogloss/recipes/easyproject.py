"""EasyProject: brackets round the spans before translation."""

from __future__ import annotations

from isogloss.bridges.projectors.markers import Markers
from isogloss.methods.data.translate_train import TranslateTrain
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="easyproject",
    summary="Translate-train with brackets round the spans, which are translated with the text.",
    paper="Chen et al., 'Frustratingly Easy Label Projection for Cross-lingual Transfer', Findings of ACL 2023",
    link="https://arxiv.org/abs/2211.15613",
    data=(TranslateTrain(projector=Markers(scheme="brackets")),),
    deviations="The translator is taken as it is; the paper's was trained a little to keep brackets.",
)

"""CODEC, translate-train: markers are put into the finished translation by constrained decoding."""

from __future__ import annotations

from isogloss.bridges.projectors.codec import Codec
from isogloss.methods.data.translate_train import TranslateTrain
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="codec",
    summary="Translate-train; spans are found in the finished translation by constrained decoding.",
    paper="Le et al., 'Constrained Decoding for Cross-lingual Label Projection', ICLR 2024",
    link="https://arxiv.org/abs/2402.03131",
    data=(TranslateTrain(projector=Codec()),),
    deviations="The translator is taken as it is; the paper's was trained a little to keep brackets.",
)

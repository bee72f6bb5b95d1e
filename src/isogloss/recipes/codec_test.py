"""CODEC, translate-test: answers on the translation are carried back by constrained decoding."""

from __future__ import annotations

from isogloss.bridges.projectors.codec import Codec
from isogloss.methods.inference.translate_test import TranslateTest
from isogloss.recipes.codec import RECIPE as CODEC
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="codec-test",
    summary="Translate-test; answers are carried back onto the original words by constrained decoding.",
    paper=CODEC.paper,
    link=CODEC.link,
    inference=(TranslateTest(projector=Codec(setting="test")),),
    deviations=CODEC.deviations,
)

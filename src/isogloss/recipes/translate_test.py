"""Translate-test: target texts are translated into the source language and answered there."""

from __future__ import annotations

from isogloss.methods.inference.translate_test import TranslateTest
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="translate-test",
    summary="Answer the translation into the source language; spans are carried back by --projector.",
    inference=(TranslateTest(),),
)

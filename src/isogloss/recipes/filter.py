"""FILTER: a text and its translation are read together."""

from __future__ import annotations

from isogloss.methods.data.translated_views import TranslatedViews
from isogloss.methods.inference.source_view import SourceView
from isogloss.methods.objective.filter import Filter
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="filter",
    summary="Read every text together with its translation, fused in some layers, in training and in use.",
    paper="Fang, Wang, Gan, Sun and Liu, 'FILTER: An Enhanced Fusion Method for Cross-lingual Language Understanding', "
    "AAAI 2021",
    link="https://arxiv.org/abs/2009.05166",
    data=(TranslatedViews(),),
    objective=Filter(),
    inference=(SourceView(),),
    deviations="The source side's class is read at its own first token (the authors' code takes the second token of "
    "the target side). The number of fusion layers follows the encoder's depth (their code is written for 24 layers). "
    "The checkpoint is chosen on translated source dev, not on the dev sets of the targets. Learning rates, epochs and "
    "what of the embeddings trains are those of cross_entropy. The head is the library's own.",
)

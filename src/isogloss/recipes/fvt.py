"""Fast vocabulary transfer: a tokenizer for the targets, each new row the mean of the old pieces."""

from __future__ import annotations

from isogloss.methods.model.embedding_transplant import EmbeddingTransplant
from isogloss.recipes.recipe import Recipe
from isogloss.transplant.initialisers.subword_mean import SubwordMean

RECIPE = Recipe(
    name="fvt",
    summary="Train a tokenizer on the targets' raw text; its new rows are means of the old pieces that write them.",
    paper="Gee, Zugarini, Rigutini and Torroni, 'Fast Vocabulary Transfer for Language Model Compression', "
    "EMNLP 2022 (industry track)",
    link="https://arxiv.org/abs/2402.09977",
    model=(EmbeddingTransplant(initialiser=SubwordMean()),),
    deviations="The paper goes on with masked-language modelling on in-domain text before it fine-tunes; here the "
    "task is learnt at once. The new tokenizer is trained on source and target text in equal parts.",
)

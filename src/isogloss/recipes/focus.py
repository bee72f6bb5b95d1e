"""FOCUS: new rows are weighted means of the rows of similar shared tokens."""

from __future__ import annotations

from isogloss.methods.model.embedding_transplant import EmbeddingTransplant
from isogloss.recipes.recipe import Recipe
from isogloss.transplant.initialisers.focus import Focus

RECIPE = Recipe(
    name="focus",
    summary="Change the tokenizer; a new token's row is a sparse mean of the rows of similar shared tokens.",
    paper="Dobler and de Melo, 'FOCUS: Effective Embedding Initialization for Monolingual Specialization of "
    "Multilingual Models', EMNLP 2023",
    link="https://arxiv.org/abs/2305.14481",
    model=(EmbeddingTransplant(initialiser=Focus()),),
    deviations="Token vectors are fastText's CBOW by gensim on one thread, with 500,000 slots for parts of tokens "
    "instead of two million, and in text of less than a million tokens a token need occur less than ten times. The "
    "paper goes on with language modelling on target text; here the task is learnt at once. The new tokenizer is "
    "multilingual: it is trained on source and target text.",
)

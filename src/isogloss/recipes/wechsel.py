"""WECHSEL: new rows are means of the rows of old tokens whose meaning is near."""

from __future__ import annotations

from isogloss.methods.model.embedding_transplant import EmbeddingTransplant
from isogloss.recipes.recipe import Recipe
from isogloss.transplant.initialisers.wechsel import Wechsel

RECIPE = Recipe(
    name="wechsel",
    summary="Change the tokenizer; every row is a mean of those of the nearest old tokens in aligned word vectors.",
    paper="Minixhofer, Paischer and Rekabsaz, 'WECHSEL: Effective initialization of subword embeddings for "
    "cross-lingual transfer of monolingual language models', NAACL 2022",
    link="https://aclanthology.org/2022.naacl-main.293",
    model=(EmbeddingTransplant(initialiser=Wechsel()),),
    deviations="Word vectors are trained on the problem's own text, the source's training text and the targets' raw "
    "text, where the paper takes published ones made from far more. Without wechsel.lexicon the pairs of words are "
    "those spelt alike in both. Parts of words that training never saw count as no vector; tokens without a vector are "
    "no one's neighbours. The paper goes on with language modelling on target text; here the task is learnt at once.",
)

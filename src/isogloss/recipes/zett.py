"""Zero-shot tokenizer transfer: another vocabulary, with word vectors predicted by a hypernetwork."""

from __future__ import annotations

from isogloss.methods.model.embedding_transplant import EmbeddingTransplant
from isogloss.recipes.recipe import Recipe
from isogloss.transplant.initialisers.zett import Zett

RECIPE = Recipe(
    name="zett",
    summary="A tokenizer for the targets; its word vectors come from a hypernetwork over many tokenizers.",
    paper="Minixhofer, Ponti and Vulic, 'Zero-Shot Tokenizer Transfer', NeurIPS 2024",
    link="https://arxiv.org/abs/2405.07883",
    model=(EmbeddingTransplant(initialiser=Zett()),),
    deviations="The hypernetwork is trained for minutes, not for 200,000 steps on TPUs: fewer and smaller steps, one "
    "layer in place of three, higher rates. Drawn tokenizers are made of characters, not of bytes, and split text at "
    "blanks only. An encoder without a masked-language head gets one, trained on its original vocabulary with the body "
    "frozen. The hypernetwork that the recipe trains knows no languages (train_hypernetwork can). The output biases it "
    "learns are used in its training only. zett.residual and zett.apart are ours, not the paper's.",
)

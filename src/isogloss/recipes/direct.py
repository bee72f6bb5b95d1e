"""Direct transfer: fine-tune a multilingual encoder on the source language, use it on the others as it is."""

from __future__ import annotations

from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="direct",
    summary="Fine-tune on the source language, apply to the targets unchanged. The yardstick of all others.",
    paper="Wu and Dredze, 'Beto, Bentz, Becas: The Surprising Cross-Lingual Effectiveness of BERT', EMNLP 2019",
    link="https://arxiv.org/abs/1904.09077",
    deviations="The input embeddings stay as they are unless cross_entropy.trains is 'all'; "
    "the encoder and the checkpoint rule are ours to choose.",
)

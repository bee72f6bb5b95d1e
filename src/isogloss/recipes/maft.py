"""MAFT: pretraining goes on with raw text of all targets and the source together."""

from __future__ import annotations

from isogloss.methods.model.continued_pretraining import ContinuedPretraining
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="maft",
    summary="Go on pretraining on raw text of all targets and the source together, then transfer.",
    paper="Alabi, Adelani, Mosbach and Klakow, 'Adapting Pre-trained Language Models to African Languages via "
    "Multilingual Adaptive Fine-Tuning', COLING 2022",
    link="https://arxiv.org/abs/2204.06487",
    model=(ContinuedPretraining(),),
    deviations="A hidden piece is told apart from those that the text has, not from the whole vocabulary, and the word "
    "vectors of other pieces stay as they are (--set continued_pretraining.softmax=all for the paper's). Where the "
    "encoder comes without a head that predicts pieces, a fresh one is trained first. A line is a row of its own; rows "
    "of like length share an update. The source's own training texts stand for its raw text where it has none.",
)

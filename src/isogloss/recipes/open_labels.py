"""Open labels: entities of types that are named when predicting."""

from __future__ import annotations

from isogloss.methods.objective.open_labels import OpenLabels
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="open-labels",
    summary="Match spans with the names of labels: entities of any types, named when predicting (--labels a,b,c).",
    paper="Zaratiana, Tomeh, Holat and Charnois, 'GLiNER: Generalist Model for Named Entity Recognition using "
    "Bidirectional Transformer', NAACL 2024",
    link="https://arxiv.org/abs/2311.08526",
    objective=OpenLabels(),
    deviations="Names of labels are encoded apart from the text, by the same encoder, so that they are encoded once "
    "and do not use up its length. A span network has one hidden layer and a fixed code of the width; all its weights "
    "are those of a stock tagging head. Negative labels are drawn for each update, not each text. Before training the "
    "head is shifted and stretched so that its outputs differ between pieces and between names "
    "(Mishkin and Matas, ICLR 2016).",
)

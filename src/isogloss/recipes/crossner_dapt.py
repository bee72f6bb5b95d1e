"""Entities of a domain: pretraining goes on with text of the domain, then general labels, then a few of its own."""

from __future__ import annotations

from isogloss.methods.data.select_text import SelectText
from isogloss.methods.model.continued_pretraining import ContinuedPretraining
from isogloss.methods.objective.staged import Staged
from isogloss.methods.weights.last import Last
from isogloss.recipes.recipe import Recipe

RECIPE = Recipe(
    name="crossner-dapt",
    summary="Adapt to a domain: choose its text from raw text, go on pretraining on it, learn general and own labels.",
    paper="Liu et al., 'CrossNER: Evaluating Cross-Domain Named Entity Recognition', AAAI 2021",
    link="https://arxiv.org/abs/2012.04373",
    data=(SelectText(level="integrated"),),
    model=(ContinuedPretraining(languages="targets", masking="spans", rate=0.2, epochs=15),),
    objective=Staged(regime="source_then_target"),
    weights=Last(),
    deviations="The domain is a target of its own (eng-x-ai), its few labelled sentences are few/eng-x-ai, and text is "
    "chosen from unlabelled/eng-x-ai by whole words, where the paper follows Wikipedia's links and categories; for the "
    "level of the domain by cross-entropy difference. How often the integrated corpus repeats the lines of the task is "
    "our choice. The paper stops training by the domain's development labels: here it lasts a set number of passes and "
    "ends where it ends. A label of both sides has one output; the published code counts the labels of each side anew. "
    "For joint training with few updates, lower staged.upsample or staged.source_epochs.",
)

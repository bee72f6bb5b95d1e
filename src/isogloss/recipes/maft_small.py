"""MAFT on a reduced vocabulary."""

from __future__ import annotations

from dataclasses import replace

from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.recipes.maft import RECIPE as MAFT

RECIPE = replace(
    MAFT,
    name="maft-small",
    summary="maft on an encoder that keeps only the pieces its languages use: a third of the size.",
    model=(ReduceVocabulary(), *MAFT.model),
    deviations=f"Pieces stay that are a millionth of a language's running text, and all single characters; the paper's "
    f"rule is not published. {MAFT.deviations}",
)

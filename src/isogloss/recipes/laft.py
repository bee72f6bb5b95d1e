"""LAFT: pretraining goes on with raw text of one target, for each target anew."""

from __future__ import annotations

from dataclasses import replace

from isogloss.methods.model.continued_pretraining import ContinuedPretraining
from isogloss.recipes.maft import RECIPE as MAFT

RECIPE = replace(
    MAFT,
    name="laft",
    summary="Go on pretraining on raw text of one target, for each target anew: the baseline of maft.",
    model=(ContinuedPretraining(languages="targets"),),
    scope="target",
)

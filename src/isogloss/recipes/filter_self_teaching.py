"""FILTER with self-teaching: a first network's answers for translations teach a second one."""

from __future__ import annotations

from dataclasses import replace

from isogloss.methods.objective.self_teaching import SelfTeaching
from isogloss.recipes.filter import RECIPE as FILTER

RECIPE = replace(
    FILTER,
    name="filter-self-teaching",
    summary="FILTER twice: the first network's soft answers for translated training texts teach the second.",
    objective=SelfTeaching(teacher=FILTER),
    deviations=f"{FILTER.deviations} The divergence is a mean over examples (the authors' code also divides by the "
    "number of classes, and normalises answers over all the texts of a batch). The weight 0.5 and the temperature 1 "
    "are ours: the paper's are not given in their code.",
)

"""The recipes: one short file for each paper. Listing them imports no torch.

A recipe is found by its name in this folder or, from another package, by an entry point of the group
``isogloss.recipes`` that leads to a :class:`Recipe`.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from isogloss.errors import RecipeError, ResourceError, unknown
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.oracle import Oracle
from isogloss.methods.weights.source_dev import SourceDev
from isogloss.recipes.recipe import Recipe, part_name

if TYPE_CHECKING:
    from isogloss.methods import WeightsPart
    from isogloss.problem import Problem

__all__ = ["SELECTION", "Recipe", "catalogue", "check_needs", "part_name", "resolve"]

SELECTION: dict[str, type[WeightsPart]] = {"source_dev": SourceDev, "last": Last, "oracle": Oracle}
"""Rules by which a checkpoint can be chosen: the values of ``--select``."""

NEEDS = {
    "train": "labelled training data of the source language (train/<source>.jsonl)",
    "dev": "labelled development data of the source language (dev/<source>.jsonl), or --select last",
    "test": "test data of the target languages (test/<target>.jsonl)",
    "few": "a few labelled target examples (few/<target>.jsonl)",
    "unlabelled": "raw text of the target languages (unlabelled/<target>.txt)",
    "parallel": "parallel text (parallel/<source>-<target>.tsv)",
}


@cache
def catalogue() -> dict[str, Recipe]:
    """All recipes by name, those of installed third parties included."""
    found: dict[str, Recipe] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name != "recipe":
            recipe: Recipe = import_module(f"{__name__}.{module.name}").RECIPE
            found[recipe.name] = recipe
    for entry in entry_points(group="isogloss.recipes"):
        found.setdefault(entry.name, entry.load())
    return dict(sorted(found.items()))


def resolve(recipe: str | Recipe, *, settings: Mapping[str, str] | None = None, select: str | None = None) -> Recipe:
    """A recipe from a name such as ``maft+filter``, with changed settings and selection rule.

    Raises:
        RecipeError: a name is unknown, parts do not go together, a setting does not fit, or the recipe selects on
            target labels without having been asked to by name.
    """
    if isinstance(recipe, str):
        known = catalogue()
        names = [name.strip() for name in recipe.split("+")]
        for name in names:
            if name not in known:
                raise RecipeError(unknown("recipe", name, known).rstrip("."))
        combined = known[names[0]]
        for name in names[1:]:
            combined = combined + known[name]
        recipe = combined
    if recipe.finishes_by.oracle and select != "oracle":
        raise RecipeError(
            f"'{recipe.name}' would choose its checkpoint on target test labels",
            fix="Ask for it by name: --select oracle",
        )
    if select is not None:
        if select not in SELECTION:
            raise RecipeError(unknown("selection rule", select, SELECTION).rstrip("."))
        recipe = replace(recipe, weights=SELECTION[select]())
    return recipe.set(settings or {})


def check_needs(recipe: Recipe, problem: Problem) -> None:
    """Refuse to start when a resource is missing. Raises ResourceError naming the file or option."""
    for need in recipe.needs:
        if not getattr(problem, need):
            raise ResourceError(
                f"The recipe '{recipe.name}' needs {NEEDS[need]}, and {problem.name} has none",
                fix="Add it or choose another recipe",
            )

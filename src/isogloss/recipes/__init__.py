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
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.bridges.base import Projector
from isogloss.errors import RecipeError, ResourceError, unknown
from isogloss.methods import part_name
from isogloss.methods.objective.few_shot import FewShot
from isogloss.methods.weights.checkpoint_averaging import CheckpointAveraging
from isogloss.methods.weights.last import Last
from isogloss.methods.weights.oracle import Oracle
from isogloss.methods.weights.run_averaging import RunAveraging
from isogloss.methods.weights.source_dev import SourceDev
from isogloss.recipes.few_shot import NAME as FEW_SHOT
from isogloss.recipes.few_shot import few_shot_of
from isogloss.recipes.recipe import Recipe
from isogloss.recipes.written import Written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from isogloss.bridges.base import Ability, Translator
    from isogloss.methods import WeightsPart
    from isogloss.problem import Problem

__all__ = ["SELECTION", "Recipe", "catalogue", "check_needs", "part_name", "resolve", "translates"]

SELECTION: dict[str, type[WeightsPart]] = {
    "source_dev": SourceDev,
    "last": Last,
    "checkpoint_averaging": CheckpointAveraging,
    "run_averaging": RunAveraging,
    "oracle": Oracle,
}
"""Rules by which the weights are chosen or averaged: the values of ``--select``."""

NEEDS = {
    "train": "labelled training data of the source language (train/<source>.jsonl)",
    "dev": "labelled development data of the source language (dev/<source>.jsonl), or --select last",
    "test": "test data of the target languages (test/<target>.jsonl)",
    "few": "a few labelled target examples (few/<target>.jsonl)",
    "unlabelled": "raw text of the target languages (unlabelled/<target>.txt)",
    "parallel": "parallel text (parallel/<source>-<target>.tsv)",
    "into_target": "a translator from the source language into the targets",
    "into_source": "a translator from the targets into the source language",
}
TARGET_NEEDS = {
    "few": "few/{target}.jsonl",
    "unlabelled": "unlabelled/{target}.txt",
    "parallel": "parallel/{source}-{target}.tsv",
    "into_target": "translator from {source} into {target}",
    "into_source": "translator from {target} into {source}",
}
"""The needs that every target has for itself, and the file or program that serves each."""
TRANSLATION = frozenset({"into_target", "into_source"})


@cache
def catalogue() -> dict[str, Recipe]:
    """All recipes by name, those of installed third parties included."""
    found: dict[str, Recipe] = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name not in ("recipe", "written"):
            recipe: Recipe = import_module(f"{__name__}.{module.name}").RECIPE
            found[recipe.name] = recipe
    for entry in entry_points(group="isogloss.recipes"):
        found.setdefault(entry.name, entry.load())
    return dict(sorted(found.items()))


def resolve(
    recipe: str | Recipe,
    *,
    settings: Mapping[str, str] | None = None,
    select: str | None = None,
    few_shot: int | None = None,
    projector: str | None = None,
) -> Recipe:
    """A recipe from a name such as ``maft+filter`` or a ``recipe.toml``, with changed settings and selection rule.

    ``+few-shot``, or ``few_shot`` with the number of labels, puts few-shot training on top of what is named before it.

    Raises:
        RecipeError: a name is unknown, parts do not go together, a setting does not fit, or the recipe selects on
            target labels without having been asked to by name.
    """
    if isinstance(recipe, str) and recipe.endswith(".toml"):
        written = Written.read(Path(recipe))
        again = resolve(
            written.recipe,
            settings=written.settings | dict(settings or {}),
            select=select or written.select,
            few_shot=few_shot,
            projector=projector,
        )
        return replace(again, backbone=written.backbone or again.backbone)
    if isinstance(recipe, str):
        known = catalogue()
        names = [name.strip() for name in recipe.split("+")]
        for name in names:
            if name not in known:
                raise RecipeError(unknown("recipe", name, known).rstrip("."))
        combined = known[names[0]]
        for name in names[1:]:
            combined = few_shot_of(combined) if name == FEW_SHOT else combined + known[name]
        recipe = combined
    if few_shot is not None:
        recipe = recipe if any(isinstance(part, FewShot) for part in recipe.parts()) else few_shot_of(recipe)
        recipe = recipe.set({"few_shot.shots": str(few_shot)})
    if any(each.finishes_by.oracle for each in (recipe, *recipe.nested())) and select != "oracle":
        raise RecipeError(
            f"'{recipe.name}' would choose its checkpoint on target test labels",
            fix="Ask for it by name: --select oracle",
        )
    if select is not None:
        if select not in SELECTION:
            raise RecipeError(unknown("selection rule", select, SELECTION).rstrip("."))
        if part_name(recipe.finishes_by) != select:
            recipe = replace(recipe, weights=SELECTION[select]())
    if projector is not None:
        held = {name: getattr(part, "projector", None) for name, part in recipe.named_parts().items()}
        holders = [name for name, tool in held.items() if isinstance(tool, Projector)]
        if not holders:
            raise RecipeError(f"No part of recipe '{recipe.name}' uses a projector", fix="Leave --projector out")
        recipe = recipe.set({f"{name}.projector": projector for name in holders})
    recipe = recipe.set(settings or {})
    for each in (recipe, *recipe.nested()):
        _check_pieces(each)
    return recipe


def _check_pieces(recipe: Recipe) -> None:
    """Raises RecipeError where languages have pieces and another part of the recipe knows nothing of them."""
    for part in recipe.parts():
        for inner in vars(part).values():
            pieces = isinstance(inner, Recipe) and any("delta" in each.changes for each in inner.model)
            if pieces and not getattr(part, "takes_pieces", False):
                raise RecipeError(
                    f"'{inner.name}' has a piece for each language, and {part_name(part)} would go on without them",
                    fix="Leave one of the two out",
                )
    learner = next((part for part in recipe.model if "delta" in part.changes), None)
    if learner is None:
        return
    if not getattr(recipe.learns_by, "composes", False):
        raise RecipeError(
            f"{part_name(learner)} learns a piece for each language, and {part_name(recipe.learns_by)} cannot learn a "
            "task over it",
            fix="Name language-adapters or lt-sft alone, with what changes the encoder before them",
        )
    if recipe.finishes_by.oracle:
        raise RecipeError(
            f"{recipe.name} has a piece for each language, and the oracle does not swap them",
            fix="Choose another --select",
        )


def translates(recipe: Recipe) -> bool:
    """Whether some part, also of a nested recipe, needs a translator."""
    return bool(TRANSLATION & set(recipe.needs))


def check_needs(
    recipe: Recipe, problem: Problem, *, translator: Translator | None = None, skip_unserved: bool = False
) -> dict[str, str]:
    """Refuse to start when a resource is missing.

    Args:
        recipe: its needs, those of nested recipes among them.
        problem: what there is.
        translator: for recipes that translate.
        skip_unserved: leave out targets that a resource cannot serve, as long as one is left.

    Returns:
        Targets that are left out, each with the reason; none without ``skip_unserved``.

    Raises:
        ResourceError: a resource is missing; the message names the file or option.
        RecipeError: a part needs something that no problem can have.
    """
    needs = set(recipe.needs)
    if strange := sorted(needs - NEEDS.keys()):
        raise RecipeError(unknown("need", strange[0], NEEDS).rstrip("."))
    for need in sorted(needs - TARGET_NEEDS.keys()):
        if not any(problem.source_examples(need) if need != "test" else map(problem.test.get, problem.targets)):
            raise ResourceError(
                f"The recipe '{recipe.name}' needs {NEEDS[need]}, and {problem.name} has none",
                fix="Add it or choose another recipe",
            )
    unserved: dict[str, str] = {}
    asked = sorted({ability for part in recipe.all_parts() if isinstance(part, Projector) for ability in part.needs})
    for need in sorted(needs & TARGET_NEEDS.keys()):
        files = {
            lang: _file(need, problem, lang)
            for lang in problem.targets
            if not (
                _translated(need, problem, lang, translator, asked)
                if need in TRANSLATION
                else _serves(need, problem, lang)
            )
        }
        if files and (not skip_unserved or len({*unserved, *files}) == len(problem.targets)):
            lang, file = next(iter(files.items()))
            what = f"The recipe '{recipe.name}' needs {NEEDS[need]}, and there is none for {problem.spelling(lang)}"
            if need in TRANSLATION and translator is not None:
                able = f" that can {' and '.join(asked)}" if asked and problem.task.has_spans else ""
                what += f"{able} (translator: '{translator.id}')"
            mend = f"Name a {file}" if need in TRANSLATION else f"Add {file}"
            raise ResourceError(what, fix=f"{mend}, or leave out what cannot be served with --skip-unserved")
        unserved = {lang: f"there is no {file}" for lang, file in files.items()} | unserved
    return unserved


def _translated(
    need: str, problem: Problem, target: str, translator: Translator | None, asked: Sequence[Ability]
) -> bool:
    """Whether the pair is served; answers with spans are always projected from the source to the target."""
    if translator is None:
        return False
    spans = asked if problem.task.has_spans else ()
    return any(
        translator.serves(*((lang, target) if need == "into_target" else (target, lang)))
        and (not spans or translator.can(spans, lang, target))
        for lang in problem.source
    )


def _serves(need: str, problem: Problem, target: str) -> bool:
    if need == "parallel":
        return any(problem.parallel.get(pair) for lang in problem.source for pair in ((lang, target), (target, lang)))
    found: Mapping[str, object] = getattr(problem, need)
    return bool(found.get(target))


def _file(need: str, problem: Problem, target: str) -> str:
    return TARGET_NEEDS[need].format(source=problem.spelling(problem.source[0]), target=problem.spelling(target))

"""Initialisers by name: each makes the rows of a new vocabulary in its own way."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from isogloss.errors import RecipeError, unknown

if TYPE_CHECKING:
    from isogloss.transplant.base import Initialiser

# The file of this folder that has the class, and the class.
INITIALISERS: dict[str, tuple[str, str]] = {
    "zero": ("zero", "Zero"),
    "random": ("random", "Random"),
    "mean": ("mean", "Mean"),
    "subword_mean": ("subword_mean", "SubwordMean"),
    "wechsel": ("wechsel", "Wechsel"),
    "focus": ("focus", "Focus"),
    "omp": ("omp", "Omp"),
    "zett": ("zett", "Zett"),
}


def find_initialiser(name: str) -> Initialiser:
    """The initialiser of a name, with its default settings.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in INITIALISERS:
        raise RecipeError(unknown("initialiser", name, INITIALISERS).rstrip("."))
    module, kind = INITIALISERS[name]
    found: Initialiser = getattr(import_module(f"{__name__}.{module}"), kind)()
    return found

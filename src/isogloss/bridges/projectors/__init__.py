"""Label projectors by name: each carries labelled spans from a sentence over to its translation."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from isogloss.errors import RecipeError, ResourceError, unknown

if TYPE_CHECKING:
    from isogloss.bridges.base import Projector, Translator

# The file of this folder that has the class, the class, and settings other than its defaults.
PROJECTORS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "copy": ("copy", "Copy", {}),
    "markers": ("markers", "Markers", {"scheme": "auto"}),
    "easyproject": ("markers", "Markers", {"scheme": "brackets"}),
    "xml": ("markers", "Markers", {"scheme": "xml"}),
    "align": ("align", "Align", {}),
    "codec": ("codec", "Codec", {}),
    "t_projection": ("t_projection", "TProjection", {}),
    "ensemble": ("ensemble", "Ensemble", {}),
}


def find_projector(name: str) -> Projector:
    """The projector of a name, with its default settings.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in PROJECTORS:
        raise RecipeError(unknown("projector", name, PROJECTORS).rstrip("."))
    module, kind, settings = PROJECTORS[name]
    projector: Projector = getattr(import_module(f"{__name__}.{module}"), kind)(**settings)
    return projector


def check_translator(projector: Projector, translator: Translator | None) -> None:
    """Refuse a projector that needs what the translator cannot do.

    Raises:
        ResourceError: names the projector, the translator and the ability that is missing.
    """
    for ability in projector.needs:
        if translator is None:
            raise ResourceError(f"The projector '{projector.name}' needs a translator", fix="Name one: --translator ID")
        if ability not in translator.abilities:
            raise ResourceError(
                f"The projector '{projector.name}' needs a translator that can '{ability}', and '{translator.id}' "
                f"cannot (it can: {', '.join(sorted(translator.abilities)) or 'translate only'})",
                fix="Name another translator or another projector",
            )

"""A recipe written to a file: ``recipe.toml`` in a run folder holds everything that was resolved."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from isogloss.errors import RecipeError

KEYS = ("recipe", "backbone", "select", "seeds", "precision", "translator")


@dataclass(frozen=True, kw_only=True)
class Written:
    """The content of ``recipe.toml``: names and values only, nothing that is imported or run."""

    recipe: str
    backbone: str | None = None
    select: str | None = None
    seeds: tuple[int, ...] | None = None
    precision: str | None = None
    translator: str | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Written:
        """Read the file. Raises RecipeError if it is not one that a run has written."""
        try:
            content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RecipeError(
                f"The recipe cannot be read ({error})", where=path, fix="Give a run's recipe.toml"
            ) from None
        if not isinstance(content.get("recipe"), str):
            raise RecipeError("The file names no recipe", where=path, fix='Add a line recipe = "direct"')
        plain = {key: content.pop(key) for key in KEYS if key in content}
        if strange := [key for key, value in content.items() if not isinstance(value, dict)]:
            raise RecipeError(f"The setting '{strange[0]}' is unknown", where=path, fix=f"Known: {', '.join(KEYS)}")
        settings = {
            f"{part}.{name}": ",".join(map(str, value)) if isinstance(value, list) else str(value)
            for part, values in content.items()
            for name, value in values.items()
        }
        seeds = plain.pop("seeds", None)
        if seeds is not None and not (isinstance(seeds, list) and all(isinstance(seed, int) for seed in seeds)):
            raise RecipeError("'seeds' is not a list of whole numbers", where=path, fix="Write seeds = [1, 2, 3]")
        return cls(**plain, seeds=None if seeds is None else tuple(seeds), settings=settings)

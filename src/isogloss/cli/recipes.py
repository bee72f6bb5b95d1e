"""``isogloss recipes``: what there is to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from isogloss.cli.options import Json, Quiet
from isogloss.cli.talk import print_json, print_table

if TYPE_CHECKING:
    from isogloss.recipes import Recipe

EXAMPLES = """\b
Examples:
  isogloss recipes
  isogloss recipes direct
"""


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Show this one, or a composition a+b, in full.", show_default=False),
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """List the recipes, or show one with its settings."""
    from isogloss.recipes import catalogue, resolve

    known = catalogue()
    if name is not None:
        facts = _facts(known[name] if name in known else resolve(name))
        print_json(facts) if json else _print(facts)
    elif json:
        print_json([_facts(recipe) for recipe in known.values()])
    else:
        print_table(("name", "summary", "paper"), [(one.name, one.summary, one.paper) for one in known.values()])


def _facts(recipe: Recipe) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "paper": recipe.paper,
        "link": recipe.link,
        "parts": recipe.settings(),
        "needs": list(recipe.needs),
        "scope": recipe.scope,
        "backbone": recipe.backbone,
        "deviations": recipe.deviations,
    }


def _print(facts: dict[str, Any]) -> None:
    for key in ("name", "summary", "paper", "link", "scope", "backbone", "deviations"):
        if facts[key]:
            typer.echo(f"{key}: {facts[key]}")
    typer.echo(f"needs: {', '.join(facts['needs']) or 'nothing'}")
    for part, fields in facts["parts"].items():
        typer.echo(f"part {part}:")
        for field, value in fields.items():
            typer.echo(f"  --set {part}.{field}={value}")

"""Writes the pages that are made from the code and from the results: papers.md, cli.md, results.md, report.schema.json.

python docs/build.py            writes them
python docs/build.py --check    exits with 1 and names the stale ones
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))  # also where this file is loaded by its path
from tables import results  # noqa: E402


def papers() -> str:
    """One row for each recipe, details below."""
    from isogloss.recipes import catalogue

    lines = ["# Recipes and their papers", "", "Made from `src/isogloss/recipes/` by `docs/build.py`.", ""]
    lines += ["| recipe | what it does | source |", "|---|---|---|"]
    for recipe in catalogue().values():
        source = f"[{recipe.paper}]({recipe.link})" if recipe.link else recipe.paper or "ours"
        lines.append(f"| `{recipe.name}` | {recipe.summary} | {source} |")
    for recipe in catalogue().values():
        lines += ["", f"## {recipe.name}", "", recipe.summary, ""]
        lines.append(
            f"Needs: {', '.join(recipe.needs) or 'nothing'}. Scope: {recipe.scope}. Encoder: `{recipe.backbone}`."
        )
        if recipe.deviations:
            lines += ["", f"Where we depart from the paper: {recipe.deviations}"]
        for part, values in recipe.settings().items():
            shown = ", ".join(f"`{name}` = {value}" for name, value in values.items())
            lines += ["", f"- `{part}`: {shown or 'no settings'}"]
    return "\n".join(lines) + "\n"


def cli() -> str:
    """The help of every command, as the program prints it."""
    from typer.testing import CliRunner

    from isogloss.cli import app

    lines = ["# The command line", "", "Made from `isogloss --help` by `docs/build.py`.", ""]
    lines += [
        "stdout is for data, stderr for talk. Exit codes: 0 fine, 1 the input is wrong (one sentence), 2 usage, 130",
        "interrupted.",
        "",
    ]
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands if group.typer_instance else []
        names += [f"{group.name} {command.name}" for command in inner]
    for name in ("", *sorted(names)):
        call = [*name.split(), "--help"]
        text = CliRunner(env={"COLUMNS": "100", "TERMINAL_WIDTH": "100"}).invoke(app, call, prog_name="isogloss").output
        lines += [
            f"## isogloss {name}".rstrip(),
            "",
            "```text",
            *(line.rstrip() for line in text.strip().splitlines()),
            "```",
            "",
        ]
    return "\n".join(lines)


def schema() -> str:
    """The JSON schema of the report."""
    from isogloss.evaluation.schema import schema_text

    return schema_text()


PAGES = {"papers.md": papers, "cli.md": cli, "results.md": results, "report.schema.json": schema}


def main() -> None:
    """Write the pages, or with ``--check`` compare them."""
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"Stale: {', '.join(stale)}. Run 'python docs/build.py'.")


if __name__ == "__main__":
    main()

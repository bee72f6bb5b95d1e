"""Writes the pages that are made from the code and from the results: papers.md, cli.md, results.md, report.schema.json.

python docs/build.py            writes them
python docs/build.py --check    exits with 1 and names the stale ones
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "quality" / "results"


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
    for name in ("", *sorted(command.callback.__name__ for command in app.registered_commands if command.callback)):
        call = [name, "--help"] if name else ["--help"]
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


def results() -> str:
    """Tables from the committed results, with intervals."""
    lines = [(DOCS / "results-head.md").read_text(encoding="utf-8").rstrip(), ""]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        lines += _plain_table(result) if "by_seed" in result else _table(path.stem, result)
    return "\n".join(lines) + "\n"


def _table(name: str, result: dict[str, Any]) -> Iterable[str]:
    metric, low_high = result["metric"], result["mean_target_ci95"]
    selection = result["selection"]
    yield from (f"## {name}", "")
    yield (
        f"`{result['command']}`: {result['recipe']}, seeds {', '.join(map(str, result['seeds']))}, selection by "
        f"{selection['rule']}, regime {result['regime']}, tier {result['tier']}, {result['precision']}."
    )
    settings = result["settings"].get("cross_entropy", {})
    yield "Settings: " + ", ".join(f"{key} {value}" for key, value in settings.items()) + "."
    yield ""
    yield (
        f"Mean {metric} over {len(result['targets'])} targets **{result['mean_target']:.3f}** "
        f"[{low_high[0]:.3f}, {low_high[1]:.3f}], source {result['source_score']:.3f} ({result['source_basis']}), "
        f"gap {result['gap']:.3f}. Leaks: {_leaks(result['leaks'])}. "
        f"{sum(result['seconds'].values()) / 60:.0f} minutes, {result['peak_rss_mb'] / 1024:.1f} GB at the peak."
    )
    yield from ("", f"| language | {metric} | 95 % interval | by seed | n |", "|---|---|---|---|---|")
    rows = sorted(result["scores"].items(), key=lambda item: -item[1][metric])
    for lang, row in rows:
        low, high = row["ci95"][metric]
        seeds = " ".join(f"{values[metric]:.3f}" for values in row["by_seed"].values())
        mark = " (source)" if lang in result["source"] else ""
        yield f"| {lang}{mark} | {row[metric]:.3f} | {low:.3f} to {high:.3f} | {seeds} | {row['n']} |"
    yield ""


def _leaks(leaks: dict[str, Any]) -> str:
    return (
        f"{leaks['total']} ({', '.join(f'{k} {n}' for k, n in leaks['by_kind'].items())})" if leaks["total"] else "none"
    )


def _plain_table(result: dict[str, Any]) -> Iterable[str]:
    means = result["mean_target"]
    yield from ("## NER beside a plain transformers script", "", f"`{result['command']}`", "")
    yield f"Mean over targets: isogloss {means['isogloss']:.3f}, plain script {means['plain']:.3f}."
    yield from ("", "| language | isogloss | plain | difference |", "|---|---|---|---|")
    for lang, row in sorted(result["scores"].items(), key=lambda item: -item[1]["difference"]):
        yield f"| {lang} | {row['isogloss']:.3f} | {row['plain']:.3f} | {row['difference']:+.3f} |"
    yield ""


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

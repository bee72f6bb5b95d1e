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
SPEED = DOCS.parent / "benchmarks" / "speed" / "results"


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
    return "\n".join([*lines, *speed(SPEED)]) + "\n"


def speed(folder: Path) -> list[str]:
    """The section about speed, as far as its results are there."""
    lines: list[str] = []
    for name, table in (("finetune", _race_table), ("inference", _engine_table)):
        path = folder / f"{name}.json"
        if path.exists():
            lines += table(json.loads(path.read_text(encoding="utf-8")))
    return ["## Speed", "", *lines] if lines else []


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


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _race_table(result: dict[str, Any]) -> Iterable[str]:
    problem, machine, scores = result["problem"], result["machine"], result["scores"]
    yield from ("### Fine-tuning beside the plain Trainer script", "", f"`{result['command']}`", "")
    yield (
        f"{problem['train_rows']} English rows of {problem['name']}, {problem['epochs']} epochs, {problem['updates']} "
        f"updates of {problem['batch_size']} rows; {machine['threads']} threads of {machine['cpu']}; seeds "
        f"{', '.join(map(str, result['seeds']))}, each run a process of its own. Figures are medians over the runs. "
        f"Examples and pieces a second: {result['counted']}. Memory: {result['memory']['tree_rss_mb']}. "
        "Each side's learning rate was chosen on English dev."
    )
    head = ("side", "trains", "precision", "rate", "examples/s", "pieces/s", "of the matrix unit's rate")
    head += ("seconds end to end", "memory, MB", "English dev", "English test", "targets", "95 % interval")
    yield from ("", _row(*head), "|---" * len(head) + "|")
    for side, row in result["medians"].items():
        floor, mean = result["floor"]["sides"][side], scores["mean_target"][side]
        yield _row(
            side,
            result["sides"][side]["trains"],
            floor["precision"],
            result["rates"][side]["chosen"],
            f"{row['examples_per_second']:.1f}",
            f"{row['pieces_per_second']:.0f}",
            f"{floor['share_of_matrix_rate']:.0%}",
            f"{row['wall_seconds']:.0f}",
            f"{row['tree_rss_mb']:.0f}",
            f"{row['dev']:.3f}",
            f"{row['english']:.3f}",
            f"{mean['mean']:.3f}",
            f"{mean['ci95'][0]:.3f} to {mean['ci95'][1]:.3f}",
        )
    yield from ("", "Pair by pair, a pair being two runs with one seed in one round:", "")
    yield from (_row("pair", "quotient of", "median", "smallest", "largest"), "|---" * 5 + "|")
    names = {"examples_per_second": "examples/s", "wall_seconds": "seconds end to end", "tree_rss_mb": "memory"}
    for pair, (ours, theirs) in result["pairs"].items():
        for key, name in names.items():
            row = result["ratios"][pair][key]
            yield _row(f"{ours} / {theirs}", name, *(f"{row[what]:.2f}" for what in ("median", "min", "max")))
    yield ""
    for pair, (ours, theirs) in result["pairs"].items():
        row = scores["difference"][pair]
        low, high = row["ci95"]
        yield f"- {ours} less {theirs}, mean of the targets: {row['mean']:+.3f} [{low:+.3f}, {high:+.3f}]"
    yield ""


def _engine_table(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Inference", "")
    if "command" in result:
        yield from (f"`{result['command']}`", "")
    head = ("engine", "sentences/s", "median, ms", "95th percentile, ms", "memory, MB", "accuracy", "drop")
    yield from (_row(*head, "95 % interval"), "|---" * 8 + "|")
    for name, row in result.get("engines", {}).items():
        latency, bounds = row.get("latency_ms") or {}, row.get("drop_ci95")
        yield _row(
            name,
            _shown(row.get("sentences_per_second"), ".1f"),
            _shown(latency.get("p50"), ".1f"),
            _shown(latency.get("p95"), ".1f"),
            _shown(row.get("peak_rss_mb"), ".0f"),
            _shown(row.get("accuracy"), ".3f"),
            _shown(row.get("drop"), "+.3f"),
            " to ".join(_shown(bound, "+.3f") for bound in bounds) if bounds else "-",
        )
    yield ""


def _shown(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


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

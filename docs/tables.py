"""The tables of docs/results.md, from the committed results of the benchmarks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "quality" / "results"
SPEED = DOCS.parent / "benchmarks" / "speed" / "results"


def results() -> str:
    """Tables from the committed results, with intervals."""
    from adaptation_tables import adaptation  # beside this file, where build.py has put the path
    from audit_tables import audit
    from bridge_tables import bridges
    from open_label_tables import open_labels
    from piece_tables import pieces
    from planning_tables import planning
    from probe_tables import probes

    lines = [(DOCS / "results-head.md").read_text(encoding="utf-8").rstrip(), ""]
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        if "grid" in result:
            lines += _averaging_tables(result)
        else:
            lines += _plain_table(result) if "by_seed" in result else _table(path.stem, result)
    sections = (bridges, adaptation, pieces, planning, open_labels, probes, audit)
    return "\n".join([*lines, *(line for section in sections for line in section()), *speed(SPEED)]) + "\n"


def speed(folder: Path) -> list[str]:
    """The section about speed, as far as its results are there."""
    lines: list[str] = []
    for name, table in (("finetune", _race_table), ("shares", _shares_table), ("inference", _engine_table)):
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
    head = ("engine", "texts/s", "median, ms", "95th percentile, ms", "memory, MB", "files, MB", "accuracy", "drop")
    yield from (_row(*head, "95 % interval"), "|---" * 9 + "|")
    for name, row in result.get("engines", {}).items():
        latency, drop = row.get("latency_ms") or {}, row.get("drop") or {}
        bounds = drop.get("ci95")
        yield _row(
            name,
            _shown(row.get("texts_per_second"), ".1f"),
            _shown(latency.get("p50"), ".1f"),
            _shown(latency.get("p95"), ".1f"),
            _shown(result.get("peak_rss_mb", {}).get(name), ".0f"),
            _shown(row.get("megabytes"), ".0f"),
            _shown(row.get("score"), ".3f"),
            _shown(drop.get("value"), "+.3f"),
            " to ".join(_shown(bound, "+.3f") for bound in bounds) if bounds else "-",
        )
    yield ""


def _shown(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def _shares_table(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### What each option of training is worth", "", f"`{result['command']}`", "")
    yield (
        "The default with one thing changed, taking turns in one process; medians over rounds. The last column "
        "compares pieces, so that batches of other rows count alike."
    )
    yield from ("", _row("variant", "examples/s", "pieces/s", "the default is so many times as fast"), "|---" * 4 + "|")
    for name, row in result["variants"].items():
        yield _row(
            name,
            f"{row['examples_per_second']:.1f}",
            f"{row['pieces_per_second']:.0f}",
            f"{row['default_is_times_as_fast']:.2f}",
        )
    yield ""


def _averaging_tables(result: dict[str, Any]) -> Iterable[str]:
    yield from ("## Averaging, and a few labels", "", f"`{result['command']}`", "")
    yield (
        "The same snapshots under every rule. *oracle* chooses on the target tests: it is what selection on target "
        "data would have claimed, and no result. Differences are paired, resampled over trainings and test items "
        "together."
    )
    yield from ("", "### Rules", "")
    head = ("task", "rate", "last", "source dev", "checkpoint averaging", "oracle (peeks)")
    yield from (_row(*head, "averaging less source dev", "averaging less last"), "|---" * 8 + "|")
    for task, rates in result["grid"].items():
        for rate, row in rates.items():
            found = [_mean(row["rules"][rule]) for rule in ("last", "source_dev", "checkpoint_averaging", "oracle")]
            less = row["checkpoint_averaging_less"]
            yield _row(task, rate, *found, _difference(less["source_dev"]), _difference(less["last"]))
    yield ""
    for task, rates in result["grid"].items():
        if row := rates.get("both rates"):
            yield f"- {task}: the oracle claims {_difference(row['oracle_claims_over_source_dev'])} over source dev."
    yield from ("", "### Several runs", "")
    yield from (_row("task", "trainings", "mean over targets (spread)"), "|---" * 3 + "|")
    for task, table in result["runs"].items():
        for name, row in table.items():
            if "mean" in row:
                yield _row(task, name, _mean(row))
    yield ""
    for task, table in result["runs"].items():
        for name, row in table.items():
            if "delta" in row:
                yield f"- {task}, {name.replace('_', ' ')}: {_difference(row)}"
    yield from ("", "### A few labels of each target", "")
    head = ("task", "labels", "regime", "averaged", "last", "less zero-shot", "averaged less last")
    yield from (_row(*head), "|---" * 7 + "|")
    for task, table in result["few"].items():
        for shots, row in sorted(table.items(), key=lambda item: int(item[0])):
            rules = row["rules"]
            less = row.get("checkpoint_averaging_less", {}).get("last")
            gain = row.get("less_zero_shot")
            yield _row(
                task,
                shots,
                row["regime"],
                _mean(rules["checkpoint_averaging"]),
                _mean(rules["last"]) if "last" in rules else "-",
                _difference(gain) if gain else "-",
                _difference(less) if less else "-",
            )
    yield ""


def _mean(row: Mapping[str, Any]) -> str:
    return f"{row['mean']:.3f}" + ("" if row["std"] is None else f" ({row['std']:.3f})")


def _difference(row: Mapping[str, Any]) -> str:
    low, high = row["ci95"]
    return f"{row['delta']:+.3f} [{low:+.3f}, {high:+.3f}] {row['verdict']}"

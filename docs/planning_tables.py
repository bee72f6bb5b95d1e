"""The tables of docs/results.md about what can be known before training: the transfer matrices."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bridge_tables import _head, _row

RESULTS = Path(__file__).parent.parent / "benchmarks" / "transfer-matrix" / "results" / "transfer-matrix.json"


def planning(path: Path = RESULTS) -> list[str]:
    """The section, if its results are there."""
    if not path.exists():
        return []
    result = json.loads(path.read_text(encoding="utf-8"))
    lines = ["## Know before you train", "", f"`{result['command']}`, from the rows of `measure.py`.", ""]
    for task in result["tasks"].values():
        lines += _task(task)
    for name, sets in result["sets"].items():
        lines += _sets(result["tasks"][name]["name"], sets) if sets else []
    return [*lines, *(_law(result["few"]) if result["few"]["languages"] else []), ""]


def _task(task: Mapping[str, Any]) -> Iterable[str]:
    share = task["choosing"]["variance"]
    yield from ("", f"### Who transfers to whom: {task['name']}", "")
    yield (
        f"{task['languages']} languages, {task['pairs']} pairs, seeds {', '.join(map(str, task['seeds']))}. Taught in "
        f"the language itself {100 * task['in_language']:.1f}, in another one {100 * task['zero_shot']:.1f} on "
        f"average. Of the variance between pairs {share['target']:.0%} is the target's own level, "
        f"{share['source']:.0%} the source's, {share['pair']:.0%} is left to the pair (noise included). Rows are "
        "sources, columns targets, in points."
    )
    langs = list(task["grid"])
    yield from _head("", *langs)
    for source, row in task["grid"].items():
        yield _row(f"**{source}**", *(f"{100 * row[lang]:.0f}" if lang in row else "" for lang in langs))
    yield from _head("distances", "R2 within targets", "beyond all others", "Mantel p", "rank correlation with scores")
    for group, row in task["groups"].items():
        told = ", ".join(f"{kind} {value:+.2f}" for kind, value in row.get("spearman", {}).items())
        beyond = f"{row['beyond_the_others']:.3f}" if "beyond_the_others" in row else ""
        p = f"{row['p']:.3f}" if row.get("p") is not None else ""
        yield _row(group, f"{row['r2']:.3f}", beyond, p, told)
    choosing = task["choosing"]
    yield from (
        "",
        f"For a target that no fit has seen, sources are ranked with a correlation of {_mean(choosing['spearman'])}; "
        f"its scores are missed by {_mean(choosing['error']['plan'], 100)} points, by the mean of the other targets "
        f"by {_mean(choosing['error']['mean of the other targets'], 100)}.",
    )
    yield from _head("choice of the source", "loses against the best one", "less the plan's loss")
    for way, row in choosing["regret"].items():
        less = choosing["regret_less_plan"].get(way)
        yield _row(way, _mean(row, 100), "" if less is None else _mean(less, 100, "+"))


def _sets(name: str, sets: Mapping[str, Any]) -> Iterable[str]:
    yield from ("", f"### Sets of sources to annotate: {name}", "")
    yield (
        "As many labels in all, shared out. The sets are medoids by a distance whose weights were fitted to the other "
        "task's transfer; the last column is the share of random sets (of single languages, for one) that they beat."
    )
    yield from _head("k", "set", "over", "medoids", "random sets", "best random set", "beats")
    for k, row in sets.items():
        for over in ("all languages", "languages outside the set"):
            found = row[over]
            yield _row(k, " ".join(row["set"]), over, f"{100 * found['medoids']:.1f}",
                       f"{100 * found['random']:.1f} (deviation {100 * found['deviation']:.1f})",
                       f"{100 * found['best']:.1f}", f"{found['better_than']:.0%} of {row['random_sets']}")  # fmt: skip


def _law(few: Mapping[str, Any]) -> Iterable[str]:
    yield from ("", "### The few-shot law", "")
    yield (
        f"Topics, English labels and n of the target: fitted to n = 0, {', '.join(map(str, few['fitted']))}, asked for "
        "more. Accuracy in points; `gains` adds what the other languages gained to the score without labels."
    )
    first = next(iter(few["languages"].values()))
    yield from _head("language", *(f"n = {n}" for n in first["measured"]), *(f"law at {n}" for n in first["asked"]),
                     *(f"gains at {n}" for n in first["asked"]))  # fmt: skip
    for lang, row in few["languages"].items():
        law = [
            f"{100 * asked['law']:.1f} [{', '.join(f'{100 * bound:.1f}' for bound in asked['interval'])}]"
            for asked in row["asked"].values()
        ]
        gains = [f"{100 * asked['gains of the other languages']:.1f}" for asked in row["asked"].values()]
        yield _row(lang, *(f"{100 * score:.1f}" for score in row["measured"].values()), *law, *gains)
    yield from _head("prediction", "mean absolute error, in points")
    for way, row in few["error"].items():
        yield _row(way, _mean(row, 100))
    yield from ("", f"Within the 95 % interval of the law: {few['covered']:.0%}.")


def _mean(row: Mapping[str, Any], scale: float = 1, sign: str = "") -> str:
    digits = 1 if scale == 100 else 2
    low, high = (f"{scale * bound:{sign}.{digits}f}" for bound in row["ci95"])
    return f"{scale * row['mean']:{sign}.{digits}f} [{low}, {high}]"

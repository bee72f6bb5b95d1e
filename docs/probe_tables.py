"""The tables of docs/results.md about what systems of natural language inference understand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge_tables import _head, _points, _row

RESULTS = Path(__file__).parent.parent / "benchmarks" / "probes" / "results"


def probes(folder: Path = RESULTS) -> list[str]:
    """The section, as far as its results are there."""
    path = folder / "nli.json"
    return list(_nli(json.loads(path.read_text(encoding="utf-8")))) if path.exists() else []


def _nli(result: dict[str, Any]) -> Iterable[str]:
    runs = result["runs"]
    yield from ("## What systems of inference understand", "", f"`{result['command']}`", "")
    yield (
        f"The embedded encoder, shown about {result['seen']:,} rows of each mixture in all (source rows: "
        f"{result['rows']:,}; labels: {_listed(result['labels'])}; seed {result['seed']}), then asked items that are "
        "made by rule. Accuracy in points with its 95 % interval over items; in brackets the share of the most "
        "frequent label, and a guess from the hypothesis alone. Bold: the whole interval lies above both. `=`: the "
        "system gave one answer to all."
    )
    yield ""
    yield "Means over phenomena, and the scores that are surely above both baselines:"
    langs = list(dict.fromkeys(lang for run in runs.values() for lang in run["mean"]))
    yield from _head("mixture", *langs, "above both")
    for name, run in runs.items():
        means = (_points(run["mean"][lang]) if lang in run["mean"] else "" for lang in langs)
        yield _row(f"`{name}`", *means, f"{_above(run)} of {len(_cells(run))}")
    for name, run in runs.items():
        yield from _run(name, run)
    yield ""


def _run(name: str, run: Mapping[str, Any]) -> Iterable[str]:
    """A table of phenomena by languages, and what it does not show."""
    scores = run["scores"]
    phenomena = list(dict.fromkeys(phenomenon for table in scores.values() for phenomenon in table))
    counts = sorted({score["n"] for table in scores.values() for score in table.values()})
    items = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    yield from ("", f"**`{name}`**, {items} items of each phenomenon in each language")
    yield from _head("phenomenon", *scores)
    for phenomenon in phenomena:
        yield _row(phenomenon, *(_cell(table.get(phenomenon)) for table in scores.values()))
    yield from ("", _sentence(run))
    yield from (line for notice in run["notices"] for line in ("", notice))


def _cell(score: Mapping[str, Any] | None) -> str:
    if score is None:
        return ""
    text = _points(score["accuracy"], score["ci95"])
    blind = "–" if score["hypothesis_only"] is None else _points(score["hypothesis_only"])
    mark = " =" if score["most_answered"] == 1 else ""
    return f"{f'**{text}**' if _passes(score) else text}{mark} ({_points(score['majority'])}, {blind})"


def _floors(score: Mapping[str, Any]) -> list[float]:
    return [floor for floor in (score["majority"], score["hypothesis_only"]) if floor is not None]


def _passes(score: Mapping[str, Any]) -> bool:
    """Whether the whole interval lies above both baselines."""
    return bool(score["ci95"][0] > max(_floors(score)))


def _cells(run: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Scores by phenomenon and language, ``negation (eng)``."""
    names: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for lang, table in run["scores"].items():
        for phenomenon, score in table.items():
            names.setdefault(phenomenon, []).append((f"{phenomenon} ({lang})", score))
    return dict(entry for entries in names.values() for entry in entries)


def _above(run: Mapping[str, Any]) -> int:
    return sum(map(_passes, _cells(run).values()))


def _sentence(run: Mapping[str, Any]) -> str:
    """How many scores are above both baselines with their interval, and which pass neither by the score itself."""
    cells = _cells(run)
    neither = [name for name, score in cells.items() if score["accuracy"] <= min(_floors(score))]
    parts = [f"{_above(run)} of {len(cells)} scores are surely above both baselines"]
    if neither:
        parts.append(f"{len(neither)} pass neither of them, and say nothing: {_listed(neither)}")
    return "; ".join(parts) + "."


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)

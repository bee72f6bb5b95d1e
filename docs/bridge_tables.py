"""The tables of docs/results.md about translation, alignment and label projection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent.parent / "benchmarks" / "bridges" / "results"


def bridges(folder: Path = RESULTS) -> list[str]:
    """The section about bridges, as far as its results are there."""
    lines: list[str] = []
    for name, table in TABLES.items():
        path = folder / f"{name}.json"
        if path.exists():
            lines += table(json.loads(path.read_text(encoding="utf-8")))
    return ["## Translation and label projection", "", *lines] if lines else []


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def _head(*cells: str) -> list[str]:
    return ["", _row(*cells), "|---" * len(cells) + "|"]


def _points(value: float, bounds: Iterable[float] | None = None, sign: str = "") -> str:
    """A score in points, with its interval."""
    text = f"{100 * value:{sign}.1f}"
    return text if bounds is None else f"{text} [{', '.join(f'{100 * bound:{sign}.1f}' for bound in bounds)}]"


def _difference(row: Mapping[str, Any] | None) -> str:
    return f"{_points(row['delta'], row['ci95'], '+')} {row['verdict']}" if row and row["delta"] is not None else ""


def _transfer(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Translation for training, at prediction, and both", "", f"`{result['command']}`", "")
    yield (
        "The same data, updates and translator for every recipe; means over seeds, in points. Recipes that train on "
        "translations too make fewer passes over more rows, as `direct-short` does over the source alone; FILTER reads "
        "two texts for one. `direct` translates nothing and shows what translation is worth."
    )
    for name, problem in result["problems"].items():
        langs = list(problem["test"])
        seeds = ", ".join(map(str, problem["seeds"]))
        sizes = ", ".join(f"{lang} {count}" for lang, count in problem["test"].items())
        yield ""
        yield (
            f"**{name}** ({problem['metric']}): {problem['train']} English training rows, test items {sizes}, "
            f"seeds {seeds}."
        )
        names = list(problem["recipes"])
        yield from _head("recipe", "mean", *langs, "saw", f"less {names[0]}", "less translate-train", "minutes")
        for recipe, row in problem["recipes"].items():
            given = problem["differences"]
            yield _row(
                recipe,
                _points(row["mean_target"], row["ci95"]),
                *(_points(row["scores"][lang]) for lang in langs),
                row["tier"],
                _difference(given.get(f"{recipe} less {names[0]}")),
                _difference(given.get(f"{recipe} less translate-train")),
                f"{sum(row['seconds'].values()) / 60:.0f}"
                + (f", seeds {row['seeds']}" if row["seeds"] != problem["seeds"] else ""),
            )
    yield ""


def _projection(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Projectors on sentences labelled in both languages", "", f"`{result['command']}`", "")
    yield (
        "English gold spans are carried onto the gold text of the other language; strict span F1 in points. The floor "
        "is fuzzy copy; the ceiling is what the two annotations have in common. Differences are paired over sentences. "
        "Projectors that ask a translator can be measured where there is one for the pair."
    )
    for name, table in result["sets"].items():
        yield ""
        yield (
            f"**{name}**: {table['sentences']} sentences, {table['source_spans']} English spans, ceiling "
            f"{_points(table['ceiling']['span_f1'])}."
        )
        columns = ("projector", "F1", "precision", "recall", "carried over", f"less {result['floor']}")
        yield from _head(*columns, "less the best encoder aligner", "sentences a cpu-second")
        for system, row in table["systems"].items():
            yield _row(
                system,
                _points(row["span_f1"], row["ci95"]),
                _points(row["precision"]),
                _points(row["recall"]),
                f"{row['projection_rate']:.1%}",
                _difference(row.get("less_floor")),
                _difference(row.get("less_best_aligner")),
                f"{row['sentences_per_cpu_second']:.1f}",
            )
    yield ""
    for which, row in result["chosen"].items():
        scores = ", ".join(f"{name} {_points(value)}" for name, value in row["span_f1"].items())
        yield f"- Aligner variant chosen {which}: {row['variant']}; on the other sets it has {scores}."
    yield ""


def _markers(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### What marks do to a translation", "", f"`{result['command']}`", "")
    yield (
        "chrF of the translation made with marks, once they are taken out, against the one made without. Projectors "
        "that leave the translation alone have 100 by construction."
    )
    yield from _head("pair", "marks", "chrF", "the same", "sentences whose marks all come through")
    for pair, row in result["pairs"].items():
        for scheme, values in row["schemes"].items():
            yield _row(
                f"{pair}, {row['translator']}",
                scheme,
                f"{values['chrf_against_plain']:.1f}",
                f"{values['same']:.0%}",
                f"{values['survival']:.0%} of {row['sentences']}",
            )
    yield ""


def _alignment(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### Word alignment", "", f"`{result['command']}`", "")
    yield f"F1 in points against gold links; {result['sentences']}."
    models = ("fast_align", "hmm", "eflomal")
    yield from _head("set", "encoder, best layer", "encoder, layer chosen without gold", *models)
    for name, row in result["sets"].items():
        layers = {layer: found["f1"]["value"] for layer, found in row["softmax"].items()}
        best = max(layers, key=lambda layer: layers[layer])
        chosen = str(row["chosen_layer"])
        yield _row(
            name,
            f"{_points(layers[best])} (layer {best})",
            f"{_points(layers[chosen])} (layer {chosen})",
            *(_points(row[model]["f1"]["value"]) for model in models),
        )
    yield ""


def _end_task(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### What a projector is worth in the end", "", f"`{result['command']}`", "")
    yield (
        f"Translate-train of {result['train']} English NER sentences into Portuguese, on our own translations; strict "
        f"span F1 on {result['test']} gold sentences, seeds {', '.join(map(str, result['seeds']))}. `none` is English "
        "alone for as many updates. Where no difference stands, the two were not run side by side."
    )
    yield from _head("projector", "F1", "spans carried over", "sentences trained on", f"less {result['base']}")
    for name, row in result["projectors"].items():
        bridge = row["bridge"] or {}
        rate = bridge.get("projection_rate")
        yield _row(
            name,
            _points(row["span_f1"], row["ci95"]),
            "-" if rate is None else f"{rate:.1%}",
            bridge.get("used", "-"),
            _difference(row["less_base"]),
        )
    yield ""


def _official(result: dict[str, Any]) -> Iterable[str]:
    yield from ("### CODEC beside the official implementation", "")
    official = result["official"]
    yield (
        f"{official['repository']} at {official['commit'][:7]}, transformers {official['versions']['transformers']}, "
        "on the same small models and sentences (no translator that it knows is at hand offline), one thread. "
        "`benchmarks/bridges/official_codec_adapter.py` says what had to be patched to run it on a processor."
    )
    columns = ("model", "search", "spans", "same place", "same five, in order", "nodes, ours and theirs")
    yield from _head(*columns, "times as fast (cpu)")
    for model, table in result["models"].items():
        for search, row in table["rows"].items():
            yield _row(
                model,
                search,
                row["spans"],
                row["same_best"],
                row["same_five_in_order"],
                f"{row['nodes']['ours']:.0f}, {row['nodes']['official']:.0f}",
                row["times_as_fast"]["cpu_seconds"],
            )
    yield ""


TABLES = {
    "transfer": _transfer,
    "end_task": _end_task,
    "projection": _projection,
    "official_codec": _official,
    "markers": _markers,
    "alignment": _alignment,
}

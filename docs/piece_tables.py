"""The tables of docs/results.md about small pieces and small models."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bridge_tables import _difference, _head, _points, _row

RESULTS = Path(__file__).parent.parent / "benchmarks" / "adaptation" / "results"


def pieces(folder: Path = RESULTS) -> list[str]:
    """The section, as far as its results are there."""
    lines: list[str] = []
    for name, table in (("composed", _composed), ("bistil", _bistil)):
        path = folder / f"{name}.json"
        if path.exists():
            lines += table(json.loads(path.read_text(encoding="utf-8")))
    return ["## Small pieces, small models", "", *lines] if lines else []


def _composed(result: dict[str, Any]) -> Iterable[str]:
    size = result["size"]
    yield from ("### Pieces of languages and of the task, put together", "", f"`{result['command']}`", "")
    yield (
        f"{size['lines']:,} lines of raw text a language; {size['body']} updates for each piece of a language, after "
        f"{size['head']} of a head where the encoder has none. `wrong` reads each language through another target's "
        "piece, `source` through English's, `alone` has none. Scores in points, means over seeds."
    )
    for base, problems in result["bases"].items():
        for name, problem in problems.items():
            langs = list(problem["test"])
            yield from ("", f"**{name}** ({problem['metric']}), encoder: {base}")
            yield from _head("pieces", "seeds", "mean", *langs, "less direct", "right pieces less these")
            for label, row in problem["rows"].items():
                kind, given = label.split(" ")[0].removesuffix("-alone"), problem["differences"]
                direct = given.get(f"{label} less direct", {}).get("mean")
                right = given.get(f"{kind} less {label}", {}).get("mean")
                scores = (_points(row["scores"][lang], row["ci95"][lang]) for lang in langs)
                yield _row(label, str(len(row["seeds"])), _points(row["mean_target"]), *scores,
                           _difference(direct), _difference(right))  # fmt: skip
            losses = {
                label: ", ".join(
                    f"{lang} {loss['before']:.2f} to {loss['after']:.2f}" for lang, loss in row["loss"].items()
                )
                for label, row in problem["rows"].items()
                if row.get("loss") and " " not in label
            }
            if name == next(iter(problems)):
                yield from (f"- `{label}`: loss on held-out text, {said} nats." for label, said in losses.items())
    yield ""


def _bistil(result: dict[str, Any]) -> Iterable[str]:
    size = result["size"]
    yield from ("### Students of an encoder for two languages", "", f"`{result['command']}`", "")
    yield (
        f"Topics of SIB-200, {size['rows']} English rows, {size['steps']} updates of a student on raw text; scores in "
        f"points, means over seeds {', '.join(map(str, size['seeds']))}. `teacher` has the vocabulary of the two "
        "languages and all layers; `copied` skips the text, `multilingual` is one student for both targets."
    )
    langs = list(result["test"])
    speed = result["speed"] or {}
    yield from _head("row", "mean", *langs, "less teacher", *(f"{lang}: MB, sentences/s" for lang in langs))
    for name, row in result["rows"].items():
        cells = [_points(row["mean_target"], row["ci95"]), *(_points(row["scores"][lang]) for lang in langs)]
        cells.append(_difference(result["differences"].get(f"{name} less teacher")))
        its = speed.get(name)
        cells += ["" if its is None else f"{its['bytes'][lang] / 1e6:.0f}, {its['sentences_per_second'][lang]:.1f}"
                  for lang in langs]  # fmt: skip
        yield _row(name, *cells)
    for name, row in result["differences"].items():
        if not name.endswith("less teacher"):
            yield from ("", f"{name}: {_difference(row)}.")
    for student in result["students"]:
        told = ", ".join(f"{lang} {row['before']['hidden']:.3f} to {row['after']['hidden']:.3f}"
                         for lang, row in student["languages"].items())  # fmt: skip
        (layers, fewer), (weights, less) = student["layers"], student["weights"]
        sizes = f"{layers} layers become {fewer}, {weights / 1e6:.1f} M weights {less / 1e6:.1f} M"
        yield from (
            "",
            f"Every {student['every']} layers, {student['steps']} updates: {sizes}; squared distance of states {told}.",
        )
    yield ""

"""Labels of generated probe items against the solver: ``python benchmarks/probes/solver.py --count 10000``.

Writes for every phenomenon how many items were judged, how many labels differ, and the time; and, for every language,
how many different pairs of texts the items have and how far a guess from the hypothesis alone gets.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from isogloss.evaluation.probes import LANGS, NAMES, items
from isogloss.evaluation.probes.baselines import hypothesis_only, majority
from isogloss.evaluation.probes.solver import solve
from isogloss.machine import machine, versions

LEARNT = 1000
"""Items the guess from the hypothesis learns from and is tried on."""


def judged(name: str, count: int) -> dict[str, Any]:
    started = time.perf_counter()
    made = items(name, "eng", count=count)
    solved = [solve(item.form) for item in made if item.form is not None]
    wrong = sum(label != item.label for label, item in zip(solved, made, strict=True))
    row: dict[str, Any] = {"judged": len(solved), "differ": wrong, "labels": dict(Counter(item.label for item in made))}
    row |= {"patterns": len({item.pattern for item in made}), "seconds": round(time.perf_counter() - started, 1)}
    row["languages"] = {}
    for lang in LANGS:
        there, others = items(name, lang, count=LEARNT), items(name, lang, count=LEARNT, seed=1)
        rows = [[(item.text_b, item.label) for item in part] for part in (others, there)]
        row["languages"][lang] = {
            "items": len(there),
            "different": len({(item.text_a, item.text_b) for item in there}),
            "majority": round(majority([item.label for item in there]), 4),
            "hypothesis_only": round(hypothesis_only(*rows), 4),
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--summary", type=Path)
    options = parser.parse_args()
    rows = {}
    for name in NAMES:
        rows[name] = judged(name, options.count)
        print(name, json.dumps(rows[name]), flush=True)
    if options.summary is not None:
        command = f"python benchmarks/probes/solver.py --count {options.count}"
        summary = {"command": command, "count": options.count, "learnt": LEARNT, "rows": rows}
        summary |= {"versions": versions(), "machine": machine("cpu")}
        options.summary.parent.mkdir(parents=True, exist_ok=True)
        options.summary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

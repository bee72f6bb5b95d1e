"""Every projector on sentences that were labelled by hand in both languages.

    ISOGLOSS_DATA=DATA python benchmarks/bridges/projection.py [--sets pud-pt,europarl-de] [--systems copy-fuzzy,align]
    ISOGLOSS_DATA=DATA python benchmarks/bridges/projection.py --summary

English gold spans are carried onto the gold text of the other language and compared with its own gold spans: strict
span F1. Beside them stand the floor (fuzzy copy) and the ceiling of the two annotations. Settings of the aligners were
to be chosen on one family of sets and are reported on the other: the best variant on Europarl is read off PUD, the best
on PUD off Europarl (``chosen`` in the result). What is done is kept in ``--work``; ``--summary`` writes
``results/projection.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gold import Gold, europarl, pud, xsid

from isogloss.bridges.aligners import EncoderAligner, load_aligner
from isogloss.bridges.base import Projector, Translator
from isogloss.bridges.projectors import find_projector
from isogloss.bridges.projectors.align import Align
from isogloss.bridges.projectors.codec import Codec
from isogloss.bridges.projectors.copy import Copy
from isogloss.bridges.projectors.ensemble import Ensemble
from isogloss.bridges.projectors.markers import Markers
from isogloss.bridges.translators import load_translator
from isogloss.machine import machine, versions
from isogloss.metrics import interval, ones, resamples, span_scores, verdict

RESULTS = Path(__file__).parent / "results"
MARGIN, RESAMPLES = 0.01, 1000

SETS: dict[str, Callable[[], Gold]] = {
    "pud-pt": lambda: pud("pt", "por"),
    "pud-de": lambda: pud("de", "deu"),
    "pud-zh": lambda: pud("zh", "zho_Hant", 188),  # the other half of the Chinese file is cut elsewhere
    "europarl-de": lambda: europarl("de", "deu"),
    "europarl-es": lambda: europarl("es", "spa"),
    "europarl-it": lambda: europarl("it", "ita"),
    "xsid-de": lambda: xsid("de", "deu"),
    "xsid-tr": lambda: xsid("tr", "tur"),
}
TRANSLATED = ("pud-pt",)
"""Sets whose pair has a translator that gives probabilities."""


def encoder(rule: str, spans: str, **more: Any) -> Align:
    return Align(aligner=EncoderAligner(rule=rule, **more), span_rule=spans)


ALIGNED: dict[str, Projector] = {
    "align softmax, largest group": encoder("softmax", "largest_group"),
    "align softmax, first to last": encoder("softmax", "min_max"),
    "align argmax, largest group": encoder("argmax", "largest_group"),
    "align argmax, first to last": encoder("argmax", "min_max"),
    "align itermax, largest group": encoder("itermax", "largest_group"),
}
EVERYWHERE: dict[str, Projector] = {
    "copy exact": Copy(fuzzy=False),
    "copy fuzzy": Copy(),
    **ALIGNED,
    "align fast_align": Align(aligner=load_aligner("fast_align")),
    "align hmm": Align(aligner=load_aligner("hmm")),
}
WITH_TRANSLATOR: dict[str, Projector] = {
    "align guided": Align(aligner=load_aligner("guided")),
    "markers brackets": Markers(scheme="brackets"),
    "markers quotes": Markers(scheme="quotes"),
    "markers xml": Markers(scheme="xml"),
    "codec heuristic": Codec(mode="heuristic"),
    "codec greedy": Codec(mode="greedy"),
    "t_projection": find_projector("t_projection"),
    "ensemble": Ensemble(),
    "codec exact": Codec(mode="exact"),  # by far the slowest: last
}
FLOOR = "copy fuzzy"


def systems(name: str) -> dict[str, Projector]:
    return EVERYWHERE | (WITH_TRANSLATOR if name in TRANSLATED else {})


def measure(gold: Gold, projector: Projector, translator: Translator | None) -> dict[str, Any]:
    """Spans for every sentence, the outcomes by reason, and the processor time (one thread: also wall time, idle)."""
    items = gold.items()
    started = time.process_time()
    found = projector(items, translator, "eng", gold.target)
    seconds = time.process_time() - started
    outcomes = [outcome for projection in found for outcome in projection.outcomes]
    assert all(projection.target == item.target for projection, item in zip(found, items, strict=True))
    return {
        "spans": [projection.spans for projection in found],
        "scores": [[outcome.score for outcome in projection.outcomes] for projection in found],
        "projection_rate": sum(outcome.span is not None for outcome in outcomes) / len(outcomes),
        "lost": dict(Counter(outcome.reason for outcome in outcomes if outcome.span is None)),
        "seconds": seconds,
        "sentences_per_cpu_second": len(items) / seconds,
    }


def draws(gold: Gold, spans: list[Any]) -> Mapping[str, np.ndarray]:
    """Scores as they are, then in every resample."""
    names = [str(i) for i in range(len(spans))]
    weights = np.concatenate([ones(len(spans)), resamples({gold.target: names}, count=RESAMPLES)[gold.target]])
    given = [[(a, b, kind) for a, b, kind in row] for row in spans]
    return span_scores([side.spans for side in gold.target_side], given, weights)


def table(gold: Gold, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    scores = {name: draws(gold, row["spans"]) for name, row in rows.items()}
    result: dict[str, Any] = {}
    for name, row in rows.items():
        values = scores[name]["span_f1"]
        result[name] = {
            "span_f1": float(values[0]),
            "ci95": interval(values[1:]),
            "precision": float(scores[name]["precision"][0]),
            "recall": float(scores[name]["recall"][0]),
            **{key: row[key] for key in ("projection_rate", "lost", "sentences_per_cpu_second")},
        }
        if FLOOR in scores and name != FLOOR:
            delta = values - scores[FLOOR]["span_f1"]
            result[name]["less_floor"] = {
                "delta": float(delta[0]), "ci95": interval(delta[1:]), "verdict": verdict(delta[1:], margin=MARGIN)
            }  # fmt: skip
        best = max((n for n in ALIGNED if n in scores), key=lambda n: scores[n]["span_f1"][0], default=None)
        if best and name not in ALIGNED:
            delta = values - scores[best]["span_f1"]
            result[name]["less_best_aligner"] = {
                "of": best, "delta": float(delta[0]), "ci95": interval(delta[1:]),
                "verdict": verdict(delta[1:], margin=MARGIN),
            }  # fmt: skip
    return result


def chosen(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The aligner variant that is best on one family of sets, as it scores on the other."""
    result: dict[str, Any] = {}
    for family, other in (("europarl", "pud"), ("pud", "europarl")):
        there = {name: rows for name, rows in tables.items() if name.startswith(family)}
        here = {name: rows for name, rows in tables.items() if name.startswith(other)}
        if there and here:
            everywhere = [v for v in ALIGNED if all(v in rows["systems"] for rows in (there | here).values())]
            best = max(everywhere, key=lambda v: np.mean([rows["systems"][v]["span_f1"] for rows in there.values()]))
            result[f"by {family}"] = {
                "variant": best,
                "span_f1": {name: rows["systems"][best]["span_f1"] for name, rows in here.items()},
            }
    return result


def summarise(work: Path) -> dict[str, Any]:
    tables: dict[str, Any] = {}
    for name, make in SETS.items():
        rows = {
            system: json.loads(path.read_text(encoding="utf-8"))
            for system in systems(name)
            if (path := work / f"{name}--{system}.json").is_file()
        }
        if rows:
            gold = make()
            tables[name] = {
                "sentences": len(gold.source_side),
                "source_spans": sum(len(side.spans) for side in gold.source_side),
                "target_spans": sum(len(side.spans) for side in gold.target_side),
                "ceiling": gold.ceiling(),
                "systems": table(gold, rows),
            }
    result = {
        "command": "python benchmarks/bridges/projection.py",
        "floor": FLOOR,
        "margin": MARGIN,
        "sets": tables,
        "chosen": chosen(tables),
        "settings": {name: repr(system) for name, system in (EVERYWHERE | WITH_TRANSLATOR).items()},
        "versions": versions(),
        "machine": machine("cpu"),
    }
    (RESULTS / "projection.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main() -> None:
    """Read the command line, measure what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--systems", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/projection"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    wanted = options.systems.split(",") if options.systems else None
    for name in [] if options.summary else options.sets.split(","):
        gold = SETS[name]()
        translator = load_translator("isogloss:eng-por") if name in TRANSLATED else None
        for system, projector in systems(name).items():
            path = options.work / f"{name}--{system}.json"
            if path.exists() or (wanted and system not in wanted):
                continue
            row = measure(gold, projector, translator)
            path.write_text(json.dumps(row), encoding="utf-8")
            print(f"{name}: {system}: {row['seconds']:.0f} s, {row['projection_rate']:.1%} of the spans", flush=True)
    summarise(options.work)


if __name__ == "__main__":
    main()

"""What marks round the spans do to a translation, and how many come through.

    ISOGLOSS_DATA=DATA python benchmarks/bridges/markers.py

English sentences with names (PUD) are translated as they are and with marks; the marks are then taken out and the two
translations compared: chrF of one against the other (sacrebleu), and the share that is the same. Projectors that leave
the translation alone have 100 in both by construction. Writes ``results/markers.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import sacrebleu
import torch
from gold import pud

from isogloss.bridges.projectors.marks import SCHEMES
from isogloss.bridges.projectors.survival import best_translations, survival, translate_marked
from isogloss.bridges.translators import load_translator
from isogloss.machine import machine, versions

RESULTS = Path(__file__).parent / "results"
PAIRS = (("isogloss:eng-por", "por"), ("apertium", "spa"), ("apertium", "cat"))


def measure(name: str, target: str, sentences: list[Any]) -> dict[str, Any]:
    """One row for each way to write marks."""
    translator = load_translator(name)
    plain = [t.text for t in best_translations(translator, [text for text, _ in sentences], "eng", target)]
    rows: dict[str, Any] = {}
    for scheme in SCHEMES:
        if scheme == "html" and "markup" not in translator.abilities:
            continue
        stripped = [reading.text for reading, _ in translate_marked(translator, sentences, scheme, "eng", target)]
        there = [(a, b) for a, b in zip(stripped, plain, strict=True) if a]
        came = survival(translator, sentences, scheme, "eng", target)
        rows[scheme] = {
            "chrf_against_plain": sacrebleu.corpus_chrf([a for a, _ in there], [[b for _, b in there]]).score,
            "same": sum(a == b for a, b in there) / len(there),
            "compared": len(there),
            "survival": came.share,
            "reasons": came.reasons,
        }
    return {"translator": translator.used("eng", target), "sentences": len(sentences), "schemes": rows}


def main() -> None:
    """Measure and write."""
    torch.set_num_threads(2)
    sentences = [(side.text, side.spans) for side in pud("pt", "por").source_side if side.spans]
    result = {
        "command": "python benchmarks/bridges/markers.py",
        "pairs": {f"eng-{target}": measure(name, target, sentences) for name, target in PAIRS},
        "versions": versions(),
        "machine": machine("cpu"),
    }
    (RESULTS / "markers.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for pair, row in result["pairs"].items():
        for scheme, values in row["schemes"].items():
            print(f"{pair} {scheme}: chrF {values['chrf_against_plain']:.1f}, survival {values['survival']:.1%}")


if __name__ == "__main__":
    main()

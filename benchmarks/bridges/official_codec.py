"""Our search for the places of markers against the official code of CODEC: same model, same sentences, same bounds.

    git clone https://github.com/duonglm38/Codec DIR
    python3 -m venv ENV; ENV/bin/pip install torch transformers==4.29.2 'numpy<2' sentencepiece safetensors
    python benchmarks/bridges/official_codec.py --official DIR --python ENV/bin/python

Nothing of the official code is kept here: it runs in its own environment through ``official_codec_adapter.py``, whose
first lines say what had to be patched. The models (``syllables.py``) have NLLB's shape but for their size: random
weights, small and larger, and a small one that was taught the task for some minutes. A question is put to both sides
before the next one, one thread each; the side that begins changes. ``--models``, ``--count`` and ``--repeats`` make it
shorter. Writes ``results/official_codec.json``, in which models that were not asked for keep their figures. The machine
was shared while it was measured: CPU seconds say more than seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from official_codec_adapter import __doc__ as PATCHES
from syllables import MODELS, bracketed, save_model, sentences

from isogloss.bridges.automaton import OneSpan
from isogloss.bridges.base import Parallel
from isogloss.bridges.projectors.codec import Codec
from isogloss.bridges.projectors.template import Template
from isogloss.bridges.search import Cost, branch_and_bound
from isogloss.bridges.translators.seq2seq import Seq2SeqTranslator
from isogloss.machine import machine, versions

HERE = Path(__file__).parent
LANGUAGES = "eng", "por"
BEST, BATCH = 5, 16
MODES: dict[str, int | None] = {"exact": None, "alpha 5": 5, "alpha 1": 1}
LENGTHS = {"taught": (10, 20, 40), "small": (10, 20), "larger": (10,)}
"""Pieces of the templates. With random weights no bound ever cuts: a search goes through n^3 / 6 prefixes."""
CLOSE = 1e-4


class Official:
    """The other side, in a process of its own."""

    def __init__(self, python: str, clone: str, model: Path) -> None:
        adapter = HERE / "official_codec_adapter.py"
        self.process = subprocess.Popen(
            [python, str(adapter), "--official", clone, "--model", str(model)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.versions = self._read()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        print(json.dumps(question), file=self.process.stdin, flush=True)
        return self._read()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            sys.exit("The official code broke down; what it said is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, kw_only=True)
class Ours:
    """This side."""

    translator: Seq2SeqTranslator

    def ask(self, text: str, template: Sequence[int], marker: Any, alpha: int | None) -> dict[str, Any]:
        cost = Cost()
        began, began_cpu = time.perf_counter(), time.process_time()
        decoder = self.translator.decoder(*LANGUAGES)
        automaton = OneSpan(template, marker)
        found = branch_and_bound(
            decoder, decoder.begin(text), automaton, best=BEST, alpha=alpha, batch=BATCH, cost=cost
        )
        took = time.perf_counter() - began, time.process_time() - began_cpu
        return {
            "places": [(*automaton.read(string.pieces)[0], string.score) for string in found],
            "seconds": took[0],
            "cpu_seconds": took[1],
            "nodes": cost.nodes,
            "calls": cost.calls,
        }


def measure(ours: Ours, official: Official, items: Sequence[Parallel], mode: str, repeats: int) -> dict[str, Any]:
    """Both sides on the same sentences in one mode."""
    decoder = ours.translator.decoder(*LANGUAGES)
    marker = (decoder.pieces("[")[0], decoder.pieces("a]")[0][len(decoder.pieces("a")[0]) :])
    pair = ours.translator._pair(*LANGUAGES)
    rows: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for number, item in enumerate(items):
        text, template = bracketed(item.source, item.spans[0]), decoder.pieces(item.target)[0]
        question = {
            "source": ours.translator.vocabulary.source(text, *pair),
            "template": template,
            "language": ours.translator.vocabulary.mark(pair[1])[0],
            "end": decoder.end,
            "alpha": MODES[mode],
            "best": BEST,
            "batch": BATCH,
        }
        answers: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
        for turn in range(repeats):
            for side in (0, 1) if (number + turn) % 2 else (1, 0):
                answers[side].append(official.ask(question) if side else ours.ask(text, template, marker, MODES[mode]))
        rows.append((_fastest(answers[0]), _fastest(answers[1])))
    result: dict[str, Any] = {"spans": len(rows), **_agreement(rows)}
    for key in ("seconds", "cpu_seconds", "nodes", "calls"):
        means = [sum(row[side][key] for row in rows) / len(rows) for side in (0, 1)]
        result[key] = {"ours": round(means[0], 4), "official": round(means[1], 4)}
    result["times_as_fast"] = {
        key: round(result[key]["official"] / result[key]["ours"], 2) for key in ("seconds", "cpu_seconds")
    }
    if mode == "exact":
        result["projector_same_place"] = _projected(ours.translator, items, [row[1]["places"][0] for row in rows])
    return result


def _fastest(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    least = {key: min(answer[key] for answer in answers) for key in ("seconds", "cpu_seconds")}
    return {**answers[0], **least}


def _agreement(rows: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """How often both sides choose the same places, and how far their log-probabilities are apart."""
    best = same_lists = same_sets = 0
    apart = [0.0]
    for one, other in rows:
        a, b = ([tuple(place[:2]) for place in side["places"]] for side in (one, other))
        best += a[0] == b[0]
        same_lists += a == b
        same_sets += set(a) == set(b)
        scores = {tuple(place[:2]): place[2] for place in one["places"]}
        apart += [abs(scores[tuple(place[:2])] - place[2]) for place in other["places"] if tuple(place[:2]) in scores]
    return {
        "same_best": best,
        "same_five": same_sets,
        "same_five_in_order": same_lists,
        "largest_difference_of_log_probabilities": max(apart),
        "within_1e-4": max(apart) <= CLOSE,
    }


def _projected(translator: Seq2SeqTranslator, items: Sequence[Parallel], best: Sequence[Any]) -> int:
    """How often the whole projector says what the official code's best place means in characters."""
    codec = Codec(mode="exact", boundaries="pieces", prune=False, rerank=False, setting="test", k=BEST, batch=BATCH)
    decoder = translator.decoder(*LANGUAGES)
    same = 0
    for item, projection, (start, end, _) in zip(items, codec(items, translator, *LANGUAGES), best, strict=True):
        template = Template.of(item, decoder)
        expected = template.snapped(template.span(start, end)) if start < end else None
        same += projection.outcomes[0].span == expected
    return same


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--official", required=True, help="folder of a clone of github.com/duonglm38/Codec")
    parser.add_argument("--python", required=True, help="Python of an environment in which the clone runs")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--count", type=int, default=10, help="sentences of each length; the larger model gets a third")
    parser.add_argument("--repeats", type=int, default=2, help="the fastest counts")
    parser.add_argument("--home", help="where models are kept for the next time; by default they are not")
    parser.add_argument("--out", default=str(HERE / "results" / "official_codec.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=options.official, capture_output=True, text=True)
    out = Path(options.out)
    models = json.loads(out.read_text(encoding="utf-8"))["models"] if out.is_file() else {}
    official_code = {"repository": "github.com/duonglm38/Codec", "commit": head.stdout.strip()}
    with tempfile.TemporaryDirectory() as home:
        for name in options.models:
            folder = Path(options.home or home) / name
            if not (folder / "model.safetensors").exists():
                save_model(folder, MODELS[name])
            ours, official = (
                Ours(translator=Seq2SeqTranslator(str(folder))),
                Official(options.python, options.official, folder),
            )
            rows: dict[str, Any] = {}
            for length in LENGTHS[name]:
                items = sentences(max(3, options.count // 3) if name == "larger" else options.count, length, seed=1)
                for mode in MODES:
                    row = rows[f"{length} pieces, {mode}"] = measure(ours, official, items, mode, options.repeats)
                    print(name, length, mode, json.dumps(row), flush=True)
            models[name] = {
                "command": "python benchmarks/bridges/official_codec.py --official DIR --python ENV/bin/python "
                f"--models {name} --count {options.count} --repeats {options.repeats}",
                "size": asdict(MODELS[name]),
                "rows": rows,
            }
            official.close()
            result = {
                "official": {**official_code, "versions": official.versions},
                "patches": str(PATCHES),
                "settings": {"best": BEST, "batch": BATCH, "boundaries": "pieces", "openings": "all", "rerank": False},
                "models": {kind: models[kind] for kind in MODELS if kind in models},
                "versions": versions(),
                "machine": machine("cpu"),
            }
            out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

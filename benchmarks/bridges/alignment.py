"""Word alignment on gold links: the encoder aligner at every layer by every rule, its own choice, and word models.

    ISOGLOSS_DATA=DATA python benchmarks/bridges/alignment.py [--sentences 150] [--threads 1]

The first sentences of three gold sets (awesome-align's copies of the WPT and KFTT test sets). The word models learn
from these sentences alone, which is far less than they are made for. F1 and AER (alignment error rate: Och and Ney,
2003) over all sentences of a set, with 95 % bootstrap intervals over sentences. Writes ``results/alignment.json``.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isogloss.backbones import Backbone
from isogloss.bridges.aligners import EncoderAligner, StatisticalAligner
from isogloss.bridges.aligners.links import word_links
from isogloss.bridges.aligners.states import depth
from isogloss.bridges.base import Bitext, Links
from isogloss.languages import join_tokens
from isogloss.machine import machine, versions
from isogloss.metrics import interval, ones, resamples

RESULTS = Path(__file__).parent / "results"
SETS = {"enfr": ("eng", "fra"), "jaen": ("jpn", "eng"), "roen": ("ron", "eng")}
RULES = ("softmax", "argmax", "itermax")
WORD_MODELS = ("fast_align", "hmm", "eflomal")
GOAL = 0.02
"""How far below the best layer's F1 the chosen layer may stay."""


@dataclass(frozen=True, kw_only=True)
class GoldSet:
    """Sentence pairs with their sure links and all allowed ones, the sure ones among them."""

    bitexts: tuple[Bitext, ...]
    sure: tuple[Links, ...]
    possible: tuple[Links, ...]


def read(folder: Path, name: str, count: int) -> GoldSet:
    """The first ``count`` sentence pairs of a set. Links are 1-based there and 0-based here."""
    bitexts, sure, possible = [], [], []
    lines = zip(*(lines_of(folder / f"{name}.{suffix}")[:count] for suffix in ("src-tgt", "gold")), strict=True)
    for pair, links in lines:
        (source, source_units), (target, target_units) = (join_tokens(side.split()) for side in pair.split("|||"))
        bitexts.append(
            Bitext(source=source, target=target, source_units=(*source_units,), target_units=(*target_units,))
        )
        inside: dict[str, tuple[int, int]] = {}
        for link in links.split():
            i, j = map(int, link.replace("p", "-").split("-"))
            if i <= len(source_units) and j <= len(target_units):  # a few gold links point beyond the sentence
                inside[link] = i - 1, j - 1
        sure.append(frozenset(place for link, place in inside.items() if "p" not in link))
        possible.append(frozenset(inside.values()))
    return GoldSet(bitexts=tuple(bitexts), sure=tuple(sure), possible=tuple(possible))


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")


def scores(found: Sequence[Links], gold: GoldSet, weights_RN: np.ndarray) -> dict[str, np.ndarray]:
    """F1 (precision against possible links, recall against sure ones) and AER of R resamples."""
    rows = zip(found, gold.sure, gold.possible, strict=True)
    counts_N4 = np.array([(len(a), len(s), len(a & s), len(a & p)) for a, s, p in rows], dtype=float)
    made, sure, hits, allowed = (weights_RN @ counts_N4).T
    precision, recall = allowed / np.maximum(made, 1), hits / np.maximum(sure, 1)
    return {
        "f1": 2 * precision * recall / np.maximum(precision + recall, 1e-12),
        "aer": 1 - (hits + allowed) / np.maximum(made + sure, 1),
    }


def row(found: Sequence[Links], gold: GoldSet, drawn_RN: np.ndarray) -> dict[str, Any]:
    point, spread = scores(found, gold, ones(len(gold.bitexts))), scores(found, gold, drawn_RN)
    return {
        name: {"value": round(float(point[name][0]), 4), "ci95": [round(x, 4) for x in interval(spread[name])]}
        for name in point
    }


def every_way(encoder: EncoderAligner, gold: GoldSet, layers: range) -> dict[str, list[list[Links]]]:
    """For each rule the links of each layer, from one pass through the encoder."""
    by_rule: dict[str, list[list[Links]]] = {rule: [[] for _ in layers] for rule in RULES}
    for tables_KST, owners in encoder.tables(gold.bitexts, layers):
        for rule, by_layer in by_rule.items():
            for found, table_ST in zip(by_layer, tables_KST, strict=True):
                found.append(word_links(replace(encoder, rule=rule).linked(table_ST), *owners))
    return by_rule


def main() -> None:
    """Align every set in every way and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sentences", type=int, default=150)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if "ISOGLOSS_DATA" not in os.environ:
        parser.error("set ISOGLOSS_DATA to the folder that holds alignment/")
    torch.set_num_threads(options.threads)
    encoder = EncoderAligner()
    layers = range(depth(Backbone.load(encoder.backbone), encoder.device) + 1)
    table: dict[str, Any] = {
        "command": f"python benchmarks/bridges/alignment.py --sentences {options.sentences}",
        "sentences": f"the first {options.sentences} of each set; word models are trained on them alone",
        "encoder": {"backbone": encoder.backbone, "threshold": encoder.threshold, "scale": encoder.scale},
        "sets": {},
        "versions": versions() | {"sil-thot": version("sil-thot")},
        "machine": machine("cpu"),
    }
    for name, languages in SETS.items():
        gold = read(Path(os.environ["ISOGLOSS_DATA"]) / "alignment", name, options.sentences)
        drawn_RN = resamples({name: [str(n) for n in range(len(gold.bitexts))]})[name]
        results: dict[str, Any] = {"sentences": len(gold.bitexts), "sure": sum(map(len, gold.sure))}
        for rule, by_layer in every_way(encoder, gold, layers).items():
            results[rule] = {str(n): row(found, gold, drawn_RN) for n, found in zip(layers, by_layer, strict=True)}
        chosen = encoder.choose_layer(gold.bitexts)
        results["chosen_layer"] = chosen
        results["below_best_layer"] = {
            rule: round(max(r["f1"]["value"] for r in results[rule].values()) - f1_of(results, rule, chosen), 4)
            for rule in RULES
        }
        for model in WORD_MODELS:
            results[model] = row(StatisticalAligner(model=model)(gold.bitexts, *languages), gold, drawn_RN)
        table["sets"][name] = results
        show(name, results)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "alignment.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def f1_of(results: dict[str, Any], rule: str, layer: int) -> float:
    return float(results[rule][str(layer)]["f1"]["value"])


def show(name: str, results: dict[str, Any]) -> None:
    chosen = results["chosen_layer"]
    print(f"\n{name}: {results['sentences']} sentences, {results['sure']} sure links")
    print("layer   " + "".join(f"{rule + ' F1':>14}{'AER':>7}" for rule in RULES))
    for layer in results[RULES[0]]:
        cells = (results[rule][layer] for rule in RULES)
        mark = "<- chosen" if layer == str(chosen) else ""
        print(
            f"{layer:>5}   "
            + "".join(f"{c['f1']['value']:>14.3f}{c['aer']['value']:>7.3f}" for c in cells)
            + f"  {mark}"
        )
    for rule, short in results["below_best_layer"].items():
        print(
            f"{rule}: chosen layer {short:.3f} below the best one; goal {GOAL} {'met' if short <= GOAL else 'missed'}"
        )
    for model in WORD_MODELS:
        (low, high), cell = results[model]["f1"]["ci95"], results[model]
        print(f"{model:<11} F1 {cell['f1']['value']:.3f} [{low:.3f}, {high:.3f}]  AER {cell['aer']['value']:.3f}")


if __name__ == "__main__":
    main()

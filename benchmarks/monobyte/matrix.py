"""MonoByte in small: what a byte model gains from its pretraining language, and from text that is no language.

    ISOGLOSS_DATA=DATA python benchmarks/monobyte/matrix.py [--work runs/monobyte] [--pretrain eng,none] [--seeds 1,2]
    ISOGLOSS_DATA=DATA python benchmarks/monobyte/matrix.py --summary

Models of one shape, from one set of random weights, are pretrained by span corruption on equal amounts of text with
equal updates: on the English Bible, the Swahili Bible, random words, nested pairs, or not at all. Each is measured on
held-out text of seven languages and is then fine-tuned text to text in English and in German, with one recipe, and
tested in both: for German both Bibles are foreign, one of them related. The rows are kept in ``--work``, where a run
that was broken off goes on; ``--summary`` writes ``results/matrix.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import finetune
import languages
import numpy as np
import pretrain
import torch
from model import TINY, tiny
from safetensors.torch import load_file, save_file
from transformers import T5ForConditionalGeneration

from isogloss.machine import machine, versions
from isogloss.metrics import interval, resamples, verdict
from isogloss.train.corruption import DENSITY, MEAN_SPAN

RESULTS = Path(__file__).parent / "results"
PRETRAINED = ("none", "eng", "nonsense", "hierarchical", "swh")
FINETUNED = ("eng", "deu")
READ = (*languages.NATURAL, *languages.ARTIFICIAL)
UPDATES = 1000
MARGIN, RESAMPLES = 0.02, 1000


def pretrained(name: str, work: Path, updates: int) -> T5ForConditionalGeneration:
    """The model of a pretraining language; trained if that has not been done."""
    model, weights, path = tiny(), work / f"weights-{name}.safetensors", work / f"pretrain-{name}.json"
    if path.exists():
        model.load_state_dict(load_file(weights))
        return model
    started, curve = time.process_time(), list[float]()
    if name != "none":
        print(f"pretraining on {name}", flush=True)
        curve = pretrain.pretrain(model, languages.text(name).train, updates=updates)
    row: dict[str, Any] = {"updates": updates if curve else 0, "seconds": time.process_time() - started, "curve": curve}
    save_file({key: value.clone() for key, value in model.state_dict().items()}, weights)
    path.write_text(json.dumps(row), encoding="utf-8")
    print(f"{name}: {row['seconds']:.0f} s", flush=True)
    return model


def read_all(name: str, work: Path, updates: int) -> None:
    """The span losses of a model on held-out text of every language, and the same when it reads other text."""
    path = work / f"span-{name}.json"
    if path.exists():
        return
    model = pretrained(name, work, updates)
    row = {
        kind: {read: pretrain.span_losses(model, languages.text(read).held_out, blind=blind) for read in READ}
        for kind, blind in (("reading", False), ("blind", True))
    }
    path.write_text(json.dumps(row), encoding="utf-8")
    means = ", ".join(f"{read} {np.mean(losses):.2f}" for read, losses in row["reading"].items())
    print(f"{name}: nats a masked byte: {means}", flush=True)


def fine_tuned(task: str, name: str, language: str, seed: int, work: Path, *, updates: int) -> None:
    """One row of a matrix: pretraining language, fine-tuning language, seed."""
    path = work / f"{task}-{name}-{language}-{seed}.json"
    if path.exists():
        return
    model, started = pretrained(name, work, updates), time.process_time()
    torch.manual_seed(seed)
    items, epochs = finetune.TASKS[task].items, finetune.TASKS[task].epochs
    row = finetune.finetune(model, items(language, "train"), items(language, "dev"), epochs=epochs, seed=seed)
    row["answers"] = {test: finetune.answers(model, items(test, "test"), most=3) for test in FINETUNED}
    row["seconds"] = time.process_time() - started
    path.write_text(json.dumps(row), encoding="utf-8")
    right = {test: float(np.mean(_right(task, test, given))) for test, given in row["answers"].items()}
    print(f"{path.stem}: {row['seconds']:.0f} s, {right}", flush=True)


def _right(task: str, test: str, given: Sequence[str]) -> np.ndarray:
    """1 where the label that was written is the right one."""
    labels, items = finetune.TASKS[task].labels, finetune.TASKS[task].items(test, "test")
    return np.array([finetune.read_label(a, labels) == int(i.answer) for a, i in zip(given, items, strict=True)], float)


def updates_to(curve: Sequence[tuple[int, float]], loss: float) -> int | None:
    """The first update after which the development loss was no higher than ``loss``; None if it never was."""
    return next((update for update, value in curve if value <= loss), None)


def settings(updates: int) -> dict[str, Any]:
    """All that decides a row."""
    return {
        "model": TINY, "train_bytes": languages.TRAIN_BYTES, "held_out_bytes": languages.HELD_OUT_BYTES,
        "optimiser": "AdamW without decay, rising then falling linearly, clipped at 1, forward pass in bfloat16",
        "pretrain": {
            "updates": updates, "batch": pretrain.BATCH, "window": pretrain.WINDOW, "density": DENSITY,
            "mean_span": MEAN_SPAN["bytes"], "rate": pretrain.RATE, "warmup": pretrain.WARMUP,
        },
        "finetune": {
            "epochs": {name: task.epochs for name, task in finetune.TASKS.items()}, "batch": finetune.BATCH,
            "most_bytes": finetune.MOST_BYTES, "rate": finetune.RATE,
            "warmup": finetune.WARMUP, "chosen": "the weights after the last update",
        },
    }  # fmt: skip


def keep_settings(work: Path, now: Mapping[str, Any]) -> None:
    """Rows of one folder are of one recipe."""
    path = work / "settings.json"
    if path.exists() and _row(path) != now:
        raise SystemExit(f"The rows in {work} were made with other settings: name another folder with --work.")
    path.write_text(json.dumps(now), encoding="utf-8")


def summarise(work: Path, out: Path) -> dict[str, Any]:
    before = {name: _row(work / f"pretrain-{name}.json") for name in PRETRAINED}
    result = {
        "command": "python benchmarks/monobyte/matrix.py",
        "span_loss": {
            "unit": "nats a masked byte on held-out text, mean over windows; one pretraining each",
            **{name: _spans(row) for name in PRETRAINED if (row := _row(work / f"span-{name}.json"))},
        },
        "pretraining": {
            name: {key: row[key] for key in ("updates", "seconds", "curve")} for name, row in before.items() if row
        },
        "tasks": {
            task: {language: found for language in FINETUNED if (found := _table(work, task, language))}
            for task in finetune.TASKS
        },
        "margin": MARGIN,
        "settings": _row(work / "settings.json"),
        "versions": versions(),
        "machine": machine("cpu"),
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def _row(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _spans(row: Mapping[str, Any]) -> dict[str, Any]:
    """Losses by language; ``gain``: how much less than when the encoder reads other text."""
    table = {}
    for read, losses in row["reading"].items():
        weights = resamples({read: [str(i) for i in range(len(losses))]}, count=RESAMPLES)[read]
        gains = np.array(row["blind"][read]) - np.array(losses)
        table[read] = {
            "windows": len(losses),
            "loss": round(float(np.mean(losses)), 4),
            "ci95": interval((weights @ np.array(losses)) / weights.sum(1)),
            "gain": round(float(gains.mean()), 4),
            "gain_ci95": interval((weights @ gains) / weights.sum(1)),
        }
    return table


def _table(work: Path, task: str, language: str) -> dict[str, Any]:
    """Scores of every pretraining for one fine-tuning language; all are compared with ``none`` on the same seeds."""
    rows = {name: _by_seed(work, f"{task}-{name}-{language}-*") for name in PRETRAINED}
    if not rows["none"]:
        return {}
    # What the model without pretraining reached at best, in the mean over its seeds: the mark for updates-to-loss.
    mark = float(np.mean([min(loss for _, loss in row["dev_loss"]) for row in rows["none"].values()]))
    table: dict[str, Any] = {"dev_loss_mark": mark}
    for name, by_seed in rows.items():
        if not by_seed:
            continue
        seeds = sorted(by_seed)
        table[name] = {
            "seeds": seeds,
            "updates": by_seed[seeds[0]]["updates"],
            "updates_to_mark": {seed: updates_to(by_seed[seed]["dev_loss"], mark) for seed in seeds},
            "least_dev_loss": {seed: min(loss for _, loss in by_seed[seed]["dev_loss"]) for seed in seeds},
            "tested in": {test: _scores(task, rows, name, test) for test in FINETUNED},
            "unreadable": sum(
                finetune.read_label(answer, finetune.TASKS[task].labels) == finetune.UNREADABLE
                for row in by_seed.values() for given in row["answers"].values() for answer in given
            ),
        }  # fmt: skip
    return table


def _scores(task: str, rows: Mapping[str, Mapping[str, Any]], name: str, test: str) -> dict[str, Any]:
    """Accuracy, mean over seeds; the intervals are of the test sentences, not of the pretraining."""
    ids = [item.id for item in finetune.TASKS[task].items(test, "test")]
    weights = resamples({test: ids}, count=RESAMPLES)[test]

    def draws(which: str, seeds: Sequence[str]) -> np.ndarray:
        right = np.mean([_right(task, test, rows[which][seed]["answers"][test]) for seed in seeds], axis=0)
        return np.concatenate([[right.mean()], (weights @ right) / weights.sum(1)])

    own = draws(name, list(rows[name]))
    by_seed = {seed: float(draws(name, [seed])[0]) for seed in rows[name]}
    found = {"accuracy": float(own[0]), "ci95": interval(own[1:]), "by_seed": by_seed}
    if name != "none" and (shared := sorted(rows[name].keys() & rows["none"].keys())):
        delta = draws(name, shared) - draws("none", shared)
        found["less_none"] = {
            "delta": float(delta[0]), "ci95": interval(delta[1:]), "verdict": verdict(delta[1:], margin=MARGIN),
        }  # fmt: skip
    return found


def _by_seed(work: Path, pattern: str) -> dict[str, Any]:
    return {path.stem.rpartition("-")[2]: _row(path) for path in sorted(work.glob(f"{pattern}.json"))}


def main() -> None:
    """Read the command line, train what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--pretrain", default=",".join(PRETRAINED))
    parser.add_argument("--finetune", default=",".join(FINETUNED))
    parser.add_argument("--tasks", default="intents,nli", help="also occurrence and topics")
    parser.add_argument("--seeds", default="1,2,3", help="of fine-tuning; an empty list only pretrains")
    parser.add_argument("--updates", type=int, default=UPDATES, help="of each pretraining")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/monobyte"))
    parser.add_argument("--out", type=Path, default=RESULTS / "matrix.json")
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    if not options.summary:
        keep_settings(options.work, settings(options.updates))
        for name in options.pretrain.split(","):
            read_all(name, options.work, options.updates)
            for seed, task, language in product(
                filter(None, options.seeds.split(",")), options.tasks.split(","), options.finetune.split(",")
            ):
                fine_tuned(task, name, language, int(seed), options.work, updates=options.updates)
    summarise(options.work, options.out)


if __name__ == "__main__":
    main()

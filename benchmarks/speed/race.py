"""One run of one side of the race, from the start of the interpreter to the predictions; started by finetune.py.

    python benchmarks/speed/race.py SIDE --problem FOLDER --out FOLDER --encoder FOLDER --seed 1 --rate 1e-4 ...

``isogloss`` and ``isogloss-fp32-all`` call ``isogloss.transfer``. ``plain`` and ``like-for-like`` are the script a user
of transformers writes, and import nothing of isogloss. Both are timed through the same two functions of transformers.
Writes ``record.json`` into the folder ``--out``: the time of every update, scores on dev, predictions, memory.
"""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import time
from pathlib import Path
from typing import Any

SIDES: dict[str, dict[str, Any]] = {
    "isogloss": {"ours": True, "precision": "auto", "trains": "body"},
    "plain": {"ours": False, "precision": "fp32", "trains": "all"},
    "like-for-like": {"ours": False, "precision": "bf16", "trains": "body"},
    "isogloss-fp32-all": {"ours": True, "precision": "fp32", "trains": "all"},
}
BATCH, WARM_UP, DECAY, MAX_LENGTH = 16, 0.1, 0.01, 256


def watch_updates() -> list[dict[str, float]]:
    """From now on every update of any Trainer is entered in the returned list."""
    from transformers import Trainer
    from transformers.trainer_callback import CallbackHandler

    updates: list[dict[str, float]] = []
    step, step_end = Trainer.training_step, CallbackHandler.on_step_end

    @functools.wraps(step)
    def timed_step(trainer: Any, model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        mask = inputs["attention_mask"]
        seen = {"rows": len(mask), "pieces": int(mask.sum()), "cells": mask.numel()}
        updates.append({"start": time.perf_counter(), **seen})
        return step(trainer, model, inputs, *rest, **named)

    @functools.wraps(step_end)
    def timed_end(*given: Any, **named: Any) -> Any:
        updates[-1]["end"] = time.perf_counter()  # the optimiser's step is done, nothing is saved or evaluated yet
        return step_end(*given, **named)

    Trainer.training_step, CallbackHandler.on_step_end = timed_step, timed_end
    return updates


def run_ours(options: argparse.Namespace, side: dict[str, Any]) -> dict[str, Any]:
    """The library's default, with the race's epochs and rate."""
    import isogloss as ig

    settings = {
        "cross_entropy.epochs": str(options.epochs),
        "cross_entropy.min_steps": "0",  # as many updates as the other sides
        "cross_entropy.learning_rate": options.rate,
        "cross_entropy.batch_size": str(BATCH),
        "cross_entropy.trains": side["trains"],
    }
    settings |= dict(item.split("=", 1) for item in options.set)
    home = options.out / "run"
    _, report = ig.transfer(
        options.problem,
        "direct",
        settings=settings,
        seeds=[options.seed],
        precision=side["precision"],
        out=home,
        force=True,
    )
    (choice,) = report.selection["runs"]
    answers = {}
    for path in sorted((home / "predictions").glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").split("\n")
        answers[path.stem] = [json.loads(line)["prediction"] for line in lines if line]
    shutil.rmtree(home)
    scores = list(choice["scores"].values())
    return {"dev": choice["score"], "dev_by_epoch": scores, "precision": report.precision, "predictions": answers}


def run_plain(options: argparse.Namespace, side: dict[str, Any]) -> dict[str, Any]:
    """The script a user of transformers writes."""
    import numpy as np
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    def rows(split: str, lang: str) -> list[dict[str, str]]:
        text = (options.problem / split / f"{lang}.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.split("\n") if line]

    train, dev = rows("train", "eng"), rows("dev", "eng")
    labels = sorted({row["label"] for row in (*train, *dev)})
    tokenizer = AutoTokenizer.from_pretrained(options.encoder)
    set_seed(options.seed)
    model = AutoModelForSequenceClassification.from_pretrained(options.encoder, num_labels=len(labels))
    if side["trains"] == "body":
        model.base_model.embeddings.requires_grad_(False)

    def encode(rows: list[dict[str, str]]) -> list[dict[str, Any]]:
        inputs = tokenizer([row["text"] for row in rows], truncation=True, max_length=MAX_LENGTH)
        found = [{name: inputs[name][i] for name in inputs} for i in range(len(rows))]
        return [feature | {"labels": labels.index(row["label"])} for feature, row in zip(found, rows, strict=True)]

    def accuracy(given: Any) -> dict[str, float]:
        return {"accuracy": float(np.mean(given.predictions.argmax(-1) == given.label_ids))}

    grouped = {"train_sampling_strategy": "group_by_length"} if side["trains"] == "body" else {}
    home = options.out / "run"
    arguments = TrainingArguments(
        output_dir=str(home), num_train_epochs=options.epochs, learning_rate=float(options.rate), seed=options.seed,
        per_device_train_batch_size=BATCH, per_device_eval_batch_size=32, warmup_steps=WARM_UP, weight_decay=DECAY,
        bf16=side["precision"] == "bf16", use_cpu=True, eval_strategy="epoch", save_strategy="epoch",
        save_only_model=True, load_best_model_at_end=True, metric_for_best_model="accuracy", report_to=[],
        disable_tqdm=True, **grouped,
    )  # fmt: skip
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=encode(train),
        eval_dataset=encode(dev),
        data_collator=DataCollatorWithPadding(tokenizer),
        processing_class=tokenizer,
        compute_metrics=accuracy,
    )
    trainer.train()
    trainer.save_model(str(home / "model"))
    trainer.args.train_sampling_strategy = "random"  # grouping by length would shuffle what predict() returns, too
    answers = {}
    for path in sorted((options.problem / "test").glob("*.jsonl")):
        choice = trainer.predict(encode(rows("test", path.stem))).predictions.argmax(-1)
        answers[path.stem] = [labels[i] for i in choice]
    shutil.rmtree(home)
    scores = [row["eval_accuracy"] for row in trainer.state.log_history if "eval_accuracy" in row]
    best = trainer.state.best_metric
    return {"dev": best, "dev_by_epoch": scores, "precision": side["precision"], "predictions": answers}


def high_water_mb() -> float | None:
    """VmHWM of this process in megabytes, where the system tells it."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), None)


def main() -> None:
    """Run one side and write its record."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("side", choices=SIDES)
    parser.add_argument("--problem", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", required=True, help="folder of the encoder, for the sides that are not isogloss")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--rate", required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="PART.FIELD=VALUE")
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    updates = watch_updates()
    side = SIDES[options.side]
    record = (run_ours if side["ours"] else run_plain)(options, side)
    record |= {"updates": updates, "vm_hwm_mb": high_water_mb(), "threads": torch.get_num_threads()}
    (options.out / "record.json").write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main()

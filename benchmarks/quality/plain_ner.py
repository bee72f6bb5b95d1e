"""NER with isogloss beside a plain transformers script: same encoder, data, steps, seeds and machine, in one run.

    ISOGLOSS_DATA=DATA python benchmarks/quality/plain_ner.py [--seeds 1,2,3] [--work runs/quality]

The plain side is what a careful user of transformers writes: words encoded with ``is_split_into_words``, the tag on
each word's first piece, every weight trained by the Trainer with bf16 autocast, the epoch best on English dev kept,
strict span F1 by seqeval. Both sides have the same learning rate, epochs and batch size, and the same repair of
predictions: an I- tag that continues nothing opens an entity. Writes ``results/ner-plain.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from problems import PROBLEMS, data_folder, write
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2
from transformers import (
    AutoModelForTokenClassification,
    AutoTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
    set_seed,
)

import isogloss as ig
from isogloss.machine import machine, versions
from isogloss.metrics import repair

RESULTS = Path(__file__).parent / "results"
EPOCHS, RATE, BATCH = 5, 1e-4, 16


def tokens_and_tags(problem: ig.Problem, split: str, lang: str) -> list[dict[str, Any]]:
    """Words and tags of a split, as a user of CoNLL files has them."""
    rows = []
    for example in getattr(problem, split)[lang]:
        text, units = example.fields["text"], example.fields["units"]
        rows.append({"tokens": [text[a:b] for a, b in units], "tags": list(example.fields["tags"])})
    return rows


def encode(rows: list[dict[str, Any]], tokenizer: Any, index: dict[str, int]) -> list[dict[str, Any]]:
    """Inputs with the tag on the first piece of each word, as in the token classification example of transformers."""
    features = []
    for row in rows:
        inputs = tokenizer(row["tokens"], is_split_into_words=True, truncation=True, max_length=512)
        labels, previous = [], None
        for word in inputs.word_ids():
            labels.append(-100 if word is None or word == previous else index[row["tags"][word]])
            previous = word
        features.append({**inputs, "labels": labels})
    return features


def run_plain(problem: ig.Problem, seed: int) -> dict[str, float]:
    """Span F1 by language of one training of the plain script."""
    backbone = ig.Backbone.load()
    tokenizer = AutoTokenizer.from_pretrained(backbone.path)
    tags = list(problem.task.outputs)
    index = {tag: i for i, tag in enumerate(tags)}
    set_seed(seed)
    model = AutoModelForTokenClassification.from_pretrained(backbone.path, num_labels=len(tags))

    def spans(trainer: Trainer, split: str, lang: str) -> float:
        rows = tokens_and_tags(problem, split, lang)
        features = encode(rows, tokenizer, index)
        choice = trainer.predict(features).predictions.argmax(-1)
        answers = []
        for row, feature, line in zip(rows, features, choice, strict=True):
            read = [tags[line[i]] for i, label in enumerate(feature["labels"]) if label != -100]
            read += ["O"] * (len(row["tokens"]) - len(read))  # words that have no piece, or were cut off
            answers.append(repair(read))
        return float(f1_score([row["tags"] for row in rows], answers, mode="strict", scheme=IOB2, zero_division=0))

    with TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=EPOCHS, learning_rate=RATE, per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=32, warmup_steps=0.1, seed=seed, bf16=True, use_cpu=True, report_to=[],
            save_strategy="epoch", save_only_model=True, eval_strategy="no", disable_tqdm=True, logging_strategy="no",
        )  # fmt: skip
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=encode(tokens_and_tags(problem, "train", "eng"), tokenizer, index),
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
        trainer.train()
        best = (-1.0, "")
        for saved in sorted(Path(folder).glob("checkpoint-*")):
            trainer.model = AutoModelForTokenClassification.from_pretrained(saved)
            best = max(best, (spans(trainer, "dev", "eng"), str(saved)))
        trainer.model = AutoModelForTokenClassification.from_pretrained(best[1])
        return {lang: spans(trainer, "test", lang) for lang in problem.test}


def main() -> None:
    """Run both sides, write the result, print the differences."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/quality"))
    options = parser.parse_args()
    torch.set_num_threads(min(options.threads, os.cpu_count() or 1))
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "ner"]
    command += ["--work", str(options.work), "--threads", str(options.threads)]
    subprocess.run([*command, "--set", f"cross_entropy.epochs={EPOCHS}"], check=True)
    write("ner", PROBLEMS["ner"](data_folder()), options.work / "problems")
    problem = ig.Problem.read(options.work / "problems" / "ner")
    ours = json.loads((RESULTS / "ner-direct.json").read_text(encoding="utf-8"))["scores"]
    kept = options.work / "plain.json"
    by_seed: dict[str, dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else {}
    started = time.perf_counter()
    seeds = options.seeds.split(",")
    for seed in seeds:
        if seed not in by_seed:
            by_seed[seed] = run_plain(problem, int(seed))
            kept.write_text(json.dumps(by_seed))
    rows = {}
    for lang in problem.test:
        plain = float(np.mean([by_seed[seed][lang] for seed in seeds]))
        mine = float(np.mean([ours[problem.spelling(lang)]["by_seed"][seed]["span_f1"] for seed in seeds]))
        rows[problem.spelling(lang)] = {"isogloss": mine, "plain": plain, "difference": mine - plain}
        print(f"{problem.spelling(lang):<10} isogloss {mine:.3f}   plain {plain:.3f}   {mine - plain:+.3f}")
    means = {
        side: float(np.mean([rows[problem.spelling(lang)][side] for lang in problem.targets]))
        for side in ("isogloss", "plain")
    }
    print(f"mean of {len(problem.targets)} targets: isogloss {means['isogloss']:.3f}   plain {means['plain']:.3f}")
    result = {
        "command": "python benchmarks/quality/plain_ner.py --seeds " + options.seeds,
        "settings": {
            "epochs": EPOCHS,
            "learning_rate": RATE,
            "batch_size": BATCH,
            "precision": "bf16",
            "trains": "all",
        },
        "mean_target": means,
        "scores": rows,
        "by_seed": by_seed,
        "seconds": time.perf_counter() - started,
        "versions": versions(),
        "machine": machine("cpu"),
    }
    (RESULTS / "ner-plain.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

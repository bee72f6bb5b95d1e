"""F1 of the open-label tagger on labels it has not learnt, and by what it has learnt, in splits made by familiarity.

    ISOGLOSS_DATA=DATA python benchmarks/open-labels/difficulty.py [--seeds 1,2,3] [--rows all,without-easy]
    ISOGLOSS_DATA=DATA python benchmarks/open-labels/difficulty.py --summary

CrossNER's domains AI, music and politics, English, labels written as words. The splits are ``difficulty_splits`` of the
labels of music and politics by those of AI: of a quarter each, which tell most, middling and least. Rows, each with a
training of its own and the same number of updates:

* ``without-easy``, ``-medium``, ``-hard``: trained on all domains, the labels of the split taken away; asked for them
  in the test sentences of all domains. ``shuffled`` are the same answers with the split's names turned round;
* ``all``: trained with all labels: the upper bound for each split. ``direct``: a closed tagger, likewise; ``closed``:
  the same with the learning rates of open labels, twice its own;
* ``only-easy``, ``-medium``, ``-hard``: trained on the split's labels alone (``trained_on``, the paper's own question),
  in music and politics; asked for AI's labels in AI's test sentences.

No development data are used: the last state of each training is scored. Answers are kept in ``--work``;
``--summary`` writes ``results/difficulty.json``. ``--tiny`` tries it all out; it writes into ``--work``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

import isogloss as ig
from isogloss.evaluation.comparing import difference
from isogloss.evaluation.familiarity import Familiarity, difficulty_splits, familiarity, label_mentions, trained_on
from isogloss.evaluation.scoring import ScoreTable, score_table
from isogloss.flow import fit
from isogloss.machine import machine, versions
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.objective.open_labels import OpenLabels
from isogloss.methods.weights.last import Last
from isogloss.metrics import repair
from isogloss.run import Run
from isogloss.tasks import OpenTagging
from isogloss.train import choose_precision

RESULTS = Path(__file__).parent / "results"
LANG, ASKED = "eng", "eng-x-asked"
JUDGE, OTHERS = "ai", ("music", "politics")
DOMAINS = (JUDGE, *OTHERS)
WORDS = {"musicalartist": "musical artist", "musicalinstrument": "musical instrument", "musicgenre": "music genre",
         "politicalparty": "political party", "programlang": "programming language"}  # fmt: skip
SPLITS = ("easy", "medium", "hard")
BOUNDS = ("all", "closed", "direct")
ROWS = (*(f"without-{name}" for name in SPLITS), *BOUNDS, *(f"only-{name}" for name in SPLITS))
THRESHOLDS = (0.5, 0.1, 0.03, 0.01)
"""What labels that training has not are asked with: the first is the default, none is chosen by any score."""

Rows = list[dict[str, Any]]
Answer = list[list[Any]]
"""Spans: first character, one past the last, label."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        train, test: sentences of each domain.
        epochs: passes for all domains; trainings on fewer sentences have as many updates.
        batch: sentences of an update.
    """

    train: int = 100
    test: int = 100
    epochs: int = 4
    batch: int = 8
    seeds: tuple[int, ...] = (1, 2, 3)

    @property
    def updates(self) -> int:
        return self.epochs * -(-self.train * len(DOMAINS) // self.batch)


TINY = Size(train=6, test=4, epochs=1, batch=6, seeds=(1,))


def sentences(data: Path, domain: str, split: str, most: int) -> Rows:
    """The first sentences of a file with a token and a tag a line; some entities in it begin with I-."""
    rows: Rows = []
    for block in (data / "ner" / "crossner" / domain / f"{split}.txt").read_text(encoding="utf-8").split("\n\n"):
        cells = [line.split("\t") for line in block.split("\n") if line.strip()]
        tags = [tag if tag == "O" else tag[:2] + WORDS.get(tag[2:], tag[2:]) for _, tag in cells]
        if cells and len(rows) < most:
            rows.append({"id": f"{domain}-{split}-{len(rows)}", "tokens": [w for w, _ in cells], "tags": repair(tags)})
    return rows


def problem_of(data: Path, size: Size, domains: Sequence[str]) -> ig.Problem:
    """Training and test sentences of some domains."""
    parts = {split: [row for d in domains for row in sentences(data, d, split, getattr(size, split))]
             for split in ("train", "test")}  # fmt: skip
    return ig.Problem.from_data(
        task="tagging", source=LANG, targets=ASKED, open_labels=True, name="+".join(domains),
        train={LANG: parts["train"]}, test={ASKED: parts["test"]},
    )  # fmt: skip


def asking(problem: ig.Problem, labels: Collection[str]) -> ig.Problem:
    """The problem with test sentences in which the mentions of other labels are left out."""
    hidden = []
    for example in problem.test[ASKED]:
        marked = problem.task.marked(example.fields)["text"]
        spans = tuple(span for span in marked.spans if span[2] in labels)
        fields = problem.task.remade(example.fields, {"text": replace(marked, spans=spans)})
        hidden.append(replace(example, fields=fields, views={}))
    return replace(problem, test={ASKED: tuple(hidden)})


def splits_of(everything: ig.Problem) -> dict[str, tuple[str, ...]]:
    """The labels of music and politics, by how much they tell of which label of AI."""

    def used(domains: Sequence[str]) -> list[str]:
        rows = (*everything.train[LANG], *everything.test[ASKED])
        return sorted(label_mentions(row for row in rows if row.id.startswith(tuple(domains))))

    found = difficulty_splits(used(OTHERS), used([JUDGE]), easy=0.22, medium=0.3, hard=0.22)
    return {str(name): labels for name, labels in found.items()}


def turned(answers: Sequence[Answer], labels: Sequence[str], by: int) -> list[Answer]:
    """The answers with each label replaced by the one that stands ``by`` places further on."""
    other = {label: labels[(i + by) % len(labels)] for i, label in enumerate(labels)}
    return [[[start, end, other[label]] for start, end, label in answer] for answer in answers]


def kept(answers: Sequence[Answer], labels: Collection[str]) -> list[Answer]:
    return [[span for span in answer if span[2] in labels] for answer in answers]


def asked(system: ig.System, question: ig.Problem, labels: Sequence[str], threshold: float, run: Run) -> list[Answer]:
    """What a system says to the test sentences. One of closed labels says what it says."""
    if isinstance(system.task, OpenTagging):
        system = system.with_labels(labels)
        system = replace(system, task=replace(system.task, threshold=threshold))
    examples = question.test[ASKED]
    return [each.value for each in system.predict_examples(examples, langs=[ASKED] * len(examples), run=run)]


class Bench:
    """The data, the splits and the rows that are done."""

    def __init__(self, data: Path, size: Size, work: Path, splits: Mapping[str, tuple[str, ...]] | None) -> None:
        self.size, self.work = size, work
        self.all = problem_of(data, size, DOMAINS)
        self.judge, self.others = problem_of(data, size, [JUDGE]), problem_of(data, size, OTHERS)
        self.splits = splits if splits is not None else splits_of(problem_of(data, Size(train=500, test=500), DOMAINS))

    def training(self, row: str) -> ig.Problem:
        kind, _, split = row.partition("-")
        if not split:
            return self.all
        held = self.splits[split]
        if kind == "only":
            return trained_on(self.others, held)
        return trained_on(self.all, [label for label in self.all.task.labels if label not in held])

    def questions(self, row: str) -> dict[str, ig.Problem]:
        """By name what a row is asked."""
        kind, _, split = row.partition("-")
        if kind == "only":
            return {"judge": self.judge}
        names = [split] if split else list(SPLITS)
        return {name: asking(self.all, self.splits[name]) for name in names} | ({} if split else {"all": self.all})

    def place(self, row: str, seed: int) -> Path:
        return self.work / f"{row}-{seed}.json"

    def do(self, row: str, seed: int, backbone: ig.Backbone) -> None:
        """Train a row and keep its answers."""
        started, problem = time.process_time(), self.training(row)
        steps = -(-len(problem.train[LANG]) // self.size.batch)
        settings: dict[str, Any] = {"epochs": max(1, round(self.size.updates / steps)), "min_steps": 0, "snapshots": 1,
                                    "batch_size": self.size.batch}  # fmt: skip
        rates = {name: getattr(OpenLabels, name) for name in ("learning_rate", "head_learning_rate")}
        objective: Any = OpenLabels(**settings)
        if row in ("closed", "direct"):
            objective = CrossEntropy(**settings, **(rates if row == "closed" else {}))
        recipe = ig.Recipe(name=row, objective=objective, weights=Last())
        folder = self.work / "runs" / f"{row}-{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        run = Run(flow=fit, folder=folder, seed=seed, precision=choose_precision(), quiet=True, source=LANG)
        system = run.fit(recipe, problem, backbone)
        seconds = time.process_time() - started
        answers: dict[str, dict[str, list[Answer]]] = {}
        for name, question in self.questions(row).items():
            labels = self.splits.get(name, question.task.labels)
            answers[name] = {}
            for threshold in THRESHOLDS[: None if row.startswith(("without", "only")) else 1]:
                found = asked(system, question, labels, threshold, run)
                answers[name][str(threshold)] = kept(found, labels)
        shutil.rmtree(folder)
        facts = {"answers": answers, "seconds": seconds, "updates": settings["epochs"] * steps,
                 "train": len(problem.train[LANG]), "settings": asdict(objective)}  # fmt: skip
        self.place(row, seed).write_text(json.dumps(facts) + "\n", encoding="utf-8")
        print(f"{row} {seed}: {time.process_time() - started:.0f} CPU seconds", flush=True)

    def done(self, row: str) -> dict[int, dict[str, Any]]:
        """What there is of a row, by seed."""
        places = {seed: self.place(row, seed) for seed in self.size.seeds}
        return {s: json.loads(p.read_text(encoding="utf-8")) for s, p in places.items() if p.is_file()}

    def familiar(self, row: str, labels: Sequence[str], embed: Any = None) -> Familiarity:
        """How familiar the row's training makes with labels."""
        return familiarity(label_mentions(self.training(row).train[LANG]), labels, embed=embed)


def table_of(question: ig.Problem, answers: Mapping[int, Sequence[Answer]]) -> ScoreTable:
    return score_table(question.task, question.test, {seed: {ASKED: found} for seed, found in answers.items()})


def scores(table: ScoreTable) -> dict[str, Any]:
    row = table.by_language[ASKED]
    return {
        "span_f1": row["span_f1"],
        "ci95": row["ci95"]["span_f1"],
        "precision": row["precision"],
        "recall": row["recall"],
        "by_seed": {seed: found["span_f1"] for seed, found in row["by_seed"].items()},
    }


def said(found: Mapping[int, Mapping[str, Any]], question: str, threshold: float = THRESHOLDS[0]) -> dict[int, Any]:
    """A row's answers to a question, by seed."""
    return {seed: facts["answers"][question][str(threshold)] for seed, facts in found.items()}


def beside_shuffled(question: ig.Problem, answers: Mapping[int, Sequence[Answer]], labels: Sequence[str]) -> Any:
    """Scores, those of the same answers with the names turned round, and the difference."""
    turns = [(seed, by) for seed in answers for by in range(1, len(labels))]
    # Each seed stands beside each turn of the names, so that the difference is of the same answers.
    here = table_of(question, {n: answers[seed] for n, (seed, _) in enumerate(turns)})
    there = table_of(question, {n: turned(answers[seed], labels, by) for n, (seed, by) in enumerate(turns)})
    shuffled = {key: value for key, value in scores(there).items() if key != "by_seed"}
    less = difference(there, here, [ASKED], baseline="shuffled", same_trainings=True)
    return scores(table_of(question, answers)) | {"shuffled": shuffled, "less_shuffled": less}


def summarise(bench: Bench, embed: Any = None) -> dict[str, Any]:
    """Scores of what is there."""
    done = {row: found for row in ROWS if (found := bench.done(row))}
    kinds = ("updates", "train", "settings")
    result: dict[str, Any] = {
        "command": "python benchmarks/open-labels/difficulty.py",
        "size": asdict(bench.size),
        "thresholds": THRESHOLDS,
        "test": {"held_out": len(bench.all.test[ASKED]), "only": len(bench.judge.test[ASKED])},
        "splits": bench.splits,
        "rows": {
            row: {"seeds": sorted(found), "seconds": sum(facts["seconds"] for facts in found.values())}
            | {kind: next(iter(found.values()))[kind] for kind in kinds}
            for row, found in done.items()
        },
        "held_out": {split: _held_out(bench, split, done, embed) for split in bench.splits},
        "only": {split: _only(bench, split, done[f"only-{split}"], embed) for split in bench.splits
                 if f"only-{split}" in done},
    }  # fmt: skip
    tables = {name: table_of(bench.all, said(done[name], "all")) for name in BOUNDS if name in done}
    result["all"] = {name: scores(table) for name, table in tables.items()}
    result["all_less"] = {
        name: difference(tables[name], tables["all"], [ASKED], baseline=name)
        for name in BOUNDS[1:]
        if {"all", name} <= tables.keys()
    }
    return result | {"versions": versions(), "machine": machine("cpu")}


def _held_out(bench: Bench, split: str, done: Mapping[str, Mapping[int, Any]], embed: Any) -> dict[str, Any]:
    """A split's labels, asked of trainings without them and with them."""
    row, labels = f"without-{split}", bench.splits[split]
    question = asking(bench.all, labels)
    mentions, known = label_mentions(question.test[ASKED]), bench.familiar(row, labels, embed)
    found = done.get(row, {})
    return {
        "mentions": {label: mentions[label] for label in labels},
        "familiarity": {"value": known.value, "labels": [asdict(label) for label in known.labels]},
        "open": {str(t): beside_shuffled(question, said(found, split, t), labels) for t in THRESHOLDS if found},
    } | {name: scores(table_of(question, said(done[name], split))) for name in BOUNDS if name in done}


def _only(bench: Bench, split: str, found: Mapping[int, Any], embed: Any) -> dict[str, Any]:
    """The other domain's labels, asked of a training on the split's; besides, those of them that are not in it."""
    labels = bench.judge.task.labels
    new = [label for label in labels if label not in bench.splits[split]]
    question = asking(bench.judge, new)
    return {
        "familiarity": bench.familiar(f"only-{split}", labels, embed).value,
        "open": {str(t): scores(table_of(bench.judge, said(found, "judge", t))) for t in THRESHOLDS},
        "new": {
            str(t): scores(table_of(question, {seed: kept(a, new) for seed, a in said(found, "judge", t).items()}))
            for t in THRESHOLDS
        },
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--seeds", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/difficulty"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that it runs; writes into --work")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    size = TINY if options.tiny else Size()
    options.work.mkdir(parents=True, exist_ok=True)
    bench = Bench(Path(os.environ["ISOGLOSS_DATA"]), size, options.work, None)
    for seed in [] if options.summary else [int(s) for s in options.seeds.split(",") if s] or size.seeds:
        for row in options.rows.split(","):
            if not bench.place(row, seed).is_file():
                bench.do(row, seed, ig.Backbone.load())
    place = options.work if options.tiny else RESULTS
    place.mkdir(exist_ok=True)
    (place / "difficulty.json").write_text(json.dumps(summarise(bench), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

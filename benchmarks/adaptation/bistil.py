"""BiStil against its teacher and against students made otherwise: score, size on disk and speed on a processor.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/bistil.py --threads 1 [--rows teacher,bistil-2]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/bistil.py --summary

* Topics of SIB-200, English labels to Swahili and Yoruba. Raw text: MAFAND (all splits), NTREX and SIB-200's training
  texts without labels. Every line that is, or holds, a test sentence is removed, after case, punctuation and spacing
  are taken away.
* ``teacher``: the vocabulary of two languages, all layers, sparse fine-tuning: what every student below learns from.
* ``bistil-2``, ``bistil-3``: students of every second and third layer, taught on raw text of two languages.
* ``multilingual-2``: one student for both targets, taught on three languages; its vocabulary and its teacher are of
  three languages too. As many updates as each bilingual student has.
* ``copied-2``: as bistil-2, without the first phase: the copied layers go straight to the task.
* ``speed``: sentences a second from text to label, one after the other in every round, on one thread; and the bytes of
  a network with its tokenizer.

Rows are kept in ``--work``; ``--summary`` writes ``results/bistil.json``. ``--tiny`` tries it all out.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

import isogloss as ig
from isogloss.evaluation.comparing import against
from isogloss.ledger import normalise
from isogloss.member import Member
from isogloss.methods.model.bilingual_student import FACTS, BilingualStudent
from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.methods.objective.task_distillation import TaskDistillation
from isogloss.run import Run

RESULTS = Path(__file__).parent / "results"
TARGETS = ("swa", "yor")
LANGS = (*TARGETS, "eng")
SIB = {"swa": "swh_Latn", "yor": "yor_Latn", "eng": "eng_Latn"}
ROWS = ("teacher", "bistil-2", "copied-2", "multilingual-2", "bistil-3", "speed")
HELD_INSIDE = 30
"""Letters that a test sentence must have for its being inside a line to tell."""


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        lines: of raw text a language.
        steps: updates of a student on raw text, of 8 rows of one language each.
        rows: labelled rows; ``dev``: rows of source dev; ``items``: test items a language.
        first, epochs: passes over the labelled rows before and after the weights that learn are picked.
        rounds, timed: rounds of the timing, and texts a language in each.
    """

    lines: int = 2000
    steps: int = 120
    rows: int = 200
    dev: int = 60
    items: int = 204
    first: int = 1
    epochs: int = 3
    rounds: int = 5
    timed: int = 32
    seeds: tuple[int, ...] = (1, 2)


TINY = Size(lines=60, steps=2, rows=14, dev=7, items=8, epochs=1, rounds=1, timed=4, seeds=(1,))


@dataclass(frozen=True, kw_only=True)
class Reduced(ReduceVocabulary):
    """The part, with a folder that all rows share."""

    place: str = ""

    def __call__(self, backbone: ig.Backbone, problem: ig.Problem, run: Run) -> ig.Backbone:
        """As the part does, elsewhere."""
        return super().__call__(backbone, problem, replace(run, shared=Path(self.place)))


@dataclass(frozen=True, kw_only=True)
class Student(BilingualStudent):
    """The part, with a folder that all rows share."""

    place: str = ""

    def __call__(self, backbone: ig.Backbone, problem: ig.Problem, run: Run) -> ig.Backbone:
        """As the part does, elsewhere."""
        return super().__call__(backbone, problem, replace(run, shared=Path(self.place)))


@dataclass(frozen=True, kw_only=True)
class Distilled(TaskDistillation):
    """The part, with a folder in which all rows find the teachers that others have trained."""

    place: str = ""

    def _fit_teacher(self, backbone: ig.Backbone, problem: ig.Problem, run: Run) -> Member:
        return super()._fit_teacher(backbone, problem, replace(run, folder=Path(self.place)))


def data_folder() -> Path:
    return Path(os.environ["ISOGLOSS_DATA"])


def topics(lang: str, split: str) -> list[dict[str, Any]]:
    path = data_folder() / f"topic/sib200/{SIB[lang]}/{split}.tsv"
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines if line]
    return [{"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in rows]


def raw_text(size: Size) -> tuple[dict[str, list[str]], dict[str, dict[str, int]]]:
    """Lines by language without any test sentence, and how many there were, went and are used."""
    tests = {normalise(row["text"]) for lang in LANGS for row in topics(lang, "test")}
    long = [form for form in tests if len(form) >= HELD_INSIDE]
    texts: dict[str, list[str]] = {}
    counts: dict[str, dict[str, int]] = {}
    for lang in LANGS:
        mafand = sorted((data_folder() / "mt/mafand").glob(f"en-{'*' if lang == 'eng' else lang}/*.jsonl"))
        found = [json.loads(line)["en" if lang == "eng" else lang] for path in mafand for line in _lines(path)]
        found = [
            *(row["text"] for row in topics(lang, "train")),
            *_lines(data_folder() / f"mt/ntrex/{lang}.txt"),
            *found,
        ]
        clean = [line for line in found if not _tells(normalise(line), tests, long)]
        texts[lang] = clean[: size.lines]
        counts[lang] = {"lines": len(found), "removed_as_test": len(found) - len(clean), "used": len(texts[lang])}
    return texts, counts


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]


def _tells(form: str, tests: set[str], long: Sequence[str]) -> bool:
    return form in tests or any(test in form for test in long)


def problem_of(size: Size, texts: dict[str, list[str]]) -> ig.Problem:
    every = topics("eng", "train")
    return ig.Problem.from_data(
        task="classification",
        source="eng",
        targets=list(TARGETS),
        name="topic",
        labels=sorted({row["label"] for row in every}),
        train={"eng": every[: size.rows]},
        dev={"eng": topics("eng", "dev")[: size.dev]},
        test={lang: topics(lang, "test")[: size.items] for lang in TARGETS},
        unlabelled=texts,
    )


def recipe_of(row: str, size: Size, work: Path) -> ig.Recipe:
    place = str((work / "shared").resolve())
    how: dict[str, Any] = {"first_epochs": size.first, "epochs": size.epochs, "min_steps": 0, "snapshots": 2}
    tuned = SparseFineTuning(**how)
    kind, _, every = row.partition("-")
    scope: Any = "joint" if kind == "multilingual" else "target"
    if kind == "teacher":
        return ig.Recipe(name=row, model=(Reduced(place=place),), objective=tuned, scope=scope)
    steps = 0 if kind == "copied" else size.steps
    student = Student(every=int(every), steps=steps, max_length=128, checks=2, place=place)
    teacher = ig.Recipe(name="sparse-fine-tuning", objective=tuned)
    objective = Distilled(teacher=teacher, place=place, **how)
    return ig.Recipe(name=row, model=(Reduced(place=place), student), objective=objective, scope=scope)


def transfer_row(row: str, size: Size, problem: ig.Problem, work: Path) -> None:
    out, recipe = work / row, recipe_of(row, size, work)
    _, report = ig.transfer(problem, recipe, seeds=size.seeds, out=out, resume=True, quiet=True)
    print(f"{row}: {report.metric} {report.mean_target:.4f}", flush=True)


def speed(size: Size, problem: ig.Problem, work: Path) -> dict[str, Any]:
    """Sentences a second by row and target, the median of the rounds, and bytes of what is saved for a target."""
    done = [row for row in ROWS[:-1] if there(row, work)]
    systems = {row: ig.System.from_pretrained(work / row, inference=()) for row in done}
    rates: dict[str, dict[str, list[float]]] = {row: {lang: [] for lang in TARGETS} for row in done}
    for number in range(size.rounds + 1):  # the first is not counted
        for lang in TARGETS:
            texts = [example.fields["text"] for example in problem.test[lang][: size.timed]]
            for row in done:
                started = time.perf_counter()
                systems[row].predict(texts, lang=lang)
                if number:
                    rates[row][lang].append(len(texts) / (time.perf_counter() - started))
    return {
        row: {
            "sentences_per_second": {lang: statistics.median(some) for lang, some in by_lang.items()},
            "rounds": by_lang,
            "bytes": {lang: _bytes(work / row / "model", lang) for lang in TARGETS},
        }
        for row, by_lang in rates.items()
    }


def _bytes(model: Path, lang: str) -> int:
    """What a system keeps on disk for one language, its tokenizer included."""
    own = next((path for path in (model / "members").glob("*") if path.name.startswith(lang[:2])), model)
    return sum(path.stat().st_size for path in own.rglob("*") if path.is_file())


def do(row: str, size: Size, problem: ig.Problem, work: Path) -> None:
    started = time.process_time()
    if row == "speed":
        facts = speed(size, problem, work)
        (work / "speed.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    else:
        transfer_row(row, size, problem, work)
    (work / f"{row}.seconds").write_text(f"{time.process_time() - started:.0f}\n", encoding="utf-8")
    print(f"{row}: {time.process_time() - started:.0f} CPU seconds", flush=True)


def there(row: str, work: Path) -> bool:
    return (work / "speed.json" if row == "speed" else work / row / "report.json").is_file()


def summarise(size: Size, problem: ig.Problem, counts: dict[str, Any], work: Path) -> dict[str, Any]:
    done = [row for row in ROWS[:-1] if there(row, work)]
    reports = {row: ig.Report.load(work / row) for row in done}
    first = reports[done[0]]
    pairs = [("teacher", row) for row in done[1:]] + [(row, "bistil-2") for row in ("copied-2", "multilingual-2")]
    students = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((work / "shared").glob(f"*/{FACTS}"))]
    return {
        "command": "python benchmarks/adaptation/bistil.py --threads 1",
        "size": vars(size),
        "text": counts,
        "metric": first.metric,
        "test": {lang: len(rows) for lang, rows in problem.test.items()},
        "rows": {
            row: {
                "mean_target": report.mean_target,
                "ci95": report.mean_target_ci95,
                "scores": {lang: some[report.metric] for lang, some in report.scores.items()},
                "by_seed": {lang: some["by_seed"] for lang, some in report.scores.items()},
                "tier": report.tier,
                "leaks": report.leaks["total"],
                "cpu_seconds": int((work / f"{row}.seconds").read_text()),
            }
            for row, report in reports.items()
        },
        "differences": {
            f"{other} less {base}": against(problem, work / base, work / other, baseline=base)
            for base, other in pairs
            if {base, other} <= set(done)
        },
        "speed": json.loads((work / "speed.json").read_text(encoding="utf-8")) if there("speed", work) else None,
        "students": [{name: value for name, value in facts.items() if name != "settings"} | {
            name: facts["settings"][name] for name in ("every", "steps")
        } for facts in students],
        "versions": first.versions,
        "machine": first.machine,
    }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/bistil"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that it runs; writes into --work")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    size = TINY if options.tiny else Size()
    options.work.mkdir(parents=True, exist_ok=True)
    texts, counts = raw_text(size)
    problem = problem_of(size, texts)
    for row in [] if options.summary else options.rows.split(","):
        if not there(row, options.work):
            do(row, size, problem, options.work)
    place = options.work if options.tiny else RESULTS
    place.mkdir(exist_ok=True)
    result = summarise(size, problem, counts, options.work)
    (place / "bistil.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

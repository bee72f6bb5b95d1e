"""Pieces of languages and of the task put together: against no pieces, a wrong language's piece, and plain training.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/composed.py [--bases plain,maft] [--kinds adapter,delta]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/composed.py --summary

Topics (SIB-200) and entities (EWT to MasakhaNER 2.0), English labels, Hausa, Yoruba and Swahili; raw text as in
``maft.py``, without any test sentence. For each kind of piece:

* ``right``: every language with its own piece; ``wrong``: the same systems, with another target's piece in its place
  (Hausa reads through Yoruba's, Yoruba through Swahili's, Swahili through Hausa's); ``source``: with English's;
* ``alone``: a piece of the task, learnt and used without any of a language;
* ``direct``: the whole encoder fine-tuned, with the same updates (a delta's two trainings have as many together, those
  of a ``delta-long`` each).

The bases are the encoder as it is and, for ``maft``, adapted to the raw text of all four languages first. All pieces of
a base have the same number of updates on text. Rows are kept in ``--work``; ``--summary`` writes
``results/composed.json``, in which a table (a base and a problem) that has no row in ``--work`` stays as it was.
``--tiny`` tries it all out in minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from african import PROBLEMS, TARGETS, problem_of, raw_text

import isogloss as ig
from isogloss.commands.transfer import predict_tests
from isogloss.evaluation.comparing import difference
from isogloss.evaluation.scoring import ScoreTable, score_table
from isogloss.flow import fit
from isogloss.machine import machine, versions
from isogloss.methods.model.language_adapters import LanguageAdapters
from isogloss.methods.model.language_deltas import LanguageDeltas
from isogloss.methods.objective.cross_entropy import CrossEntropy
from isogloss.methods.objective.sparse_fine_tuning import SparseFineTuning
from isogloss.methods.objective.task_adapter import TaskAdapter
from isogloss.run import Run
from isogloss.system import System
from isogloss.train import choose_precision

RESULTS = Path(__file__).parent / "results"
BASES = ("plain", "maft")
KINDS = ("adapter", "delta", "delta-long")
WRONG = {"hau": "yor", "yor": "swa", "swa": "hau"}


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        lines: of raw text a language.
        head, body, longest: updates of a head for hidden pieces and of a language's piece, and pieces read of a line.
        topic, ner: labelled rows and passes.
        items, dev: test items a language, and rows of source dev.
    """

    lines: int = 2500
    head: int = 60
    body: int = 100
    longest: int = 128
    topic: tuple[int, int] = (250, 8)
    ner: tuple[int, int] = (400, 6)
    items: int = 150
    dev: int = 60
    seeds: tuple[int, ...] = (1, 2, 3)


TINY = Size(lines=60, head=2, body=2, topic=(14, 2), ner=(16, 2), items=6, dev=7, seeds=(1,))


def objective(kind: str, size: Size, name: str) -> Any:
    """The objective of a kind, with as many updates as any other."""
    epochs = getattr(size, name)[1]
    same: dict[str, Any] = {"min_steps": 0, "snapshots": 3}
    if kind == "adapter":
        return TaskAdapter(epochs=epochs, **same)
    if kind == "delta-long":
        return SparseFineTuning(first_epochs=epochs, epochs=epochs, **same)
    if kind == "delta":
        return SparseFineTuning(first_epochs=epochs // 2, epochs=epochs - epochs // 2, **same)
    return CrossEntropy(epochs=epochs, **same)


def learner(kind: str, size: Size) -> Any:
    same: dict[str, Any] = {"warmup": 0.1, "head_steps": size.head, "max_length": size.longest}
    if kind == "adapter":
        return LanguageAdapters(steps=size.body, **same)
    return LanguageDeltas(steps=size.body // 2, learning_rate=1e-4, **same)


def do(row: str, size: Size, problems: dict[str, ig.Problem], work: Path) -> None:
    """Predictions of a row (base, kind, problem, seed), under every way of putting pieces together."""
    base, kind, name, seed = row.split(":")
    started, problem = time.process_time(), problems[name]
    bare = kind.removesuffix("-alone")
    model = () if bare == "direct" or kind.endswith("-alone") else (learner(kind, size),)
    recipe = ig.Recipe(name=kind, model=model, objective=objective(bare, size, name))
    backbone = ig.Backbone.load(str(work / "maft") if base == "maft" else "isogloss:e5-small")
    folder = work / "runs" / row.replace(":", "-")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run = Run(
        flow=fit, folder=folder, seed=int(seed), precision=choose_precision(), quiet=True, source=problem.source,
        shared=work / "shared",
    )  # fmt: skip
    system = run.fit(recipe, problem, backbone)
    seconds = time.process_time() - started
    ways = {"right": system} | (_swapped(system) if model else {})
    answers = {
        way: {lang: [p.value for p in found] for lang, found in predict_tests(each, problem, run).items()}
        for way, each in ways.items()
    }
    facts: dict[str, Any] = {"answers": answers, "seconds": seconds, "choices": run.choices}
    if system.base is not None and system.base.pieces:
        places = sorted((folder / "fits").glob("*/model/pieces/*.safetensors"))
        facts["pieces"] = {place.stem: [system.base.pieces[place.stem].size, place.stat().st_size] for place in places}
        facts["loss"] = {lang: dict(system.base.pieces[lang].facts["loss"]) for lang in system.base.languages}
    shutil.rmtree(folder)
    _place(work, row).write_text(json.dumps(facts) + "\n", encoding="utf-8")
    print(f"{row}: {time.process_time() - started:.0f} CPU seconds", flush=True)


def _swapped(system: System) -> dict[str, System]:
    base = system.base
    assert base is not None
    wrong = {lang: base.pieces[WRONG.get(lang, lang)] if lang != "task" else base.pieces[lang] for lang in base.pieces}
    source = {lang: base.pieces["task" if lang == "task" else "eng"] for lang in base.pieces}
    return {name: replace(system, base=replace(base, pieces=p)) for name, p in (("wrong", wrong), ("source", source))}


def _place(work: Path, row: str) -> Path:
    return work / f"{row.replace(':', '-')}.json"


def adapt(size: Size, problem: ig.Problem, work: Path) -> None:
    """The encoder adapted to the text of all four languages together."""
    if not (work / "maft").is_dir():
        settings = {"steps": 2 * size.body, "warmup": 0.1, "alpha": 0.0, "head_steps": size.head, "learning_rate": 1e-4,
                    "max_length": size.longest}  # fmt: skip
        ig.adapt(
            problem, "maft", out=work / "maft", quiet=True,
            settings={f"continued_pretraining.{key}": str(value) for key, value in settings.items()},
        )  # fmt: skip


def summarise(
    size: Size, problems: dict[str, ig.Problem], counts: dict[str, Any], work: Path, before: dict[str, Any]
) -> dict[str, Any]:
    """Scores of what is there, and the differences of each kind's right pieces to the rest."""
    result: dict[str, Any] = {
        "command": "python benchmarks/adaptation/composed.py", "size": vars(size), "text": counts, "bases": before,
    }  # fmt: skip
    for base in BASES:
        for name, problem in problems.items():
            tables: dict[str, ScoreTable] = {}
            facts: dict[str, dict[str, Any]] = {}
            for kind in ("direct", *(f"{k}{end}" for k in KINDS for end in ("", "-alone"))):
                found = {
                    seed: json.loads(place.read_text(encoding="utf-8"))
                    for seed in size.seeds
                    if (place := _place(work, f"{base}:{kind}:{name}:{seed}")).is_file()
                }
                for way in next(iter(found.values()))["answers"] if found else ():
                    label = kind if way == "right" else f"{kind} {way}"
                    answers = {seed: row["answers"][way] for seed, row in found.items()}
                    tables[label] = score_table(problem.task, problem.test, answers)
                    first = next(iter(found.values()))
                    facts[label] = {"seeds": sorted(found), "seconds": sum(r["seconds"] for r in found.values())}
                    facts[label] |= {k: first[k] for k in ("pieces", "loss") if k in first}
            if not tables:
                continue
            pairs = [("direct", kind) for kind in tables if kind != "direct"]
            pairs += [(other, kind) for kind in KINDS for other in tables if other.startswith(kind) and other != kind]
            result["bases"].setdefault(base, {})[name] = {
                "metric": problem.task.metric,
                "test": {lang: len(rows) for lang, rows in problem.test.items()},
                "rows": {label: _row(table, facts[label]) for label, table in tables.items()},
                "differences": {
                    f"{other} less {one}": _by_language(tables[one], tables[other], same=one.startswith(f"{other} "))
                    for one, other in pairs
                    if {one, other} <= tables.keys()
                },
            }
    return result | {"versions": versions(), "machine": machine("cpu")}


def _row(table: ScoreTable, facts: dict[str, Any]) -> dict[str, Any]:
    mean = table.mean(TARGETS)
    assert mean is not None
    scores = {lang: table.by_language[lang] for lang in TARGETS}
    return {
        "mean_target": mean[0],
        "scores": {lang: row[table.metric] for lang, row in scores.items()},
        "ci95": {lang: row["ci95"][table.metric] for lang, row in scores.items()},
        **facts,
    }


def _by_language(base: ScoreTable, other: ScoreTable, *, same: bool) -> dict[str, Any]:
    """Differences; with ``same`` between two ways of asking the same systems."""
    mean = difference(base, other, TARGETS, baseline="", same_trainings=same)
    each = {lang: difference(base, other, [lang], baseline="", same_trainings=same) for lang in TARGETS}
    return {"mean": mean, **each}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--bases", default=",".join(BASES))
    parser.add_argument("--kinds", default="direct,adapter,adapter-alone,delta", help="also delta-long, delta-alone")
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--seeds", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/composed"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    parser.add_argument("--tiny", action="store_true", help="sizes that only show that it runs; writes into --work")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    size = TINY if options.tiny else Size()
    options.work.mkdir(parents=True, exist_ok=True)
    texts, counts = raw_text(size.lines)
    problems = {
        name: problem_of(name, texts, train=getattr(size, name)[0], items=size.items, dev=size.dev) for name in PROBLEMS
    }
    rows = [
        f"{base}:{kind}:{name}:{seed}"
        for seed in (options.seeds.split(",") if options.seeds else size.seeds)
        for base in options.bases.split(",")
        for kind in options.kinds.split(",")
        for name in options.problems.split(",")
    ]
    for row in [] if options.summary else rows:
        if row.startswith("maft"):
            adapt(size, problems["topic"], options.work)
        if not _place(options.work, row).is_file():
            do(row, size, problems, options.work)
    place = (options.work if options.tiny else RESULTS) / "composed.json"
    before = json.loads(place.read_text(encoding="utf-8"))["bases"] if place.is_file() else {}
    result = summarise(size, problems, counts, options.work, before)
    place.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

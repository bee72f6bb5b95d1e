"""The race of isogloss against the plain Trainer script: the same rows, epochs, seeds and threads, end to end.

    ISOGLOSS_DATA=DATA python benchmarks/speed/finetune.py [--seeds 1,2,3] [--threads 2] [--work runs/speed]

Every run is a process of its own, from the start of the interpreter to the written predictions. Sides:

    isogloss            our default: bf16 where the processor has it, embeddings frozen, batches grouped by length
    plain               the script a user of transformers writes: fp32, everything trained, random batches
    like-for-like       that script with bf16, frozen embeddings, batches grouped by length
    isogloss-fp32-all   ours with everything trained in fp32

First the learning rate of each side is chosen on English dev alone, with a seed that is not raced, on a folder without
tests. Then come the paired rounds, one a seed; the side that begins changes from round to round. A run that is there
with equal settings and an equal program is not run again. Writes ``benchmarks/speed/results/finetune.json``, a table to
stderr. The machine must have nothing else to do.

Shrunk so that all of it takes about half an hour on two cores: half of SIB-200's 701 English training rows, two epochs,
eight targets. ``--train 701 --epochs 3`` takes two to three times as long. Our ``min_steps`` is 0 here, so that all
sides make the same number of updates.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import torch
from figures import best_rate, medians, ratios, rotated, speeds
from floor import matrix_rates, shares
from race import BATCH, DECAY, MAX_LENGTH, SIDES, WARM_UP

import isogloss as ig
from isogloss.evaluation.scoring import score_table
from isogloss.machine import commit, machine, versions
from isogloss.metrics import interval

HERE = Path(__file__).parent
OUT = HERE / "results" / "finetune.json"
RATES, RATE_SEED = "5e-5,1e-4,2e-4", 11
SOURCE, LANGUAGES = "eng", "deu,rus,arb,hin,zho_Hans,swh,yor,tur"
PAIRS = {"a/b": ("isogloss", "plain"), "a/c": ("isogloss", "like-for-like"), "d/b": ("isogloss-fp32-all", "plain")}
RATIOS = ("examples_per_second", "pieces_per_second", "wall_seconds", "tree_rss_mb", "vm_hwm_mb")
MEASURES = (*RATIOS, "update_seconds", "padding_share", "dev", "english", "mean_target")
LETTERS = dict(zip(SIDES, "abcd", strict=True))


def say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def write_problem(options: argparse.Namespace, full: Path, out: Path, targets: list[str]) -> Path:
    """The part of the problem that is raced: the first rows of English train, English dev, and these tests."""
    shutil.rmtree(out, ignore_errors=True)
    tests = [SOURCE, *targets] if targets else []
    names = [f"{split}/{SOURCE}" for split in ("train", "dev")] + [f"test/{lang}" for lang in tests]
    for name in names:
        lines = (full / f"{name}.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
        kept = lines[: options.train] if name.startswith("train/") else lines
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.jsonl").write_text("\n".join(kept) + "\n", encoding="utf-8")
    settings = {"task": "classification", "source": [SOURCE], "targets": targets or options.languages.split(",")}
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
    (out / "problem.toml").write_text(text, encoding="utf-8")
    return out


def watch(command: list[str], log: Path, options: argparse.Namespace) -> dict[str, float]:
    """Run a command; its wall time and the largest resident memory of its process tree, sampled every 50 ms.

    Also ``other_cores``: how many cores were busy with something else on average, our own sampling included.
    """
    threads = str(options.threads)
    fixed = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), threads)
    fixed |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}
    peak, others = 0, busy() - own()
    with log.open("wb") as talk:
        started = time.perf_counter()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=talk, stderr=talk, env=os.environ | fixed)
        tree = psutil.Process(child.pid)
        try:
            while True:
                peak = max(peak, resident(tree))
                try:
                    code = child.wait(0.05)
                    break
                except subprocess.TimeoutExpired:
                    if time.perf_counter() - started > options.timeout:
                        sys.exit(f"{log.stem} took more than {options.timeout} seconds and was stopped; see {log}")
            seconds = time.perf_counter() - started
        finally:
            stop(child, tree)
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        sys.exit(f"{log.stem} ended with code {code}; the end of {log}:\n{tail}")
    others = busy() - own() - others
    return {"wall_seconds": seconds, "tree_rss_mb": peak / 2**20, "other_cores": max(0.0, others / seconds)}


def busy() -> float:
    """Seconds that all cores together have worked since the machine started."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice)


def own() -> float:
    """Seconds that the processes we started and that have ended have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def resident(tree: psutil.Process) -> int:
    """Bytes of resident memory of a process and its descendants: RSS, which costs the race less to read than PSS."""
    total = 0
    try:
        for process in (tree, *tree.children(recursive=True)):
            total += process.memory_info().rss
    except (psutil.NoSuchProcess, psutil.AccessDenied):  # it has just ended
        pass
    return total


def stop(child: subprocess.Popen[bytes], tree: psutil.Process) -> None:
    """End a process that we started, and what it started, if it still runs."""
    if child.poll() is not None:
        return
    for process in (*tree.children(recursive=True), tree):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    child.wait()


def code(*, ours: bool) -> str:
    """A hash of the program that a side runs, so that a changed one is measured anew."""
    paths = [HERE / "race.py", *(sorted(Path(ig.__path__[0]).rglob("*.py")) if ours else [])]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def run(options: argparse.Namespace, stage: str, side: str, seed: int, rate: str, problem: Path) -> dict[str, Any]:
    """The record of one run: from the work folder if it was made with equal settings, else made now."""
    settings = {
        "stage": stage, "side": side, "seed": seed, "rate": rate, "epochs": options.epochs, "train": options.train,
        "languages": options.languages if stage == "race" else "", "threads": options.threads, "versions": versions(),
        "set": options.set if SIDES[side]["ours"] else [], "code": code(ours=SIDES[side]["ours"]),
    }  # fmt: skip
    name = f"{stage}-{side}-{rate}-{seed}"
    kept = options.work / f"{name}.json"
    if kept.exists():
        record = json.loads(kept.read_text(encoding="utf-8"))
        if record["settings"] == settings:
            say(f"{name}: done before")
            return record
    out = options.work / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    command = [sys.executable, str(HERE / "race.py"), side, "--problem", str(problem), "--out", str(out)]
    command += ["--encoder", options.encoder, "--seed", str(seed), "--rate", rate, "--epochs", str(options.epochs)]
    command += ["--threads", str(options.threads), *(f"--set={item}" for item in settings["set"])]
    measured = watch(command, options.work / f"{name}.log", options)
    record = json.loads((out / "record.json").read_text(encoding="utf-8")) | measured
    record |= {"settings": settings, "commit": commit()}
    per_epoch = -(-options.rows // BATCH)
    if len(record["updates"]) != per_epoch * options.epochs:
        sys.exit(f"{name} made {len(record['updates'])} updates, not {per_epoch * options.epochs}")
    record |= speeds(record.pop("updates"), per_epoch)
    kept.write_text(json.dumps(record), encoding="utf-8")
    shutil.rmtree(out)
    say(
        f"{name}: {record['wall_seconds']:.0f} s, {record['examples_per_second']:.1f} examples/s, "
        f"{record['tree_rss_mb']:.0f} MB, English dev {record['dev']:.3f}, "
        f"{record['other_cores']:.2f} cores busy elsewhere"
    )
    return record


def choose_rates(options: argparse.Namespace, sides: list[str], problem: Path) -> dict[str, Any]:
    """For each side the scores on English dev of every rate, and the rate chosen by them."""
    tried: dict[str, dict[str, float]] = {side: {} for side in sides}
    for turn, rate in enumerate(options.rates.split(",")):
        for side in rotated(sides, turn):
            tried[side][rate] = run(options, "rates", side, RATE_SEED, rate, problem)["dev"]
    return {side: {"seed": RATE_SEED, "dev": scores, "chosen": best_rate(scores)} for side, scores in tried.items()}


def scored(problem: ig.Problem, records: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each run, and by side the mean of the target tests and the paired differences, with intervals."""
    answers: dict[str, dict[int, dict[str, list[str]]]] = {}
    rows = []
    for record in records:
        side, seed = record["settings"]["side"], record["settings"]["seed"]
        given = {lang: record["predictions"][problem.spelling(lang)] for lang in problem.test}
        answers.setdefault(side, {})[seed] = given
        own = score_table(problem.task, problem.test, {seed: given})
        low_high = own.mean(problem.targets)
        rows.append({name: record["settings"][name] for name in ("side", "seed", "rate")})
        rows[-1] |= {k: v for k, v in record.items() if k not in ("settings", "predictions")}
        rows[-1] |= {
            "english": own.by_language[SOURCE][problem.task.metric],
            "mean_target": low_high[0],
            "mean_target_ci95": interval(low_high[1]),
            "targets": {lang: own.by_language[lang][problem.task.metric] for lang in problem.targets},
        }
    tables = {side: score_table(problem.task, problem.test, by_seed) for side, by_seed in answers.items()}
    means = {side: table.mean(problem.targets) for side, table in tables.items()}
    scores: dict[str, Any] = {"mean_target": {}, "difference": {}}
    for side, (point, draws) in means.items():
        scores["mean_target"][side] = {"mean": point, "ci95": interval(draws)}
    for pair, (ours, theirs) in PAIRS.items():
        if ours in means and theirs in means:
            delta = means[ours][0] - means[theirs][0]
            scores["difference"][pair] = {"mean": delta, "ci95": interval(means[ours][1] - means[theirs][1])}
    return rows, scores


def under_the_floor(problem: ig.Problem, middle: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Operations of a training example, the rate of the matrix unit, and the share of it that each side reaches."""
    backbone = ig.Backbone.load()
    config = json.loads((Path(backbone.path) / "config.json").read_text(encoding="utf-8"))
    shape = {
        "hidden": config["hidden_size"], "ffn": config["intermediate_size"], "layers": config["num_hidden_layers"],
        "labels": len(problem.task.outputs),
    }  # fmt: skip
    train = problem.source_examples("train")
    encoded = problem.task.encode(train, backbone.tokenizer(), max_length=MAX_LENGTH, labelled=False)
    lengths = [len(feature["input_ids"]) for feature in encoded.features]
    facts = {
        side: {
            "embeddings_train": SIDES[side]["trains"] == "all",
            "precision": next(row["precision"] for row in rows if row["side"] == side),
            "examples_per_second": figures["examples_per_second"],
        }
        for side, figures in middle.items()
    }
    rates = matrix_rates(shape["hidden"], shape["ffn"])
    mean_length = sum(lengths) / len(lengths)
    return {
        "operation": "a multiplication or an addition of a matrix product; padding is not counted",
        "shape": shape, "mean_pieces": mean_length, "operations_per_second": rates,
        "sides": shares(lengths, shape, facts, rates),
    }  # fmt: skip


def show(result: dict[str, Any]) -> None:
    """The readable table."""
    say(f"\n{'side':<20}{'rate':>7}{'ex/s':>8}{'pieces/s':>10}{'wall s':>8}{'MB':>7}{'dev':>7}{'eng':>7}{'targets':>9}")
    for side, row in result["medians"].items():
        rate = result["rates"][side]["chosen"]
        say(
            f"{LETTERS[side]} {side:<18}{rate:>7}{row['examples_per_second']:>8.1f}{row['pieces_per_second']:>10.0f}"
            f"{row['wall_seconds']:>8.1f}{row['tree_rss_mb']:>7.0f}{row['dev']:>7.3f}{row['english']:>7.3f}"
            f"{row['mean_target']:>9.3f}"
        )
    for pair, table in result["ratios"].items():
        for name, row in table.items():
            say(f"{pair}  {name:<20} {row['median']:.2f} ({row['min']:.2f} to {row['max']:.2f})")
    for pair, row in result["scores"]["difference"].items():
        low, high = row["ci95"]
        say(f"{pair}  mean of the targets  {row['mean']:+.3f} [{low:+.3f}, {high:+.3f}]")
    for side, row in result["floor"]["sides"].items():
        say(f"{side:<20} {row['share_of_matrix_rate']:.0%} of the rate of the matrix unit ({row['precision']})")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", default="1,2,3", help="one paired round for each")
    parser.add_argument("--rates", default=RATES, help="learning rates tried for each side")
    parser.add_argument("--train", type=int, default=352, help="rows of English train, of 701")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--languages", default=LANGUAGES, help="targets that are predicted and scored")
    parser.add_argument("--sides", default=",".join(SIDES))
    parser.add_argument("--set", action="append", default=[], metavar="PART.FIELD=VALUE", help="for our sides")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one run")
    parser.add_argument("--work", type=Path, default=Path("runs/speed"))
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    options.command = "python benchmarks/speed/finetune.py"
    for name in ("seeds", "rates", "train", "epochs", "languages", "sides", "threads"):  # what makes a difference
        if (value := getattr(options, name)) != parser.get_default(name):
            options.command += f" --{name} {value}"
    options.command += "".join(f" --set {item}" for item in options.set)
    return options


def main() -> None:
    """Choose the rates, race, write the result."""
    options = parse()
    started = time.perf_counter()
    torch.set_num_threads(options.threads)
    sides, seeds = options.sides.split(","), [int(seed) for seed in options.seeds.split(",")]
    options.work.mkdir(parents=True, exist_ok=True)
    full = options.work / "problems"
    make = [sys.executable, str(HERE.parent / "quality" / "problems.py"), str(full), "--only", "sib200"]
    subprocess.run(make, check=True, stderr=subprocess.DEVNULL)
    blind = write_problem(options, full / "sib200", options.work / "sib200-without-tests", [])
    tested = write_problem(options, full / "sib200", options.work / "sib200", options.languages.split(","))
    problem = ig.Problem.read(tested)
    options.rows = len(problem.source_examples("train"))
    options.encoder = ig.Backbone.load().path  # converted before the race, for all sides

    rates = choose_rates(options, sides, blind)
    records = [
        run(options, "race", side, seed, rates[side]["chosen"], tested)
        for turn, seed in enumerate(seeds)
        for side in rotated(sides, turn)
    ]
    rows, scores = scored(problem, records)
    middle = medians(rows, MEASURES)
    middle = {side: middle[side] for side in sides}
    pairs = {pair: two for pair, two in PAIRS.items() if set(two) <= set(sides)}
    result = {
        "command": options.command,
        "problem": {
            "name": "sib200", "train_rows": options.rows, "epochs": options.epochs, "batch_size": BATCH,
            "updates": -(-options.rows // BATCH) * options.epochs, "warmup": WARM_UP, "weight_decay": DECAY,
            "max_length": MAX_LENGTH, "targets": list(problem.targets),
        },
        "set": options.set, "seeds": seeds, "sides": {side: SIDES[side] for side in sides}, "rates": rates,
        "memory": {
            "tree_rss_mb": "largest summed RSS of the process tree, sampled every 50 ms",
            "vm_hwm_mb": "VmHWM of the main process at its end",
        },
        "other_cores": max(row["other_cores"] for row in rows),
        "counted": "of the whole epochs after the first ten updates, without evaluation and checkpoints",
        "pairs": pairs, "medians": middle,
        "ratios": {pair: ratios(rows, *two, RATIOS) for pair, two in pairs.items()},
        "scores": scores, "floor": under_the_floor(problem, middle, rows), "runs": rows,
        "seconds": time.perf_counter() - started, "versions": versions(), "machine": machine("cpu"),
    }  # fmt: skip
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(result)
    say(f"\n{options.out} written after {result['seconds'] / 60:.0f} minutes")


if __name__ == "__main__":
    main()

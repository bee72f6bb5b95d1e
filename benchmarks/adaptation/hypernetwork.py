"""A hypernetwork trained in minutes against the plain ways to make word vectors for a new tokenizer.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/hypernetwork.py [--seeds 1,2] [--threads 1]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/hypernetwork.py --summary

The embedded encoder gets an 8,000-token Unigram tokenizer, trained on the train texts of SIB-200 in ten languages; so
are the hypernetworks: the paper's parametrisation and our variant (subword mean and learnt residual, half of stage 1's
tokens cut in two). Both train with the library's defaults. The encoder has no head for masked pieces: one a seed
is trained on the original vocabulary with the body frozen and serves all systems alike, with word vectors tied to it.

Measured on dev texts (no test text is read): 15% of the words of a text, the same for every tokenizer, are masked, all
their pieces at once. ``nats_per_byte`` can be compared between tokenizers, but for what the number of masks gives away;
``nats_per_piece`` only under one tokenizer, where a guess costs ln 8000 = 9.0. Rows are read and told by the same
matrix (``copied``: with biases copied for shared tokens; ``own``: with those the hypernetwork predicts); ``input only``
has the subword mean for output rows everywhere, so that only what is read differs. Without any head: how near the mean
of a text's states is to that under the original tokenizer (cosine), and how often a text under the new tokenizer finds
its English translation under the original one.

``--short`` trains with about a quarter of the default's work, for a busy machine; the result says so. What is done is
kept in ``--work``; ``--summary`` writes ``results/hypernetwork.json``.
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
from isogloss.transplant.reader import MaskedHead, Reader
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
def masked_loss(
    reader: Reader, tokenizer: Any, rows: torch.Tensor, outputs: dict[str, tuple[torch.Tensor, torch.Tensor]], seed: int
) -> dict[str, Any]:
    """By name of output rows and biases, the nats that each text's masked words cost; their pieces and bytes."""
    assert reader.head is not None
    draw = random.Random(seed)
    found: dict[str, list[float]] = {name: [] for name in outputs}
    pieces, length, unknown = [], [], 0
    for words in dev_words(tokenizer):
        chosen = set(draw.sample(range(len(words)), max(1, round(MASKED * len(words)))))
        ids, told = [tokenizer.cls_token_id], [-1]
        for n, cut in enumerate(tokenizer(words, add_special_tokens=False)["input_ids"]):
            ids += [tokenizer.mask_token_id] * len(cut) if n in chosen else cut
            told += cut if n in chosen else [-1] * len(cut)
            unknown += cut.count(tokenizer.unk_token_id)
        ids, told = [*ids, tokenizer.sep_token_id], [*told, -1]
        states = reader.model(inputs_embeds=rows[ids][None]).last_hidden_state[0]
        places = [n for n, label in enumerate(told) if label >= 0]
        labels = torch.tensor([told[n] for n in places])
        for name, (output, bias) in outputs.items():
            logits = reader.head(states[places], output, bias)
            found[name].append(float(torch.nn.functional.cross_entropy(logits, labels, reduction="sum")))
        pieces.append(len(places))
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


def compared(vectors: torch.Tensor, original: torch.Tensor) -> dict[str, list[float]]:
    """By text, the cosine with itself under the original tokenizer, and whether its English translation is nearest."""
    nearest = (vectors[TEXTS:] @ original[:TEXTS].T).argmax(1)
    right = nearest == torch.arange(TEXTS).repeat(len(LANGUAGES) - 1)
    return {"cosine": (vectors * original).sum(1).tolist(), "translation_found": right.float().tolist()}


def copied_bias(reader: Reader, swap: Swap) -> torch.Tensor:
    """Copied for shared tokens, the mean of the old one for the rest: as swap_tokenizer has it."""
    bias = torch.full((swap.new.size,), float(reader.bias_V.mean()))
    bias[list(swap.shared)] = reader.bias_V[list(swap.shared.values())]
    return bias


def measure(name: str, seed: int, work: Path) -> dict[str, Any]:
    reader, (model, tokenizer) = reader_of(seed, work), backbone()
    original = work / "original-vectors.safetensors"
    if name == "original":
        if not original.is_file():
            save_file({"vectors": sentence_vectors(reader, tokenizer, reader.rows_VE)}, original)
        outputs = {"copied": (reader.rows_VE, reader.bias_V)}
        return masked_loss(reader, tokenizer, reader.rows_VE, outputs, seed)
    new = new_tokenizer()
    swap = Swap(rows_VD=reader.rows_VE, old=Tokens.of(tokenizer), new=Tokens.of(new), model=model, seed=seed)
    copied = copied_bias(reader, swap)
    facts: dict[str, Any] = {}
    maker: Initialiser
    if name in TRAINED:
        folder = work / f"{list(TRAINED).index(name)}-{seed}"
        facts = trained(name, seed, reader, folder)
        maker = Zett(hypernetwork=str(folder))
    else:
        maker = Initialiser.find(name)
    rows = maker(swap)
    outputs = {"copied": (rows.rows_ND, copied), "input only": (Initialiser.find(BASE)(swap).rows_ND, copied)}
    if name in TRAINED:
        outputs["own"] = (rows.rows_ND, own_bias(Hypernetwork.load(folder), swap, reader))
    row = masked_loss(reader, new, rows.rows_ND, outputs, seed) | facts
    row |= {"rows": rows.counts(), "notes": rows.notes, "shared": len(swap.shared)}
    return row | compared(sentence_vectors(reader, new, rows.rows_ND), load_file(original)["vectors"])


def trained(name: str, seed: int, reader: Reader, folder: Path) -> dict[str, Any]:
    """Train a hypernetwork into a folder, unless it is there; what there is to say of it."""
    model, tokenizer = backbone()
    if not (folder / "facts.json").is_file():
        wall, spent = time.perf_counter(), time.process_time()
        texts = [text for rows in training_texts().values() for text in rows]
        made = train_hypernetwork(model, tokenizer, texts, settings=TRAINED[name], seed=seed, reader=reader)
        facts: dict[str, Any] = {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - spent}
        facts |= {"errors": made.record["errors"], "single": made.record["single"]}
        facts |= {"losses": {key: thinned(made.record[key]) for key in ("identity_loss", "language_loss")}}
        made.save(folder)
        (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    found: dict[str, Any] = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    return found


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
    rows = {
        name: {seed: json.loads(path.read_text()) for seed in seeds if (path := place(work, name, seed)).is_file()}
        for name in ("original", *PLAIN, *TRAINED)
    }
    result: dict[str, Any] = {}
    for name, by_seed in rows.items():
        if not by_seed:
            continue
        first = next(iter(by_seed.values()))
        result[name] = {
            f"nats_per_{unit[:-1]}": {kind: ratio(by_seed, kind, unit) for kind in first["nats"]}
            for unit in ("bytes", "pieces")
        }
        for key in ("cosine", "translation_found"):
            if key in first:
                result[name][key] = {str(seed): float(np.mean(row[key])) for seed, row in by_seed.items()}
        result[name] |= {
            key: first[key] for key in ("rows", "shared", "notes", "unknown_pieces", "single") if key in first
        }
        if name in TRAINED:
            result[name] |= {"settings": asdict(TRAINED[name])}
            for key in ("errors", "losses", "wall_seconds", "cpu_seconds"):
                result[name][key] = {str(seed): row[key] for seed, row in by_seed.items()}
        if name not in ("original", BASE):
            result[name][f"less {BASE}"] = {kind: difference(by_seed, rows[BASE], kind) for kind in first["nats"]} | {
                "cosine": difference(by_seed, rows[BASE], "cosine")
            }
    return result


def ratio(rows: dict[int, Any], kind: str, unit: str) -> dict[str, float]:
    found = {seed: sum(row["nats"][kind]) / sum(row[unit]) for seed, row in rows.items()}
    return {str(seed): value for seed, value in found.items()} | {"mean": float(np.mean(list(found.values())))}


def difference(mine: dict[int, Any], base: dict[int, Any], kind: str) -> dict[str, Any]:
    """Nats a byte (or the cosine) less those of the base, the mean of the seeds.

    The interval draws texts, each with its translations.
    """
    draws = np.random.default_rng(0).multinomial(TEXTS, [1 / TEXTS] * TEXTS, RESAMPLES)
    weights = np.tile(np.concatenate([np.ones((1, TEXTS)), draws]), len(LANGUAGES))
    values = []
    for seed in sorted(mine.keys() & base.keys()):
        here, there = mine[seed], base[seed]
        one, other = (here[kind], there[kind]) if kind == "cosine" else (here["nats"][kind], there["nats"]["copied"])
        size = np.ones(len(one)) if kind == "cosine" else np.array(here["bytes"], dtype=float)
        values.append((weights @ (np.array(one) - np.array(other))) / (weights @ size))
    if not values:
        return {}
    means = np.mean(values, axis=0)
    return {"delta": float(means[0]), "ci95": interval(means[1:])}


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

"""Tokens that are taken away from the embedded encoder's vocabulary and made anew: how near do they come?

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/reconstruction.py [--only omp_donor,focus]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/reconstruction.py --summary

A fifth of the ordinary tokens that occur in the text is treated as new; all others are shared. The text is English and
Swahili: Bible (Gospels and Acts), SIB-200 and NTREX. ``omp_donor`` has the encoder itself for a donor, an oracle: what
it leaves is what 64 shared tokens cannot say. ``omp_text`` and ``focus`` see vectors trained on the text. WECHSEL makes
rows anew from an English and an English and Swahili text, by a dictionary, and copies none.
Error and cosine are those of rows less the mean of the old ones, too: most rows of an encoder point the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cosine_similarity

import isogloss as ig
from isogloss.machine import machine, peak_rss_mb, versions
from isogloss.nets.vocabulary import Vocabulary
from isogloss.transplant.base import Initialiser, Swap
from isogloss.transplant.initialisers.focus import Focus
from isogloss.transplant.initialisers.mean import Mean
from isogloss.transplant.initialisers.omp import Omp
from isogloss.transplant.initialisers.random import Random
from isogloss.transplant.initialisers.subword_mean import SubwordMean
from isogloss.transplant.initialisers.wechsel import Wechsel
from isogloss.transplant.initialisers.zero import Zero
from isogloss.transplant.tokens import Tokens

RESULTS = Path(__file__).parent / "results"
SHARE, SEED, OFTEN = 0.2, 1, 2


def makers(data: Path) -> dict[str, Initialiser]:
    return {
        "zero": Zero(), "random": Random(), "mean": Mean(), "subword_mean": SubwordMean(),
        "wechsel": Wechsel(lexicon=str(next((data / "dictionary/wechsel").glob("*swahili*")))),
        "wechsel_alike": Wechsel(),
        "focus": Focus(), "focus_300": Focus(dim=300), "focus_20_epochs": Focus(epochs=20),
        "omp_text": Omp(), "omp_text_8": Omp(k=8), "omp_text_8_20_epochs": Omp(k=8, epochs=20),
        "omp_donor": Omp(), "omp_donor_inner": Omp(normalise=False), "omp_donor_16": Omp(k=16),
        "omp_donor_256": Omp(k=256),
    }  # fmt: skip


def read(data: Path, codes: tuple[str, str, str]) -> list[str]:
    """The text of a language: its codes in the Bible, SIB-200 and NTREX."""
    found: list[str] = []
    for folder, code, column in (
        ("mt/bible_nt", codes[0], 1),
        ("topic/sib200", codes[1], 2),
        ("mt/ntrex", codes[2], 0),
    ):
        places = [
            p for p in sorted((data / folder).rglob("*")) if p.is_file() and code in p.relative_to(data).as_posix()
        ]
        for path in places:
            lines = path.read_text(encoding="utf-8").splitlines()[1 if folder.endswith("sib200") else 0 :]
            found += [line.split("\t")[column] for line in lines if line.count("\t") >= column]
    return found


def setting(data: Path) -> tuple[Swap, torch.Tensor, list[int], list[int]]:
    """The swap, the encoder's rows under the whole vocabulary, and the ids in it of new tokens and of all used ones."""
    backbone = ig.Backbone.load("isogloss:e5-small")
    table: Any = backbone.bare().get_input_embeddings()
    whole = Tokens.of(backbone.tokenizer())
    rows = table.weight.detach().float()[: whole.size]
    english, swahili = read(data, ("eng", "eng_Latn", "eng")), read(data, ("swh", "swh_Latn", "swa"))
    texts = [*english, *swahili]
    counts = Counter(i for row in backbone.tokenizer()(texts, add_special_tokens=False)["input_ids"] for i in row)
    used = sorted(i for i, n in counts.items() if i in whole.forms and n >= OFTEN)
    new = sorted(random.Random(SEED).sample(used, round(SHARE * len(used))))
    # The old tokenizer really lacks the new tokens: it cuts their text into others.
    kept = sorted(set(range(whole.size)) - set(new))
    old = Tokens.of(Vocabulary(kept=tuple(kept)).tokenizer(backbone.tokenizer()))
    # Of tokens that the text has not, nothing is asked: they are shared.
    return Swap(rows_VD=rows[kept], old=old, new=whole, texts=texts, old_texts=english, seed=SEED), rows, new, used


def measure(
    name: str, maker: Initialiser, swap: Swap, rows: torch.Tensor, ids: list[int], used: list[int]
) -> dict[str, Any]:
    """Rows for the new tokens, and how near they come to the true ones."""
    donor = rows if name.startswith("omp_donor") else None
    # With a donor all shared tokens could be used: those of the text are, as where vectors are trained. WECHSEL's rows
    # do not depend on each other: those that are not asked for are left out.
    asked = used if donor is not None else ids if name == "wechsel" else swap.new.forms
    swap = replace(swap, new=replace(swap.new, forms={i: swap.new.forms[i] for i in asked}))
    wall, cpu = time.perf_counter(), time.process_time()
    made = maker(replace(swap, donor_NE=donor))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    true, found = rows[ids], made.rows_ND[ids]
    mean = swap.rows_VD[sorted(swap.old.forms)].mean(0)
    inside = [n for n, i in enumerate(ids) if made.how[i] != "fallback"]

    def scores(a: torch.Tensor, b: torch.Tensor) -> dict[str, float]:
        return {
            "cosine": float(cosine_similarity(a, b).mean()),
            "cosine_less_mean": float(cosine_similarity(a - mean, b - mean).mean()),
            "relative_error": float(((a - b).norm(dim=1) / a.norm(dim=1)).mean()),
            "relative_error_less_mean": float(((a - b).norm(dim=1) / (a - mean).norm(dim=1)).mean()),
        }

    return {
        "settings": repr(maker).replace(os.environ["ISOGLOSS_DATA"], "DATA"),
        **scores(true, found),
        "how": dict(Counter(made.how[i] for i in ids)),
        "without_fallback": scores(true[inside], found[inside]) if inside else None,
        "notes": made.notes,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_rss_mb": peak_rss_mb(),
    }


def summarise(work: Path, names: Sequence[str]) -> dict[str, Any]:
    done = {n: json.loads((work / f"{n}.json").read_text("utf-8")) for n in names if (work / f"{n}.json").is_file()}
    size = json.loads((work / "setting.json").read_text("utf-8"))
    result = {"command": "python benchmarks/adaptation/reconstruction.py", **size, "strategies": done,
              "versions": versions(), "machine": machine("cpu")}  # fmt: skip
    (RESULTS / "reconstruction.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""

    data = Path(os.environ["ISOGLOSS_DATA"])
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", default=",".join(makers(data)))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/reconstruction"))
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    missing = [n for n in options.only.split(",") if not (options.work / f"{n}.json").is_file()]
    if missing and not options.summary:
        swap, rows, ids, used = setting(data)
        size = {"seed": SEED, "new": len(ids), "used": len(used), "shared": len(swap.shared), "rows": len(rows),
                "texts": len(swap.texts), "characters": sum(map(len, swap.texts))}  # fmt: skip
        (options.work / "setting.json").write_text(json.dumps(size), encoding="utf-8")
        for name in missing:
            row = measure(name, makers(data)[name], swap, rows, ids, used)
            (options.work / f"{name}.json").write_text(json.dumps(row, indent=1), encoding="utf-8")
            print(name, row["cosine"], row["cosine_less_mean"], row["relative_error"], row["cpu_seconds"], flush=True)
    summarise(options.work, list(makers(data)))


if __name__ == "__main__":
    main()

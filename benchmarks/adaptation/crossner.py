"""Entities of a domain: how much each corpus, each masking and each order of the labels is worth.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/crossner.py [--domains ai,music] [--debian FOLDER] [--threads 1]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/crossner.py --summary

CrossNER's domains AI and music with their 100 labelled sentences. General labels are those of WikiGold: person,
location, organisation, misc, as in CoNLL-2003, which the paper uses and which may not be passed on. Raw text is
``english_pool``, without the sentences that any score or loss is measured on: some 50 000 to 90 000 lines of anything,
where the paper has corpora made from all of Wikipedia. All corpora get the same number of updates.

1. One head that predicts hidden pieces is trained on the pool, the encoder frozen; all adaptations start there.
2. For each domain, corpus and masking the encoder is adapted; before and after, its loss is measured on held-out text
   of the domain and on general text, the same hidden pieces each time.
3. The labels are learnt. Adapted encoders learn from the source, then from the target; without adaptation and with the
   integrated corpus under span masking all three regimes are run.

The lower half of the encoder is frozen while labels are learnt, for the sake of time. ``joint`` repeats the target's
sentences as often as the other regimes have passes over them. Everything is kept in ``--work`` and done once;
``--summary`` writes ``results/crossner.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from english_pool import data_folder, pool

import isogloss as ig
from isogloss.backbones import Backbone
from isogloss.evaluation.comparing import against
from isogloss.flow import fit
from isogloss.languages.scripts import join_tokens
from isogloss.ledger import normalise
from isogloss.methods.data.select_text import SelectText
from isogloss.methods.model.continued_pretraining import ContinuedPretraining
from isogloss.methods.objective.staged import Staged
from isogloss.methods.weights.last import Last
from isogloss.metrics import repair
from isogloss.recipes import Recipe
from isogloss.run import Run
from isogloss.train.precision import choose_precision
from isogloss.train.pretraining import encode_lines, held_out_loss, hide_once, pieces_of

RESULTS = Path(__file__).parent / "results"
SIZES = {"source": 300, "test": 200, "held_out": 80, "start": 4000, "head_steps": 100, "lines": 1500, "steps": 80,
         "epochs": 20}  # fmt: skip
SMOKE = {"source": 20, "test": 10, "held_out": 8, "start": 40, "head_steps": 2, "lines": 60, "steps": 2, "epochs": 1}
"""Sentences of the source, of each test and each held-out text; lines and updates for the head; lines of a level and
updates of an adaptation; passes over the domain's labelled sentences."""

SEEDS = (1, 2)
FROZEN = 6
NAMES = {"PER": "person", "LOC": "location", "ORG": "organisation", "MISC": "misc"}
"""How the source calls what the domains have too: its labels are renamed, so that each has one output."""

TYPES = {
    "ai": ("algorithm", "conference", "field", "metrics", "product", "programlang", "researcher", "task"),
    "music": ("album", "award", "band", "musicalartist", "musicalinstrument", "musicgenre", "song"),
}
"""The types that text of the domain is known by: countries and universities are everywhere."""

REGIMES = ("target", "source_then_target", "joint")
LEVELS = ("domain", "entity", "task", "integrated")
NONE = "none"
MAIN = "integrated-spans"
CORPORA = (NONE, MAIN, "integrated-tokens", *(f"{level}-{how}" for level in LEVELS[:3] for how in ("spans", "tokens")))
ROWS = [(corpus, regime) for regime in ("source_then_target", "target", "joint") for corpus in (NONE, MAIN)]
ROWS += [(corpus, "source_then_target") for corpus in CORPORA[2:]]


def labelled(path: Path, name: str) -> list[dict[str, Any]]:
    """The sentences of a file with a token and a tag a line, with the domains' names of types."""
    rows = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        cells = [line.split("\t") for line in block.split("\n") if line.strip() and not line.startswith("# ")]
        tags = [tag if tag == "O" else tag[:2] + NAMES.get(tag[2:], tag[2:]) for _, tag in cells]
        if cells:  # some entities begin with I-
            rows.append({"id": f"{name}-{len(rows)}", "tokens": [word for word, _ in cells], "tags": repair(tags)})
    return rows


def text_of(row: dict[str, Any]) -> str:
    return join_tokens(row["tokens"])[0]


@cache
def parts(domain: str) -> dict[str, list[dict[str, Any]]]:
    """Few, test and held-out sentences of a domain; these are the last ones of its development file."""
    place = data_folder() / "ner/crossner" / domain
    files = {"few": "train", "test": "test", "held_out": "dev"}
    read = {name: labelled(place / f"{file}.txt", f"{domain}-{file}") for name, file in files.items()}
    return read | {"test": read["test"][: SIZES["test"]], "held_out": read["held_out"][-SIZES["held_out"] :]}


@cache
def general() -> tuple[list[dict[str, Any]], list[str]]:
    """The source's labelled sentences, and general text to measure the loss on: news of the source's kind, from PUD."""
    source = labelled(data_folder() / "ner/wikigold/en/test.conll", "wikigold")
    other = labelled(data_folder() / "ner/uner/en_pud/test.iob2", "pud")
    return source[: SIZES["source"]], [text_of(row) for row in other[: SIZES["held_out"]]]


def general_text() -> list[str]:
    return general()[1]


@cache
def raw(debian: Path | None) -> dict[str, list[str]]:
    """The pool without anything that is measured on."""
    measured = [text_of(row) for domain in TYPES for name in ("test", "held_out") for row in parts(domain)[name]]
    measured += general_text() + [text_of(row) for row in general()[0]]
    return pool(debian, {normalise(text) for text in measured})


def problem(domain: str, lines: Sequence[str] = ()) -> ig.Problem:
    """The domain as a target of its own, with raw text where there is some."""
    target = f"eng-x-{domain}"
    return ig.Problem.from_data(
        task="tagging", source="eng", targets=target, open_labels=True, name=domain,
        train={"eng": general()[0]},
        few={target: parts(domain)["few"]},
        test={target: parts(domain)["test"]},
        unlabelled={target: lines} if lines else None,
    )  # fmt: skip


class Losses:
    """The loss of hidden pieces, the same ones each time, in held-out text of a domain and in general text."""

    def __init__(self, domain: str, run: Run) -> None:
        self.run = run
        self.texts = {"domain": [text_of(row) for row in parts(domain)["held_out"]], "general": general_text()}

    def of(self, backbone: Backbone) -> dict[str, float]:
        model, _ = backbone.language_model()
        tokenizer = backbone.tokenizer()
        rows = {name: encode_lines(texts, tokenizer, 256) for name, texts in self.texts.items()}
        mask = {"mask_id": tokenizer.mask_token_id, "pieces_N": pieces_of([*rows.values()], tokenizer),
                "masking": "tokens", "rate": 0.15}  # fmt: skip
        return {
            name: held_out_loss(model, tokenizer, hide_once(some, tokenizer, mask, seed=name), self.run)
            for name, some in rows.items()
        }


def new_run(folder: Path, seed: int = 1) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    return Run(flow=fit, folder=folder, seed=seed, precision=choose_precision(), quiet=True)


def start(work: Path, debian: Path | None) -> Backbone:
    """The encoder with a head that predicts hidden pieces, trained on the whole pool."""
    backbone = Backbone.load()
    part = ContinuedPretraining(languages="targets", epochs=0, head_steps=SIZES["head_steps"], min_words=4)
    lines = [line for some in raw(debian).values() for line in some]
    return part(backbone, problem("ai", lines[:: max(1, len(lines) // SIZES["start"])]), new_run(work / "start"))


@cache
def chosen_text(domain: str, level: str, debian: Path | None) -> ig.Problem:
    """The problem with the corpus of a level."""
    given = problem(domain, [line for lines in raw(debian).values() for line in lines])
    select = SelectText(level=level, most=SIZES["lines"], types=TYPES[domain])  # type: ignore[arg-type]
    return select(given, SimpleNamespace(say_once=print))  # type: ignore[arg-type]


def adapt(domain: str, corpus: str, work: Path, debian: Path | None) -> Path:
    """The folder of the encoder adapted to a domain by a corpus and a masking; ``facts.json`` says how it went."""
    home = work / domain / corpus / "encoder"
    if (home / "facts.json").is_file():
        return home
    level, masking = corpus.rsplit("-", 1)
    begun, begin, run = time.time(), start(work, debian), new_run(home.parent / "making")
    chosen = chosen_text(domain, level, debian)
    part = ContinuedPretraining(
        languages="targets",
        masking=masking,  # type: ignore[arg-type]
        rate=0.2,
        steps=SIZES["steps"],
        warmup=0.1,
        min_words=4,
    )
    adapted = part(begin, chosen, run)
    losses = Losses(domain, run)
    place = Path(adapted.path)
    (target,) = chosen.targets
    facts = {
        "lines": len(chosen.unlabelled[target]),
        "different": len({id(line) for line in chosen.unlabelled[target]}),
        "before": losses.of(begin),
        "after": losses.of(adapted),
        "pretraining": json.loads((place / "pretraining.json").read_text(encoding="utf-8")),
        "seconds": time.time() - begun,
    }
    shutil.rmtree(home, ignore_errors=True)
    shutil.move(place, home)
    shutil.rmtree(home.parent / "making")
    (home / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(domain, corpus, facts["before"], facts["after"], f"{facts['seconds']:.0f} s", flush=True)
    return home


def learn(domain: str, corpus: str, regime: str, work: Path, debian: Path | None) -> None:
    out = work / domain / corpus / regime
    if (out / "report.json").is_file():
        return
    given = problem(domain)
    encoder = None if corpus == NONE else str(adapt(domain, corpus, work, debian))
    objective = Staged(
        regime=regime,  # type: ignore[arg-type]
        target_epochs=SIZES["epochs"],
        upsample=max(1, SIZES["epochs"] // 2),  # two passes over the mixture
        freeze_layers=FROZEN,
        learning_rate=2e-4,
        batch_size=8,
        snapshots=1,
    )
    recipe = Recipe(name=f"staged-{regime}", objective=objective, weights=Last())
    begun = time.time()
    _, report = ig.transfer(given, recipe, backbone=encoder, seeds=SEEDS, out=out, resume=True, quiet=True)
    shutil.rmtree(out / "model", ignore_errors=True)
    print(domain, corpus, regime, f"{report.mean_target:.4f}", f"{time.time() - begun:.0f} s", flush=True)


def summarise(work: Path, debian: Path | None) -> None:
    """Write the table of what is there."""
    command = "python benchmarks/adaptation/crossner.py" + (" --debian FOLDER" if debian else "")
    result: dict[str, Any] = {"command": command, "sizes": SIZES, "seeds": SEEDS,
                              "frozen_layers": FROZEN, "types": TYPES, "domains": {}}  # fmt: skip
    result["pool"] = {name: len(lines) for name, lines in raw(debian).items()}
    for domain in TYPES:
        given = problem(domain)
        folders = {f"{corpus} {regime}": work / domain / corpus / regime for corpus, regime in ROWS}
        done = {name: folder for name, folder in folders.items() if (folder / "report.json").is_file()}
        reports = {name: ig.Report.load(folder) for name, folder in done.items()}
        pairs = [(f"{NONE} {regime}", f"{MAIN} {regime}") for regime in REGIMES]
        pairs += [(f"{NONE} {REGIMES[1]}", f"{corpus} {REGIMES[1]}") for corpus in CORPORA[2:]]
        pairs += [(f"{level}-tokens {REGIMES[1]}", f"{level}-spans {REGIMES[1]}") for level in LEVELS]
        for corpus in (NONE, MAIN):
            pairs += [(f"{corpus} target", f"{corpus} {regime}") for regime in REGIMES[1:]]
            pairs += [(f"{corpus} source_then_target", f"{corpus} joint")]
        encoders = {c: work / domain / c / "encoder/facts.json" for c in CORPORA[1:]}
        result["domains"][domain] = {
            "test": len(parts(domain)["test"]),
            "few": len(parts(domain)["few"]),
            "source": len(general()[0]),
            "adaptation": {c: json.loads(f.read_text(encoding="utf-8")) for c, f in encoders.items() if f.is_file()},
            "span_f1": {name: _row(report) for name, report in reports.items()},
            "differences": {
                f"{other} less {base}": against(given, done[base], done[other], baseline=base)
                for base, other in pairs
                if base in done and other in done
            },
        }
        if reports:
            first = next(iter(reports.values()))
            result |= {"versions": first.versions, "machine": first.machine}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "crossner.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _row(report: ig.Report) -> dict[str, Any]:
    ((_, scores),) = report.scores.items()
    return {"mean": report.mean_target, "ci95": report.mean_target_ci95, "by_seed": scores["by_seed"],
            "tier": report.tier, "seconds": report.seconds, "leaks": report.leaks["total"]}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--domains", default=",".join(TYPES))
    parser.add_argument("--debian", type=Path, help="root of dict-foldoc and python-sklearn-doc: / or a folder")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/crossner"))
    parser.add_argument("--rows", default="", help="only rows whose name, such as 'none joint', holds this")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--summary", action="store_true", help="only sum up what is there")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    torch.set_num_threads(options.threads)
    if options.smoke:
        SIZES.update(SMOKE)
    if not options.summary:
        for corpus, regime in ROWS:
            for domain in options.domains.split(",") if options.rows in f"{corpus} {regime}" else ():
                learn(domain, corpus, regime, options.work, options.debian)
    if not options.smoke:
        summarise(options.work, options.debian)


if __name__ == "__main__":
    main()

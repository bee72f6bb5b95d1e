"""MAFT and LAFT against no adaptation: three African languages, English labels, equal updates for each language.

    ISOGLOSS_DATA=DATA python benchmarks/adaptation/maft.py [--rows topic:direct,topic:maft]
    ISOGLOSS_DATA=DATA python benchmarks/adaptation/maft.py --summary

* Raw text: Hausa, Yoruba, Swahili and English from MAFAND (all splits), NTREX, SIB-200's and AfriSenti's training texts
  (without labels), MasakhaNEWS, the UDHR and for Swahili the New Testament. Every line that is, or holds, a test
  sentence of the problems below is removed: the same after case, punctuation and spacing are taken away.
* ``topic``: SIB-200, English to the three. ``ner``: English EWT (UNER) to MasakhaNER 2.0 (PER, LOC, ORG).
  Sentiment cannot be measured: the AfriSenti files at hand hold one class each (Hausa and Yoruba: only negative tweets
  to train on, only positive ones to test).
* One fresh head is trained on all four languages, the encoder frozen; ``maft`` goes on from it with all four, each with
  the same share, ``laft`` with one target for a quarter of the updates. ``direct`` is the encoder as it was.
* ``vocabulary``: what reducing the vocabulary to that text does to size and cuts; no training.
* ``held-out``: loss of hidden pieces in lines that nothing was trained on, among the pieces of that language's text:
  the same lines, places and choice for the encoder with the fresh head, MAFT and LAFT.
* ``alignment``: of SIB-200's test and dev sentences, the share whose nearest English one, by the mean of the last
  states, is their own translation: what the encoder brings along for transfer, before and after.

Rows are kept in ``--work``; ``--summary`` writes ``results/maft.json``. ``--tiny`` tries it all out in minutes.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from african import LANGS, PROBLEMS, TARGETS, problem_of, raw_text, topics

import isogloss as ig
from isogloss.evaluation.comparing import against
from isogloss.flow import fit
from isogloss.methods.model.continued_pretraining import FACTS, ContinuedPretraining
from isogloss.methods.model.reduce_vocabulary import FACTS as SIZES
from isogloss.methods.model.reduce_vocabulary import ReduceVocabulary
from isogloss.run import Run
from isogloss.train import choose_precision
from isogloss.train.corpora import read_corpora
from isogloss.train.pretraining import encode_lines, held_out_loss, hide_once, pieces_of

RESULTS = Path(__file__).parent / "results"
ROWS = ("vocabulary", "ner:direct", "ner:maft", "topic:direct", "topic:maft", "ner:laft", "held-out", "alignment",
        "topic:laft")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything.

    Attributes:
        lines: of raw text a language.
        head: updates of the fresh head; ``body``: of the encoder, by all languages together.
        topic, ner: labelled rows and epochs.
        items: test items a language; ``dev``: rows of source dev.
    """

    lines: int = 2500
    head: int = 120
    body: int = 200
    topic: tuple[int, int] = (250, 4)
    ner: tuple[int, int] = (400, 6)
    items: int = 204
    dev: int = 60
    seeds: tuple[int, ...] = (1, 2)


TINY = Size(lines=60, head=3, body=4, topic=(14, 1), ner=(16, 1), items=8, dev=7, seeds=(1,))
RATE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Shared(ContinuedPretraining):
    """The part, with a folder that the problems of this benchmark share: it adapts to the same text for both."""

    place: str = ""

    def __call__(self, backbone: ig.Backbone, problem: ig.Problem, run: Run) -> ig.Backbone:
        """As the part does, elsewhere."""
        return super().__call__(backbone, problem, replace(run, shared=Path(self.place)))


def with_head(size: Size, problem: ig.Problem, work: Path) -> ig.Backbone:
    """The encoder with one fresh head, trained on all languages."""
    part = ContinuedPretraining(epochs=0, head_steps=size.head, alpha=0.0)
    return part(ig.Backbone.load(), problem, _run(work))


def adapted(size: Size, problem: ig.Problem, work: Path, recipe: str) -> ig.Recipe:
    place, joint = str((work / "shared").resolve()), recipe == "maft"
    part = Shared(
        languages="all" if joint else "targets",
        steps=size.body if joint else size.body // len(LANGS),
        alpha=0.0,
        learning_rate=RATE,
        warmup=0.1,
        place=place,
    )
    return ig.Recipe(name=recipe, model=(part,), scope="joint" if joint else "target")


def _run(work: Path) -> Run:
    return Run(flow=fit, folder=work, precision=choose_precision(), quiet=True, shared=work / "shared")


def transfer_row(row: str, size: Size, problems: dict[str, ig.Problem], work: Path) -> None:
    name, recipe = row.split(":")
    problem, network = problems[name], None
    if recipe != "direct":
        network = str(pooled(with_head(size, problems["topic"], work)))
    epochs = getattr(size, name)[1]
    settings = {"cross_entropy.epochs": epochs, "cross_entropy.min_steps": 0, "cross_entropy.snapshots": 3}
    _, report = ig.transfer(
        problem,
        "direct" if recipe == "direct" else adapted(size, problem, work, recipe),
        backbone=network,
        settings={key: str(value) for key, value in settings.items()},
        seeds=size.seeds,
        out=work / name / recipe,
        resume=True,
        quiet=True,
    )
    print(f"{row}: {report.metric} {report.mean_target:.4f}", flush=True)


def pooled(backbone: ig.Backbone) -> Path:
    """The folder, which from now on says that its network pools by the mean."""
    place = Path(backbone.path) / "1_Pooling"
    place.mkdir(exist_ok=True)
    (place / "config.json").write_text(json.dumps({"pooling_mode_mean_tokens": True}), encoding="utf-8")
    return Path(backbone.path)


def held_out(size: Size, problem: ig.Problem, work: Path) -> dict[str, Any]:
    """Loss by language and network."""
    run, made = _run(work), networks(size, problem, work)
    tokenizer, result = made["direct"].tokenizer(), dict[str, Any]()
    rows = {}
    for corpus in read_corpora(problem):
        sets = [
            encode_lines([e.fields["text"] for e in some], tokenizer, 256) for some in (corpus.train, corpus.held_out)
        ]
        ids_S = pieces_of(sets, tokenizer)
        mask = {"mask_id": tokenizer.mask_token_id, "pieces_N": ids_S, "masking": "tokens", "rate": 0.15}
        rows[corpus.lang] = (ids_S, hide_once(sets[1], tokenizer, mask, seed=f"benchmark {corpus.lang}"))
        result[corpus.lang] = {"pieces": len(ids_S), "lines": len(corpus.held_out), "loss": {}}
    for name, backbone in made.items():
        model, found = backbone.language_model()
        assert found
        for lang, (ids_S, some) in rows.items():
            result[lang]["loss"][name] = held_out_loss(model, tokenizer, some, run, ids_S=ids_S)
    result["trained"] = {name: json.loads((Path(b.path) / FACTS).read_text()) for name, b in made.items()}
    return result


def networks(size: Size, problem: ig.Problem, work: Path) -> dict[str, ig.Backbone]:
    """The encoder with the fresh head, and what became of it."""
    base = ig.Backbone.load(str(pooled(with_head(size, problem, work))))
    made = {"direct": base, "maft": adapted(size, problem, work, "maft").model[0](base, problem, _run(work))}
    part = adapted(size, problem, work, "laft").model[0]
    return made | {f"laft-{lang}": part(base, problem.narrow(lang), _run(work)) for lang in TARGETS}


def alignment(size: Size, problem: ig.Problem, work: Path) -> dict[str, Any]:
    """Share of sentences that find their translation, by language and network."""
    folders = {lang: f"{'swh' if lang == 'swa' else lang}_Latn" for lang in LANGS}
    texts = {lang: {r["id"]: r["text"] for split in ("test", "dev") for r in topics(folders[lang], split)}
             for lang in LANGS}  # fmt: skip
    result: dict[str, Any] = {lang: {"sentences": len(texts[lang]), "found": {}, "cosine": {}} for lang in TARGETS}
    for name, backbone in networks(size, problem, work).items():
        english = _vectors(backbone, [texts["eng"][key] for key in sorted(texts["eng"])])
        for lang in TARGETS:
            own = _vectors(backbone, [texts[lang][key] for key in sorted(texts[lang])])
            near = own @ english.T
            result[lang]["found"][name] = float((near.argmax(1) == torch.arange(len(own))).float().mean())
            result[lang]["cosine"][name] = float(near.diag().mean() - near.mean())
    return result


@torch.no_grad()
def _vectors(backbone: ig.Backbone, texts: Sequence[str]) -> torch.Tensor:
    """Unit means of the last states (texts x width)."""
    model: Any = backbone.bare().base_model.eval()
    found = []
    for start in range(0, len(texts), 32):
        batch = backbone.tokenizer()(list(texts[start : start + 32]), padding=True, truncation=True, max_length=256,
                                     return_tensors="pt")  # fmt: skip
        there = batch["attention_mask"][..., None].float()
        found.append((model(**batch).last_hidden_state * there).sum(1) / there.sum(1))
    return torch.nn.functional.normalize(torch.cat(found), dim=1)


def do(row: str, size: Size, problems: dict[str, ig.Problem], work: Path) -> None:
    started = time.process_time()
    if ":" in row:
        transfer_row(row, size, problems, work)
    else:
        if row == "vocabulary":
            made = ReduceVocabulary()(ig.Backbone.load(), problems["topic"], _run(work))
            facts = json.loads((Path(made.path) / SIZES).read_text(encoding="utf-8"))
        else:
            facts = {"held-out": held_out, "alignment": alignment}[row](size, problems["topic"], work)
        (work / f"{row}.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(f"{row}: {time.process_time() - started:.0f} CPU seconds", flush=True)


def there(row: str, work: Path) -> bool:
    name, _, recipe = row.partition(":")
    return (work / name / recipe / "report.json" if recipe else work / f"{row}.json").is_file()


def summarise(size: Size, problems: dict[str, ig.Problem], counts: dict[str, Any], work: Path) -> dict[str, Any]:
    result: dict[str, Any] = {
        "command": "python benchmarks/adaptation/maft.py",
        "size": vars(size) | {"learning_rate": RATE},
        "text": counts,
        "problems": {},
        **{row: json.loads((work / f"{row}.json").read_text()) for row in ROWS if ":" not in row and there(row, work)},
    }
    for name, problem in problems.items():
        done = [recipe for recipe in ("direct", "laft", "maft") if there(f"{name}:{recipe}", work)]
        if not done:
            continue
        reports = {recipe: ig.Report.load(work / name / recipe) for recipe in done}
        first = reports[done[0]]
        result["problems"][name] = {
            "metric": first.metric,
            "seeds": first.seeds,
            "train": len(problem.source_examples("train")),
            "test": {lang: len(rows) for lang, rows in problem.test.items()},
            "recipes": {
                recipe: {
                    "mean_target": report.mean_target,
                    "ci95": report.mean_target_ci95,
                    "tier": report.tier,
                    "leaks": report.leaks["total"],
                    "scores": {lang: row[report.metric] for lang, row in report.scores.items()},
                    "by_seed": {lang: row["by_seed"] for lang, row in report.scores.items()},
                    "seconds": report.seconds,
                }
                for recipe, report in reports.items()
            },
            "differences": {
                f"{other} less {base}": against(problem, work / name / base, work / name / other, baseline=base)
                for base, other in (("direct", "laft"), ("direct", "maft"), ("laft", "maft"))
                if {base, other} <= set(done)
            },
            "versions": first.versions,
            "machine": first.machine,
        }
    return result


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, run what is not there yet, sum up."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs/maft"))
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
    for row in [] if options.summary else options.rows.split(","):
        if not there(row, options.work):
            do(row, size, problems, options.work)
    place = options.work if options.tiny else RESULTS
    result = summarise(size, problems, counts, options.work)
    (place / "maft.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Puts a report together from what a run left behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isogloss.evaluation.errors import error_table
from isogloss.evaluation.report import Report
from isogloss.evaluation.scoring import ScoreTable
from isogloss.ledger import Ledger
from isogloss.machine import commit, machine, peak_rss_mb, versions
from isogloss.metrics import interval

if TYPE_CHECKING:
    from isogloss.backbones import Backbone
    from isogloss.planning.calibration import Foretold
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.run import Run
    from isogloss.tasks import Prediction

LEAKS_SHOWN = 10
SMALL = 100
"""Files with fewer items than this are spoken of in the notices."""


def build_report(
    problem: Problem,
    recipe: Recipe,
    backbone: Backbone,
    run: Run,
    table: ScoreTable,
    answers: Mapping[int, Mapping[str, Sequence[Prediction]]],
    *,
    model_seed: int,
    fingerprint: str = "",
    unserved: Mapping[str, str] | None = None,
    foretold: Foretold | None = None,
) -> Report:
    """The report of a run over one or several seeds. Tier, regime and leaks come from the run's ledger.

    ``model_seed`` is the seed whose network is kept, ``fingerprint`` a hash of all that the run depended on,
    ``unserved`` the targets left out, with reasons, ``foretold`` what a plan expects.
    """
    ledger = run.ledger
    for examples in problem.test.values():
        ledger.record("test", examples, problem.task)
    own = [choice for choice in run.choices if choice["level"] == 1]  # deeper ones are those of nested runs
    spell = problem.spelling
    report = Report(
        problem=problem.name,
        task=problem.task.name,
        metric=problem.task.metric,
        labels=list(problem.task.labels),
        regime=ledger.regime(problem.targets),
        tier=ledger.tier(problem.targets),
        transductive=ledger.transductive,
        recipe=recipe.name,
        settings=recipe.settings(),
        backbone={"id": backbone.id, "exposure": backbone.exposure},
        source=[spell(lang) for lang in problem.source],
        targets=[spell(lang) for lang in problem.targets],
        selection={"rule": own[0]["rule"], "runs": run.choices},
        seeds=list(answers),
        scores={spell(lang): row for lang, row in table.by_language.items()},
        estimate={
            spell(lang): foretold.estimate(lang) if foretold else None
            for lang in problem.targets
            if lang not in problem.test
        },
        errors={
            spell(lang): error_table(problem.task, problem.test[lang], [p.value for p in predictions])
            for lang, predictions in answers[model_seed].items()
        },
        resources={role: {spell(lang): n for lang, n in row.items()} for role, row in ledger.resources().items()},
        leaks=leak_table(ledger),
        notices=[*problem.notices, *_small(problem, own), *_fallen_back(own), *_translated(run.bridges, spell)],
        seconds=_seconds(run),
        nested=run.costs,
        translator=run.translator.id if run.translator else None,
        bridges=run.bridges,
        peak_rss_mb=peak_rss_mb(),
        tokens_per_second=_speed(run),
        precision=run.precision,
        versions=versions(),
        machine=machine(run.device),
        commit=commit(),
        unserved={spell(lang): reason for lang, reason in (unserved or {}).items()},
        fingerprint=fingerprint,
        model_seed=model_seed,
    )
    _summarise(
        report, problem, table, [choice["score"] for choice in own if choice["rule"] != "oracle" and "score" in choice]
    )
    if foretold:
        report.plan = foretold.against(report.model_dump()).to_json()
    return report


def leak_table(ledger: Ledger) -> dict[str, Any]:
    """Leaks counted by kind and role, and the first few in words."""
    leaks = ledger.leaks()
    counts = Counter(f"{leak.kind}:{leak.role}" for leak in leaks)
    return {
        "total": len(leaks),
        "by_kind": dict(sorted(counts.items())),
        "first": [str(leak) for leak in leaks[:LEAKS_SHOWN]],
    }


def _small(problem: Problem, choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is too small to say much."""
    tests = {lang: len(examples) for lang, examples in problem.test.items()}
    notices = []
    if tests and min(tests.values()) < SMALL:
        notices.append(
            f"The smallest test file has {min(tests.values())} items: differences of several points may be chance."
        )
    chosen = any("score" in choice and choice["rule"] != "oracle" for choice in choices)
    if chosen and (dev := len(problem.source_examples("dev"))) and dev < SMALL:
        notices.append(f"Checkpoints were chosen on {dev} development items: the choice may be chance.")
    return notices


def _fallen_back(choices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Where an average was not what it should be."""
    seeds = [str(choice["seed"]) for choice in choices if choice.get("fell_back")]
    what = "An average scored below its own parts on source dev, and less was averaged instead"
    return [f"{what} (seed {', '.join(seeds)})."] if seeds else []


def _translated(rows: Sequence[Mapping[str, Any]], spell: Callable[[str], str]) -> list[str]:
    """What was translated by what, and what became of its spans; once for each direction and use."""
    said: dict[tuple[str, str, str], str] = {}
    for row in rows:
        what = f"{row['examples']} examples from {spell(row['from'])} into {spell(row['into'])} for {row['at']}"
        text = f"{row['translator']} translated {what}"
        if row["spans"]:
            text += f"; {row['projector']} carried {row['spans_kept']} of {row['spans']} spans"
        if row["used"] < row["examples"]:
            text += f"; {row['used']} were used"
        said.setdefault((row["from"], row["into"], row["at"]), f"{text}.")
    return list(said.values())


def _summarise(report: Report, problem: Problem, table: ScoreTable, dev: Sequence[float]) -> None:
    targets, sources = table.mean(problem.targets), table.mean(problem.source)
    if targets is not None:
        report.mean_target, report.mean_target_ci95 = targets[0], table.bounds(problem.targets)
    if sources is not None:
        report.source_score, report.source_basis = sources[0], "test"
    elif dev:
        report.source_score, report.source_basis = sum(dev) / len(dev), "dev"
    if targets is not None and report.source_score is not None:
        report.gap = report.source_score - targets[0]
        if sources is not None:
            report.gap_ci95 = interval(sources[1] - targets[1])
            if np.ptp(sources[1]) == np.ptp(targets[1]) == 0:  # every item right or wrong on both sides
                source, target = table.bounds(problem.source), table.bounds(problem.targets)
                report.gap_ci95 = source[0] - target[1], source[1] - target[0]


def _seconds(run: Run) -> dict[str, float]:
    """Wall time by stage over all trainings; a training's stages hold the time of what is nested in them."""
    rows = [row for row in run.costs if row["level"] == 1]
    return {stage: run.seconds[stage] + sum(row[stage] for row in rows) for stage in run.seconds}


def _speed(run: Run) -> float | None:
    seconds = _seconds(run)["objective"]
    return round(run.tokens / seconds, 1) if seconds and run.tokens else None

"""The leaderboard: recipes by languages by seeds on one problem, grouped by what each was allowed to know.

It is made from finished run folders, whatever day they were made on. Runs of one recipe with other seeds are merged.
What cannot be compared is named and left out: every answer is scored anew on the problem's test files, and a run whose
report does not say the same numbers was measured on other items. Within a tier the first system is the baseline of the
others. Systems of different tiers knew different things; they are ranked together only if that is asked for. An oracle
has no rank: it is a ceiling.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from isogloss.errors import DataError, IsoglossError
from isogloss.evaluation.comparing import answers_of, difference, permutation, tabled
from isogloss.evaluation.report import Report
from isogloss.evaluation.scoring import Answers, ScoreTable
from isogloss.evaluation.view import counted, leak_count, listed, selection_rule
from isogloss.metrics import crossed_interval, holm
from isogloss.problem import Problem

RULES = frozenset(("source_dev", "last", "checkpoint_averaging", "run_averaging", "oracle"))
EVERYTHING = "all tiers"
ROUNDING = 1e-6


@dataclass(kw_only=True)
class Standing:
    """One system on the board.

    Attributes:
        name: the recipe, with what tells it from another run of the same recipe.
        runs: the folders it was read from.
        mean, ci95: mean over targets and seeds, and its interval over items and seeds.
        languages: by target ``value``, ``ci95``, ``by_seed`` and, against the baseline, ``delta``, ``delta_ci95``,
            ``verdict`` and ``p`` (permutation, adjusted over the languages after Holm).
        baseline: the system that the differences are to; None for a baseline itself and for an oracle.
        delta, delta_ci95, verdict, p: of the mean over targets.
        rank: within its group; None for an oracle.
        seconds: wall time of one seed, nested runs included.
        oracle: what choosing on the test labels would have claimed: ``mean``, ``more`` (than the honest choice on the
            same seeds) and ``seeds``; None where no such run is among those compared.
    """

    name: str
    recipe: str
    runs: list[str]
    tier: str
    regime: str
    backbone: str
    rule: str
    seeds: list[int]
    mean: float
    ci95: tuple[float, float]
    seconds: float
    leaks: int
    languages: dict[str, dict[str, Any]] = field(default_factory=dict)
    baseline: str | None = None
    delta: float | None = None
    delta_ci95: tuple[float, float] | None = None
    verdict: str | None = None
    p: float | None = None
    rank: int | None = None
    oracle: dict[str, Any] | None = None


@dataclass(kw_only=True)
class Leaderboard:
    """Systems by tier, and what was left out and why.

    Attributes:
        groups: standings from best to worst by tier, or all under one name if tiers were to be ranked together.
        refused: by run folder why it is not compared.
        level: of the intervals that the verdicts are read from: above 0.95 where seeds were added until it was clear.
    """

    problem: str
    task: str
    metric: str
    targets: list[str]
    groups: dict[str, list[Standing]]
    refused: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    level: float = 0.95

    @property
    def standings(self) -> list[Standing]:
        """All of them, group by group."""
        return [standing for group in self.groups.values() for standing in group]

    @property
    def clear(self) -> bool:
        """Whether no verdict is inconclusive."""
        return all(standing.verdict != "inconclusive" for standing in self.standings)

    def to_json(self) -> str:
        """The board as JSON; what is not a number is null."""
        return json.dumps(_plain(asdict(self)), indent=1, ensure_ascii=False)

    def save(self, folder: str | Path) -> Path:
        """Write ``leaderboard.json`` and the self-contained ``leaderboard.html``; returns the path of the page."""
        from isogloss.evaluation.leaderboard_page import render_board

        page = Path(folder) / "leaderboard.html"
        page.write_text(render_board(self), encoding="utf-8")
        (Path(folder) / "leaderboard.json").write_text(self.to_json() + "\n", encoding="utf-8")
        return page


@dataclass(kw_only=True)
class _System:
    """Runs of one system put together."""

    reports: list[Report]
    runs: list[Path]
    answers: dict[int, dict[str, list[Any]]]
    table: ScoreTable

    @property
    def tier(self) -> str:
        return self.reports[0].tier

    @property
    def oracle(self) -> bool:
        return self.reports[0].regime == "oracle"


def leaderboard(
    problem: Problem,
    runs: Sequence[Path],
    *,
    baseline: str | None = None,
    across_tiers: bool = False,
    level: float = 0.95,
) -> Leaderboard:
    """Compare finished runs on one problem.

    Args:
        problem: its test files are what everything is scored on.
        runs: run folders; the first of each tier is the baseline of the others of that tier.
        baseline: recipe that is the baseline of its tier instead.
        across_tiers: rank and compare systems that were allowed different things.
        level: of the intervals that verdicts are read from.

    Raises:
        DataError: a folder is no finished run.
        IsoglossError: fewer than two systems can be compared; the message says why.
    """
    systems, refused = _merged(problem, runs)
    if len(systems) < 2:
        why = "; ".join(f"{run}: {reason}" for run, reason in refused.items())
        raise IsoglossError(
            "There are no two systems to compare" + (f" ({why})" if why else ""),
            fix="Give run folders of two recipes on the same test files",
        )
    names = _names(list(systems.values()))
    board = Leaderboard(
        problem=problem.name,
        task=problem.task.name,
        metric=problem.task.metric,
        targets=[problem.spelling(lang) for lang in problem.targets if lang in problem.test],
        groups={},
        refused=refused,
        notices=_notices([report for system in systems.values() for report in system.reports]),
        level=level,
    )
    groups: dict[str, list[tuple[str, _System]]] = {}
    for name, system in zip(names, systems.values(), strict=True):
        group = "oracle" if system.oracle else EVERYTHING if across_tiers else system.tier
        groups.setdefault(group, []).append((name, system))
    for group, members in groups.items():
        first = next((pair for pair in members if baseline in (pair[0], pair[1].reports[0].recipe)), members[0])
        standings = [_standing(problem, name, system, first, level) for name, system in members]
        standings.sort(key=lambda standing: (-standing.mean, standing.name))
        if group != "oracle":
            for rank, standing in enumerate(standings, start=1):
                standing.rank = rank
        board.groups[group] = standings
    board.groups = dict(sorted(board.groups.items(), key=lambda item: item[0] == "oracle"))
    _claim(systems, dict(zip(names, systems.values(), strict=True)), board)
    return board


def _merged(problem: Problem, runs: Sequence[Path]) -> tuple[dict[tuple[str, ...], _System], dict[str, str]]:
    """Systems by what makes them one, and the runs that are refused, with reasons."""
    systems: dict[tuple[str, ...], _System] = {}
    refused: dict[str, str] = {}
    for run in runs:
        report = Report.load(run)
        why = _unlike(problem, report)
        answers: dict[int, dict[str, list[Any]]] = {}
        if why is None:
            try:
                answers = answers_of(problem, run)
            except DataError as error:
                why = error.what
        if why is None:
            why = _mismeasured(problem, report, answers)
        key = _identity(report)
        if why is None and key in systems:
            why = _unmergeable(systems[key], report, answers)
        if why is not None:
            refused[str(run)] = why
            continue
        if key in systems:
            before = systems[key]
            reports, folders = [*before.reports, report], [*before.runs, run]
            answers = before.answers | answers
        else:
            reports, folders = [report], [run]
        systems[key] = _System(reports=reports, runs=folders, answers=answers, table=tabled(problem, answers))
    return systems, refused


def _identity(report: Report) -> tuple[str, ...]:
    settings = json.dumps(report.settings, sort_keys=True)
    chosen = (selection_rule(report), report.backbone["id"], str(report.translator), report.precision, report.tier)
    return report.recipe, settings, *chosen


def _unlike(problem: Problem, report: Report) -> str | None:
    """Why a report cannot be about this problem."""
    if report.task != problem.task.name:
        return f"its task is {report.task}, not {problem.task.name}"
    if report.metric != problem.task.metric:
        return f"its metric is {report.metric}, not {problem.task.metric}"
    if set(report.labels) != set(problem.task.labels):
        odd = sorted(set(report.labels) ^ set(problem.task.labels))
        return f"it has another label set ({listed(odd)} in one of the two only)"
    sources = {problem.spelling(lang) for lang in problem.source}
    if set(report.source) != sources:
        return f"it learnt from {listed(sorted(report.source))}, not from {listed(sorted(sources))}"
    wanted = {problem.spelling(lang) for lang in problem.targets if lang in problem.test}
    if missing := sorted(wanted - set(report.scores)):
        return f"it has no answers in {listed(missing)}"
    return None


def _mismeasured(problem: Problem, report: Report, answers: Answers) -> str | None:
    """Whether the test items have changed since: their labels, if not their ids."""
    from isogloss.metrics import ones

    for lang, examples in problem.test.items():
        spelled = problem.spelling(lang)
        if spelled not in report.scores:
            continue
        for seed, given in answers.items():
            scores = problem.task.scores(examples, given[lang], ones(len(examples)))[report.metric]
            said = report.scores[spelled]["by_seed"][str(seed)][report.metric]
            if said is not None and not abs(float(scores[0]) - said) < ROUNDING:
                return f"it was measured on other test items in {spelled}: its answers score otherwise on these"
    return None


def _unmergeable(system: _System, report: Report, answers: Answers) -> str | None:
    """Why a run cannot be more seeds of a system."""
    where = system.runs[0]
    if _learnt(report) != _learnt(system.reports[0]):
        return f"it is the same recipe as {where}, and learnt from other data"
    for seed in answers:
        if seed in system.answers:
            same = "the same" if answers[seed] == system.answers[seed] else "other"
            return f"it has seed {seed}, which {where} has already, with {same} answers"
    return None


def _learnt(report: Report) -> dict[str, dict[str, int]]:
    return {role: counts for role, counts in report.resources.items() if role not in ("test", "bridge")}


def _names(systems: Sequence[_System]) -> list[str]:
    """The recipe, and where two have the same the rule, the encoder or at last the folder that tells them apart."""
    names = [system.reports[0].recipe for system in systems]
    for told in (
        [selection_rule(system.reports[0]) for system in systems],
        [system.reports[0].backbone["id"] for system in systems],
        [str(system.runs[0]) for system in systems],
    ):
        apart = {name: {t for n, t in zip(names, told, strict=True) if n == name} for name in names}
        names = [f"{n} ({t})" if len(apart[n]) > 1 else n for n, t in zip(names, told, strict=True)]
    return names


def _standing(problem: Problem, name: str, system: _System, first: tuple[str, _System], level: float) -> Standing:
    report, targets = system.reports[0], [lang for lang in problem.targets if lang in problem.test]
    sample = system.table.sample(targets)
    if sample is None:
        raise DataError("No target language has a test file", where=system.runs[0], fix="Add test/<target>")
    standing = Standing(
        name=name,
        recipe=report.recipe,
        runs=[str(run) for run in system.runs],
        tier=system.tier,
        regime=report.regime,
        backbone=report.backbone["id"],
        rule=selection_rule(report),
        seeds=sorted(system.answers),
        mean=sample.point,
        ci95=crossed_interval(sample),
        seconds=sum(sum(r.seconds.values()) for r in system.reports) / len(system.answers),
        leaks=max(map(leak_count, system.reports)),
    )
    for lang in targets:
        row, own = system.table.by_language[lang], system.table.sample([lang])
        standing.languages[problem.spelling(lang)] = {
            "value": row[report.metric],
            "ci95": crossed_interval(own) if own else None,
            "by_seed": {seed: scores[report.metric] for seed, scores in row["by_seed"].items()},
        }
    if system is first[1] or system.oracle:
        return standing
    base = first[1]
    found = difference(base.table, system.table, targets, baseline=first[0], level=level)
    p = permutation(problem, base.answers, system.answers)
    standing.baseline, standing.delta, standing.delta_ci95 = first[0], found["delta"], found["ci95"]
    standing.verdict, standing.p = found["verdict"], p[""]
    adjusted = holm({lang: p[lang] for lang in targets})
    for lang in targets:
        one = difference(base.table, system.table, [lang], baseline=first[0], level=level)
        standing.languages[problem.spelling(lang)] |= {
            "delta": one["delta"],
            "delta_ci95": one["ci95"],
            "verdict": one["verdict"],
            "p": adjusted[lang],
        }
    return standing


def _claim(systems: Mapping[tuple[str, ...], _System], named: Mapping[str, _System], board: Leaderboard) -> None:
    """Beside each honest system what its oracle would have claimed, where that run is there too."""
    ceilings = [system for system in systems.values() if system.oracle]
    for standing in board.standings:
        honest = named[standing.name]
        if honest.oracle:
            continue
        for ceiling in ceilings:
            common = sorted(set(honest.answers) & set(ceiling.answers))
            if _but_rule(honest.reports[0]) != _but_rule(ceiling.reports[0]) or not common:
                continue
            claimed, fair = (_mean(side, board.targets, common) for side in (ceiling, honest))
            standing.oracle = {"mean": claimed, "more": claimed - fair, "seeds": common}


def _but_rule(report: Report) -> tuple[str, ...]:
    settings = {part: values for part, values in report.settings.items() if part not in RULES}
    return report.recipe, json.dumps(settings, sort_keys=True), report.backbone["id"], str(report.translator)


def _mean(system: _System, targets: Sequence[str], seeds: Sequence[int]) -> float:
    rows = {lang: row for report in system.reports for lang, row in _rows(report).items()}
    values = [rows[lang, seed] for lang in targets for seed in seeds]
    return sum(values) / len(values)


def _rows(report: Report) -> dict[Any, float]:
    return {
        (lang, int(seed)): scores[report.metric]
        for lang, entry in report.scores.items()
        for seed, scores in entry["by_seed"].items()
    }


def _notices(reports: Sequence[Report]) -> list[str]:
    """What makes the comparison less than perfect, though still one."""
    found = []
    if len({report.backbone["id"] for report in reports}) > 1:
        found.append("The encoders differ: a difference may be theirs and not the recipe's.")
    if len({(r.machine.get("cpu"), r.machine.get("threads")) for r in reports}) > 1:
        found.append("The runs were made on different machines or threads: compare their seconds with care.")
    if len({(r.versions.get("isogloss"), r.commit) for r in reports}) > 1:
        found.append("The runs were made with different versions of the code.")
    if any(len(report.seeds) < 2 for report in reports):
        found.append("A run has a single seed: where a system has no other, its interval leaves out the seeds.")
    if leaking := sum(leak_count(report) > 0 for report in reports):
        found.append(f"{counted(leaking, 'run')} had seen test items before the test.")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

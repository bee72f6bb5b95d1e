"""``project``: labelled source data in, labelled target data out."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Projector
from isogloss.bridges.bridge import Bridge, View, summary
from isogloss.bridges.projectors import find_projector
from isogloss.bridges.translators import load_translator
from isogloss.errors import DataError, IsoglossError, ResourceError
from isogloss.machine import versions
from isogloss.output import staged
from isogloss.problem import Problem

if TYPE_CHECKING:
    from isogloss.bridges.base import Translator
    from isogloss.example import Example

log = logging.getLogger("isogloss")


@dataclass(frozen=True, kw_only=True)
class Projected:
    """What came out.

    Attributes:
        problem: what was projected.
        examples: by target, the labelled examples, each with its reliability as ``score``.
        views: by target, every example with what became of its spans, also those that were left out.
        report: by target: translator, projector, counts, projection rate, reasons of losses, seconds.
    """

    problem: Problem
    examples: Mapping[str, tuple[Example, ...]]
    report: Mapping[str, Mapping[str, Any]]
    views: Mapping[str, Sequence[View]] = field(repr=False, default_factory=dict)

    def rows(self, lang: str) -> list[dict[str, Any]]:
        """The examples of a target as plain rows with ``reliability``, such as ``datasets.Dataset.from_list`` takes."""
        task = self.problem.task
        return [{"id": e.id, **task.row(e.fields), "reliability": round(e.score, 4)} for e in self.examples[lang]]


def project(
    problem: Problem | str | Path,
    projector: str | Projector = "align",
    translator: str | Translator = "auto",
    *,
    split: str = "train",
    targets: Sequence[str] | None = None,
    complete: bool = True,
    least: float = 0.0,
    skip_unserved: bool = False,
    out: str | Path | None = None,
    force: bool = False,
) -> Projected:
    """Translate the labelled source data into the targets and carry the labels over.

    Args:
        problem: the problem, or its folder.
        projector: how spans are carried: a name (``align``, ``codec``, ``markers``, ``copy``, ...) or a Projector.
        translator: a name as for :func:`transfer`, or a Translator.
        split: which source data, ``train`` or ``dev``.
        targets: canonical codes; all of the problem's by default.
        complete: leave out sentences that lost a span.
        least: leave out sentences with a span of a lower reliability.
        skip_unserved: leave out targets that the translator does not serve, or not as the projector needs it.
        out: folder for ``train/<target>.jsonl`` (a part of a problem folder), ``<target>.html`` to look at, and
            ``project.json``; none is written without it. Translations are kept in a cache, so that a run that broke
            off finds them again.
        force: replace an existing ``out``.

    Raises:
        IsoglossError: there is no source data, no translator for a target, or the projector cannot work with it.
    """
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    projector = find_projector(projector) if isinstance(projector, str) else projector
    translator = load_translator(translator) if isinstance(translator, str) else translator
    aims = tuple(problem.targets if targets is None else targets)
    if split not in ("train", "dev"):
        raise IsoglossError(f"There is no split '{split}' of source data", fix="Choose train or dev")
    if not problem.source_examples(split):
        raise DataError(f"{problem.name} has no source data in {split}", fix=f"Add {split}/<source>.jsonl")
    aims = _served(problem, Bridge(translator=translator, projector=projector), split, aims, skip_unserved)
    if out is None:
        return _projected(problem, projector, translator, split, aims, complete, least)
    with staged(out, force=force) as place:
        result = _projected(problem, projector, translator, split, aims, complete, least)
        _write(result, place, split)
    return result


def _served(problem: Problem, bridge: Bridge, split: str, targets: Sequence[str], skip: bool) -> tuple[str, ...]:
    """The targets that can be served; what cannot be is said, or refused before anything is done."""
    served: list[str] = []
    for target in targets:
        try:
            bridge.check(_source(problem, bridge.translator, split, target), target)
        except ResourceError as error:
            if not skip or (target == targets[-1] and not served):
                raise
            log.warning("%s is left out: %s", problem.spelling(target), error.what)
        else:
            served.append(target)
    return tuple(served)


def _source(problem: Problem, translator: Translator, split: str, target: str) -> str:
    """The first source language with data that is translated into the target; the first of all where none is."""
    data: Mapping[str, Sequence[Example]] = getattr(problem, split)
    there = [source for source in problem.source if data.get(source)]
    return next((source for source in there if translator.serves(source, target)), there[0])


def _projected(
    problem: Problem,
    projector: Projector,
    translator: Translator,
    split: str,
    targets: Sequence[str],
    complete: bool,
    least: float,
) -> Projected:
    bridge = Bridge(translator=translator, projector=projector)
    views: dict[str, list[View]] = {}
    report: dict[str, dict[str, Any]] = {}
    examples: dict[str, tuple[Example, ...]] = {}
    data: Mapping[str, Sequence[Example]] = getattr(problem, split)
    for target in targets:
        source = _source(problem, translator, split, target)
        started = time.perf_counter()
        views[target] = bridge.carry(data[source], problem.task, target)
        seconds = time.perf_counter() - started
        examples[target] = tuple(
            view.example
            for view in views[target]
            if view.example and (view.complete or not complete) and view.example.score >= least
        )
        report[target] = {
            "source": source,
            "translator": translator.used(source, target),
            "projector": projector.name,
            "settings": {name: str(value) for name, value in vars(projector).items()},
            **summary(views[target]),
            "written": len(examples[target]),
            "seconds": round(seconds, 3),
            "sentences_per_second": round(len(views[target]) / seconds, 2) if seconds else None,
        }
    return Projected(problem=problem, examples=examples, views=views, report=report)


def _write(result: Projected, place: Path, split: str) -> None:
    from isogloss.evaluation.projection_page import ProjectionRow, ProjectionSummary, projection_page

    (place / split).mkdir()
    for lang, facts in result.report.items():
        name = result.problem.spelling(lang)
        lines = [json.dumps(row, ensure_ascii=False) for row in result.rows(lang)]
        (place / split / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        shown = [
            ProjectionRow(item=item, projection=projection, id=view.original.id)
            for view in result.views[lang]
            for item, projection in view.carried
        ]
        counts = ProjectionSummary.of(
            [row.projection for row in shown],
            title=result.problem.name,
            source=result.problem.spelling(facts["source"]),
            target=name,
            projector=facts["projector"],
            translator=facts["translator"],
            seconds=facts["seconds"],
            settings=facts["settings"],
            versions=versions(),
        )
        counts = replace(counts, sentences=len(result.views[lang]))  # those without a span took time too
        (place / f"{name}.html").write_text(projection_page(shown, counts), encoding="utf-8")
    record = {"problem": result.problem.name, "targets": result.report, "versions": versions()}
    (place / "project.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

"""Which languages to annotate and what score to expect, before anything is trained."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.backbones import Backbone
from isogloss.backbones.encoder import DEFAULT
from isogloss.commands.doctor import BLIND, unknown_share
from isogloss.errors import DataError, RecipeError, ResourceError
from isogloss.evaluation.view import counted
from isogloss.languages import Language, features
from isogloss.languages.overlap import MOST_PIECES, Pieces
from isogloss.planning.landscape import ALL_KINDS, Landscape, survey
from isogloss.planning.law import Estimate
from isogloss.planning.matrix import TransferMatrix
from isogloss.planning.plan import Plan
from isogloss.planning.planner import Measured, Sets, rank, sets, way
from isogloss.planning.recipe import Facts, advise
from isogloss.planning.resources import BOUGHT, FewShot, resources
from isogloss.planning.shipped import shipped
from isogloss.problem import Problem

if TYPE_CHECKING:
    from isogloss.planning.planner import Ranked

log = logging.getLogger("isogloss")

DEFAULT_K = 2
FEW_LINES = 200
"""Of a language; with fewer, what is measured on its text is rough."""
NO_MATRIX = "none"
"""In place of a matrix: rank by distance alone."""


def plan(
    problem: Problem | str | Path,
    *,
    matrix: TransferMatrix | str | Path | None = None,
    k: int | None = None,
    candidates: Sequence[str] = (),
    texts: Mapping[str, Iterable[str]] | None = None,
    backbone: str | None = None,
    cost: bool = False,
    level: float = 0.9,
) -> Plan:
    """Rank sources for each target, choose sets of them to annotate, and predict scores where some were measured.

    Nothing is trained and no test data are read. Where no transfer was measured on the problem's task by its metric,
    languages are ranked by the plain mean of all distances that are known, and no score is predicted.

    Args:
        problem: the problem, or its folder.
        matrix: measured transfer on the same task: a file, a folder of runs, or the object; ``none`` for no matrix. By
            default the one that comes with the package, if there is one.
        k: the size of the largest set, beside the sources; by default 2, or 1 where there is one candidate.
        candidates: languages that could be annotated, beside those of the problem.
        texts: lines by language, beside those of the problem; these languages are candidates too.
        backbone: the encoder whose tokenizer cuts the text; runs of three characters where there is no text to cut.
        cost: time a few updates on the source data, and say what the whole training takes.
        level: of the intervals of predicted scores.

    Raises:
        DataError: the problem, the matrix or a code cannot be read, k is not possible, or ``level`` is no share.
        ResourceError: nothing is known of any pair of languages, or the encoder cannot be found.
    """
    if not 0 < level < 1:
        raise DataError(f"The level of an interval is {level}, not between 0 and 1", fix="Write level=0.9")
    problem = problem if isinstance(problem, Problem) else Problem.read(problem)
    added = {Language.parse(code).code: code for code in (*candidates, *(texts or {}))}
    spelled = {**added, **problem.spelled}
    languages = tuple(dict.fromkeys((*problem.source, *problem.targets, *_codes((*candidates, *(texts or {}))))))
    lines = {lang: list(_text(problem, lang)) for lang in languages}
    for code, more in (texts or {}).items():
        lines.setdefault(Language.parse(code).code, []).extend(more)
    cut = _pieces(backbone) if any(lines.values()) else None
    land = survey(languages, lines, pieces=cut)
    measured, notices = _measured(problem, matrix, land, backbone, level)
    ranked = {target: tuple(rank(land, target, languages, measured)) for target in problem.targets}
    if not any(ranked.values()):
        raise ResourceError(
            "Nothing is known of any two of these languages",
            fix=("Put" if features.installed() else "Install URIEL's tables (pip install isogloss[plan]), or put")
            + " text of each into unlabelled/<code>.txt",
        )
    able = tuple(lang for lang in languages if land.basis[lang].listed or land.basis[lang].lines)
    open_to = [lang for lang in able if lang not in problem.source]
    count = min(DEFAULT_K, len(open_to)) if k is None else k
    if not 1 <= count <= len(open_to):
        raise DataError(
            f"{count} is no number of sources to choose among {len(open_to)} languages without labels",
            fix=f"Give k from 1 to {len(open_to)}",
        )
    targets = tuple(target for target in problem.targets if target in able)
    chosen = sets(land, targets, able, count, measured, labelled=problem.source)
    kinds_used = [tuple(entry.distances) for entries in ranked.values() for entry in entries]
    kinds_used += [chosen.kinds] if chosen.kinds else []
    few = {target: len(problem.few.get(target, ())) for target in problem.targets}
    used = [entry.rests_on for entries in ranked.values() for entry in entries if entry.prediction is not None]
    if measured is not None and used:
        notices += _whose(problem, measured, backbone)
    elif measured is not None:
        notices.append(
            "No score is predicted: too few pairs were measured by a distance that is known of the targets. Languages "
            "are ranked by distance alone."
        )
    fits = [measured.fit(kinds) for kinds in sorted(set(used), key=used.count, reverse=True)] if measured else []
    return Plan(
        problem=problem.name,
        task=problem.task.name,
        metric=_metric(measured) or problem.task.metric,
        source=problem.source,
        targets=problem.targets,
        candidates=languages,
        land=land,
        ranked=ranked,
        ways={kinds: way(kinds, measured) for kinds in sorted(set(kinds_used), key=kinds_used.count, reverse=True)},
        sets=chosen,
        evidence=tuple(fit[0] for fit in fits if fit is not None),
        gains=_gains(measured),
        resources=resources(ranked, problem.source, measured, few=few, spelling=problem.spelling),
        recipe=advise(_facts(problem, measured, few, lines, backbone)),
        about=measured.matrix.about if measured is not None else {},
        seconds=_seconds(problem, backbone) if cost else None,
        spelled=spelled,
        notices=(
            *notices,
            *(told for fit in fits if fit is not None for told in fit[0].shortfalls(problem.spelling)),
            *_of_text(land, problem.spelling, _codes([*(texts or {})])),
            *_notices(problem, land, ranked, chosen, measured is not None),
        ),
    )


def _codes(candidates: Sequence[str]) -> list[str]:
    return [Language.parse(code).code for code in candidates]


def _text(problem: Problem, lang: str) -> Iterator[str]:
    """What may be read of a language before a run: everything but test data."""
    for split in (problem.train, problem.dev, problem.few):
        yield from (problem.task.text(example.fields) for example in split.get(lang, ()))
    yield from (example.fields["text"] for example in problem.unlabelled.get(lang, ()))


def _pieces(backbone: str | None) -> Pieces:
    tokenizer = Backbone.load(backbone or DEFAULT).tokenizer()
    return lambda text: tokenizer.tokenize(text)


def _measured(
    problem: Problem, matrix: TransferMatrix | str | Path | None, land: Landscape, backbone: str | None, level: float
) -> tuple[Measured | None, list[str]]:
    """The part of the matrix that is about the problem's task, and what is to be said of it."""
    if not isinstance(matrix, TransferMatrix) and str(matrix) == NO_MATRIX:
        return None, ["No score is predicted: no matrix was wanted. Languages are ranked by distance alone."]
    if matrix is None:
        matrix = shipped(problem.task.name, problem.task.metric)
    if matrix is None:
        return None, [
            f"No score is predicted: no transfer was measured on {problem.task.name} by {problem.task.metric}. "
            "Languages are ranked by distance alone."
        ]
    whole = matrix if isinstance(matrix, TransferMatrix) else TransferMatrix.read(matrix, task=problem.task.name)
    part = whole.of_task(problem.task.name)
    if not part.zero_shot():
        tasks = ", ".join(sorted({cell.task for cell in whole.cells})) or "nothing"
        return None, [
            f"No score is predicted: the matrix holds {tasks}, and the problem is {problem.task.name}. "
            "Languages are ranked by distance alone."
        ]
    metrics = sorted({cell.metric for cell in part.zero_shot()})
    if len(metrics) > 1:
        raise DataError(f"The matrix mixes metrics ({', '.join(metrics)})", fix="Keep one metric in a matrix")
    comparable, notices = ALL_KINDS, []
    if left_out := part.about.get("left_out"):
        notices.append(f"The matrix leaves out {', '.join(left_out)}.")
    name = backbone or DEFAULT
    if any("pieces" in cell.distances for cell in part.cells) and (
        part.about.get("pieces") != name or land.pieces < MOST_PIECES
    ):
        comparable = tuple(kind for kind in ALL_KINDS if kind != "pieces")
        notices.append(
            f"The overlap of pieces does not count for predictions: the matrix has it from {part.about.get('pieces')} "
            f"on {MOST_PIECES:,} pieces, this plan from {name} on {land.pieces:,}."
        )
    return Measured(part, level=level, comparable=comparable), notices


def _whose(problem: Problem, measured: Measured, backbone: str | None) -> Iterator[str]:
    """Whose the predicted scores are."""
    about, name = measured.matrix.about, backbone or DEFAULT
    if (metric := _metric(measured)) != problem.task.metric:
        yield f"Predicted scores are {metric or 'of an unnamed metric'}, as in the matrix."
    encoder = about.get("backbone", name)
    if encoder != name:
        yield f"The matrix was measured with {encoder}, and this plan is for {name}."
    data, labels = about.get("name", "the matrix's own data"), about.get("labels", "its number of")
    yield (
        f"Predicted scores are those of {data} with {labels} source labels: the order of sources may carry over to "
        "other data, the level will not."
    )


def _metric(measured: Measured | None) -> str:
    return measured.matrix.zero_shot()[0].metric if measured is not None else ""


def _gains(measured: Measured | None) -> dict[int, Estimate]:
    curve = FewShot.of(measured.matrix, level=measured.level) if measured is not None else None
    return {n: curve.gain(n) for n in BOUGHT} if curve is not None else {}


def _facts(
    problem: Problem,
    measured: Measured | None,
    few: Mapping[str, int],
    lines: Mapping[str, Sequence[str]],
    backbone: str | None,
) -> Facts:
    """What the choice of a recipe hangs on."""
    curve = FewShot.of(measured.matrix, level=measured.level) if measured is not None else None
    least, name = min(few.values(), default=0), backbone or DEFAULT
    return Facts(
        task=problem.task.name,
        metric=problem.task.metric,
        few=least,
        few_help=curve is not None and curve.helps(least),
        unread=_unread([lines[target] for target in problem.targets], name),
        into_source=_able("translate-test", problem),
        into_target=_able("translate-train", problem),
        raw=any(map(problem.unlabelled.get, problem.targets)),
        sources=len(problem.source),
        backbone=name,
    )


def _unread(texts: Sequence[Sequence[str]], backbone: str) -> bool:
    """Whether a good part of every target's text is unknown to the encoder."""
    if not texts or not all(texts):
        return False
    tokenizer = Backbone.load(backbone).tokenizer()
    return all(unknown_share(lines, tokenizer) > BLIND for lines in texts)


def _able(recipe: str, problem: Problem) -> bool:
    """Whether the recipe's translations can be had for every target with what is installed."""
    from isogloss.bridges.translators import load_translator
    from isogloss.recipes import catalogue, check_needs

    try:
        check_needs(catalogue()[recipe], problem, translator=load_translator("auto", cache=None))
    except (ResourceError, RecipeError):
        return False
    return True


def _seconds(problem: Problem, backbone: str | None) -> float:
    from isogloss.planning.cost import training_seconds

    return training_seconds(problem, Backbone.load(backbone or DEFAULT))


def _of_text(land: Landscape, spelling: Callable[[str], str], given: Sequence[str]) -> Iterator[str]:
    """What there is too little text of."""
    if empty := [lang for lang in given if not land.basis[lang].lines]:
        yield f"There is no letter in the text of {', '.join(map(spelling, empty))}: it does not count."
    there = {lang: basis.lines for lang, basis in land.basis.items() if basis.lines}
    few = [f"{spelling(lang)} ({counted(n, 'line')})" for lang, n in there.items() if n < FEW_LINES]
    if few and len(there) > 1:
        yield f"Distances by text are rough for {', '.join(few)}: put some {FEW_LINES} lines of each."


def _notices(
    problem: Problem, land: Landscape, ranked: Mapping[str, tuple[Ranked, ...]], chosen: Sets, measured: bool
) -> Iterator[str]:
    def names(langs: Iterable[str]) -> str:
        return ", ".join(map(problem.spelling, langs))

    if not features.installed():
        yield "URIEL's tables are not installed (pip install isogloss[plan]): languages are compared by text alone."
    for lang, basis in land.basis.items():
        if not basis.listed and (features.installed() or not basis.lines):
            yield f"What is known of {problem.spelling(lang)}: {basis.sentence}."
    if not chosen.sets:
        yield "No set of sources is chosen: no distance is known between a target and a candidate."
    elif apart := (*chosen.left_out, *(lang for lang in problem.source if lang not in chosen.beside)):
        yield f"The sets to annotate leave out {names(apart)}, which cannot be compared by the same distances."
    unknown = [target for target, entries in ranked.items() if all(entry.prediction is None for entry in entries)]
    if measured and 0 < len(unknown) < len(ranked):
        yield f"No score is predicted for {names(unknown)}: too few pairs were measured by a distance known of it."

"""``probe``: ask an NLI system what it understands, in several languages, with items whose labels are right by rule."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from isogloss.errors import DataError, IsoglossError, unknown
from isogloss.evaluation import Report
from isogloss.evaluation.probes import CHANGES, LABELS, LANGS, NAMES, Item, items
from isogloss.evaluation.probes.answering import Names
from isogloss.evaluation.probes.scoring import SCORES_FILE, Probed, score_phenomenon
from isogloss.evaluation.probes.suites import read_suite
from isogloss.evaluation.view import listed
from isogloss.example import Example
from isogloss.languages import Language, find
from isogloss.output import check_free, staged
from isogloss.problem import Problem
from isogloss.system import System

log = logging.getLogger("isogloss")

Asked = dict[str, dict[str, list[Item]]]
"""Items by phenomenon and language."""


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is to be asked: languages, phenomena, how many items, and rows of the user's by language."""

    langs: Sequence[str]
    phenomena: Sequence[str]
    count: int
    seed: int
    rows: Mapping[str, Sequence[Item]] | None = None

    def items(self, *, seed: int) -> Asked:
        """Items of all phenomena in all languages; changes are made to the user's rows where there are some."""
        asked: Asked = {}
        for name in self.phenomena:
            changes = name in CHANGES and self.rows is not None
            for lang in self.langs:
                base = (self.rows or {}).get(lang, ()) if changes else None
                made = items(name, lang, count=self.count, seed=seed, base=base)
                if made:
                    asked.setdefault(name, {})[lang] = made
        return asked


def probe(
    system: System | str | Path,
    *,
    langs: Sequence[str] | None = None,
    phenomena: Sequence[str] | None = None,
    count: int = 300,
    seed: int = 0,
    labels: Mapping[str, str] | None = None,
    on: Problem | str | Path | None = None,
    suite: str | Path | None = None,
    out: str | Path | None = None,
    force: bool = False,
    quiet: bool = True,
) -> Probed:
    """Score an NLI system on negation, numbers, quantifiers, booleans, antonyms, overlap, distraction and spelling.

    Where ``system`` is the folder of a run and ``out`` is not given, ``probe.json`` and ``probe.html`` are put beside
    the run's report, and ``report.html`` is drawn anew with what was found. Those of an earlier probe are replaced with
    ``force`` alone.

    Args:
        system: the system, or the folder of its run: a pair task with the label entailment and one or two others.
        langs: languages that have a lexicon; by default those of the system that have one.
        phenomena: which ones; all by default.
        count: items of each in each language, a third with each label.
        seed: of the items; the same one gives the same meanings in every language.
        labels: what the system's labels mean where their names do not say it, ``{"0": "entailment"}``.
        on: a pair problem whose test rows distraction and spelling change, in place of generated items.
        suite: a folder with the published Chinese suites: their sets are asked too, at most ``count`` items of each.
        out: folder for the items as a pair problem (``test/<lang>.jsonl``, in the system's label names), the scores
            ``probe.json`` and the page ``probe.html``; the run's report stays as it is.
        force: replace an existing ``out``, or what an earlier probe of the run has found.
        quiet: no progress bar.

    Raises:
        IsoglossError: the system is none of NLI, a language has no lexicon or no member, a file cannot be read, or
            there is something that ``force`` is needed to replace.
    """
    wanted = tuple(NAMES if phenomena is None else phenomena)
    for name in wanted:
        if name not in NAMES:
            raise DataError(unknown("phenomenon", name, NAMES).rstrip("."))
    if count < 3:
        raise IsoglossError("A probe takes three items or more of each phenomenon", fix="Raise count")
    named = None if langs is None else _with_lexicon(langs)
    run = None if isinstance(system, System) else Path(system)
    report = Report.load(run) if run is not None and (run / "report.json").is_file() else None
    if report is not None and report.labels:  # what is wrong with them is said before the networks are loaded
        _names(report.task, report.labels, labels)
    if out is not None:
        check_free(out, force=force)
    elif run is not None and report is not None and (run / SCORES_FILE).is_file() and not force:
        what = "The run has been probed already"
        raise IsoglossError(what, where=run / SCORES_FILE, fix="Give --out for another folder, or --force")
    system = system if isinstance(system, System) else System.from_pretrained(system)
    names = _names(system.task.name, system.task.labels, labels)
    notices = [names.said] if names.said else []
    chosen = _own(system, notices) if named is None else [_serve(system, lang) for lang in named]
    rows = None if on is None else _rows_of(on, chosen, labels, notices)
    question = _Question(langs=chosen, phenomena=wanted, count=count, seed=seed, rows=rows)
    asked = question.items(seed=seed)
    learnt = replace(question, rows=None if rows is None else {}).items(seed=seed + 1)
    if suite is not None:
        _serve(system, "zho")
        found = read_suite(suite)
        notices += found.notices
        asked |= {name: {"zho": _sample(list(kept), count, seed, name)} for name, kept in found.items.items()}
    asked = {name: known for name, table in asked.items() if (known := _known(table, names))}
    if not asked:
        raise IsoglossError("There is nothing to ask", fix="Name phenomena and languages that go together")
    if alike := [name for name in wanted if any(map(names.alike, asked.get(name, {}).values()))]:
        notices.append(f"All items of {listed(alike, most=9)} have one label: too few to tell, raise the count.")
    for notice in notices:
        log.warning("%s", notice)
    answers = _answers(system, asked, quiet)
    scores: dict[str, dict[str, dict[str, Any]]] = {}
    for name, table in asked.items():
        for lang, score in score_phenomenon(table, answers, names, learnt.get(name, {})).items():
            scores.setdefault(lang, {})[name] = score
    result = Probed(
        system=f"{system.recipe} on {system.backbone.get('id', 'an encoder')}",
        scores=scores,
        labels=names.names,
        notices=tuple(notices),
        settings={"count": count, "seed": seed, "source": list(system.source)},
        items={lang: {name: asked[name][lang] for name in table} for lang, table in scores.items()},
    )
    if out is not None:
        _write(result, names, system, out, force)
    elif run is not None and report is not None:
        result.save(run)
        report.save(run)
    return result


def _names(task: str, known: Sequence[str], labels: Mapping[str, str] | None) -> Names:
    if task != "pair":
        raise IsoglossError(f"The system was made for {task}", fix="Probes need a system for pairs")
    return Names.of(known, labels)


def _own(system: System, notices: list[str]) -> list[str]:
    """Canonical codes of the system's languages that have a lexicon; the others go into the notices."""
    matches = {lang: find(lang, LANGS) for lang in (*system.source, *system.targets)}
    own = [match.code for match in matches.values() if match]
    if not own:
        raise IsoglossError(
            "None of the system's languages has a probe lexicon", fix=f"Name some: --langs {','.join(LANGS)}"
        )
    if without := [Language.parse(lang).name for lang, match in matches.items() if match is None]:
        notices.append(f"Nothing is asked in {listed(without, most=9)}: there is no probe lexicon.")
    return list(dict.fromkeys(own))


def _with_lexicon(langs: Sequence[str]) -> list[str]:
    """Canonical codes of languages that were named, each with a lexicon."""
    chosen = []
    for lang in langs:
        match = find(lang, LANGS)
        if match is None:
            what = f"There is no probe lexicon of {Language.parse(lang).name}"
            raise DataError(what, fix=f"There are: {', '.join(LANGS)}")
        chosen.append(match.code)
    return list(dict.fromkeys(chosen))


def _serve(system: System, lang: str) -> str:
    if not system.serves(lang):
        raise IsoglossError(f"The system has no network for {Language.parse(lang).name}", fix="Name other languages")
    return lang


def _rows_of(
    on: Problem | str | Path, langs: Sequence[str], labels: Mapping[str, str] | None, notices: list[str]
) -> dict[str, list[Item]]:
    """Test rows of a pair problem as items, by language; those of languages that are not asked in are left out."""
    problem = on if isinstance(on, Problem) else Problem.read(on)
    if problem.task.name != "pair" or not problem.task.labels:
        raise IsoglossError(f"{problem.name} has no labelled pairs", fix="Name a pair problem with labels")
    given = {name: meaning for name, meaning in (labels or {}).items() if name in problem.task.labels}
    names = Names.of(problem.task.labels, given)
    meaning = {name: label for label, name in names.names.items()}
    rows: dict[str, list[Item]] = {}
    for lang, examples in problem.test.items():
        match = find(lang, langs)
        if match is None:
            notices.append(f"The test rows in {problem.spelling(lang)} are left out: nothing is asked in it.")
            continue
        rows[match.code] = [_row_item(example, match.code, meaning) for example in examples]
    if not rows:
        raise IsoglossError(f"{problem.name} has no test rows in {', '.join(langs)}", fix="Add test files")
    return rows


def _row_item(example: Example, lang: str, meaning: Mapping[str, str]) -> Item:
    label = next((label for label in LABELS if label == meaning[example.fields["label"]]), None)
    if label is None:
        raise DataError(
            f"the label '{example.fields['label']}' stands for neutral or contradiction, and which is not known",
            where=example.place,
            fix="Give rows with three labels, or with entailment and neutral",
        )
    return Item(
        id=example.id,
        lang=lang,
        text_a=example.fields["text_a"],
        text_b=example.fields["text_b"],
        label=label,
        phenomenon="rows",
    )


def _sample(kept: list[Item], count: int, seed: int, name: str) -> list[Item]:
    return kept if len(kept) <= count else random.Random(f"{name}/{seed}").sample(kept, count)


def _known(table: Mapping[str, Sequence[Item]], names: Names) -> dict[str, list[Item]]:
    """The items whose label the system has, in the languages that have some."""
    kept = {lang: [item for item in made if names.gold(item.label) is not None] for lang, made in table.items()}
    return {lang: made for lang, made in kept.items() if made}


def _answers(system: System, asked: Asked, quiet: bool) -> dict[tuple[str, str, str], str]:
    """The system's answer to every pair of texts, each asked once."""
    pairs = list(dict.fromkeys(pair for table in asked.values() for made in table.values() for pair in _pairs(made)))
    examples = [
        Example(id=f"probe/{number}", lang=lang, fields={"text_a": text_a, "text_b": text_b})
        for number, (lang, text_a, text_b) in enumerate(pairs)
    ]
    found = system.predict_examples(examples, langs=[lang for lang, *_ in pairs], quiet=quiet)
    return {pair: prediction.value for pair, prediction in zip(pairs, found, strict=True)}


def _pairs(made: Sequence[Item]) -> Iterator[tuple[str, str, str]]:
    for item in made:
        yield item.lang, item.text_a, item.text_b
        if item.base is not None:
            yield item.lang, *item.base


def _write(result: Probed, names: Names, system: System, out: str | Path, force: bool) -> None:
    targets = [lang for lang in dict.fromkeys((*system.targets, *result.items)) if lang not in system.source]
    with staged(out, force=force) as place:
        (place / "test").mkdir()
        settings = {"task": "pair", "source": list(system.source), "targets": targets or list(system.targets)}
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in settings.items())
        (place / "problem.toml").write_text(lines, encoding="utf-8")
        for lang, table in result.items.items():
            rows = [item.row(names.gold(item.label)) for made in table.values() for item in made]
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (place / "test" / f"{lang}.jsonl").write_text(text, encoding="utf-8")
        result.save(place)

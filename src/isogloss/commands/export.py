"""``export``: a system for ONNX Runtime or OpenVINO, smaller and faster, with the proof of what that cost."""

from __future__ import annotations

import copy
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.commands.evaluate import check_agreement
from isogloss.engines import load_engine
from isogloss.engines.graph import check_packages, write_network
from isogloss.errors import DataError, IsoglossError, unknown
from isogloss.evaluation.export_card import render_export_card
from isogloss.evaluation.parity import Answers, answers, cut_differently, difference, score_drops
from isogloss.evaluation.samples import SAMPLES
from isogloss.flow import fit
from isogloss.languages import Language, find
from isogloss.languages.alphabet import unicode_scripts
from isogloss.machine import machine, versions
from isogloss.member import Member
from isogloss.nets.vocabulary import Vocabulary
from isogloss.output import staged
from isogloss.problem import Problem, make_examples
from isogloss.readers import Row
from isogloss.run import Run
from isogloss.system import System

if TYPE_CHECKING:
    from isogloss.example import Example

log = logging.getLogger("isogloss")

FORMATS = ("onnx", "openvino", "torch")
SCHEMA = "isogloss-export-1"
MOST_DIFFERENCE = 1e-4
"""Largest difference of a logit from torch's that float32 arithmetic in another order explains."""
HELD_OUT = 10
"""Every how many lines of a corpus one is kept for measuring, at most ``MOST_HELD_OUT`` of them."""
MOST_HELD_OUT = 500
ORDER_TEXTS = 64
"""How many texts are predicted alone and together, to see that batches change nothing."""


def export(
    system: System | str | Path,
    *,
    format: str,
    out: str | Path,
    int8: bool = False,
    trim: bool = False,
    langs: Sequence[str] | None = None,
    corpus: Sequence[str | Path] = (),
    problem: Problem | str | Path | None = None,
    force: bool = False,
    quiet: bool = True,
) -> dict[str, Any]:
    """Write a system for another engine and check it against torch in float32.

    Args:
        system: the system, or the folder of its run.
        format: ``onnx`` (ONNX Runtime), ``openvino``, or ``torch`` (with ``trim``).
        out: folder of the exported system; ``System.from_pretrained`` loads it.
        int8: weights, and activations as the engine does it, in integers of eight bits.
        trim: drop the pieces of the vocabulary that the languages do not need: by their scripts, or with ``corpus`` all
            that do not occur in it.
        langs: the languages to export for, all of the system's by default: which members, which scripts, which tests.
        corpus: text files of these languages, one text a line; every tenth line is held out to measure on.
        problem: a problem of the system's task, whose test files in these languages are scored before and after.
        force: replace an existing ``out``, once the new one is complete.
        quiet: no progress bars.

    Returns:
        What was measured: the content of ``export.json``.

    Raises:
        IsoglossError: something asked for does not go together or is not there, or a float32 export does not agree
            with torch. Nothing has been written.
    """
    if format not in FORMATS:
        raise IsoglossError(unknown("format", format, FORMATS).rstrip("."))
    if format == "torch" and (int8 or not trim):
        raise IsoglossError(
            "The format torch is for trimmed vocabularies only", fix="Give --trim without --int8, or another --format"
        )
    if format != "torch":
        check_packages(format)
    system = system if isinstance(system, System) else System.from_pretrained(system)
    if system.engine != "torch":
        raise IsoglossError("This system has been exported already", fix="Give the run that 'transfer' wrote")
    chosen = _languages(system, langs)
    lines = [line for path in corpus for line in _lines(Path(path))]
    if corpus and not lines:
        raise DataError("The corpus holds no text", where=corpus[0], fix="Give a file with one text a line")
    scripts = _scripts(chosen) if trim and not corpus else ()
    text = _text(system, chosen, lines[::HELD_OUT][:MOST_HELD_OUT], problem)
    held_out = set(lines[::HELD_OUT][:MOST_HELD_OUT]) if text.basis == "corpus" else set()
    learnt = [line for line in lines if line not in held_out]
    with (
        staged(out, force=force) as place,
        tempfile.TemporaryDirectory(prefix="isogloss-") as scratch,
        ExitStack() as held,
    ):
        system = _whole(system, chosen, format, held)
        networks = _networks(system, chosen)
        run = Run(flow=fit, folder=Path(scratch), quiet=quiet)
        original: dict[str, Answers] = {}
        reference: dict[str, Answers] = {}
        built: dict[str, Member] = {}
        vocabularies: dict[str, tuple[int, Vocabulary]] = {}
        before = 0.0
        for name, member in networks.items():
            before += _megabytes_of(member)
            own = text.of(name, networks)
            original |= {lang: _answer(member, system, rows, run, f"torch, {lang}") for lang, rows in own.items()}
            if trim:
                log.info("Trimming the vocabulary%s.", f" of {name}" if name else "")
                pieces = len(member.tokenizer)
                member, kept = _trimmed(member, scripts, learnt)
                vocabularies[name] = (pieces, kept)
                for lang, rows in own.items():
                    reference[lang] = _answer(member, system, rows, run, f"torch, trimmed, {lang}")
            built[name] = _built(member, format, int8, Path(scratch) / f"network-{len(built)}")
        exported = replace(
            system, base=built.pop("", None), members=built, precision="fp32" if format != "torch" else system.precision
        )
        exported.save_pretrained(place)
        del built, member, networks
        record: dict[str, Any] = {
            "schema": SCHEMA,
            "format": format,
            "int8": int8,
            "languages": [language.spelled for language in chosen],
            "task": system.task.config(),
            "recipe": system.recipe,
            "backbone": dict(system.backbone),
            "measured_on": {"text": text.basis, "texts": {lang: len(rows) for lang, rows in text.examples.items()}},
        }
        loaded = System.from_pretrained(place)
        found: dict[str, Answers] = {}
        for lang, rows in text.examples.items():
            found[lang] = _answer(_home(loaded, lang), loaded, rows, run, f"{format}, {lang}")
        record["parity"] = _together(system, reference or original, found)
        record["order"] = _order(loaded, text, found, run)
        record["trim"] = _trim_record(system, vocabularies, scripts, text, original, reference) if trim else None
        scored = text.examples if text.basis == "problem" else {}
        record["scores"] = score_drops(system.task, scored, original, found) if scored else None
        record["megabytes"] = {"before": round(before, 1), "after": round(_size(place), 1)}
        record |= {"versions": versions() | _engine_versions(format), "machine": machine("cpu")}
        _check(record)
        if record["scores"] and record["scores"]["mean"]["ci95"][0] > 0:
            log.warning("The exported system is worse than the original, beyond chance: see the scores.")
        (place / "README.md").write_text(render_export_card(record), encoding="utf-8")
        (place / "export.json").write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return record


@dataclass(frozen=True, kw_only=True)
class Text:
    """What is measured on: examples by language, and whether they are the problem's, the corpus's or built in."""

    basis: str
    examples: Mapping[str, Sequence[Example]]

    def of(self, name: str, networks: Mapping[str, Member]) -> dict[str, Sequence[Example]]:
        """The examples that a network answers: all of them for the base, those of its language for a member."""
        return {lang: rows for lang, rows in self.examples.items() if not name or _member_of(lang, networks) == name}


def _member_of(lang: str, networks: Mapping[str, Any]) -> str:
    """The network that answers a language: the base, its member, or for built-in sentences whichever there is."""
    if "" in networks:
        return ""
    match = find(lang, networks)
    return next(iter(networks)) if match is None else match.code


def _home(system: System, lang: str) -> Member:
    return system.base or system.members[_member_of(lang, system.members)]


def _languages(system: System, langs: Sequence[str] | None) -> list[Language]:
    known = (*system.source, *system.targets) if system.base is not None else tuple(sorted(system.members))
    if system.base is not None and system.base.languages:
        known = system.base.languages
    chosen: list[Language] = []
    for lang in langs if langs is not None else known:
        match = find(lang, known)
        if match is None:
            what = f"The system does not know the language '{lang}'"
            raise IsoglossError(what, fix=f"It knows {', '.join(known)}")
        chosen.append(match)
    return chosen


def _networks(system: System, chosen: Sequence[Language]) -> dict[str, Member]:
    """The networks to export: the base under "", else the members of the languages, under their codes."""
    if system.base is not None:
        return {"": system.base}
    found = [find(language, system.members) for language in chosen]
    codes = sorted(match.code for match in found if match is not None)  # as they are when they are loaded again
    return {code: system.members[code] for code in codes}


def _whole(system: System, chosen: Sequence[Language], format: str, held: ExitStack) -> System:
    """Of a system of pieces, one with a network for each language, which holds its pieces until ``held`` is closed."""
    base = system.base
    if base is None or not base.languages:
        return system
    if format == "torch" and {piece.kind for piece in base.pieces.values()} != {"delta"}:
        raise IsoglossError(
            "Adapters are no part of an ordinary transformers folder", fix="Give --format onnx or openvino"
        )
    members = {}
    for language in chosen:
        members[language.code] = replace(base, model=copy.deepcopy(base.model), pieces=copy.deepcopy(dict(base.pieces)))
        held.enter_context(members[language.code].composed(language.code))
    return replace(system, base=None, members={lang: replace(m, pieces={}) for lang, m in members.items()})


def _scripts(chosen: Sequence[Language]) -> tuple[str, ...]:
    for language in chosen:
        if not language.script:
            raise IsoglossError(
                f"No registry says in which script '{language.spelled}' is written",
                fix=f"Write it as in {language.base}_Latn, or give --corpus",
            )
    return tuple(sorted({script for language in chosen for script in unicode_scripts(language.script)}))


def _lines(path: Path) -> Iterator[str]:
    try:
        content = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"This is not UTF-8 text (byte {error.start})", where=path, fix="Convert it") from None
    except OSError as error:
        raise DataError(f"The corpus cannot be read ({error.strerror})", where=path, fix="Check --corpus") from None
    yield from dict.fromkeys(line.strip() for line in content.split("\n") if line.strip())


def _text(
    system: System, chosen: Sequence[Language], held_out: Sequence[str], problem: Problem | str | Path | None
) -> Text:
    if problem is not None:
        problem = problem if isinstance(problem, Problem) else Problem.read(problem)
        check_agreement(system, problem)
        matches = [find(language, problem.test) for language in chosen]
        tests = {match.code: problem.test[match.code] for match in matches if match is not None}
        if not tests:
            names = ", ".join(language.spelled for language in chosen)
            raise IsoglossError(f"{problem.name} has no test file in {names}", fix="Choose another --lang or --problem")
        return Text(basis="problem", examples=tests)
    if held_out:
        # Lines do not tell their language: a joint system answers them once, members answer all of them.
        several = ["und"] if system.base is not None and len(chosen) > 1 else [language.code for language in chosen]
        return Text(basis="corpus", examples={lang: _as_examples(system, held_out) for lang in several})
    return Text(basis="built-in", examples={lang: _as_examples(system, texts) for lang, texts in SAMPLES.items()})


def _as_examples(system: System, texts: Sequence[str]) -> list[Example]:
    """Texts as unlabelled examples; where the task reads several, each text with those that follow it."""
    task = type(system.task)
    count = len(task.inputs)
    rows = [
        Row(line=i + 1, fields=task.row_of([texts[(i + n) % len(texts)] for n in range(count)]))
        for i in range(len(texts))
    ]
    return list(make_examples(task, rows, lang="und", split="inputs", place="corpus", labelled=False))


def _answer(member: Member, system: System, rows: Sequence[Example], run: Run, title: str) -> Answers:
    return answers(member, system.task, rows, run, title=title)


def _trimmed(member: Member, scripts: Sequence[str], corpus: Sequence[str]) -> tuple[Member, Vocabulary]:
    try:
        kept = (
            Vocabulary.of_texts(member.tokenizer, corpus)
            if corpus
            else Vocabulary.of_scripts(member.tokenizer, scripts)
        )
    except ValueError as error:
        raise IsoglossError(f"The vocabulary cannot be trimmed by script: {error}", fix="Give --corpus") from None
    tokenizer = kept.tokenizer(member.tokenizer)
    model: Any = copy.deepcopy(member.model)
    kept.shrink(model)
    return Member(model=model, tokenizer=tokenizer), kept


def _built(member: Member, format: str, int8: bool, folder: Path) -> Member:
    if format == "torch":
        return member
    log.info("Writing the network for %s%s (about a minute).", format, ", int8" if int8 else "")
    model: Any = member.model
    write_network(format, model, member.tokenizer, folder, int8=int8)
    return Member(model=load_engine(format, folder), tokenizer=member.tokenizer)


def _together(system: System, one: Mapping[str, Answers], other: Mapping[str, Answers]) -> dict[str, Any]:
    """The difference over all languages."""
    regression = len(system.task.outputs) == 1 and not system.task.labels
    rows = [difference(one[lang], other[lang], regression=regression) for lang in other]
    largest = [row["max_logit_difference"] for row in rows if row["max_logit_difference"] is not None]
    return {
        "texts": sum(row["texts"] for row in rows),
        "max_logit_difference": max(largest, default=None),
        "labels_changed": None if regression else sum(row["labels_changed"] for row in rows),
    }


def _order(system: System, text: Text, together: Mapping[str, Answers], run: Run) -> dict[str, Any]:
    """One text at a time, in reverse, against all at once."""
    share = max(1, ORDER_TEXTS // len(text.examples))
    alone: dict[str, Answers] = {}
    first: dict[str, Answers] = {}
    for lang, rows in text.examples.items():
        some = rows[:share]
        turned = answers(_home(system, lang), system.task, some[::-1], run, title="one by one", pieces=1)
        back = sorted(range(len(turned.owners)), key=lambda f: -turned.owners[f])
        n = sum(owner < len(some) for owner in together[lang].owners)
        alone[lang] = Answers(
            predictions=turned.predictions[::-1],
            owners=[len(some) - 1 - turned.owners[f] for f in back],
            logits=[turned.logits[f] for f in back],
        )
        whole = together[lang]
        first[lang] = Answers(
            predictions=whole.predictions[: len(some)], owners=whole.owners[:n], logits=whole.logits[:n]
        )
    return _together(system, first, alone)


def _trim_record(
    system: System,
    vocabularies: Mapping[str, tuple[int, Vocabulary]],
    scripts: Sequence[str],
    text: Text,
    before: Mapping[str, Answers],
    after: Mapping[str, Answers],
) -> dict[str, Any]:
    """What trimming did to the texts in the languages it was made for; None where there is no such text."""
    own = {lang: rows for lang, rows in text.examples.items() if text.basis != "built-in"}
    effect = None
    if own:
        cuts = [
            cut_differently(before[lang], after[lang], vocabularies[_member_of(lang, vocabularies)][1].kept)
            for lang in own
        ]
        effect = {
            "texts_cut_differently": sum(cut["texts_cut_differently"] for cut in cuts),
            "pieces": [sum(cut["pieces"][i] for cut in cuts) for i in range(2)],
            **_together(system, {lang: before[lang] for lang in own}, {lang: after[lang] for lang in own}),
        }
    return {
        "by": f"scripts {', '.join(scripts)}" if scripts else "corpus",
        "vocabulary": {name or "base": [pieces, len(kept.kept)] for name, (pieces, kept) in vocabularies.items()},
        "effect": effect,
    }


def _check(record: Mapping[str, Any]) -> None:
    """Raises IsoglossError if a float32 network is not the one that torch has."""
    largest = record["parity"]["max_logit_difference"]
    if not record["int8"] and not (largest is not None and largest <= MOST_DIFFERENCE):
        raise IsoglossError(
            f"The exported network is not the one that was trained: its logits differ by {largest} from torch's",
            fix="Use --format torch, and report the architecture",
        )


def _engine_versions(format: str) -> dict[str, str]:
    package = {"onnx": "onnxruntime", "openvino": "openvino"}.get(format)
    return {package: version(package)} if package else {}


def _megabytes_of(member: Member) -> float:
    model: Any = member.model
    weights = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    return float(weights + len(member.tokenizer.backend_tokenizer.to_str().encode())) / 1e6


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

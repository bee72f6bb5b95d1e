"""``parts``: what a system is made of by language; one more language, or one less, without training the task again."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from isogloss.engines import Engine
from isogloss.errors import DataError, IsoglossError, ResourceError
from isogloss.example import Example
from isogloss.flow import fit
from isogloss.languages import Language, find
from isogloss.member import NETWORK, TASK, refuse_own_name
from isogloss.problem import Problem
from isogloss.processes import processor_threads
from isogloss.run import Run
from isogloss.system import CARD, System, load_member, load_own_piece, piece_file, read_card
from isogloss.tasks import task_from_config

if TYPE_CHECKING:
    from isogloss.member import Member
    from isogloss.methods.model.language_pieces import LanguagePieces
    from isogloss.nets.pieces import Piece

log = logging.getLogger("isogloss")


def list_parts(run: str | Path) -> list[dict[str, Any]]:
    """What a system holds for each language, and for the task.

    Args:
        run: the folder of a run, or of its model.

    Returns:
        Rows with ``part`` (a language's code, ``task``, or ``base`` for the network that all share), ``kind``
        (``network`` or the kind of a piece), ``weights``, ``megabytes``, and for a piece ``lines`` of text and ``loss``
        of hidden pieces before and after, where they are known. A piece that cannot be used is of the kind ``broken``,
        and its ``error`` says why.
    """
    from isogloss.nets.pieces import network_fingerprint

    folder = _folder(run)
    card = read_card(folder)
    task, engine = task_from_config(card["task"]), card.get("engine", "torch")
    homes = {NETWORK: folder} if card["base"] else {name: folder / "members" / name for name in card["members"]}
    rows: list[dict[str, Any]] = []
    for name, place in homes.items():
        model = load_member(place, task, engine).model
        size = sum(path.stat().st_size for path in place.iterdir() if path.is_file())
        weights = None if isinstance(model, Engine) else model.num_parameters()
        rows.append({"part": name, "kind": "network", "weights": weights, "megabytes": round(size / 1e6, 2)})
        if pieces := sorted(card.get("pieces", ())):
            own = network_fingerprint(model)  # type: ignore[arg-type]
            rows += [_row(folder, piece, own) for piece in pieces]
    return rows


def _row(folder: Path, name: str, network: str) -> dict[str, Any]:
    file = folder / piece_file(name)
    size = file.stat().st_size if file.is_file() else 0
    row = {"part": name, "kind": "broken", "weights": None, "megabytes": round(size / 1e6, 2)}
    try:
        piece = load_own_piece(folder, name, network)
    except ResourceError as error:
        return {**row, "error": str(error)}
    known = {key: piece.facts[key] for key in ("lines", "loss") if key in piece.facts}
    return {**row, "kind": piece.kind, "weights": piece.size, **known}


def add_part(
    run: str | Path,
    lang: str,
    *,
    text: str | Path | Sequence[str] | None = None,
    source: str | Path | None = None,
    force: bool = False,
    threads: int | None = None,
    quiet: bool = False,
) -> System:
    """Give a system of pieces one more language; all others answer as before, bit for bit.

    Args:
        run: the folder of the run.
        lang: the language.
        text: raw text to learn the piece from, a file or lines: as the others were learnt.
        source: in place of text: a piece's file, or the run that has it.
        force: replace the piece that the language has.
        threads: processor threads of torch.
        quiet: no progress bars.

    Raises:
        IsoglossError: the system is not made of pieces or has the language already, or the piece does not fit, or was
            not learnt as a language's.
    """
    from isogloss.nets.pieces import load_piece, save_piece

    folder, code = _folder(run), Language.parse(lang).code
    refuse_own_name(code)
    _check_made_of_pieces(folder)
    system = System.from_pretrained(folder)
    base = cast("Member", system.base)
    there = find(code, base.languages)
    if there is not None and not (force and there.code == code):
        raise IsoglossError(
            f"The system has '{there.code}' already", where=folder, fix="Remove it first, or give --force"
        )
    if (text is None) == (source is None):
        raise IsoglossError("A language comes from raw text or from a piece", fix="Give one of --text and --from")
    with tempfile.TemporaryDirectory(prefix="isogloss-") as work:
        if text is not None:
            file = _learnt(system, base, folder, code, text, Path(work), threads=threads, quiet=quiet)
        else:
            file = _found(Path(str(source)), code)
        piece = load_piece(file)
        _check_language(piece, code, file)
        kinds = {base.pieces[name].kind for name in base.languages}
        if kinds and piece.kind not in kinds:
            raise ResourceError(
                f"The piece is of the kind {piece.kind}, and those of the system are of the kind {', '.join(kinds)}",
                where=file,
                fix="Use a piece of the same kind",
            )
        try:
            piece.check(base.model)  # type: ignore[arg-type]
        except ResourceError as error:
            raise ResourceError(error.what, where=file, fix=error.fix) from error
        save_piece(piece, folder / piece_file(code))
    changed = replace(system, base=replace(base, pieces={**base.pieces, code: piece}))
    if code not in (*system.source, *system.targets):
        changed = replace(changed, targets=(*system.targets, code))
    _rewrite(folder, changed.card())
    return changed


def remove_part(run: str | Path, lang: str) -> tuple[str, ...]:
    """Take a language out of a system of pieces: its file is deleted, be it whole or broken. No network is loaded.

    Returns:
        The languages that are left.

    Raises:
        IsoglossError: the system has no such piece, or it is the last one or the task's.
    """
    folder = _folder(run)
    languages = _check_made_of_pieces(folder)
    if lang == TASK:
        raise IsoglossError("The task's piece is what the system is for", fix="Name a language")
    code = Language.parse(lang).code
    if code not in languages:
        raise IsoglossError(f"The system has no piece of '{lang}'; it has {', '.join(languages)}", where=folder)
    if len(languages) == 1:
        raise IsoglossError("It is the only language that the system has", where=folder, fix="Add another one first")
    card = read_card(folder)
    changed = {key: [name for name in card[key] if name != code] for key in ("pieces", "targets")}
    _rewrite(folder, card | changed)
    (folder / piece_file(code)).unlink(missing_ok=True)
    if code in card["source"]:
        log.warning(
            "'%s' is the language of the labels: its own texts have no answers now, and those of all others stay "
            "as they were.",
            code,
        )
    return tuple(name for name in languages if name != code)


def _folder(run: str | Path) -> Path:
    folder = Path(run)
    return folder / "model" if (folder / "model" / CARD).is_file() else folder


def _check_made_of_pieces(folder: Path) -> tuple[str, ...]:
    """The languages that have a piece. Raises IsoglossError where none has."""
    card = read_card(folder)
    languages = tuple(sorted(name for name in card.get("pieces", ()) if name != TASK))
    if not languages:
        what = "one network for all languages" if card["base"] else "a whole network for each language"
        raise IsoglossError(
            f"The system has {what}, not pieces that can be added or taken away",
            where=folder,
            fix="Train one with --recipe language-adapters or lt-sft",
        )
    return languages


def _rewrite(folder: Path, card: Mapping[str, Any]) -> None:
    """Put a new card in place of the old one."""
    waiting = folder / f".{CARD}"
    waiting.write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    waiting.replace(folder / CARD)


def _check_language(piece: Piece, code: str, file: Path) -> None:
    """Refuse what was not learnt as a language's piece; say so where it was learnt as another language's."""
    learnt_as = piece.facts.get("language")
    if learnt_as is None and "part" not in piece.facts:  # older files have the second alone
        whose = "is a task's" if TASK in piece.facts else "does not say which language it was learnt from"
        raise ResourceError(f"The piece {whose}", where=file, fix="Give a piece that was learnt from a language's text")
    if learnt_as is not None and find(code, [str(learnt_as)]) is None:
        log.warning("%s: the piece was learnt as '%s', and is put in as '%s'.", file, learnt_as, code)


def _found(source: Path, code: str) -> Path:
    if source.is_file():
        return source
    folder = _folder(source)
    match = find(code, _check_made_of_pieces(folder))
    if match is None:
        raise ResourceError(f"There is no piece of '{code}'", where=source, fix="Give its file, or a run that has it")
    return folder / piece_file(match.code)


def _learnt(
    system: System,
    base: Member,
    folder: Path,
    code: str,
    text: str | Path | Sequence[str],
    work: Path,
    *,
    threads: int | None,
    quiet: bool,
) -> Path:
    """The file of a piece that is learnt now, with the settings of the source's, or where that is gone the first's."""
    from isogloss.backbones import Backbone
    from isogloss.nets.body import save_body
    from isogloss.readers import read_lines
    from isogloss.train.corpora import read_corpora

    model = next(base.pieces[name] for name in (*system.source, *base.languages) if name in base.pieces)
    part = _part(model.facts, folder)
    place = str(text) if isinstance(text, str | Path) else "text"
    lines = read_lines(Path(text)) if isinstance(text, str | Path) else list(text)
    examples = tuple(
        Example(id=f"{code}/unlabelled/{number}", lang=code, fields={"text": line}, place=f"{place}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
    if not examples:
        raise DataError("There is no text in it", where=place, fix="Give sentences of the language, one a line")
    problem = Problem(
        name=str(folder), task=system.task, source=system.source, targets=(code,), unlabelled={code: examples}
    )
    corpus = read_corpora(problem, languages="targets", min_words=part.min_words)[0]
    run = Run(flow=fit, folder=work, precision=system.precision, quiet=quiet)
    part.look_at([corpus], problem, run)
    save_body(base.model, base.tokenizer, work / "body")  # type: ignore[arg-type]
    backbone = replace(Backbone.load(str(work / "body")), id=str(system.backbone["id"]))
    with processor_threads(threads):
        return part.learn(backbone, corpus, problem.spelling(code), run)


def _part(facts: Mapping[str, Any], folder: Path) -> LanguagePieces:
    from isogloss.methods.model.language_adapters import LanguageAdapters
    from isogloss.methods.model.language_deltas import LanguageDeltas

    for part in (LanguageAdapters, LanguageDeltas):
        if (settings := facts.get("part", {}).get(part.__name__)) is not None:
            return part(**settings)
    raise ResourceError(
        "Nothing says how the system's pieces were learnt", where=folder, fix="Give a piece with --from"
    )

"""``parts``: what a system is made of by language; one more language, or one less, without training the task again."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.engines import Engine
from isogloss.errors import IsoglossError, ResourceError
from isogloss.example import Example
from isogloss.flow import fit
from isogloss.languages import Language, find
from isogloss.member import TASK, Member
from isogloss.problem import Problem
from isogloss.processes import processor_threads
from isogloss.run import Run
from isogloss.system import CARD, System, piece_file

if TYPE_CHECKING:
    from isogloss.methods.model.language_pieces import LanguagePieces
    from isogloss.nets.pieces import Piece


def list_parts(run: str | Path) -> list[dict[str, Any]]:
    """What a system holds for each language, and for the task.

    Args:
        run: the folder of a run, or of its model.

    Returns:
        Rows with ``part`` (a language's code, ``task``, or ``base`` for the network that all share), ``kind``
        (``network`` or the kind of a piece), ``weights``, ``megabytes``, and for a piece ``lines`` of text and ``loss``
        of hidden pieces before and after, where they are known.
    """
    folder = _folder(run)
    system = System.from_pretrained(folder)
    networks = {"base": system.base} if system.base is not None else dict(system.members)
    rows: list[dict[str, Any]] = []
    for name, member in networks.items():
        place = folder / "members" / name if system.base is None else folder
        size = sum(path.stat().st_size for path in place.iterdir() if path.is_file())
        weights = None if isinstance(member.model, Engine) else member.model.num_parameters()
        rows.append({"part": name, "kind": "network", "weights": weights, "megabytes": round(size / 1e6, 2)})
    if system.base is not None:
        rows += [_row(name, piece, folder / piece_file(name)) for name, piece in sorted(system.base.pieces.items())]
    return rows


def _row(name: str, piece: Piece, file: Path) -> dict[str, Any]:
    known = {key: piece.facts[key] for key in ("lines", "loss") if key in piece.facts}
    return {
        "part": name,
        "kind": piece.kind,
        "weights": piece.size,
        "megabytes": round(file.stat().st_size / 1e6, 2),
        **known,
    }


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
        IsoglossError: the system is not made of pieces or has the language already, or the piece does not fit.
    """
    from isogloss.nets.pieces import load_piece, save_piece

    folder, code = _folder(run), Language.parse(lang).code
    system = System.from_pretrained(folder)
    base = _base(system, folder)
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
        kinds = {base.pieces[name].kind for name in base.languages}
        if kinds and piece.kind not in kinds:
            raise ResourceError(
                f"The piece is of the kind {piece.kind}, and those of the system are of the kind {', '.join(kinds)}",
                where=file,
                fix="Use a piece of the same kind",
            )
        piece.check(base.model)  # type: ignore[arg-type]
        save_piece(piece, folder / piece_file(code))
    changed = replace(system, base=replace(base, pieces={**base.pieces, code: piece}))
    if code not in (*system.source, *system.targets):
        changed = replace(changed, targets=(*system.targets, code))
    _rewrite(folder, changed)
    return changed


def remove_part(run: str | Path, lang: str) -> System:
    """Take a language out of a system of pieces: its file is deleted.

    Raises:
        IsoglossError: the system has no such piece, or it is the last one or the task's.
    """
    folder = _folder(run)
    system = System.from_pretrained(folder)
    base = _base(system, folder)
    if lang == TASK:
        raise IsoglossError("The task's piece is what the system is for", fix="Name a language")
    code = Language.parse(lang).code
    if code not in base.languages:
        raise IsoglossError(f"The system has no piece of '{lang}'; it has {', '.join(base.languages)}", where=folder)
    if len(base.languages) == 1:
        raise IsoglossError("It is the only language that the system has", where=folder, fix="Add another one first")
    left = {name: piece for name, piece in base.pieces.items() if name != code}
    changed = replace(
        system, base=replace(base, pieces=left), targets=tuple(target for target in system.targets if target != code)
    )
    _rewrite(folder, changed)
    (folder / piece_file(code)).unlink()
    return changed


def _folder(run: str | Path) -> Path:
    folder = Path(run)
    return folder / "model" if (folder / "model" / CARD).is_file() else folder


def _base(system: System, folder: Path) -> Member:
    if system.base is None or not system.base.languages:
        what = "a whole network for each language" if system.base is None else "one network for all languages"
        raise IsoglossError(
            f"The system has {what}, not pieces that can be added or taken away",
            where=folder,
            fix="Train one with --recipe language-adapters or lt-sft",
        )
    return system.base


def _rewrite(folder: Path, system: System) -> None:
    """Put a new card in place of the old one."""
    waiting = folder / f".{CARD}"
    waiting.write_text(json.dumps(system.card(), indent=1, ensure_ascii=False), encoding="utf-8")
    waiting.replace(folder / CARD)


def _found(source: Path, code: str) -> Path:
    if source.is_file():
        return source
    folder = _folder(source)
    system = System.from_pretrained(folder)
    match = None if system.base is None else find(code, system.base.languages)
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
    """The file of a piece that is learnt now, with the settings of those that are there."""
    from isogloss.backbones import Backbone
    from isogloss.nets.body import save_body
    from isogloss.readers import read_lines
    from isogloss.train.corpora import read_corpora

    part = _part(base.pieces[base.languages[0]].facts, folder)
    place = str(text) if isinstance(text, str | Path) else "text"
    lines = read_lines(Path(text)) if isinstance(text, str | Path) else list(text)
    examples = tuple(
        Example(id=f"{code}/unlabelled/{number}", lang=code, fields={"text": line}, place=f"{place}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )
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

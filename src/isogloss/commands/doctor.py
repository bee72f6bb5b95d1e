"""What this machine can do, and how much of a problem's text the encoder can read at all."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.backbones import DEFAULT, Backbone
from isogloss.machine import machine, versions
from isogloss.problem import Problem

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger("isogloss")

BLIND = 0.05
"""From this share of unknown pieces on, an encoder does not see enough of a text."""
SAMPLE = 2000
"""Texts looked at for each language, evenly spread over those there are."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of the machine.

    Attributes:
        versions: of Python and the packages that results depend on.
        machine: system, cpu, threads, memory_gb and device.
        precision: the number format that ``--precision auto`` chooses here.
        embedded: whether the encoder that works offline is installed.
        detector: whether ``--lang auto`` has its library.
        translators: what ``--translator auto`` chooses from, with versions, the best first.
        cache: folder of converted models; ``free_gb`` is the free disk space there, in 2**30 bytes.
        backbone: the encoder that ``unknown`` speaks of.
        unknown: by language as the user spells it: share of unknown pieces in the problem's text, in [0, 1].
    """

    versions: dict[str, str]
    machine: dict[str, Any]
    precision: str
    embedded: bool
    detector: bool
    translators: tuple[str, ...]
    cache: str
    free_gb: float
    backbone: str
    unknown: dict[str, float] = field(default_factory=dict)

    @property
    def blind(self) -> tuple[str, ...]:
        """The languages of which the encoder sees too little."""
        return tuple(lang for lang, share in self.unknown.items() if share > BLIND)


def doctor(problem: Problem | str | Path | None = None, backbone: str | None = None) -> Diagnosis:
    """Look at the machine and, given a problem, at its text through the eyes of the encoder.

    Args:
        problem: the problem, or its folder.
        backbone: the encoder; the default one if none is named.

    Raises:
        IsoglossError: the problem folder is not right, or the encoder cannot be had.
    """
    from isogloss.backbones.embedded import available, cache_folder
    from isogloss.bridges.translators import installed
    from isogloss.train.precision import choose_precision

    name, unknown = backbone or DEFAULT, {}
    if problem is not None:
        problem = problem if isinstance(problem, Problem) else Problem.read(problem)
        unknown = unknown_shares(problem, Backbone.load(name).tokenizer())
    elif backbone is not None:
        Backbone.load(name).tokenizer()
    cache = cache_folder()
    there = next(place for place in (cache, *cache.absolute().parents) if place.exists())
    found = Diagnosis(
        versions=versions(),
        machine=machine("cpu"),
        precision=choose_precision(),
        embedded=available(),
        detector=find_spec("lingua") is not None,
        translators=tuple(f"{one.id} {one.version}" for one in installed()),
        cache=str(cache),
        free_gb=round(shutil.disk_usage(there).free / 2**30, 1),
        backbone=name,
        unknown=unknown,
    )
    for lang in found.blind:
        log.warning(
            "%.0f %% of the pieces of the %s text are unknown to %s, which cannot tell them apart. "
            "Use an encoder that knows the script (--backbone), or write the language in another one.",
            100 * unknown[lang],
            lang,
            name,
        )
    return found


def unknown_shares(problem: Problem, tokenizer: PreTrainedTokenizerBase) -> dict[str, float]:
    """By language as the user spells it: the share of unknown pieces in its text, for the languages that have any."""
    texts = {lang: list(texts_of(problem, lang)) for lang in (*problem.source, *problem.targets)}
    return {problem.spelling(lang): unknown_share(lines, tokenizer) for lang, lines in texts.items() if lines}


def unknown_share(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> float:
    """Unknown pieces among all pieces of the texts, in [0, 1]; special pieces such as ``</s>`` do not count."""
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    pieces = [
        piece for ids in tokenizer(list(sample), add_special_tokens=False, verbose=False)["input_ids"] for piece in ids
    ]
    return pieces.count(tokenizer.unk_token_id) / len(pieces) if pieces else 0.0


def texts_of(problem: Problem, lang: str) -> Iterator[str]:
    """All text that a problem holds in a language, labelled or not."""
    for split in (problem.train, problem.dev, problem.few, problem.test):
        yield from (problem.task.text(example.fields) for example in split.get(lang, ()))
    yield from (example.fields["text"] for example in problem.unlabelled.get(lang, ()))

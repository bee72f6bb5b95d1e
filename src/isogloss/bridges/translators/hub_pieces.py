"""Texts as the pieces of a translation model of transformers, with the marks by which it knows languages.

Four families spell their languages in four ways: NLLB ``eng_Latn``, mBART-50 ``en_XX``, M2M-100 ``__en__``; Marian's
models are made for one pair, which their tokenizer or their name tells, or for several targets (``>>deu<<``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Span
from isogloss.bridges.translators.batching import Pieces, trimmed
from isogloss.errors import ResourceError
from isogloss.languages import Language, find
from isogloss.tasks.base import clean

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

MARK = re.compile(r"__(?P<m2m>[a-z]{2,3})__|(?P<mbart>[a-z]{2})_[A-Z]{2}|(?P<nllb>[a-z]{3}_[A-Z][a-z]{3})")
TARGET_MARK = re.compile(r">>(\S+)<<")
PAIR = re.compile(r"(?:^|[-_.])(?P<source>[a-z]{2,3})-(?P<target>[a-z]{2,3}|[A-Za-z]{4,})$")


@dataclass(frozen=True, kw_only=True)
class HubPieces:
    """A tokenizer with what it knows of languages.

    Attributes:
        marks: the mark of each language by canonical code; empty for a model of one pair.
        pair: source and target of a model of one pair; the target is None where ``targets`` tells it.
        targets: what goes before the source text for each target (Marian's models of several).
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    marks: dict[str, str] = field(default_factory=dict)
    pair: tuple[str, str | None] | None = None
    targets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tokenizer: Any, name: str) -> HubPieces:
        """Read off the tokenizer, or off the model's name, which languages there are.

        Raises:
            ResourceError: neither says.
        """
        special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab(), *_names_of(tokenizer)}
        marks = {Language.parse(code).code: mark for mark in sorted(special) if (code := _code(mark))}
        if marks and hasattr(tokenizer, "src_lang"):
            return cls(name=name, tokenizer=tokenizer, marks=marks)
        several = getattr(tokenizer, "supported_language_codes", [])
        targets = {Language.parse(m[1]).code: m[0] for mark in sorted(several) if (m := TARGET_MARK.fullmatch(mark))}
        named = PAIR.search(Path(name).name)
        source = getattr(tokenizer, "source_lang", None) or (named and named["source"])
        target = getattr(tokenizer, "target_lang", None) or (named and named["target"])
        if not source or not (targets or target):
            raise ResourceError(
                f"The model '{name}' does not say which languages it translates",
                fix="Let the name of its folder end in the pair, such as -eng-yor",
            )
        pair = (Language.parse(source).code, None if targets else Language.parse(str(target)).code)
        return cls(name=name, tokenizer=tokenizer, pair=pair, targets=targets)

    def spelled(self, source: str, target: str) -> tuple[str, str] | None:
        """Canonical codes of the model's own languages that a pair means, None if it does not serve it."""
        if self.marks:
            one, other = find(source, self.marks), find(target, self.marks)
        else:
            assert self.pair is not None  # noqa: S101 (see `of`)
            one, other = find(source, [self.pair[0]]), find(target, self.targets or [str(self.pair[1])])
        return (one.code, other.code) if one and other and one != other else None

    def source(self, text: str, source: str, target: str) -> list[int]:
        """A text as the encoder's input, with the end and the marks of languages."""
        tokenizer: Any = self.tokenizer
        if self.marks:
            tokenizer.src_lang = _bare(self.marks[source])
        before = f"{self.targets[target]} " if self.targets else ""
        return list(tokenizer(before + clean(text))["input_ids"])

    def target(self, text: str) -> Pieces:
        """A translation as pieces, without marks and end, with offsets in the text as given."""
        tokenizer: Any = self.tokenizer
        text = clean(text)
        engine = getattr(tokenizer, "spm_target", None) or getattr(tokenizer, "sp_model", None)
        if engine is None:
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            return _pieces(text, encoded["input_ids"], encoded["offset_mapping"])
        cut = engine.encode(text, return_type="offset_mapping")
        tokenizer._switch_to_target_mode()
        ids = tokenizer.convert_tokens_to_ids(cut["pieces"])
        tokenizer._switch_to_input_mode()
        return _pieces(text, ids, cut["offsets"])

    def mark(self, target: str) -> list[int]:
        """What the decoder is given first, after its own start: the mark of the target language, if there is one."""
        return [self.tokenizer.convert_tokens_to_ids(self.marks[target])] if self.marks else []  # type: ignore[list-item]

    def text(self, ids: Sequence[int]) -> str:
        """Pieces as text."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()


def load_tokenizer(path: str, name: str) -> HubPieces:
    """The tokenizer of a hub id or a folder that was inspected. Raises ResourceError if there is none."""
    from transformers import AutoTokenizer

    from isogloss.backbones.hush import hushed

    try:
        with hushed():
            return HubPieces.of(AutoTokenizer.from_pretrained(path, trust_remote_code=False), name)
    except (OSError, ValueError, ImportError, KeyError) as error:
        raise ResourceError(f"The tokenizer of '{name}' cannot be loaded: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    """What an error says, without its full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def folder_version(folder: Path, suffixes: tuple[str, ...]) -> str:
    """The start of a SHA-256 over the files of a folder that end so."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in suffixes:
            with path.open("rb") as file:
                digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def _pieces(text: str, ids: Sequence[int], offsets: Sequence[Span]) -> Pieces:
    return Pieces(tuple(ids), tuple(trimmed(text, *span) for span in offsets))


def _names_of(tokenizer: Any) -> list[str]:
    return list(getattr(tokenizer, "lang_token_to_id", ()))


def _bare(mark: str) -> str:
    return mark.strip("_") if mark.startswith("__") else mark


def _code(mark: str) -> str | None:
    match = MARK.fullmatch(str(mark))
    return match and (match["m2m"] or match["mbart"] or match["nllb"])

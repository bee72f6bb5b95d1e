"""The tokens of any tokenizer in one common form, so that two vocabularies can be compared.

A token's form is the bytes it stands for, with a blank in front where it begins a word: ``▁casa`` of XLM-R, Llama and
Gemma, ``Ġcasa`` of GPT-2 and BERT's ``casa`` are all ``b" casa"``, and BERT's ``##s`` is ``b"s"``. Tokens that stand
for a single byte (``<0xC3>``, or those of ByT5) have that byte for a form. Special tokens have no form but a role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Convention = Literal["metaspace", "byte_level", "wordpiece", "bytes"]
"""How a tokenizer writes the beginning of a word: ``▁``, ``Ġ`` among printable stand-ins of all bytes, no ``##``, or
not at all, its tokens being bytes."""

BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# One role for what networks call by two names: a text begins with bos or cls, and ends with eos or sep.
ROLES = {"cls": "start", "bos": "start", "sep": "end", "eos": "end", "unk": "unk", "pad": "pad", "mask": "mask"}


@dataclass(frozen=True, eq=False)
class Tokens:
    """All tokens of a tokenizer.

    Attributes:
        tokenizer: whose they are.
        convention: how it writes them.
        forms: by id, the bytes of each ordinary token; special tokens and holes in the numbering are not there.
        special: role by id of the special tokens; those without a usual role go by their own name.
        fallback: ids of tokens that stand for one byte where nothing longer fits.
        size: one more than the largest id.
    """

    tokenizer: PreTrainedTokenizerBase
    convention: Convention
    forms: Mapping[int, bytes]
    special: Mapping[int, str]
    fallback: frozenset[int]
    size: int

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Tokens:
        """Read a tokenizer. Raises ResourceError if its way of writing tokens is not known."""
        ids = tokenizer.get_vocab()
        special = _special(tokenizer)
        convention, prefix = _convention(tokenizer, ids)
        forms, fallback = {}, set()
        for token, i in ids.items():
            if i in special:
                continue
            form, single = _form(token, convention, prefix)
            if form is not None:
                forms[i] = form
                fallback |= {i} if single else set()
        return cls(tokenizer, convention, forms, special, frozenset(fallback), max(ids.values(), default=-1) + 1)

    @cached_property
    def ids(self) -> dict[bytes, int]:
        """Id by form; of several with one form the first that is not a byte fallback."""
        found: dict[bytes, int] = {}
        for i in sorted(self.forms, key=lambda i: (i in self.fallback, i)):
            found.setdefault(self.forms[i], i)
        return found

    @cached_property
    def roles(self) -> dict[str, int]:
        """Id by role of the special tokens, the first of each role."""
        found: dict[str, int] = {}
        for i, role in sorted(self.special.items()):
            found.setdefault(role, i)
        return found

    def shared_with(self, other: Tokens, *, rows: int | None = None) -> dict[int, int]:
        """The other's id by own id of every token that both have, special ones by their role.

        Args:
            other: the vocabulary to look in.
            rows: leave out ids of the other beyond so many: matrices can have fewer rows than the tokenizer has ids.
        """
        most = other.size if rows is None else rows
        pairs = {i: other.roles[role] for i, role in self.special.items() if role in other.roles}
        pairs |= {i: other.ids[form] for i, form in self.forms.items() if form in other.ids}
        return {mine: theirs for mine, theirs in sorted(pairs.items()) if theirs < most}

    def cut(self, form: bytes) -> list[int]:
        """The ids by which this tokenizer writes what a token of another stands for, without special tokens.

        Bytes that are no whole characters are written by byte fallbacks where there are any, else not at all.
        """
        if form in self.ids:
            return [self.ids[form]]
        starts, bare = form.startswith(b" "), form.removeprefix(b" ")
        try:
            text = bare.decode("utf-8")
        except UnicodeDecodeError:
            alone = [self.ids.get(bytes([byte])) for byte in form]
            return [i for i in alone if i is not None]
        if self.convention == "bytes":
            return [self.ids[bytes([byte])] for byte in form]
        return [i for i in self._read(text, starts) if i not in self.special]

    def _read(self, text: str, starts: bool) -> list[int]:
        """Cut a text that begins a word, or goes on with one: then it is read after a mark that is taken off again."""
        if self.convention == "byte_level":
            return list(self.tokenizer(" " + text if starts else text, add_special_tokens=False)["input_ids"])
        if starts or not text:
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
        anchor = "a"
        whole = self.tokenizer(anchor + text, add_special_tokens=False, return_offsets_mapping=True)
        rest = [i for i, (start, _) in zip(whole["input_ids"], whole["offset_mapping"], strict=True) if start >= 1]
        covered = [end for start, end in whole["offset_mapping"] if start < 1]
        if rest and max(covered, default=1) <= 1:
            return rest
        # The mark has grown together with what follows it: cut the text as a word of its own.
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def _special(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Role by id."""
    found = {i: str(tokenizer.convert_ids_to_tokens(i)) for i in tokenizer.all_special_ids}
    for name in ("mask", "pad", "unk", "sep", "eos", "cls", "bos"):
        i = getattr(tokenizer, f"{name}_token_id", None)
        if i is not None:
            found[i] = ROLES[name]
    return found


def _convention(tokenizer: PreTrainedTokenizerBase, ids: Mapping[str, int]) -> tuple[Convention, str]:
    if not tokenizer.is_fast:
        if type(tokenizer).__name__.startswith("ByT5"):
            return "bytes", ""
        raise ResourceError(
            f"The tokens of a {type(tokenizer).__name__} cannot be read", fix="Use a model with a fast tokenizer"
        )
    content = json.loads(tokenizer.backend_tokenizer.to_str())
    kinds = {part.get("type") for name in ("pre_tokenizer", "decoder") for part in _flat(content.get(name))}
    if content["model"]["type"] == "WordPiece":
        return "wordpiece", content["model"].get("continuing_subword_prefix", "##")
    if "ByteLevel" in kinds:
        return "byte_level", ""
    if any("▁" in token for token in ids):
        return "metaspace", ""
    raise ResourceError(
        "The tokenizer marks the beginning of words in no known way", fix="Known are ▁, Ġ, WordPiece and bytes"
    )


def _flat(part: Any) -> list[dict[str, Any]]:
    """A processing step with all those inside it."""
    if not part:
        return []
    inner = [*part.get("pretokenizers", ()), *part.get("decoders", ())]
    return [part, *(each for one in inner for each in _flat(one))]


def _form(token: str, convention: Convention, prefix: str) -> tuple[bytes | None, bool]:
    """The bytes of a token, and whether it is a byte fallback."""
    if convention == "wordpiece":
        return (token[len(prefix) :] if token.startswith(prefix) else f" {token}").encode(), False
    if convention == "byte_level":
        stand_ins = _stand_ins()
        return (bytes(stand_ins[c] for c in token) if all(c in stand_ins for c in token) else token.encode()), False
    if convention == "bytes":
        return (token.encode("latin-1") if len(token) == 1 and ord(token) < 256 else None), False
    if match := BYTE.fullmatch(token):
        return bytes([int(match[1], 16)]), True
    return token.replace("▁", " ").encode("utf-8", "surrogatepass"), False


def _stand_ins() -> dict[str, int]:
    """GPT-2's printable characters for the 256 bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}

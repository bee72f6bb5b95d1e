"""The tokens of any tokenizer in one common form, so that two vocabularies can be compared.

A token's form is the bytes it stands for, with a blank in front where it begins a word: ``▁casa`` of XLM-R, Llama and
Gemma, ``Ġcasa`` of GPT-2 and BERT's ``casa`` are all ``b" casa"``, and BERT's ``##s`` is ``b"s"``. Tokens that stand
for a single byte (``<0xC3>``, or those of ByT5) have that byte for a form. Special tokens have no form but a role.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Convention = Literal["metaspace", "byte_level", "wordpiece", "bytes"]
"""How a tokenizer writes the beginning of a word: ``▁``, ``Ġ`` among printable stand-ins of all bytes, no ``##``, or
not at all, its tokens being bytes."""

BYTE = re.compile(r"<0x([0-9A-F]{2})>")
# One role for what networks call by two names: a text begins with bos or cls, and ends with eos or sep.
NAMES = ("mask", "pad", "unk", "sep", "eos", "cls", "bos")
"""Of a token with several names the last of these is what it is first of all."""
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
        return _first_of_each(self.forms, self.fallback)

    @cached_property
    def written(self) -> dict[str, int]:
        """Id by the way the tokenizer itself writes a token."""
        return self.tokenizer.get_vocab()

    @cached_property
    def roles(self) -> dict[str, int]:
        """Id by role of the special tokens; one token can have several."""
        found = {role: i for i, role in sorted(self.special.items(), reverse=True)}
        for name in NAMES:
            i = getattr(self.tokenizer, f"{name}_token_id", None)
            if i is not None:
                found[ROLES[name]] = i
        return found

    def shared_with(self, other: Tokens, *, rows: int | None = None) -> dict[int, int]:
        """The other's id by own id of every token that both have, special ones by their role.

        Where the other has several tokens of one form, one that it writes just as this vocabulary does is taken first:
        the tokens that a vocabulary shares with itself are all its tokens, each with itself.

        Args:
            other: the vocabulary to look in.
            rows: leave out ids of the other beyond so many: matrices can have fewer rows than the tokenizer has ids.
        """
        most = other.size if rows is None else rows
        alike = {self.written[token]: i for token, i in other.written.items() if i < most and token in self.written}
        there = _first_of_each({i: form for i, form in other.forms.items() if i < most}, other.fallback)
        pairs = {}
        for i, role in self.special.items():
            same = alike.get(i)
            if same is not None and other.special.get(same) == role:
                pairs[i] = same
            elif role in other.roles:
                pairs[i] = other.roles[role]
        for i, form in self.forms.items():
            same = alike.get(i)
            if same is not None and other.forms.get(same) == form:
                pairs[i] = same
            elif form in there:
                pairs[i] = there[form]
        return {mine: theirs for mine, theirs in sorted(pairs.items()) if theirs < most}

    def cut(self, form: bytes) -> list[int]:
        """The ids by which this tokenizer writes what a token of another stands for, without special tokens.

        Bytes that are no whole characters are written by byte fallbacks where there are any, else not at all.
        """
        return self.cut_all([form])[0]

    def cut_all(self, forms: Sequence[bytes]) -> list[list[int]]:
        """:meth:`cut` for many forms."""
        knife = self._knife
        return [[self.ids[form]] if form in self.ids else knife(form) for form in forms]

    @cached_property
    def _knife(self) -> Callable[[bytes], list[int]]:
        from isogloss.transplant.cutting import knife

        return knife(self)


def _first_of_each(forms: Mapping[int, bytes], fallback: frozenset[int]) -> dict[bytes, int]:
    found: dict[bytes, int] = {}
    for i in sorted(forms, key=lambda i: (i in fallback, i)):
        found.setdefault(forms[i], i)
    return found


def _special(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    """Role by id."""
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    found = {i: str(tokenizer.convert_ids_to_tokens(i)) for i in sorted(added.union(tokenizer.all_special_ids))}
    for name in NAMES:
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
        known = stand_ins()
        return (bytes(known[c] for c in token) if all(c in known for c in token) else token.encode()), False
    if convention == "bytes":
        return (token.encode("latin-1") if len(token) == 1 and ord(token) < 256 else None), False
    if match := BYTE.fullmatch(token):
        return bytes([int(match[1], 16)]), True
    return token.replace("▁", " ").encode("utf-8", "surrogatepass"), False


@cache
def stand_ins() -> dict[str, int]:
    """GPT-2's printable characters for the 256 bytes."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + n): byte for n, byte in enumerate(others)}

"""Cutting the forms of another vocabulary's tokens into a tokenizer's own.

The model of the tokenizer is asked without its pre-tokenizer, which would put a blank before every text: only so can
what continues a word be cut at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from isogloss.transplant.tokens import stand_ins

if TYPE_CHECKING:
    from isogloss.transplant.tokens import Tokens


def knife(tokens: Tokens) -> Callable[[bytes], list[int]]:
    """A function that gives the ids by which a tokenizer writes a form."""
    single = {form[0]: i for form, i in tokens.ids.items() if len(form) == 1}

    def by_bytes(form: bytes) -> list[int]:
        return [single[byte] for byte in form if byte in single]

    if tokens.convention == "bytes":
        return by_bytes
    engine: Any = tokens.tokenizer.backend_tokenizer
    model, normalizer, splitter = engine.model, engine.normalizer, engine.pre_tokenizer

    front = "" if normalizer is None else normalizer.normalize_str("x").removesuffix("x")

    def tidy(text: str) -> str:
        """As the tokenizer would change it, without the mark that it may put in front."""
        return text if normalizer is None else normalizer.normalize_str(text).removeprefix(front)

    def ids(text: str) -> list[int]:
        return [token.id for token in model.tokenize(text) if token.id not in tokens.special] if text else []

    if tokens.convention == "byte_level":
        letters = {byte: c for c, byte in stand_ins().items()}

        def byte_level(form: bytes) -> list[int]:
            return ids("".join(letters[byte] for byte in form))

        return byte_level

    if tokens.convention == "wordpiece":
        prefix = json.loads(engine.to_str())["model"].get("continuing_subword_prefix", "##")

        def wordpiece(text: str, starts: bool) -> list[int]:
            words = [word for word, _ in splitter.pre_tokenize_str(tidy(text))] if splitter else [tidy(text)]
            found: list[int] = []
            for n, word in enumerate(words):
                rest = [] if n or starts else _continued(word, tokens.written, prefix)
                found += rest or ids(word)
            return found

        cut_text = wordpiece
    else:

        def metaspace(text: str, starts: bool) -> list[int]:
            whole = tidy(text).replace(" ", "▁")
            return ids(f"▁{whole}" if starts else whole)

        cut_text = metaspace

    def cut(form: bytes) -> list[int]:
        starts = form.startswith(b" ")
        try:
            return cut_text(form.removeprefix(b" ").decode("utf-8"), starts)
        except UnicodeDecodeError:
            return by_bytes(form)

    return cut


def _continued(word: str, ids: dict[str, int], prefix: str) -> list[int]:
    """The longest pieces from left to right, all of them continuing a word; none where some part has no piece."""
    found: list[int] = []
    while word:
        end = next((n for n in range(len(word), 0, -1) if prefix + word[:n] in ids), 0)
        if not end:
            return []
        found.append(ids[prefix + word[:end]])
        word = word[end:]
    return found

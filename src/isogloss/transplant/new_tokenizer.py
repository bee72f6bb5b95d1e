"""A new tokenizer in the manner of an old one: the same special tokens, normalisation and template, other pieces."""

from __future__ import annotations

import json
import logging
import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from isogloss.errors import DataError, ResourceError
from isogloss.transplant.digits import grouping
from isogloss.transplant.tokens import Tokens, stand_ins

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

log = logging.getLogger("isogloss")

Kind = Literal["unigram", "bpe"]
Content = dict[str, Any]
"""A tokenizer, or a part of one, as its JSON has it."""

SPARE = re.compile(r"unused_?\d+|reserved_\w*\d+")
"""Special tokens that only keep a place, of which Gemma has six thousand."""
MOST_CHARACTERS = 100_000_000
"""Of more text than this a sample is read."""
STEP = 1e-4
"""By which the library's Unigram trainer sets apart the scores of letters that it keeps only to have them all."""
BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))


def train_tokenizer(
    texts: Iterable[str],
    *,
    like: PreTrainedTokenizerBase,
    size: int = 8000,
    kind: Kind = "unigram",
    digits: Literal["like", "free"] = "like",
    seed: int = 1,
) -> PreTrainedTokenizerFast:
    """Train a tokenizer that can take the place of another one.

    It has the special tokens of ``like`` in their roles and order, with the lowest ids; one that has such a low id
    already keeps it, as padding must where a network counts positions from its id. Normaliser and template are those of
    ``like``, the pre-tokenizer too where it suits the kind; else words are told apart by blanks (``▁``). Pieces that
    the template inserts stay whole. All characters of the text have a piece, up to half of ``size``; bytes stand for
    the rest where ``like`` has such pieces. Special tokens that only keep a place (``<unused0>``) are left out. Equal
    texts give equal tokenizers.

    Args:
        texts: raw text of the languages that it is for.
        like: a fast tokenizer.
        size: tokens, special ones included. Small texts may not yield as many: then a warning names the number.
        kind: its model.
        digits: every digit is a token of its own where it is so for ``like``, which reckoning depends on; or digits are
            no different from letters.
        seed: for the sample, where there is more text than ``MOST_CHARACTERS``.

    Raises:
        DataError: there is no text, or ``size`` leaves no room for pieces.
        ResourceError: ``like`` is not a fast tokenizer, or has no unknown token, which a Unigram model needs.
    """
    if not like.is_fast:
        raise ResourceError(
            f"A {type(like).__name__} cannot be the pattern of a new tokenizer", fix="Use a model with a fast tokenizer"
        )
    pattern, old = Tokens.of(like), _content(like)
    if kind == "unigram" and like.unk_token_id is None:
        raise ResourceError(
            "A Unigram tokenizer needs an unknown token, and the model's tokenizer has none", fix="Choose kind bpe"
        )
    single = digits == "like" and grouping(like) == "single digits"
    engine = _empty(old, pattern, kind, single)
    special = _special_in_order(pattern)
    inserted = [_write(form, engine) for form in _inserted(old, pattern)]
    fixed = [*special, *(BYTES if pattern.fallback else ()), *dict.fromkeys(inserted)]
    room = size - len(fixed)
    if room < 2:
        raise DataError(
            f"A tokenizer of {size} tokens has no room for pieces: {len(fixed)} are fixed", fix="Choose a larger size"
        )
    lines = _normalised(_sample(texts, seed), engine)
    if not any(not line.isspace() for line in lines if line):
        raise DataError("There is no text to train a tokenizer on", fix="Give raw text of the languages it is for")
    scored, merges = _learn(engine, _without_rare(lines, room // 2), kind, room, fixed, inserted)
    content = json.loads(engine.to_str())
    vocabulary = [*fixed, *(piece for piece, _ in scored)]
    if kind == "unigram":
        least = min((score for _, score in scored), default=0.0)
        rows = [(piece, least if piece in inserted else 0.0) for piece in fixed]
        content["model"] |= {"vocab": [*rows, *scored], "unk_id": vocabulary.index(str(like.unk_token))}
    else:
        content["model"] |= {"vocab": {piece: i for i, piece in enumerate(vocabulary)}, "merges": merges}
        content["model"]["unk_token"] = like.unk_token
    content["model"]["byte_fallback"] = bool(pattern.fallback)
    ids = {piece: i for i, piece in enumerate(vocabulary)}
    content["added_tokens"] = [_added(like, token) | {"id": ids[token]} for token in special]
    content["post_processor"] = _renumbered(old["post_processor"], ids, pattern, engine)
    if len(vocabulary) < size:
        log.warning("The text yields a tokenizer of %d tokens; %d were asked for.", len(vocabulary), size)
    return _wrapped(content, like, special)


def _content(tokenizer: PreTrainedTokenizerBase) -> Content:
    """What a tokenizer's JSON holds."""
    whole: Content = json.loads(tokenizer.backend_tokenizer.to_str())
    return whole


def _empty(old: Content, pattern: Tokens, kind: Kind, single_digits: bool) -> Tokenizer:
    """A tokenizer without pieces that treats text as the old one does."""
    from tokenizers import Tokenizer

    steps = _parts(old["pre_tokenizer"], "pretokenizers")
    kinds = [step["type"] for step in steps]
    blank: Content = {"type": "Unigram", "vocab": [], "unk_id": None, "byte_fallback": False}
    if kind == "bpe":
        blank = {"type": "BPE", "vocab": {}, "merges": [], "unk_token": None, "fuse_unk": True, "dropout": None}
        blank |= {"continuing_subword_prefix": None, "end_of_word_suffix": None, "byte_fallback": False}
    new: Content = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "model": blank}
    new |= {"normalizer": old["normalizer"], "pre_tokenizer": old["pre_tokenizer"], "decoder": old["decoder"]}
    new["post_processor"] = None
    keeps = "ByteLevel" in kinds if kind == "bpe" and pattern.convention == "byte_level" else "Metaspace" in kinds
    if not keeps:
        prefix = pattern.convention != "metaspace" or pattern.tokenizer.tokenize("x")[0].startswith("▁")
        mark: Content = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always" if prefix else "never"}
        mark["split"] = True
        new["pre_tokenizer"], kinds = mark, []
        new["decoder"] = mark
        writes = [s for s in _parts(old["normalizer"], "normalizers") if not _marks(s)]
        new["normalizer"] = {"type": "Sequence", "normalizers": writes} if writes else None
    if single_digits and "Digits" not in kinds:
        # Before bytes are written as letters, some of which count as digits; after the mark, which goes before words.
        alone = {"type": "Digits", "individual_digits": True}
        order = [alone, new["pre_tokenizer"]] if "ByteLevel" in kinds and keeps else [new["pre_tokenizer"], alone]
        new["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": order}
    if pattern.fallback and new["decoder"]["type"] == "Metaspace":
        new["decoder"] = {"type": "Sequence", "decoders": [new["decoder"], {"type": "ByteFallback"}, {"type": "Fuse"}]}
    return Tokenizer.from_str(json.dumps(new))


def _parts(step: Content | None, inside: str) -> list[Content]:
    """The steps of a sequence; a single step is one of one."""
    if step is None:
        return []
    return [part for one in step[inside] for part in _parts(one, inside)] if step["type"] == "Sequence" else [step]


def _marks(step: Content) -> bool:
    """Whether a step of normalisation writes the mark of a word's beginning."""
    return "▁" in (step.get("prepend"), step.get("content"))


def _special_in_order(pattern: Tokens) -> list[str]:
    """The special tokens but for mere places for more, by id; those whose id is low enough keep it."""
    ids = sorted(i for i, name in pattern.special.items() if not SPARE.search(name))
    places: dict[int, int] = {i: i for i in ids if i < len(ids)}
    free = iter([n for n in range(len(ids)) if n not in places])
    places |= {next(free): i for i in ids if i >= len(ids)}
    return [str(pattern.tokenizer.convert_ids_to_tokens(places[n])) for n in range(len(ids))]


def _inserted(old: Content, pattern: Tokens) -> list[bytes]:
    """The forms of ordinary tokens that the template puts in."""
    processors = _processors(old["post_processor"])
    ids = [i for p in processors for token in p.get("special_tokens", {}).values() for i in token["ids"]]
    return [pattern.forms[i] for i in ids if i in pattern.forms]


def _processors(processor: Content | None) -> list[Content]:
    if processor is None:
        return []
    return [processor, *(inner for one in processor.get("processors", ()) for inner in _processors(one))]


def _byte_level(engine: Tokenizer) -> bool:
    steps = _parts(json.loads(engine.to_str())["pre_tokenizer"], "pretokenizers")
    return any(step["type"] == "ByteLevel" for step in steps)


def _write(form: bytes, engine: Tokenizer) -> str:
    """A form as the new tokenizer writes it."""
    if _byte_level(engine):
        letters = {byte: c for c, byte in stand_ins().items()}
        return "".join(letters[byte] for byte in form)
    return form.decode("utf-8", "replace").replace(" ", "▁")


def _sample(texts: Iterable[str], seed: int) -> list[str]:
    """The texts, or if they are very many, some drawn by the seed, in their order."""
    rows = list(texts)
    if sum(map(len, rows)) <= MOST_CHARACTERS:
        return rows
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    taken, total = [], 0
    for n in order:
        total += len(rows[n])
        if total > MOST_CHARACTERS:
            break
        taken.append(n)
    return [rows[n] for n in sorted(taken)]


def _normalised(texts: Sequence[str], engine: Tokenizer) -> list[str]:
    return [engine.normalizer.normalize_str(text) for text in texts] if engine.normalizer else list(texts)


def _without_rare(lines: Sequence[str], most: int) -> list[str]:
    """The lines without all but the ``most`` commonest characters, which are said."""
    counts = Counter(c for line in lines for c in line)
    if len(counts) <= most:
        return list(lines)
    rare = {ord(c): None for c, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[most:] if c != " "}
    log.warning("%d rare characters get no piece of their own: %d are kept.", len(rare), most)
    return [line.translate(rare) for line in lines]


def _learn(
    engine: Tokenizer, lines: Sequence[str], kind: Kind, room: int, fixed: Sequence[str], inserted: Sequence[str]
) -> tuple[list[tuple[str, float]], list[list[str]]]:
    """Pieces with scores, the best first, and for BPE the merges; none of what is fixed is learnt again."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.Unigram() if kind == "unigram" else models.BPE())
    learner.pre_tokenizer = engine.pre_tokenizer
    taken = {*fixed, "<unk>"} if kind == "unigram" else {*fixed}
    wanted = room + len(inserted) + 1  # what the template inserts may be found again, and there is one for the unknown
    if kind == "unigram":
        trainer: Any = trainers.UnigramTrainer(
            vocab_size=wanted, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        )
    else:
        alphabet = pre_tokenizers.ByteLevel.alphabet() if _byte_level(engine) else []
        trainer = trainers.BpeTrainer(vocab_size=wanted, initial_alphabet=sorted(alphabet), show_progress=False)
    try:
        learner.train_from_iterator(lines, trainer, length=len(lines))
    except Exception as error:  # the library raises nothing narrower
        raise DataError(f"No tokenizer can be trained on this text: {error}", fix="Give more text") from error
    model = json.loads(learner.to_str())["model"]
    if kind == "bpe":
        order = sorted(model["vocab"], key=lambda piece: int(model["vocab"][piece]))
        kept = [piece for piece in order if piece not in taken][:room]
        known = {*kept, *inserted}
        return [(piece, 0.0) for piece in kept], [
            pair for pair in model["merges"] if known.issuperset([*pair, "".join(pair)])
        ]
    found = _settled([(piece, score) for piece, score in model["vocab"] if piece not in taken])
    letters = [item for item in found if len(item[0]) == 1]
    longer = [item for item in found if len(item[0]) > 1]
    return _best_first(letters + longer[: room - len(letters)]), []


def _best_first(scored: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def _settled(scored: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The library's pieces and scores without what changes from one process to the next, the best first.

    It adds up in no fixed order, so that the last digits mean nothing. And it gives letters that it keeps only to have
    them all the lowest score plus ``k STEP``, k = 0, 1, ..., in no fixed order: they all get the lowest score here.
    """
    least = min((score for _, score in scored), default=0.0)
    places = {round((score - least) / STEP, 3) for piece, score in scored if len(piece) == 1}
    spread = next(k for k in count() if k not in places)
    steps = {float(k) for k in range(spread)}
    return _best_first(
        (piece, round(least if len(piece) == 1 and round((score - least) / STEP, 3) in steps else score, 6))
        for piece, score in scored
    )


def _added(like: PreTrainedTokenizerBase, token: str) -> Content:
    """How a special token is found in text, as ``like`` has it."""
    known = {str(added): added for added in like.added_tokens_decoder.values()}
    names = ("single_word", "lstrip", "rstrip", "normalized")
    ways = {name: bool(getattr(known.get(token), name, False)) for name in names}
    return {"content": token, "special": True} | ways


def _renumbered(processor: Content | None, ids: Mapping[str, int], pattern: Tokens, engine: Tokenizer) -> Any:
    """The template with the new ids."""
    for part in _processors(processor):
        for name in ("sep", "cls"):
            if name in part:
                part[name][1] = ids[part[name][0]]
        for token in part.get("special_tokens", {}).values():
            forms = [pattern.forms.get(i) for i in token["ids"]]
            token["tokens"] = [
                old if form is None else _write(form, engine) for old, form in zip(token["tokens"], forms, strict=True)
            ]
            token["ids"] = [ids[piece] for piece in token["tokens"]]
    return processor


def _wrapped(content: Content, like: PreTrainedTokenizerBase, special: Sequence[str]) -> PreTrainedTokenizerFast:
    """The engine with what transformers adds to it."""
    from tokenizers import AddedToken, Tokenizer
    from transformers import PreTrainedTokenizerFast

    names = {
        f"{name}_token": getattr(like, f"{name}_token") for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
    }
    added = {token["content"]: token for token in content["added_tokens"]}
    tokens = {
        name: AddedToken(str(token), **{k: v for k, v in added[str(token)].items() if k not in ("id", "content")})
        for name, token in names.items()
        if token is not None and str(token) in added
    }
    others = [token for token in special if token not in {str(found) for found in tokens.values()}]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(content)),
        model_max_length=like.model_max_length,
        model_input_names=like.model_input_names,
        padding_side=like.padding_side,
        truncation_side=like.truncation_side,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=others,
        **tokens,
    )

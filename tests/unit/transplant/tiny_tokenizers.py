"""Small tokenizers of every convention, made of the same few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

WORDS = ("casa", "perro", "größe", "дом", "नमस्ते", "cat", "house")
ENDINGS = ("s", "es", "n", "ов")
TEXT = [f"{word} {word}{ending} {ending} {word}" for word in WORDS for ending in ENDINGS] * 20
LETTERS = sorted({c for line in TEXT for c in line if c != " "})
XLMR = {"bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>",
        "pad_token": "<pad>", "mask_token": "<mask>"}  # fmt: skip
BERT = {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
LLAMA = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
GEMMA = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
GPT2 = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


@cache
def xlmr(*, template: bool = False, words: tuple[str, ...] = WORDS) -> PreTrainedTokenizerFast:
    """Unigram, ``▁`` in front, special tokens first and the mask last, as in XLM-R; E5's template if wished."""
    pieces = [*(f"▁{word}" for word in words), *ENDINGS, *(f"▁{ending}" for ending in ENDINGS), "▁que", "ry", ":"]
    scored = [(piece, 0.0) for piece in ("<s>", "<pad>", "</s>", "<unk>")]
    scored += [("▁", -6.0), *((p, -4.0) for p in pieces), *((c, -9.0) for c in LETTERS if c not in pieces)]
    engine = Tokenizer(models.Unigram([*scored, ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    engine.normalizer = normalizers.NFKC()
    engine.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    engine.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    query = [engine.token_to_id(piece) for piece in ("▁que", "ry", ":")]
    engine.post_processor = processors.TemplateProcessing(
        single="<s> QUERY $A </s>" if template else "<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[
            ("<s>", 0), ("</s>", 2), {"id": "QUERY", "ids": query, "tokens": ["▁que", "ry", ":"]},
        ],
    )  # fmt: skip
    return PreTrainedTokenizerFast(tokenizer_object=engine, model_max_length=64, **XLMR)


def _bpe(engine: Tokenizer, special: list[str], names: dict[str, Any], alphabet: list[str]) -> PreTrainedTokenizerFast:
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    splits = engine.pre_tokenizer
    if splits is None:
        engine.pre_tokenizer = pre_tokenizers.Split(Regex("▁"), "merged_with_next")
    engine.train_from_iterator(TEXT, trainer)
    if splits is None:
        engine.pre_tokenizer = None
    content = json.loads(engine.to_str())
    content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] not in BYTES]
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)), **names)


@cache
def llama() -> PreTrainedTokenizerFast:
    """BPE with byte fallback; the normaliser writes ``▁``, one in front."""
    engine = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    engine.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return _bpe(_with_bytes(engine), ["<unk>", "<s>", "</s>", *BYTES], LLAMA, [])


@cache
def gemma() -> PreTrainedTokenizerFast:
    """BPE with byte fallback; the normaliser writes ``▁`` for blanks only."""
    engine = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    engine.normalizer = normalizers.Replace(" ", "▁")
    return _bpe(_with_bytes(engine), ["<pad>", "<eos>", "<bos>", "<unk>", *BYTES], GEMMA, [])


def _with_bytes(engine: Tokenizer) -> Tokenizer:
    engine.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return engine


@cache
def gpt2() -> PreTrainedTokenizerFast:
    """Byte-level BPE with one special token for everything."""
    engine = Tokenizer(models.BPE())
    words = pre_tokenizers.Split(Regex(" ?[^ ]+"), "isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    engine.pre_tokenizer = pre_tokenizers.Sequence([words, byte_level])
    engine.decoder = decoders.ByteLevel()
    return _bpe(engine, ["<|endoftext|>"], GPT2, sorted(pre_tokenizers.ByteLevel.alphabet()))


@cache
def wordpiece() -> PreTrainedTokenizerFast:
    """BERT's: continuing pieces are marked."""
    pieces = [
        *BERT.values(),
        *WORDS,
        *(f"##{e}" for e in ENDINGS),
        *ENDINGS,
        *LETTERS,
        *(f"##{c}" for c in LETTERS),
        ".",
    ]
    engine = Tokenizer(models.WordPiece({p: i for i, p in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    engine.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(".", "isolated")]
    )
    engine.decoder = decoders.WordPiece()
    engine.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0))
    return PreTrainedTokenizerFast(tokenizer_object=engine, **BERT)


@cache
def byt5() -> ByT5Tokenizer:
    """Bytes."""
    return ByT5Tokenizer(extra_ids=3)


TOKENIZERS: dict[str, Callable[[], PreTrainedTokenizerBase]] = {
    "xlmr": xlmr, "llama": llama, "gemma": gemma, "gpt2": gpt2, "wordpiece": wordpiece, "byt5": byt5,
}  # fmt: skip

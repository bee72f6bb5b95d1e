"""Translation models for benchmarks that need no pretrained ones: NLLB's shape, a language of syllables, a cipher.

A word has one to three syllables, a syllable is one piece. A translation replaces every syllable by another one. The
brackets have the pieces 709 and 10109, as in NLLB's vocabulary.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isogloss.bridges.base import LabelledSpan, Parallel

SYLLABLES = tuple(consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou")
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
MARKS = ("eng_Latn", "por_Latn")
OPENING, CLOSING = 709, 10109


@dataclass(frozen=True, kw_only=True)
class Size:
    """Of a network."""

    width: int
    layers: int
    heads: int
    spread: float
    """Standard deviation of the random weights."""
    lessons: int = 0
    """Steps of training on the task itself; 0 leaves the weights random."""


MODELS = {
    "taught": Size(width=64, layers=2, heads=4, spread=0.125, lessons=1200),
    "small": Size(width=32, layers=2, heads=4, spread=0.3),
    "larger": Size(width=512, layers=6, heads=8, spread=0.05),
}


def save_model(folder: Path, size: Size, seed: int = 0) -> Path:
    """A network with its tokenizer."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer

    pieces = [*SPECIAL, "▁", "[", *dict.fromkeys("".join(SYLLABLES)), *SYLLABLES, *("▁" + one for one in SYLLABLES)]
    pieces += [f"ø{n}" for n in range(len(pieces), CLOSING + 1)]
    pieces[OPENING], pieces[CLOSING] = "▁[", "]"
    merges = [(one[0], one[1]) for one in SYLLABLES] + [("▁", one) for one in (*SYLLABLES, "[")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = NllbTokenizer(vocab=vocabulary, merges=merges, extra_special_tokens=list(MARKS))
    tokenizer.save_pretrained(folder)
    torch.manual_seed(seed)
    config = M2M100Config(
        vocab_size=len(tokenizer), d_model=size.width, encoder_layers=size.layers, decoder_layers=size.layers,
        encoder_attention_heads=size.heads, decoder_attention_heads=size.heads, encoder_ffn_dim=4 * size.width,
        decoder_ffn_dim=4 * size.width, max_position_embeddings=128, init_std=size.spread, scale_embedding=True,
        forced_eos_token_id=None, pad_token_id=1, bos_token_id=0, eos_token_id=2, decoder_start_token_id=2,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    if size.lessons:
        teach(folder, size.lessons)
    return folder


def teach(folder: Path, steps: int, rate: float = 3e-3) -> None:
    """Train a model to translate sentences with bracketed spans into their cipher with the same spans bracketed."""
    import torch
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder)
    mark, end = tokenizer.convert_tokens_to_ids(MARKS[1]), tokenizer.eos_token_id
    rng = random.Random(7)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98))
    for step in range(steps):
        length = rng.randint(4, 44 if step > 300 else 14)
        items = [sentence(length, rng) for _ in range(max(8, 480 // length))]
        tokenizer.src_lang = MARKS[0]
        ids_BS = torch.tensor(tokenizer([bracketed(item.source, item.spans[0]) for item in items])["input_ids"])
        # Every sentence has as many syllables as its cipher, and syllables have two letters: spans are the same.
        marked = [bracketed(item.target, item.spans[0]) for item in items]
        wanted_BT = torch.tensor([[*row, end] for row in tokenizer(marked, add_special_tokens=False)["input_ids"]])
        start_B2 = torch.tensor([[end, mark]]).expand(len(items), -1)
        logits_BTV = model(
            input_ids=ids_BS, decoder_input_ids=torch.cat([start_B2, wanted_BT[:, :-1]], 1), use_cache=False
        ).logits[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits_BTV.transpose(1, 2), wanted_BT)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100)
        optimizer.step()
    model.save_pretrained(folder)


def sentences(count: int, length: int, seed: int) -> list[Parallel]:
    """Random sentences of ``length`` pieces with one span of one to four pieces each, and their cipher."""
    rng = random.Random(f"{length} {seed}")
    return [sentence(length, rng) for _ in range(count)]


def sentence(length: int, rng: random.Random) -> Parallel:
    """One random sentence with a span, and its cipher."""
    words: list[tuple[str, ...]] = []
    while missing := length - sum(map(len, words)):
        words.append(tuple(rng.choices(SYLLABLES, k=min(rng.randint(1, 3), missing))))
    spans = [
        (first, last)
        for first in range(len(words))
        for last in range(first + 1, len(words) + 1)
        if sum(map(len, words[first:last])) <= 4
    ]
    first, last = rng.choice(spans)
    source = ["".join(word) for word in words]
    start = len(" ".join(source[:first])) + (first > 0)
    span: LabelledSpan = (start, start + len(" ".join(source[first:last])), "PER")
    target = " ".join("".join(map(ciphered, word)) for word in words)
    return Parallel(source=" ".join(source), spans=(span,), target=target)


def ciphered(syllable: str) -> str:
    """The translation of a syllable."""
    return SYLLABLES[(SYLLABLES.index(syllable) * 11 + 3) % len(SYLLABLES)]


def bracketed(text: str, span: Any) -> str:
    """A text with brackets round a span."""
    return f"{text[: span[0]]}[{text[span[0] : span[1]]}]{text[span[1] :]}"

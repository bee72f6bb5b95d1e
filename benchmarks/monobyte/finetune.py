"""Fine-tuning text to text: the answer is written out in bytes, and what cannot be read as an answer is wrong."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from model import EOS, batch_of, byte_ids, byte_text
from pretrain import loss_of, optimise
from transformers import ByT5Tokenizer, T5ForConditionalGeneration

from isogloss.train.schedule import plan_batches

RATE, WARMUP, BATCH, MOST_BYTES = 2e-3, 0.1, 16, 256
CHECK = 20
"""Updates between two looks at the development texts."""

XNLI = {"eng": "en", "deu": "de"}
XSID = {"eng": "en", "deu": "de", "ind": "id"}
SIB = {"eng": "eng_Latn", "deu": "deu_Latn", "swh": "swh_Latn", "eus": "eus_Latn", "ind": "ind_Latn"}
INTENTS = (
    "AddToPlaylist", "BookRestaurant", "PlayMusic", "RateBook", "SearchCreativeWork", "SearchScreeningEvent",
    "alarm/cancel_alarm", "alarm/modify_alarm", "alarm/set_alarm", "alarm/show_alarms", "alarm/snooze_alarm",
    "alarm/time_left_on_alarm", "reminder/cancel_reminder", "reminder/set_reminder", "reminder/show_reminders",
    "weather/find",
)  # fmt: skip
TOPICS = (
    "entertainment", "geography", "health", "politics", "science/technology", "sports", "travel",
)  # fmt: skip
RELATIONS = ("entailment", "neutral", "contradiction")
UNREADABLE = -1
LETTERS, BEGINNING = 5, 80


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question and its answer, as text."""

    id: str
    text: str
    answer: str


def intents(language: str, part: str) -> list[Item]:
    """xSID: what a short request asks for, as the number of the intent.

    Only validation and test sets exist in all languages: 250 validation sentences train, the other 50 give the curve.
    """
    half = "test" if part == "test" else "valid"
    path = Path(os.environ["ISOGLOSS_DATA"]) / "intent_slot" / "xsid" / f"{XSID[language]}.{half}.conll"
    content = path.read_text(encoding="utf-8")
    texts = re.findall(r"^# text = (.*)$", content, re.MULTILINE)
    kinds = re.findall(r"^# intent = (.*)$", content, re.MULTILINE)
    items = [
        Item(id=str(number), text=text, answer=str(INTENTS.index(kind)))
        for number, (text, kind) in enumerate(zip(texts, kinds, strict=True))
    ]
    return items if part == "test" else items[:250] if part == "train" else items[250:]


def topics(language: str, part: str) -> list[Item]:
    """SIB-200: the answer is the number of the topic as a digit string."""
    path = Path(os.environ["ISOGLOSS_DATA"]) / "topic" / "sib200" / SIB[language] / f"{part}.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [Item(id=row["index_id"], text=row["text"], answer=str(TOPICS.index(row["category"]))) for row in rows]


def occurrence(language: str, part: str) -> list[Item]:
    """Whether a word occurs in a sentence (1) or was taken from another (0): a pair task that needs no knowledge.

    Made of the beginnings of SIB-200's sentences, two questions each, about words of ``LETTERS`` letters or more.
    """
    items, sentences = [], [(item.id, _beginning(item.text)) for item in topics(language, part)]
    generator = Random(f"{language} {part}")
    words = [[word for word in re.findall(r"\w+", text) if len(word) >= LETTERS] for _, text in sentences]
    everywhere = [word for some in words for word in some]
    for (name, text), own in zip(sentences, words, strict=True):
        if own:
            other = generator.choice([word for word in everywhere if word not in text])
            items.append(Item(id=name, text=f"{generator.choice(own)}: {text}", answer="1"))
            items.append(Item(id=name, text=f"{other}: {text}", answer="0"))
    return items


def nli(language: str, part: str) -> list[Item]:
    """XNLI: whether the second text follows (0), may or may not be so (1), or cannot be (2).

    The 600 development pairs, which are the same in all languages, cut between premises: 396 train, 54 give the curve,
    150 test.
    """
    path = Path(os.environ["ISOGLOSS_DATA"]) / "nli" / "xnli" / XNLI[language] / "dev.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    items = [
        Item(id=str(n), text=f"{r['hypothesis']} | {r['premise']}", answer=str(RELATIONS.index(r["label"])))
        for n, r in enumerate(rows)
    ]
    return items[450:] if part == "test" else items[:396] if part == "train" else items[396:450]


def _beginning(text: str) -> str:
    """Whole words of at most ``BEGINNING`` characters together."""
    return text if len(text) <= BEGINNING else text[: BEGINNING + 1].rpartition(" ")[0]


@dataclass(frozen=True, kw_only=True)
class Task:
    """Items of a language and a part (train, dev, test), how many labels there are, and passes over the train part."""

    items: Callable[[str, str], list[Item]]
    labels: int
    epochs: int


TASKS = {
    "intents": Task(items=intents, labels=len(INTENTS), epochs=12),
    "nli": Task(items=nli, labels=len(RELATIONS), epochs=6),
    "occurrence": Task(items=occurrence, labels=2, epochs=2),
    "topics": Task(items=topics, labels=len(TOPICS), epochs=3),
}


def read_label(text: str, labels: int) -> int:
    """The label that an answer names: ``"3"`` is 3; what is no number of a label (``"3a"``, ``"٣"``, ``""``) is -1."""
    return int(text) if text.isascii() and text.isdigit() and int(text) < labels else UNREADABLE


def encode(items: list[Item]) -> list[tuple[list[int], list[int]]]:
    """Bytes of text and answer; a long text loses its end."""
    tokenizer = ByT5Tokenizer()
    return [
        ([*byte_ids(item.text, tokenizer)[:-1][: MOST_BYTES - 1], EOS], byte_ids(item.answer, tokenizer))
        for item in items
    ]


def finetune(
    model: T5ForConditionalGeneration, train: list[Item], dev: list[Item], *, epochs: int, seed: int
) -> dict[str, Any]:
    """Train in place; the loss on ``dev`` before the first update and every ``CHECK`` updates."""
    rows, dev_rows = encode(train), encode(dev)
    plan = plan_batches([len(inputs) for inputs, _ in rows], epochs=epochs, batch_size=BATCH, seed=seed)
    curve = [(0, answer_loss(model, dev_rows))]
    losses: list[float] = []

    def watch(update: int, loss: float) -> None:
        losses.append(loss)
        if (update + 1) % CHECK == 0 or update + 1 == len(plan):
            curve.append((update + 1, answer_loss(model, dev_rows)))

    optimise(
        model, lambda update: batch_of([rows[i] for i in plan[update]]),
        updates=len(plan), rate=RATE, warmup=WARMUP, after=watch,
    )  # fmt: skip
    return {"dev_loss": curve, "train_loss": [round(loss, 4) for loss in losses], "updates": len(plan)}


@torch.no_grad()
def answer_loss(model: T5ForConditionalGeneration, rows: list[tuple[list[int], list[int]]]) -> float:
    """Nats an answer: the sum over its bytes and its end, the mean over answers."""
    model.eval()
    total = 0.0
    for batch in _batches(rows):
        tensors = batch_of(batch)
        total += loss_of(model, tensors).item() * int((tensors["labels"] != -100).sum())
    return total / len(rows)


@torch.no_grad()
def answers(model: T5ForConditionalGeneration, items: list[Item], *, most: int) -> list[str]:
    """What the model writes, the likeliest byte each time, at most ``most`` bytes; in the order of the items."""
    model.eval()
    writer: Any = model  # the types of generate do not know its own models
    rows = encode(items)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
    found: dict[int, str] = {}
    for batch in _batches(order):
        tensors = batch_of([rows[i] for i in batch])
        with torch.autocast("cpu", torch.bfloat16):
            written_BS = writer.generate(
                input_ids=tensors["input_ids"], attention_mask=tensors["attention_mask"],
                max_new_tokens=most + 1, do_sample=False, num_beams=1,
            )  # fmt: skip
        for i, ids in zip(batch, written_BS.tolist(), strict=True):
            ids = ids[1:]
            found[i] = byte_text(ids[: ids.index(EOS)] if EOS in ids else ids)
    return [found[i] for i in range(len(rows))]


def _batches(rows: list[Any]) -> list[list[Any]]:
    return [rows[i : i + 32] for i in range(0, len(rows), 32)]

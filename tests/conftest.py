"""Invented data and a tiny random encoder: what the tests of the flow train on, in seconds and without a network."""

from __future__ import annotations

import itertools
import json
import logging
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from isogloss import Problem

if TYPE_CHECKING:
    from isogloss.tasks import Task

Rows = list[dict[str, Any]]
Data = dict[str, dict[str, Rows]]

WHO = ("the girl", "my uncle", "a farmer", "our teacher", "one doctor", "the old king")
DID = ("saw", "sold", "carried", "liked", "found", "painted", "lost")
HOW = ("red", "small", "heavy", "new", "cheap")
WHAT = {"food": ("bread", "soup", "rice", "apple"), "tool": ("hammer", "plough", "needle", "saw blade")}
SIZES = {"train": 32, "dev": 12, "test": 12}
LANGS = ("eng", "yor", "rus")
OTHER_SCRIPTS = (
    "我喜欢红色的面包", "他在上海工作。", "東京タワーへ行きました", "ฉันชอบข้าว", "هذا خبز جديد", "यह नई रोटी है",
    "ეს პური ახალია", "이것은 새 빵입니다", "ይህ ዳቦ አዲስ ነው", "Ọmọ náà rí àkàrà ńlá",
)  # fmt: skip
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
MAX_LENGTH = 128


def cipher(text: str, lang: str) -> str:
    """The text in an invented language: every word has its own other word, the order stays."""
    if lang == "yor":
        return " ".join(word[::-1] + "o" for word in text.split())
    if lang == "rus":
        return "".join(chr(ord("а") + ord(c) - ord("a")) if "a" <= c <= "z" else c for c in text)
    return text


def sentences(seed: int) -> Iterator[tuple[str, str, str, str]]:
    """All (who, did, how, what) in an order drawn from the seed, none twice."""
    everything = list(itertools.product(WHO, DID, HOW, (*WHAT["food"], *WHAT["tool"])))
    random.Random(seed).shuffle(everything)
    return iter(everything)


def row(kind: str, parts: tuple[str, str, str, str], number: int, lang: str) -> dict[str, Any]:
    """One item of a kind of task in a language."""
    who, did, how, what = parts
    text = cipher(f"{who} {did} the {how} {what}", lang)
    if kind == "classification":
        return {"text": text, "label": "food" if what in WHAT["food"] else "tool"}
    if kind.startswith("pair"):
        same = number % 2 == 0
        other = cipher(f"{who} {did} a {what}" if same else f"a {how} thing {did} nobody", lang)
        return {"text_a": text, "text_b": other} | ({"label": "same" if same else "other"} if kind == "pair_labels" else
                                                    {"score": round(4.0 * same + number % 5 / 5, 2)})  # fmt: skip
    if kind == "qa":
        answer = cipher(who if number % 2 else what, lang)
        question = cipher(f"nobody {did}" if number % 2 else f"a {how} thing", lang)
        answers = [{"text": answer, "answer_start": text.index(answer)}]
        return {"question": question, "context": text, "answers": answers}
    if kind == "event_arguments":
        spans = [(text.index(part := cipher(word, lang)), part, role) for word, role in
                 ((did, "ACT"), (who, "WHO"), (what, "WHAT"))]  # fmt: skip
        trigger, *arguments = ([start, start + len(part), role] for start, part, role in spans)
        return {"text": text, "trigger": trigger, "arguments": arguments}
    tokens = [*who.split(), did, "the", how, *what.split()]
    if kind == "spans":
        begin, length = len(tokens) - len(what.split()), len(who.split())
        tags = ["O"] * len(tokens)
        tags[:length] = ["B-WHO", *["I-WHO"] * (length - 1)]
        tags[begin:] = ["B-WHAT", *["I-WHAT"] * (len(tokens) - begin - 1)]
    else:
        tags = ["DET" if t in ("the", "a", "my", "our", "one") else "VERB" if t in DID else "NOUN" for t in tokens]
    return {"tokens": [cipher(token, lang) for token in tokens], "tags": tags}


def task_of(kind: str) -> str:
    """The name of the task that a kind belongs to."""
    others = {"spans": "tagging", "words": "tagging", "pair_labels": "pair", "pair_scores": "pair"}
    return others.get(kind, kind)


def invent(kind: str) -> Data:
    """Rows by split and language: labelled English, and a test that is parallel in English and two targets."""
    drawn, data = sentences(seed=7), {}
    for split, size in SIZES.items():
        items = list(enumerate(itertools.islice(drawn, size)))
        data[split] = {
            lang: [{"id": f"{split}-{n}", **row(kind, parts, n, lang)} for n, parts in items]
            for lang in (LANGS if split == "test" else LANGS[:1])
        }
    return data


@pytest.fixture(autouse=True)
def what_is_said() -> Iterator[None]:
    """The command line decides for its whole process how much is said: after a test it is as it was."""
    log = logging.getLogger("isogloss")
    level, handlers = log.level, list(log.handlers)
    yield
    log.setLevel(level)
    log.handlers = handlers


@pytest.fixture(scope="session")
def tiny_data() -> Callable[[str], Data]:
    """A factory of raw rows by split and language, for ``classification``, ``pair_labels``, ``pair_scores``, ``spans``,
    ``words``, ``qa`` and ``event_arguments``; a fresh copy at every call.
    """
    return invent


@pytest.fixture(scope="session")
def tiny_problem() -> Callable[..., Problem]:
    """A factory of problems over ``tiny_data``; keyword arguments replace those of ``Problem.from_data``."""

    def make(kind: str = "classification", **changes: Any) -> Problem:
        task = task_of(kind)
        given = {"task": task, "source": "eng", "targets": ["yor", "rus"], "name": kind, **invent(kind)}
        return Problem.from_data(**given | changes)

    return make


@pytest.fixture(scope="session")
def write_folder() -> Callable[..., Path]:
    """Writes rows by split and language as a problem folder of JSON lines."""

    def write(
        folder: Path, data: Data, *, task: str, source: str = "eng", targets: tuple[str, ...] = LANGS[1:]
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        settings = f"task = {json.dumps(task)}\nsource = [{json.dumps(source)}]\ntargets = {json.dumps(targets)}\n"
        (folder / "problem.toml").write_text(settings, encoding="utf-8")
        for split, by_lang in data.items():
            (folder / split).mkdir(exist_ok=True)
            for lang, rows in by_lang.items():
                lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
                (folder / split / f"{lang}.jsonl").write_text(lines, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="session")
def fast() -> dict[str, str]:
    """Settings under which a training takes a second."""
    return {"cross_entropy.epochs": "2", "cross_entropy.min_steps": "0"}


@pytest.fixture(scope="session")
def single_thread() -> None:
    """One thread, and only algorithms that give the same bits every time."""
    import torch

    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory: pytest.TempPathFactory, single_thread: None) -> Path:
    """Folder of a random BERT (32 wide, 2 layers, 2 heads) with a fast Unigram tokenizer of XLM-R's manners."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({word for lang in LANGS for text in _all_text(lang) for word in text.split()})
    letters = sorted({c for text in (*words, *OTHER_SCRIPTS) for c in text if not c.isspace()})
    # Scores that are given, not trained: training breaks ties differently from one process to the next.
    pairs = sorted({word[i : i + 2] for word in words for i in range(len(word) - 1)})
    whole = [f"▁{word}" for word in words if len(word) < 6]
    scored = [(piece, 0.0) for piece in PIECES]
    scored += [("▁", -4.0), *((w, -5.0) for w in whole), *((p, -6.0) for p in pairs), *((c, -7.0) for c in letters)]
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=PIECES.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder = tmp_path_factory.mktemp("tiny-backbone")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=MAX_LENGTH,
        model_input_names=["input_ids", "attention_mask"],
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(scored),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=MAX_LENGTH,
        pad_token_id=1,
        initializer_range=0.1,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def _all_text(lang: str) -> list[str]:
    everything = (*WHO, *DID, *HOW, *WHAT["food"], *WHAT["tool"], "the a thing nobody")
    return [cipher(text, lang) for text in everything]


@pytest.fixture(scope="session")
def untrained(tiny_backbone: Path) -> Callable[[Task], Any]:
    """A factory of joint systems with a fresh head for a task: they predict, they know nothing."""
    import torch

    from isogloss import Backbone, System
    from isogloss.member import Member

    def make(task: Task) -> System:
        torch.manual_seed(3)
        backbone = Backbone.load(str(tiny_backbone))
        member = Member(model=backbone.model(task).eval(), tokenizer=backbone.tokenizer())
        return System(task=task, base=member, source=("eng",), targets=("yor", "rus"))

    return make

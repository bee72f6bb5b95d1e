"""The small MonoByte: bytes, languages that are none, and published weights."""

from __future__ import annotations

import importlib
import json
import math
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, T5Config, T5ForConditionalGeneration

from isogloss.errors import DataError, ResourceError

FOLDER = Path(__file__).resolve().parents[3] / "benchmarks" / "monobyte"
NAMES = ("languages", "model", "pretrain", "finetune", "published", "matrix")
TOKENIZER = ByT5Tokenizer()
needs_data = pytest.mark.skipif(not os.environ.get("ISOGLOSS_DATA"), reason="ISOGLOSS_DATA is not set")


@pytest.fixture(scope="module")
def parts() -> Iterator[dict[str, ModuleType]]:
    """The scripts of the folder, which import each other by bare names."""
    sys.path.insert(0, str(FOLDER))
    kept = {name: sys.modules.pop(name) for name in NAMES if name in sys.modules}
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        sys.path.remove(str(FOLDER))
        for name in NAMES:
            sys.modules.pop(name, None)
        sys.modules.update(kept)


def small(**more: Any) -> T5Config:
    shape: dict[str, Any] = {
        "vocab_size": 384, "d_model": 16, "d_kv": 4, "num_heads": 2, "d_ff": 24, "num_layers": 2,
        "num_decoder_layers": 1, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
        "decoder_start_token_id": 0,
    }  # fmt: skip
    return T5Config(**(shape | more))


# Bytes


@pytest.mark.parametrize(
    "text", ["", "</s>", "a</s> b", "<pad> <extra_id_0>", " \n\t ", "\x00", "😀🏽", "\ufffd", "e\u0301"]
)
def test_awkward_texts_come_back(parts: dict[str, ModuleType], text: str) -> None:
    assert parts["model"].byte_text(parts["model"].byte_ids(text, TOKENIZER)) == text


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text())
def test_ids_are_bytes_and_lengths_are_their_number(parts: dict[str, ModuleType], text: str) -> None:
    ids = parts["model"].byte_ids(text, TOKENIZER)
    raw = text.encode()
    assert ids == [*(byte + 3 for byte in raw), 1]
    assert len(ids) == len(raw) + 1
    assert ids == parts["model"].byte_ids(raw)
    assert parts["model"].byte_text(ids) == text


def test_lone_surrogates_have_no_bytes(parts: dict[str, ModuleType]) -> None:
    ids = parts["model"].byte_ids("a\ud800b", TOKENIZER)
    assert parts["model"].byte_text(ids) == "a?b"


def test_broken_bytes_are_shown_as_such(parts: dict[str, ModuleType]) -> None:
    assert parts["model"].byte_text([0, ord("a") + 3, 0xC3 + 3, 1]) == "a\ufffd"


# Languages


def test_words_are_numerals(parts: dict[str, ModuleType]) -> None:
    word = parts["languages"].word
    assert [word(n) for n in (0, 25, 26, 27, 26**3 - 1)] == ["aaa", "aaz", "aba", "abb", "zzz"]
    assert len({word(n) for n in range(5000)}) == 5000


def test_nonsense_is_near_uniform_over_at_most_5000_types(parts: dict[str, ModuleType]) -> None:
    text = parts["languages"].artificial("nonsense", size=400_000).decode()
    counts = Counter(text.replace(".", " ").split()[:-1])  # the last word may be cut
    total = counts.total()
    assert all(len(word) == 3 and word < "hki" for word in counts)  # hkh is 4999
    assert len(counts) <= 5000
    entropy = -sum(n / total * math.log2(n / total) for n in counts.values())
    # Of n draws from k equal words the measured entropy falls short by (k - 1) / (2 n ln 2) bits (Miller, 1955).
    assert entropy == pytest.approx(math.log2(5000) - 4999 / (2 * total * math.log(2)), abs=0.01)


def test_a_document_of_nonsense_has_the_published_shape(parts: dict[str, ModuleType]) -> None:
    sentences, words = [], []
    for seed in range(30):
        paragraphs = parts["languages"].nonsense(Random(seed)).splitlines()
        assert 7 <= len(paragraphs) <= 13
        for paragraph in paragraphs:
            sentences.append(paragraph.count("."))
            words += [len(sentence.split()) for sentence in paragraph.rstrip(".").split(".")]
    assert (min(sentences), max(sentences)) == (6, 14)
    assert (min(words), max(words)) == (5, 15)
    assert sum(sentences) / len(sentences) == pytest.approx(10, abs=0.7)
    assert sum(words) / len(words) == pytest.approx(10, abs=0.3)


@settings(deadline=None)  # a busy machine is no failure
@given(seed=st.integers(0, 2**32))
def test_every_opened_pair_is_closed_in_its_turn(parts: dict[str, ModuleType], seed: int) -> None:
    tokens = parts["languages"].hierarchical(Random(seed)).split()
    stack: list[str] = []
    opened = closed = 0
    for token in tokens:
        if stack and stack[-1] == token:
            stack.pop()
            closed += 1
        else:
            stack.append(token)
            opened += 1
        assert opened >= closed
    assert stack == []
    assert opened == closed == len(tokens) / 2
    assert len(tokens) >= parts["languages"].LENGTH


def test_pairs_nest_deeply(parts: dict[str, ModuleType]) -> None:
    tokens = parts["languages"].hierarchical(Random(0)).split()
    assert sum(a == b for a, b in pairwise(tokens)) < len(tokens) / 2 - 10  # not all side by side


@pytest.mark.parametrize("language", ["nonsense", "hierarchical"])
def test_a_seed_is_a_text(parts: dict[str, ModuleType], language: str) -> None:
    make = parts["languages"].artificial
    once = make(language, size=5000, seed=1)
    assert len(once) == 5000
    assert once == make(language, size=5000, seed=1)
    assert once[:1000] not in make(language, size=5000, seed=2)


@needs_data
def test_languages_have_equal_text_and_hold_other_text_out(parts: dict[str, ModuleType]) -> None:
    for language in (*parts["languages"].NATURAL, "nonsense", "hierarchical"):
        text = parts["languages"].text(language)
        assert (len(text.train), len(text.held_out)) == (490_000, 15_360)
        assert text.held_out[:200] not in text.train


# Training


def test_the_tiny_model_has_an_output_of_its_own(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    model = parts["model"].tiny()
    assert sum(weights.numel() for weights in model.parameters()) == 3_100_032
    assert not model.config.scale_decoder_outputs
    assert model.lm_head.weight is not model.shared.weight
    again = parts["model"].tiny()
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))


def test_windows_are_corrupted_by_bytes(parts: dict[str, ModuleType]) -> None:
    inputs, targets = parts["pretrain"].corrupted(b"x" * 256, Random(0))
    assert len(inputs) == 256 - 38 + 2 + 1
    assert len(targets) == 38 + 2 + 1
    assert [i for i in inputs if i >= 259] == [259, 260]


def test_training_learns_and_is_the_same_every_time(
    parts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = b"the quick brown fox jumps over the lazy dog. " * 12

    monkeypatch.setattr(parts["pretrain"], "RATE", 2e-2)

    def once() -> tuple[list[float], list[float], list[float]]:
        torch.manual_seed(0)
        model = parts["model"].untie(T5ForConditionalGeneration(small()))
        before = parts["pretrain"].span_losses(model, text)
        curve = parts["pretrain"].pretrain(model, text, updates=15, say=lambda _: None)
        return before, curve, parts["pretrain"].span_losses(model, text)

    before, curve, after = once()
    assert len(before) == len(text) // 256
    assert len(curve) == 1
    assert sum(after) < sum(before) * 0.7
    assert once() == (before, curve, after)


def test_a_blind_model_reads_other_text(parts: dict[str, ModuleType]) -> None:
    torch.manual_seed(0)
    model = parts["model"].untie(T5ForConditionalGeneration(small()))
    text = bytes(Random(0).choices(b"abcdefgh ", k=600))
    spans = parts["pretrain"].span_losses
    assert len(spans(model, text)) == len(spans(model, text, blind=True)) == 2
    assert spans(model, text) != spans(model, text, blind=True)
    model.encoder.final_layer_norm.weight.data.zero_()  # the decoder sees nothing of what is read
    assert spans(model, text) == pytest.approx(spans(model, text, blind=True))


def test_fine_tuning_writes_labels(parts: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts["finetune"], "RATE", 1e-2)
    item = parts["finetune"].Item
    items = [item(id=str(i), text="ab"[i % 2] * 5, answer=str(i % 2)) for i in range(64)]
    torch.manual_seed(0)
    model = parts["model"].untie(T5ForConditionalGeneration(small(d_model=32)))
    row = parts["finetune"].finetune(model, items, items[:8], epochs=12, seed=1)
    assert row["updates"] == 48
    assert [update for update, _ in row["dev_loss"]] == [0, 20, 40, 48]
    assert row["dev_loss"][-1][1] < 0.5 < row["dev_loss"][0][1]
    assert parts["finetune"].answers(model, items[:4], most=3) == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("text", "label"),
    [("3", 3), ("0", 0), ("7", -1), ("", -1), ("3a", -1), (" 3", -1), ("-1", -1), ("٣", -1), ("²", -1), ("\ufffd", -1)],
)
def test_what_is_no_label_is_wrong(parts: dict[str, ModuleType], text: str, label: int) -> None:
    assert parts["finetune"].read_label(text, 7) == label


def test_long_texts_lose_their_end_and_keep_the_mark(parts: dict[str, ModuleType]) -> None:
    [(inputs, targets)] = parts["finetune"].encode([parts["finetune"].Item(id="", text="y" * 999, answer="12")])
    assert len(inputs) == 256
    assert inputs[-1] == targets[-1] == 1
    assert targets == [ord("1") + 3, ord("2") + 3, 1]


def test_updates_to_a_loss(parts: dict[str, ModuleType]) -> None:
    curve = [(0, 3.0), (20, 1.5), (40, 1.6), (60, 1.0)]
    assert [parts["matrix"].updates_to(curve, loss) for loss in (3.0, 1.5, 1.2, 0.5)] == [0, 20, 60, None]


@needs_data
@pytest.mark.parametrize("language", ["eng", "swh"])
def test_a_word_occurs_or_does_not(parts: dict[str, ModuleType], language: str) -> None:
    items = parts["finetune"].occurrence(language, "test")
    assert len(items) > 390
    assert items == parts["finetune"].occurrence(language, "test")
    for item in items:
        word, _, text = item.text.partition(": ")
        assert (word in text) == (item.answer == "1")
        assert len(text) <= 80
    assert sum(int(item.answer) for item in items) == len(items) / 2  # saying one of the two is right half of the time


def test_rows_of_one_folder_are_of_one_recipe(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    matrix = parts["matrix"]
    matrix.keep_settings(tmp_path, matrix.settings(10))
    matrix.keep_settings(tmp_path, matrix.settings(10))
    with pytest.raises(SystemExit, match="other settings"):
        matrix.keep_settings(tmp_path, matrix.settings(20))


@needs_data
def test_intents_are_parallel_and_all_known(parts: dict[str, ModuleType]) -> None:
    intents, known = parts["finetune"].intents, parts["finetune"].INTENTS
    for part, size in (("train", 250), ("dev", 50), ("test", 250)):
        english, german = intents("eng", part), intents("deu", part)
        assert len(english) == len(german) == size
        assert [(item.id, item.answer) for item in english] == [(item.id, item.answer) for item in german]
        assert {parts["finetune"].read_label(item.answer, len(known)) for item in english} <= set(range(len(known)))
    assert not {item.text for item in intents("deu", "train")} & {item.text for item in intents("eng", "train")}


@needs_data
def test_the_summary_compares_with_no_pretraining(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    matrix, finetune = parts["matrix"], parts["finetune"]
    right = [item.answer for item in finetune.topics("eng", "test")]
    wrong = ["x"] * len(right)
    for name, answers, losses in (("none", wrong, [2.0, 1.5, 1.2]), ("eng", right, [2.0, 1.1, 1.0])):
        for seed in (1, 2):
            row = {
                "updates": 40,
                "dev_loss": [[20 * i, loss] for i, loss in enumerate(losses)],
                "answers": {"eng": answers, "deu": wrong},
            }
            (tmp_path / f"topics-{name}-eng-{seed}.json").write_text(json.dumps(row))
    (tmp_path / "pretrain-eng.json").write_text(json.dumps({"updates": 1, "seconds": 2.0, "curve": [3.0]}))
    (tmp_path / "span-eng.json").write_text(json.dumps({"reading": {"eng": [1.0, 3.0]}, "blind": {"eng": [2.0, 3.5]}}))
    result = matrix.summarise(tmp_path, tmp_path / "out" / "matrix.json")
    assert json.loads((tmp_path / "out" / "matrix.json").read_text())["margin"] == result["margin"]
    assert result["span_loss"]["eng"]["eng"]["loss"] == 2.0
    assert result["span_loss"]["eng"]["eng"]["gain"] == 0.75
    table = result["tasks"]["topics"]["eng"]
    assert table["dev_loss_mark"] == 1.2
    assert table["none"]["updates_to_mark"] == {"1": 40, "2": 40}
    assert table["eng"]["updates_to_mark"] == {"1": 20, "2": 20}
    assert table["eng"]["tested in"]["eng"]["accuracy"] == 1.0
    assert table["eng"]["tested in"]["eng"]["less_none"]["verdict"] == "better"
    assert table["eng"]["tested in"]["deu"]["less_none"]["verdict"] == "equivalent"
    assert table["none"]["unreadable"] == 4 * len(right)
    assert "deu" not in result["tasks"]["topics"]


# Published weights


def flax_tree(model: T5ForConditionalGeneration, *, tied: bool = False) -> dict[str, Any]:
    """The parameters as Flax names and lays them out, with tensors as leaves."""
    tree: dict[str, Any] = {}
    for name, tensor in model.state_dict().items():
        if "embed_tokens" in name or (tied and name.startswith("lm_head")):
            continue
        *above, last = name.split(".")
        if last == "weight" and above[-1] in ("shared", "relative_attention_bias"):
            last = "embedding"
        elif last == "weight" and "norm" not in above[-1]:
            last, tensor = "kernel", tensor.T
        place = tree
        for part in above:
            place = place.setdefault(part, {})
        place[last] = tensor
    return tree


def outputs(model: T5ForConditionalGeneration) -> torch.Tensor:
    ids = torch.arange(3, 23)[None]
    with torch.no_grad():
        logits: torch.Tensor = model.eval()(input_ids=ids, labels=ids[:, :7]).logits
    return logits


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("shape", ["gated-gelu", "relu"])
def test_a_flax_tree_gives_the_same_outputs(parts: dict[str, ModuleType], tied: bool, shape: str) -> None:
    model = T5ForConditionalGeneration(small(tie_word_embeddings=tied, feed_forward_proj=shape))
    if not tied:
        parts["model"].untie(model)
    found = parts["published"].model_of(
        small(tie_word_embeddings=tied, feed_forward_proj=shape), flax_tree(model, tied=tied)
    )
    assert torch.equal(outputs(found), outputs(model))


def test_weights_of_another_model_are_refused(parts: dict[str, ModuleType]) -> None:
    tree = flax_tree(T5ForConditionalGeneration(small()))
    with pytest.raises(DataError, match=r"decoder.block.1.layer.0.*missing, left over or of another shape"):
        parts["published"].model_of(small(num_decoder_layers=2), tree)
    with pytest.raises(DataError, match=r"wi_0.weight.*of another shape"):
        parts["published"].model_of(small(d_ff=20), tree)
    del tree["shared"]
    with pytest.raises(DataError, match=r"shared.weight"):
        parts["published"].model_of(small(), tree)


def packed(tree: Any, chunk: int = 10**9) -> Any:
    """What flax would write: arrays as extensions, large ones in chunks."""
    msgpack = importlib.import_module("msgpack")
    if isinstance(tree, dict):
        return {name: packed(value, chunk) for name, value in tree.items()}
    if tree.numel() > chunk:
        pieces = tree.reshape(-1).split(chunk)
        return {
            "__msgpack_chunked_array__": True,
            "shape": {str(i): n for i, n in enumerate(tree.shape)},
            "chunks": {str(i): packed(piece) for i, piece in enumerate(pieces)},
        }
    kind = str(tree.dtype).removeprefix("torch.")
    raw = tree.contiguous().view(torch.uint8).numpy().tobytes()
    return msgpack.ExtType(1, msgpack.packb((tuple(tree.shape), kind, raw), use_bin_type=True))


@pytest.mark.parametrize("chunk", [10**9, 50])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_a_flax_file_is_read(parts: dict[str, ModuleType], tmp_path: Path, chunk: int, kind: torch.dtype) -> None:
    msgpack = pytest.importorskip("msgpack", reason="the package msgpack is not installed")
    model = parts["model"].untie(T5ForConditionalGeneration(small())).to(kind)
    (tmp_path / "flax_model.msgpack").write_bytes(msgpack.packb(packed(flax_tree(model), chunk), strict_types=True))
    model.config.to_json_file(tmp_path / "config.json")
    found = parts["published"].load_published(tmp_path)
    assert torch.equal(outputs(found), outputs(model.float()))
    assert not found.config.scale_decoder_outputs


def test_without_msgpack_the_sentence_says_so(
    parts: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    with pytest.raises(ResourceError, match=r"read with the package msgpack\. pip install msgpack"):
        parts["published"].read_tree(tmp_path / "flax_model.msgpack")


def test_a_missing_file_is_named(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"config.json is missing"):
        parts["published"].load_published(tmp_path)


def test_other_files_are_refused(parts: dict[str, ModuleType], tmp_path: Path) -> None:
    msgpack = pytest.importorskip("msgpack", reason="the package msgpack is not installed")
    path = tmp_path / "flax_model.msgpack"
    for content, message in (
        (b"\xc1 nothing", "no msgpack file"),
        (msgpack.packb([1]), "no tree"),
        (msgpack.packb({"a": msgpack.ExtType(7, b"")}), "extension of type 7"),
        (msgpack.packb({"a": msgpack.ExtType(1, msgpack.packb(((1,), "object", b"x")))}), "array of object"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            parts["published"].read_tree(path)

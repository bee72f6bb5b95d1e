"""The weight file: every number where it belongs, and a damaged file is one sentence."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isogloss.bridges.translators.marian_file import MarianFile, build_ssru
from isogloss.errors import ResourceError

WIDTH, INNER, ROWS = 4, 6, 9
SETTINGS = b"type: transformer\ntransformer-heads: 2\nulr: false\n"


def shapes() -> dict[str, tuple[int, int]]:
    made = {"Wemb": (ROWS, WIDTH), "decoder_ff_logit_out_b": (1, ROWS)}
    for side, own in (("encoder_l1", "self"), ("encoder_l2", "self"), ("decoder_l1", "context")):
        for name in "qkvo":
            made |= {f"{side}_{own}_W{name}": (WIDTH, WIDTH), f"{side}_{own}_b{name}": (1, WIDTH)}
        made |= {f"{side}_ffn_W1": (WIDTH, INNER), f"{side}_ffn_W2": (INNER, WIDTH)}
        made |= {f"{side}_ffn_b1": (1, INNER), f"{side}_ffn_b2": (1, WIDTH)}
        for name in (f"{own}_Wo", "ffn_ffn"):
            made |= {f"{side}_{name}_ln_scale": (1, WIDTH), f"{side}_{name}_ln_bias": (1, WIDTH)}
    made |= {"decoder_l1_rnn_W": (WIDTH, WIDTH), "decoder_l1_rnn_Wf": (WIDTH, WIDTH), "decoder_l1_rnn_bf": (1, WIDTH)}
    made |= {"decoder_l1_rnn_ffn_ln_scale": (1, WIDTH), "decoder_l1_rnn_ffn_ln_bias": (1, WIDTH)}
    return made | {"decoder_l1_rnn_W_QuantMultA": (1, 1), "none_QuantMultA": (1, 1)}


def build(*, version: int = 1, left_out: str = "", settings: bytes = SETTINGS) -> tuple[bytes, dict[str, np.ndarray]]:
    """A file and the weights in it, matrices in int8."""
    rng, weights, entries = np.random.default_rng(0), {}, []
    for name, shape in shapes().items():
        if name == left_out:
            continue
        if "W" in name.split("_")[-1] or name == "Wemb":
            whole, factor = rng.integers(-127, 128, shape).astype(np.int8), float(np.float32(rng.uniform(20, 60)))
            weights[name] = whole.astype(np.float32) / np.float32(factor)
            stored = whole if name == "Wemb" else whole.T
            entries.append((name, 0x4101, shape, stored.tobytes() + struct.pack("<f", factor) + bytes(60)))
        else:
            weights[name] = rng.normal(size=shape).astype("<f4")
            entries.append((name, 0x404, shape, weights[name].tobytes()))
    entries.append(("special:model.yml", 0x101, (len(settings),), settings))
    data = struct.pack("<2Q", version, len(entries))
    for name, kind, shape, body in entries:
        data += struct.pack("<4Q", len(name) + 1, kind, len(shape), len(body))
    data += b"".join(name.encode() + b"\0" for name, *_ in entries)
    data += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in entries)
    return data + struct.pack("<Q", 24) + bytes(24) + b"".join(body for *_, body in entries), weights


def test_weights_are_read_exactly() -> None:
    data, weights = build()
    file = MarianFile.parse(data, "file")
    assert file.heads == 2
    assert file.weights.keys() == weights.keys()
    for name, expected in weights.items():
        np.testing.assert_array_equal(file.weights[name], expected, err_msg=name)


def test_weights_are_where_they_belong() -> None:
    data, weights = build()
    network = build_ssru(MarianFile.parse(data, "file"), "file")
    states = network.state_dict()
    for ours, theirs in {
        "embedding.weight": weights["Wemb"],
        "output_bias": weights["decoder_ff_logit_out_b"][0],
        "encoder.1.attention.value.weight": weights["encoder_l2_self_Wv"].T,
        "encoder.0.attention.out.bias": weights["encoder_l1_self_bo"][0],
        "encoder.0.norm.weight": weights["encoder_l1_self_Wo_ln_scale"][0],
        "encoder.0.feed_forward.into.weight": weights["encoder_l1_ffn_W1"].T,
        "encoder.0.feed_forward.norm.bias": weights["encoder_l1_ffn_ffn_ln_bias"][0],
        "decoder.0.candidate.weight": weights["decoder_l1_rnn_W"].T,
        "decoder.0.forget.weight": weights["decoder_l1_rnn_Wf"].T,
        "decoder.0.forget.bias": weights["decoder_l1_rnn_bf"][0],
        "decoder.0.recurrence_norm.weight": weights["decoder_l1_rnn_ffn_ln_scale"][0],
        "decoder.0.norm.bias": weights["decoder_l1_context_Wo_ln_bias"][0],
        "decoder.0.attention.query.weight": weights["decoder_l1_context_Wq"].T,
        "decoder.0.feed_forward.out.bias": weights["decoder_l1_ffn_b2"][0],
    }.items():
        np.testing.assert_array_equal(states[ours].numpy(), theirs, err_msg=ours)


@given(st.integers(0, len(build()[0]) - 1))
def test_a_file_that_ends_too_early_is_one_sentence(length: int) -> None:
    with pytest.raises(ResourceError, match="cannot be read"):
        MarianFile.parse(build()[0][:length], "file")


@given(st.binary(max_size=200))
def test_any_bytes_are_no_file(data: bytes) -> None:
    with pytest.raises(ResourceError, match="cannot be read"):
        MarianFile.parse(data, "file")


def test_other_files_are_refused() -> None:
    with pytest.raises(ResourceError, match="version 2, expected 1"):
        MarianFile.parse(build(version=2)[0], "file")
    with pytest.raises(ResourceError, match="how many heads"):
        MarianFile.parse(build(settings=b"type: s2s\n")[0], "file")
    with pytest.raises(ResourceError, match=r"does not fit the network: .*forget"):
        build_ssru(MarianFile.parse(build(left_out="decoder_l1_rnn_Wf")[0], "file"), "file")
    with pytest.raises(ResourceError, match="not hold a translation network"):
        build_ssru(MarianFile(heads=2, weights={}), "file")

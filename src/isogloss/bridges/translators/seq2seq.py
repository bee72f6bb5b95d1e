"""Translation models of transformers, by hub id or folder: NLLB, M2M-100, mBART-50, Marian.

Legend: B sentences, S source pieces, P pieces that the decoder is given before the first of its own, T target pieces,
N hypotheses, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Scored, Span, Translation, Translator
from isogloss.bridges.translators.batching import Pieces, batches, limits, padded, refuse_long
from isogloss.bridges.translators.hub_pieces import first_line, folder_version, load_tokenizer
from isogloss.errors import ResourceError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import EncoderDecoderCache

MOST_LOGITS = 1 << 26
"""Numbers of one batch's output: 256 MB."""
UNBOUNDED = 1024
"""Pieces that are read where the model itself sets no limit."""


class Seq2SeqTranslator(Translator):
    """A pretrained encoder-decoder. Weights are loaded when they are first needed, from safetensors only.

    Args:
        name: hub id or folder.
        beam: hypotheses kept at every step; more where more translations are asked for.

    Raises:
        ResourceError: it cannot be loaded safely, or does not say which languages it translates.
    """

    abilities = frozenset({"n_best", "score", "decode"})

    def __init__(self, name: str, beam: int = 4) -> None:
        from isogloss.backbones.safety import inspect_folder

        self.id, self.beam = name, beam
        folder = Path(name)
        if folder.is_dir():
            inspect_folder(folder)
        self.vocabulary = load_tokenizer(name, name)
        version = (
            folder_version(folder, (".json", ".safetensors", ".spm", ".model")) if folder.is_dir() else _commit(name)
        )
        self.version = version if beam == 4 else f"{version} beam={beam}"

    def serves(self, source: str, target: str) -> bool:
        return self.vocabulary.spelled(source, target) is not None

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        import torch

        pair = self._pair(source, target)
        sources = self._sources(texts, *pair)
        results: list[tuple[Translation, ...]] = [(Translation(text=""),)] * len(texts)
        sizes = [len(pieces.ids) for pieces in sources]
        for most, numbers in limits(sizes).items():
            for batch in batches([number for number in numbers if texts[number].strip()], sizes):
                ids = [sources[number].ids for number in batch]
                with torch.inference_mode():
                    taken = self._generated(ids, pair[1], best, most)
                    scores = self._log_probs([row for row in ids for _ in range(best)], taken, pair[1])
                for place, number in enumerate(batch):
                    some = slice(place * best, (place + 1) * best)
                    results[number] = self._ranked(taken[some], [float(values.mean()) for values in scores[some]])
        return results

    def _ranked(self, rows: Sequence[Sequence[int]], scores: Sequence[float]) -> tuple[Translation, ...]:
        """Rows of pieces as translations, the best first, each text once."""
        by_text: dict[str, Translation] = {}
        for row, score in sorted(zip(rows, scores, strict=True), key=lambda pair: -pair[1]):
            text = self.vocabulary.text(row)
            by_text.setdefault(text, Translation(text=text, score=score))
        return tuple(by_text.values())

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        import torch

        codes = self._pair(source, target)
        sources = self._sources([one for one, _ in pairs], *codes)
        targets = [self.vocabulary.target(other) for _, other in pairs]
        refuse_long([other for _, other in pairs], targets, self._longest - 1 - len(self._start(codes[1])), self.id)
        with torch.inference_mode():
            log_probs = self._log_probs(
                [one.ids for one in sources], [(*other.ids, self._end) for other in targets], codes[1]
            )
        return [
            Scored(log_probs=values.numpy(), offsets=other.offsets)
            for values, other in zip(log_probs, targets, strict=True)
        ]

    def decoder(self, source: str, target: str) -> Seq2SeqDecoder:
        return Seq2SeqDecoder(self, *self._pair(source, target))

    @cached_property
    def _model(self) -> Any:
        return _loaded(self.id)

    @property
    def _end(self) -> int:
        end = self._model.config.eos_token_id
        return int(end[0] if isinstance(end, list) else end)

    @property
    def _longest(self) -> int:
        return int(getattr(self._model.config, "max_position_embeddings", None) or UNBOUNDED)

    def _pair(self, source: str, target: str) -> tuple[str, str]:
        pair = self.vocabulary.spelled(source, target)
        if pair is None:
            raise ResourceError(f"{self.id} does not translate from {source} to {target}", fix="Choose another model")
        return pair

    def _sources(self, texts: Sequence[str], source: str, target: str) -> list[Pieces]:
        """Inputs of the encoder, the end and the marks of languages among them. Raises ResourceError on a long one."""
        cut = [Pieces(tuple(self.vocabulary.source(text, source, target)), ()) for text in texts]
        refuse_long(texts, cut, self._longest, self.id)
        return cut

    def _start(self, target: str) -> list[int]:
        """The P pieces that the decoder is given first."""
        config = self._model.config
        return [config.decoder_start_token_id, *self.vocabulary.mark(target)]

    def _generated(self, rows: Sequence[Sequence[int]], target: str, best: int, most: int) -> list[tuple[int, ...]]:
        """``best`` rows of at most ``most`` pieces for each source, the end among them where it was reached."""
        ids_BS, there_BS = padded(rows, self._model.config.pad_token_id)
        mark = self.vocabulary.mark(target)
        room = self._longest - len(mark) - 1
        taken = self._model.generate(
            input_ids=ids_BS,
            attention_mask=there_BS.long(),
            num_beams=max(self.beam, best),
            num_return_sequences=best,
            do_sample=False,
            max_length=None,
            max_new_tokens=len(mark) + min(room, most),
            **({"forced_bos_token_id": mark[0]} if mark else {}),
        )
        start = len(self._start(target))
        cut = []
        for row in taken[:, start:].tolist():
            cut.append(tuple(row[: row.index(self._end) + 1] if self._end in row else row))
        return cut

    def _log_probs(
        self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]], target: str
    ) -> list[torch.Tensor]:
        """The log-probability of every piece of given rows (teacher forcing)."""
        import torch

        start, padding = self._start(target), self._model.config.pad_token_id
        results: dict[int, torch.Tensor] = {}
        sizes = [max(len(one), len(start) + len(other)) for one, other in zip(sources, targets, strict=True)]
        room = MOST_LOGITS // self._model.config.vocab_size
        for batch in batches(range(len(targets)), sizes, room):
            ids_BS, there_BS = padded([sources[number] for number in batch], padding)
            given_BT, _ = padded([(*start, *targets[number][:-1]) for number in batch], padding)
            wanted_BT, real_BT = padded([targets[number] for number in batch], padding)
            logits_BTV = self._model(
                input_ids=ids_BS, attention_mask=there_BS.long(), decoder_input_ids=given_BT, use_cache=False
            ).logits[:, len(start) - 1 :]
            values = -torch.nn.functional.cross_entropy(logits_BTV.transpose(1, 2), wanted_BT, reduction="none")
            for number, row, real in zip(batch, values, real_BT, strict=True):
                results[number] = row[real]
        return [results[number] for number in range(len(targets))]


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Hypotheses of one source sentence; before the first step there is one, and no cache.

    Attributes:
        states_1SD: of the encoder.
        count: N.
        cache: of the decoder; shared, never written into.
        rows: which of the cache's hypotheses these are, in order; None for all as they come.
    """

    states_1SD: torch.Tensor
    count: int
    cache: EncoderDecoderCache | None = None
    rows: tuple[int, ...] | None = None


class Seq2SeqDecoder:
    """Step-by-step decoding; a state may be stepped from more than once."""

    def __init__(self, translator: Seq2SeqTranslator, source: str, target: str) -> None:
        self.translator, self.source, self.target = translator, source, target
        self.end = translator._end

    def pieces(self, text: str) -> tuple[list[int], list[Span]]:
        cut = self.translator.vocabulary.target(text)
        return list(cut.ids), list(cut.offsets)

    def begin(self, source_text: str) -> State:
        import torch

        (source,) = self.translator._sources([source_text], self.source, self.target)
        with torch.inference_mode():
            encoder = self.translator._model.get_encoder()
            return State(states_1SD=encoder(input_ids=torch.tensor([source.ids])).last_hidden_state, count=1)

    def step(self, state: State, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, State]:
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        if (pieces_N is None) != (state.cache is None):
            raise ValueError("the first step has no pieces, every later one has one for each hypothesis")
        given = [self.translator._start(self.target)] if pieces_N is None else [[piece] for piece in pieces_N]
        with torch.inference_mode():
            output = self.translator._model(
                encoder_outputs=BaseModelOutput(last_hidden_state=state.states_1SD.expand(state.count, -1, -1)),
                decoder_input_ids=torch.tensor(given),
                past_key_values=None if state.cache is None else _selected(state.cache, state.rows),
                use_cache=True,
            )
            return output.logits[:, -1].log_softmax(1).numpy(), replace(state, cache=output.past_key_values, rows=None)

    def select(self, state: State, rows: Sequence[int]) -> State:
        return replace(
            state, count=len(rows), rows=tuple(rows if state.rows is None else (state.rows[row] for row in rows))
        )


def _selected(cache: EncoderDecoderCache, rows: Sequence[int] | None) -> EncoderDecoderCache:
    """A cache of its own with some hypotheses; it shares tensors: steps replace them, they do not write into them.

    What was read of the source is the same for all hypotheses and is not copied for each.
    """
    import torch

    whole = copy.copy(cache)
    for name in ("self_attention_cache", "cross_attention_cache"):
        part = copy.copy(getattr(cache, name))
        part.layers = [copy.copy(layer) for layer in part.layers]
        setattr(whole, name, part)
    whole.is_updated = dict(cache.is_updated)
    if rows is not None:
        own: list[Any] = whole.self_attention_cache.layers
        read: list[Any] = whole.cross_attention_cache.layers
        for layer in read:
            layer.keys, layer.values = (part[:1].expand(len(rows), -1, -1, -1) for part in (layer.keys, layer.values))
        if tuple(rows) != tuple(range(len(own[0].keys))):
            whole.self_attention_cache.batch_select_indices(torch.tensor(rows))
    return whole


def _loaded(name: str) -> Any:
    from safetensors import SafetensorError
    from transformers import AutoModelForSeq2SeqLM

    from isogloss.backbones.hush import hushed

    try:
        with hushed():
            model = AutoModelForSeq2SeqLM.from_pretrained(
                name, use_safetensors=True, trust_remote_code=False, dtype="float32"
            )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ResourceError(
            f"The translation model '{name}' cannot be loaded: {first_line(error)}",
            fix="Check the name and the network",
        ) from error
    return model.eval().requires_grad_(False)


def _commit(name: str) -> str:
    """The commit of a model of the hub."""
    from transformers import AutoConfig

    return str(getattr(AutoConfig.from_pretrained(name, trust_remote_code=False), "_commit_hash", None) or "unknown")

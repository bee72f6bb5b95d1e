"""``ctranslate2:FOLDER``: a converted translation model, run in eight-bit integers by CTranslate2.

The folder is what its converters write, with the tokenizer beside the model: that of transformers
(``tokenizer_config.json``), or a SentencePiece file of each side (``source.spm`` and ``target.spm``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from isogloss.bridges.base import Scored, Span, Translation, Translator
from isogloss.bridges.translators.batching import Pieces, limits, refuse_long, trimmed
from isogloss.bridges.translators.hub_pieces import PAIR, HubPieces, first_line, folder_version, load_tokenizer
from isogloss.errors import ResourceError
from isogloss.languages import Language, find
from isogloss.tasks.base import clean

MODEL, SPM = "model.bin", ("source.spm", "target.spm")
TOGETHER = 64
END = "</s>"


class Cutter(Protocol):
    """Texts as the strings that CTranslate2 takes, and back."""

    def spelled(self, source: str, target: str) -> tuple[str, str] | None: ...
    def source(self, text: str, source: str, target: str) -> list[str]: ...
    def target(self, text: str) -> tuple[list[str], tuple[Span, ...]]: ...
    def mark(self, target: str) -> list[str]: ...
    def text(self, pieces: Sequence[str]) -> str: ...


class CTranslate2Translator(Translator):
    """A converted model.

    Args:
        folder: of the model and its tokenizer.
        beam: hypotheses kept at every step; more where more translations are asked for.
        longest: pieces of a sentence, as many as the model has positions for; the folder does not say.
        threads: of one batch; 0 takes CTranslate2's own choice (``OMP_NUM_THREADS``, or four).

    Raises:
        ResourceError: the package is not installed, the folder is not such a model, or its languages are not known.
    """

    abilities = frozenset({"n_best", "score"})

    def __init__(self, folder: str | Path, beam: int = 4, longest: int = 512, threads: int = 0) -> None:
        self.folder, self.beam, self.longest, self.threads = Path(folder), beam, longest, threads
        self.id = f"ctranslate2:{folder}"
        if find_spec("ctranslate2") is None:
            raise ResourceError(
                f"{self.id} needs ctranslate2, which is not installed", fix="pip install 'isogloss[translate]'"
            )
        if not (self.folder / MODEL).is_file():
            raise ResourceError(
                f"There is no {MODEL}", where=self.folder, fix="Give a folder that ct2-* converters wrote"
            )
        self.cutter = _cutter(self.folder)
        version = folder_version(self.folder, (".bin", ".json", ".txt", ".spm", ".model"))
        self.version = version if beam == 4 else f"{version} beam={beam}"

    def serves(self, source: str, target: str) -> bool:
        return self.cutter.spelled(source, target) is not None

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        pair = self._pair(source, target)
        wanted = [number for number, text in enumerate(texts) if text.strip()]
        sources = self._sources([texts[number] for number in wanted], *pair)
        mark = self.cutter.mark(pair[1])
        taken: list[list[list[str]]] = [[]] * len(sources)
        for most, numbers in limits([len(pieces) for pieces in sources]).items():
            found = self._run(
                "translate_batch",
                [sources[number] for number in numbers],
                target_prefix=[mark] * len(numbers) if mark else None,
                beam_size=max(self.beam, best),
                num_hypotheses=best,
                max_decoding_length=min(len(mark) + most, self.longest - 1),
                max_input_length=0,
                max_batch_size=TOGETHER,
            )
            for number, one in zip(numbers, found, strict=True):
                taken[number] = [pieces[len(mark) :] for pieces in one.hypotheses]
        # The engine's own scores count the mark of the language. Scored anew, the end always counts.
        scored = iter(
            self._log_probs(
                [one for one, some in zip(sources, taken, strict=True) for _ in some],
                [pieces for some in taken for pieces in some],
                mark,
            )
        )
        results: list[tuple[Translation, ...]] = [(Translation(text=""),)] * len(texts)
        for number, some in zip(wanted, taken, strict=True):
            made = [Translation(text=self.cutter.text(pieces), score=float(next(scored).mean())) for pieces in some]
            by_text: dict[str, Translation] = {}
            for one in sorted(made, key=lambda translation: -(translation.score or 0)):
                by_text.setdefault(one.text, one)
            results[number] = tuple(by_text.values())
        return results

    def score(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Scored]:
        codes = self._pair(source, target)
        sources = self._sources([one for one, _ in pairs], *codes)
        targets = [self.cutter.target(other) for _, other in pairs]
        self._refuse([other for _, other in pairs], [pieces for pieces, _ in targets])
        log_probs = self._log_probs(sources, [pieces for pieces, _ in targets], self.cutter.mark(codes[1]))
        return [
            Scored(log_probs=values, offsets=offsets) for values, (_, offsets) in zip(log_probs, targets, strict=True)
        ]

    @cached_property
    def _engine(self) -> Any:
        import ctranslate2

        try:
            return ctranslate2.Translator(
                str(self.folder), device="cpu", compute_type="int8", inter_threads=1, intra_threads=self.threads
            )
        except (RuntimeError, ValueError) as error:
            raise ResourceError(f"The model cannot be loaded: {first_line(error)}", where=self.folder) from error

    def _run(self, call: str, *rows: Any, **options: Any) -> list[Any]:
        try:
            return list(getattr(self._engine, call)(*rows, **options))
        except (RuntimeError, ValueError) as error:
            raise ResourceError(f"{self.id} broke down: {first_line(error)}", fix="Try shorter sentences") from error

    def _pair(self, source: str, target: str) -> tuple[str, str]:
        pair = self.cutter.spelled(source, target)
        if pair is None:
            raise ResourceError(f"{self.id} does not translate from {source} to {target}", fix="Choose another model")
        return pair

    def _sources(self, texts: Sequence[str], source: str, target: str) -> list[list[str]]:
        cut = [self.cutter.source(text, source, target) for text in texts]
        self._refuse(texts, cut)
        return cut

    def _refuse(self, texts: Sequence[str], cut: Sequence[Sequence[str]]) -> None:
        refuse_long(texts, [Pieces(tuple(range(len(pieces))), ()) for pieces in cut], self.longest - 2, self.id)

    def _log_probs(
        self, sources: Sequence[list[str]], targets: Sequence[list[str]], mark: list[str]
    ) -> list[np.ndarray]:
        """The log-probability of every piece of given rows and of the end after them."""
        scored = self._run(
            "score_batch",
            list(sources),
            [mark + pieces for pieces in targets],
            max_batch_size=TOGETHER,
            max_input_length=0,
        )
        return [np.asarray(one.log_probs, np.float32)[len(mark) :] for one in scored]


class _HubCutter:
    """By the tokenizer of transformers."""

    def __init__(self, pieces: HubPieces) -> None:
        self.pieces = pieces

    def spelled(self, source: str, target: str) -> tuple[str, str] | None:
        return self.pieces.spelled(source, target)

    def source(self, text: str, source: str, target: str) -> list[str]:
        return self._strings(self.pieces.source(text, source, target))

    def target(self, text: str) -> tuple[list[str], tuple[Span, ...]]:
        cut = self.pieces.target(text)
        return self._strings(cut.ids), cut.offsets

    def mark(self, target: str) -> list[str]:
        return self._strings(self.pieces.mark(target))

    def text(self, pieces: Sequence[str]) -> str:
        tokenizer: Any = self.pieces.tokenizer
        return self.pieces.text(tokenizer.convert_tokens_to_ids(list(pieces)))

    def _strings(self, ids: Sequence[int]) -> list[str]:
        tokenizer: Any = self.pieces.tokenizer
        return list(tokenizer.convert_ids_to_tokens(list(ids)))


class _SpmCutter:
    """By a SentencePiece file for each side, for the pair that the folder's name ends in."""

    def __init__(self, folder: Path) -> None:
        import sentencepiece

        named = PAIR.search(folder.resolve().name)
        if named is None:
            raise ResourceError(
                "The model does not say which languages it translates",
                where=folder,
                fix="Let the name of its folder end in the pair, such as -eng-yor",
            )
        self.pair = (Language.parse(named["source"]).code, Language.parse(named["target"]).code)
        self.one, self.other = (sentencepiece.SentencePieceProcessor(model_file=str(folder / name)) for name in SPM)
        config = folder / "config.json"
        settings = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
        self.ending = [] if settings.get("add_source_eos") else [END]

    def spelled(self, source: str, target: str) -> tuple[str, str] | None:
        served = find(source, [self.pair[0]]) and find(target, [self.pair[1]])
        return self.pair if served else None

    def source(self, text: str, source: str, target: str) -> list[str]:
        return [*self.one.encode(clean(text), out_type=str), *self.ending]

    def target(self, text: str) -> tuple[list[str], tuple[Span, ...]]:
        cut = self.other.encode(clean(text), return_type="offset_mapping")
        return cut["pieces"], tuple(trimmed(text, *span) for span in cut["offsets"])

    def mark(self, target: str) -> list[str]:
        return []

    def text(self, pieces: Sequence[str]) -> str:
        return str(self.other.decode(list(pieces)))


def _cutter(folder: Path) -> Cutter:

    if (folder / "tokenizer_config.json").is_file() or (folder / "tokenizer.json").is_file():
        return _HubCutter(load_tokenizer(str(folder), str(folder.resolve())))
    if all((folder / name).is_file() for name in SPM):
        return _SpmCutter(folder)
    raise ResourceError(
        "There is no tokenizer beside the model",
        where=folder,
        fix=f"Copy tokenizer_config.json and its files, or {' and '.join(SPM)}, into the folder",
    )

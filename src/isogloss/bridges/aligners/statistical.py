"""Links from how often words occur together, learnt from the sentence pairs themselves (package ``sil-thot``)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from annotated_types import Ge

from isogloss.bridges.base import Aligner, Bitext, Links, Span
from isogloss.errors import ResourceError

Words = list[str]

CHAINS = {
    "ibm1": ("Ibm1AlignmentModel",),
    "hmm": ("Ibm1AlignmentModel", "HmmAlignmentModel"),
    "fast_align": ("FastAlignModel",),
    "eflomal": ("EflomalAlignmentModel",),
}
"""Each model after the one that it starts from."""

HEURISTICS = {
    "intersection": "INTERSECTION",
    "union": "UNION",
    "grow_diag": "GROW_DIAG",
    "grow_diag_final_and": "GROW_DIAG_FINAL_AND",
}


@dataclass(frozen=True, kw_only=True)
class StatisticalAligner(Aligner):
    """A word model trained in both directions on the sentence pairs of the call, and on more where they are given.

    It needs no knowledge of the languages, but many sentence pairs: links of a sentence depend on all of the call.

    Attributes:
        model: ``ibm1`` (Brown et al., 1993: word translation alone), ``hmm`` (Vogel et al., 1996: and jumps), from
            ``ibm1``, ``fast_align`` (Dyer et al., NAACL 2013: and closeness to the diagonal), or ``eflomal`` (Östling
            and Tiedemann, 2016: Gibbs sampling with fertilities; the best on few sentences, and by far the slowest).
        iterations: rounds of expectation maximisation of each model; ``eflomal`` has a schedule of its own.
        heuristic: how the links of the two directions become one set (Koehn et al., NAACL 2003).
        extra: sentence pairs of the same two languages, in the same direction, to learn from besides.
    """

    model: Literal["fast_align", "hmm", "ibm1", "eflomal"] = "fast_align"
    iterations: Annotated[int, Ge(1)] = 5
    heuristic: Literal["intersection", "union", "grow_diag", "grow_diag_final_and"] = "grow_diag_final_and"
    extra: tuple[Bitext, ...] = ()

    @property
    def name(self) -> str:
        return self.model

    def __call__(self, bitexts: Sequence[Bitext], source: str, target: str) -> list[Links]:
        """Links of each sentence pair.

        Raises:
            ResourceError: the package is missing, or a sentence is longer than the model takes.
        """
        thot = _thot()
        pairs = [_words(bitext) for bitext in bitexts]
        corpus = [(left, right) for left, right in [*pairs, *map(_words, self.extra)] if left and right]
        if not corpus:
            return [frozenset() for _ in bitexts]
        forward = self._trained(thot, corpus)
        backward = self._trained(thot, [(right, left) for left, right in corpus])
        aligner = thot.SymmetrizedAligner(forward, backward)
        aligner.heuristic = getattr(thot.SymmetrizationHeuristic, HEURISTICS[self.heuristic])
        return [_links(aligner, left, right) if left and right else frozenset() for left, right in pairs]

    def _trained(self, thot: Any, corpus: Sequence[tuple[Words, Words]]) -> Any:
        model: Any = None
        for name in CHAINS[self.model]:
            model = getattr(thot, name)(model) if model else getattr(thot, name)()
            most = model.max_sentence_length
            if longest := max((len(words) for pair in corpus for words in pair if len(words) > most), default=0):
                raise ResourceError(
                    f"A sentence of {longest} words is longer than {self.model} takes ({most})", fix="Split it"
                )
            if not model.num_sentence_pairs:  # a model that starts from another has its sentence pairs
                for left, right in corpus:
                    model.add_sentence_pair(left, right)
            model.start_training()
            for _ in range(model.scheduled_iterations if self.model == "eflomal" else self.iterations):
                model.train()
            model.end_training()
        return model


def _links(aligner: Any, left: Words, right: Words) -> Links:
    _, matrix = aligner.get_best_alignment(left, right)
    rows, columns = matrix.to_numpy().nonzero()
    return frozenset(zip(rows.tolist(), columns.tolist(), strict=True))


def _words(bitext: Bitext) -> tuple[Words, Words]:
    return list(_folded(bitext.source, bitext.source_units)), list(_folded(bitext.target, bitext.target_units))


def _folded(text: str, units: Sequence[Span]) -> Iterator[str]:
    """Words without case: with few sentence pairs every occurrence counts."""
    return (text[start:end].casefold() for start, end in units)


def _thot() -> Any:
    try:
        import thot.alignment
    except ImportError as error:
        raise ResourceError(
            "Statistical alignment needs the package sil-thot, which is not installed",
            fix="pip install 'isogloss[align]'",
        ) from error
    return thot.alignment

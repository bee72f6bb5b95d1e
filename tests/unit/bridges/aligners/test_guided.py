"""Links from attention: the right words, both directions, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from isogloss.bridges.aligners import GuidedAligner, load_aligner
from isogloss.bridges.base import Ability, Attention, Bitext, Translation, Translator
from isogloss.errors import ResourceError
from isogloss.languages import units


class Mirror(Translator):
    """Reads the sentence from its end: the n-th word looks at the n-th from behind, and a little at its neighbours."""

    id = "mirror"
    version = "1"
    abilities: frozenset[Ability] = frozenset({"attend"})

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = pairs

    def serves(self, source: str, target: str) -> bool:
        return (source, target) in self.pairs

    def translate(
        self, texts: Sequence[str], source: str, target: str, *, best: int = 1
    ) -> list[tuple[Translation, ...]]:
        raise NotImplementedError

    def attend(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> list[Attention]:
        assert self.serves(source, target)
        result = []
        for left, right in pairs:
            s, t = halves(left), halves(right)
            weights = np.full((len(t), len(s)), 0.05)
            for n in range(min(len(t), len(s))):
                weights[n, len(s) - 1 - n] = 0.7
            result.append(Attention(weights_TS=weights, source_offsets=tuple(s), target_offsets=tuple(t)))
        return result


def halves(text: str) -> list[tuple[int, int]]:
    """Two pieces a word."""
    return [half for start, end in units(text) for half in ((start, start + 1), (start + 1, end))]


def bitext(source: str, target: str) -> Bitext:
    return Bitext(source=source, target=target, source_units=tuple(units(source)), target_units=tuple(units(target)))


EXAMPLES = [bitext("one two three", "drei zwei eins"), bitext("yes sir", "mein Herr ja doch")]
EXPECTED = [{(2, 0), (1, 1), (0, 2)}, {(1, 0), (0, 1)}]


@pytest.mark.parametrize("rule", ["argmax", "threshold"])
def test_target_words_go_to_where_their_pieces_look(rule: str) -> None:
    aligner = GuidedAligner(translator=Mirror(("eng", "deu")), rule=rule)  # type: ignore[arg-type]
    assert aligner(EXAMPLES, "eng", "deu") == EXPECTED


def test_a_translator_of_the_other_direction_serves_too() -> None:
    aligner = GuidedAligner(translator=Mirror(("deu", "eng")))
    turned = [bitext(b.target, b.source) for b in EXAMPLES]
    assert aligner(EXAMPLES, "eng", "deu") == [
        {(right, left) for left, right in links} for links in aligner(turned, "deu", "eng")
    ]
    assert aligner(EXAMPLES[:1], "eng", "deu") == EXPECTED[:1]


def test_the_threshold_says_how_much_a_look_must_weigh() -> None:
    low = GuidedAligner(translator=Mirror(("eng", "deu")), rule="threshold", threshold=0.05)
    assert len(low(EXAMPLES[:1], "eng", "deu")[0]) == 9
    high = GuidedAligner(translator=Mirror(("eng", "deu")), threshold=0.71)
    assert high(EXAMPLES, "eng", "deu") == [set(), set()]


def test_nothing_is_linked_to_an_empty_sentence_or_by_no_attention() -> None:
    aligner = GuidedAligner(translator=Mirror(("eng", "deu")), threshold=0.0)
    assert aligner([bitext("", "ja"), bitext("yes", "")], "eng", "deu") == [set(), set()]
    assert not aligner._linked(np.zeros((2, 3))).any()


def test_what_cannot_be_done_is_said() -> None:
    with pytest.raises(ResourceError, match="serves neither eng-fra nor fra-eng"):
        GuidedAligner(translator=Mirror(("eng", "deu")))(EXAMPLES, "eng", "fra")
    blind = Mirror(("eng", "deu"))
    blind.abilities = frozenset()
    with pytest.raises(ResourceError, match="mirror does not show its attention"):
        GuidedAligner(translator=blind)(EXAMPLES, "eng", "deu")
    with pytest.raises(ResourceError, match="needs a translator"):
        load_aligner("guided")(EXAMPLES, "eng", "deu")
    assert isinstance(load_aligner("guided").with_translator(blind), GuidedAligner)

"""Statistical aligners on an invented language whose dictionary is known."""

from __future__ import annotations

import random
import sys

import pytest

from isogloss.bridges.aligners import EncoderAligner, StatisticalAligner, load_aligner
from isogloss.bridges.base import Bitext
from isogloss.errors import ResourceError
from isogloss.languages import units

pytest.importorskip("thot")
WORDS = ("cat", "dog", "bird", "sees", "hears", "red", "big", "small", "house", "tree", "river", "stone", "runs")
MODELS = ("ibm1", "hmm", "fast_align", "eflomal")


def bitext(source: str, target: str) -> Bitext:
    return Bitext(source=source, target=target, source_units=tuple(units(source)), target_units=tuple(units(target)))


def corpus(seed: int, count: int = 60) -> list[Bitext]:
    """Sentences of distinct words and their ciphers in the same order."""
    generator = random.Random(seed)
    sentences = [generator.sample(WORDS, generator.randint(2, 5)) for _ in range(count)]
    return [bitext(" ".join(words), " ".join(word[::-1].upper() + "o" for word in words)) for words in sentences]


@pytest.mark.parametrize("model", MODELS)
def test_the_dictionary_is_found(model: str) -> None:
    given = corpus(1)
    found = load_aligner(model)(given, "eng", "deu")
    assert found == load_aligner(model)(given, "eng", "deu")  # the same again
    right = sum(len(links & {(n, n) for n in range(9)}) for links in found)
    gold = sum(len(b.source_units) for b in given)
    assert right / gold > 0.9
    assert right / sum(map(len, found)) > 0.9


def test_more_sentences_help_with_few() -> None:
    few = corpus(2, 2)
    links = {(n, n) for n in range(5)}
    helped = StatisticalAligner(extra=tuple(corpus(3)), model="ibm1")(few, "eng", "deu")
    assert helped == [frozenset(pair for pair in links if pair[0] < len(b.source_units)) for b in few]


def test_the_intersection_has_no_link_that_the_union_lacks() -> None:
    given = corpus(4)
    small, large = (StatisticalAligner(heuristic=h)(given, "eng", "deu") for h in ("intersection", "union"))
    assert all(a <= b for a, b in zip(small, large, strict=True))


def test_sentences_without_words_have_no_links() -> None:
    aligner = StatisticalAligner(model="ibm1")
    assert aligner([bitext("", "nichts"), bitext("", "")], "eng", "deu") == [frozenset(), frozenset()]
    assert aligner([], "eng", "deu") == []
    found = aligner([bitext("", "nichts"), *corpus(5)], "eng", "deu")
    assert found[0] == frozenset()
    assert all(found[1:])


def test_too_long_a_sentence_is_refused() -> None:
    long = " ".join(["word"] * 2000)
    with pytest.raises(ResourceError, match="2000 words is longer than fast_align takes"):
        StatisticalAligner()([bitext(long, long)], "eng", "deu")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thot.alignment", None)
    with pytest.raises(ResourceError, match=r"sil-thot.*isogloss\[align\]"):
        StatisticalAligner()(corpus(6, 1), "eng", "deu")


def test_aligners_go_by_name() -> None:
    assert load_aligner("encoder") == EncoderAligner()
    assert load_aligner("hmm") == StatisticalAligner(model="hmm")
    with pytest.raises(ResourceError, match=r"Unknown aligner 'fastalign'\. Did you mean 'fast_align'\?"):
        load_aligner("fastalign")

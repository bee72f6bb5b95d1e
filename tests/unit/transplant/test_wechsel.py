"""WECHSEL: alignment, neighbours and what it needs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isogloss import Backbone
from isogloss.errors import DataError, ResourceError
from isogloss.transplant.base import Swap
from isogloss.transplant.initialisers import find_initialiser
from isogloss.transplant.initialisers.wechsel import Wechsel, nearest_rows, procrustes, read_lexicon
from isogloss.transplant.tokens import Tokens

WORDS = [
    "the",
    "girl",
    "my",
    "uncle",
    "a",
    "farmer",
    "saw",
    "sold",
    "red",
    "small",
    "bread",
    "soup",
    "rice",
    "old",
    "king",
    "found",
]
SMALL = Wechsel(dim=8, epochs=1)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def swap(tiny_backbone: Path) -> Swap:
    """The same tokenizer, and text in two languages: the second spells every word backwards with an o."""
    whole = Tokens.of(Backbone.load(str(tiny_backbone)).tokenizer())
    chosen = random.Random(1)
    old = [" ".join(chosen.choices(WORDS, k=8)) for _ in range(80)]
    new = [" ".join(word[::-1] + "o" for word in text.split()) for text in old]
    rows = draw(1, whole.size, 12).float()
    return Swap(rows_VD=rows, old=whole, new=whole, texts=new, old_texts=old)


@pytest.fixture
def lexicon(tmp_path: Path) -> str:
    path = tmp_path / "eng-yor.tsv"
    path.write_text("".join(f"{word}\t{word[::-1]}o\n" for word in WORDS), encoding="utf-8")
    return str(path)


def test_a_planted_turn_is_found_and_is_orthogonal() -> None:
    planted = torch.linalg.qr(draw(1, 9, 9)).Q
    vectors = draw(2, 40, 9)
    found = procrustes(vectors, vectors @ planted * 3)
    assert torch.allclose(found, planted, atol=1e-12)
    noisy = procrustes(vectors, vectors @ planted + 0.3 * draw(3, 40, 9))
    assert torch.allclose(noisy @ noisy.T, torch.eye(9).double(), atol=1e-12)
    assert (noisy - planted).norm() < (noisy - torch.eye(9)).norm()


def test_neighbours_are_weighted_by_softmax_of_the_cosine() -> None:
    new, old, rows = draw(1, 20, 6), draw(2, 50, 6), draw(3, 50, 4)
    found = nearest_rows(new, old, rows, most=10, temperature=0.1)
    for vector, row in zip(new, found, strict=True):
        cosines = torch.nn.functional.cosine_similarity(vector[None], old, dim=1)
        best = cosines.argsort(descending=True)[:10]
        shares = (cosines[best] / 0.1).exp()
        assert torch.allclose(row, (shares / shares.sum()) @ rows[best], atol=1e-12)
    nearest = (torch.nn.functional.normalize(new, dim=1) @ torch.nn.functional.normalize(old, dim=1).T).argmax(1)
    assert torch.allclose(nearest_rows(new, old, rows, most=10, temperature=1e-6), rows[nearest], atol=1e-9)
    assert torch.allclose(nearest_rows(new, old, rows, most=99, temperature=1e9), rows.mean(0), atol=1e-6)


def test_the_same_tokenizer_does_not_give_the_same_matrix(swap: Swap) -> None:
    rows = SMALL(replace(swap, texts=swap.old_texts))
    made = [i for i, how in enumerate(rows.how) if how == "approximated"]
    assert len(made) > 10
    assert not torch.allclose(rows.rows_ND[made], swap.rows_VD[made], atol=0.1)
    special = [i for i in swap.new.special if i in swap.shared]
    assert special
    assert torch.equal(rows.rows_ND[special], swap.rows_VD[[swap.shared[i] for i in special]])
    cold = Wechsel(dim=8, epochs=1, temperature=1e-6)(replace(swap, texts=swap.old_texts))
    whole_words = [swap.new.ids[f" {word}".encode()] for word in WORDS if f" {word}".encode() in swap.new.ids]
    near = torch.isclose(cold.rows_ND[whole_words], swap.rows_VD[whole_words], atol=1e-4).all(1)
    assert near.double().mean() > 0.8  # tokens of one text can have one vector


def test_old_tokens_without_a_vector_are_nobodys_neighbours(swap: Swap) -> None:
    words = SMALL.word_vectors(swap.old_texts, seed=swap.seed)
    bare = ~words.of_tokens(swap.old, len(swap.rows_VD)).any(1)
    assert bare.sum() > 10
    marked = swap.rows_VD.clone()
    marked[bare] = 1e6
    same = replace(swap, texts=swap.old_texts, rows_VD=marked)
    rows = SMALL(same)
    made = [i for i, how in enumerate(rows.how) if how == "approximated"]
    assert rows.rows_ND[made].abs().max() < 10


def test_the_lexicon_joins_the_languages(swap: Swap, lexicon: str) -> None:
    with pytest.raises(ResourceError, match=r"^No pair of words occurs in the texts of both languages\. Give a larger"):
        SMALL(swap)
    rows = replace(SMALL, lexicon=lexicon)(swap)
    assert rows.counts()["approximated"] > 5
    assert rows.notes[0].startswith(f"{len(WORDS)} pairs of words from the lexicon: few")
    same = SMALL(replace(swap, texts=swap.old_texts))
    assert "spelt alike" in same.notes[0]


def test_a_lexicon_is_two_columns(tmp_path: Path, lexicon: str) -> None:
    assert read_lexicon(lexicon)[0] == ("the", "ehto")
    with pytest.raises(ResourceError, match="There is no lexicon 'nowhere'"):
        read_lexicon("nowhere")
    path = tmp_path / "bad.tsv"
    path.write_text("one\tuno\n\ntwo\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.tsv:3: A line of a lexicon is two words parted by a tab\.$"):
        read_lexicon(str(path))


def test_text_of_either_language_that_is_missing_is_one_sentence(swap: Swap) -> None:
    with pytest.raises(
        ResourceError, match=r"^WECHSEL needs raw text in the language of the old tokenizer\. Give some"
    ):
        SMALL(replace(swap, old_texts=()))
    with pytest.raises(
        ResourceError, match=r"^WECHSEL needs raw text in the language of the new tokenizer\. Give some"
    ):
        SMALL(replace(swap, texts=()))


def test_its_name_finds_it() -> None:
    assert find_initialiser("wechsel") == Wechsel()

"""FOCUS against its definition, and its identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from isogloss import Backbone
from isogloss.errors import ResourceError
from isogloss.transplant.base import Swap
from isogloss.transplant.initialisers import find_initialiser
from isogloss.transplant.initialisers.focus import Focus, similar_rows
from isogloss.transplant.tokens import Tokens

TEXTS = ["the girl saw the red bread", "my uncle sold a small hammer", "a farmer found the old king"] * 30
SMALL = Focus(dim=8, epochs=1)


@pytest.fixture
def swap(tiny_backbone: Path) -> Swap:
    """Every third ordinary token is new."""
    whole = Tokens.of(Backbone.load(str(tiny_backbone)).tokenizer())
    lost = set(sorted(whole.forms)[::3])
    old = replace(whole, forms={i: form for i, form in whole.forms.items() if i not in lost})
    rows = torch.randn(whole.size, 12, generator=torch.Generator().manual_seed(1))
    return Swap(rows_VD=rows, old=old, new=whole, texts=TEXTS)


def by_definition(new: torch.Tensor, anchors: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """One token after the other, in float64, the simplex's nearest point by bisection of its threshold."""
    made = []
    for vector in new.double():
        cosines = torch.nn.functional.cosine_similarity(vector[None], anchors.double(), dim=1)
        low, high = cosines.min() - 1, cosines.max()
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if (cosines - middle).clamp(min=0).sum() > 1 else (low, middle)
        made.append((cosines - low).clamp(min=0) @ rows.double())
    return torch.stack(made)


def draw(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_rows_are_what_the_definition_says() -> None:
    new, anchors, rows = draw(1, 20, 16), draw(2, 300, 16), draw(3, 300, 7)
    found = similar_rows(new, anchors, rows)
    assert torch.allclose(found.double(), by_definition(new, anchors, rows), atol=1e-5)
    assert (found.norm(dim=1) <= rows.norm(dim=1).max()).all()
    assert torch.equal(similar_rows(new[:0], anchors, rows), rows[:0])


def test_a_token_like_one_anchor_and_unlike_all_others_copies_its_row() -> None:
    anchors, rows = torch.eye(6), draw(3, 6, 7)
    assert torch.allclose(similar_rows(anchors[[4]] * 3, anchors, rows), rows[[4]])


def test_the_same_tokenizer_gives_the_same_matrix(swap: Swap) -> None:
    same = replace(swap, old=swap.new)
    ids = sorted(same.shared)
    rows = SMALL(same)
    assert torch.equal(rows.rows_ND[ids], same.rows_VD[ids])
    assert rows.counts()["approximated"] == 0


def test_each_token_comes_about_in_its_own_way(swap: Swap) -> None:
    rows = SMALL(swap)
    vectors, _ = SMALL.token_vectors(TEXTS, swap.new, seed=1)
    for i in swap.new.forms:
        made = "exact" if i in swap.shared else "approximated" if vectors[i].any() else "fallback"
        assert rows.how[i] == made
    for i, j in swap.shared.items():
        assert torch.equal(rows.rows_ND[i], swap.rows_VD[j])
    assert rows.counts()["approximated"] > 3
    assert rows.counts()["fallback"] > 3
    anchors = [i for i in sorted(swap.new.forms) if i in swap.shared and vectors[i].any()]
    wanted = [i for i, how in enumerate(rows.how) if how == "approximated"]
    made_rows = by_definition(vectors[wanted], vectors[anchors], swap.rows_VD[[swap.shared[i] for i in anchors]])
    assert torch.allclose(rows.rows_ND[wanted].double(), made_rows, atol=1e-5)
    assert torch.equal(SMALL(swap).rows_ND, rows.rows_ND)
    other = SMALL(replace(swap, rows_VD=2 * swap.rows_VD, side="output"))
    assert torch.allclose(other.rows_ND[wanted], 2 * rows.rows_ND[wanted], atol=1e-5)


@pytest.mark.parametrize(
    ("texts", "shared", "sentence"),
    [
        ((), True, r"trained on raw text and there is none\. Give texts or a donor\.$"),
        (TEXTS, False, r"^The two vocabularies share no ordinary token that has a vector\. Choose another"),
    ],
)
def test_what_is_missing_is_one_sentence(swap: Swap, texts: Sequence[str], shared: bool, sentence: str) -> None:
    old = swap.old if shared else replace(swap.old, forms={})
    with pytest.raises(ResourceError, match=sentence):
        SMALL(replace(swap, texts=texts, old=old))


def test_its_name_finds_it() -> None:
    assert find_initialiser("focus") == Focus()

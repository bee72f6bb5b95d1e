"""Tokenizers drawn from text: what is in them, how many, and that they differ."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from isogloss.transplant.sampler import Sampler, candidates, sampled

TEXTS = ["the girl saw bread", "my uncle sold the hammer", "ọmọ náà rí àkàrà ńlá", "东京 東京タワーへ行きました"]


@pytest.fixture(scope="module")
def tokenizer(tiny_backbone: Path) -> object:
    return AutoTokenizer.from_pretrained(tiny_backbone)


def sampler(tokenizer: object, **changes: int) -> Sampler:
    made = Sampler(tokenizer, **{"size": 70, "pool": 8, **changes})  # type: ignore[arg-type]
    made.push(TEXTS)
    return made


def test_all_characters_are_in_and_the_size_is_exact(tokenizer: object) -> None:
    made = sampler(tokenizer)
    letters = {c for word in made.words for c in word}
    for _ in range(5):
        drawn = made.sample()
        assert letters <= set(drawn.pieces)
        assert len(drawn.pieces) == len(set(drawn.pieces)) == 70 > len(letters)
        assert drawn.engine.get_vocab_size() == 71


def test_characters_are_never_left_out_for_the_sake_of_the_size(tokenizer: object) -> None:
    made = sampler(tokenizer, size=5)
    assert set(made.sample().pieces) == {c for word in made.words for c in word}


def test_the_seed_decides_and_every_draw_is_another(tokenizer: object) -> None:
    one, same, other = (sampler(tokenizer, seed=seed) for seed in (1, 1, 2))
    first, second = one.sample(), one.sample()
    again = same.sample()
    assert (first.pieces, first.scores) == (again.pieces, again.scores)
    assert first.scores != second.scores
    assert first.scores != other.sample().scores


@settings(max_examples=30, deadline=None)
@given(text=st.lists(st.sampled_from("abcdeé京"), min_size=1, max_size=60).map("".join))
def test_candidates_are_the_substrings_from_every_fourth_character(text: str) -> None:
    expected = Counter(
        text[start:end]
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if start % 4 == 0 and end - start <= 16
    )
    assert candidates(Counter([text])) == expected


def test_the_pool_forgets_the_oldest_texts(tokenizer: object) -> None:
    made = sampler(tokenizer, pool=2)
    assert made.words == Counter(f"▁{word}" for text in TEXTS[2:] for word in text.split())
    made.push(["a b", "a c"])
    assert made.words == Counter({"▁a": 2, "▁b": 1, "▁c": 1})


def test_texts_of_the_pool_are_cut_without_loss(tokenizer: object) -> None:
    made = sampler(tokenizer)
    for _ in range(5):
        drawn = made.sample()
        for text in TEXTS:
            cut = drawn.engine.encode(text)
            assert 0 not in cut.ids
            assert "".join(drawn.pieces[i - 1] for i in cut.ids) == "".join(f"▁{word}" for word in text.split())


def test_the_best_score_is_chosen() -> None:
    drawn = sampled(["▁", "a", "b", "ab", "▁a"], [-5.0, -4.0, -4.0, -3.0, -1.0])
    assert drawn.engine.encode("ab").tokens == ["▁a", "b"]  # -5 against -8 for "▁" and "ab"
    assert drawn.forms == [b" ", b"a", b"b", b"ab", b" a"]


def test_no_text_no_tokenizer(tokenizer: object) -> None:
    with pytest.raises(ValueError, match="no text"):
        Sampler(tokenizer).sample()  # type: ignore[arg-type]

"""Vectors trained on text: the same every time, none for what is rare."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from isogloss import Backbone
from isogloss.errors import ResourceError
from isogloss.transplant import vectors
from isogloss.transplant.tokens import Tokens
from isogloss.transplant.vectors import FastText

PROGRAM = """
from isogloss.transplant.vectors import FastText
words = "the girl saw a small red house and sold bread to an old king".split()
texts = [" ".join(words[i % 13] for i in range(n, n + 9)) for n in range(60)]
trained = FastText(dim=8, epochs=1).word_vectors(texts, seed=3)
print(trained.known, trained.of_words(trained.known).sum().item().hex())
"""


@pytest.fixture
def tokens(tiny_backbone: Path) -> Tokens:
    return Tokens.of(Backbone.load(str(tiny_backbone)).tokenizer())


def texts(count: int = 80) -> list[str]:
    draw = random.Random(1)
    words = ["the", "girl", "my", "uncle", "a", "farmer", "saw", "sold", "red", "small", "bread", "soup", "rice"]
    return [" ".join(draw.choices(words, k=8)) for _ in range(count)]


def test_the_same_text_gives_the_same_vectors_whatever_the_hash_seed() -> None:
    def run(seed: str) -> str:
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout

    assert run("1") == run("2")


def test_tokens_that_are_too_rare_have_no_vector(tokens: Tokens) -> None:
    found, note = FastText(dim=8, epochs=1).token_vectors([*texts(), "needle"], tokens, seed=1)
    assert found.shape == (tokens.size, 8)
    assert found[tokens.ids[b" soup"]].any()
    assert not found[list(tokens.special)].any()
    rare = tokens.ids[b" needle"] if b" needle" in tokens.ids else tokens.ids["привет"[:1].encode()]
    assert not found[rare].any()
    with_vector = int(found.any(1).sum())
    assert f"Vectors of {with_vector:,} of {len(tokens.forms):,} new tokens, those that occur 2 times" in note


def test_short_text_needs_fewer_occurrences() -> None:
    trained = FastText()
    assert [trained.fewest(n) for n in (0, 10**5, 5 * 10**5, 10**6, 10**9)] == [2, 2, 5, 10, 10]
    assert FastText(min_count=1).fewest(10**9) == 1


def test_vectors_are_trained_once_a_text_and_setting(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_kept", {})
    small = FastText(dim=4, epochs=1)
    first, _ = small.token_vectors(texts(), tokens, seed=1)
    assert len(vectors._kept) == 1
    again, _ = small.token_vectors(texts(), tokens, seed=1)
    assert len(vectors._kept) == 1
    assert torch.equal(first, again)
    small.token_vectors(texts(), tokens, seed=2)
    FastText(dim=4, epochs=2).token_vectors(texts(), tokens, seed=1)
    small.token_vectors(texts(40), tokens, seed=1)
    assert len(vectors._kept) == 4
    FastText(dim=5, epochs=1).token_vectors(texts(), tokens, seed=1)
    assert len(vectors._kept) == 4


def test_a_token_read_as_a_word_is_made_of_parts_that_training_saw(tokens: Tokens) -> None:
    words = FastText(dim=8, epochs=1).word_vectors(texts(), seed=1)
    found = words.of_tokens(tokens, tokens.size)
    assert torch.equal(found[tokens.ids[b" soup"]], words.of_words(["soup"])[0])
    cyrillic = next(i for i, form in tokens.forms.items() if "а" in form.decode())
    assert not found[cyrillic].any()
    assert not found[list(tokens.special)].any()
    assert words.of_tokens(tokens, 7).shape == (7, 8)


def test_no_text_and_no_gensim_are_one_sentence(tokens: Tokens, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match=r"^Vectors of tokens are trained on raw text and there is none\. Give "):
        FastText().token_vectors([], tokens, seed=1)
    with pytest.raises(ResourceError, match=r"^No token occurs 2 times in the text"):
        FastText().token_vectors(["the girl"], tokens, seed=1)
    blocked: dict[str, Any] = {"gensim": None, "gensim.models": None}
    for name, value in blocked.items():
        monkeypatch.setitem(sys.modules, name, value)
    with pytest.raises(ResourceError, match=r"gensim, which is not installed\. pip install isogloss\[adapt\]\.$"):
        FastText(dim=9).token_vectors(texts(), tokens, seed=1)

"""Span corruption: what is masked, how much of it, and that nothing is lost."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import ByT5Tokenizer, T5Tokenizer

from isogloss.errors import DataError, ResourceError
from isogloss.train.corruption import BYT5_SENTINELS, corrupt, count_spans, find_sentinels, restore

EOS = 1
SENTINELS = range(999, 899, -1)


def t5() -> T5Tokenizer:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((c, -3.0) for c in "abcdefgh")]
    return T5Tokenizer(vocab=pieces)


def layout(inputs: list[int], targets: list[int], sentinels: range) -> tuple[list[int], list[int]]:
    """Lengths of the kept stretches and of the spans."""
    kept: list[int] = [0]
    spans: list[int] = []
    for token in inputs[:-1]:
        kept = [*kept, 0] if token in sentinels else [*kept[:-1], kept[-1] + 1]
    for token in targets[:-1]:
        spans = [*spans, 0] if token in sentinels else [*spans[:-1], spans[-1] + 1]
    return kept, spans


@settings(deadline=None)  # a busy machine is no failure
@given(
    length=st.integers(2, 400),
    density=st.floats(0.01, 0.99),
    mean_span=st.floats(1.0, 30.0),
    seed=st.integers(0, 2**32),
)
def test_nothing_is_lost_and_the_amounts_are_right(length: int, density: float, mean_span: float, seed: int) -> None:
    sentinels = range(1999, 1599, -1)
    ids = Random(seed).choices(range(2, 800), k=length)
    inputs, targets = corrupt(
        ids, sentinels=sentinels, eos=EOS, generator=Random(seed), density=density, mean_span=mean_span
    )
    assert restore(inputs, targets, sentinels=sentinels) == ids
    assert inputs[-1] == targets[-1] == EOS

    kept, spans = layout(inputs, targets, sentinels)
    masked = sum(spans)
    assert abs(masked - round(len(ids) * density)) <= 1
    possible = min(masked, len(ids) - masked + 1)
    assert len(spans) == len(kept) - 1 == min(max(1, round(masked / mean_span)), possible)
    assert min(spans) > 0
    assert all(kept[1:-1])  # spans that touched would be one span
    order = list(sentinels[: len(spans)])
    assert [token for token in inputs if token in sentinels] == order
    assert [token for token in targets if token in sentinels] == order


def test_every_length_comes_back() -> None:
    for length in range(2, 500):
        ids = list(range(2, 2 + length))
        inputs, targets = corrupt(ids, sentinels=SENTINELS, eos=EOS, generator=Random(length))
        assert restore(inputs, targets, sentinels=SENTINELS) == ids
        assert len(inputs) + len(targets) == length + 2 * count_spans(length)[1] + 2


def test_the_published_settings() -> None:
    assert count_spans(512) == (77, 26)
    assert count_spans(1024, mean_span=20) == (154, 8)
    assert count_spans(256, mean_span=20) == (38, 2)
    assert count_spans(2) == (1, 1)


def test_every_layout_is_as_likely_as_any_other() -> None:
    # 3 of 6 masked in 2 spans: 2 ways to cut the spans, C(4, 2) ways to lay two of them among 3 kept tokens.
    draws, generator = 6000, Random(1)
    seen = Counter(
        tuple(
            corrupt([2, 3, 4, 5, 6, 7], sentinels=[8, 9], eos=EOS, generator=generator, density=0.5, mean_span=1.5)[0]
        )
        for _ in range(draws)
    )
    assert len(seen) == 12
    assert all(abs(count - draws / 12) < 5 * (draws / 12) ** 0.5 for count in seen.values())


def test_a_seed_is_a_layout() -> None:
    def once(seed: int) -> tuple[list[int], list[int]]:
        return corrupt(range(2, 202), sentinels=SENTINELS, eos=EOS, generator=Random(seed))

    assert once(3) == once(3)
    assert once(3) != once(4)


def test_sentinels_are_found_by_name() -> None:
    tokenizer = t5()
    found = find_sentinels(tokenizer)
    assert len(found) == 100
    assert tokenizer.convert_ids_to_tokens(list(found[:2])) == ["<extra_id_0>", "<extra_id_1>"]
    assert find_sentinels(ByT5Tokenizer()) == tuple(range(259, 384))


def test_sentinels_that_go_down_are_found_in_their_order() -> None:
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("a", -1.0)]
    down = [(f"<extra_id_{i}>", 0.0) for i in reversed(range(100))]
    assert find_sentinels(T5Tokenizer(vocab=pieces + down)) == tuple(range(103, 3, -1))


@pytest.mark.parametrize(("make", "mean_span"), [(t5, 3.0), (ByT5Tokenizer, 20.0)])
def test_tokenizers_of_the_library(make: type, mean_span: float) -> None:
    tokenizer = make()
    text = "head bad cage " * 30
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    eos = tokenizer.eos_token_id
    inputs, targets = corrupt(
        ids, sentinels=find_sentinels(tokenizer), eos=eos, generator=Random(0), mean_span=mean_span
    )
    assert tokenizer.decode(restore(inputs, targets, sentinels=find_sentinels(tokenizer))).strip() == text.strip()
    assert tokenizer.decode(inputs).count("<extra_id_0>") == 1
    assert inputs[-1] == targets[-1] == eos
    assert targets[0] == find_sentinels(tokenizer)[0]


@settings(deadline=None)  # a busy machine is no failure
@given(text=st.text(min_size=2, max_size=200), seed=st.integers(0, 2**32))
def test_the_sentinels_of_byt5_are_bytes_that_no_text_holds(text: str, seed: int) -> None:
    ids = [byte + 3 for byte in text.encode("utf-8", "replace")]
    inputs, targets = corrupt(ids, sentinels=BYT5_SENTINELS, eos=EOS, generator=Random(seed), mean_span=20)
    assert restore(inputs, targets, sentinels=BYT5_SENTINELS) == ids


def test_a_tokenizer_without_sentinels_is_refused() -> None:
    with pytest.raises(ResourceError, match="no sentinels"):
        find_sentinels(ByT5Tokenizer(extra_ids=0))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([5], "A text of 1 tokens has no span"),
        (range(2, 102), "needs 5 spans, and there are 2 sentinels. Cut texts to about 40 tokens"),
        ([5, 6, 8, 7], "holds the sentinel 8"),
        ([5, 6, 9, 7], "holds the sentinel 9"),  # not used, but it would be taken for the next one
    ],
)
def test_what_cannot_be_corrupted_is_refused(ids: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        corrupt(ids, sentinels=[8, 9], eos=EOS, generator=Random(0))


def test_what_does_not_belong_together_is_not_restored() -> None:
    inputs, targets = corrupt(range(2, 102), sentinels=SENTINELS, eos=EOS, generator=Random(0))
    with pytest.raises(DataError, match="do not make a text"):
        restore(inputs, targets[1:], sentinels=SENTINELS)
    with pytest.raises(ValueError, match=r"density 1\.5"):
        corrupt([2, 3], sentinels=SENTINELS, eos=EOS, generator=Random(0), density=1.5)

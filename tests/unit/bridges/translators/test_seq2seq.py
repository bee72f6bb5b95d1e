"""Models of transformers: searching, scoring and stepping are three views of one distribution."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_model import save_tiny

from isogloss.bridges.translators import load_translator
from isogloss.bridges.translators.batching import limits
from isogloss.bridges.translators.hub_pieces import HubPieces
from isogloss.bridges.translators.seq2seq import Seq2SeqTranslator
from isogloss.errors import ResourceError

TEXTS = ["the king sold the red house", "the house", "red, the king?"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, single_thread: None) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    return {kind: save_tiny(base / f"{kind}-eng-por", kind) for kind in ("plain", "nllb", "marian")}


@pytest.fixture(scope="module", params=["plain", "nllb", "marian"])
def translator(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Seq2SeqTranslator:
    if request.param == "marian":
        pytest.importorskip("sentencepiece")
    return Seq2SeqTranslator(str(folders[request.param]), beam=2)


def test_greedy_is_the_best_piece_at_every_step(translator: Seq2SeqTranslator) -> None:
    greedy, decoder = Seq2SeqTranslator(translator.id, beam=1), translator.decoder("eng", "por")
    for text in TEXTS:
        ((found,),) = greedy.translate([text], "eng", "por")
        state, last, taken, total = decoder.begin(text), None, [], 0.0
        (most,) = limits([len(greedy.vocabulary.source(text, "eng", "por"))])
        limit = min(64 - len(greedy._start("por")), most)
        while len(taken) < limit and decoder.end not in taken:
            log_probs, state = decoder.step(state, last)
            taken.append(int(log_probs.argmax()))
            total += float(log_probs.max())
            last = taken[-1:]
        assert found.text == translator.vocabulary.text(taken)
        assert found.score == pytest.approx(total / len(taken), abs=1e-4)


def test_scores_are_those_of_the_steps(translator: Seq2SeqTranslator) -> None:
    pairs = [(TEXTS[0], "o rei vermelha"), (TEXTS[1], "a casa, é o rei"), (TEXTS[2], "")]
    decoder = translator.decoder("eng", "por")
    for (source, target), scored in zip(pairs, translator.score(pairs, "eng", "por"), strict=True):
        ids, offsets = decoder.pieces(target)
        assert tuple(offsets) == scored.offsets
        log_probs, state = decoder.step(decoder.begin(source), None)
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-4)
        stepped = []
        for piece in [*ids, decoder.end]:
            stepped.append(log_probs[0, piece])
            log_probs, state = decoder.step(state, [piece])
        np.testing.assert_allclose(scored.log_probs, stepped, atol=1e-4)


def test_selected_hypotheses_are_themselves_and_states_stay_as_they_are(translator: Seq2SeqTranslator) -> None:
    decoder = translator.decoder("eng", "por")
    first, state = decoder.step(decoder.begin(TEXTS[0]), None)
    both, after = decoder.step(decoder.select(state, [0, 0]), [5, 7])
    assert not np.allclose(both[0], both[1])
    turned, _ = decoder.step(decoder.select(after, [1, 0, 1]), [8, 8, 9])
    straight, _ = decoder.step(after, [8, 8])
    np.testing.assert_allclose(turned[:2], straight[::-1], atol=1e-5)
    alone, _ = decoder.step(state, [7])
    np.testing.assert_allclose(alone[0], both[1], atol=1e-5)
    again, _ = decoder.step(decoder.begin(TEXTS[0]), None)
    np.testing.assert_allclose(again, first, atol=1e-6)
    with pytest.raises(ValueError, match="first step"):
        decoder.step(state, None)


def test_two_selections_are_one(translator: Seq2SeqTranslator) -> None:
    decoder = translator.decoder("eng", "por")
    _, state = decoder.step(decoder.begin("the king"), None)
    _, state = decoder.step(decoder.select(state, [0, 0, 0]), [5, 7, 9])
    twice, _ = decoder.step(decoder.select(decoder.select(state, [2, 0, 1]), [1, 2]), [8, 8])
    once, _ = decoder.step(decoder.select(state, [0, 1]), [8, 8])
    other, _ = decoder.step(decoder.select(state, [2, 1]), [8, 8])
    assert np.abs(twice - once).max() < 1e-5
    assert np.abs(twice - other).max() > 1e-3


def test_several_translations_the_best_first(translator: Seq2SeqTranslator) -> None:
    found = translator.translate([*TEXTS, " "], "eng", "por", best=3)
    assert [one.text for one in found[-1]] == [""]
    for some in found[:-1]:
        assert 1 <= len(some) <= 3
        assert len({one.text for one in some}) == len(some)
        scores = [one.score or 0 for one in some]
        assert scores == sorted(scores, reverse=True)
    alone = translator.translate(TEXTS[1:2], "eng", "por", best=3)
    assert [one.text for one in alone[0]] == [one.text for one in found[1]]


def test_a_long_sentence_and_a_pair_that_is_not(translator: Seq2SeqTranslator) -> None:
    long = "house " * 5000
    with pytest.raises(ResourceError, match="longer than"):
        translator.translate([long], "eng", "por")
    with pytest.raises(ResourceError, match="longer than"):
        translator.score([("house", long)], "eng", "por")
    with pytest.raises(ResourceError, match="does not translate from eng to deu"):
        translator.decoder("eng", "deu")
    assert not translator.serves("eng", "eng")
    assert translator.serves("en", "pt-BR")
    assert translator.translate([], "eng", "por") == []
    assert translator.score([], "eng", "por") == []


@given(st.text(max_size=30))
@settings(deadline=None, max_examples=60)
def test_offsets_lie_in_any_text(translator: Seq2SeqTranslator, text: str) -> None:
    before = (0, 0)
    for start, end in translator.vocabulary.target(text).offsets:
        assert 0 <= start <= end <= len(text)
        assert before <= (start, end)
        before = (start, end)


def test_the_mark_of_the_target_goes_first(folders: dict[str, Path]) -> None:
    nllb = Seq2SeqTranslator(str(folders["nllb"]), beam=1)
    assert nllb.serves("yor", "eng_Latn")
    assert not nllb.serves("yor", "deu")
    mark = nllb.vocabulary.tokenizer.convert_tokens_to_ids("yor_Latn")
    assert nllb._start("yor") == [2, mark]
    assert nllb.vocabulary.source("king", "yor", "eng")[0] == mark
    assert nllb.vocabulary.source("king", "eng", "yor")[0] != mark
    pair = [("the king", "o rei")]
    one, other = (nllb.score(pair, "eng", target)[0].log_probs for target in ("yor", "por"))
    assert not np.allclose(one, other)


@pytest.mark.parametrize(("tokens", "codes"), [
    (["__en__", "__pt__", "__yo__"], {"eng", "por", "yor"}),
    (["en_XX", "pt_XX", "zh_CN"], {"eng", "por", "zho"}),
    (["eng_Latn", "zho_Hant", "srp_Cyrl"], {"eng", "zho_Hant", "srp"}),
])  # fmt: skip
def test_every_family_spells_its_languages(tokens: list[str], codes: set[str]) -> None:
    class Tokenizer:
        all_special_tokens = ("<s>", "</s>", *tokens)
        src_lang = None

        def get_added_vocab(self) -> dict[str, int]:
            return {}

    assert HubPieces.of(Tokenizer(), "some/model").marks.keys() == codes


@pytest.mark.parametrize(("name", "targets", "pair"), [
    ("Helsinki-NLP/opus-mt-en-de", [], ("eng", "deu")),
    ("Helsinki-NLP/opus-mt-tc-big-en-pt", [], ("eng", "por")),
    ("Helsinki-NLP/opus-mt-en-ROMANCE", [">>por<<", ">>fr<<"], ("eng", None)),
])  # fmt: skip
def test_models_of_one_pair_are_told_by_their_name(name: str, targets: list[str], pair: tuple[str, str | None]) -> None:
    class Tokenizer:
        all_special_tokens = ("</s>",)
        supported_language_codes = targets
        taken: list[str]

        def get_added_vocab(self) -> dict[str, int]:
            return {}

        def __call__(self, text: str) -> dict[str, list[int]]:
            return {"input_ids": [len(text)]}

    pieces = HubPieces.of(Tokenizer(), name)
    assert pieces.pair == pair
    if targets:
        assert pieces.spelled("en", "fra") == ("eng", "fra")
        assert pieces.spelled("en", "spa") is None
        assert pieces.source("ab", "eng", "por") == [len(">>por<< ab")]


def test_a_model_that_names_no_languages_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    nameless = tmp_path / "model"
    nameless.symlink_to(folders["plain"])
    with pytest.raises(ResourceError, match="does not say which languages"):
        load_translator(str(nameless))


def test_code_and_pickles_are_refused(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "x-eng-por")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "evil.Model"}}))
    with pytest.raises(ResourceError, match="never does"):
        load_translator(str(folder))
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ResourceError, match="pickle"):
        load_translator(str(folder))


def test_weights_are_part_of_the_version(folders: dict[str, Path]) -> None:
    versions = {Seq2SeqTranslator(str(folder)).version for folder in folders.values()}
    assert len(versions) == 3
    assert Seq2SeqTranslator(str(folders["plain"])).version in versions


def test_a_model_that_is_not_there() -> None:
    with pytest.raises(ResourceError, match=r"The tokenizer of 'nobody/nothing-eng-por' cannot be loaded"):
        load_translator("nobody/nothing-eng-por")

"""Converted models: the eight-bit model says what the model it was made from says, nearly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny_model import save_tiny

from isogloss.bridges.translators import ctranslate2, load_translator
from isogloss.bridges.translators.ctranslate2 import CTranslate2Translator
from isogloss.bridges.translators.seq2seq import Seq2SeqTranslator
from isogloss.errors import ResourceError

converters = pytest.importorskip("ctranslate2.converters")

TEXTS = ["the king sold the red house", "the house"]
PAIRS = [("the king", "o rei vermelha"), ("the red house", "a casa, é o rei")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, single_thread: None) -> dict[str, tuple[Path, Path]]:
    base, made = tmp_path_factory.mktemp("models"), {}
    for kind in ("plain", "nllb"):
        before, after = save_tiny(base / f"{kind}-eng-por", kind), base / f"{kind}-int8-eng-por"
        copied = ["tokenizer.json", "tokenizer_config.json"]
        converters.TransformersConverter(str(before), copy_files=copied).convert(str(after), quantization="int8")
        made[kind] = before, after
    return made


@pytest.mark.parametrize("kind", ["plain", "nllb"])
def test_it_says_what_the_original_says(folders: dict[str, tuple[Path, Path]], kind: str) -> None:
    before, after = folders[kind]
    original = Seq2SeqTranslator(str(before))
    converted = CTranslate2Translator(after, longest=64, threads=1)
    for one, other in zip(original.score(PAIRS, "eng", "por"), converted.score(PAIRS, "en", "pt"), strict=True):
        assert one.offsets == other.offsets
        assert len(other.log_probs) == len(other.offsets) + 1
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=0.5)
    found = converted.translate([*TEXTS, ""], "eng", "por", best=3)
    assert [one.text for one in found[-1]] == [""]
    assert found[0][0].text
    assert [one.text for one in converted.translate(TEXTS[1:], "eng", "por", best=3)[0]] == [
        one.text for one in found[1]
    ]
    for some in found[:-1]:
        scores = [one.score or 0 for one in some]
        assert 1 <= len(some) <= 3
        assert scores == sorted(scores, reverse=True)
    assert converted.translate([], "eng", "por") == []
    assert converted.score([], "eng", "por") == []


def test_a_long_sentence_and_a_pair_that_is_not(folders: dict[str, tuple[Path, Path]]) -> None:
    converted = CTranslate2Translator(folders["plain"][1], longest=64, threads=1)
    with pytest.raises(ResourceError, match="longer than"):
        converted.translate(["house " * 5000], "eng", "por")
    with pytest.raises(ResourceError, match="does not translate from por to eng"):
        converted.translate(["house"], "por", "eng")
    too_much = CTranslate2Translator(folders["plain"][1], longest=512, threads=1)
    with pytest.raises(ResourceError, match="broke down"):
        too_much.score([("house", "casa " * 100)], "eng", "por")


def test_sentencepiece_files_beside_the_model(folders: dict[str, tuple[Path, Path]], tmp_path: Path) -> None:
    pytest.importorskip("sentencepiece")
    marian = save_tiny(tmp_path / "marian-eng-por", "marian")
    folder = tmp_path / "int8-eng-por"
    converters.TransformersConverter(str(marian)).convert(str(folder), quantization="int8")
    with pytest.raises(ResourceError, match="no tokenizer beside the model"):
        CTranslate2Translator(folder)
    for side in ("source.spm", "target.spm"):
        shutil.copy(marian / side, folder)
    converted = CTranslate2Translator(folder, longest=64, threads=1)
    scored = converted.score(PAIRS, "eng", "por")
    for one, other in zip(Seq2SeqTranslator(str(marian)).score(PAIRS, "eng", "por"), scored, strict=True):
        assert one.offsets == other.offsets
        np.testing.assert_allclose(one.log_probs, other.log_probs, atol=0.5)
    assert converted.translate(TEXTS, "eng", "por")[0][0].text
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"add_source_eos": True}))
    assert CTranslate2Translator(folder).cutter.source("king", "eng", "por")[-1] != "</s>"


def test_folders_that_are_no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match=r"There is no model\.bin"):
        load_translator(f"ctranslate2:{tmp_path}")
    monkeypatch.setattr(ctranslate2, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r"isogloss\[translate\]"):
        load_translator(f"ctranslate2:{tmp_path}")

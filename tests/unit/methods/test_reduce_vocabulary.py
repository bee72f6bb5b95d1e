"""The reduced vocabulary as a part: what stays, what text loses by it, and what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from isogloss import Backbone, Problem
from isogloss.errors import ResourceError
from isogloss.flow import fit
from isogloss.methods.model.reduce_vocabulary import FACTS, ReduceVocabulary
from isogloss.nets.vocabulary import Vocabulary
from isogloss.run import Run

PART = ReduceVocabulary(min_words=3)
TEXT = {
    "yor": [f"eht lrigo waso derdo {word}" for word in ("daerbo", "puoso", "eciro", "elppao", "remmaho", "hguolpo")],
    "rus": [f"тхе гирл сав {word}" for word in ("бреад", "соуп", "рице", "аппле", "хаммер", "плоугх")],
}


@pytest.fixture
def problem(tiny_problem: Callable[..., Problem]) -> Problem:
    return tiny_problem(unlabelled=TEXT)


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return Backbone.load(str(tiny_backbone))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True)


def facts(backbone: Backbone) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(backbone.path) / FACTS).read_text(encoding="utf-8"))
    return found


def test_text_whose_pieces_stay_is_read_as_before(backbone: Backbone, problem: Problem, run: Run) -> None:
    made = PART(backbone, problem, run)
    assert 0 < len(made.tokenizer()) < len(backbone.tokenizer())
    held = [example.fields["text"] for example in problem.unlabelled["yor"]][:2]
    for text in held:
        old, new = (b.tokenizer()(text, return_tensors="pt") for b in (backbone, made))
        pieces = [b.tokenizer().convert_ids_to_tokens(e["input_ids"][0]) for b, e in ((backbone, old), (made, new))]
        assert pieces[0] == pieces[1]
        states = [b.bare().eval()(**e).last_hidden_state for b, e in ((backbone, old), (made, new))]
        assert torch.allclose(states[0], states[1], atol=1e-6)


def test_no_text_becomes_unknown(backbone: Backbone, problem: Problem, run: Run) -> None:
    made = PART(backbone, problem, run)
    kept = facts(made)
    assert kept["pieces"] == [len(backbone.tokenizer()), len(made.tokenizer())]
    assert kept["weights"][0] - kept["weights"][1] == 32 * (kept["pieces"][0] - kept["pieces"][1])
    for row in kept["languages"].values():
        assert row["unknown"][1] <= row["unknown"][0] + 0.001
        assert row["longer"] >= 0
    strange = "我喜欢红色的面包 ეს პური ახალია ይህ ዳቦ አዲስ ነው"  # in none of the texts
    for tokenizer in (backbone.tokenizer(), made.tokenizer()):
        assert tokenizer.unk_token_id not in tokenizer(strange)["input_ids"]


def test_it_is_made_once_and_told_once(
    backbone: Backbone, problem: Problem, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    made = [PART(backbone, problem, replace(run, seed=seed)) for seed in (1, 2)]
    assert made[0] == made[1]
    assert made[0].id == f"{backbone.id} (vocabulary of yor, rus, eng)"
    assert sum(message.startswith("Vocabulary reduced:") for message in caplog.messages) == 1
    assert run.ledger.tier(problem.targets) == "raw text"


def test_scripts_keep_pieces_that_no_text_has(backbone: Backbone, problem: Problem, run: Run) -> None:
    used, scripts = (replace(PART, keep=keep)(backbone, problem, run) for keep in ("used", "scripts"))
    more = set(scripts.tokenizer().get_vocab()) - set(used.tokenizer().get_vocab())
    assert more
    assert set(used.tokenizer().get_vocab()) < set(scripts.tokenizer().get_vocab())
    latin = "our teacher painted the heavy needle"
    whole, same = (b.tokenizer().tokenize(latin) for b in (backbone, scripts))
    assert whole == same


@pytest.mark.parametrize("least", [0.0, 0.02, 0.2])
def test_a_piece_stays_from_a_share_of_the_running_text_on(backbone: Backbone, least: float) -> None:
    tokenizer, texts = backbone.tokenizer(), [*["the girl"] * 9, "my uncle"]
    kept = Vocabulary.of_texts(tokenizer, texts, least=least)
    pieces = [p for text in texts for p in tokenizer(text, add_special_tokens=False)["input_ids"]]
    letters = {i for piece, i in tokenizer.get_vocab().items() if len(piece) == 1}
    longer = set(pieces) - letters
    assert {p for p in longer if p in kept.kept} == {p for p in longer if pieces.count(p) >= least * len(pieces)}


def test_two_vocabularies_make_one_of_both() -> None:
    assert (Vocabulary(kept=(0, 2, 5)) | Vocabulary(kept=(1, 2))).kept == (0, 1, 2, 5)


def test_pieces_that_are_made_of_each_other_are_refused(
    backbone: Backbone, problem: Problem, run: Run, tmp_path: Path
) -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path / "bpe"
    backbone.bare().save_pretrained(folder)
    letters = {letter: i for i, letter in enumerate("abcdefgh ")}
    bpe = Tokenizer(models.BPE(vocab={**letters, "ab": 9}, merges=[("a", "b")]))
    PreTrainedTokenizerFast(tokenizer_object=bpe, unk_token="a", pad_token="b").save_pretrained(folder)
    with pytest.raises(ResourceError, match="BPE cannot be trimmed"):
        PART(Backbone.load(str(folder)), problem, run)

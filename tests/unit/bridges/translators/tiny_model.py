"""Tiny random translation models: M2M-100's network, with three kinds of tokenizers."""

from __future__ import annotations

import json
from pathlib import Path

PIECES = ("<s>", "<pad>", "</s>", "<unk>")
MARKS = ("eng_Latn", "por_Latn", "yor_Latn")
LONGEST = 64
LETTERS = "abcdefghijklmnopqrstuvwxyz.,?'-éãç"
WORDS = ("▁the", "▁king", "▁sold", "▁house", "▁red", "▁o", "▁rei", "▁casa", "▁vermelha", "▁a")


def save_tiny(folder: Path, kind: str = "plain") -> Path:
    """A model whose tokenizer knows no language (``plain``), NLLB's marks (``nllb``), or is Marian's (``marian``)."""
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration, MarianConfig, MarianMTModel

    size = {"plain": plain, "nllb": nllb, "marian": marian}[kind](folder)
    made = (MarianConfig, MarianMTModel) if kind == "marian" else (M2M100Config, M2M100ForConditionalGeneration)
    special = {"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2}
    if kind == "marian":
        special = {"pad_token_id": size - 1, "bos_token_id": 0, "eos_token_id": 0, "decoder_start_token_id": size - 1}
    torch.manual_seed(5)
    config = made[0](
        vocab_size=size, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=LONGEST,
        init_std=0.6, scale_embedding=False, forced_eos_token_id=None, **special,
    )  # fmt: skip
    made[1](config).save_pretrained(folder)
    return folder


def scored() -> list[tuple[str, float]]:
    special = ((piece, 0.0) for piece in PIECES)
    return [*special, ("▁", -3.0), *((word, -2.0) for word in WORDS), *((letter, -4.0) for letter in LETTERS)]


def plain(folder: Path) -> int:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from tokenizers.decoders import Metaspace
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(scored(), unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", bos_token="<s>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    return len(scored())


def nllb(folder: Path) -> int:
    from transformers import NllbTokenizer

    vocab = {piece: number for number, (piece, _) in enumerate(scored())}
    NllbTokenizer(vocab=vocab, merges=[], extra_special_tokens=list(MARKS)).save_pretrained(folder)
    return len(vocab) + len(MARKS) + 1  # and the mask


def marian(folder: Path) -> int:
    import sentencepiece
    from transformers import MarianTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(["the king sold the red house", "o rei vendeu a casa vermelha", LETTERS] * 20)
    (folder / "text").write_text(text, encoding="utf-8")
    for side in ("source", "target"):
        sentencepiece.SentencePieceTrainer.train(
            input=str(folder / "text"), model_prefix=str(folder / side), vocab_size=60, character_coverage=1.0,
            minloglevel=2, hard_vocab_limit=False,
        )  # fmt: skip
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    spm = sentencepiece.SentencePieceProcessor(model_file=str(folder / "source.spm"))
    own = (piece for i in range(len(spm)) if (piece := spm.id_to_piece(i)) not in PIECES)
    pieces = ["</s>", "<unk>", *own, "<pad>"]  # where Marian has its padding
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    spms = {"source_spm": str(folder / "source.spm"), "target_spm": str(folder / "target.spm")}
    MarianTokenizer(
        **spms, vocab=str(folder / "vocab.json"), source_lang="en", target_lang="pt", model_max_length=LONGEST
    ).save_pretrained(folder)
    return len(pieces)

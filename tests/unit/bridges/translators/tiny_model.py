"""Tiny random translation models: M2M-100's network, with a tokenizer of one pair or one that knows NLLB's marks."""

from __future__ import annotations

from pathlib import Path

PIECES = ("<s>", "<pad>", "</s>", "<unk>")
MARKS = ("eng_Latn", "por_Latn", "yor_Latn")
LETTERS = "abcdefghijklmnopqrstuvwxyz.,?'-éãç"
WORDS = ("▁the", "▁king", "▁sold", "▁house", "▁red", "▁o", "▁rei", "▁casa", "▁vermelha", "▁a")


def save_tiny(folder: Path, *, marked: bool = False) -> Path:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from tokenizers.decoders import Metaspace
    from transformers import M2M100Config, M2M100ForConditionalGeneration, NllbTokenizer, PreTrainedTokenizerFast

    scored = [(piece, 0.0) for piece in PIECES]
    scored += [("▁", -3.0), *((word, -2.0) for word in WORDS), *((letter, -4.0) for letter in LETTERS)]
    if marked:
        vocab = {piece: number for number, (piece, _) in enumerate(scored)}
        NllbTokenizer(vocab=vocab, merges=[], extra_special_tokens=list(MARKS)).save_pretrained(folder)
        size = len(scored) + len(MARKS) + 1  # and the mask
    else:
        tokenizer = Tokenizer(models.Unigram(scored, unk_id=3, byte_fallback=False))
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
        tokenizer.decoder = Metaspace(replacement="▁", prepend_scheme="always")
        tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
        PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", bos_token="<s>",
            model_input_names=["input_ids", "attention_mask"],
        ).save_pretrained(folder)  # fmt: skip
        size = len(scored)
    torch.manual_seed(5)
    config = M2M100Config(
        vocab_size=size, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=64, init_std=0.6,
        decoder_start_token_id=2, eos_token_id=2, pad_token_id=1, bos_token_id=0, scale_embedding=False,
    )  # fmt: skip
    M2M100ForConditionalGeneration(config).save_pretrained(folder)
    return folder

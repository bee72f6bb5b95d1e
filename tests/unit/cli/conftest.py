from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from isogloss.cli import main

TOPICS = {
    "sport": [
        "the team won the match",
        "a goal in the last minute",
        "she ran a new record",
        "the coach praised his team",
    ],
    "food": ["the soup needs more salt", "bake the bread for an hour", "we ate rice and beans", "a cup of hot tea"],
}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def isogloss(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line, run in this process: any exception but SystemExit is a traceback that a user would see."""

    def run(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Outcome(ended.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def rows() -> list[dict[str, str]]:
    return [
        {"text": f"{text} {i}", "label": label} for i in range(3) for label, texts in TOPICS.items() for text in texts
    ]


@pytest.fixture
def problem(tmp_path: Path, rows: list[dict[str, str]]) -> Path:
    """A sound problem folder: classification, eng to spa and swa; spa has a test file."""
    folder = tmp_path / "topics"
    write(folder / "problem.toml", 'task = "classification"\nsource = ["eng"]\ntargets = ["spa", "swa"]\n')
    write_rows(folder / "train" / "eng.jsonl", rows[:16])
    write_rows(folder / "dev" / "eng.jsonl", rows[16:])
    write_rows(
        folder / "test" / "spa.jsonl", [{"text": f"uno {row['text']}", "label": row["label"]} for row in rows[:6]]
    )
    return folder


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def write_rows(path: Path, rows: list[dict[str, str]]) -> None:
    write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer BERT that knows the words of TOPICS, as a transformers folder."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # the command line does so by an environment variable, too late where transformers is loaded
    words = sorted({word for texts in TOPICS.values() for text in texts for word in text.split()})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = {
        piece: i for i, piece in enumerate([*special, "uno", *"0123456789", *(w for w in words if len(w) > 1), "a"])
    }
    tokenizer = Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    folder = tmp_path_factory.mktemp("encoder")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=64, pad_token_id=0, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def system_run(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with an untrained system in it."""
    import torch
    from transformers import AutoTokenizer, BertForSequenceClassification

    from isogloss import System
    from isogloss.member import Member
    from isogloss.tasks import Classification

    torch.manual_seed(1)
    labels = dict(enumerate(sorted(TOPICS)))
    model = BertForSequenceClassification.from_pretrained(encoder, num_labels=2, id2label=labels)
    member = Member(model=model.eval(), tokenizer=AutoTokenizer.from_pretrained(encoder))
    run = tmp_path_factory.mktemp("run")
    task = Classification(labels=tuple(sorted(TOPICS)))
    System(task=task, base=member, source=("eng",), targets=("spa", "swa")).save_pretrained(run / "model")
    return run

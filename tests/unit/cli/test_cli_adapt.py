"""``isogloss adapt``: what it writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForMaskedLM, AutoTokenizer

import isogloss as ig


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


@pytest.fixture
def spoken(problem: Path) -> Path:
    """The problem with raw text of both targets; one line is a test text."""
    words = ("pan", "sopa", "casa", "libro", "gato", "mesa", "vino", "agua")
    test = "uno the team won the match 0"
    lines = {"spa": [f"el {word} de la {other} uno" for word in words for other in words], "swa": []}
    lines["swa"] = [line[::-1] for line in lines["spa"]]
    for lang, some in lines.items():
        write(
            problem / "unlabelled" / f"{lang}.txt", "\n".join([*some, test if lang == "spa" else "moja mbili"]) + "\n"
        )
    return problem


QUICK = (
    "--set", "continued_pretraining.epochs=1", "--set", "continued_pretraining.head_steps=1",
    "--set", "continued_pretraining.check=false", "--set", "continued_pretraining.min_words=2", "--quiet",
)  # fmt: skip


def test_the_encoder_is_kept_and_serves_as_a_backbone(
    isogloss: Callable[..., Any], spoken: Path, encoder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    done = isogloss("adapt", spoken, "--recipe", "maft", "--backbone", encoder, "--out", out, *QUICK, "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    assert record == json.loads((out / "adapt.json").read_text(encoding="utf-8"))
    assert record["recipe"] == "maft"
    assert record["resources"]["adapt"] == {"eng": 16, "spa": 65, "swa": 65}
    assert record["leaks"]["by_kind"] == {"exact:adapt": 1}
    AutoModelForMaskedLM.from_pretrained(out)
    AutoTokenizer.from_pretrained(out)
    assert ig.Backbone.load(str(out)).fingerprint() != ig.Backbone.load(str(encoder)).fingerprint()
    _, report = ig.transfer(spoken, "frozen", backbone=str(out), settings={"cross_entropy.epochs": "1"}, quiet=True)
    assert report.backbone["id"] == str(out)
    assert report.backbone["exposure"] == "unknown; then maft on raw text of eng, spa, swa"
    assert report.tier == "raw text"


def test_an_existing_folder_is_left_alone(
    isogloss: Callable[..., Any], spoken: Path, encoder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    write(out / "something.txt", "precious")
    done = isogloss("adapt", spoken, "--backbone", encoder, "--out", out, *QUICK)
    assert done.code == 1
    assert "was not written by isogloss" in done.err
    assert (out / "something.txt").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--recipe", "direct"), "The recipe 'direct' does not change the encoder before the task is learnt."),
        (("--recipe", "laft"), "The recipe 'laft' makes an encoder for each target, and topics has several. Name one"),
        (("--lang", "fra"), "'fra' is no target of topics."),
        (("--recipe", "mft"), "Unknown recipe 'mft'. Did you mean 'maft'?"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    isogloss: Callable[..., Any], spoken: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = isogloss("adapt", spoken, "--out", tmp_path / "mine", *arguments)
    assert done.code == 1
    assert said in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "mine").exists()


def test_raw_text_must_be_there(isogloss: Callable[..., Any], problem: Path, tmp_path: Path) -> None:
    done = isogloss("adapt", problem, "--out", tmp_path / "mine")
    assert done.code == 1
    assert "Add unlabelled/spa.txt" in done.err

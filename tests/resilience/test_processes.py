"""Several processes of one training, as torchrun starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ISOGLOSS = str(Path(sys.executable).with_name("isogloss"))
COMMAND = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", ISOGLOSS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Callable[[str], Any], write_folder: Any) -> Path:
    return write_folder(
        tmp_path_factory.mktemp("processes") / "problem", tiny_data("classification"), task="classification"
    )


def transfer(folder: Path, encoder: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    options = ["--backbone", str(encoder), "--precision", "fp32", "--set", "cross_entropy.epochs=2"]
    options += [
        "--set",
        "cross_entropy.min_steps=0",
        "--set",
        "cross_entropy.batch_size=8",
        "--out",
        str(out),
        "--json",
    ]
    return subprocess.run(
        [*COMMAND, "transfer", str(folder), *options, *more],
        capture_output=True, text=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip


def test_two_share_the_batches_and_one_writes(folder: Path, tiny_backbone: Path, tmp_path: Path) -> None:
    done = transfer(folder, tiny_backbone, tmp_path / "run")
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)  # one process speaks
    assert set(map(int, report["selection"]["runs"][0]["scores"])) == {1, 2, 3, 4}  # 8 batches, 4 for each
    assert (tmp_path / "run" / "model" / "model.safetensors").is_file()
    assert report["resources"]["train"] == {"eng": 32}


def test_resuming_is_refused(folder: Path, tiny_backbone: Path, tmp_path: Path) -> None:
    done = transfer(folder, tiny_backbone, tmp_path / "run", "--resume")
    assert done.returncode != 0
    assert "A run of several processes cannot be resumed" in done.stderr

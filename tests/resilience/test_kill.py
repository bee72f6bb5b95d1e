"""A training that is killed goes on where it was and ends in the same bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("kill_and_resume.py")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Callable[[str], Any], write_folder: Any) -> Path:
    """A problem with a few labels of each target."""
    data = tiny_data("classification")
    data["few"] = {lang: [row | {"id": f"few-{row['id']}"} for row in rows[:4]] for lang, rows in data["test"].items()}
    del data["few"]["eng"]
    return write_folder(tmp_path_factory.mktemp("kill") / "problem", data, task="classification")


def killed(folder: Path, encoder: Path, work: Path, kills: int, recipe: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, str(SCRIPT), str(folder), str(encoder), str(work), "--kills", str(kills)]
    done = subprocess.run(
        [*command, "--recipe", recipe, "--seed", str(seed)],
        capture_output=True, text=True, timeout=280, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("recipe", ["few-shot", "run-averaging"])
def test_some_kills(recipe: str, folder: Path, tiny_backbone: Path, tmp_path: Path) -> None:
    found = killed(folder, tiny_backbone, tmp_path / "work", 6, recipe, seed=2)
    assert found["equal"]
    assert found["kills"] == 6
    assert found["resumed"] >= 1


@pytest.mark.slow
def test_fifty_kills_in_a_nested_run(folder: Path, tiny_backbone: Path, tmp_path: Path) -> None:
    found = killed(folder, tiny_backbone, tmp_path / "work", 50, "few-shot", seed=1)
    assert found["equal"]
    assert found["kills"] == 50
    assert found["in_checkpoint"] + found["in_snapshot"] >= 3
    assert found["in_nested"] >= 3
    assert found["resumed"] >= 10

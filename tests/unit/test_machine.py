from __future__ import annotations

import subprocess
import sys

import pytest

from isogloss import machine


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert machine.commit() is None


def test_the_peak_is_that_of_this_process_and_not_of_its_parent() -> None:
    program = "from isogloss.machine import peak_rss_mb; print(peak_rss_mb())"
    filled = bytearray(b"x") * 2**28  # a quarter of a gigabyte that the child does not have
    own = float(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout)
    assert machine.peak_rss_mb() > len(filled) / 2**20
    assert 5 < own < len(filled) / 2**20

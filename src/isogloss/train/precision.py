"""Number formats: chosen from what the processor can do, never from a timing, so that a run can be repeated."""

from __future__ import annotations

from typing import Literal

from isogloss.errors import IsoglossError

Precision = Literal["fp32", "bf16"]


def choose_precision(wanted: str = "auto", device: str = "cpu") -> Precision:
    """``auto`` is bf16 autocast where the device has bf16 arithmetic, else fp32.

    Raises:
        IsoglossError: ``wanted`` is none of auto, fp32, bf16, or the device is not there.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise IsoglossError(
            f"The device '{device}' is not there", fix="Use cpu, or cuda where torch sees one"
        ) from None
    if wanted == "fp32":
        return "fp32"
    if wanted == "bf16":
        return "bf16"
    if wanted != "auto":
        raise IsoglossError(f"Precision '{wanted}' is unknown", fix="Use auto, fp32 or bf16")
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    if device != "cpu":
        return "fp32"
    flags = torch.cpu.get_capabilities()
    return "bf16" if flags.get("avx512_bf16") or flags.get("amx_bf16") or flags.get("bf16") else "fp32"

"""Engines that run exported networks: ONNX Runtime and OpenVINO."""

from __future__ import annotations

from pathlib import Path

from isogloss.engines.base import Engine, package
from isogloss.engines.onnx import OnnxEngine
from isogloss.engines.openvino import OpenVinoEngine
from isogloss.errors import ResourceError, unknown

__all__ = ["ENGINES", "Engine", "load_engine", "package"]

ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (OnnxEngine, OpenVinoEngine)}


def load_engine(name: str, folder: Path) -> Engine:
    """The network in a folder, ready to run on as many threads as torch would use now.

    Raises:
        ResourceError: the engine is unknown or not installed, or the files are missing or damaged.
    """
    if name not in ENGINES:
        raise ResourceError(unknown("engine", str(name), ENGINES, where=folder).rstrip("."))
    kind = ENGINES[name]
    fix = "Copy the folder again or repeat the export"
    if missing := [file for file in ("config.json", *kind.files) if not (folder / file).is_file()]:
        raise ResourceError(f"The exported network lacks its file {missing[0]}", where=folder, fix=fix)
    try:
        return kind(folder)
    except ResourceError:
        raise
    except Exception as error:  # the engines raise what they like: bindings of C++ have no classes of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ResourceError(f"The exported network cannot be loaded: {reason}", where=folder, fix=fix) from error

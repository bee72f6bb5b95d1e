"""Looks at a foreign model folder before anything in it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isogloss.errors import ResourceError

FORBIDDEN_KEYS = ("auto_map", "_attn_implementation_internal", "trust_remote_code", "custom_pipelines")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")


def inspect_folder(folder: Path) -> None:
    """Refuse a model folder that asks to run code or has pickled weights only.

    Raises:
        ResourceError: a JSON file holds a key that makes transformers run foreign code, a JSON file cannot be read,
            or the only weights are pickles.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            key = None if path.name == "tokenizer.json" else _forbidden(content)  # a vocabulary may hold any word
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise ResourceError(f"This is not valid JSON ({error})", where=path, fix="Get the model again") from None
        if key:
            raise ResourceError(
                f"The key '{key}' asks to run code that comes with the model, which isogloss never does",
                where=path,
                fix="Use a model of an architecture that transformers has",
            )
    harmless = {"training_args.bin", *(path.with_suffix(".bin").name for path in folder.glob("*.xml"))}  # OpenVINO's
    pickled = [path for path in folder.iterdir() if path.suffix in PICKLES and path.name not in harmless]
    if pickled and not list(folder.glob("*.safetensors")):
        raise ResourceError(
            "The weights are pickled, and loading a pickle can run any code",
            where=pickled[0],
            fix="Convert them to safetensors",
        )


def _forbidden(content: Any) -> str | None:
    if isinstance(content, dict):
        for key, value in content.items():
            if key in FORBIDDEN_KEYS:
                return str(key)
            if inner := _forbidden(value):
                return inner
    elif isinstance(content, list):
        return next((inner for value in content if (inner := _forbidden(value))), None)
    return None

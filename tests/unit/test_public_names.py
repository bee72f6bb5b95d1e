from __future__ import annotations

import subprocess
import sys

import isogloss


def test_every_public_name_is_there() -> None:
    assert [name for name in isogloss.__all__ if not hasattr(isogloss, name)] == []
    assert sorted(isogloss.__all__) == dir(isogloss)


def test_the_package_is_run_as_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "isogloss", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"isogloss {isogloss.__version__}\n"


def test_recipes_are_the_package_from_the_start() -> None:
    program = "import isogloss as ig; print(type(ig.recipes.catalogue()['direct']).__name__, ig.predict.__name__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "Recipe predict\n"

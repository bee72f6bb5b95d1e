"""Errors that are the user's to mend: one clear sentence saying what, where and how."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class IsoglossError(Exception):
    """Something in the input is wrong and the user can mend it.

    Args:
        what: what is wrong, without a closing full stop.
        where: the file the trouble is in, if there is one.
        line: 1-based line in that file.
        fix: how to mend it, without a closing full stop.

    ``str(error)`` is one line: ``path:line: what. fix.`` Raised by every public function; the command line prints it
    to stderr and exits with code 1.
    """

    def __init__(self, what: str, *, where: Path | str | None = None, line: int | None = None, fix: str = "") -> None:
        self.what, self.where, self.line, self.fix = what, where, line, fix
        place = "" if where is None else f"{where}: " if line is None else f"{where}:{line}: "
        # A message quotes the user's data: control characters would break the promise of one line.
        text = place + what + ("" if what.endswith("?") else ".") + (f" {fix}." if fix else "")
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


class DataError(IsoglossError):
    """A problem folder, a file or an in-memory data set is not what it should be."""


class ResourceError(IsoglossError):
    """Something the recipe needs is not there: a file, a model, an installed extra."""


class RecipeError(IsoglossError):
    """A recipe is unknown, or its parts do not go together."""


def unknown(kind: str, name: str, known: Iterable[str], *, where: Path | str | None = None) -> str:
    """The sentence for a name that is not in a list, with the nearest one that is.

    ``Unknown recipe 'filtr'. Did you mean 'filter'?``
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(known)}."
    place = "" if where is None else f"{where}: "
    return f"{place}Unknown {kind} '{name}'. {hint}"

"""Languages: their codes, their scripts, and which one a text is in."""

from __future__ import annotations

from isogloss.languages.codes import Language
from isogloss.languages.detect import detect
from isogloss.languages.matching import find
from isogloss.languages.scripts import direction, join_tokens, units

__all__ = ["Language", "detect", "direction", "find", "join_tokens", "units"]

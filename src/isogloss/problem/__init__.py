"""The problem: the noun, and the two doors by which it is read, a folder and data in memory."""

from __future__ import annotations

from isogloss.problem.problem import Problem, Split, make_examples

__all__ = ["Problem", "Split", "make_examples"]

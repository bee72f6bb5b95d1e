"""Stage 1: parts that change the text."""

from __future__ import annotations

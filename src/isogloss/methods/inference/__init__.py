"""Stage 5: parts that wrap prediction."""

from __future__ import annotations

"""Bridges: they re-express an input where labels or models exist, and carry the answer back."""

from __future__ import annotations

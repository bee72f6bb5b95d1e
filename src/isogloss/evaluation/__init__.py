"""From predictions to an honest report: scores, intervals, errors, and the pages people read."""

from __future__ import annotations

from isogloss.evaluation.report import Report

__all__ = ["Report"]

"""The published schema is the one the code makes, and reports keep to it."""

from __future__ import annotations

import json
from pathlib import Path

from invented_reports import report, troubled

from isogloss.evaluation.report import Report
from isogloss.evaluation.schema import schema_json, schema_text

PUBLISHED = Path(__file__).resolve().parents[3] / "docs" / "report.schema.json"


def test_the_published_schema_is_up_to_date() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), (
        "run: python -m isogloss.evaluation.schema docs/report.schema.json"
    )


def test_the_schema_names_exactly_what_a_report_holds() -> None:
    schema = schema_json()
    for result in (report(), troubled()):
        assert list(json.loads(result.to_json())) == list(schema["properties"])
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["properties"]["schema"]["const"] == report().schema_


def test_a_written_report_is_read_back_equal(tmp_path: Path) -> None:
    page = troubled().save(tmp_path)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert Report.load(tmp_path) == troubled()

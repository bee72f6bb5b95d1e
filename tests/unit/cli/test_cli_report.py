from __future__ import annotations

from pathlib import Path
from typing import Any

from isogloss.evaluation import Report
from isogloss.evaluation.probes.scoring import Probed


def test_the_probes_of_a_run_are_told_with_its_report(isogloss: Any, tmp_path: Path) -> None:
    report = Report(
        problem="x", task="pair", metric="accuracy", regime="zero-shot", tier="nothing", recipe="direct", settings={},
        backbone={"id": "x"}, source=["eng"], targets=["por"], selection={}, seeds=[1], scores={},
    )  # fmt: skip
    report.save(tmp_path)
    assert "Probes" not in isogloss("report", tmp_path).out
    row = {"n": 12, "ci95": [0.2, 0.8], "majority": 0.5, "hypothesis_only": 0.5, "most_answered": 0.6, "by_label": {}}
    scores = {"eng": {"negation": row | {"accuracy": 0.5}, "numbers": row | {"accuracy": 0.75}}}
    Probed(system="direct", scores=scores, labels={}, settings={"count": 12, "seed": 0}).save(tmp_path)
    done = isogloss("report", tmp_path)
    assert done.code == 0, done.err
    assert "Probes, mean accuracy over negation, numbers: eng 0.625." in done.out

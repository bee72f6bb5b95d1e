"""The report: what was measured, on what, knowing what, at what cost. JSON first; everything else is drawn from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from isogloss.errors import DataError

SCHEMA = "isogloss-report-1"


class Report(BaseModel):
    """The honest result of a transfer. Languages are spelled as the user spelled them; scores are in [0, 1].

    ``scores[lang]`` holds every metric's mean over seeds, ``ci95`` with a [low, high] for each metric (bootstrap over
    test items of that mean; the spread over seeds is not in it and stands in ``by_seed``), ``n`` (test items) and
    ``by_seed``. ``metric`` names the primary one, which ``mean_target``, ``source_score`` and ``gap`` refer to.
    ``estimate[lang]`` is what a plan expects of a target without a test file, or null; it is never a score. ``plan``
    holds the scores against the plan that was read before the training; null without one.
    ``model_seed`` is the seed whose network was kept: the one best on source dev.
    """

    model_config = ConfigDict(extra="forbid")

    schema_: str = Field(default=SCHEMA, alias="schema")
    problem: str
    task: str
    metric: str
    labels: list[str] = Field(default_factory=list)
    regime: Literal["zero-shot", "few-shot", "oracle"]
    tier: str
    transductive: bool = False
    recipe: str
    settings: dict[str, Any]
    backbone: dict[str, str]
    source: list[str]
    targets: list[str]
    selection: dict[str, Any]
    seeds: list[int]
    model_seed: int | None = None
    scores: dict[str, dict[str, Any]]
    estimate: dict[str, Any] = Field(default_factory=dict)
    unserved: dict[str, str] = Field(default_factory=dict)
    mean_target: float | None = None
    mean_target_ci95: tuple[float, float] | None = None
    source_score: float | None = None
    source_basis: Literal["test", "dev"] | None = None
    gap: float | None = None
    gap_ci95: tuple[float, float] | None = None
    baseline: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    errors: dict[str, dict[str, Any]] = Field(default_factory=dict)
    resources: dict[str, dict[str, int]] = Field(default_factory=dict)
    leaks: dict[str, Any] = Field(default_factory=dict)
    notices: list[str] = Field(default_factory=list)
    on_target: dict[str, float] | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    nested: list[dict[str, Any]] = Field(default_factory=list)
    translator: str | None = None
    bridges: list[dict[str, Any]] = Field(default_factory=list)
    peak_rss_mb: float | None = None
    tokens_per_second: float | None = None
    precision: str = "fp32"
    versions: dict[str, str] = Field(default_factory=dict)
    machine: dict[str, Any] = Field(default_factory=dict)
    commit: str | None = None
    fingerprint: str = ""

    @classmethod
    def load(cls, path: str | Path) -> Report:
        """Read ``report.json``, or the one in a run folder. Raises DataError if it is not a report of this schema."""
        from pydantic import ValidationError

        path = Path(path)
        path = path / "report.json" if path.is_dir() else path
        if not path.is_file() and (path.parent / "work").is_dir():
            raise DataError("The run is not finished", where=path.parent, fix="Repeat the command with --resume")
        if not path.is_file():
            raise DataError(
                "There is no report here", where=path, fix="Give the folder that 'isogloss transfer --out' wrote"
            )
        try:
            return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            first = error.errors()[0]
            spot = ".".join(map(str, first["loc"])) or "the file"
            raise DataError(
                f"This is not a report of schema {SCHEMA}: {spot}: {first['msg']}", where=path, fix="Repeat the run"
            ) from None

    def to_json(self) -> str:
        """The report as JSON, keys in the order of the schema."""
        return self.model_dump_json(indent=1, by_alias=True)

    def save(self, folder: str | Path) -> Path:
        """Write ``report.json`` and the self-contained ``report.html`` to a folder; returns the path of the page.

        Where ``isogloss probe`` has left its scores in the folder, the page shows them.
        """
        from isogloss.evaluation.html import render_html
        from isogloss.evaluation.probes.scoring import Probed

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        page = folder / "report.html"
        page.write_text(render_html(self, Probed.load(folder)), encoding="utf-8")
        staged = folder / ".report.json"  # renamed last: a run with a report.json is a finished one
        staged.write_text(self.to_json() + "\n", encoding="utf-8")
        staged.replace(folder / "report.json")
        return page

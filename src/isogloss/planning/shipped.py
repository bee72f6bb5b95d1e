"""The transfer matrices that come with the package: what was measured once, for those who have measured nothing."""

from __future__ import annotations

from pathlib import Path

from isogloss.planning.matrix import TransferMatrix

FOLDER = Path(__file__).parent / "matrices"


def shipped(task: str, metric: str, *, folder: Path | None = None) -> TransferMatrix | None:
    """The matrix of a task that was scored by a metric; None where there is none.

    Args:
        task: its name, as a problem has it.
        metric: likewise.
        folder: of matrix files, ``NAME.json``; by default the package's own. Of several that would do, the first.
    """
    for path in sorted((folder or FOLDER).glob("*.json")):
        found = TransferMatrix.read(path).of_task(task)
        if {cell.metric for cell in found.zero_shot()} == {metric}:
            return found
    return None

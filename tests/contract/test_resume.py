"""A run that is broken off anywhere in its training goes on there, with the precision and the threads it began with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import isogloss
from isogloss import Problem
from isogloss.errors import IsoglossError
from isogloss.train.keeping import Keeper

SETTINGS = {"cross_entropy.epochs": "4", "cross_entropy.min_steps": "0", "cross_entropy.snapshots": "3"}


class Cut(Exception):  # noqa: N818  # what stands for the power cut
    pass


@pytest.fixture
def cut_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[int]]:
    """Breaks trainings off after an update; returns the list of the updates that are done."""
    on_step_end = Keeper.on_step_end

    def set_to(last: int | None) -> list[int]:
        done: list[int] = []

        def cut(self: Keeper, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            on_step_end(self, args, state, control, **kwargs)
            done.append(self.start + state.global_step)
            if self.start + state.global_step == last:
                raise Cut

        monkeypatch.setattr(Keeper, "on_step_end", cut)
        return done

    return set_to


def weights(system: isogloss.System) -> dict[str, torch.Tensor]:
    assert system.base is not None
    return system.base.model.state_dict()


@pytest.mark.parametrize("changes", [{}, {"cross_entropy.trains": "seen"}, {"cross_entropy.freeze_layers": "1"}])
def test_it_goes_on_at_the_update_where_it_was(
    changes: dict[str, str],
    tiny_problem: Callable[..., Problem],
    tiny_backbone: Path,
    tmp_path: Path,
    cut_at: Callable[[int | None], list[int]],
) -> None:
    def transfer(out: Path, **options: Any) -> isogloss.System:
        return isogloss.transfer(
            tiny_problem(), backbone=str(tiny_backbone), settings=SETTINGS | changes, precision="bf16", threads=1,
            checkpoint_seconds=0, out=out, **options,
        )[0]  # fmt: skip

    whole = weights(transfer(tmp_path / "whole"))
    cut_at(5)
    with pytest.raises(Cut):
        transfer(tmp_path / "run")
    done = cut_at(None)
    assert all(
        torch.equal(value, whole[name]) for name, value in weights(transfer(tmp_path / "run", resume=True)).items()
    )
    assert done == [6, 7, 8]
    assert not (tmp_path / "run" / "work").exists()


def test_precision_and_threads_are_those_it_began_with(
    tiny_problem: Callable[..., Problem],
    tiny_backbone: Path,
    tmp_path: Path,
    cut_at: Callable[[int | None], list[int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def transfer(**options: Any) -> Any:
        return isogloss.transfer(
            tiny_problem(), backbone=str(tiny_backbone), settings=SETTINGS, checkpoint_seconds=0,
            out=tmp_path / "run", **options,
        )[1]  # fmt: skip

    cut_at(3)
    with pytest.raises(Cut):
        transfer(precision="bf16", threads=2)
    done = cut_at(None)
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)  # a processor that would choose fp32
    report = transfer(resume=True)
    assert report.precision == "bf16"
    assert report.machine["threads"] == 2
    assert done[0] == 4


def test_a_run_is_not_resumed_with_other_settings(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, cut_at: Callable[[int | None], list[int]]
) -> None:
    def transfer(epochs: str, **options: Any) -> None:
        isogloss.transfer(
            tiny_problem(), backbone=str(tiny_backbone), settings=SETTINGS | {"cross_entropy.epochs": epochs},
            checkpoint_seconds=0, out=tmp_path / "run", **options,
        )  # fmt: skip

    cut_at(3)
    with pytest.raises(Cut):
        transfer("4")
    done = cut_at(None)
    with pytest.raises(IsoglossError, match="begun here had other data, another recipe"):
        transfer("3", resume=True)
    assert done == []
    transfer("3", force=True)
    assert done == [1, 2, 3, 4, 5, 6]


def test_several_processes_are_not_resumed(
    tiny_problem: Callable[..., Problem], tiny_backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(IsoglossError, match="A run of several processes cannot be resumed"):
        isogloss.transfer(tiny_problem(), backbone=str(tiny_backbone), out=tmp_path / "run", resume=True)

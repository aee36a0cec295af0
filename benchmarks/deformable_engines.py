"""All engines behind one call: a task in, a field out."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import deformable_peers
from deformable_problem import FoundField, Mask, Problem, problem
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.registration.deformable.engine import prepare_deformable, register_deformable
from isoguide.registration.deformable.settings import DeformableSettings

OURS: Final = "isoguide"


@dataclass(frozen=True, eq=False)
class Task:
    """Two images, the body ``[k, j, i]`` in the planning CT, and the rigid match between them.

    Peers get :attr:`problem`, made beforehand and so no part of their time; with ``peers_mm`` it has voxels
    of this length.
    """

    planning: Volume
    body: Mask
    daily: Volume
    planning_from_daily: RigidTransform
    structures: tuple[Structure, ...] = ()
    is_mono: bool = True
    peers_mm: float | None = None
    settings: DeformableSettings | None = None

    @cached_property
    def problem(self) -> Problem:
        """The same as peers see it."""
        made = problem(self.planning, self.body, self.daily, self.planning_from_daily, is_mono=self.is_mono)
        return made if self.peers_mm is None else made.resampled(self.peers_mm)


class NoFieldError(Exception):
    """Our engine answered "not available"."""


def ours(asked: Task) -> FoundField:
    """Our engine, the preparation of the planning CT included in its time."""
    begin, begun = time.perf_counter(), os.times()
    prepared = prepare_deformable(asked.planning, structures=asked.structures, settings=asked.settings)
    found = register_deformable(prepared, asked.daily, planning_from_daily=asked.planning_from_daily)
    seconds, ended = time.perf_counter() - begin, os.times()
    if found.field is None:
        raise NoFieldError("; ".join(found.reasons))
    cpu_seconds = ended.user + ended.system - begun.user - begun.system
    return FoundField(found.field.grid, found.field.vectors_mm, seconds, cpu_seconds)


@cache
def engines() -> dict[str, Callable[[Task], FoundField]]:
    """Ours and the peers that are installed."""

    def peer(solve: deformable_peers.Solver) -> Callable[[Task], FoundField]:
        return lambda asked: solve(asked.problem)

    return {OURS: ours} | {name: peer(solve) for name, solve in deformable_peers.installed().items()}

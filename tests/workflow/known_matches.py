"""A match of the same images is made once: what is tested here is what becomes of it.

The answers are those of the engine itself, kept by all that it was given but names. The engine has tests of
its own, without this.
"""

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration import (
    MatchSettings,
    PreparedPlanning,
    Registration,
    day_match,
    prepare_planning,
    register_volumes,
)
from isoguide.workflow import match_day, virtual_patient
from isoguide.workflow.clinic import course_planning

KEPT: Final = 8
"""Each takes some 30 MB."""

T = TypeVar("T")
Steps = list[tuple[float, str]]
_prepared: OrderedDict[str, tuple[PreparedPlanning, Steps]] = OrderedDict()
_matched: OrderedDict[str, tuple[Registration, Steps]] = OrderedDict()
_keys: WeakKeyDictionary[PreparedPlanning, str] = WeakKeyDictionary()


@contextmanager
def known_matches() -> Iterator[None]:
    """Let the workflow ask here first; each step is reported as often as the engine does."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (match_day, virtual_patient, course_planning):
            patched.setattr(module, "prepare_planning", _prepare)
        for module in (match_day, day_match):
            patched.setattr(module, "register_volumes", _register)
        yield


def _prepare(
    volume: Volume,
    *,
    isocentre_mm: Array,
    settings: MatchSettings | None = None,
    target_points_mm: Array | None = None,
    progress: Progress = silent,
) -> PreparedPlanning:
    key = key_of(volume, np.asarray(isocentre_mm), settings or MatchSettings(), target_points_mm)

    def work(report: Progress) -> PreparedPlanning:
        return prepare_planning(
            volume,
            isocentre_mm=isocentre_mm,
            settings=settings,
            target_points_mm=target_points_mm,
            progress=report,
        )

    found = replace(_known(_prepared, key, work, progress), volume=volume)
    _keys[found] = key
    return found


def _register(
    prepared: PreparedPlanning, daily: Volume, *, initial: RigidTransform, progress: Progress = silent
) -> Registration:
    def work(report: Progress) -> Registration:
        return register_volumes(prepared, daily, initial=initial, progress=report)

    if prepared not in _keys:
        return work(progress)
    key = key_of(daily, _keys[prepared], initial.to_frame, initial.from_frame, initial.matrix)
    return _known(_matched, key, work, progress)


def _known(
    kept: OrderedDict[str, tuple[T, Steps]], key: str, work: Callable[[Progress], T], progress: Progress
) -> T:
    if key in kept:
        kept.move_to_end(key)
        answer, steps = kept[key]
        for step in steps:
            progress(*step)
        return answer
    steps = []

    def noted(fraction: float, step: str) -> None:
        steps.append((fraction, step))
        progress(fraction, step)

    answer = work(noted)
    kept[key] = answer, steps
    if len(kept) > KEPT:
        kept.popitem(last=False)
    return answer


def key_of(volume: Volume, *more: object) -> str:
    """All that the engine is told but what the image is called."""
    digest = hashlib.sha256(pickle.dumps((volume.grid, volume.is_hounsfield, str(volume.values.dtype), more)))
    digest.update(volume.values.tobytes())
    return digest.hexdigest()

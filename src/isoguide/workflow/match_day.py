"""The day's image read and matched by the engine that fits it: volume, radiographs, markers, ultrasound."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from isoguide.dicom import FolderContents
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration import (
    MatchSettings,
    PreparedPlanning,
    RadiographRegistration,
    Region,
    Registration,
    prepare_planning,
    register_volumes,
)
from isoguide.registration.day_match import registration_of_markers, registration_of_radiographs
from isoguide.registration.markers import (
    DeclaredMarkers,
    MarkerMatch,
    locate_in_radiographs,
    locate_in_volume,
)
from isoguide.workflow.alignment import DayInput
from isoguide.workflow.day_kind import Day
from isoguide.workflow.implanted_markers import MarkerPlan, prepare_markers
from isoguide.workflow.inputs import DailyInput, PlanningInput, load_daily
from isoguide.workflow.pair_checks import check_pair, check_views, require_overlap
from isoguide.workflow.radiographs.align_views import (
    ViewsInput,
    load_room_views,
    load_views_input,
    register_views,
)
from isoguide.workflow.request import AlignRequest, RegionChoice
from isoguide.workflow.target import surface_points_mm
from isoguide.workflow.treatment_setup import TreatmentSetup
from isoguide.workflow.ultrasound.load_day import load_ultrasound_day
from isoguide.workflow.ultrasound.match import register_ultrasound_day

PAIR: Final = 2
Seconds = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedDay:
    """What was matched and what came of it; ``radiographs`` and ``markers`` say more where they apply."""

    daily: DayInput
    registration: Registration
    warnings: tuple[str, ...]
    radiographs: RadiographRegistration | None = None
    markers: MarkerMatch | None = None
    marker_plan: MarkerPlan | None = None


def match_day(
    request: AlignRequest,
    planning: PlanningInput,
    target: Structure | None,
    day: Day,
    progress: Progress,
    seconds: Seconds,
) -> MatchedDay:
    """Read the day's image and match it; ``seconds`` is told how long each step took.

    Raises
    ------
    InputError
        If the data cannot be used, or do not belong together.
    """
    if day.kind == "volume":
        if request.markers is not None:
            return _markers_in_volume(
                request, request.markers, planning, target, day.contents, progress, seconds
            )
        return _volume(request, planning, target, day.contents, progress, seconds)
    if day.kind == "ultrasound":
        return _ultrasound(request, planning, target, day, progress, seconds)
    if request.region != RegionChoice() or request.content != "auto":
        msg = "radiographs are matched about the isocentre on all they show: leave --roi and --content out"
        raise InputError(msg)
    with timed(seconds, "read_daily"):
        progress(0.4, "Reading the radiographs")
        daily = _views(request, planning, day)
    warnings = (*daily.warnings, *check_views(planning, daily))
    if request.markers is not None:
        return _markers_in_views(request.markers, planning, target, daily, warnings, seconds)
    with timed(seconds, "register"):
        progress(0.45, "Matching the radiographs")
        found = register_views(planning, daily, _target_points_mm(target), part_of(progress, 0.45, 1.0))
    return MatchedDay(daily, registration_of_radiographs(found), warnings, radiographs=found)


@contextmanager
def timed(seconds: Seconds, step: str) -> Iterator[None]:
    """Note how long a step took."""
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def _views(request: AlignRequest, planning: PlanningInput, day: Day) -> ViewsInput:
    if day.contents is None:
        return load_views_input(request, planning)
    return load_room_views(request, planning, day.contents, now=datetime.now())


def _target_points_mm(target: Structure | None) -> Array | None:
    return surface_points_mm(target) if target is not None else None


def _markers_in_views(
    declared: DeclaredMarkers,
    planning: PlanningInput,
    target: Structure | None,
    daily: ViewsInput,
    warnings: tuple[str, ...],
    seconds: Seconds,
) -> MatchedDay:
    if len(daily.views) != PAIR:
        names = ", ".join(view.source for view in daily.views)
        msg = f"markers are located in two radiographs, not in {len(daily.views)} ({names}): give a pair"
        raise InputError(msg)
    with timed(seconds, "prepare_planning"):
        plan = prepare_markers(planning, declared, _target_points_mm(target))
    setup = _setup(planning, daily)
    back = setup.uncorrected.inverse()
    images = [view.radiograph.in_frame(back) for view in daily.views]
    known_px = [one for origin in daily.origins for one in origin.isocentre_sd_px or ()]
    prepared = replace(plan.prepared, calibration_px=max(plan.prepared.calibration_px, *known_px, 0.0))
    with timed(seconds, "register"):
        found = locate_in_radiographs(prepared, images, setup.uncorrected)
    registration = registration_of_markers(prepared, found)
    return MatchedDay(daily, registration, (*warnings, *plan.warnings), markers=found, marker_plan=plan)


def _markers_in_volume(
    request: AlignRequest,
    declared: DeclaredMarkers,
    planning: PlanningInput,
    target: Structure | None,
    contents: FolderContents | None,
    progress: Progress,
    seconds: Seconds,
) -> MatchedDay:
    with timed(seconds, "prepare_planning"):
        progress(0.4, "Finding where the markers were planned")
        plan = prepare_markers(planning, declared, _target_points_mm(target))
    progress(0.5, "Reading the day's image")
    daily = _load_daily(request, contents, seconds)
    warnings = (*daily.warnings, *check_pair(planning, daily), *plan.warnings)
    setup = _setup(planning, daily)
    require_overlap(planning, daily, setup.uncorrected)
    with timed(seconds, "register"):
        progress(0.7, "Finding the markers")
        found = locate_in_volume(plan.prepared, daily.volume, setup.uncorrected)
    registration = registration_of_markers(plan.prepared, found)
    return MatchedDay(daily, registration, warnings, markers=found, marker_plan=plan)


def _ultrasound(
    request: AlignRequest,
    planning: PlanningInput,
    target: Structure | None,
    day: Day,
    progress: Progress,
    seconds: Seconds,
) -> MatchedDay:
    with timed(seconds, "read_daily"):
        progress(0.4, "Reading the ultrasound")
        daily = load_ultrasound_day(request, planning, day, part_of(progress, 0.4, 0.6))
    with timed(seconds, "register"):
        progress(0.6, "Matching the ultrasound")
        initial = _setup(planning, daily).uncorrected
        points_mm = _target_points_mm(target)
        registration = register_ultrasound_day(
            planning, daily, initial, points_mm, part_of(progress, 0.6, 1.0)
        )
    return MatchedDay(daily, registration, daily.warnings)


def _setup(planning: PlanningInput, daily: DayInput) -> TreatmentSetup:
    return TreatmentSetup(planning.isocentre.xyz_mm, daily.isocentre.xyz_mm, planning.patient_position)


def _volume(
    request: AlignRequest,
    planning: PlanningInput,
    target: Structure | None,
    contents: FolderContents | None,
    progress: Progress,
    seconds: Seconds,
) -> MatchedDay:
    # The day's image is read while the planning side is prepared: the kernels run without the interpreter's
    # lock.
    with ThreadPoolExecutor(max_workers=1) as pool:
        daily_reader = pool.submit(_load_daily, request, contents, seconds)
        with timed(seconds, "prepare_planning"):
            progress(0.4, "Preparing the planning image")
            prepared = _prepare(request, planning, target, part_of(progress, 0.4, 0.6))
        progress(0.6, "Reading the day's image")
        daily = daily_reader.result()
    warnings = (*daily.warnings, *check_pair(planning, daily))
    setup = _setup(planning, daily)
    require_overlap(planning, daily, setup.uncorrected)
    with timed(seconds, "register"):
        progress(0.65, "Matching")
        registration = register_volumes(
            prepared, daily.volume, initial=setup.uncorrected, progress=part_of(progress, 0.65, 1.0)
        )
    return MatchedDay(daily, registration, warnings)


def _load_daily(request: AlignRequest, contents: FolderContents | None, seconds: Seconds) -> DailyInput:
    with timed(seconds, "read_daily"):
        return load_daily(request, silent, contents)


def _prepare(
    request: AlignRequest, planning: PlanningInput, target: Structure | None, progress: Progress
) -> PreparedPlanning:
    # The match is always free to turn: a rotation that the couch cannot make must not look like another
    # patient. What the couch can do is solved for at the target afterwards.
    return prepare_planning(
        planning.volume,
        isocentre_mm=planning.isocentre.xyz_mm,
        settings=MatchSettings(region=_region(request, planning), content=request.content),
        target_points_mm=_target_points_mm(target),
        progress=progress,
    )


def _region(request: AlignRequest, planning: PlanningInput) -> Region:
    choice = request.region
    if choice.box_mm is not None:
        return Region.box(planning.isocentre.xyz_mm, choice.box_mm)
    if choice.structure_name is None:
        return Region.automatic()
    if planning.structure_set is None:
        msg = (
            f"{planning.path} holds no structure set, so no structure '{choice.structure_name}': "
            "add the RT Structure Set, or use --roi auto or --roi box:SIZE_MM"
        )
        raise MissingEvidenceError(msg)
    structure = planning.structure_set.structure(choice.structure_name)
    return Region.structure(structure.name, structure_mask(structure, planning.volume.grid))

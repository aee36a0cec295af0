"""The 4DCT of a planning export: which series are its phases, and what moves through them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from isoguide.course.simulation import StructureMotion, time_shares
from isoguide.dicom import FolderContents, FoundSeries, ImageSeries, read_ct_series
from isoguide.errors import AmbiguityError, GeometryError
from isoguide.geometry.frames import PLANNING
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.motion.average import average_volume
from isoguide.motion.phases import PhaseMotion, follow_marker, follow_structure
from isoguide.plan import Fiducial
from isoguide.progress import Progress, part_of, silent

FEWEST_PHASES: Final = 4
"""Fewer phases do not show both ends of a breath and the way between them."""
_PERCENT: Final = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d+)?)\s*%")


@dataclass(frozen=True, slots=True, eq=False)
class PhaseSeries:
    """A series that shows one phase: 0 % is the end of breathing in."""

    percent: float
    series: FoundSeries

    @property
    def label(self) -> str:
        """What messages call the phase."""
        return f"the phase {self.percent:g} %"


@dataclass(frozen=True, slots=True, eq=False)
class BreathingMotion:
    """What a 4DCT says.

    Parameters
    ----------
    target
        How the structure that is followed moved; None without a usable 4DCT.
    motions
        Of all that could be followed, target first.
    warnings
        What could not, with the reason.
    average
        Mean over time of the phases, frame PLANNING; None where there is none.
    """

    target: PhaseMotion | None = None
    motions: tuple[StructureMotion, ...] = ()
    warnings: tuple[str, ...] = ()
    average: Volume | None = None


def find_phases(
    contents: FolderContents, planning: ImageSeries
) -> tuple[tuple[PhaseSeries, ...], tuple[str, ...]]:
    """Find the phases of the 4DCT in the order of the cycle, and what to know about how they were found.

    A phase is a CT series in the frame of reference of the planning CT, which may be one of them, that states
    its NominalPercentageOfRespiratoryPhase (0020,9245); or else has one percentage in its description, which
    a warning says.

    Raises
    ------
    AmbiguityError
        If two series show the same phase.
    """
    found: list[PhaseSeries] = []
    guessed: list[str] = []
    for series in contents.ct_series:
        if series.item.text("FrameOfReferenceUID") != planning.frame_of_reference_uid:
            continue
        percent = series.item.number("NominalPercentageOfRespiratoryPhase")
        if percent is None and series.series_instance_uid != planning.series_instance_uid:
            percent = _described(series.item.text("SeriesDescription"))
            guessed += [series.item.text("SeriesDescription")] if percent is not None else []
        if percent is not None:
            found.append(PhaseSeries(percent, series))
    found.sort(key=lambda phase: phase.percent)
    _refuse_same(found)
    if len(found) < FEWEST_PHASES:
        return (), _too_few(found)
    if guessed:
        named = ", ".join(f"'{text}'" for text in sorted(guessed))
        return tuple(found), (f"phases of the 4DCT are known from their descriptions only: {named}",)
    return tuple(found), ()


def breathing_motion(
    phases: Sequence[PhaseSeries],
    planning: Volume,
    structure: Structure,
    fiducials: Sequence[Fiducial],
    *,
    progress: Progress = silent,
) -> BreathingMotion:
    """Read the 4DCT, and follow a structure and the implanted markers through it.

    Parameters
    ----------
    phases
        In the order of the cycle.
    planning
        Planning CT.
    structure, fiducials
        What is followed, drawn on the planning CT.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If a phase is damaged.
    """
    if not phases:
        return BreathingMotion()
    volumes = []
    for n, phase in enumerate(phases):
        progress(0.6 * n / len(phases), f"reading {phase.label}")
        image = read_ct_series(phase.series, PLANNING, needs_hounsfield=False)
        volumes.append(replace(image.volume, source=phase.label))
    follow = part_of(progress, 0.6, 1.0)
    follow(0.0, f"following {structure.name}")
    target = follow_structure(structure, planning, volumes)
    tracks = [target]
    for n, fiducial in enumerate(fiducials, start=1):
        follow(n / (1 + len(fiducials)), f"following {fiducial.name}")
        tracks.append(follow_marker(fiducial, planning, volumes))
    sorted_by, told = _sorted_by(phases)
    motions = [motion for track in tracks if (motion := _record(track, phases, sorted_by)) is not None]
    warnings = [
        f"the motion of '{track.name}' is not available: {'; '.join(track.reasons)}"
        for track in tracks
        if track.reasons
    ]
    average, doubt = _average(volumes, phases, sorted_by)
    return BreathingMotion(target, tuple(motions), (*told, *warnings, *doubt), average)


def _record(track: PhaseMotion, phases: Sequence[PhaseSeries], sorted_by: str) -> StructureMotion | None:
    if track.displacement_mm is None:
        return None
    percents = tuple(phase.percent for phase in phases)
    return StructureMotion(
        track.name, track.displacement_mm, percents, track.closure_mm, track.from_planning_mm, sorted_by
    )


def _sorted_by(phases: Sequence[PhaseSeries]) -> tuple[str, tuple[str, ...]]:
    """Return what the percentages of the phases count, and what that means."""
    named = [phase.series.item.text("SeriesDescription") for phase in phases]
    if not any("amplitude" in text.lower() for text in named):
        return "phase", ()
    warning = (
        "the 4DCT is sorted by amplitude, so that its images do not say how long the patient stays where: "
        "there is no mean over time and no mid-ventilation"
    )
    return "amplitude", (warning,)


def _average(
    volumes: Sequence[Volume], phases: Sequence[PhaseSeries], sorted_by: str
) -> tuple[Volume | None, tuple[str, ...]]:
    if sorted_by != "phase":
        return None, ()
    try:
        return average_volume(volumes, time_shares([phase.percent for phase in phases])), ()
    except GeometryError as error:
        return None, (f"there is no average of the 4DCT: {error}",)


def _described(description: str) -> float | None:
    percents = {float(text) for text in _PERCENT.findall(description)}
    return percents.pop() if len(percents) == 1 and max(percents) <= 100.0 else None


def _refuse_same(phases: Sequence[PhaseSeries]) -> None:
    for one, other in pairwise(phases):
        if one.percent == other.percent:
            msg = (
                f"{one.label} of the 4DCT is there twice, as the {one.series.label} and the "
                f"{other.series.label}; leave one of them out"
            )
            raise AmbiguityError(msg)


def _too_few(phases: Sequence[PhaseSeries]) -> tuple[str, ...]:
    if not phases:
        return ()
    there = ", ".join(f"{phase.percent:g} %" for phase in phases)
    return (f"the 4DCT has the phases {there} only: at least {FEWEST_PHASES} are needed to follow a breath",)

"""From the projections of a cone-beam scan to images of the phases of breathing (4D-CBCT)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import CtAcquisition, RespiratoryPhase, SeriesUids
from isoguide.errors import AmbiguityError, InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume
from isoguide.motion.projection_signal import breaths_from_projections, lag_between
from isoguide.motion.respiratory_signal import Breaths, RespiratorySignal, find_breaths
from isoguide.motion.sorting import Bin, Sorting, SortSettings, UsableBins, sort_by_breath, usable_bins
from isoguide.progress import Progress, part_of, silent
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.reconstruct import reconstruct, reconstruct_bins, smoothed_for_bins
from isoguide.workflow.motion.trace_file import read_trace
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.reconstruct import (
    SERIES_FOLDER,
    Reconstruction,
    ReconstructRequest,
    arc_deg,
    read_scan,
    scan_seed,
    stated_position,
    write_image,
)

PHASES_FOLDER: Final = "4DCBCT"
"""What sorting by breath adds to the output folder: a folder for each phase, and the breath in text."""
BREATH_FILE: Final = "breathing.csv"
FIRST_SERIES: Final = 100
LARGEST_LAG_PERCENT, LEAST_AGREEMENT = 20.0, 0.7
"""Chest and diaphragm may be a few tenths of a second apart; a sign that is wrong is half a breath."""


@dataclass(frozen=True, slots=True)
class BreathingRequest:
    """How a scan is sorted by breath.

    Parameters
    ----------
    trace
        A file with a respiratory signal whose second 0 is the start of the scan; None finds the breath in
        the projections themselves.
    scan_s
        How long the scan took, in which its projections were exposed evenly: what is read of a scan does not
        say when.
    sorting
        Into what is sorted.

    Raises
    ------
    InputError
        If the duration is not positive.
    """

    trace: Path | None
    scan_s: float | None
    sorting: SortSettings = field(default_factory=SortSettings)

    def __post_init__(self) -> None:
        if self.scan_s is not None and not 0.0 < self.scan_s < np.inf:
            msg = f"a scan takes a positive time, not {self.scan_s:g} s"
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class PhaseImage:
    """An image of one phase: where it lies on disk, and of how many projections it was made."""

    percent: float
    folder: Path
    projections: int


@dataclass(frozen=True, slots=True, eq=False)
class PhaseReconstruction:
    """What was made.

    Parameters
    ----------
    whole
        The image of all projections, which a breathing patient blurs.
    phases
        In the order of the cycle.
    breaths
        What was sorted by.
    quality
        Of the breath found in projections (see
        :class:`isoguide.motion.projection_signal.ProjectionBreaths`); None with a trace.
    warnings
        What a person should know.
    """

    whole: Reconstruction
    phases: tuple[PhaseImage, ...]
    breaths: Breaths
    quality: float | None
    warnings: tuple[str, ...]


def reconstruct_phases_into(
    target: Path,
    request: ReconstructRequest,
    breathing: BreathingRequest,
    *,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PhaseReconstruction:
    """Reconstruct a scan as a whole to ``target/CBCT``, and its phases to ``target/4DCBCT``.

    All images share one frame of reference, whose origin is the machine isocentre, and each phase states its
    percentage, so that :func:`isoguide.workflow.breathing_motion.find_phases` finds them.

    Raises
    ------
    MissingEvidenceError
        If the patient position, the duration, projections, geometry or RTK are missing, or the breath is.
    InputError
        If the scan or the signal cannot be used, or no bin has projections from enough sides.
    MismatchError
        If the signal contradicts the projections.
    OutputError
        If the folder cannot be written or holds a reconstruction and ``overwrite`` is not set.
    """
    position = stated_position(request)
    scan_s = _stated_duration(breathing)
    with published_folder(target, (SERIES_FOLDER, PHASES_FOLDER), overwrite=overwrite) as staging:
        projections, acquired_at = read_scan(request, part_of(progress, 0.0, 0.3))
        count = len(projections.views)
        projections = replace(projections, seconds=scan_s * (np.arange(count) + 0.5) / count)
        progress(0.3, "finding the breath")
        breaths, quality = _breaths(projections, position, breathing)
        sorting = sort_by_breath(breaths, projections.seconds, breathing.sorting)
        usable = _usable(sorting, projections)
        writer = _Writer(request, CtAcquisition(acquired_at), scan_seed(projections, request), sorting)
        whole = reconstruct(projections, position, request.settings, progress=part_of(progress, 0.3, 0.6))
        writer.write_whole(staging / SERIES_FOLDER, whole)
        volumes = reconstruct_bins(
            projections,
            [one.members for one in usable.bins],
            position,
            smoothed_for_bins(request.settings, projections.views[0]),
            progress=part_of(progress, 0.6, 1.0),
        )
        for one, volume in zip(usable.bins, volumes, strict=True):
            writer.write_bin(staging / PHASES_FOLDER / _name(one), volume, one)
        (staging / PHASES_FOLDER / BREATH_FILE).write_text(_table(sorting, breaths, projections.seconds))
    made = Reconstruction(whole, target / SERIES_FOLDER, count, arc_deg(projections), acquired_at)
    phases = tuple(
        PhaseImage(one.percent, target / PHASES_FOLDER / _name(one), len(one.members)) for one in usable.bins
    )
    return PhaseReconstruction(made, phases, breaths, quality, (*breaths.warnings, *usable.warnings))


def _stated_duration(breathing: BreathingRequest) -> float:
    if breathing.scan_s is None:
        msg = (
            "the projections do not say when each was exposed, and a breath is sorted by time: give "
            "--scan-seconds, how long the scan took"
        )
        raise MissingEvidenceError(msg)
    return breathing.scan_s


def _breaths(
    projections: ProjectionSet, position: str, breathing: BreathingRequest
) -> tuple[Breaths, float | None]:
    """Return the breaths, and the quality of those found in the projections."""
    found = breaths_from_projections(projections, position)
    if breathing.trace is None:
        return found.breaths, found.quality
    by_trace = find_breaths(_signal(breathing.trace))
    lag = lag_between(by_trace, found.breaths, projections.seconds)
    if lag is None:  # one of them says nothing: the trace then stands alone, or refuses for itself
        alone = (
            f"the projections do not confirm the {by_trace.signal.source}: {'; '.join(found.breaths.reasons)}"
        )
        return replace(by_trace, warnings=(*by_trace.warnings, alone)), None
    if lag.agreement < LEAST_AGREEMENT or abs(lag.percent) > LARGEST_LAG_PERCENT:
        msg = (
            f"the {by_trace.signal.source} is {abs(lag.percent):.0f} % of a breath apart from the breath in "
            f"the projections (agreement {lag.agreement:.2f}): check that its second 0 is the start of the "
            "scan, and that more means breathing in"
        )
        raise MismatchError(msg)
    return by_trace, None


def _signal(path: Path) -> RespiratorySignal:
    """Read a signal along one line; moments at which nothing was seen are left out."""
    trace = read_trace(path)
    if trace.places_mm.shape[1] != 1:
        msg = (
            f"{path} has three axes, and none is said to be the depth of the breath: give the columns "
            "seconds, value_mm, with larger values when the lungs are fuller"
        )
        raise AmbiguityError(msg)
    return RespiratorySignal(trace.seconds[trace.seen], trace.places_mm[trace.seen, 0], f"signal {path.name}")


def _usable(sorting: Sorting, projections: ProjectionSet) -> UsableBins:
    usable = usable_bins(sorting, projections.views)
    if not usable.bins:
        msg = f"no image can be made of any of {len(sorting.bins)} bins: {usable.warnings[0]}"
        raise InputError(msg)
    return usable


@dataclass(frozen=True, slots=True, eq=False)
class _Writer:
    """Names and identifiers of the images of one scan."""

    request: ReconstructRequest
    acquisition: CtAcquisition
    seed: str
    sorting: Sorting

    def write_whole(self, folder: Path, volume: Volume) -> None:
        acquisition = replace(self.acquisition, description="CBCT")
        write_image(folder, volume, self.request, acquisition, SeriesUids.from_seed(self.seed))

    def write_bin(self, folder: Path, volume: Volume, one: Bin) -> None:
        whole = SeriesUids.from_seed(self.seed)
        members = hashlib.sha256(one.members.astype("<i8").tobytes()).hexdigest()
        series = SeriesUids.from_seed(f"{self.seed} {self.sorting.settings} {one.percent} {members}").series
        number = [other.percent for other in self.sorting.bins].index(one.percent)
        by = " by amplitude" if self.sorting.settings.by == "amplitude" else ""
        acquisition = replace(
            self.acquisition,
            description=f"4D-CBCT {one.percent:g} %{by}",
            series_number=FIRST_SERIES + number,
            phase=RespiratoryPhase(one.percent, number, len(self.sorting.bins)),
        )
        uids = SeriesUids(whole.study, series, whole.frame_of_reference)
        write_image(folder, volume, self.request, acquisition, uids)


def _name(one: Bin) -> str:
    return f"{one.percent:02.0f}"


def _table(sorting: Sorting, breaths: Breaths, seconds: Array) -> str:
    """Say of each projection when it was, how deep the breath was, and where it went."""
    bins = [""] * len(seconds)
    for one in sorting.bins:
        for member in one.members:
            bins[int(member)] = f"{one.percent:g}"
    depths = np.interp(seconds, breaths.signal.seconds, breaths.smooth)
    rows: Sequence[str] = [
        f"{number},{second:.3f},{depth:.4g},{percent}"
        for number, (second, depth, percent) in enumerate(zip(seconds, depths, bins, strict=True), start=1)
    ]
    return "\n".join(["projection,seconds,depth,bin_percent", *rows, ""])

"""Radiographs aligned to the planning CT: the same answer as for a volume of the day."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import FolderContents, ImageSeries, PatientIdentity
from isoguide.dicom.identity import compare_patients
from isoguide.errors import AmbiguityError, InputError, MismatchError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.images.radiograph_view import RadiographView
from isoguide.progress import Progress, part_of, silent
from isoguide.registration import (
    RadiographRegistration,
    RadiographSettings,
    WithoutDepth,
    prepare_radiographs,
    register_radiographs,
)
from isoguide.registration.radiographs.rays import magnification
from isoguide.registration.result import CHI_95_PER_AXIS
from isoguide.units import wrap_deg
from isoguide.workflow.inputs import PlacedPoint, PlanningInput
from isoguide.workflow.radiographs.choose import images_of_the_day
from isoguide.workflow.radiographs.loading import at_planned_position
from isoguide.workflow.radiographs.orientation import check_orientation
from isoguide.workflow.radiographs.placing import (
    ViewOrigin,
    check_choice,
    load_imagers,
    place_radiograph,
)
from isoguide.workflow.radiographs.views_file import SAME_ANGLE_DEG, angle_between_deg, load_views
from isoguide.workflow.request import AlignRequest

VIEWS_SUFFIX: Final = ".json"
LARGEST_COUCH_DEG: Final = 6.0
"""More is no correction of a couch but a kick, and views are placed for a couch at 0°."""


@dataclass(frozen=True, slots=True, eq=False)
class ViewsInput:
    """The day's side where it is radiographs, placed in planning axes with the patient as planned.

    Parameters
    ----------
    path
        The views file, the folder, or the first of the files, as it was given.
    views
        Its radiographs.
    isocentre
        Of the machine: where that of the plan is.
    content_sha256
        Of the views file; of pixels and geometry where the radiographs are DICOM.
    warnings
        What a user should know.
    origins
        Where each radiograph comes from, one for each view; empty for a views file, which knows of no
        patient, device or time.
    """

    path: Path
    views: tuple[RadiographView, ...]
    isocentre: PlacedPoint
    content_sha256: str
    warnings: tuple[str, ...]
    origins: tuple[ViewOrigin, ...] = ()

    @property
    def series(self) -> ImageSeries | None:
        """No series of slices: the DICOM objects are in ``origins``."""
        return None

    @property
    def patient(self) -> PatientIdentity | None:
        """Whose they are, None where nothing says."""
        return self.origins[0].header.patient if self.origins else None

    @property
    def acquired_at(self) -> datetime | None:
        """When the first of them was exposed, by the clock of the room; None where one does not say."""
        moments = [origin.header.acquired_at for origin in self.origins]
        known = [moment for moment in moments if moment is not None]
        return min(known) if known and len(known) == len(moments) else None

    @property
    def moments_apart_s(self) -> float | None:
        """Seconds between the first and the last exposure, None where one has no time."""
        first = self.acquired_at
        if first is None:
            return None
        moments = [origin.header.acquired_at or first for origin in self.origins]
        return max((moment - first).total_seconds() for moment in moments)


def is_views_file(path: Path) -> bool:
    """Tell a views file by its name."""
    return path.suffix.lower() == VIEWS_SUFFIX and not path.is_dir()


def load_views_input(request: AlignRequest, planning: PlanningInput) -> ViewsInput:
    """Read the views file of a request.

    Raises
    ------
    InputError
        If it cannot be used, or a machine isocentre is stated beside it.
    """
    _refuse_machine_isocentre(request)
    views = load_views(request.daily)
    evidence = f"that of the plan, about which {request.daily.name} places its views"
    return ViewsInput(
        path=request.daily,
        views=views,
        isocentre=PlacedPoint(planning.isocentre.xyz_mm, evidence),
        content_sha256=hashlib.sha256(request.daily.read_bytes()).hexdigest(),
        warnings=tuple(dict.fromkeys((*_warnings(views), *_unseen(views)))),
    )


def single_view_words(five: WithoutDepth) -> str:
    """Say what one view shows, and what it does not: there is never a number for the depth."""
    half_mm = np.sqrt(np.clip(np.diag(five.covariance)[:2], 0.0, None)) * CHI_95_PER_AXIS
    across, down = five.shift_mm
    return (
        f"the one view shows the patient {across:+.1f} ± {half_mm[0]:.1f} mm along its rows and "
        f"{down:+.1f} ± {half_mm[1]:.1f} mm along its columns from the plan, turned by "
        f"{rotation_angle_deg(five.rotation):.1f}°; depth not available"
    )


def _warnings(views: tuple[RadiographView, ...]) -> tuple[str, ...]:
    return tuple(words for view in views for words in view.warnings)


def _unseen(views: tuple[RadiographView, ...]) -> tuple[str, ...]:
    return tuple(
        f"{100.0 * (1.0 - view.share_that_counts):.0f} % of {view.source} is saturated or shut out, and was "
        "left out"
        for view in views
        if view.share_that_counts < 1.0
    )


def load_room_views(
    request: AlignRequest, planning: PlanningInput, contents: FolderContents, *, now: datetime
) -> ViewsInput:
    """Read the DICOM radiographs of the day and place them where the patient lies as planned.

    Parameters
    ----------
    request
        What the user says about them.
    planning
        Where the plan isocentre is in the patient, and how he lies.
    contents
        What the folder of the day holds.
    now
        By the clock of the room: an imager cannot have been calibrated later.

    Raises
    ------
    InputError
        If one of them cannot be placed or used, or they do not belong together.
    """
    _refuse_machine_isocentre(request)
    choice = request.radiographs
    headers, notes = images_of_the_day(contents, choice, request.daily_series_uid)
    check_choice(headers, choice)
    for header in headers[1:]:
        notes += compare_patients(headers[0].patient, str(headers[0].path), header.patient, str(header.path))
    imagers = load_imagers(choice, now=now)
    placed = [place_radiograph(header, imagers, choice) for header in headers]
    origins = tuple(origin for _, origin in placed)
    as_planned = fixed_from_planning(planning.patient_position, planning.isocentre.xyz_mm)
    views = tuple(at_planned_position(view, as_planned) for view, _ in placed)
    _refuse_same_angle(views, origins)
    for view, origin in zip(views, origins, strict=True):
        _refuse_couch_kick(origin)
        notes += check_orientation(view.view, origin.header)
    evidence = "where the room has it, in which the radiographs are placed, and the plan isocentre there"
    return ViewsInput(
        path=request.daily,
        views=views,
        isocentre=PlacedPoint(planning.isocentre.xyz_mm, evidence),
        content_sha256=_content_sha256([view for view, _ in placed]),
        warnings=tuple(dict.fromkeys((*notes, *_warnings(views), *_unseen(views)))),
        origins=origins,
    )


def _refuse_machine_isocentre(request: AlignRequest) -> None:
    if request.machine_isocentre_mm is not None:
        msg = (
            f"{request.daily} places its views with the patient as planned, so the machine isocentre is that "
            "of the plan: leave --machine-isocentre out"
        )
        raise InputError(msg)


def _refuse_same_angle(views: Sequence[RadiographView], origins: Sequence[ViewOrigin]) -> None:
    for (one, first), (other, second) in combinations(zip(views, origins, strict=True), 2):
        angle_deg = angle_between_deg(one.view, other.view)
        if angle_deg < SAME_ANGLE_DEG:
            msg = (
                f"{first.header.path} ({first.place}, {first.header.when}) and {second.header.path} "
                f"({second.place}, {second.header.when}) show the patient along one line "
                f"({angle_deg:.1f}° apart): give the files of one pair, an exposure per view"
            )
            raise AmbiguityError(msg)


def _refuse_couch_kick(origin: ViewOrigin) -> None:
    couch_deg = origin.header.couch_deg
    if couch_deg is not None and abs(wrap_deg(couch_deg)) > LARGEST_COUCH_DEG:
        msg = (
            f"{origin.header.path} was taken with the couch turned by {wrap_deg(couch_deg):g}°, and only "
            "radiographs with the couch at 0° can be placed: take the pair before the couch is turned"
        )
        raise MismatchError(msg)


def _content_sha256(images: Sequence[RadiographView]) -> str:
    digest = hashlib.sha256()
    for image in images:
        view = image.view
        for array in (
            view.source_mm,
            view.pixel_mm(np.array([[0.0, 0.0], [1.0, 1.0]])),
            image.radiograph.values,
        ):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def register_views(
    planning: PlanningInput,
    daily: ViewsInput,
    target_points_mm: Array | None,
    progress: Progress = silent,
) -> RadiographRegistration:
    """Match the radiographs with six degrees of freedom.

    Raises
    ------
    InputError
        If a view shows too little of the patient.
    """
    try:
        prepared = prepare_radiographs(
            planning.volume,
            isocentre_mm=planning.isocentre.xyz_mm,
            views=[view.view for view in daily.views],
            settings=RadiographSettings(calibration_mm2=calibration_mm2(daily)),
            target_points_mm=target_points_mm,
            progress=part_of(progress, 0.0, 0.7),
        )
    except InputError as error:
        named = ", ".join(
            f"view {number} is {view.source}" for number, view in enumerate(daily.views, start=1)
        )
        raise type(error)(f"{error} ({named})") from None
    return register_radiographs(prepared, daily.views, progress=part_of(progress, 0.7, 1.0))


def calibration_mm2(daily: ViewsInput) -> tuple[Array, ...] | None:
    """Return per view the covariance (2, 2) of where its image lies, mm² at the isocentre; None: not known.

    A view without calibration figures beside one that has them counts as exact.
    """
    if not any(origin.isocentre_sd_px for origin in daily.origins):
        return None
    found = []
    for view, origin in zip(daily.views, daily.origins, strict=True):
        sd_px = np.array(origin.isocentre_sd_px or (0.0, 0.0))
        at_isocentre = sd_px * view.view.pixel_spacing_mm / magnification(view.view, daily.isocentre.xyz_mm)
        found.append(np.diag(at_isocentre**2))
    return tuple(found)

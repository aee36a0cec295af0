"""Why to believe the engine's match: found again from the kept files, and shown only if it is the same."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.course import MatchRecord
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.registration import Registration
from isoguide.registration.day_match import Prepared, matcher_of, registration_of_markers
from isoguide.registration.markers import MarkerMatch, PreparedMarkers
from isoguide.registration.markers.locate import locate_in_radiographs, locate_in_volume
from isoguide.registration.planning import PreparedPlanning, region_box_mm
from isoguide.registration.refine import displacement_mm
from isoguide.workflow.clinic.course_planning import prepared_for
from isoguide.workflow.clinic.pictures.day_scene import DayScene
from isoguide.workflow.settings_hash import settings_hash
from isoguide.workflow.shown_markers import ShownMarker, markers_of_match

SAME_MM: Final = 0.05
"""A match may differ by this on another computer, or where a room gave grey values with fractions."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundAgain:
    """The engine's match of an image, made again.

    Parameters
    ----------
    registration
        With all its figures.
    markers
        What each marker did, and the planned ones; None where no markers are matched.
    region_mm
        Two opposite corners of the region of match, planning LPS, (2, 3); None where there is no box.
    differs_because
        Why it is not the match that was recorded, one sentence: then none of its figures may be shown.
    """

    registration: Registration
    markers: tuple[MarkerMatch, PreparedMarkers] | None
    region_mm: Array | None
    differs_because: str

    def shown_markers(self) -> tuple[ShownMarker, ...]:
        """Return the planned markers, and where they were found: nowhere where it is another match."""
        if self.markers is None:
            return ()
        found, prepared = self.markers
        return markers_of_match(found, prepared.planned, was_found=not self.differs_because)


def prepare_again(day: DayScene, progress: Progress = silent) -> Prepared:
    """Prepare the match that the protocol of the course asks for.

    Raises
    ------
    InputError
        As :func:`isoguide.workflow.clinic.course_planning.prepared_for`.
    """
    plan = day.plan
    return prepared_for(
        plan.planning,
        plan.protocol,
        plan.course.simulation,
        day.planned_views,
        plan.reference,
        progress,
    )


def match_again(day: DayScene, prepared: Prepared, recorded: MatchRecord) -> FoundAgain:
    """Match an image of the day again.

    Parameters
    ----------
    day
        The image.
    prepared
        From :func:`prepare_again`.
    recorded
        What the records say that the engine found in it.

    Raises
    ------
    InputError
        If it cannot be matched.
    """
    markers = None
    if isinstance(prepared, PreparedMarkers):
        found = _markers(day, prepared)
        registration, markers = registration_of_markers(prepared, found), (found, prepared)
    else:
        registration = matcher_of(prepared)(day.image.content, day.uncorrected)
    region_mm = None
    if isinstance(prepared, PreparedPlanning):
        region_mm = np.stack(region_box_mm(prepared.settings, prepared.volume, prepared.centre_mm))
    differs = _difference(registration, recorded, prepared.target_points_mm)
    return FoundAgain(registration, markers, region_mm, differs)


def _markers(day: DayScene, prepared: PreparedMarkers) -> MarkerMatch:
    if isinstance(day.image.content, Volume):
        return locate_in_volume(prepared, day.image.content, day.uncorrected)
    return locate_in_radiographs(prepared, [one.radiograph for one in day.views], day.uncorrected)


def _difference(found: Registration, recorded: MatchRecord, target_points_mm: Array) -> str:
    """Say in a sentence how a match is not the one that was recorded; empty when it is the same."""
    what = ""
    if (found.algorithm, settings_hash(found.settings)) != (recorded.algorithm, recorded.settings_sha256):
        what = f"it was made with {recorded.algorithm} of version {recorded.version} and other settings"
    elif found.verdict != recorded.verdict:
        what = f"it says '{found.verdict}' where '{recorded.verdict}' was recorded"
    elif found.planning_from_daily is not None and recorded.planning_from_daily is not None:
        apart_mm = distance_mm(
            found.planning_from_daily,
            RigidTransform(PLANNING, DAILY, recorded.planning_from_daily),
            target_points_mm,
        )
        if apart_mm > SAME_MM:
            what = f"it is {apart_mm:.2f} mm from what was recorded"
    if not what:
        return ""
    return f"the match cannot be made again as it was ({what}): its figures are not available"


def distance_mm(one: RigidTransform, other: RigidTransform, points_mm: Array) -> float:
    """Return the largest distance between where two poses lay points (n, 3) of the planning CT."""
    first, second = one.inverse().matrix, other.inverse().matrix
    return float(displacement_mm(first, second, points_mm).max())

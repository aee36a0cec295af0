"""Where the patient is by his implanted markers, from images of the day: found, told apart, matched."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.registration.markers.correspond import (
    Correspondence,
    assign_markers,
    candidates_in_pair,
    candidates_in_volume,
)
from isoguide.registration.markers.declared import DeclaredMarkers
from isoguide.registration.markers.in_radiographs import RadiographMarker, find_in_radiograph
from isoguide.registration.markers.in_volumes import find_in_volume
from isoguide.registration.markers.interchanged import interchanged_views
from isoguide.registration.markers.match import MarkerMatch, MarkerMatchSettings, match_markers
from isoguide.registration.markers.triangulation import calibration_covariance_mm2
from isoguide.registration.pyramid import crop

MARKED_MM: Final = 3.0
"""A person marks a marker's middle in the planning CT within this."""
VIEWS: Final = 2
"""Rays of two images meet at a marker."""
BEYOND_REACH_MM: Final = 15.0
"""Of a volume that much more is looked at, so that no marker is cut at its border."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedMarkers:
    """What is known of a patient's markers before an image of the day is taken.

    Parameters
    ----------
    planned
        Their centres in the planning CT.
    declared
        What was implanted.
    centre_mm
        The plan isocentre, planning LPS, (3,).
    target_points_mm
        (n, 3), planning LPS: where the uncertainty counts; the isocentre when not given.
    settings
        What the match assumes.
    calibration_px
        Error of the views per axis, standard deviation.
    reach_mm
        No marker is further than this from where the set-up puts it.

    Raises
    ------
    MissingEvidenceError
        If there is no planned marker.
    InputError
        If more or fewer markers are planned than declared, or a value is not positive.
    """

    planned: tuple[Fiducial, ...]
    declared: DeclaredMarkers
    centre_mm: Array
    target_points_mm: Array = field(default_factory=lambda: np.zeros((0, 3)))
    settings: MarkerMatchSettings = field(default_factory=MarkerMatchSettings)
    calibration_px: float = 0.3
    reach_mm: float = 25.0

    def __post_init__(self) -> None:
        centre = frozen_array(self.centre_mm, (3,), "the isocentre")
        object.__setattr__(self, "centre_mm", centre)
        points = self.target_points_mm if len(self.target_points_mm) else centre[None]
        object.__setattr__(self, "target_points_mm", frozen_array(points, (-1, 3), "target points"))
        if not self.planned:
            msg = "the plan marks no implanted markers: mark them in the structure set, or match the anatomy"
            raise MissingEvidenceError(msg)
        if len(self.planned) != self.declared.count:
            msg = (
                f"{self.declared.count} markers are declared but the plan marks {len(self.planned)}: "
                "correct the number, or mark the others"
            )
            raise InputError(msg)
        for name in ("calibration_px", "reach_mm"):
            if not 0.0 < getattr(self, name) < np.inf:
                msg = f"{name} of a match by markers must be positive, not {getattr(self, name)}"
                raise InputError(msg)

    @property
    def planned_mm(self) -> Array:
        """Centres (n, 3), planning LPS."""
        return np.array([marker.position_mm for marker in self.planned])


def as_the_planning_ct_shows(
    marked: Sequence[Fiducial], declared: DeclaredMarkers, planning: Volume
) -> tuple[Fiducial, ...]:
    """Return the markers where the planning CT shows them: a person marks them to a voxel or so only.

    Parameters
    ----------
    marked
        As the plan marks them, planning LPS.
    declared
        What was implanted.
    planning
        The planning CT.

    Raises
    ------
    MissingEvidenceError
        If the CT shows none of the declared kind at a mark.
    """
    if not marked:
        return ()
    marked_mm = np.array([one.position_mm for one in marked])
    near = _part_about(planning, marked_mm, BEYOND_REACH_MM)
    found_mm = np.array([one.measured.position_mm for one in find_in_volume(near, declared)]).reshape(-1, 3)
    shown = []
    for one in marked:
        distance_mm = np.linalg.norm(found_mm - one.position_mm, axis=1)
        if not (distance_mm <= MARKED_MM).any():
            msg = (
                f"the planning CT shows no {declared.kind} of {declared.length_mm:g} × "
                f"{declared.diameter_mm:g} mm within {MARKED_MM:g} mm of the mark '{one.name}': "
                "check the marks and the size of the markers"
            )
            raise MissingEvidenceError(msg)
        shown.append(replace(one, position_mm=found_mm[int(distance_mm.argmin())]))
    return tuple(shown)


def locate_in_radiographs(
    prepared: PreparedMarkers, radiographs: Sequence[Radiograph], expected: RigidTransform
) -> MarkerMatch:
    """Find the markers in a pair of radiographs and say where the patient lies.

    Parameters
    ----------
    prepared
        The markers.
    radiographs
        Two, their views in ``expected.from_frame``.
    expected
        Planning LPS from the views' frame, as the set-up says.

    Raises
    ------
    InputError
        If there are not two radiographs.
    MismatchError
        If the markers fit the views the other way round: the images were taken for each other.
    GeometryError
        If their views lie in other frames, or look along the same line.
    """
    if len(radiographs) != VIEWS:
        msg = f"markers are located in two radiographs, not {len(radiographs)}: give a pair"
        raise InputError(msg)
    one, other = radiographs
    views = (one.view, other.view)
    there_mm = expected.inverse().apply(prepared.planned_mm)
    seen = [
        find_in_radiograph(image, prepared.declared, there_mm, reach_mm=prepared.reach_mm)
        for image in radiographs
    ]
    pairs = (seen[0], seen[1])
    candidates = candidates_in_pair(views, pairs, calibration_px=prepared.calibration_px)
    found = assign_markers(prepared.planned, candidates, expected, reach_mm=prepared.reach_mm)
    if len(found.measured) < len(prepared.planned):
        _refuse_interchanged(prepared, views, pairs, expected)
    common = calibration_covariance_mm2(views, there_mm.mean(axis=0), prepared.calibration_px)
    return _matched(prepared, found, expected, common)


def _refuse_interchanged(
    prepared: PreparedMarkers,
    views: tuple[XrayView, XrayView],
    seen: tuple[Sequence[RadiographMarker], Sequence[RadiographMarker]],
    expected: RigidTransform,
) -> None:
    """Refuse images that fit better for each other; where every marker is found they cannot."""
    swapped = interchanged_views(
        prepared.planned,
        views,
        seen,
        expected,
        calibration_px=prepared.calibration_px,
        reach_mm=prepared.reach_mm,
    )
    if swapped is not None:
        raise MismatchError(swapped)


def locate_in_volume(prepared: PreparedMarkers, volume: Volume, expected: RigidTransform) -> MarkerMatch:
    """Find the markers in a CT or cone-beam CT and say where the patient lies.

    Parameters
    ----------
    prepared
        The markers.
    volume
        In ``expected.from_frame``.
    expected
        Planning LPS from the volume's frame, as the set-up says.
    """
    there_mm = expected.inverse().apply(prepared.planned_mm)
    near = _part_about(volume, there_mm, prepared.reach_mm + BEYOND_REACH_MM)
    candidates = candidates_in_volume([one.measured for one in find_in_volume(near, prepared.declared)])
    found = assign_markers(prepared.planned, candidates, expected, reach_mm=prepared.reach_mm)
    return _matched(prepared, found, expected, None)


def _part_about(volume: Volume, points_mm: Array, reach_mm: float) -> Volume:
    low_mm, high_mm = points_mm.min(axis=0) - reach_mm, points_mm.max(axis=0) + reach_mm
    grid, values = crop(volume.grid, volume.values, low_mm, high_mm)
    return Volume(grid, values, volume.is_hounsfield, volume.source)


def _matched(
    prepared: PreparedMarkers,
    found: Correspondence,
    expected: RigidTransform,
    common_mm2: Array | None,
) -> MarkerMatch:
    return match_markers(
        prepared.planned,
        found,
        expected=expected,
        targets_mm=prepared.target_points_mm,
        settings=prepared.settings,
        common_covariance_mm2=common_mm2,
    )

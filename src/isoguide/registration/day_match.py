"""One answer to where the patient lies, whether a CT, radiographs, markers or ultrasound were imaged."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np

from isoguide.errors import MismatchError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph_view import RadiographView
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.registration.assess import motion_in_words
from isoguide.registration.engine import register_volumes
from isoguide.registration.markers.locate import PreparedMarkers, locate_in_radiographs, locate_in_volume
from isoguide.registration.markers.match import MarkerMatch, MarkerState
from isoguide.registration.planning import PreparedPlanning
from isoguide.registration.radiographs.engine import register_radiographs
from isoguide.registration.radiographs.planning import PreparedRadiographs
from isoguide.registration.radiographs.result import RadiographRegistration
from isoguide.registration.result import (
    Alternative,
    Quality,
    RegionResidual,
    Registration,
    Uncertainty,
    Verdict,
)
from isoguide.registration.ultrasound import (
    PreparedUltrasound,
    PreparedUltrasoundToCt,
    register_ultrasound,
    register_ultrasound_to_ct,
)

DayContent = Volume | UltrasoundVolume | tuple[RadiographView, ...]
"""What an image of the day holds, in the frame DAILY: a CT, ultrasound, or radiographs taken together."""
Prepared = (
    PreparedPlanning | PreparedRadiographs | PreparedMarkers | PreparedUltrasound | PreparedUltrasoundToCt
)
"""The planning side of a match; each has ``centre_mm`` and ``target_points_mm``."""
Matcher = Callable[[DayContent, RigidTransform], Registration]
"""Matches the day's image to the plan, from ``planning_from_daily`` of a patient who needs no correction."""

LEVER_MM: Final = 30.0
"""Turns a rotation into mm where motions are compared: the radius that the engines take for a target."""
SAME_PLACE_MM: Final = 0.01
RADIOGRAPHS: Final = "X-ray"
MARKERS: Final = "markers"
ULTRASOUND: Final = "ultrasound"
ULTRASOUND_TO_CT: Final = "ultrasound on CT"
"""What such a match calls the content that it looked at."""
FOR_REVIEW: Final = (
    "ultrasound was matched to the planning CT, which is for review and never applied by itself"
)


def matcher_of(prepared: Prepared) -> Matcher:
    """Return the match that a plan was prepared for.

    The matcher raises :class:`~isoguide.errors.MismatchError` if the day's image is of another kind, or its
    radiographs were taken with another geometry than prepared.
    """
    if isinstance(prepared, PreparedPlanning):
        return partial(_match_volume, prepared)
    if isinstance(prepared, PreparedRadiographs):
        return partial(_match_radiographs, prepared)
    if isinstance(prepared, PreparedMarkers):
        return partial(_match_markers, prepared)
    return partial(_match_ultrasound, prepared)


def kind_of(content: DayContent) -> str:
    """Return in words what an image of the day holds, as part of a sentence."""
    if isinstance(content, Volume):
        return "a CT"
    return "ultrasound" if isinstance(content, UltrasoundVolume) else "radiographs"


def _match_volume(
    prepared: PreparedPlanning, content: DayContent, uncorrected: RigidTransform
) -> Registration:
    if not isinstance(content, Volume):
        msg = (
            f"the plan was prepared for a CT of the day, but the image is {kind_of(content)}: prepare for it"
        )
        raise MismatchError(msg)
    return register_volumes(prepared, content, initial=uncorrected)


def _match_radiographs(
    prepared: PreparedRadiographs, content: DayContent, uncorrected: RigidTransform
) -> Registration:
    if not isinstance(content, tuple):
        msg = f"the plan was prepared for radiographs, but the image is {kind_of(content)}: prepare for it"
        raise MismatchError(msg)
    placed = [image.view.in_frame(uncorrected) for image in content]
    if len(placed) == len(prepared.views):
        apart_mm = max(
            view_distance_mm(one, other) for one, other in zip(placed, prepared.views, strict=True)
        )
        if apart_mm > SAME_PLACE_MM:
            msg = (
                f"the views of the day lie {apart_mm:.1f} mm from those that the plan was prepared for: "
                "prepare for this geometry"
            )
            raise MismatchError(msg)
    found = registration_of_radiographs(register_radiographs(prepared, content))
    return replace(
        found,
        planning_from_daily=_from_there(found.planning_from_daily, uncorrected),
        unconstrained=_from_there(found.unconstrained, uncorrected),
    )


def _match_markers(
    prepared: PreparedMarkers, content: DayContent, uncorrected: RigidTransform
) -> Registration:
    if isinstance(content, Volume):
        return registration_of_markers(prepared, locate_in_volume(prepared, content, uncorrected))
    if not isinstance(content, tuple):
        msg = "the plan was prepared for implanted markers, which no ultrasound shows: prepare for ultrasound"
        raise MismatchError(msg)
    radiographs = [one.radiograph for one in content]
    return registration_of_markers(prepared, locate_in_radiographs(prepared, radiographs, uncorrected))


def _match_ultrasound(
    prepared: PreparedUltrasound | PreparedUltrasoundToCt, content: DayContent, uncorrected: RigidTransform
) -> Registration:
    if not isinstance(content, UltrasoundVolume):
        msg = f"the plan was prepared for ultrasound, but the image is {kind_of(content)}: prepare for it"
        raise MismatchError(msg)
    if isinstance(prepared, PreparedUltrasound):
        return replace(register_ultrasound(prepared, content, initial=uncorrected), content=ULTRASOUND)
    found = register_ultrasound_to_ct(prepared, content, initial=uncorrected)
    return for_review_only(replace(found, content=ULTRASOUND_TO_CT))


def for_review_only(found: Registration) -> Registration:
    """Return a match of ultrasound to CT so that it cannot be applied by itself, whatever its verdict."""
    if found.verdict is not Verdict.ACCEPT:
        return found
    return replace(found, verdict=Verdict.REVIEW, reasons=(*found.reasons, FOR_REVIEW))


def view_distance_mm(one: XrayView, other: XrayView) -> float:
    """Return the largest distance between the sources, and between corner pixels, of two views of a frame."""
    places = []
    for view in (one, other):
        last = (view.size[0] - 1.0, view.size[1] - 1.0)
        corners = view.pixel_mm(np.array([(0.0, 0.0), (last[0], 0.0), (0.0, last[1])]))
        places.append(np.vstack([view.source_mm, corners]))
    return float(np.linalg.norm(places[0] - places[1], axis=1).max())


def _from_there(found: RigidTransform | None, uncorrected: RigidTransform) -> RigidTransform | None:
    """Take an answer about where tissue is in planning axes to the coordinates of the day's image."""
    if found is None:
        return None
    return RigidTransform(PLANNING, uncorrected.from_frame, found.matrix @ uncorrected.matrix)


def registration_of_radiographs(found: RadiographRegistration) -> Registration:
    """Say of a match of radiographs what a match of volumes says; what it does not know is not a number."""
    return Registration(
        verdict=found.verdict,
        reasons=found.reasons,
        planning_from_daily=found.planning_from_daily,
        unconstrained=found.unconstrained,
        degrees_of_freedom=found.degrees_of_freedom,
        centre_mm=found.centre_mm,
        content=RADIOGRAPHS,
        uncertainty=found.uncertainty,
        quality=_quality_of_radiographs(found),
        algorithm=found.algorithm,
        settings={"views": len(found.quality.views) if found.quality is not None else 0},
    )


def _quality_of_radiographs(found: RadiographRegistration) -> Quality | None:
    quality, uncertainty = found.quality, found.uncertainty
    if quality is None or uncertainty is None:
        return None
    return _quality(
        uncertainty,
        similarity=float(np.mean([view.similarity for view in quality.views])),
        overlap_fraction=min(1.0, *(view.shown_fraction for view in quality.views)),
        condition_number=quality.condition_number,
        residuals=quality.residuals,
        alternatives=quality.alternatives,
    )


def registration_of_markers(prepared: PreparedMarkers, found: MarkerMatch) -> Registration:
    """Say of a match by markers what a match of anatomy says; what it does not know is not a number."""
    used = [one for one in found.markers if one.state is MarkerState.USED]
    planned = {marker.name: marker.position_mm for marker in prepared.planned}
    residuals = tuple(
        RegionResidual(planned[one.name], one.residual_mm, np.nan, 1)
        for one in found.markers
        if one.residual_mm is not None
    )
    quality = None
    if found.uncertainty is not None:
        quality = _quality(
            found.uncertainty,
            similarity=np.nan,
            overlap_fraction=len(used) / len(found.markers),
            condition_number=np.nan,
            residuals=residuals,
        )
    return Registration(
        verdict=found.verdict,
        reasons=found.reasons,
        planning_from_daily=found.planning_from_measured,
        unconstrained=found.planning_from_measured,
        degrees_of_freedom=found.degrees_of_freedom,
        centre_mm=prepared.centre_mm,
        content=MARKERS,
        uncertainty=found.uncertainty,
        quality=quality,
        algorithm=found.algorithm,
        settings={"markers": len(found.markers), "markers used": len(used)},
    )


def _quality(
    uncertainty: Uncertainty,
    *,
    similarity: float,
    overlap_fraction: float,
    condition_number: float,
    residuals: tuple[RegionResidual, ...] = (),
    alternatives: tuple[Alternative, ...] = (),
) -> Quality:
    weakest = _weakest(uncertainty.covariance)
    return Quality(
        similarity=similarity,
        overlap_fraction=overlap_fraction,
        condition_number=condition_number,
        weakest_direction=weakest,
        weakest_direction_words=motion_in_words(weakest),
        inverse_inconsistency_mm=np.nan,
        start_agreement_mm=np.nan,
        starts_agreeing=(0, 0),
        residuals=residuals,
        alternatives=alternatives,
    )


def _weakest(covariance: Array) -> Array:
    """Return the least certain motion, a unit vector (6,), rotations as the shifts that they make."""
    levers = np.array([1.0, 1.0, 1.0, LEVER_MM, LEVER_MM, LEVER_MM])
    _, vectors = np.linalg.eigh(covariance * np.outer(levers, levers))
    weakest: Array = vectors[:, -1]
    return weakest

"""Implanted markers: found in images, told apart, matched to the plan, watched for migration."""

from isoguide.registration.markers.correspond import (
    Correspondence,
    MarkerCandidate,
    assign_markers,
    candidates_in_pair,
    candidates_in_volume,
)
from isoguide.registration.markers.declared import DeclaredMarkers, MarkerKind, MeasuredMarker
from isoguide.registration.markers.in_radiographs import RadiographMarker, find_in_radiograph
from isoguide.registration.markers.in_volumes import VolumeMarker, find_in_volume
from isoguide.registration.markers.interchanged import interchanged_views
from isoguide.registration.markers.locate import (
    PreparedMarkers,
    as_the_planning_ct_shows,
    locate_in_radiographs,
    locate_in_volume,
)
from isoguide.registration.markers.match import (
    MarkerMatch,
    MarkerMatchSettings,
    MarkerOutcome,
    MarkerState,
    match_markers,
)
from isoguide.registration.markers.triangulation import (
    Triangulation,
    calibration_covariance_mm2,
    triangulate,
)

__all__ = [
    "Correspondence",
    "DeclaredMarkers",
    "MarkerCandidate",
    "MarkerKind",
    "MarkerMatch",
    "MarkerMatchSettings",
    "MarkerOutcome",
    "MarkerState",
    "MeasuredMarker",
    "PreparedMarkers",
    "RadiographMarker",
    "Triangulation",
    "VolumeMarker",
    "as_the_planning_ct_shows",
    "assign_markers",
    "calibration_covariance_mm2",
    "candidates_in_pair",
    "candidates_in_volume",
    "find_in_radiograph",
    "find_in_volume",
    "interchanged_views",
    "locate_in_radiographs",
    "locate_in_volume",
    "match_markers",
    "triangulate",
]

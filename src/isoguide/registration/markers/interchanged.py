"""Whether two radiographs were taken for each other: their markers then fit the other way round.

Two images of a symmetric pair look alike in format. Interchanged, they mirror the patient, and rays of the
same marker no longer meet: what is seen then fits the views of the other image better. Markers that are
themselves a mirror image cannot show it.
"""

from collections.abc import Sequence
from typing import Final

from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.plan import Fiducial
from isoguide.registration.markers.correspond import assign_markers, candidates_in_pair
from isoguide.registration.markers.in_radiographs import RadiographMarker

LEAST_MATCHED: Final = 3
"""Fewer markers that agree the other way round may do so by chance."""


def interchanged_views(
    planned: Sequence[Fiducial],
    views: tuple[XrayView, XrayView],
    found: tuple[Sequence[RadiographMarker], Sequence[RadiographMarker]],
    expected: RigidTransform,
    *,
    calibration_px: float,
    reach_mm: float,
) -> str | None:
    """Say so when the markers of two images fit their views clearly better the other way round.

    Parameters
    ----------
    planned
        All implanted markers, as they lie in the planning CT.
    views, found
        Of the two images, and what each shows.
    expected
        Planning LPS from the images' frame, as the set-up says.
    calibration_px, reach_mm
        As in :func:`candidates_in_pair` and :func:`assign_markers`.

    Returns
    -------
    str or None
        What is wrong and what to do; None where nothing speaks for it. Several markers have to agree the
        other way round, and more than do as the images are labelled.
    """
    as_labelled, swapped = (
        assign_markers(
            planned,
            candidates_in_pair(views, order, calibration_px=calibration_px),
            expected,
            reach_mm=reach_mm,
        )
        for order in (found, (found[1], found[0]))
    )
    many = len(swapped.measured)
    if many < LEAST_MATCHED or many <= len(as_labelled.measured):
        return None
    return (
        f"{many} of {len(planned)} markers fit when the two radiographs are taken for each other, and "
        f"{len(as_labelled.measured)} as they are labelled: check which image belongs to which view"
    )

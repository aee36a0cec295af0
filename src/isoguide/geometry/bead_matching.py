"""Which spot in an image is which bead of a phantom, from a rough idea of the view.

A rough view is wrong by a shift of the image first of all. Every pair of a bead and a spot proposes one; the
shift that most beads agree with starts an affine map, then the calibration itself, and what does not fit it
in the end is no bead: the consensus of M. A. Fischler and R. C. Bolles (Commun. ACM 24:381, 1981) with all
proposals instead of random ones.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import AmbiguityError, GeometryError
from isoguide.geometry.frames import Array
from isoguide.geometry.imager_calibration import FEWEST_BEADS, CalibratedView, calibrate_view, fit_view
from isoguide.geometry.xray_view import XrayView

ROUGH_PX: Final = 12.0
"""After the best shift, most spots are this near to their beads: 6° or 10 % of the distance are followed."""

FINE_PX: Final = 2.0
"""A spot farther from where the calibrated view has its bead is something else."""

_RIVALS: Final = 6
"""So many different assignments are followed to their end."""

Pairs = NDArray[np.intp]


def match_beads(points_mm: Array, spots: Array, rough: XrayView) -> tuple[CalibratedView, Pairs]:
    """Find which spot shows which bead, and the view that follows.

    Parameters
    ----------
    points_mm
        Positions (n, 3) of the beads in the frame of ``rough``.
    spots
        Column and row (m, 2) of what looks like a bead.
    rough
        The view as far as it is known: frame, pixels and size are taken from it.

    Returns
    -------
    tuple
        The calibrated view and pairs (k, 2) of bead and spot, in the order of its residuals.

    Raises
    ------
    GeometryError
        If too few spots fit, or they do not determine the view.
    AmbiguityError
        If two different assignments fit as many beads: a regular pattern, shifted by one.
    """
    points, seen = np.asarray(points_mm, dtype=np.float64), np.asarray(spots, dtype=np.float64).reshape(-1, 2)
    projected = rough.project(points)
    ends: list[tuple[CalibratedView, Pairs]] = []
    refusal: GeometryError | None = None
    for pairs in _proposals(projected, seen):
        try:
            ends.append(_followed(points, seen, _affine(projected, seen, pairs), rough))
        except GeometryError as error:
            refusal = refusal or error
    if not ends:
        raise refusal or GeometryError(_too_few(len(seen)))
    ends.sort(key=lambda end: (-len(end[1]), end[0].rms_px))
    best = ends[0]
    for _, pairs in ends[1:]:
        if len(pairs) == len(best[1]) and not np.array_equal(pairs, best[1]):
            msg = (
                f"two different assignments of the spots fit {len(pairs)} beads of the phantom each; give a "
                "better rough view, or a phantom without a regular pattern"
            )
            raise AmbiguityError(msg)
    return best


def _too_few(count: int) -> str:
    return (
        f"of {count} spots in the image, fewer than {FEWEST_BEADS} agree with the beads of the phantom; "
        "check the rough view and the phantom file"
    )


def _proposals(projected: Array, seen: Array) -> list[Pairs]:
    """Return the different assignments that some shift of the image proposes, the largest first."""
    found: dict[bytes, Pairs] = {}
    for bead in projected:
        for spot in seen:
            pairs = _nearest_pairs(projected + (spot - bead), seen, ROUGH_PX)
            found.setdefault(pairs.tobytes(), pairs)
    ranked = sorted(found.values(), key=len, reverse=True)
    return [pairs for pairs in ranked if len(pairs) >= FEWEST_BEADS][:_RIVALS]


def _nearest_pairs(projected: Array, seen: Array, within_px: float) -> Pairs:
    """Pair each bead with its nearest spot where each is the other's nearest and they are close."""
    distance = np.linalg.norm(projected[:, None] - seen[None], axis=-1)
    spot = distance.argmin(axis=1)
    beads = np.arange(len(projected))
    mutual = (distance.argmin(axis=0)[spot] == beads) & (distance[beads, spot] <= within_px)
    return np.column_stack([beads[mutual], spot[mutual]])


def _affine(projected: Array, seen: Array, pairs: Pairs) -> Pairs:
    """Assign again after an affine map of the image that the pairs agree with."""
    homogeneous = np.column_stack([projected, np.ones(len(projected))])
    affine = np.linalg.lstsq(homogeneous[pairs[:, 0]], seen[pairs[:, 1]], rcond=None)[0]
    return _nearest_pairs(homogeneous @ affine, seen, ROUGH_PX)


def _followed(points: Array, seen: Array, pairs: Pairs, rough: XrayView) -> tuple[CalibratedView, Pairs]:
    """Calibrate and assign in turn, ever more strictly, until the assignment stays."""
    limit_px = ROUGH_PX
    while len(pairs) >= FEWEST_BEADS:
        beads, shown = points[pairs[:, 0]], seen[pairs[:, 1]]
        if limit_px < FINE_PX:
            return calibrate_view(beads, shown, rough), pairs
        limit_px /= 2.0
        fitted = fit_view(beads, shown, rough)
        pairs = _nearest_pairs(fitted.view.project(points), seen, limit_px)
    raise GeometryError(_too_few(len(seen)))

"""Primary fluence behind jaws, leaves and wedges, in the plane through the isocentre.

The opening is cut into bands, one below each leaf pair and one narrow strip along each border between two
pairs, where tongue and groove meet: a strip is open where both its leaf pairs are. A band is a product of
what lies along and across the leaves, so every pixel gets its exact mean, and the blur of the source is
applied along and across as well. A fluence of 1 is that of the open 40 cm × 40 cm field on the axis.

Sources: IEC 61217 and PS3.3 C.8.8.14 (axes of jaws, leaves and wedges); Sharpe et al., Phys. Med. Biol. 42
(1997) 589 (extra-focal source as a disc at the flattening filter); Lindeberg, IEEE PAMI 12 (1990) 234 (the
Gaussian for samples, whose variance is right however narrow it is).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from scipy.special import ive

from isoguide.dose.beam_data import BeamData, WedgeData
from isoguide.dose.extra_focal import extra_focal_map
from isoguide.dose.opening import Opening, opening_of
from isoguide.dose.subarcs import SubArc, subarcs
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.kernels.fluence import swept_rows, woven
from isoguide.plan import MultileafCollimator, Wedge

__all__ = [
    "FluencePlane",
    "Opening",
    "SubArc",
    "fluence_map",
    "opening_of",
    "subarcs",
    "total_fluence",
    "wedge_data",
]

Float32 = NDArray[np.float32]

UNBOUNDED_MM: Final = 1e6
"""Where the edge of a jaw or leaf that a machine does not have would be."""
ANGLE_TOLERANCE_DEG: Final = 2.0
"""Nominal angles of a plan's wedge and of the machine's data for it may differ by rounding."""


@dataclass(frozen=True, slots=True)
class FluencePlane:
    """Square pixels about the axis of the beam, in the plane through the isocentre.

    Parameters
    ----------
    spacing_mm
        Of the pixels; the axis goes through the middle of one.
    half_width_mm
        Pixels reach at least so far from the axis.

    Raises
    ------
    GeometryError
        If a number is not positive.
    """

    spacing_mm: float
    half_width_mm: float

    def __post_init__(self) -> None:
        if not (self.spacing_mm > 0.0 and self.half_width_mm > 0.0):
            msg = f"a plane of fluence needs a positive spacing and width, not {self}"
            raise GeometryError(msg)

    @property
    def pixels(self) -> int:
        """Number of pixels along x and along y."""
        return 2 * int(np.ceil(self.half_width_mm / self.spacing_mm - 1e-9)) + 1

    @property
    def first_mm(self) -> float:
        """Middle of the first pixel, of x as of y."""
        return -(self.pixels // 2) * self.spacing_mm

    @property
    def middle_mm(self) -> Array:
        """Middle of each pixel, of x as of y, (pixels,)."""
        return np.asarray(self.first_mm + self.spacing_mm * np.arange(self.pixels), dtype=np.float64)


def fluence_map(opening: Opening, machine: BeamData, plane: FluencePlane) -> Float32:
    """Return the fluence of an opening: mean over each pixel, ``[y, x]``.

    Raises
    ------
    MissingEvidenceError
        If a wedge is in the beam that the machine has no data for.
    """
    return total_fluence([(opening, 1.0)], machine, plane)


def total_fluence(
    openings: Sequence[tuple[Opening, float]],
    machine: BeamData,
    plane: FluencePlane,
    *,
    blurred_later_mm2: float = 0.0,
) -> Float32:
    """Return the fluence of openings, each times its weight such as its monitor units, ``[y, x]``.

    Parameters
    ----------
    openings
        With their weights.
    machine, plane
        As of :func:`fluence_map`.
    blurred_later_mm2
        Variance of a blur along x and along y that the pixels will bring about when the map is used; the
        focal spot blurs so much less.

    Raises
    ------
    MissingEvidenceError
        If a wedge is in the beam that the machine has no data for.
    """
    taps = [
        _focal_taps(max(sigma_mm**2 - blurred_later_mm2, 0.0), plane)
        for sigma_mm in machine.head.source_sigma_mm
    ]
    primary = (1.0 - machine.head.extra_focal_share) * _off_axis_ratio(machine, plane)
    total = np.zeros((plane.pixels, plane.pixels))
    for _, grouped in groupby(openings, key=lambda pair: _group(pair[0])):
        members = list(grouped)
        opening = members[0][0]
        across, along = _bands(members, machine, plane)
        # Leaves along x: bands are rows of the map; leaves along y: bands are its columns.
        sideways = opening.leaves is not None and opening.leaves.axis == "Y"
        of_bands = taps if sideways else taps[::-1]
        across = correlate1d(across, of_bands[0], axis=0, mode="nearest")
        along = correlate1d(along, of_bands[1], axis=1, mode="nearest")
        seen = woven(across, along)
        seen = seen.T if sideways else seen
        seen = seen * primary + extra_focal_map(members, machine, plane.middle_mm)
        for wedge in opening.wedges:
            seen *= _behind_wedge(wedge, machine, plane)
        total += seen
    return total.astype(np.float32)


def _group(opening: Opening) -> tuple[object, ...]:
    """Tell what openings share whose bands are the same: only leaves and the jaws along them may differ."""
    across = opening.jaw_x_mm if opening.leaves and opening.leaves.axis == "Y" else opening.jaw_y_mm
    return id(opening.leaves), across, opening.wedges


def _bands(
    members: Sequence[tuple[Opening, float]], machine: BeamData, plane: FluencePlane
) -> tuple[Array, Array]:
    """Share of each pixel across the leaves that each band has, and what each band lets through along them.

    (pixels, bands) and (bands, pixels).
    """
    first, collimation = members[0][0], machine.collimation
    turned = first.leaves is not None and first.leaves.axis == "Y"
    jaws = [one.jaw_y_mm if turned else one.jaw_x_mm for one, _ in members]
    across_jaw = first.jaw_x_mm if turned else first.jaw_y_mm
    edges, leaves = _leaf_bands(members, machine)
    across = _across(edges, across_jaw, collimation.jaw_transmission, plane)
    border_mm = plane.first_mm - plane.spacing_mm / 2.0
    jaw_mm = np.array([jaw or (-UNBOUNDED_MM, UNBOUNDED_MM) for jaw in jaws])
    along = swept_rows(
        (leaves - border_mm) / plane.spacing_mm,
        (jaw_mm - border_mm) / plane.spacing_mm,
        np.array([weight for _, weight in members]),
        (collimation.leaf_transmission, collimation.jaw_transmission),
        plane.pixels,
    )
    return across, along


def _leaf_bands(members: Sequence[tuple[Opening, float]], machine: BeamData) -> tuple[Array, Array]:
    """Edges of the bands (bands, 2), and their openings (openings, 2, bands)."""
    first = members[0][0]
    everywhere = np.array([[-UNBOUNDED_MM], [UNBOUNDED_MM]])
    if first.leaves is None:
        return everywhere.T, np.repeat(everywhere[None], len(members), axis=0)
    half_gap_mm = machine.collimation.leaf_gap_mm / 2.0
    positions = np.array([one.leaf_positions_mm for one, _ in members], dtype=np.float64)
    pairs = positions + np.array([-half_gap_mm, half_gap_mm])[:, None]
    low = np.maximum(pairs[:, 0, :-1], pairs[:, 0, 1:])
    high = np.minimum(pairs[:, 1, :-1], pairs[:, 1, 1:])
    closed = np.zeros((len(members), 2, 2))
    openings = np.concatenate([pairs, np.stack([low, high], axis=1), closed], axis=2)
    return _band_edges(first.leaves, machine.collimation.tongue_and_groove_mm), openings


def _band_edges(leaves: MultileafCollimator, strip_mm: float) -> Array:
    """Edges of the bands below pairs, of the strips between them and of what lies beyond the last pairs.

    Which side of a leaf carries the tongue is not in a plan: half of the strip lies on either side.
    """
    border = leaves.boundaries_mm
    inner = np.zeros(len(border))
    inner[1:-1] = np.minimum(strip_mm, np.minimum(np.diff(border)[:-1], np.diff(border)[1:])) / 2.0
    pairs = np.stack([border[:-1] + inner[:-1], border[1:] - inner[1:]], axis=1)
    strips = np.stack([border - inner, border + inner], axis=1)[1:-1]
    beyond = np.array([[-UNBOUNDED_MM, border[0]], [border[-1], UNBOUNDED_MM]])
    return np.concatenate([pairs, strips, beyond])


def _across(
    edges: Array, jaw_mm: tuple[float, float] | None, transmission: float, plane: FluencePlane
) -> Array:
    """Return the share of each pixel that each band has, behind the jaws across the leaves."""
    low, high = jaw_mm or (-UNBOUNDED_MM, UNBOUNDED_MM)
    open_edges = np.stack([np.maximum(edges[:, 0], low), np.minimum(edges[:, 1], high)], axis=1)
    closed = transmission * _covered(edges, plane)
    return np.asarray(closed + (1.0 - transmission) * _covered(open_edges, plane))


def _covered(edges: Array, plane: FluencePlane) -> Array:
    left = (plane.middle_mm - plane.spacing_mm / 2.0)[:, None]
    right = left + plane.spacing_mm
    within = np.minimum(edges[:, 1], right) - np.maximum(edges[:, 0], left)
    return np.asarray(np.maximum(within, 0.0) / plane.spacing_mm)


@lru_cache(maxsize=32)
def _focal_taps(variance_mm2: float, plane: FluencePlane) -> Array:
    """Weights of a pixel and its neighbours that blur along one axis."""
    variance = variance_mm2 / plane.spacing_mm**2
    reach = int(np.ceil(5.0 * np.sqrt(variance))) + 2
    taps = ive(np.abs(np.arange(-reach, reach + 1)), variance)
    return np.asarray(taps / taps.sum(), dtype=np.float64)


@lru_cache(maxsize=8)
def _off_axis_ratio(machine: BeamData, plane: FluencePlane) -> Array:
    x = plane.middle_mm
    radius = np.hypot(x[None, :], x[:, None])
    return np.interp(radius, machine.head.off_axis_radius_mm, machine.head.off_axis_ratio)


def wedge_data(wedge: Wedge, machine: BeamData) -> WedgeData:
    """Return what the machine knows of a wedge.

    Raises
    ------
    MissingEvidenceError
        If it has no data for it, or the plan does not say how it is turned.
    """
    found = [one for one in machine.wedges if one.identifier == wedge.identifier]
    angle = wedge.angle_deg
    fits = [one for one in found if angle is None or abs(one.angle_deg - angle) <= ANGLE_TOLERANCE_DEG]
    if not fits or wedge.orientation_deg is None or wedge.kind == "DYNAMIC":
        msg = (
            f"the wedge '{wedge.identifier}' ({wedge.kind}, {angle}°) has no data in '{machine.name}',"
            " is dynamic or has no orientation; give beam data that hold it, or a plan without it"
        )
        raise MissingEvidenceError(msg)
    return fits[0]


def _behind_wedge(wedge: Wedge, machine: BeamData, plane: FluencePlane) -> Array:
    """Transmission of a wedge, ``[y, x]``; its thin end is at its orientation from +Y."""
    data = wedge_data(wedge, machine)
    turned = np.deg2rad(wedge.orientation_deg or 0.0)
    x = plane.middle_mm
    towards_heel = x[None, :] * np.sin(turned) - x[:, None] * np.cos(turned)
    return np.asarray(np.interp(towards_heel, data.position_mm, data.transmission), dtype=np.float64)

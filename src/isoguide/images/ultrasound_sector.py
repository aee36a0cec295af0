"""The shape of a scan: a sector of a ring that opens downwards, or a rectangle, fitted to a mask of pixels.

Positions are (column, row) in pixels, from 0 at the centre of the first.
"""

from itertools import product
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial import ConvexHull, QhullError

from isoguide.geometry.frames import Array

BoolArray = NDArray[np.bool_]

FITS_PX: Final = 2.0
"""An outline this close to the model's lies on it: a scan is drawn with a blurred rim."""
FAR_INSIDE_PX: Final = 12.0
"""Outline this far within the model is that of a dark place which runs out of the fan: it fits nothing."""
MOST_POINTS: Final = 1500
MOST_STEPS: Final = 60
"""A fan is fitted in some ten steps."""
CANDIDATES: Final = 3
"""So many of the longest edges of the hull on either side are tried: a dark place may make one of its own."""
STEEP: Final = 0.2
"""Edges of the hull that rise less than this share of their length are no sides."""
STRAIGHT_RAD: Final = float(np.deg2rad(1.5))
"""Sides that are closer to parallel than this are those of a linear array."""
WIDEST_RAD: Final = float(np.deg2rad(85.0))


class Sector(NamedTuple):
    """Apex (column, row), radii of face and deepest arc, angles from straight down to either side."""

    column: float
    row: float
    near: float
    far: float
    left_rad: float
    right_rad: float

    @property
    def half_rad(self) -> float:
        """Half of the angle between its sides."""
        return (self.left_rad + self.right_rad) / 2.0


class Support(NamedTuple):
    """Shares of a model's outline on which the mask's outline lies: sides, face, deepest line or arc."""

    left: float
    right: float
    face: float
    deepest: float


def outside_px(sector: Sector, points: Array) -> Array:
    """Return the distance (n,) of points (n, 2) from a sector, negative inside."""
    across = points[:, 0] - sector.column
    down = points[:, 1] - sector.row
    reach = np.hypot(across, down)
    beyond = [
        sign * across * np.cos(angle) - down * np.sin(angle)
        for sign, angle in ((-1.0, sector.left_rad), (1.0, sector.right_rad))
    ]
    return np.asarray(np.maximum.reduce([*beyond, sector.near - reach, reach - sector.far]))


def inside(sector: Sector, shape: tuple[int, ...]) -> BoolArray:
    """Return the pixels ``[row, column]`` of a sector."""
    rows, columns = np.indices(shape)
    points = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    return np.asarray(outside_px(sector, points) <= 0.0).reshape(shape)


def outline_points(mask: BoolArray) -> Array:
    """Return pixels (n, 2) of a mask that touch its outside, evenly thinned where there are many."""
    rows, columns = np.nonzero(mask & ~ndimage.binary_erosion(mask))
    points = np.column_stack([columns, rows]).astype(np.float64)
    return points[:: max(1, len(points) // MOST_POINTS)]


def side_lines(points: Array) -> tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]:
    """Return candidates for the left and the right side: slope and offset of column = slope * row + offset.

    They are the longest steep edges of the convex hull; none where the points lie on a line.
    """
    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError:
        return (), ()
    ends = np.roll(hull, -1, axis=0)
    edges = ends - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    middle = (points[:, 0].min() + points[:, 0].max()) / 2.0
    beside = (hull + ends)[:, 0] / 2.0 - middle
    steep = np.abs(edges[:, 1]) > STEEP * lengths
    sides = []
    for sign in (-1.0, 1.0):
        ranked = [edge for edge in np.argsort(-lengths) if steep[edge] and sign * beside[edge] > 0.0]
        slopes = [(edge, edges[edge, 0] / edges[edge, 1]) for edge in ranked[:CANDIDATES]]
        sides.append(tuple((float(s), float(hull[e, 0] - s * hull[e, 1])) for e, s in slopes))
    return sides[0], sides[1]


def fitted_sector(points: Array) -> Sector | None:
    """Fit a sector to an outline (n, 2); None where no two sides open downwards."""
    tried = [_first_sector(points, left, right) for left, right in product(*side_lines(points))]
    starts = [sector for sector in tried if sector is not None]
    if not starts:
        return None
    best = min(starts, key=lambda sector: _misfit(sector, points))
    for _ in range(2):
        best = _refined(best, points[outside_px(best, points) > -FAR_INSIDE_PX])
    return best if best.half_rad > STRAIGHT_RAD else None


def _first_sector(points: Array, left: tuple[float, float], right: tuple[float, float]) -> Sector | None:
    opening = right[0] - left[0]
    if opening <= 2.0 * np.tan(STRAIGHT_RAD):
        return None
    row = (left[1] - right[1]) / opening
    column = left[0] * row + left[1]
    reach = np.hypot(points[:, 0] - column, points[:, 1] - row)
    near_middle = np.abs(points[:, 0] - column) < 0.2 * np.ptp(points[:, 0])
    if row > points[:, 1].min() + 1.0 or not near_middle.any():
        return None
    near, far = float(reach[near_middle].min()), float(np.percentile(reach, 99.0))
    angles = (float(-np.arctan(left[0])), float(np.arctan(right[0])))
    return Sector(float(column), float(row), near, far, *angles)


def _misfit(sector: Sector, points: Array) -> float:
    return float(np.minimum(np.abs(outside_px(sector, points)), FAR_INSIDE_PX).mean())


def _refined(first: Sector, points: Array) -> Sector:
    def residuals(values: Array) -> Array:
        # The centre of a pixel on the rim lies half a pixel within it.
        return outside_px(Sector(*values), points) + 0.5

    span = float(np.ptp(points, axis=0).max())
    low = [-np.inf, -np.inf, 0.0, 0.0, -WIDEST_RAD, -WIDEST_RAD]
    high = [np.inf, np.inf, np.inf, np.inf, WIDEST_RAD, WIDEST_RAD]
    found = optimize.least_squares(
        residuals,
        np.clip(first, low, high),
        loss="soft_l1",
        max_nfev=MOST_STEPS,
        bounds=(low, high),
        x_scale=np.array([span, span, span, span, 1.0, 1.0]),
    )
    return Sector(*(float(value) for value in found.x))


def sector_support(sector: Sector, mask: BoolArray) -> Support:
    """Return how much of a sector's outline is that of a mask."""
    along = np.linspace(0.05, 0.95, 200)
    reach = sector.near + along * (sector.far - sector.near)
    turn = along * (sector.left_rad + sector.right_rad) - sector.left_rad
    sides = [(reach, np.full_like(reach, angle)) for angle in (-sector.left_rad, sector.right_rad)]
    arcs = [(np.full_like(turn, radius), turn) for radius in (sector.near, sector.far)]
    lines = [
        np.column_stack([sector.column + radius * np.sin(angle), sector.row + radius * np.cos(angle)])
        for radius, angle in (*sides, *arcs)
    ]
    return Support(*_shares(lines, mask))


def rectangle_support(left: float, right: float, top: float, bottom: float, mask: BoolArray) -> Support:
    """Return how much of a rectangle's outline is that of a mask."""
    along = np.linspace(0.02, 0.98, 200)
    columns, rows = left + along * (right - left), top + along * (bottom - top)
    lines = [np.column_stack([np.full_like(rows, column), rows]) for column in (left, right)]
    lines += [np.column_stack([columns, np.full_like(columns, row)]) for row in (top, bottom)]
    return Support(*_shares(lines, mask))


def _shares(lines: list[Array], mask: BoolArray) -> list[float]:
    # What is cut off by the border of the picture ends there too, but says nothing of the fan.
    inner = np.pad(mask, 1, mode="edge")
    outline = (inner & ~ndimage.binary_erosion(inner, border_value=1))[1:-1, 1:-1]
    if not outline.any():
        return [0.0] * len(lines)
    apart = ndimage.distance_transform_edt(~outline)
    shares = []
    for line in lines:
        at = np.rint(line).astype(int)
        seen = (at >= 0).all(axis=1) & (at[:, 0] < mask.shape[1]) & (at[:, 1] < mask.shape[0])
        close = np.zeros(len(line), dtype=bool)
        close[seen] = apart[at[seen, 1], at[seen, 0]] <= FITS_PX
        shares.append(float(close.mean()))
    return shares

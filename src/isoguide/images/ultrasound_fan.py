"""Where in the pixels of a scanner's screen the ultrasound image is: a sector of a ring, or a rectangle."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize
from scipy.spatial import ConvexHull, QhullError

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array

Pixels = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]

LEAST_PX: Final = 32
"""A fan narrower or shallower than this says nothing of the patient."""
STRAIGHT_RAD: Final = np.deg2rad(1.5)
"""Sides that are closer to parallel than this are those of a linear array."""
LEAST_BORDER_SHARE: Final = 0.02
"""A value of which so much of the picture's border consists is that of the empty screen."""
LEAST_EMPTY_PX: Final = 100
"""Smaller pieces of that value are as well dark places of the patient."""
FITS_PX: Final = 3.0
LEAST_FITTING: Final = 0.75
"""So much of the outline lies on a sector, within so many pixels; what is less is no fan."""
LEAST_FILLED: Final = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Fan:
    """The part of a picture that shows the patient. Pixels are (column, row), from 0 at the first's centre.

    Parameters
    ----------
    in_fan
        Which pixels show the patient, bool ``[row, column]``, without what is written across them.
    face_px
        Middle of the transducer's face, (2,).
    radius_px
        Of its curvature; 0 for a linear array.
    depth_px
        From the face to the deepest arc or line.
    half_angle_rad
        Between the middle line and either side; 0 for a linear array.
    half_width_px
        Half of the face, along it for a linear array and as a chord for a curved one.

    Raises
    ------
    GeometryError
        If the middle of the face is no pair of numbers.
    """

    in_fan: BoolArray
    face_px: Array
    radius_px: float
    depth_px: float
    half_angle_rad: float
    half_width_px: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "face_px", frozen_array(self.face_px, (2,), "the middle of the face"))
        in_fan = np.array(self.in_fan, dtype=bool)
        in_fan.flags.writeable = False
        object.__setattr__(self, "in_fan", in_fan)

    @property
    def is_linear(self) -> bool:
        """True for a linear array, whose lines are parallel."""
        return self.half_angle_rad == 0.0

    def corner_mm(self, pixel_spacing_mm: tuple[float, float]) -> Array:
        """Return x and y (2,) of pixel (0, 0) in ULTRASOUND_IMAGE, as an UltrasoundImage wants it."""
        return np.asarray(-self.face_px * np.array(pixel_spacing_mm), dtype=np.float64)


class _Sector(NamedTuple):
    """Apex (column, row), radii of face and bottom, half angle; all in pixels and radians."""

    column: float
    row: float
    near: float
    far: float
    half_rad: float


def find_fan(pixels: Pixels, *, source: str) -> Fan:
    """Find the fan in one or several pictures of one scanner setting.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``; several frames show it better than one.
    source
        What a message calls the pictures.

    Raises
    ------
    InputError
        If there is no fan, or it stands upside down.
    """
    seen = _patient_part(pixels, source)
    rows, columns = np.nonzero(seen)
    left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
    if min(right - left, bottom - top) < LEAST_PX:
        raise _no_fan(source, "what is not empty is too small")
    if seen[top : bottom + 1, left : right + 1].mean() > 0.97:
        return _linear(seen, left, right, top, bottom)
    return _curved(seen, source)


def _no_fan(source: str, why: str) -> InputError:
    return InputError(f"{source} shows no ultrasound fan: {why}; give pictures with the whole fan in them")


def _patient_part(pixels: Pixels, source: str) -> BoolArray:
    """Return the largest part of the screen that is not empty, holes filled."""
    brightest, darkest = pixels.max(axis=0), pixels.min(axis=0)
    empty = _empty_screen(brightest, darkest)
    parts, count = ndimage.label(ndimage.binary_opening(~empty, iterations=2))
    if count == 0:
        raise _no_fan(source, "the pictures are empty")
    largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(largest))


def _empty_screen(brightest: Pixels, darkest: Pixels) -> BoolArray:
    """Return what never changes and has, in pieces of some size, a value that the border is made of."""
    border = np.concatenate([brightest[0], brightest[-1], brightest[:, 0], brightest[:, -1]])
    shares = np.bincount(border, minlength=256) / len(border)
    is_screen = np.zeros(256, dtype=bool)
    is_screen[shares >= LEAST_BORDER_SHARE] = True
    still = brightest - darkest <= 1
    parts, count = ndimage.label(still & is_screen[brightest])
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(sizes[parts] >= LEAST_EMPTY_PX)


def _linear(seen: BoolArray, left: int, right: int, top: int, bottom: int) -> Fan:
    in_fan = np.zeros_like(seen)
    in_fan[top : bottom + 1, left : right + 1] = True
    return Fan(
        in_fan=in_fan,
        face_px=np.array([(left + right) / 2.0, top]),
        radius_px=0.0,
        depth_px=float(bottom - top),
        half_angle_rad=0.0,
        half_width_px=(right - left) / 2.0,
    )


def _curved(seen: BoolArray, source: str) -> Fan:
    outline = seen & ~ndimage.binary_erosion(seen)
    rows, columns = np.nonzero(outline)
    points = np.column_stack([columns, rows]).astype(np.float64)
    sector = _refined(_first_sector(points, source), points)
    apart = np.abs(_outside_px(sector, points))
    in_fan = _inside(sector, seen.shape)
    fits = float((apart <= FITS_PX).mean())
    if (
        fits < LEAST_FITTING
        or seen[in_fan].mean() < LEAST_FILLED
        or (seen & ~in_fan).sum() > 0.02 * in_fan.sum()
    ):
        raise _no_fan(source, f"only {fits:.0%} of the outline lies on a sector")
    return Fan(
        in_fan=in_fan,
        face_px=np.array([sector.column, sector.row + sector.near]),
        radius_px=sector.near,
        depth_px=sector.far - sector.near,
        half_angle_rad=sector.half_rad,
        half_width_px=float(sector.near * np.sin(sector.half_rad)),
    )


def _first_sector(points: Array, source: str) -> _Sector:
    """Read a sector off the two longest straight pieces of the hull that look left and right."""
    try:
        hull = points[ConvexHull(points).vertices]
    except QhullError as error:
        raise _no_fan(source, "what is not empty is a line") from error
    sides = [_side(hull, sign) for sign in (-1.0, 1.0)]
    slopes, offsets = zip(*sides, strict=True)
    if slopes[1] - slopes[0] <= 2.0 * np.tan(STRAIGHT_RAD):
        msg = f"the fan in {source} stands upside down or is cut: its sides do not open downwards"
        raise InputError(msg)
    # Both sides are column = slope * row + offset.
    row = (offsets[0] - offsets[1]) / (slopes[1] - slopes[0])
    column = slopes[0] * row + offsets[0]
    reach = np.hypot(points[:, 0] - column, points[:, 1] - row)
    middle = np.abs(points[:, 0] - column) < 0.2 * np.ptp(points[:, 0])
    half_rad = (np.arctan(slopes[1]) - np.arctan(slopes[0])) / 2.0
    return _Sector(column, row, float(reach[middle].min()), float(np.percentile(reach, 99.0)), half_rad)


def _side(hull: Array, sign: float) -> tuple[float, float]:
    """Return slope and offset of column = slope * row + offset along the longest edge that looks sideways."""
    ends = np.roll(hull, -1, axis=0)
    edges = ends - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    middle = hull[:, 0].mean()
    steep = np.abs(edges[:, 1]) > 0.3 * lengths
    beside = sign * ((hull + ends)[:, 0] / 2.0 - middle) > 0.0
    best = int(np.argmax(np.where(steep & beside, lengths, -1.0)))
    if not edges[best, 1]:
        return 0.0, float(hull[best, 0])
    slope = float(edges[best, 0] / edges[best, 1])
    return slope, float(hull[best, 0] - slope * hull[best, 1])


def _outside_px(sector: _Sector, points: Array) -> Array:
    """Return the distance (n,) from the outline of a sector, positive outside."""
    across = np.abs(points[:, 0] - sector.column)
    down = points[:, 1] - sector.row
    reach = np.hypot(across, down)
    beyond_side = across * np.cos(sector.half_rad) - down * np.sin(sector.half_rad)
    return np.asarray(np.maximum.reduce([beyond_side, sector.near - reach, reach - sector.far]))


def _refined(first: _Sector, points: Array) -> _Sector:
    found = optimize.least_squares(
        lambda values: _outside_px(_Sector(*values), points),
        np.array(first),
        loss="soft_l1",
        x_scale="jac",
    )
    return _Sector(*(float(value) for value in found.x))


def _inside(sector: _Sector, shape: tuple[int, ...]) -> BoolArray:
    rows, columns = np.indices(shape)
    points = np.column_stack([columns.ravel(), rows.ravel()]).astype(np.float64)
    return np.asarray(_outside_px(sector, points) <= 0.5).reshape(shape)

"""Where bone, gas or a lost contact leaves nothing to see: acoustic shadows, found line by line.

Along a line of sound a shadow begins at a bright face, or at the probe where it has no contact, and goes on
to the end: behind it is only the receiver's noise. Black fluid is no shadow, because tissue is seen again
behind it; nor is a depth that no line reaches, because there nothing is darker than its neighbours. Where
most lines are in shadow no neighbour tells it: then the face must be brighter still.

Method: after Hellier et al., "An automatic geometrical and statistical method to detect acoustic shadows in
intraoperative ultrasound brain images", Med. Image Anal. 14 (2010) 195: breaks along the lines first, then a
test that what follows is noise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.ultrasound_image import UltrasoundImage

Floats = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

STEP_MM: Final = 0.6
"""Distance of samples along the lines."""
APART_MM: Final = 0.8
"""Distance of the lines at half the depth of the image."""
SPECKLE_MM: Final = (2.0, 4.0)
"""Speckle is averaged over this, across and along the lines."""
DARKER_GREY: Final = 28.0
"""A shadow is darker than bright neighbours at its depth by this, of 255: 6.6 dB of 60."""
BLACK_GREY: Final = 14.0
"""Below this nothing is seen, whatever the neighbours show."""
NEIGHBOURS_PERCENTILE: Final = 80.0
"""Of the lines at a depth: bright ones tell what tissue looks like there, though most be in shadow."""
FACE_GREY: Final = 60.0
"""A face stands out by this from the darkness that follows it: 14 dB of 60."""
BRIGHT_FACE_GREY: Final = 100.0
"""The same where no neighbour shows tissue at the depth of the darkness: 24 dB of 60."""
FACE_MM: Final = 7.0
"""The face is looked for this far before the darkness begins."""
CONTACT_MM: Final = 8.0
"""Darkness that begins nearer to the probe needs no face: the probe has no contact."""
LEAST_TAIL_MM: Final = 12.0
LEAST_INFORMATIVE_MM: Final = 6.0
"""So much of a line must be seen to be darker than its neighbours."""
LEAST_WIDTH_MM: Final = 2.5
LEAST_ROWS: Final = 10
LEAST_SIDE: Final = 0.3
"""Share of the rows along which a side goes outwards: the lower arc takes what is left."""
PARALLEL: Final = 0.02
"""Sides that open by less than this (mm per mm of depth) are those of a straight array."""
NEAR_TOP_MM: Final = 2.0
"""The sides of a sector meet where the image begins; this is how well their pixels say it."""


def shadow_of_image(image: UltrasoundImage) -> BoolArray:
    """Find the shadows in an image.

    Parameters
    ----------
    image
        Of a curved, straight or sector array: its lines are found from the sides of the fan.

    Returns
    -------
    NDArray[np.bool_]
        Which pixels lie in a shadow, bool ``[row, column]``, a part of ``in_fan``.

    Raises
    ------
    GeometryError
        If there is no fan, or its sides do not come together at or above the probe.
    """
    return next(shadows_of_images([image]))


def shadows_of_images(images: Iterable[UltrasoundImage]) -> Iterator[BoolArray]:
    """Find the shadows in one image after another, as :func:`shadow_of_image` does; one fan is measured once.

    Raises
    ------
    GeometryError
        If a fan has no sides that converge at or above the probe.
    """
    last: tuple[BoolArray, tuple[float, float]] | None = None
    for image in images:
        if last is None or last[0] is not image.in_fan or last[1] != image.pixel_spacing_mm:
            last, lines = (image.in_fan, image.pixel_spacing_mm), _lines_of_fan(image)
        dark = _shadowed(lines.grey(image.values), lines.inside(image.in_fan), lines.apart_mm)
        yield np.asarray(lines.onto_pixels(dark) & image.in_fan)


def shadow_mask(
    values: NDArray[np.uint8],
    seen: BoolArray,
    grid: Grid,
    *,
    face_mm: Array | None = None,
    direction: Array | None = None,
) -> BoolArray:
    """Find the shadows in a volume.

    Parameters
    ----------
    values, seen
        Brightness and what of it was seen, ``[k, j, i]``.
    grid
        Where the voxels are.
    face_mm
        The point from which the sound comes, (3,) in the grid's frame.
    direction
        Instead: the direction in which it goes, (3,), the same everywhere.

    Returns
    -------
    NDArray[np.bool_]
        Which voxels lie in a shadow, bool ``[k, j, i]``, a part of ``seen``.

    Raises
    ------
    GeometryError
        If not exactly one of point and direction is given, or the direction vanishes.
    """
    if (face_mm is None) == (direction is None):
        msg = "give the point from which the sound comes or the direction in which it goes, one of them"
        raise GeometryError(msg)
    bundle = _Bundle.through(seen, grid, face_mm, direction)
    places = bundle.index_of_samples(grid)
    grey = ndimage.map_coordinates(values, places, order=0, prefilter=False, mode="constant")
    inside = ndimage.map_coordinates(seen, places, order=0, prefilter=False, mode="constant")
    dark = _shadowed(grey.astype(np.float32), inside, bundle.apart_mm)
    found = np.zeros(grid.shape, dtype=bool)
    voxels = np.argwhere(seen)
    where = bundle.samples_of(grid.xyz(voxels[:, ::-1].astype(np.float64)))
    found[tuple(voxels.T)] = ndimage.map_coordinates(dark, where, order=0, prefilter=False, mode="nearest")
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Samples along the lines of a fan: at which pixels they are, and at which sample each pixel is.

    ``samples`` (2, line, depth) and ``pixels`` (2, row, column), both fractional indices.
    """

    samples: Array
    pixels: Array
    apart_mm: tuple[float, ...]

    def grey(self, values: NDArray[np.uint8]) -> Floats:
        sampled = ndimage.map_coordinates(
            values.astype(np.float32), self.samples, order=1, prefilter=False, mode="nearest"
        )
        return np.asarray(sampled, dtype=np.float32)

    def inside(self, in_fan: BoolArray) -> BoolArray:
        return np.asarray(
            ndimage.map_coordinates(in_fan, self.samples, order=0, prefilter=False, mode="constant"),
            dtype=bool,
        )

    def onto_pixels(self, dark: BoolArray) -> BoolArray:
        return np.asarray(
            ndimage.map_coordinates(dark, self.pixels, order=0, prefilter=False, mode="nearest"), dtype=bool
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Apex:
    """Where the sides of a fan meet, (x, y) in mm from pixel (0, 0); y is None where they are parallel."""

    x_mm: float
    y_mm: float | None

    def lines(self, x_mm: Array, y_mm: Array) -> Array:
        """Return line and depth, (2, ...): an angle and a distance from here, or x and y if parallel."""
        if self.y_mm is None:
            return np.stack(np.broadcast_arrays(x_mm - self.x_mm, y_mm))
        aside_mm, down_mm = np.broadcast_arrays(x_mm - self.x_mm, y_mm - self.y_mm)
        return np.stack([np.arctan2(aside_mm, down_mm), np.hypot(aside_mm, down_mm)])

    def places_mm(self, line: Array, depth: Array) -> tuple[Array, Array]:
        """Return x and y of what :meth:`lines` made."""
        if self.y_mm is None:
            return line + self.x_mm, depth
        return self.x_mm + depth * np.sin(line), self.y_mm + depth * np.cos(line)


def _lines_of_fan(image: UltrasoundImage) -> _Lines:
    """Lay lines through the point where the sides of the fan meet; parallel ones where they do not."""
    across_mm, down_mm = image.pixel_spacing_mm
    apex = _apex(image)
    rows, columns = image.values.shape
    x_mm = np.arange(columns, dtype=np.float64)[None, :] * across_mm
    y_mm = np.arange(rows, dtype=np.float64)[:, None] * down_mm
    pixels = apex.lines(np.asarray(x_mm, dtype=np.float64), np.asarray(y_mm, dtype=np.float64))
    inside = pixels[:, image.in_fan]
    low, high = inside.min(axis=1), inside.max(axis=1)
    apart = APART_MM if apex.y_mm is None else APART_MM / (0.5 * (low[1] + high[1]))
    line, depth = np.meshgrid(
        np.arange(low[0], high[0] + apart, apart),
        np.arange(low[1], high[1] + STEP_MM, STEP_MM),
        indexing="ij",
    )
    across, down = apex.places_mm(line, depth)
    return _Lines(
        np.stack([down / down_mm, across / across_mm]),
        np.stack([(pixels[0] - low[0]) / apart, (pixels[1] - low[1]) / STEP_MM]),
        (APART_MM,),
    )


def _apex(image: UltrasoundImage) -> _Apex:
    left, right = _sides_mm(image)
    opening = right[1] - left[1]
    if abs(opening) < PARALLEL:
        return _Apex(0.5 * float(left[0] + right[0]), None)
    y_mm = float((left[0] - right[0]) / opening)
    top_mm = float(np.flatnonzero(image.in_fan.any(axis=1))[0]) * image.pixel_spacing_mm[1]
    if y_mm > top_mm + NEAR_TOP_MM:
        msg = "the sides of the ultrasound fan do not meet above it: is the image upside down?"
        raise GeometryError(msg)
    return _Apex(float(left[0] + left[1] * y_mm), y_mm)


def _sides_mm(image: UltrasoundImage) -> tuple[Array, Array]:
    """Return left and right side of the fan as x = offset + slope · y, (2,) each, mm from pixel (0, 0)."""
    across_mm, down_mm = image.pixel_spacing_mm
    rows = np.flatnonzero(image.in_fan.any(axis=1))
    if len(rows) < LEAST_ROWS:
        msg = "the ultrasound image has no fan to look for shadows in"
        raise GeometryError(msg)
    columns = image.in_fan.shape[1]
    left = image.in_fan.argmax(axis=1)[rows]
    right = columns - 1 - image.in_fan[:, ::-1].argmax(axis=1)[rows]
    sides = []
    for edge, outermost in ((left, left <= left.min() + 1), (right, right >= right.max() - 1)):
        end = int(np.flatnonzero(outermost)[-1]) + 1
        if end < LEAST_SIDE * len(rows):
            msg = "the sides of the ultrasound fan do not spread downwards: is the image upside down?"
            raise GeometryError(msg)
        slope, offset = np.polyfit(rows[:end] * down_mm, edge[:end] * across_mm, 1)
        sides.append(np.array([offset, slope]))
    return sides[0], sides[1]


@dataclass(frozen=True, slots=True, eq=False)
class _Bundle:
    """Lines of sound through a volume: parallel ones, or ones that spread from a point.

    ``axes`` (3, 3): two directions across, then along, as columns; ``low`` (3,) and ``shape`` say where the
    lattice of samples is, in mm across (at the depth ``reach_mm`` where lines spread) and along.
    """

    axes: Array
    origin_mm: Array
    reach_mm: float | None
    low: Array
    shape: tuple[int, int, int]

    @classmethod
    def through(
        cls, seen: BoolArray, grid: Grid, face_mm: Array | None, direction: Array | None
    ) -> "_Bundle":
        voxels = grid.xyz(np.argwhere(seen)[:, ::-1].astype(np.float64))
        origin = voxels.mean(axis=0) if face_mm is None else frozen_array(face_mm, (3,), "the probe's face")
        along = (
            voxels.mean(axis=0) - origin if direction is None else frozen_array(direction, (3,), "direction")
        )
        if np.linalg.norm(along) < 1e-6:
            msg = "the sound needs a direction: it vanishes, or its face lies in the middle of the image"
            raise GeometryError(msg)
        axes = _axes_along(along / np.linalg.norm(along))
        reach_mm = None if face_mm is None else float(np.linalg.norm(along))
        bare = cls(axes, origin, reach_mm, np.zeros(3), (1, 1, 1))
        places = bare._places_mm(voxels)
        low = places.min(axis=0)
        shape = np.ceil((places.max(axis=0) - low) / bare._steps_mm).astype(int) + 1
        return cls(axes, origin, reach_mm, low, (int(shape[0]), int(shape[1]), int(shape[2])))

    @property
    def apart_mm(self) -> tuple[float, ...]:
        return (APART_MM, APART_MM)

    @property
    def _steps_mm(self) -> Array:
        return np.array([APART_MM, APART_MM, STEP_MM])

    def _places_mm(self, xyz_mm: Array) -> Array:
        turned = (xyz_mm - self.origin_mm) @ self.axes
        if self.reach_mm is None:
            return turned
        depth = np.maximum(turned[:, 2], 1e-3)
        distance = np.linalg.norm(turned, axis=1)
        return np.column_stack([turned[:, :2] / depth[:, None] * self.reach_mm, distance])

    def samples_of(self, xyz_mm: Array) -> Array:
        """Fractional indices (3, n) of samples at places (n, 3)."""
        return np.asarray(((self._places_mm(xyz_mm) - self.low) / self._steps_mm).T)

    def index_of_samples(self, grid: Grid) -> Array:
        """Fractional indices (3, a, b, depth) into ``[k, j, i]`` of all samples."""
        a, b, along = (
            low + step * np.arange(n)
            for low, step, n in zip(self.low, self._steps_mm, self.shape, strict=True)
        )
        places = np.stack(np.meshgrid(a, b, along, indexing="ij"), axis=-1)
        if self.reach_mm is not None:
            rays = np.concatenate([places[..., :2] / self.reach_mm, np.ones((*self.shape, 1))], axis=-1)
            places = rays / np.linalg.norm(rays, axis=-1, keepdims=True) * places[..., 2:]
        return np.moveaxis(grid.index(self.origin_mm + places @ self.axes.T)[..., ::-1], -1, 0)


def _axes_along(along: Array) -> Array:
    helper = np.eye(3)[int(np.abs(along).argmin())]
    across = np.cross(along, helper)
    across /= np.linalg.norm(across)
    return np.column_stack([across, np.cross(along, across), along])


def _shadowed(grey: Floats, inside: BoolArray, apart_mm: tuple[float, ...]) -> BoolArray:
    """Find shadows on lines: the last axis is depth, the others lie across."""
    count = ndimage.uniform_filter(inside.astype(np.float32), _speckle_size(apart_mm), mode="nearest")
    smooth = ndimage.uniform_filter(np.where(inside, grey, 0.0), _speckle_size(apart_mm), mode="nearest")
    smooth = np.where(inside, smooth / np.maximum(count, 1e-6), 0.0)
    neighbours = _neighbours(smooth, inside)
    lit = inside & (smooth > np.maximum(neighbours - DARKER_GREY, BLACK_GREY))
    informative = inside & (neighbours - DARKER_GREY > BLACK_GREY)
    begin = _begin_of_darkness(lit, informative)
    depth = np.arange(grey.shape[-1])
    tail = inside & (depth >= begin[..., None])
    first_inside = inside.argmax(axis=-1)
    face = _height_of_face(smooth, tail, begin)
    beside_tissue = (tail & informative).sum(axis=-1) * STEP_MM >= LEAST_INFORMATIVE_MM
    no_contact = (begin - first_inside) * STEP_MM < CONTACT_MM
    convinced = (tail.sum(axis=-1) * STEP_MM >= LEAST_TAIL_MM) & (
        (beside_tissue & ((face > FACE_GREY) | no_contact)) | (face > BRIGHT_FACE_GREY)
    )
    tail &= convinced[..., None]
    return _wide_enough(tail, apart_mm)


def _speckle_size(apart_mm: tuple[float, ...]) -> tuple[int, ...]:
    across, along = SPECKLE_MM
    return (*(max(round(across / one), 1) for one in apart_mm), max(round(along / STEP_MM), 1))


def _neighbours(smooth: Floats, inside: BoolArray) -> Floats:
    """Brightness of well seen tissue at every depth, (depth,)."""
    # The percentiles of all depths at once: one call for each took most of the time that an image takes.
    known = inside.reshape(-1, inside.shape[-1]).T
    ordered = np.sort(np.where(known, smooth.reshape(-1, smooth.shape[-1]).T, np.inf), axis=1)
    ordered[~known.any(axis=1)] = 0.0
    last = np.maximum(known.sum(axis=1) - 1, 0)
    at = last * (NEIGHBOURS_PERCENTILE / 100.0)
    low = at.astype(np.int64)
    pair = np.take_along_axis(ordered, np.column_stack([low, np.minimum(low + 1, last)]), axis=1)
    bright = pair[:, 0] + (at - low) * (pair[:, 1] - pair[:, 0])
    return ndimage.median_filter(bright, round(10.0 / STEP_MM), mode="nearest").astype(np.float32)


def _begin_of_darkness(lit: BoolArray, informative: BoolArray) -> NDArray[np.int64]:
    """Index after the last lit sample of every line, (lines...)."""
    last = lit.shape[-1] - 1 - (lit & informative)[..., ::-1].argmax(axis=-1)
    return np.where((lit & informative).any(axis=-1), last + 1, 0)


def _height_of_face(smooth: Floats, tail: BoolArray, begin: NDArray[np.int64]) -> Floats:
    """Return by how much what comes right before the darkness is brighter than it."""
    depth = np.arange(smooth.shape[-1])
    reach = round(FACE_MM / STEP_MM)
    before = (depth >= begin[..., None] - reach) & (depth < begin[..., None] + 1)
    brightest = np.where(before, smooth, 0.0).max(axis=-1)
    rest = np.where(tail, smooth, 0.0).sum(axis=-1) / np.maximum(tail.sum(axis=-1), 1)
    return np.asarray(brightest - rest)


def _wide_enough(tail: BoolArray, apart_mm: tuple[float, ...]) -> BoolArray:
    size = (*(max(round(LEAST_WIDTH_MM / one), 1) for one in apart_mm), 1)
    closed = ndimage.binary_closing(tail, np.ones(size, dtype=bool)) | tail
    return np.asarray(ndimage.binary_opening(closed, np.ones(size, dtype=bool)))

"""Where in the pixels of a scanner's screen the ultrasound image is: a sector of a ring, or a rectangle."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.images.ultrasound_overlay import written_over
from isoguide.images.ultrasound_sector import (
    FITS_PX,
    BoolArray,
    Support,
    fitted_sector,
    inside,
    outline_points,
    rectangle_support,
    sector_support,
)

Pixels = NDArray[np.uint8]

MOST_FRAMES: Final = 32
"""Of a long recording so many frames are looked at, evenly spread."""
LEAST_PX: Final = 32
"""A fan narrower or shallower than this says nothing of the patient."""
LEAST_BORDER_SHARE: Final = 0.02
"""A value of which so much of the picture's border consists is that of the empty screen."""
LEAST_EMPTY_PX: Final = 100
"""Smaller pieces of that value are as well dark places of the patient."""
NOISIEST_SCREEN: Final = 8
"""The empty screen of a frame grabber changes by no more than this."""
THINNEST_PX: Final = 2
"""Marks of a ruler that touch the fan are thinner than twice this."""
LEAST_SUPPORT: Final = 0.6
LEAST_FACE: Final = 0.3
LEAST_SUPPORT_IN_ALL: Final = 0.75
"""So much of either side and of the deepest line, of the face, and of all together has to show; a face has no
echoes where it does not touch the skin."""
MOST_SKEW_RAD: Final = float(np.deg2rad(1.5))
"""A fan whose sides differ more is dark on one side, or not the whole: its middle is not that of the face."""
MOST_OUTSIDE: Final = 0.01
LEAST_FILLED: Final = 0.6
LEAST_ANISOTROPY: Final = 1.4
"""Brightness changes so much faster along the beam than across it (mean squares): a pulse is shorter than a
beam is wide. 3.0 and 7.2 in recordings of a linear and a curved array; 1 in photographs and X-ray images."""
LEAST_CHANGING: Final = 0.5
"""Speckle changes from almost every pixel to the next; a painted surface does not."""
GREY: Final = (20, 250)
"""Where brightness is neither lost in the dark nor saturated."""
MOST_SATURATED: Final = 0.9
LEAST_GREY_PX: Final = 500
FAR_BRIGHTER: Final = 1.5
"""A linear array's image so much brighter at its far end than at its near one stands upside down."""
END_PX: Final = 9.0
LEAST_STEP: Final = 2.0
"""The last pixels above the deepest line differ from the empty screen by at least this."""
MOST_WRITTEN: Final = 0.05


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


def find_fan(pixels: Pixels, *, source: str) -> Fan:
    """Find the fan in one or several pictures of one scanner setting.

    Pixels are taken for square, unless the array is linear.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``; several frames show it better than one, and only they show that
        something pale is written across it.
    source
        What a message calls the pictures.

    Raises
    ------
    InputError
        If there is no whole fan, it does not stand upright, is no ultrasound, or much is written across it.
    """
    pixels = pixels[:: max(1, len(pixels) // MOST_FRAMES)]
    seen = _patient_part(pixels, source)
    if seen.mean() > 1.0 - MOST_OUTSIDE:
        raise _no_fan(source, "something fills the picture, so that neither face nor sides can be told")
    fan = _fitted(seen)
    if fan is None:
        raise _why_not(seen, source)
    _check_texture(pixels[0], fan, source)
    _check_upright(pixels, fan, source)
    _check_depth(pixels, fan, source)
    written = written_over(pixels, fan.in_fan)
    share = written.sum() / fan.in_fan.sum()
    if share > MOST_WRITTEN:
        msg = f"{share:.0%} of the fan in {source} is written over: record it without text and calipers"
        raise InputError(msg)
    return replace(fan, in_fan=fan.in_fan & ~written)


def _no_fan(source: str, why: str) -> InputError:
    return InputError(f"{source} shows no ultrasound fan: {why}; record the scanner's whole image")


def _patient_part(pixels: Pixels, source: str) -> BoolArray:
    """Return the largest part of the screen that is not empty, holes filled."""
    full = ndimage.binary_closing(np.pad(~_empty_screen(pixels), 1))[1:-1, 1:-1]
    full = ndimage.binary_opening(full, iterations=THINNEST_PX)
    parts, count = ndimage.label(full)
    if count == 0:
        raise _no_fan(source, "the pictures are empty")
    largest = parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    rows, columns = np.nonzero(largest)
    if min(np.ptp(rows), np.ptp(columns)) < LEAST_PX:
        raise _no_fan(source, "nothing in it is as large as one")
    return np.asarray(ndimage.binary_fill_holes(largest))


def _empty_screen(pixels: Pixels) -> BoolArray:
    """Return what never changes and has, in pieces of some size, a value that the border is made of."""
    brightest, darkest = pixels.max(axis=0), pixels.min(axis=0)
    border = np.ones_like(brightest, dtype=bool)
    border[1:-1, 1:-1] = False
    change = brightest - darkest
    relief = ndimage.maximum_filter(brightest, 3) - ndimage.minimum_filter(brightest, 3)
    # Most of the border is screen, though a fan may reach it.
    noise = min(int(max(np.median(change[border]), np.median(relief[border]))) + 1, NOISIEST_SCREEN)
    bare = border & (change <= noise) & (relief <= noise)
    is_screen = np.bincount(brightest[bare], minlength=256) >= LEAST_BORDER_SHARE * border.sum()
    parts, count = ndimage.label((change <= noise) & is_screen[brightest])
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    return np.asarray(sizes[parts] >= LEAST_EMPTY_PX)


def _fitted(seen: BoolArray) -> Fan | None:
    """Return the sector or rectangle that a mask is, None where it is neither."""
    return _rectangle(seen) or _sector(seen)


def _rectangle(seen: BoolArray) -> Fan | None:
    rows, columns = np.nonzero(seen)
    left, right, top, bottom = (int(n) for n in (columns.min(), columns.max(), rows.min(), rows.max()))
    support = rectangle_support(left, right, top, bottom, seen)
    # Sides may lie on the border: a cropped picture shows less to the left and right, and no less truly.
    last = seen.shape[1] - 1
    support = support._replace(
        left=1.0 if left == 0 else support.left, right=1.0 if right == last else support.right
    )
    in_fan = np.zeros_like(seen)
    in_fan[top : bottom + 1, left : right + 1] = True
    if not _is_supported(support) or not _covers(in_fan, seen):
        return None
    return Fan(
        in_fan=in_fan,
        face_px=np.array([(left + right) / 2.0, top]),
        radius_px=0.0,
        depth_px=float(bottom - top),
        half_angle_rad=0.0,
        half_width_px=(right - left) / 2.0,
    )


def _sector(seen: BoolArray) -> Fan | None:
    sector = fitted_sector(outline_points(seen))
    if sector is None:
        return None
    in_fan = inside(sector, seen.shape)
    skew_rad = abs(sector.left_rad - sector.right_rad)
    if skew_rad > MOST_SKEW_RAD or not _is_supported(sector_support(sector, seen)):
        return None
    if not _covers(in_fan, seen):
        return None
    return Fan(
        in_fan=in_fan,
        face_px=np.array([sector.column, sector.row + sector.near]),
        radius_px=sector.near,
        depth_px=sector.far - sector.near,
        half_angle_rad=sector.half_rad,
        half_width_px=float(sector.near * np.sin(sector.half_rad)),
    )


def _is_supported(support: Support) -> bool:
    shows = min(support.left, support.right, support.deepest) >= LEAST_SUPPORT
    return shows and support.face >= LEAST_FACE and float(np.mean(support)) >= LEAST_SUPPORT_IN_ALL


def _covers(in_fan: BoolArray, seen: BoolArray) -> bool:
    outside = (seen & ~in_fan).sum()
    return bool(outside <= MOST_OUTSIDE * in_fan.sum() and seen[in_fan].mean() >= LEAST_FILLED)


def _why_not(seen: BoolArray, source: str) -> InputError:
    if _sector(seen[::-1]) is not None:
        msg = (
            f"the fan in {source} stands upside down, its face at the bottom: record it with the face on top"
        )
        return InputError(msg)
    if _sector(np.rot90(seen)) is not None or _sector(np.rot90(seen, -1)) is not None:
        return InputError(
            f"the fan in {source} lies on its side: record it with the transducer's face on top"
        )
    return _no_fan(source, "what it shows has not two like sides, a face and a deepest line")


def _check_texture(image: Pixels, fan: Fan, source: str) -> None:
    """Refuse what does not change faster along the beam than across it, in the middle of the fan.

    A phantom in water may show too little for that; then its outline has to do.
    """
    if (image[fan.in_fan] >= GREY[1]).mean() > MOST_SATURATED:
        raise _no_fan(source, "it is white throughout")
    level = image.astype(np.float64)
    grey = fan.in_fan & (image > GREY[0]) & (image < GREY[1])
    grey[:, np.abs(np.arange(image.shape[1]) - fan.face_px[0]) > max(0.5 * fan.depth_px, LEAST_PX)] = False
    grey = ndimage.binary_erosion(grey)[:-1, :-1]
    if grey.sum() < LEAST_GREY_PX:
        return
    along = np.square(np.diff(level, axis=0)[:, :-1][grey])
    across = np.square(np.diff(level, axis=1)[:-1][grey])
    if along.mean() < LEAST_ANISOTROPY * across.mean() or (along > 0.0).mean() < LEAST_CHANGING:
        raise _no_fan(source, "what it shows has not the texture of ultrasound")


def _check_upright(pixels: Pixels, fan: Fan, source: str) -> None:
    """Refuse a linear array's image that is brighter far from the array than at it."""
    if not fan.is_linear:
        return
    top, band = int(fan.face_px[1]), max(1, int(fan.depth_px / 10.0))
    columns = fan.in_fan[top]
    near = float(pixels[:, top : top + band, columns].mean())
    bottom = top + int(fan.depth_px)
    far = float(pixels[:, bottom - band : bottom, columns].mean())
    if far > FAR_BRIGHTER * near + GREY[0]:
        msg = (
            f"the image in {source} is brighter at the bottom than on top, as one that stands upside down: "
            "record it with the transducer's face on top"
        )
        raise InputError(msg)


def _check_depth(pixels: Pixels, fan: Fan, source: str) -> None:
    """Refuse a fan that becomes as dark as the screen before it ends: where that is cannot be told."""
    rows, columns = np.indices(fan.in_fan.shape)
    across, down = columns - fan.face_px[0], rows - fan.face_px[1]
    depth = down if fan.is_linear else np.hypot(across, down + fan.radius_px) - fan.radius_px
    end = fan.in_fan & (depth > fan.depth_px - END_PX) & (depth < fan.depth_px - FITS_PX)
    screen = ~fan.in_fan & (depth > fan.depth_px + FITS_PX)
    if not screen.any():
        return
    last, empty = (float(np.median(pixels.max(axis=0)[part])) for part in (end, screen))
    if abs(last - empty) < LEAST_STEP:
        raise _no_fan(source, "it fades into the empty screen before its deepest line")

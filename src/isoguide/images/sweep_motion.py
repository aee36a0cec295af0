"""Whether a probe moved in a sweep as a hand moves it, and whether it left anything out."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_sweep import UltrasoundSweep

LARGEST_SPEED_MM_S: Final = 200.0
LARGEST_TURN_DEG_S: Final = 180.0
LARGEST_ACCELERATION_MM_S2: Final = 1500.0
"""A sweep over skin takes seconds, at 10 to 50 mm/s and at most 30°/s: a hand is far below each of these, and
a tracker that loses its markers and finds others is above."""

JITTER_FACTOR: Final = 6.0
"""Times the median: a second difference of positions that the noise of this tracker does not reach."""

_ACROSS: Final = 5
"""Places along each side of the fan where what lies between two images is looked at."""


def check_motion(sweep: UltrasoundSweep) -> None:
    """Refuse a sweep whose probe jumps.

    Raises
    ------
    GeometryError
        If the probe moves or turns faster than a hand, or leaves the line between its neighbours as no hand
        can.
    """
    places = np.array([_centre_mm(image) for image in sweep.images])
    step_s = np.diff(sweep.at_s)
    speed_mm_s = np.linalg.norm(np.diff(places, axis=0), axis=1) / step_s
    _refuse_first(sweep, speed_mm_s, LARGEST_SPEED_MM_S, "moves at {:.0f} mm/s")
    turns = [
        rotation_angle_deg(one.frame_from_image.rotation.T @ two.frame_from_image.rotation)
        for one, two in zip(sweep.images, sweep.images[1:], strict=False)
    ]
    _refuse_first(sweep, np.array(turns) / step_s, LARGEST_TURN_DEG_S, "turns at {:.0f}°/s")
    if len(places) < 3:
        return
    before, after = step_s[:-1], step_s[1:]
    on_line = (places[:-2] * after[:, None] + places[2:] * before[:, None]) / (before + after)[:, None]
    off_mm = np.linalg.norm(places[1:-1] - on_line, axis=1)
    allowed_mm = LARGEST_ACCELERATION_MM_S2 * before * after / 2.0 + JITTER_FACTOR * np.median(off_mm)
    _refuse_first(sweep, off_mm / allowed_mm, 1.0, "leaves the path of its neighbours as no hand can")


def _refuse_first(sweep: UltrasoundSweep, values: Array, largest: float, words: str) -> None:
    above = np.flatnonzero(values > largest)
    if len(above):
        number = int(above[0])
        msg = (
            f"the probe {words.format(values[number])} near image {number + 2} of {len(sweep.images)} of "
            f"{sweep.source or 'the sweep'} (at {sweep.at_s[number + 1] - sweep.at_s[0]:.2f} s), so the "
            "tracker jumped: record the sweep again"
        )
        raise GeometryError(msg)


def _centre_mm(image: UltrasoundImage) -> Array:
    """Middle of what the probe sees: a turn moves it, as it moves the tissue that is shown."""
    return np.asarray(image.xyz_mm(fan_box_px(image.in_fan).mean(axis=0, keepdims=True))[0])


def fan_box_px(in_fan: NDArray[np.bool_]) -> Array:
    """Return the first and the last (column, row) of a fan, (2, 2).

    Raises
    ------
    InputError
        If it is empty.
    """
    rows, columns = np.flatnonzero(in_fan.any(axis=1)), np.flatnonzero(in_fan.any(axis=0))
    if not len(rows):
        msg = "an image of the sweep has an empty fan: find the fan again"
        raise InputError(msg)
    return np.array([[columns[0], rows[0]], [columns[-1], rows[-1]]], dtype=np.float64)


def check_gaps(sweep: UltrasoundSweep, grid: Grid, seen: NDArray[np.bool_], fill_mm: float) -> None:
    """Refuse a sweep with a gap: a stretch between two images that neither they nor others show.

    Parameters
    ----------
    sweep
        The images.
    grid, seen
        The volume made of them, after holes were filled; bool [k, j, i].
    fill_mm
        How far holes were filled.

    Raises
    ------
    GeometryError
        If more than half of what lies between two images was not seen; the sentence names them.
    """
    for number, (one, two) in enumerate(zip(sweep.images, sweep.images[1:], strict=False), start=1):
        between, apart_mm = _between(one, two)
        if apart_mm <= fill_mm:
            continue
        index = np.rint(grid.index(between)).astype(int)
        index = np.clip(index, 0, np.array(grid.shape[::-1]) - 1)
        if not seen[index[:, 2], index[:, 1], index[:, 0]].mean() > 0.5:
            msg = (
                f"{sweep.source or 'the sweep'} has a gap of {apart_mm:.1f} mm between its images {number} "
                f"and {number + 1} (at {sweep.at_s[number] - sweep.at_s[0]:.2f} s), more than the "
                f"{fill_mm:g} mm that are filled: sweep more slowly"
            )
            raise GeometryError(msg)


def _between(one: UltrasoundImage, two: UltrasoundImage) -> tuple[Array, float]:
    """Places (n, 3) mm midway between the same pixels of two images, and how far these are apart at most."""
    (left, top), (right, bottom) = fan_box_px(one.in_fan).tolist()
    columns, rows = np.linspace(left, right, _ACROSS), np.linspace(top, bottom, _ACROSS)
    pixels = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    inside = one.in_fan[np.rint(pixels[:, 1]).astype(int), np.rint(pixels[:, 0]).astype(int)]
    first, second = one.xyz_mm(pixels[inside]), two.xyz_mm(pixels[inside])
    apart = second - first
    # Across the plane: along it, the images overlap.
    across_mm = np.abs(apart @ one.frame_from_image.rotation[:, 2])
    return (first + second) / 2.0, float(across_mm.max())

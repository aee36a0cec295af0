"""Temporal calibration of a tracked probe: by how much its images are behind its tracker.

The same motion is seen twice, in the images and by the tracker; the delay is the shift in time at which the
two fit best (the method of the Plus toolkit: A. Lasso et al., PLUS: open-source toolkit for ultrasound-guided
intervention systems, IEEE TBME 61, 2014).
"""

from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.errors import AmbiguityError, GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.probe_calibration import Delay

LARGEST_DELAY_S: Final = 0.5
SMALLEST_MOTION_MM: Final = 2.0
"""Standard deviation of the tracker's positions: what moves less has no time."""
SMALLEST_CORRELATION: Final = 0.9
ALIKE: Final = 2.0
"""Another delay fits too, when it leaves less than this many times what the best leaves unexplained."""
FEWEST_IMAGES: Final = 20

_STEP_S: Final = 0.001
_SMOOTH: Final = 2.0
_ITERATIONS: Final = 5
_ROUNDING: Final = 0.002
"""What linear interpolation between times leaves unexplained."""


def calibrate_delay(
    image_position: Array, image_at_s: Array, tracker_position: Array, tracker_at_s: Array
) -> Delay:
    """Find the delay of images.

    Parameters
    ----------
    image_position, image_at_s
        (n,): where something at rest is seen in the images, in any unit, and their times.
    tracker_position, tracker_at_s
        (m,): the motion of the probe that makes it rise, in mm, and the times; a rise of one is a rise of the
        other.

    Raises
    ------
    GeometryError
        If there is too little, the probe did not move, the motions do not fit, or the best delay is not
        within ±0.5 s.
    AmbiguityError
        If several delays fit, as of a motion that repeats itself.
    """
    image, at_s = _checked(image_position, image_at_s, "image")
    tracker, tracker_s = _checked(tracker_position, tracker_at_s, "tracker")
    moved_mm = float(tracker.std())
    if moved_mm < SMALLEST_MOTION_MM:
        msg = (
            f"the probe moved by {moved_mm:.2f} mm (standard deviation), which says nothing of the delay: "
            "move it up and down by a few centimetres"
        )
        raise GeometryError(msg)
    delays = np.arange(-LARGEST_DELAY_S, LARGEST_DELAY_S + _STEP_S / 2.0, _STEP_S)
    inside = (at_s - LARGEST_DELAY_S >= tracker_s[0]) & (at_s + LARGEST_DELAY_S <= tracker_s[-1])
    if np.count_nonzero(inside) < FEWEST_IMAGES:
        msg = (
            f"only {np.count_nonzero(inside)} images lie {LARGEST_DELAY_S:g} s within the tracker's times, "
            f"{FEWEST_IMAGES} are needed: record longer"
        )
        raise GeometryError(msg)
    image, at_s = image[inside], at_s[inside]
    correlations = np.array(
        [np.corrcoef(image, np.interp(at_s + delay, tracker_s, tracker))[0, 1] for delay in delays]
    )
    best = int(correlations.argmax())
    _check_fit(delays, correlations, best)
    seconds, sigma_s = _refined(image, at_s, (tracker, tracker_s), float(delays[best]))
    return Delay(seconds, sigma_s, float(correlations[best]))


def _checked(position: Array, at_s: Array, what: str) -> tuple[Array, Array]:
    positions = frozen_array(position, (-1,), f"the positions of the {what}")
    times = frozen_array(at_s, (len(positions),), f"the times of the {what}")
    if len(times) < FEWEST_IMAGES or (np.diff(times) <= 0.0).any():
        msg = f"the {what} needs {FEWEST_IMAGES} times that increase, not {len(times)}: record again"
        raise GeometryError(msg)
    return positions, times


def _check_fit(delays: Array, correlations: Array, best: int) -> None:
    correlation = float(correlations[best])
    if not correlation >= SMALLEST_CORRELATION:
        msg = (
            f"the motions of image and tracker fit with a correlation of {correlation:.2f} at best, "
            f"{SMALLEST_CORRELATION:g} is needed: record a clear line while the probe moves up and down"
        )
        raise GeometryError(msg)
    if best in (0, len(delays) - 1):
        msg = f"the delay is beyond ±{LARGEST_DELAY_S:g} s: check the clocks of scanner and tracker"
        raise GeometryError(msg)
    other = _another(correlations, best)
    if other is not None:
        msg = (
            f"the delays {delays[best]:.3f} s and {delays[other]:.3f} s fit alike (correlations "
            f"{correlation:.3f} and {correlations[other]:.3f}): move the probe more slowly and less regularly"
        )
        raise AmbiguityError(msg)


def _another(correlations: Array, best: int) -> int | None:
    """Return the best of the delays that fit as well, beyond a valley where they do not."""
    unexplained = np.where(correlations > 0.0, 1.0 - correlations**2, 1.0)
    alike = unexplained <= ALIKE * unexplained[best] + _ROUNDING
    before, after = np.flatnonzero(~alike[:best]), np.flatnonzero(~alike[best:])
    alike[before[-1] if len(before) else 0 : best + (after[0] if len(after) else len(alike))] = False
    return int(np.where(alike, correlations, -1.0).argmax()) if alike.any() else None


def _refined(image: Array, at_s: Array, tracker: tuple[Array, Array], delay_s: float) -> tuple[float, float]:
    """Return delay and standard uncertainty by least squares of offset, scale and delay."""
    positions, times = tracker
    # The tracker's noise would make a small motion of every step; smoothing alike to both sides delays
    # nothing.
    smooth = ndimage.gaussian_filter1d(positions, _SMOOTH, mode="nearest")
    speeds = np.gradient(smooth, times)
    inverse, variance = np.eye(3), 0.0
    for _ in range(_ITERATIONS):
        seen = np.interp(at_s + delay_s, times, smooth)
        design = np.column_stack([np.ones(len(image)), seen])
        fitted = np.linalg.lstsq(design, image, rcond=None)[0]
        rest = image - design @ fitted
        full = np.column_stack([design, fitted[1] * np.interp(at_s + delay_s, times, speeds)])
        inverse = np.linalg.inv(full.T @ full)
        delay_s += float((inverse @ full.T @ rest)[2])
        variance = float(rest @ rest) / max(len(image) - 3, 1)
    return delay_s, float(np.sqrt(variance * inverse[2, 2]))

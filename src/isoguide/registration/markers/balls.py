"""Balls in CT: fitted by what their edge shows, also where the scale ends and where they sit on a stem.

Metal is brighter than the scale of most images, and some tools cut off what is dark as well. Such a voxel
says only that it is at least, or at most, that bright. A stem or a screw that carries the ball departs from
the model on a small part of its surface, and weighs little under a robust loss.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from isoguide.geometry.frames import Array
from isoguide.registration.markers.shapes import blurred_ball

SAME_SHARE: Final = 0.005
"""Of the range of values: voxels that are so near to the brightest have reached the end of the scale."""
CUT_SHARE: Final = 0.1
"""Of the range: a gap so wide above the darkest value is a threshold that somebody applied."""
DARK_SHARE: Final = 0.2
"""Share of the voxels that have the darkest value where a threshold was applied."""
ROBUST_SHARE: Final = 0.1
"""Of the range: differences above it count less and less."""
BLUR_SIGMA, DIAMETER_SIGMA, HEIGHT_SIGMA = 0.5, 0.2, 1.0
"""How far the logarithms of blur, diameter and height may be expected from where the fit starts."""
LEAST_IN_IMAGE: Final = 0.85
"""Share of the ball's surface that the image has to show."""
LEAST_EXPLAINED: Final = 0.85
"""Share of the voxels that the ball has to explain."""
BEYOND_MM: Final = 1.0
"""How far beyond its surface the fit looks."""
_DIRECTIONS: Final = 200


@dataclass(frozen=True, slots=True, eq=False)
class BallFit:
    """A fitted ball.

    Parameters
    ----------
    centre_mm, covariance_mm2
        Where it is in the coordinates of the places given, (3,), and the covariance, (3, 3).
    diameter_mm, height
        Its size, and how bright it is above what surrounds it; a lower bound where the scale ends.
    correlation
        Between the image and the model where they agree, -1 to 1; lower where they agree nearly nowhere.
    """

    centre_mm: Array
    covariance_mm2: Array
    diameter_mm: float
    height: float
    correlation: float


def is_in_image(centre_mm: Array, diameter_mm: float, extent_mm: Array) -> bool:
    """Tell whether enough of a ball's surface lies in an image whose corner is the origin, (3,) mm each."""
    n = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1.0 - 2.0 * n / _DIRECTIONS, np.pi * (1.0 + np.sqrt(5.0)) * n
    ring = np.sqrt(1.0 - height * height)
    surface = np.stack([ring * np.cos(turn), ring * np.sin(turn), height], axis=1)
    points = centre_mm + diameter_mm / 2.0 * surface
    return float(((points >= 0.0) & (points <= extent_mm)).all(axis=1).mean()) >= LEAST_IN_IMAGE


def fit_ball(values: Array, places_mm: Array, start_mm: Array, diameter_mm: float, blur_mm: float) -> BallFit:
    """Fit a blurred ball to the voxels around it.

    Parameters
    ----------
    values, places_mm
        The voxels about the ball, (n,), and where they are, (n, 3).
    start_mm
        Where its centre is thought to be, (3,).
    diameter_mm, blur_mm
        What was declared, and the usual blur of the image, standard deviation.
    """
    low, high = _scale(values)
    span = max(high - low, 1e-12)
    dark = float(np.percentile(values, 10.0))
    begin = np.array([*start_mm, np.log(blur_mm), np.log(diameter_mm), np.log(max(high - dark, 1e-6)), dark])
    sigma = np.array([np.inf] * 3 + [BLUR_SIGMA, DIAMETER_SIGMA, HEIGHT_SIGMA, np.inf])

    def model(p: Array) -> Array:
        blur, diameter, height = np.exp(np.clip(p[3:6], -20.0, 20.0))
        ball = blurred_ball(places_mm - p[:3], diameter / 2.0, blur)
        return np.asarray(np.clip(p[6] + height * ball, low, high))

    seen = np.clip(values, low, high)
    scale = ROBUST_SHARE * span

    def residual(p: Array) -> Array:
        return np.concatenate([(model(p) - seen) / scale, (p - begin) / sigma])

    found = least_squares(
        residual, begin, loss="soft_l1", x_scale=[0.1] * 3 + [0.1] * 3 + [scale], max_nfev=40
    )
    left = residual(found.x)[: len(values)] * scale
    # The median of what is left: a stem is no noise.
    noise = max(1.4826 * float(np.median(np.abs(left[left != 0.0]))) if left.any() else 0.0, 1e-3 * span)
    jacobian = np.asarray(found.jac, dtype=np.float64)
    covariance: Array = np.zeros((3, 3))
    covariance[:] = np.linalg.pinv(jacobian.T @ jacobian)[:3, :3] * (noise / scale) ** 2
    trusted = np.abs(left) < 3.0 * scale
    drawn, real = model(found.x)[trusted], seen[trusted]
    together = (drawn - drawn.mean()) @ (real - real.mean())
    correlation = float(
        together / max(np.linalg.norm(drawn - drawn.mean()) * np.linalg.norm(real - real.mean()), 1e-12)
    )
    # What departs has to be small, such as a stem.
    share = min(float(trusted.mean()) / LEAST_EXPLAINED, 1.0)
    return BallFit(
        found.x[:3], covariance, float(np.exp(found.x[4])), float(np.exp(found.x[5])), correlation * share
    )


def _scale(values: Array) -> tuple[float, float]:
    # Where the scale begins and ends; a value outside says only that it is beyond.
    low, high = float(values.min()), float(values.max())
    span = high - low
    top = values >= high - SAME_SHARE * span
    above = values[values > low + SAME_SHARE * span]
    ends = high - SAME_SHARE * span if top.sum() > 1 else high
    begins = low
    if len(above) and float((values <= low + SAME_SHARE * span).mean()) >= DARK_SHARE:
        first = float(above.min())
        begins = first if first - low >= CUT_SHARE * span else low
    return begins, ends

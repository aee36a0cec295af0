"""How sure a match of ultrasound is."""

from typing import Final

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.registration.assess import CHI2_95_3, covariance_mm
from isoguide.registration.refine import Fit
from isoguide.registration.result import Uncertainty
from isoguide.registration.templates import LEVER_MM
from isoguide.registration.ultrasound.same_reference import PreparedUltrasound

INFLATION: Final = 1.0
FLOOR_MM: Final = 0.25
FLOOR_LEVER_MM: Final = 0.65
"""Calibrated on simulated days with known truth: edges of an organ look different from another side and
tissue gives way, which patches that all see the same cannot tell. The second is of rotations, at the lever of
50 mm."""


def uncertainty(full: Fit, prepared: PreparedUltrasound, basis: Array) -> Uncertainty:
    """Covariance of translation (mm) and rotation (rad) about the centre, and its effect at the target.

    ``basis`` (6, n) spans the motions that are corrected; the others have no spread. The covariance is found
    about the middle of the target, where translation and rotation are hardly coupled, then taken to the
    centre.
    """
    scale = np.diag([1.0, 1.0, 1.0, 1.0 / LEVER_MM, 1.0 / LEVER_MM, 1.0 / LEVER_MM])
    found = Uncertainty(
        prepared.centre_mm, scale @ (INFLATION**2 * covariance_mm(full, prepared.fine)) @ scale.T, 0.0
    )
    middle_mm = prepared.target_points_mm.mean(axis=0)
    floor = np.diag([*[FLOOR_MM] * 3, *[FLOOR_LEVER_MM] * 3]) ** 2
    at_target = Uncertainty(middle_mm, found.about(middle_mm) + scale @ floor @ scale.T, 0.0)
    corrected = basis @ basis.T
    covariance = corrected @ at_target.about(prepared.centre_mm) @ corrected.T
    answer = Uncertainty(prepared.centre_mm, covariance, 0.0)
    largest = max(
        float(np.linalg.eigvalsh(answer.about(point)[:3, :3])[-1]) for point in prepared.target_points_mm
    )
    return Uncertainty(prepared.centre_mm, covariance, float(np.sqrt(CHI2_95_3 * largest)))

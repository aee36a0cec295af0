"""The reference side of a match of ultrasound, prepared once per simulation and reused for every fraction."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.registration.pyramid import Level
from isoguide.registration.templates import PATCH, RIM, Templates, make_templates
from isoguide.registration.ultrasound.same_levels import FINE_MM, MIDDLE_MM, SeenLevel, seen_level
from isoguide.registration.ultrasound.settings import UltrasoundSettings

PATCHES = {MIDDLE_MM: 500, FINE_MM: 3000}
WIDER = {MIDDLE_MM: 2.0, FINE_MM: 1.0}
"""Starts see this many margins around the target, the answer one."""
LEAST_PATCHES = {MIDDLE_MM: 40, FINE_MM: 150}
TARGET_RADIUS_MM: Final = 30.0
BALL_STEP_MM: Final = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class PreparedUltrasound:
    """Everything that depends on the reference and the settings only.

    ``target_points_mm`` (n, 3) is where the accuracy is judged and about which the match looks; ``middle``
    and ``fine`` hold the templates at 3 and 1 mm, ``fine_level`` what the latter were cut from, NaN where
    nothing was seen.
    """

    reference: UltrasoundVolume
    centre_mm: Array
    settings: UltrasoundSettings
    target_points_mm: Array
    middle: Templates
    fine: Templates
    fine_level: Level

    @property
    def target_box_mm(self) -> tuple[Array, Array]:
        """Two opposite corners (3,), planning LPS, of the box around the target."""
        return self.target_points_mm.min(axis=0), self.target_points_mm.max(axis=0)


def prepare_ultrasound(
    reference: UltrasoundVolume,
    *,
    centre_mm: Array,
    target_points_mm: Array | None = None,
    settings: UltrasoundSettings | None = None,
) -> PreparedUltrasound:
    """Prepare the ultrasound reference of the simulation for matching.

    Parameters
    ----------
    reference
        Swept in the simulation room, frame PLANNING.
    centre_mm
        (3,) planning LPS: the plan isocentre, about which the answer's uncertainty is stated.
    target_points_mm
        (n, 3) planning LPS, where accuracy matters: the contours of the target; a ball of 30 mm around the
        centre when not given.
    settings
        Degrees of freedom and margin.

    Raises
    ------
    InputError
        If the reference shows too little around the target.
    GeometryError
        If the reference is not in PLANNING.
    """
    settings = settings or UltrasoundSettings()
    if reference.frame != PLANNING:
        msg = f"the ultrasound reference must be in '{PLANNING}', not in '{reference.frame}'"
        raise GeometryError(msg)
    centre = frozen_array(centre_mm, (3,), "centre")
    given = target_points_mm is not None and len(target_points_mm) > 0
    targets = frozen_array(target_points_mm if given else _ball_mm(centre), (-1, 3), "target points")
    middle, _ = _templates(reference, targets, centre, settings, MIDDLE_MM)
    fine, level = _templates(reference, targets, centre, settings, FINE_MM)
    return PreparedUltrasound(reference, centre, settings, targets, middle, fine, level.or_nan())


def _templates(
    reference: UltrasoundVolume,
    targets_mm: Array,
    centre_mm: Array,
    settings: UltrasoundSettings,
    spacing_mm: float,
) -> tuple[Templates, SeenLevel]:
    margin_mm = settings.margin_mm * WIDER[spacing_mm]
    around_mm = margin_mm + (PATCH // 2 + RIM + 1) * spacing_mm
    seen = seen_level(
        reference, targets_mm.min(axis=0) - around_mm, targets_mm.max(axis=0) + around_mm, spacing_mm
    )
    templates = None
    if seen is not None:
        whole = ndimage.binary_erosion(seen.known, np.ones((PATCH + 2,) * 3, dtype=bool))
        allowed = whole & _near(seen.level, targets_mm, margin_mm)
        templates = make_templates(seen.level, allowed, centre_mm, PATCHES[spacing_mm])
    found = 0 if templates is None else len(templates)
    if seen is None or templates is None or found < LEAST_PATCHES[spacing_mm]:
        msg = (
            f"the ultrasound reference shows only {found} places to match on within {margin_mm:g} mm of the "
            f"target (at least {LEAST_PATCHES[spacing_mm]} are needed): scan the target again, or choose a "
            "larger margin"
        )
        raise InputError(msg)
    return templates, seen


def _near(level: Level, targets_mm: Array, margin_mm: float) -> NDArray[np.bool_]:
    """Nodes within a margin of the targets, and what these enclose, ``[k, j, i]``."""
    index = np.rint(level.grid.index(targets_mm)).astype(int)[:, ::-1]
    index = index[((index >= 0) & (index < np.array(level.grid.shape))).all(axis=1)]
    apart = np.ones(level.grid.shape, dtype=bool)
    apart[tuple(index.T)] = False
    if apart.all():
        return ~apart
    distance_mm = ndimage.distance_transform_edt(apart, sampling=level.grid.spacing_mm[::-1])
    return np.asarray(ndimage.binary_fill_holes(distance_mm <= margin_mm))


def _ball_mm(centre_mm: Array) -> Array:
    steps = np.arange(-TARGET_RADIUS_MM, TARGET_RADIUS_MM + 1e-9, BALL_STEP_MM)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    ball: Array = centre_mm + offsets[np.linalg.norm(offsets, axis=1) <= TARGET_RADIUS_MM + 1e-9]
    return ball

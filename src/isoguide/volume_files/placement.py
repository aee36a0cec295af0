"""Where the voxels of a research file are, as its header says it: axes, origin, and doubts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import Array

SHEAR_TOLERANCE: Final = 1e-4
"""Largest deviation of the axes from orthogonal: headers hold single precision."""
ASSUME_OPTION: Final = "--units mm"


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Homogeneous 4×4 matrix from (i, j, k) to patient LPS mm, and what the user should know about it."""

    lps_from_index: Array
    warnings: tuple[str, ...] = ()


def axes_of(placement: Placement, path: Path) -> tuple[Array, Array]:
    """Return spacing (3,) in mm and orthonormal direction (3, 3) of the voxel axes.

    Raises
    ------
    GeometryError
        If the axes are sheared or an axis has no length.
    """
    axes = placement.lps_from_index[:3, :3]
    spacing_mm = np.linalg.norm(axes, axis=0)
    if not np.isfinite(placement.lps_from_index).all() or spacing_mm.min() <= 0.0:
        msg = f"{path} has voxel axes without length or direction; save it again with its orientation"
        raise GeometryError(msg)
    direction = axes / spacing_mm
    shear = float(np.abs(direction.T @ direction - np.eye(3)).max())
    if shear > SHEAR_TOLERANCE:
        msg = f"{path} has sheared voxel axes (off by {shear:.2g}); resample it onto an orthogonal grid"
        raise GeometryError(msg)
    u, _, vt = np.linalg.svd(direction)
    return spacing_mm, u @ vt


def unknown_units(path: Path, what: str) -> MissingEvidenceError:
    """Build the error for a file that does not say how long its voxels are."""
    return MissingEvidenceError(f"{path} {what}; if they are millimetres, say so with {ASSUME_OPTION}")

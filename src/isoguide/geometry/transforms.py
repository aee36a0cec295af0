"""Rigid transforms that carry both frames and refuse a product whose neighbours do not match."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self, overload

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, Frame, Points, frozen_array

RIGID_TOLERANCE = 1e-4
"""Largest ‖RᵀR - I‖ still taken for a rotation: DICOM writes 16 characters per value, and a matrix rounded
to five decimals by other software stays below it, while shear or scale that matters does not."""

EXACT_TOLERANCE = 1e-14
"""Rotations this close, such as products of a few exact ones, are left as they are."""


def rotation_x(angle_deg: float) -> Array:
    """Right-handed active rotation about +X: ``rotation_x(90) @ y == z``; shape (3, 3)."""
    c, s = _cos_sin(angle_deg)
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])


def rotation_y(angle_deg: float) -> Array:
    """Right-handed active rotation about +Y: ``rotation_y(90) @ z == x``; shape (3, 3)."""
    c, s = _cos_sin(angle_deg)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def rotation_z(angle_deg: float) -> Array:
    """Right-handed active rotation about +Z: ``rotation_z(90) @ x == y``; shape (3, 3)."""
    c, s = _cos_sin(angle_deg)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _cos_sin(angle_deg: float) -> tuple[float, float]:
    angle_rad = np.deg2rad(angle_deg)
    return float(np.cos(angle_rad)), float(np.sin(angle_rad))


def rotation_angle_deg(rotation: Array) -> float:
    """Angle of the single rotation that equals ``rotation`` (3, 3), 0 to 180 degrees, exact near zero."""
    # The sine from the skew part is accurate where the arc cosine of the trace loses half its digits.
    skew = np.array(
        [
            rotation[2, 1] - rotation[1, 2],
            rotation[0, 2] - rotation[2, 0],
            rotation[1, 0] - rotation[0, 1],
        ]
    )
    sine, cosine = float(np.linalg.norm(skew)) / 2.0, (float(np.trace(rotation)) - 1.0) / 2.0
    return float(np.rad2deg(np.arctan2(sine, cosine)))


@dataclass(frozen=True, slots=True, eq=False)
class RigidTransform:
    """Takes coordinates of ``from_frame`` to coordinates of ``to_frame``: ``x_to = R x_from + t``.

    Named ``<to>_from_<from>`` wherever it is stored, so that ``a_from_c = a_from_b @ b_from_c`` reads right.

    Parameters
    ----------
    to_frame, from_frame
        The two coordinate systems.
    matrix
        Homogeneous 4×4 matrix in mm for column vectors; the rotation is replaced by the nearest exact one.

    Raises
    ------
    GeometryError
        If the matrix is not rigid: ‖RᵀR - I‖ ≥ 1e-4, a reflection, or a last row that is not 0 0 0 1.
    """

    to_frame: Frame
    from_frame: Frame
    matrix: Array

    def __post_init__(self) -> None:
        matrix = frozen_array(self.matrix, (4, 4), f"the matrix {self.to_frame} from {self.from_frame}")
        object.__setattr__(self, "matrix", _nearest_rigid(matrix))

    @classmethod
    def from_parts(cls, to_frame: Frame, from_frame: Frame, rotation: Array, translation_mm: Array) -> Self:
        """Build from a rotation (3, 3) and a translation (3,) in mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = rotation
        matrix[:3, 3] = translation_mm
        return cls(to_frame, from_frame, matrix)

    @classmethod
    def identity(cls, to_frame: Frame, from_frame: Frame) -> Self:
        """Build the transform between two frames whose axes and origins coincide."""
        return cls(to_frame, from_frame, np.eye(4))

    @classmethod
    def translation(cls, to_frame: Frame, from_frame: Frame, offset_mm: Iterable[float]) -> Self:
        """Build ``x_to = x_from + offset_mm``."""
        return cls.from_parts(to_frame, from_frame, np.eye(3), np.asarray(list(offset_mm), dtype=np.float64))

    @property
    def rotation(self) -> Array:
        """The rotation, shape (3, 3)."""
        return self.matrix[:3, :3]

    @property
    def translation_mm(self) -> Array:
        """The translation, shape (3,), in mm."""
        return self.matrix[:3, 3]

    @property
    def angle_deg(self) -> float:
        """The angle of the rotation about its own axis, 0 to 180 degrees."""
        return rotation_angle_deg(self.rotation)

    def inverse(self) -> "RigidTransform":
        """Return the transform in the other direction."""
        rotation = self.rotation.T
        return RigidTransform.from_parts(
            self.from_frame, self.to_frame, rotation, -rotation @ self.translation_mm
        )

    def apply(self, xyz_mm: Array) -> Array:
        """Map bare coordinates (..., 3) mm of ``from_frame``; ``self @ points`` checks the frame as well."""
        return np.asarray(xyz_mm, dtype=np.float64) @ self.rotation.T + self.translation_mm

    @overload
    def __matmul__(self, other: "RigidTransform") -> "RigidTransform": ...
    @overload
    def __matmul__(self, other: Points) -> Points: ...
    def __matmul__(self, other: "RigidTransform | Points") -> "RigidTransform | Points":
        """Compose with another transform, or map points.

        Raises
        ------
        GeometryError
            If the frames in the middle differ.
        """
        inner = other.frame if isinstance(other, Points) else other.to_frame
        if inner != self.from_frame:
            msg = f"cannot apply '{self.to_frame} from {self.from_frame}' to coordinates of '{inner}'"
            raise GeometryError(msg)
        if isinstance(other, Points):
            return Points(self.to_frame, self.apply(other.xyz_mm))
        return RigidTransform(self.to_frame, other.from_frame, self.matrix @ other.matrix)


def _nearest_rigid(matrix: Array) -> Array:
    rotation = matrix[:3, :3]
    residual = float(np.linalg.norm(rotation.T @ rotation - np.eye(3)))
    if residual >= RIGID_TOLERANCE:
        msg = (
            f"the matrix is not rigid: its rotation part is off by {residual:.2g} (limit {RIGID_TOLERANCE:g})"
        )
        raise GeometryError(msg)
    if np.linalg.det(rotation) < 0.0:
        msg = "the matrix is not rigid: it mirrors left and right (determinant -1)"
        raise GeometryError(msg)
    if not np.array_equal(matrix[3], [0.0, 0.0, 0.0, 1.0]):
        msg = f"the matrix is not rigid: its last row is {matrix[3].tolist()}, not 0 0 0 1"
        raise GeometryError(msg)
    if residual < EXACT_TOLERANCE:
        return matrix
    u, _, vt = np.linalg.svd(rotation)
    exact = matrix.copy()
    exact[:3, :3] = u @ vt
    exact.flags.writeable = False
    return exact

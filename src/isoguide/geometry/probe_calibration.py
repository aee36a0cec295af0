"""Where the image of a tracked ultrasound probe lies relative to its sensor, and how large its pixels are."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PROBE, ULTRASOUND_IMAGE, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform

LARGEST_SHEAR_DEG: Final = 5.0
"""No scanner shears its image: what a free fit of a matrix says of shear is its error; this is too much."""

_SYMMETRY: Final = 1e-9


def checked_covariance(values: object, what: str) -> Array:
    """Return a (6, 6) covariance, read-only.

    Raises
    ------
    GeometryError
        If it has another shape, is not symmetric, or is negative for some motion.
    """
    covariance = frozen_array(values, (6, 6), f"the covariance of {what}")
    scale = float(np.abs(covariance).max())
    if np.abs(covariance - covariance.T).max() > _SYMMETRY * scale:
        msg = f"the covariance of {what} is not symmetric: correct it"
        raise GeometryError(msg)
    if scale > 0.0 and float(np.linalg.eigvalsh(covariance)[0]) < -_SYMMETRY * scale:
        msg = f"the covariance of {what} has a negative variance: correct it"
        raise GeometryError(msg)
    return covariance


@dataclass(frozen=True, slots=True, eq=False)
class ProbeCalibration:
    """What takes a pixel to the coordinates of the sensor on the probe.

    Parameters
    ----------
    probe_from_image
        Pose of the image, PROBE from ULTRASOUND_IMAGE.
    pixel_spacing_mm
        Between columns and between rows.
    face_px
        (column, row), (2,), of the middle of the transducer's face: the origin of ULTRASOUND_IMAGE.
    covariance
        (6, 6) of a small motion of the image about the middle of its face, (translation in mm, rotation
        vector in radians) along the axes of PROBE: the truth is that motion after the estimate. None where
        whoever calibrated it did not say: such a probe can make volumes, but has no place in the room.
    rms_mm
        Root mean square of the residuals in space, by the degrees of freedom that are left; None as above.
    points
        How many points were used; 0 where that is not known.
    shear_deg
        By how much columns lean from the perpendicular of the rows (positive where depth grows along them),
        which a free fit of a matrix may state; images are straightened by it.

    Raises
    ------
    GeometryError
        If frames or shapes are others, a spacing is not positive, or the shear is more than 5°.
    """

    probe_from_image: RigidTransform
    pixel_spacing_mm: tuple[float, float]
    face_px: Array
    covariance: Array | None = None
    rms_mm: float | None = None
    points: int = 0
    shear_deg: float = 0.0

    def __post_init__(self) -> None:
        pose = self.probe_from_image
        if (pose.to_frame, pose.from_frame) != (PROBE, ULTRASOUND_IMAGE):
            msg = (
                f"a probe calibration is '{PROBE} from {ULTRASOUND_IMAGE}', not '{pose.to_frame} from "
                f"{pose.from_frame}'"
            )
            raise GeometryError(msg)
        if not min(self.pixel_spacing_mm) > 0.0:
            msg = f"the pixel spacing of a probe must be positive, not {self.pixel_spacing_mm} mm"
            raise GeometryError(msg)
        if not abs(self.shear_deg) <= LARGEST_SHEAR_DEG:
            msg = (
                f"the calibration shears the image by {self.shear_deg:.1f}°, more than "
                f"{LARGEST_SHEAR_DEG:g}°, which no scanner does: calibrate the probe again"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "face_px", frozen_array(self.face_px, (2,), "the face of the probe"))
        if self.covariance is not None:
            covariance = checked_covariance(self.covariance, "the probe calibration")
            object.__setattr__(self, "covariance", covariance)

    @classmethod
    def from_matrix(
        cls,
        probe_from_pixel: Array,
        face_px: Array,
        *,
        rms_mm: float | None = None,
    ) -> "ProbeCalibration":
        """Build from a matrix that takes pixels to the sensor, as Plus writes it.

        Parameters
        ----------
        probe_from_pixel
            (4, 4), from (column, row, 0, 1) to x, y, z, 1 in mm. Its third column is not used.
        face_px, rms_mm
            See the class.

        Raises
        ------
        GeometryError
            If it is no map of a plane, or shears by more than 5°.
        """
        matrix = frozen_array(probe_from_pixel, (4, 4), "the matrix of the probe")
        face = frozen_array(face_px, (2,), "the face of the probe")
        column, row = matrix[:3, 0], matrix[:3, 1]
        across = np.cross(column, row)
        size = float(np.linalg.norm(column) * np.linalg.norm(row))
        if not float(np.linalg.norm(across)) > 0.5 * size or not np.array_equal(matrix[3], [0, 0, 0, 1]):
            msg = "the matrix of the probe takes pixels to no plane: calibrate the probe again"
            raise GeometryError(msg)
        # The sound runs along rows as they grow: that axis stays, and beams stay upright.
        y, z = row / np.linalg.norm(row), across / np.linalg.norm(across)
        x = np.cross(y, z)
        axes = np.column_stack([x, y, z])
        place = matrix[:3, 3] + face[0] * column + face[1] * row
        return cls(
            RigidTransform.from_parts(PROBE, ULTRASOUND_IMAGE, axes, place),
            (float(column @ x), float(np.linalg.norm(row))),
            face,
            rms_mm=rms_mm,
            shear_deg=float(np.rad2deg(np.arctan2(column @ y, column @ x))),
        )

    @property
    def corner_mm(self) -> Array:
        """Place (2,) of the centre of pixel (0, 0) in ULTRASOUND_IMAGE, after images are straightened."""
        return np.asarray(-self.face_px * np.array(self.pixel_spacing_mm))

    def xyz_mm(self, pixels: Array) -> Array:
        """Return positions (n, 3) in PROBE of pixels (n, 2), (column, row) as the scanner shows them."""
        on_plane = (np.atleast_2d(pixels) - self.face_px) * np.array(self.pixel_spacing_mm)
        on_plane[:, 1] += np.tan(np.deg2rad(self.shear_deg)) * on_plane[:, 0]
        return self.probe_from_image.apply(np.column_stack([on_plane, np.zeros(len(on_plane))]))


@dataclass(frozen=True, slots=True)
class Delay:
    """By how much the image's clock is behind the tracker's.

    Parameters
    ----------
    seconds
        Add it to the time of an image to have the tracker's time of the same moment.
    sigma_s
        Its standard uncertainty.
    correlation
        Of the two motions after it, -1 to 1.
    """

    seconds: float
    sigma_s: float
    correlation: float

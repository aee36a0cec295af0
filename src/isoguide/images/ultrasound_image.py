"""A B-mode ultrasound image: brightness on a plane, with where that plane is."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import ULTRASOUND_IMAGE, Array, Frame, frozen_array
from isoguide.geometry.transforms import RigidTransform


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundImage:
    """A two-dimensional ultrasound image.

    A pixel position is (column, row), counted from 0 at the centre of the first pixel.

    Parameters
    ----------
    values
        Brightness ``[row, column]``, uint8 (not copied when it is read-only already), 0 outside the fan.
    in_fan
        Which pixels the transducer sees, bool ``[row, column]``; elsewhere there is no image.
    corner_mm
        x and y of the centre of pixel (0, 0), (2,), in :data:`~isoguide.geometry.frames.ULTRASOUND_IMAGE`.
    pixel_spacing_mm
        Between columns and between rows.
    frame_from_image
        Pose of the probe: takes the image to a patient's or the room's coordinates.
    dynamic_range_db
        How many decibels 0 to 255 span.

    Raises
    ------
    GeometryError
        If arrays do not fit each other, have another type, a spacing or the dynamic range is not positive, or
        the pose is not one of an ultrasound image.
    """

    values: NDArray[np.uint8]
    in_fan: NDArray[np.bool_]
    corner_mm: Array
    pixel_spacing_mm: tuple[float, float]
    frame_from_image: RigidTransform
    dynamic_range_db: float

    def __post_init__(self) -> None:
        for name, dtype in (("values", np.uint8), ("in_fan", np.bool_)):
            array = getattr(self, name)
            if array.dtype != dtype or array.ndim != 2 or array.shape != self.values.shape:
                msg = (
                    f"{name} of an ultrasound image must be rows of {np.dtype(dtype)} like its values, not "
                    f"{array.dtype} of shape {array.shape}"
                )
                raise GeometryError(msg)
            if array.flags.writeable or not array.flags.c_contiguous:
                array = array.copy(order="C")
                array.flags.writeable = False
                object.__setattr__(self, name, array)
        if min(self.pixel_spacing_mm) <= 0.0 or not self.dynamic_range_db > 0.0:
            msg = (
                f"pixel spacing and dynamic range of an ultrasound image must be positive, not "
                f"{self.pixel_spacing_mm} mm and {self.dynamic_range_db} dB"
            )
            raise GeometryError(msg)
        if self.frame_from_image.from_frame != ULTRASOUND_IMAGE:
            msg = (
                f"the pose of an ultrasound image starts at '{ULTRASOUND_IMAGE}', not at "
                f"'{self.frame_from_image.from_frame}'"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "corner_mm", frozen_array(self.corner_mm, (2,), "the corner of the image"))

    @property
    def frame(self) -> Frame:
        """The coordinate system in which the image's place is known."""
        return self.frame_from_image.to_frame

    def xyz_mm(self, pixels: Array) -> Array:
        """Return positions (n, 3) in :attr:`frame` of pixels (n, 2) given as (column, row)."""
        on_plane = self.corner_mm + np.atleast_2d(pixels) * np.array(self.pixel_spacing_mm)
        return self.frame_from_image.apply(np.column_stack([on_plane, np.zeros(len(on_plane))]))

    def pixels(self, xyz_mm: Array) -> tuple[Array, Array]:
        """Return where positions (n, 3) in :attr:`frame` appear.

        Returns
        -------
        tuple[Array, Array]
            Pixels (n, 2) as (column, row), and the signed distance (n,) in mm from the plane of the image,
            along z: a point off the plane by more than the thickness of the slice is not seen.
        """
        in_image = self.frame_from_image.inverse().apply(np.atleast_2d(xyz_mm))
        pixels = (in_image[:, :2] - self.corner_mm) / np.array(self.pixel_spacing_mm)
        return pixels, in_image[:, 2]

    def in_frame(self, to_from: RigidTransform) -> "UltrasoundImage":
        """Return the same image with its place in another coordinate system.

        Raises
        ------
        GeometryError
            If ``to_from`` does not start where the image is.
        """
        return replace(self, frame_from_image=to_from @ self.frame_from_image)

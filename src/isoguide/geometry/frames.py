"""The coordinate systems of a treatment room, and points that know which one they are in.

Source: IEC 61217 as DICOM PS3.3 C.8.8 defers to it; patient coordinates are DICOM LPS (PS3.3 C.7.6.2.1.1).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Frame:
    """A named right-handed coordinate system in millimetres; two frames are the same when their names are."""

    name: str

    def __str__(self) -> str:
        return self.name


FIXED: Final = Frame("IEC fixed")
GANTRY: Final = Frame("IEC gantry")
BEAM_LIMITING_DEVICE: Final = Frame("IEC beam limiting device")
XRAY_IMAGE_RECEPTOR: Final = Frame("IEC X-ray image receptor")
PATIENT_SUPPORT: Final = Frame("IEC patient support")
TABLE_TOP_ECCENTRIC: Final = Frame("IEC table top eccentric")
TABLE_TOP: Final = Frame("IEC table top")
PLANNING: Final = Frame("planning patient LPS")
DAILY: Final = Frame("daily patient LPS")
TRACKER: Final = Frame("tracking system")
PROBE: Final = Frame("ultrasound probe")
"""The sensor on the probe whose pose a tracking system states."""
REFERENCE_SENSOR: Final = Frame("reference sensor")
"""A second sensor of a tracking system, fixed to the patient or the phantom."""
ULTRASOUND_IMAGE: Final = Frame("ultrasound image")
"""Origin in the middle of the transducer's face; x along it, as columns grow; y from it into the patient, as
rows grow; z = x × y across the plane, which is z = 0."""


def frozen_array(values: object, shape: tuple[int, ...], what: str) -> Array:
    """Copy ``values`` into a read-only float64 array of the given shape (-1 matches any length).

    Raises
    ------
    GeometryError
        If the shape differs or a value is not finite.
    """
    array = np.array(values, dtype=np.float64)
    fits = array.ndim == len(shape) and all(
        want in (-1, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        msg = f"{what} must have the shape {shape}, not {array.shape}"
        raise GeometryError(msg)
    if not np.isfinite(array).all():
        msg = f"{what} holds a value that is not a finite number"
        raise GeometryError(msg)
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one frame.

    Parameters
    ----------
    frame
        The coordinate system the points are in.
    xyz_mm
        Array of shape (n, 3), x, y, z in millimetres; a single (x, y, z) becomes one row.

    Raises
    ------
    GeometryError
        If the array has another shape or holds a value that is not finite.
    """

    frame: Frame
    xyz_mm: Array

    def __init__(self, frame: Frame, xyz_mm: Iterable[float] | Array) -> None:
        values = np.atleast_2d(np.asarray(xyz_mm, dtype=np.float64))
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "xyz_mm", frozen_array(values, (-1, 3), "points"))

    def __len__(self) -> int:
        return len(self.xyz_mm)

"""Structures followed in ultrasound images and volumes, each compared with how it first looked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPoints:
    """Where structures are in one frame.

    Parameters
    ----------
    pixels
        Column and row, (n, 2); of a volume column, row and slice, (n, 3). NaN where not seen.
    correlation
        Of each patch with how it first looked, (n,), -1 to 1.
    seen
        Which structures are where ``pixels`` says, bool (n,).
    sigma_mm
        Standard deviation along each axis, of the shape of ``pixels``; NaN where not seen.
    reasons
        Why a structure is not seen, for a therapist; empty where it is.
    """

    pixels: Array
    correlation: Array
    seen: Mask
    sigma_mm: Array
    reasons: tuple[str, ...]


class UltrasoundPointTracker:
    """Follows structures in B-mode images of one probe that is held still or whose pose is known.

    Parameters
    ----------
    first
        Brightness [row, column], uint8.
    in_fan
        Which pixels show tissue, of the same shape.
    pixel_spacing_mm
        Between columns and between rows.
    targets_px
        Where the structures are in it, (n, 2) as (column, row).
    settings
        How they are followed.

    Raises
    ------
    InputError
        If a structure is not in the fan with most of its patch, or shows nothing that could be followed.
    GeometryError
        If arrays do not fit.
    """

    def __init__(
        self,
        first: Bytes,
        in_fan: Mask,
        pixel_spacing_mm: tuple[float, float],
        targets_px: Array,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        raise NotImplementedError

    def see(self, image: Bytes) -> TrackedPoints:
        """Return where the structures are in the next image.

        Raises
        ------
        GeometryError
            If the image has another shape than the first.
        """
        raise NotImplementedError


class UltrasoundVolumeTracker:
    """Follows structures in volumes of one grid.

    Parameters
    ----------
    first
        The volume.
    targets_mm
        Where the structures are in it, (n, 3), in its frame.
    settings
        How they are followed.

    Raises
    ------
    InputError
        If a structure is not seen with most of its patch, or shows nothing that could be followed.
    """

    def __init__(
        self,
        first: UltrasoundVolume,
        targets_mm: Array,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        raise NotImplementedError

    def see(self, volume: UltrasoundVolume) -> TrackedPoints:
        """Return where the structures are in the next volume, in voxels of its grid.

        Raises
        ------
        GeometryError
            If the volume has another shape or spacing than the first.
        """
        raise NotImplementedError

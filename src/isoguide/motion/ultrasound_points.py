"""Structures followed in ultrasound images and volumes, each compared with how it first looked."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.motion.ultrasound_patch import Scene
from isoguide.motion.ultrasound_settings import UltrasoundTrackerSettings
from isoguide.motion.ultrasound_structure import FollowedStructure, Found

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LEAST_SEEN: Final = 0.6
"""Share of a structure's patch that the first frame has to show."""
LEAST_CONTRAST: Final = 4.0
"""Standard deviation of grey values below which a patch shows nothing: black, or saturated."""
STILL_SHARE: Final = 0.02
"""An image that differs from the one before by less than this share of what is usual is the same one."""
USUAL: Final = 0.9
"""Share of what was usual before that is kept with each image."""
SATURATED: Final = 250
SATURATED_SHARE: Final = 0.35
"""Share of the fan's pixels at the upper end of the scale from which on an image is of no use."""
REPEATED: Final = "the image is the one before: the scanner is frozen, or the picture is repeated"
OVERDRIVEN: Final = "the image is saturated: lower the gain"


@dataclass(frozen=True, slots=True, eq=False)
class TrackedPoints:
    """Where structures are in one frame.

    Parameters
    ----------
    pixels
        Column and row, (n, 2); of a volume column, row and slice, (n, 3). NaN where not seen.
    correlation, speckle
        Of each patch with the look of it that fits best, (n,), -1 to 1: of all of it, and of its finest part.
    seen
        Which structures are where ``pixels`` says, bool (n,).
    sigma_mm
        Standard deviation along each axis, of the shape of ``pixels``; NaN where not seen.
    reasons
        Why a structure is not seen, for a therapist; empty where it is.
    """

    pixels: Array
    correlation: Array
    speckle: Array
    seen: Mask
    sigma_mm: Array
    reasons: tuple[str, ...]


class _Followed:
    """What images and volumes share: structures, and whether a frame is one that is new."""

    def __init__(self, scene: Scene, places_mm: Array, settings: UltrasoundTrackerSettings) -> None:
        self._structures = [FollowedStructure(scene, place, settings) for place in places_mm]
        for number, structure in enumerate(self._structures, start=1):
            if structure.first.seen_share < LEAST_SEEN:
                share = 100.0 * structure.first.seen_share
                msg = (
                    f"structure {number} lies at the edge of what the first frame shows ({share:.0f} % of "
                    "its patch is seen): choose one further in"
                )
                raise InputError(msg)
            if structure.first.contrast < LEAST_CONTRAST:
                msg = f"structure {number} shows nothing that could be followed: choose one with an outline"
                raise InputError(msg)
        self._dimensions = 3 if scene.is_volume else 2
        self._spacing_mm = scene.spacing_mm
        self._before, self._usual = scene.values, 0.0

    def see(self, scene: Scene) -> TrackedPoints:
        problem = self._problem(scene)
        if problem:
            for structure in self._structures:
                structure.overlooked()
            nothing = Found(None, np.zeros((3, 3)), 0.0, 0.0, problem)
            return self._points([nothing] * len(self._structures))
        return self._points([structure.see(scene) for structure in self._structures])

    def _problem(self, scene: Scene) -> str:
        step = max(1, scene.seen.size // 100_000)
        now, before = scene.values.ravel()[::step], self._before.ravel()[::step]
        seen = scene.seen.ravel()[::step]
        change = float(np.abs(now[seen].astype(np.int16) - before[seen]).mean())
        self._before = scene.values
        if change == 0.0 or change < STILL_SHARE * self._usual:
            return REPEATED
        self._usual = USUAL * self._usual + (1.0 - USUAL) * change if self._usual else change
        if float((now[seen] >= SATURATED).mean()) > SATURATED_SHARE:
            return OVERDRIVEN
        return ""

    def _points(self, found: list[Found]) -> TrackedPoints:
        size = self._dimensions
        spacing_mm = self._spacing_mm[:size]
        nowhere = np.full(size, np.nan)
        seen = np.array([one.place_mm is not None for one in found], dtype=bool)
        pixels = [nowhere if one.place_mm is None else one.place_mm[:size] / spacing_mm for one in found]
        sigmas = [
            nowhere if one.place_mm is None else np.sqrt(np.diag(one.covariance_mm2)[:size]) for one in found
        ]
        return TrackedPoints(
            np.array(pixels),
            np.array([one.correlation for one in found]),
            np.array([one.texture for one in found]),
            seen,
            np.array(sigmas),
            tuple(one.reason for one in found),
        )


class UltrasoundPointTracker:
    """Follows structures in B-mode images of one probe.

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
        If arrays do not fit, or the spacing is not positive.
    """

    def __init__(
        self,
        first: Bytes,
        in_fan: Mask,
        pixel_spacing_mm: tuple[float, float],
        targets_px: Array,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        targets = frozen_array(targets_px, (-1, 2), "the structures to follow")
        if in_fan.shape != first.shape or first.ndim != 2 or first.dtype != np.uint8 or not in_fan.any():
            msg = (
                f"an image to follow structures in must be uint8 rows with a fan of its shape, not "
                f"{first.dtype} of {first.shape} with a fan of {in_fan.shape}"
            )
            raise GeometryError(msg)
        if not min(pixel_spacing_mm) > 0.0 or not np.isfinite(pixel_spacing_mm).all():
            msg = f"the pixel spacing must be positive, not {pixel_spacing_mm} mm"
            raise GeometryError(msg)
        self._spacing_mm = np.array([*pixel_spacing_mm, 1.0])
        self._in_fan = in_fan[None]
        places_mm = np.column_stack([targets * pixel_spacing_mm, np.zeros(len(targets))])
        self._followed = _Followed(self._scene(first), places_mm, settings or UltrasoundTrackerSettings())

    def see(self, image: Bytes) -> TrackedPoints:
        """Return where the structures are in the next image.

        Raises
        ------
        GeometryError
            If the image has another shape or type than the first.
        """
        if image.shape != self._in_fan.shape[1:] or image.dtype != np.uint8:
            msg = (
                f"the image has {image.shape} pixels of {image.dtype}, the first had "
                f"{self._in_fan.shape[1:]} of uint8: the scanner's settings were changed"
            )
            raise GeometryError(msg)
        return self._followed.see(self._scene(image))

    def _scene(self, image: Bytes) -> Scene:
        return Scene(image[None], self._in_fan, self._spacing_mm)


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
    GeometryError
        If the volume has fewer than two slices.
    """

    def __init__(
        self,
        first: UltrasoundVolume,
        targets_mm: Array,
        settings: UltrasoundTrackerSettings | None = None,
    ) -> None:
        if min(first.grid.shape) < 2:
            msg = f"a volume to follow structures in needs slices, not the shape {first.grid.shape}"
            raise GeometryError(msg)
        self._grid = first.grid
        places_mm = first.grid.index(frozen_array(targets_mm, (-1, 3), "the structures to follow"))
        places_mm = places_mm * np.array(first.grid.spacing_mm)
        self._followed = _Followed(self._scene(first), places_mm, settings or VOLUME_SETTINGS)

    def see(self, volume: UltrasoundVolume) -> TrackedPoints:
        """Return where the structures are in the next volume, in voxels of its grid.

        Raises
        ------
        GeometryError
            If the volume has another shape or spacing than the first.
        """
        same = np.allclose(volume.grid.spacing_mm, self._grid.spacing_mm, atol=1e-6)
        if volume.grid.shape != self._grid.shape or not same:
            msg = (
                f"the volume has {volume.grid.shape} voxels of {tuple(volume.grid.spacing_mm)} mm, the first "
                f"had {self._grid.shape} of {tuple(self._grid.spacing_mm)} mm: the scanner's settings were "
                "changed"
            )
            raise GeometryError(msg)
        return self._followed.see(self._scene(volume))

    @staticmethod
    def _scene(volume: UltrasoundVolume) -> Scene:
        return Scene(volume.values, volume.seen, np.array(volume.grid.spacing_mm))


VOLUME_SETTINGS: Final = UltrasoundTrackerSettings(sample_mm=0.8)
"""Samples of volumes are further apart: there are enough of them."""

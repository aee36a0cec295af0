"""Volumes of moving tissue with truth, for tracking in three dimensions.

The speckle is a field of echoes, blurred once as a matrix probe blurs it, that moves and turns as a whole:
the blur turns along, which a real one does not. It is meant for turns of a few degrees.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import FIXED, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.virtual.setting_limits import require

FIELD_MM: Final = 0.45
"""Distance of the samples of the echoes, finer than any blur."""
ROOM_MM: Final = 9.0
"""How far tissue reaches beyond the volume to every side, so that it may move in."""
BLUR_MM: Final = (1.8, 0.7, 2.0)
"""Full width at half maximum along x, y (depth) and z."""
FWHM: Final = float(2.0 * np.sqrt(2.0 * np.log(2.0)))
NOISE: Final = 0.05
"""Amplitude of the receiver's noise against that of speckle."""
RANGE_DB: Final = 60.0


@dataclass(frozen=True, slots=True)
class Pose:
    """How tissue lies: a shift in mm (3,) from rest, and a turn about the middle (rotation vector)."""

    shift_mm: Array
    turn_deg: Array


class VolumeSequence:
    """A block of tissue with a dark and a bright ellipsoid in it.

    Parameters
    ----------
    size
        Voxels to each side.
    voxel_mm
        Their edge.
    seed
        Of the echoes.
    frame
        What the volumes lie in.

    Raises
    ------
    InputError
        If the size is impossible.
    """

    def __init__(self, size: int = 72, voxel_mm: float = 0.7, *, seed: int = 1, frame: Frame = FIXED) -> None:
        require("size of a volume of ultrasound", size, 16, 256)
        half_mm = 0.5 * (size - 1) * voxel_mm
        self.grid = Grid.axial(frame, (size, size, size), (voxel_mm,) * 3, (-half_mm,) * 3)
        self._reach_mm = half_mm + ROOM_MM
        count = int(np.ceil(2.0 * self._reach_mm / FIELD_MM)) + 1
        rng = np.random.default_rng([seed, count])
        sigmas = [width_mm / FWHM / FIELD_MM for width_mm in BLUR_MM[::-1]]
        self._echoes = [
            ndimage.gaussian_filter(rng.standard_normal((count,) * 3, dtype=np.float32), sigmas)
            for _ in range(2)
        ]
        self._rms = float(np.sqrt(np.mean(np.square(self._echoes)) * 2.0))
        self.targets_mm = np.array([[0.0, 0.0, 0.0], [-4.0, 3.0, 2.0]])

    def volume(self, pose: Pose, rng: np.random.Generator) -> UltrasoundVolume:
        """Return the tissue as it lies; ``rng`` draws the noise."""
        size = self.grid.shape[0]
        cells = np.indices((size,) * 3)[::-1].reshape(3, -1).T
        rest = self._at_rest(self.grid.xyz(cells.astype(np.float64)), pose)
        where = ((rest + self._reach_mm) / FIELD_MM).T[::-1]
        echoes = [ndimage.map_coordinates(part, where, order=1, mode="reflect") for part in self._echoes]
        gain = np.power(10.0, _brightness_db(rest) / 20.0) / self._rms
        noise = NOISE * rng.standard_normal((2, len(rest)))
        amplitude = np.hypot(echoes[0] * gain + noise[0], echoes[1] * gain + noise[1])
        grey = 255.0 * (0.5 + 20.0 * np.log10(np.maximum(amplitude, 1e-6)) / RANGE_DB)
        values = np.clip(np.rint(grey), 0.0, 255.0).astype(np.uint8).reshape((size,) * 3)
        return UltrasoundVolume(self.grid, values, np.ones_like(values, bool), np.zeros_like(values, bool))

    @staticmethod
    def truth_mm(places_mm: Array, pose: Pose) -> Array:
        """Return where places at rest (n, 3) are."""
        return np.asarray(_turn(pose).apply(places_mm) + pose.shift_mm)

    @staticmethod
    def _at_rest(places_mm: Array, pose: Pose) -> Array:
        return np.asarray(_turn(pose).inv().apply(places_mm - pose.shift_mm))


def _turn(pose: Pose) -> Rotation:
    return Rotation.from_rotvec(pose.turn_deg, degrees=True)


def _brightness_db(rest_mm: Array) -> Array:
    dark = np.linalg.norm(rest_mm / np.array([5.0, 4.0, 6.0]), axis=1) < 1.0
    bright = np.linalg.norm((rest_mm - np.array([7.0, -5.0, 3.0])) / np.array([2.0, 1.5, 3.0]), axis=1) < 1.0
    return np.asarray(-12.0 * dark + 8.0 * bright)

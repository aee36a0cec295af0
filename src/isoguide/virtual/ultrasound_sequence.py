"""Sequences of ultrasound with truth: tissue that breathes, drifts, turns and leaves the plane.

Made for tracking: thousands of frames at some 30 ms each. The physics is that of
:mod:`isoguide.virtual.ultrasound` (scatterers that belong to the tissue, beam, pulse, slice, noise), in a
narrow fan. Instead of a patient from CT there is a block of tissue with vessels and lesions of simple shape,
without reflections and attenuation; shadow, gain and lost contact are put onto the echoes.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import ULTRASOUND_IMAGE, Array, Frame
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.kernels.speckle import blurred_across_lines, scattered
from isoguide.virtual.breathing import Breathing
from isoguide.virtual.prostate_motion import ProstateMotion
from isoguide.virtual.setting_limits import require
from isoguide.virtual.ultrasound import (
    CELL_MM,
    DEPTH_STEP_MM,
    TABLE_SIZE,
    ScanLines,
    beam_taps,
    pulsed,
    receiver_noise,
    scan_converted,
    slice_profile,
    speckle_rms,
)
from isoguide.virtual.ultrasound_probe import UltrasoundProbe

Floats = NDArray[np.float32]

PROBE: Final = UltrasoundProbe(fan_deg=44.0, depth_mm=95.0, lines=288)
"""A narrow abdominal fan. Its lines lie as close as scatterers, so that speckle moves with the tissue."""
BLOCK: Final = Frame("virtual tissue")
EDGE_MM: Final = 0.4
"""Structures end within about this."""
BENT_MM: Final = 45.0
"""Length over which tissue bends one way and back."""
LOST_CONTACT_MM: Final = 8.0
"""Without contact there is nothing beyond the gel."""
NOTHING_DB: Final = -55.0


@dataclass(frozen=True, slots=True)
class Blob:
    """An ellipsoid of other brightness than the tissue, at rest.

    Parameters
    ----------
    centre_mm
        x, y, z in the image's coordinates: along the face, depth, across the plane.
    radii_mm
        Along these; a vessel that crosses the plane has a long third one.
    brightness_db
        Of its speckle against that of the tissue.
    lean
        How far its middle goes along x and y for each mm along z: vessels cross the plane askew.
    """

    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    brightness_db: float
    lean: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class MovingTissue:
    """How a block of tissue moves; all of it in the image's coordinates.

    Parameters
    ----------
    shift_mm
        At a time in seconds, (3,): along the face, depth, across the plane.
    turn_deg_per_mm
        In the plane, about the middle of the block, for each mm along the face.
    stretch_per_mm
        Along the face, for each mm along it.
    bend_mm
        Amplitude of a bend of the tissue for a shift of 10 mm.
    renewed_deg_per_min
        How fast scatterers are replaced by others, as an angle whose cosine is the correlation that is left.
    """

    shift_mm: Callable[[float], Array]
    turn_deg_per_mm: float = 0.0
    stretch_per_mm: float = 0.0
    bend_mm: float = 0.0
    renewed_deg_per_min: float = 0.0

    @classmethod
    def liver(
        cls, rng: np.random.Generator, breathing: Breathing | None = None, across: float = 0.08
    ) -> Self:
        """Return breathing as a sagittal image of the liver shows it, with a share across its plane."""
        settings = breathing or Breathing()
        trace = settings.draw(rng)
        along = settings.peak_to_peak_mm * np.array([1.0, 0.3, across])
        aside = 0.5 * settings.hysteresis_mm * np.array([0.0, 1.0, 0.0])
        rest = trace.at(0.0)

        def shift_mm(seconds: float) -> Array:
            depth, flow = trace.at(seconds) - rest
            return np.asarray(depth * along + flow * aside)

        return cls(shift_mm, 0.15, 0.0015, 0.6, 1.5)

    @classmethod
    def prostate(cls, rng: np.random.Generator, motion: ProstateMotion | None = None) -> Self:
        """Return the drift and the sudden moves of a prostate, across the plane an eighth of them."""
        trace = (motion or ProstateMotion()).draw(rng)
        rest = trace.at(0.0)

        def shift_mm(seconds: float) -> Array:
            x, y, z = trace.at(seconds) - rest
            return np.array([z, y, 0.125 * x])

        return cls(shift_mm, 0.3, 0.0, 0.2, 1.0)


@dataclass(frozen=True, slots=True)
class Upset:
    """What goes wrong with a frame.

    Parameters
    ----------
    shadow_mm, shadow_width_mm, shadow_db
        Where along the face a shadow falls, how wide it is at 50 mm depth, and how dark.
    gain_db
        Change of the scanner's gain.
    is_lifted
        The probe has left the skin.
    noise_db
        Noise on top of what the receiver has.
    """

    shadow_mm: float = 0.0
    shadow_width_mm: float = 0.0
    shadow_db: float = -40.0
    gain_db: float = 0.0
    is_lifted: bool = False
    noise_db: float = 0.0


QUIET: Final = Upset()
LIVER_BLOBS: Final = (
    Blob((0.0, 52.0, 0.0), (4.0, 4.0, 60.0), -14.0, (0.25, 0.0)),
    Blob((-17.0, 62.0, 0.0), (2.2, 2.8, 60.0), -12.0, (-0.3, 0.1)),
    Blob((16.0, 45.0, 0.0), (7.0, 1.7, 60.0), -12.0, (0.1, 0.2)),
    Blob((14.0, 68.0, 1.0), (7.0, 6.0, 6.5), -7.0),
    Blob((-12.0, 38.0, 0.0), (4.5, 0.9, 40.0), 7.0, (0.2, 0.0)),
    Blob((3.0, 80.0, 0.0), (20.0, 1.2, 40.0), 9.0),
)
LIVER_TARGETS_MM: Final = np.array([[0.0, 52.0], [-17.0, 62.0], [14.0, 68.0]])
"""A large vessel, a small one, a lesion; x and depth, (3, 2)."""
PROSTATE_BLOBS: Final = (
    Blob((0.0, 62.0, 0.0), (22.0, 15.0, 20.0), -5.0),
    Blob((2.0, 62.0, 0.0), (7.0, 9.0, 14.0), -9.0),
    Blob((-20.0, 30.0, 0.0), (26.0, 12.0, 30.0), -45.0),
    Blob((7.0, 66.0, 0.5), (1.2, 0.7, 2.5), 14.0),
    Blob((-9.0, 58.0, -0.5), (0.8, 0.8, 2.5), 12.0),
    Blob((0.0, 79.0, 0.0), (24.0, 1.0, 30.0), 8.0),
)
PROSTATE_TARGETS_MM: Final = np.array([[2.0, 62.0], [-12.0, 66.0]])
"""Middle and edge of the gland; x and depth, (2, 2)."""


class UltrasoundSequence:
    """A block of tissue under a probe that is held still.

    Parameters
    ----------
    moving
        How the tissue moves.
    blobs
        What is in it.
    targets_mm
        Points in the plane at rest, (n, 2): along the face, and depth.
    seed
        Of the scatterers.
    probe
        The transducer.

    Raises
    ------
    InputError
        If the seed is negative.
    """

    def __init__(
        self,
        moving: MovingTissue,
        blobs: tuple[Blob, ...] = LIVER_BLOBS,
        targets_mm: Array = LIVER_TARGETS_MM,
        *,
        seed: int = 1,
        probe: UltrasoundProbe = PROBE,
    ) -> None:
        require("seed of the ultrasound sequence", seed, 0, 2**31)
        self.moving, self.probe, self._blobs = moving, probe, blobs
        self.targets_mm = np.column_stack([targets_mm, np.zeros(len(targets_mm))])
        self._tables = _tables(seed)
        self._depths_mm = np.arange(0.5, probe.depth_mm / DEPTH_STEP_MM) * DEPTH_STEP_MM
        on_plane = probe.on_plane_mm(probe.angles_rad[:, None], self._depths_mm[None, :])
        self._samples_mm = np.concatenate([on_plane, np.zeros((*on_plane.shape[:2], 1))], axis=-1)
        self._beam = beam_taps(probe, self._depths_mm)
        self._rms = speckle_rms(probe, self._beam, self._depths_mm)
        self._middle_mm = np.array([0.0, 0.55 * probe.depth_mm, 0.0])
        self.place = RigidTransform(BLOCK, ULTRASOUND_IMAGE, np.eye(4))

    def image(self, seconds: float, rng: np.random.Generator, upset: Upset = QUIET) -> UltrasoundImage:
        """Return the frame at a time; ``rng`` draws the noise, and the frame's place is :attr:`place`."""
        origin_mm, across = self._at_rest(seconds)
        echoes = self._speckle(origin_mm, across, seconds)
        level_db = self._brightness_db(origin_mm) + self._upset_db(upset)
        echoes *= (np.power(10.0, level_db / 20.0, dtype=np.float32) / self._rms)[..., None]
        received = pulsed(blurred_across_lines(echoes, self._beam), self.probe)
        noise = receiver_noise(self.probe, received.shape[:2], self._depths_mm, rng)
        received += noise * np.float32(10.0 ** ((upset.noise_db + upset.gain_db) / 20.0))
        lines = ScanLines(np.hypot(received[..., 0], received[..., 1]), self._depths_mm)
        return scan_converted(lines, self.probe, self.place)

    def truth_mm(self, seconds: float) -> Array:
        """Return where the targets are, (n, 3): along the face, depth, across the plane."""
        linear, shift_mm, bend_mm = self._motion(seconds)
        bent = _bent(self.targets_mm, bend_mm)
        return np.asarray(self._middle_mm + (bent - self._middle_mm) @ linear.T + shift_mm)

    def moved(self, extra_mm: Callable[[float], Array]) -> "UltrasoundSequence":
        """Return the same tissue with a shift (3,) at a time on top of its motion."""
        other, own = copy(self), self.moving
        other.moving = replace(own, shift_mm=lambda seconds: own.shift_mm(seconds) + extra_mm(seconds))
        return other

    def other_tissue(self, seed: int) -> "UltrasoundSequence":
        """Return the same structures in other tissue: all looks alike, and the speckle is another."""
        other = copy(self)
        other._tables = _tables(seed)
        return other

    def _motion(self, seconds: float) -> tuple[Array, Array, float]:
        moving = self.moving
        shift_mm = moving.shift_mm(seconds)
        turn_rad = np.deg2rad(moving.turn_deg_per_mm * shift_mm[0])
        cosine, sine = np.cos(turn_rad), np.sin(turn_rad)
        turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]])
        stretch = np.diag([1.0 + moving.stretch_per_mm * shift_mm[0], 1.0, 1.0])
        return turn @ stretch, shift_mm, moving.bend_mm * float(shift_mm[0]) / 10.0

    def _at_rest(self, seconds: float) -> tuple[Array, Array]:
        """Return where the tissue at each sample rests, (line, depth, 3), and the way across the plane."""
        linear, shift_mm, bend_mm = self._motion(seconds)
        inverse = np.linalg.inv(linear)
        bent = self._middle_mm + (self._samples_mm - self._middle_mm - shift_mm) @ inverse.T
        return _straightened(bent, bend_mm), np.asarray(inverse[:, 2], dtype=np.float64)

    def _speckle(self, origin_mm: Array, across: Array, seconds: float) -> Floats:
        turned_rad = np.deg2rad(self.moving.renewed_deg_per_min * seconds / 60.0)
        table = np.cos(turned_rad) * self._tables[0] + np.sin(turned_rad) * self._tables[1]
        offsets_mm, weights = slice_profile(self.probe)
        flat = scattered(
            origin_mm.reshape(-1, 3), offsets_mm[:, None] * across, weights, table.astype(np.float32), CELL_MM
        )
        return flat.reshape(*origin_mm.shape[:2], 2)

    def _brightness_db(self, origin_mm: Array) -> Floats:
        level_db = np.zeros(origin_mm.shape[:2], dtype=np.float32)
        x, y, z = np.moveaxis(origin_mm.astype(np.float32), -1, 0)
        for blob in self._blobs:
            aside = z - np.float32(blob.centre_mm[2])
            away2 = ((x - blob.centre_mm[0] - blob.lean[0] * aside) / blob.radii_mm[0]) ** 2
            away2 += ((y - blob.centre_mm[1] - blob.lean[1] * aside) / blob.radii_mm[1]) ** 2
            away2 += (aside / blob.radii_mm[2]) ** 2
            thin_mm = min(blob.radii_mm)
            near = away2 < (1.0 + 2.5 * EDGE_MM / thin_mm) ** 2
            outside_mm = (np.sqrt(away2[near]) - 1.0) * thin_mm
            inside = 1.0 / (1.0 + np.exp(4.0 * outside_mm / EDGE_MM))
            level_db[near] += inside * (blob.brightness_db - level_db[near])
        return level_db

    def _upset_db(self, upset: Upset) -> Floats:
        level_db = np.full(self._samples_mm.shape[:2], upset.gain_db, dtype=np.float32)
        if upset.is_lifted:
            level_db[:, self._depths_mm > LOST_CONTACT_MM] += NOTHING_DB
        if upset.shadow_width_mm > 0.0:
            reach_mm = self.probe.radius_mm + 50.0
            off_mm = reach_mm * np.abs(self.probe.angles_rad - np.arcsin(upset.shadow_mm / reach_mm))
            share = 1.0 / (1.0 + np.exp(np.clip((off_mm - 0.5 * upset.shadow_width_mm) / 0.7, -30.0, 30.0)))
            level_db += (upset.shadow_db * share)[:, None].astype(np.float32)
        return level_db


def _tables(seed: int) -> Array:
    """Return two sets of scatterers, (2, cells, 2)."""
    rng = np.random.default_rng([seed, TABLE_SIZE])
    return np.asarray(rng.standard_normal((2, TABLE_SIZE, 2)) * np.sqrt(0.5))


def _bent(places_mm: Array, bend_mm: float) -> Array:
    """Return places (..., 3) after two shears that vary like waves, one after the other."""
    wave = 2.0 * np.pi / BENT_MM
    bent = places_mm.copy()
    bent[..., 0] += bend_mm * np.sin(wave * bent[..., 1])
    bent[..., 1] += 0.5 * bend_mm * np.sin(wave * bent[..., 0])
    return bent


def _straightened(places_mm: Array, bend_mm: float) -> Array:
    """Undo :func:`_bent`."""
    wave = 2.0 * np.pi / BENT_MM
    rest = places_mm.copy()
    rest[..., 1] -= 0.5 * bend_mm * np.sin(wave * rest[..., 0])
    rest[..., 0] -= bend_mm * np.sin(wave * rest[..., 1])
    return rest

"""A patch of ultrasound, and where another image shows the same: a fit of a small warp, gain and bias.

The warp is composed inversely (Baker and Matthews, Int J Comput Vis 56:221, 2004): slopes are those of the
patch, so that one step reads the image once. Gain and bias are fitted along, which projects them out. In an
image the patch may shift and change linearly, in a volume shift and turn; what is linear is held near none.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.kernels.patch_tracking import lattice_window, warped_sums

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

SMOOTHING: Final = 0.6
"""Standard deviation of the smoothing before samples are taken, in their distance."""
MIDDLE: Final = 128.0
"""Taken from grey values, so that sums keep their digits."""
TEXTURE_MM: Final = 2.0
"""What varies over less than about twice this is speckle and small structure."""
BRIGHTEST: Final = 1.5
"""Fine detail counts up to so many standard deviations: a calcification is not what tells speckle apart."""
STEPS: Final = 10
SPARSE: Final = 5
"""Volumes are fitted with a sample in five first."""
STILL: Final = 0.02
"""A step below this, in samples, ends the fit."""
LONGEST_STEP: Final = 1.5
STRETCH: Final = 0.08
"""Standard deviation of what is linear in the warp: tissue is turned by 5° or stretched by as much."""
TOGETHER_MM: Final = 1.5
"""Samples within this are wrong alike: the length of speckle."""
UNKNOWN: Final = 100.0
"""Samples: along what changes nothing in the patch, its place is as unknown as this."""
NO_WARP: Final = np.eye(3, 4)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One frame: brightness and what is seen, [slice, row, column]; mm between columns, rows, slices."""

    values: Bytes
    seen: Mask
    spacing_mm: Array

    @property
    def is_volume(self) -> bool:
        """Whether there is more than one slice."""
        return bool(self.values.shape[0] > 1)

    def window(self, centre_mm: Array, half: int, sample_mm: float) -> Floats:
        """Return samples about a place in mm from the first pixel, ``half`` to each side of it."""
        across = 2 * half + 1
        reach = np.array([half, half, half if self.is_volume else 0])
        return lattice_window(
            self.values,
            self.seen,
            (centre_mm - reach * sample_mm) / self.spacing_mm,
            sample_mm / self.spacing_mm,
            (across if self.is_volume else 1, across, across),
            SMOOTHING * sample_mm / self.spacing_mm,
        ) - np.float32(MIDDLE)


def _image_freedom() -> Array:
    freedom = np.zeros((6, 3, 4))
    freedom[0, 0, 3] = freedom[1, 1, 3] = 1.0
    freedom[2, 0, 0] = freedom[3, 0, 1] = freedom[4, 1, 0] = freedom[5, 1, 1] = 1.0
    return freedom


def _volume_freedom() -> Array:
    freedom = np.zeros((6, 3, 4))
    for axis in range(3):
        freedom[axis, axis, 3] = 1.0
        a, b = (axis + 1) % 3, (axis + 2) % 3
        freedom[3 + axis, b, a], freedom[3 + axis, a, b] = 1.0, -1.0
    return freedom


FREEDOM: Final = {False: _image_freedom(), True: _volume_freedom()}
"""Ways of an image and of a volume to warp, (parameters, 3, 4), shifts first."""


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """Where a patch was found.

    Parameters
    ----------
    warp
        (3, 4): from samples about the patch's middle to samples about the middle of the window.
    correlation, texture
        Of the grey values, and of their finest part.
    shift_mm2
        Covariance of the shift, (3, 3).
    grey
        Mean grey value there.
    """

    warp: Array
    correlation: float
    texture: float
    shift_mm2: Array
    grey: float


class Patch:
    """How tissue looks about a place.

    Parameters
    ----------
    scene
        The frame.
    centre_mm
        The place, (3,) mm from the first pixel.
    half
        Samples to each side.
    sample_mm
        Their distance.
    """

    def __init__(self, scene: Scene, centre_mm: Array, half: int, sample_mm: float) -> None:
        self.values = scene.window(centre_mm, half, sample_mm)
        self.sample_mm, self.half, self.is_volume = sample_mm, half, scene.is_volume
        self._freedom, self._shifts = FREEDOM[scene.is_volume], 3 if scene.is_volume else 2
        self._known = np.isfinite(self.values)
        self._columns, self._points = self._fitted()
        self._texture = self._fine(self.values)
        self.seen_share = float(self._known.mean())
        self.grey = float(np.nanmean(self.values)) + MIDDLE if self._known.any() else 0.0
        self.contrast = float(np.nanstd(self.values)) if self._known.any() else 0.0

    def _fitted(self) -> tuple[Floats, Array]:
        """Return what is fitted to a window (1, the patch, its change by each warp), and at which points."""
        axes = range(3) if self.is_volume else range(1, 3)
        slopes = np.zeros((3, *self.values.shape), dtype=np.float32)
        for axis in axes:
            slopes[2 - axis] = np.gradient(self.values, axis=axis)
        usable = self._known & np.isfinite(slopes).all(axis=0)
        self._usable = usable
        k, j, i = np.nonzero(usable)
        middle = self.half if self.is_volume else 0
        points = np.column_stack([i - self.half, j - self.half, k - middle]).astype(np.float64)
        along = slopes[:, usable]
        columns = np.empty((len(points), 2 + len(self._freedom)), dtype=np.float32)
        columns[:, 0], columns[:, 1] = 1.0, self.values[usable]
        for number, way in enumerate(self._freedom, start=2):
            columns[:, number] = np.einsum("an,na->n", along, points @ way[:, :3].T + way[:, 3])
        return columns, points

    def _fine(self, values: Floats) -> Floats:
        known = np.isfinite(values)
        filled = np.where(known, values, np.float32(values[known].mean() if known.any() else 0.0))
        size = 2 * round(TEXTURE_MM / self.sample_mm) + 1
        fine = filled - ndimage.uniform_filter(filled, size, mode="nearest")
        most = np.float32(BRIGHTEST * np.sqrt((fine[known] ** 2).mean()) if known.any() else 1.0)
        return np.asarray(np.clip(fine, -most, most))

    def find(self, window: Floats, start: Array) -> Match | None:
        """Fit the patch to a window of the same sampling.

        Parameters
        ----------
        window
            As from :meth:`Scene.window`.
        start
            The warp to start from, as in :class:`Match`.

        Returns
        -------
        Match | None
            None where the fit leaves the window, or the image there is flat.
        """
        middle = (np.array(window.shape[::-1]) - 1) / 2.0
        to_window = np.zeros((3, 4))
        to_window[:, 3] = middle
        warp, gain, noise = start, 1.0, 0.3 * self.contrast**2
        for every in (SPARSE, 1) if self.is_volume else (1,):
            points, columns = self._points[::every], self._columns[::every]
            for _ in range(STEPS):
                sums, _ = warped_sums(window, points, columns, warp + to_window)
                if sums[0, 0] < 0.5 * len(points) or sums[0, 0] < 3 * len(sums):
                    return None
                step, (gain, noise) = self._step(sums, warp, gain, noise)
                if step is None:
                    return None
                warp = self._undone(warp, step)
                if np.abs(step[: self._shifts]).max() < STILL:
                    break
        sums, values = warped_sums(window, self._points, self._columns, warp + to_window)
        if sums[0, 0] < 0.5 * len(self._points):
            return None
        return self._match(sums, values, warp)

    def _step(
        self, sums: Array, warp: Array, gain: float, noise: float
    ) -> tuple[Array | None, tuple[float, float]]:
        """Return the step of all parameters, gain and variance of what is left."""
        normal, pull = sums[:-1, :-1].copy(), sums[:-1, -1].copy()
        shifts = self._shifts
        hold = max(noise, 1e-3) * self._alike / (STRETCH * gain) ** 2
        now = self._linear(warp)
        linear = np.arange(2 + shifts, len(normal))
        normal[linear, linear] += hold
        pull[linear] -= hold * gain * now
        try:
            fit = np.linalg.solve(normal, pull)
        except np.linalg.LinAlgError:
            return None, (gain, noise)
        if fit[1] < 0.05:
            return None, (gain, noise)
        left = float(sums[-1, -1] - 2.0 * fit @ sums[:-1, -1] + fit @ sums[:-1, :-1] @ fit) / sums[0, 0]
        step = fit[2:] / fit[1]
        length = float(np.abs(step[:shifts]).max())
        if length > LONGEST_STEP:
            step = step * (LONGEST_STEP / length)
        return step, (float(fit[1]), left)

    @property
    def _alike(self) -> float:
        """How many samples share one error."""
        return float(max(TOGETHER_MM / self.sample_mm, 1.0) ** (3 if self.is_volume else 2))

    def _match(self, sums: Array, values: Floats, warp: Array) -> Match | None:
        count = sums[0, 0]
        mean_patch, mean = sums[0, 1] / count, sums[0, -1] / count
        patch2, window2 = sums[1, 1] / count - mean_patch**2, sums[-1, -1] / count - mean**2
        both = sums[1, -1] / count - mean_patch * mean
        if patch2 <= 1e-6 or window2 <= 1e-6 or both <= 0.0:
            return None
        gain = both / patch2
        noise = max(window2 - gain * both, 1e-3)
        shifts = self._shifts
        # Gain and bias are taken out of what is known of the warp.
        flat, mixed = sums[:2, :2], sums[:2, 2:-1]
        known = gain**2 * (sums[2:-1, 2:-1] - mixed.T @ np.linalg.solve(flat, mixed)) / (noise * self._alike)
        linear = np.arange(shifts, len(known))
        known[linear, linear] += 1.0 / STRETCH**2
        covariance = np.zeros((3, 3))
        shift, other = slice(0, shifts), slice(shifts, None)
        known[shift, shift] += np.eye(shifts) / UNKNOWN**2
        left = known[shift, shift] - known[shift, other] @ np.linalg.solve(
            known[other, other], known[other, shift]
        )
        covariance[shift, shift] = np.linalg.inv(left) * self.sample_mm**2
        texture = self._texture_correlation(values)
        return Match(warp, both / np.sqrt(patch2 * window2), texture, covariance, float(mean) + MIDDLE)

    def _texture_correlation(self, values: Floats) -> float:
        found = np.full(self.values.shape, np.nan, dtype=np.float32)
        found[self._usable] = values
        known = np.isfinite(found)
        here, there = self._texture[known], self._fine(found)[known]
        here, there = here - here.mean(), there - there.mean()
        length = float(np.sqrt((here @ here) * (there @ there)))
        return float(here @ there) / length if length > 0.0 else 0.0

    def _linear(self, warp: Array) -> Array:
        """Return what of a warp is no shift, as the parameters count it."""
        change = warp[:, :3] - np.eye(3)
        if not self.is_volume:
            return np.asarray(change[:2, :2].ravel())
        turn = [change[2, 1] - change[1, 2], change[0, 2] - change[2, 0], change[1, 0] - change[0, 1]]
        return 0.5 * np.array(turn)

    def _undone(self, warp: Array, step: Array) -> Array:
        """Compose a warp with the inverse of a small one."""
        small = NO_WARP + np.einsum("p,pij->ij", step, self._freedom)
        linear = warp[:, :3] @ np.linalg.inv(small[:, :3])
        if self.is_volume:
            left, _, right = np.linalg.svd(linear)
            linear = left @ right
        return np.column_stack([linear, warp[:, 3] - linear @ small[:, 3]])

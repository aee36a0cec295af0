"""Implanted markers in one kV image, found in small windows about where they are expected.

A template of each projected marker proposes places, all markers together choose among them, and a fit on a
smooth background gives the centre below the pixel. What is not shaped like a marker, or absorbs more or less
than one, is refused with a reason.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Quantity, as_line_integrals
from isoguide.kernels.marker_windows import (
    COLUMN_MEMORY,
    CORRELATION,
    NOISE,
    ROW_MEMORY,
    fit_wires_in_window,
    mass_of,
    pixels_about,
)
from isoguide.kernels.wires import wire_shapes
from isoguide.motion.marker_search import (
    RELATIVE_MM,
    Choice,
    Group,
    choices_in,
    expected_wires,
    extent_of,
    likeliest,
    reach_of,
    touching_groups,
)
from isoguide.registration.markers.declared import DeclaredMarkers, MarkerKind
from isoguide.registration.markers.fit import PRIOR_SHARE
from isoguide.registration.markers.in_radiographs import FLOOR_PX
from isoguide.registration.markers.projected import (
    BLUR_PX,
    HEAVIEST,
    LEAST_CONTRAST,
    LEAST_CORRELATION,
    LIGHTEST,
    MarkerSize,
)

LEAST_IN_NOISE: Final = 0.75
"""Correlation that is enough where what remains is no more than the noise of the image."""
NOISE_FACTOR: Final = 1.35
"""What remains is noise when it is less than this times the difference of neighbours."""
SURE: Final = 0.95
"""Correlation from which a marker says how much one absorbs."""
REMEMBERED: Final = 60
"""Markers that say how much one absorbs."""
HIGHEST: Final = 1.2
"""Values are cut above this times the median height within a marker."""
SATURATED_SHARE: Final = 0.2
"""Of a window's pixels at one end of the scale."""
STRIDE: Final = 8
"""Every so many pixels are compared with the image before: no two exposures agree in them."""
NEEDLE: Final = np.array([0.0, 1.0, 0.0])
"""Seeds are implanted along the patient by a needle: expected where their axes are not known."""


@dataclass(frozen=True, slots=True, eq=False)
class MarkerPixels:
    """Where each marker was seen in an image.

    Parameters
    ----------
    pixels
        Centres (column, row), (m, 2), in the order of the planned markers; NaN: not seen.
    covariance_px2
        Of the centres, (m, 2, 2), from noise and shape; NaN where not seen.
    quality
        Correlation of each with the shape of a marker, (m,), 0 to 1; 0 where not seen.
    reasons
        Why each was not seen, in words; empty where it was.
    problem
        What is wrong with the image as a whole; empty when nothing is.

    Raises
    ------
    GeometryError
        If the shapes do not fit each other, or a marker that was seen has no covariance.
    """

    pixels: Array
    covariance_px2: Array
    quality: Array
    reasons: tuple[str, ...] = ()
    problem: str = ""

    def __post_init__(self) -> None:
        pixels = np.array(self.pixels, dtype=np.float64)
        covariance = np.array(self.covariance_px2, dtype=np.float64)
        count = len(pixels)
        if pixels.shape != (count, 2) or covariance.shape != (count, 2, 2):
            msg = (
                f"markers in an image need pixels (m, 2) and covariances (m, 2, 2), not {pixels.shape} "
                f"and {covariance.shape}"
            )
            raise GeometryError(msg)
        seen = np.isfinite(pixels).all(axis=1)
        frozen_array(covariance[seen], (-1, 2, 2), "the covariance of a marker that was seen")
        quality = frozen_array(self.quality, (count,), "the quality of markers")
        for array in (pixels, covariance):
            array.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "covariance_px2", covariance)
        object.__setattr__(self, "quality", quality)
        object.__setattr__(self, "reasons", tuple(self.reasons) or ("",) * count)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Which markers were seen, (m,)."""
        return np.asarray(np.isfinite(self.pixels).all(axis=1))

    @classmethod
    def none(cls, count: int, problem: str) -> "MarkerPixels":
        """Return what an image says in which no marker can be trusted."""
        nothing = np.full((count, 2, 2), np.nan)
        return cls(nothing[:, 0], nothing, np.zeros(count), (), problem)


class _Found:
    """What is collected while the markers of one image are looked for."""

    def __init__(self, count: int) -> None:
        self.pixels = np.full((count, 2), np.nan)
        self.covariance = np.full((count, 2, 2), np.nan)
        self.quality = np.zeros(count)
        self.reasons = ["nothing like it lies near its place"] * count

    def put(self, which: int, pixel: Array, covariance: Array, quality: float) -> None:
        self.pixels[which], self.covariance[which] = pixel, covariance
        self.quality[which], self.reasons[which] = min(quality, 1.0), ""

    def refuse(self, members: Sequence[int], reason: str) -> None:
        for which in members:
            if np.isnan(self.pixels[which, 0]):
                self.reasons[which] = reason

    def result(self) -> MarkerPixels:
        return MarkerPixels(self.pixels, self.covariance, self.quality, tuple(self.reasons))


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    # One image with what is expected in it.
    values: NDArray[np.float32]
    quantity: Quantity
    size: MarkerSize
    px_per_mm: float
    shift_px2: Array
    reach: int

    @property
    def relative_px(self) -> float:
        return RELATIVE_MM * self.px_per_mm


class MarkerFinder:
    """Finds the markers of a patient in image after image; one for each imager.

    It remembers how much a marker absorbs, and the image before: one that repeats is refused.

    Parameters
    ----------
    declared
        What was implanted.
    axes
        Unit vectors along the planned markers in FIXED, (m, 3), from the planning CT; None: not known, then
        every direction is tried.

    Raises
    ------
    GeometryError
        If there is not one axis for each marker.
    """

    def __init__(self, declared: DeclaredMarkers, *, axes: Array | None = None) -> None:
        self._declared = declared
        self._axes_known = axes is not None or declared.kind is MarkerKind.SPHERE
        every = np.tile(NEEDLE, (declared.count, 1)) if axes is None else axes
        self._axes = frozen_array(every, (declared.count, 3), "the axes of the markers")
        self._masses: deque[float] = deque(maxlen=REMEMBERED)
        self._before: NDArray[np.float32] | None = None

    def find(
        self,
        values: NDArray[np.float32],
        view: XrayView,
        expected_mm: Array,
        sigma_mm: Array | float,
        quantity: Quantity = "line integral",
    ) -> MarkerPixels:
        """Return where the markers lie in an image.

        Parameters
        ----------
        values
            float32 [row, column], of any ``quantity``.
        view
            Of the image, in FIXED.
        expected_mm
            Where each marker is expected, FIXED, (m, 3).
        sigma_mm
            How sure that is: covariance (3, 3) of the shift that all share, or (m, 3, 3) of each, or a number
            for every axis.
        quantity
            What the values are; the factor of the open beam does not matter.

        Raises
        ------
        GeometryError
            If the image does not fit the view, or the expected places not the markers.
        """
        count = self._declared.count
        places = frozen_array(expected_mm, (count, 3), "the expected markers")
        if values.shape != view.size[::-1]:
            msg = f"the X-ray image has the shape {values.shape} but its detector says {view.size[::-1]}"
            raise GeometryError(msg)
        problem = self._problem(values)
        if problem:
            return MarkerPixels.none(count, problem)
        look = self._look(values, view, places, sigma_mm, quantity)
        length_mm = 0.0 if look.size.is_round else self._declared.length_mm
        wires = expected_wires(view, places, self._axes, length_mm)
        groups = touching_groups(wires, look.size, axes_known=self._axes_known)
        found = _Found(count)
        windows = [self._window(look, group, found) for group in groups]
        self._choose(look, groups, windows, found)
        return found.result()

    def warm_up(self) -> None:
        """Compile everything before it is needed: the first image costs as little as the others."""
        finder = MarkerFinder(self._declared, axes=self._axes if self._axes_known else None)
        view = gantry_view(0.0, sad_mm=1000.0, sid_mm=1500.0, size=(256, 256), pixel_spacing_mm=(0.4, 0.4))
        beside = np.zeros((self._declared.count, 3))
        beside[:, 0] = 0.7 * np.arange(self._declared.count)
        size = MarkerSize.of(self._declared, 3.75)
        wires = expected_wires(view, beside, self._axes, self._declared.length_mm)
        places = np.argwhere(np.ones((256, 256)))[:, ::-1].astype(np.float64)
        shapes, _ = wire_shapes(places, wires[:1], size.width2)
        noise = 0.02 * np.random.default_rng(0).standard_normal((2, 256, 256))
        for n, quantity in enumerate(("line integral", "intensity")):
            image = (shapes[0].reshape(256, 256) + noise[n]).astype(np.float32)
            finder.find(image if n == 0 else np.exp(-image), view, beside, 0.5, quantity)  # type: ignore[arg-type]  # they are quantities

    def _problem(self, values: NDArray[np.float32]) -> str:
        sample = values[::STRIDE, ::STRIDE].copy()
        before, self._before = self._before, sample
        if not np.isfinite(sample).all():
            return "the image holds values that are no numbers"
        if before is not None and np.array_equal(before, sample):
            return "the image is the same as the one before: the imager repeats it"
        if float(np.ptp(sample)) == 0.0:
            return "the image is blank"
        return ""

    def _look(
        self,
        values: NDArray[np.float32],
        view: XrayView,
        places: Array,
        sigma_mm: Array | float,
        quantity: Quantity,
    ) -> _Look:
        middle = places.mean(axis=0)
        matrix = view.pixel_from_xyz
        homogeneous = matrix[:, :3] @ middle + matrix[:, 3]
        slopes = (matrix[:2, :3] - np.outer(homogeneous[:2] / homogeneous[2], matrix[2, :3])) / homogeneous[2]
        shift_mm2 = np.asarray(sigma_mm, dtype=np.float64)
        shift_mm2 = (
            shift_mm2**2 * np.eye(3) if shift_mm2.ndim == 0 else shift_mm2.reshape(-1, 3, 3).mean(axis=0)
        )
        px_per_mm = float(np.sqrt(np.linalg.norm(slopes) ** 2 / 2.0))
        size = MarkerSize.of(self._declared, px_per_mm)
        shift_px2 = slopes @ shift_mm2 @ slopes.T + 0.25 * np.eye(2)
        reach = reach_of(shift_px2, RELATIVE_MM * px_per_mm)
        return _Look(values, quantity, size, px_per_mm, shift_px2, reach)

    def _window(self, look: _Look, group: Group, found: _Found) -> Array | None:
        half = look.reach + extent_of(group, look.size)
        column, row = group.middle.astype(int)
        rows, columns = look.values.shape
        reason = ""
        if not (half <= column < columns - half and half <= row < rows - half):
            reason = "its place lies at the edge of the image or beside it"
        else:
            part = look.values[row - half : row + half + 1, column - half : column + half + 1]
            ends = np.count_nonzero(part == part.max()), np.count_nonzero(part == part.min())
            reason = "the image is saturated there" if max(ends) > SATURATED_SHARE * part.size else ""
            if not np.isfinite(part).all():
                reason = "the image holds values there that are no numbers"
        if reason:
            found.refuse(group.members, reason)
            return None
        window = as_line_integrals(part, look.quantity).astype(np.float64)
        return np.asarray(window - window.mean())

    def _choose(
        self, look: _Look, groups: Sequence[Group], windows: Sequence[Array | None], found: _Found
    ) -> None:
        # What is refused after its fit is no choice any more: the others choose anew.
        options = [
            choices_in(window, group, look.size) if window is not None else []
            for group, window in zip(groups, windows, strict=True)
        ]
        settled: dict[int, Choice] = {}
        for _ in range(1 + sum(len(each) for each in options)):
            chosen = likeliest(options, look.shift_px2, look.relative_px)
            refused = False
            for n, which in enumerate(chosen):
                window = windows[n]
                if which is None or window is None or settled.get(n) is options[n][which]:
                    continue
                choice = options[n][which]
                if self._fitted(look, groups[n], window, choice, found):
                    settled[n] = choice
                else:
                    options[n].remove(choice)
                    refused = True
                    break
            if not refused:
                self._forget(groups, chosen, found)
                return

    def _forget(self, groups: Sequence[Group], chosen: Sequence[int | None], found: _Found) -> None:
        for group, which in zip(groups, chosen, strict=True):
            if which is None:
                for member in group.members:
                    found.pixels[member], found.covariance[member] = np.nan, np.nan
                    found.quality[member] = 0.0
                    found.reasons[member] = found.reasons[member] or "what lies there does not fit the others"

    def _fitted(self, look: _Look, group: Group, window: Array, choice: Choice, found: _Found) -> bool:
        half = (len(window) - 1) // 2
        corner = group.middle - half
        start = choice.wires.copy()
        start[:, :2] -= corner
        size = look.size
        places = _looked_at(start, size, len(window))
        values = _bounded(window, start, places, size)
        fit = fit_wires_in_window(places, values, size.width2, start, self._freedom(start, size), PRIOR_SHARE)
        if fit is None:
            return False
        wires, heights, covariance, said = fit
        masses = mass_of(wires, heights, size.width2) / look.px_per_mm**2
        astray_px = np.linalg.norm(wires[:, :2] - start[:, :2], axis=1)
        reason = "what lies near its place is not shaped like a marker"
        if (astray_px <= max(3.0, 0.3 * size.length_px)).all():
            reason = self._why_not(window, heights, masses, said)
        if reason:
            found.refuse(group.members, reason)
            return False
        memory = (1.0 + 2.0 * np.clip(said[0, COLUMN_MEMORY], 0.0, 1.0)) * (
            1.0 + 2.0 * np.clip(said[0, ROW_MEMORY], 0.0, 1.0)
        )
        for n, member in enumerate(group.members):
            known = memory * covariance[n] + FLOOR_PX**2 * np.eye(2)
            found.put(member, wires[n, :2] + corner, known, float(said[n, CORRELATION]))
            if said[n, CORRELATION] >= SURE and len(group.members) == 1:
                self._masses.append(float(masses[n]))
        return True

    def _freedom(self, start: Array, size: MarkerSize) -> Array:
        turn, stretch = (
            (0.15, 0.1 * size.length_px + 0.5) if self._axes_known else (0.4, 0.25 * size.length_px)
        )
        if size.is_round:
            turn, stretch = 1e-3, 1e-3
        # Markers that touch are held to their expected distance, a little.
        place = np.inf if len(start) == 1 else RELATIVE_MM * size.length_px
        return np.tile([place, place, turn, 0.5, stretch], (len(start), 1))

    def _why_not(self, window: Array, heights: Array, masses: Array, said: Array) -> str:
        left, correlation = float(said[0, NOISE]), float(said[:, CORRELATION].min())
        if correlation < LEAST_CORRELATION:
            noise = float(np.std(np.diff(window, axis=1))) / np.sqrt(2.0)
            if correlation < LEAST_IN_NOISE or left > NOISE_FACTOR * noise:
                return "what lies near its place is not shaped like a marker"
        if (heights < LEAST_CONTRAST * left).any():
            return "it does not stand out of the noise"
        if self._masses:
            shares = masses / float(np.median(self._masses))
            if (shares < LIGHTEST).any() or (shares > HEAVIEST).any():
                return "what lies near its place absorbs more or less than a marker"
        return ""


def _bounded(window: Array, start: Array, places: Array, size: MarkerSize) -> Array:
    # Behind metal hardly any quanta are left: the logarithm of next to nothing has spikes without a meaning.
    values = window[places[:, 1].astype(int), places[:, 0].astype(int)]
    inside = pixels_about(start, max(size.diameter_px / 2.0 - 0.5, 0.75), (len(window), len(window))).astype(
        int
    )
    around = float(np.median(values))
    height = float(np.median(window[inside[:, 1], inside[:, 0]])) - around
    return np.asarray(np.minimum(values, around + HIGHEST * height) if height > 0.0 else values)


def _looked_at(start: Array, size: MarkerSize, across: int) -> Array:
    # Metal behind metal is as dark as metal: where two cross, their heights do not add.
    places = pixels_about(start, 2.5 + 2.0 * BLUR_PX + size.diameter_px, (across, across))
    if len(start) == 1:
        return places
    covered = np.zeros((across, across), dtype=np.int64)
    for one in start:
        inside = pixels_about(one[None], size.diameter_px / 2.0 + BLUR_PX, (across, across)).astype(int)
        covered[inside[:, 1], inside[:, 0]] += 1
    return np.asarray(places[covered[places[:, 1].astype(int), places[:, 0].astype(int)] < 2])

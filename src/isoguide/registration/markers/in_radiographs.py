"""Implanted markers in radiographs, located below the pixel.

A bank of projected, blurred shapes is correlated with the image where the markers may be; what correlates is
fitted with its own length and direction on a smooth background and taken out, so that what lies across it
shows. What absorbs as much as two markers is taken for two; where that fails it is returned as unresolved.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph, as_line_integrals
from isoguide.kernels.wires import best_templates, wire_shapes
from isoguide.registration.markers.declared import DeclaredMarkers
from isoguide.registration.markers.projected import (
    BLUR_PX,
    LIGHTEST,
    FittedWire,
    MarkerSize,
    add,
    are_markers,
    bank_of,
    fit_wires,
    touch,
    wire,
)
from isoguide.registration.markers.tangles import is_tangled, untangled

LEAST_TEMPLATE_CORRELATION: Final = 0.55
"""Of a template with the image: the bank is coarse, the fit decides."""
LEAST_BLOT_CORRELATION: Final = 0.7
"""Of one fitted shape with several markers that lie across each other."""
SURE_CORRELATION: Final = 0.97
"""Edges of bone and two markers taken for one stay below: these say what the usual mass is."""
LARGEST_SIGMA_PX: Final = 1.0
"""A centre among others that is known less well is not known."""
LIGHTEST_BLOT: Final = 0.6
"""In usual masses; what is lighter hides no marker."""
HEAVIEST_ALONE: Final = 1.2
"""In usual masses; what is heavier may be more than one marker."""
ONE_OF_TWO: Final = 1.5
"""One shape fitted to two markers that cross takes up this much of them, in usual masses."""
HEAVIEST_BLOT: Final = 4.0
"""In usual masses; what is heavier is no marker."""
WIDEST: Final = 2.5
"""Of a blot, in usual widths; what is wider is anatomy."""
RIDGE_FACTOR: Final = 2.0
"""Curvature across in units of its own robust spread, above which something is looked at."""
FLOOR_PX: Final = 0.05
"""No centre is known better."""
OVERLAP_FACTOR: Final = 2.0
"""By which the error of a marker that lies across another grows."""
DIRECTIONS: Final = 8
SHORTER: Final = (1.0, 0.65, 0.3)
"""Shares of the length that the bank holds: seeds are seen at an angle."""
COARSE_PX: Final = 1.0
"""Diameter above which templates are shared between magnifications."""
FITS_PER_MARKER: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class RadiographMarker:
    """A marker found in a radiograph.

    Parameters
    ----------
    pixel, covariance_px2
        Its centre (column, row), (2,), and the covariance, (2, 2).
    correlation
        Between image and fitted shape, 0 to 1.
    contrast
        Height over what remains around it.
    height
        Above the background in its middle, line integral.
    overlapped
        True when it lies across another marker.
    is_resolved
        False when this absorbs like two markers or more that cannot be told apart: one or more of them lie
        hereabouts, as the covariance says, and nothing better is known.
    """

    pixel: Array
    covariance_px2: Array
    correlation: float
    contrast: float
    height: float
    overlapped: bool
    is_resolved: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixel", frozen_array(self.pixel, (2,), "a marker's pixel"))
        covariance = frozen_array(self.covariance_px2, (2, 2), "a marker's covariance")
        object.__setattr__(self, "covariance_px2", covariance)


def find_in_radiograph(
    radiograph: Radiograph, declared: DeclaredMarkers, expected_mm: Array, *, reach_mm: float | None = 15.0
) -> tuple[RadiographMarker, ...]:
    """Find everything in a radiograph that looks like a declared marker, most prominent first.

    Parameters
    ----------
    radiograph
        The image, in any frame.
    declared
        What was implanted.
    expected_mm
        Where the markers are thought to be, (n, 3), in the frame of the radiograph's view.
    reach_mm
        How far from there, in the patient, to look; None: everywhere, for the magnification of these points.

    Returns
    -------
    tuple
        As many as look like it, and last what looks like several that cannot be told apart.

    Raises
    ------
    GeometryError
        If no marker is expected in front of the source.
    """
    view = radiograph.view
    points = frozen_array(np.atleast_2d(expected_mm), (-1, 3), "the expected markers")
    pixels = view.project(points)
    px_per_mm = _pixels_per_mm(view, points)
    size = MarkerSize.of(declared, px_per_mm)
    where = _where_to_look(view, pixels, None if reach_mm is None else reach_mm * px_per_mm, size.half)
    if not where.any():
        return ()
    rows, columns = (_with_margin(np.asarray(where.any(axis=axis)), size.half) for axis in (1, 0))
    image = as_line_integrals(radiograph.values[rows, columns], radiograph.quantity).astype(np.float64)
    origin = np.array([columns.start, rows.start], dtype=np.float64)
    search = _Search(image, where[rows, columns], declared.count, size)
    search.look()
    clear, unclear = search.sorted_out()
    markers = [_marker(one, clear, origin, size) for one in clear]
    return (*markers, *(_unresolved(one, origin) for one in unclear))


def _pixels_per_mm(view: XrayView, points_mm: Array) -> float:
    depth_mm = float(np.mean((points_mm - view.source_mm) @ view.normal))
    return view.source_detector_distance_mm / depth_mm / float(np.mean(view.pixel_spacing_mm))


def _where_to_look(view: XrayView, pixels: Array, reach_px: float | None, border: int) -> NDArray[np.bool_]:
    # Not at the border of the detector, where a marker may be cut.
    columns, rows = view.size
    near = np.zeros((rows, columns), dtype=bool)
    if reach_px is None:
        near[border : rows - border, border : columns - border] = True
        return near
    for at in pixels:
        # Everything that is computed for a marker is computed about it, however large the image.
        first, last = np.floor(at - reach_px).astype(int), np.ceil(at + reach_px).astype(int) + 1
        low = np.maximum(first, border)
        high = np.maximum(np.minimum(last, np.array([columns, rows]) - border), low)
        row, column = np.ogrid[low[1] : high[1], low[0] : high[0]]
        near[low[1] : high[1], low[0] : high[0]] |= np.hypot(column - at[0], row - at[1]) <= reach_px
    return near


def _with_margin(any_here: NDArray[np.bool_], margin: int) -> slice:
    there = np.flatnonzero(any_here)
    return slice(max(int(there[0]) - margin, 0), int(there[-1]) + margin + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Bank:
    # Templates as the kernel takes them; the wire of each, and the mass that a product of 1 stands for.
    firsts: NDArray[np.int64]
    steps: NDArray[np.int64]
    weights: Array
    wires: Array
    masses: Array


def _bank(size: MarkerSize) -> _Bank:
    # From frame to frame the magnification hardly changes: a tenth of a pixel makes no other template.
    return _bank_of(
        MarkerSize(round(size.length_px, 1), round(size.diameter_px, 1), 0.0, size.is_round)
        if size.diameter_px >= COARSE_PX
        else size
    )


@lru_cache(maxsize=32)
def _bank_of(size: MarkerSize) -> _Bank:
    wires = bank_of(size, DIRECTIONS, SHORTER)
    row, column = np.mgrid[-size.half : size.half + 1, -size.half : size.half + 1]
    places = np.stack([column.ravel(), row.ravel()], axis=1).astype(np.float64)
    shapes, _ = wire_shapes(places, wires, size.width2)
    firsts, steps, weights, masses = [0], [], [], []
    for shape in shapes:
        # Over the template's own neighbourhood only, so that an edge of bone beside a seed does not count.
        about = shape.reshape(row.shape) > 0.1 * shape.max()
        near = ndimage.binary_dilation(about, iterations=2).ravel()
        free = shape[near] - shape[near].mean()
        length = float(np.linalg.norm(free))
        firsts.append(firsts[-1] + int(near.sum()))
        steps.append(places[near][:, ::-1].astype(np.int64))
        weights.append(free / length)
        masses.append(float(shape.sum()) / length)
    return _Bank(np.array(firsts), np.concatenate(steps), np.concatenate(weights), wires, np.array(masses))


class _Search:
    # Finds markers one by one; what is found is taken out of the image, so that side lobes vanish and what
    # lies across it shows.

    def __init__(self, image: Array, where: NDArray[np.bool_], count: int, size: MarkerSize) -> None:
        self._left, self._where, self._count, self._size = image, where, count, size
        self._bank = _bank(size)
        self._found: list[FittedWire] = []
        self._blots: list[FittedWire] = []
        self._tried: list[Array] = []

    def look(self) -> None:
        for start, mass in self._starts():
            self._try(start, mass)
        if len(self._found) >= self._count and all(
            one.correlation >= SURE_CORRELATION for one in self._found
        ):
            return
        # Now that they are out of the image, what lies across them shows.
        seen = [one.pixel for one in (*self._found, *self._blots)]
        reach_px = self._size.length_px + 4.0 * BLUR_PX
        for start, mass in self._starts():
            if any(0.0 < float(np.linalg.norm(start[:2] - pixel)) < reach_px for pixel in seen):
                self._try(start, mass)

    def sorted_out(self) -> tuple[list[FittedWire], list[FittedWire]]:
        """Return what is clear and what is not, heaviest first."""
        usual = self._usual_mass()
        known = [one for one in self._found if one.mass >= LIGHTEST * usual]
        self._put_back(one for one in self._found if one.mass < LIGHTEST * usual)
        unclear: list[FittedWire] = []
        for group in self._groups([*known, *self._likely_blots(known, usual)]):
            if len(group) > 1 or group[0].mass > HEAVIEST_ALONE * usual or not group[0].is_clear:
                unclear += self._apart(group, usual)
        return sorted(self._found, key=lambda one: -one.mass * one.correlation), unclear

    def _likely_blots(self, known: Sequence[FittedWire], usual: float) -> list[FittedWire]:
        width_px = float(np.median([one.width_px for one in known])) if known else BLUR_PX
        kept: list[FittedWire] = []
        for blot in sorted(self._blots, key=lambda one: -one.correlation):
            fits = LIGHTEST_BLOT * usual <= blot.mass <= HEAVIEST_BLOT * usual
            apart_px = [float(np.linalg.norm(one.pixel - blot.pixel)) for one in (*known, *kept)]
            if fits and blot.width_px <= WIDEST * width_px and min(apart_px, default=99.0) > self._near_px():
                kept.append(blot)
        return kept

    def _apart(self, group: list[FittedWire], usual: float) -> list[FittedWire]:
        # Keeps the markers of a group that can be told apart; returns what cannot.
        known = [one for one in group if any(one is other for other in self._found)]
        self._put_back(known)
        again = fit_wires(self._left, [one.wire for one in group], self._size, usual_mass=usual)
        heavy = max((one.mass for one in again), default=0.0) > HEAVIEST_ALONE * usual
        if heavy or not again or not are_markers(again, usual) or is_tangled(again, self._size):
            again = untangled(self._left, group, self._size, usual)
        if not again:
            again = [
                one
                for one in known
                if one.correlation >= SURE_CORRELATION and one.mass <= HEAVIEST_ALONE * usual
            ]
            rest = [one for one in group if not any(one is other for other in again)]
        else:
            rest = [one for one in again if one.sigma_px > LARGEST_SIGMA_PX]
        for one in again:
            if one.sigma_px <= LARGEST_SIGMA_PX:
                self._take(one)
        return rest

    def _put_back(self, some: Iterable[FittedWire]) -> None:
        for one in list(some):
            self._found = [other for other in self._found if other is not one]
            add(self._left, one, self._size, 1.0)

    def _near_px(self) -> float:
        return 1.0 + self._size.diameter_px / 2.0

    def _take(self, one: FittedWire) -> None:
        self._found.append(one)
        add(self._left, one, self._size, -1.0)

    def _usual_mass(self) -> float:
        sure = [one for one in self._found if one.correlation >= SURE_CORRELATION]
        alone = [
            one.mass
            for one in sure
            if not any(other is not one and touch(one, other, self._size) for other in self._found)
        ]
        masses = alone or [one.mass for one in sure]
        if not masses:
            return self._usual_of_what_touches()
        # The lower of two: the other may be two markers that cover each other.
        masses = sorted(sorted(masses, reverse=True)[: self._count])
        return masses[(len(masses) - 1) // 2]

    def _usual_of_what_touches(self) -> float:
        # Nothing stands alone: what was found is all of them together, or one shape fitted to two.
        if self._found:
            return sum(one.mass for one in self._found) / self._count
        widest_px = WIDEST * BLUR_PX + self._size.diameter_px
        return max((one.mass for one in self._blots if one.width_px < widest_px), default=0.0) / ONE_OF_TWO

    def _try(self, start: Array, mass: float) -> None:
        if any(np.linalg.norm(start[:2] - one.pixel) < self._near_px() for one in self._found):
            return
        if any(np.array_equal(start, tried) for tried in self._tried):
            return
        self._tried.append(start)
        if len(self._found) >= self._count and mass < 0.5 * LIGHTEST * self._usual_mass():
            return
        fits = self._alone(start)
        clear = [one for one in fits if one.is_clear]
        if clear:
            self._take(clear[0])
            return
        self._blots += [one for one in fits if one.height > 0.0 and one.correlation >= LEAST_BLOT_CORRELATION]

    def _alone(self, start: Array) -> list[FittedWire]:
        # A short template may have caught one end of a marker: look at most of its length first, but where
        # another lies across it, only a narrow look shows one.
        fits = []
        for length_px in dict.fromkeys((max(start[4], 0.7 * self._size.length_px), start[4])):
            fits += fit_wires(self._left, [wire(start[:2], start[2], length_px)], self._size)
            if fits and fits[-1].is_clear:
                break
        return fits

    def _starts(self) -> list[tuple[Array, float]]:
        smooth = self._left - ndimage.gaussian_filter(self._left, _wide(self._size), mode="nearest")
        look = self._where & _is_ridge(smooth, self._size)
        pixels = np.argwhere(look)
        bank = self._bank
        best, which = best_templates(smooth, pixels, bank.firsts, bank.steps, bank.weights)
        answer = np.zeros(smooth.shape)
        answer[look] = best
        peaks = (answer == ndimage.maximum_filter(answer, size=3)) & (answer >= LEAST_TEMPLATE_CORRELATION)
        found = []
        for n in np.flatnonzero(peaks[look]):
            part = slice(bank.firsts[which[n]], bank.firsts[which[n] + 1])
            seen = smooth[tuple((pixels[n] + bank.steps[part]).T)]
            product = float(seen @ bank.weights[part])
            start = np.array([*pixels[n][::-1], *bank.wires[which[n]][2:]])
            found.append((best[n] * product, start, product * float(bank.masses[which[n]])))
        found.sort(key=lambda one: -one[0])
        return [(start, mass) for _, start, mass in found[: FITS_PER_MARKER * self._count]]

    def _groups(self, everything: Sequence[FittedWire]) -> list[list[FittedWire]]:
        groups: list[list[FittedWire]] = []
        for one in everything:
            touching = [group for group in groups if any(touch(one, other, self._size) for other in group)]
            groups = [group for group in groups if not any(group is other for other in touching)]
            groups.append([one, *(other for group in touching for other in group)])
        return groups


def _wide(size: MarkerSize) -> float:
    return 1.5 * (size.diameter_px + 2.0 * BLUR_PX)


def _is_ridge(image: Array, size: MarkerSize) -> NDArray[np.bool_]:
    # Everything that is bright against what lies at its sides, in any direction.
    sigma = float(np.sqrt(BLUR_PX**2 + size.width2))
    rows, columns, mixed = (
        ndimage.gaussian_filter(image, sigma, order=order, mode="nearest")
        for order in ((2, 0), (0, 2), (1, 1))
    )
    middle, radius = (rows + columns) / 2.0, np.hypot((rows - columns) / 2.0, mixed)
    across = radius - middle
    spread = 1.4826 * float(np.median(np.abs(across - np.median(across))))
    return np.asarray(across > np.median(across) + RIDGE_FACTOR * spread)


def _marker(
    one: FittedWire, found: Sequence[FittedWire], origin: Array, size: MarkerSize
) -> RadiographMarker:
    overlapped = any(other is not one and touch(one, other, size) for other in found)
    covariance = one.covariance_px2 + FLOOR_PX**2 * np.eye(2)
    return RadiographMarker(
        one.pixel + origin,
        covariance * (OVERLAP_FACTOR**2 if overlapped else 1.0),
        one.correlation,
        one.peak / max(one.noise, 1e-12),
        one.peak,
        overlapped,
    )


def _unresolved(blot: FittedWire, origin: Array) -> RadiographMarker:
    # Each of the markers has its centre within the blot.
    axis = np.array([np.cos(blot.wire[2]), np.sin(blot.wire[2])])
    covariance = np.outer(axis, axis) * blot.length_px**2 / 16.0 + np.eye(2)
    contrast = blot.peak / max(blot.noise, 1e-12)
    return RadiographMarker(
        blot.pixel + origin,
        covariance,
        blot.correlation,
        contrast,
        blot.peak,
        overlapped=True,
        is_resolved=False,
    )

"""Implanted markers in radiographs, located below the pixel.

A bank of projected, blurred shapes is correlated with the image where the markers may be; what correlates is
fitted with its own length and direction on a smooth background. A marker that lies across another is found
after the other has been taken out, and both are then fitted together.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.registration.markers.declared import DeclaredMarkers, MarkerKind
from isoguide.registration.markers.fit import fit_shapes, polynomial_background
from isoguide.registration.markers.shapes import blurred_wire

LEAST_TEMPLATE_CORRELATION: Final = 0.55
"""Of a template with the image: the bank is coarse, the fit decides."""
LEAST_CORRELATION: Final = 0.9
"""Of the fitted shape with the image."""
LEAST_CONTRAST: Final = 4.0
"""Height in units of what remains around it."""
LEAST_HEIGHT_SHARE: Final = 0.35
"""Of the median of the strongest declared count; smaller ones are edges of bone."""
LARGEST_HEIGHT_RATIO: Final = 3.0
"""Between markers that lie across each other, which are of one kind; larger: the fit has split one."""
BLUR_PX: Final = 0.8
"""Blur of focal spot and detector, standard deviation; the fit finds it anew for each marker."""
FLOOR_PX: Final = 0.05
"""No centre is known better."""
OVERLAP_FACTOR: Final = 2.0
"""By which the error of a marker that lies across another grows."""
DIRECTIONS: Final = 8
SHORTER: Final = (1.0, 0.65, 0.3)
"""Shares of the length that the bank holds: seeds are seen at an angle."""
CANDIDATES_PER_MARKER: Final = 5
_LEAST_PIXELS: Final = 25
_LEAST_INTENSITY: Final = 1e-6


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
        Above the background, line integral.
    overlapped
        True when it lies across another marker.
    """

    pixel: Array
    covariance_px2: Array
    correlation: float
    contrast: float
    height: float
    overlapped: bool

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

    Raises
    ------
    GeometryError
        If no marker is expected in front of the source.
    """
    view = radiograph.view
    points = frozen_array(np.atleast_2d(expected_mm), (-1, 3), "the expected markers")
    pixels = view.project(points)
    px_per_mm = _pixels_per_mm(view, points)
    size_px = (declared.length_mm * px_per_mm, declared.diameter_mm * px_per_mm)
    where = _where_to_look(view, pixels, None if reach_mm is None else reach_mm * px_per_mm, _half(size_px))
    if not where.any():
        return ()
    rows, columns = (_with_margin(np.asarray(where.any(axis=axis)), _half(size_px)) for axis in (1, 0))
    image = _line_integral(radiograph)[rows, columns]
    starts = _candidates(image, where[rows, columns], declared, size_px)
    origin = np.array([columns.start, rows.start], dtype=np.float64)
    return _accepted(_fitted(image, starts, declared, size_px), declared, origin, size_px)


def _pixels_per_mm(view: XrayView, points_mm: Array) -> float:
    depth_mm = float(np.mean((points_mm - view.source_mm) @ view.normal))
    return view.source_detector_distance_mm / depth_mm / float(np.mean(view.pixel_spacing_mm))


def _line_integral(radiograph: Radiograph) -> Array:
    values = np.asarray(radiograph.values, dtype=np.float64)
    if radiograph.quantity == "line integral":
        return values
    return np.asarray(-np.log(np.maximum(values, _LEAST_INTENSITY)))


def _where_to_look(view: XrayView, pixels: Array, reach_px: float | None, border: int) -> NDArray[np.bool_]:
    # Not at the border of the detector, where a marker may be cut.
    columns, rows = view.size
    near = np.zeros((rows, columns), dtype=bool)
    inner = near[border : rows - border, border : columns - border]
    if reach_px is None:
        inner[:] = True
        return near
    row, column = np.ogrid[border : rows - border, border : columns - border]
    for at in pixels:
        inner |= np.hypot(column - at[0], row - at[1]) <= reach_px
    return near


def _with_margin(any_here: NDArray[np.bool_], margin: int) -> slice:
    there = np.flatnonzero(any_here)
    return slice(max(int(there[0]) - margin, 0), int(there[-1]) + margin + 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    # Where a template correlated best: pixel of the crop (column, row), direction and length.
    pixel: Array
    angle_rad: float
    length_px: float


def _candidates(
    image: Array, where: NDArray[np.bool_], declared: DeclaredMarkers, size_px: tuple[float, float]
) -> list[_Start]:
    smooth = image - ndimage.gaussian_filter(image, _wide(size_px), mode="nearest")
    best = np.full(image.shape, -1.0)
    chosen = np.zeros(image.shape, dtype=int)
    bank = _bank(declared, size_px)
    shape = [fft.next_fast_len(n + 2 * _half(size_px) + 1, real=True) for n in image.shape]
    spectrum, power = fft.rfft2(smooth, shape), fft.rfft2(smooth * smooth, shape)
    for n, (angle_rad, length_px) in enumerate(bank):
        correlation = _correlation(
            spectrum, power, shape, image.shape, _template(angle_rad, length_px, size_px)
        )
        better = correlation > best
        best[better], chosen[better] = correlation[better], n
    peaks = (best == ndimage.maximum_filter(best, size=3)) & where & (best >= LEAST_TEMPLATE_CORRELATION)
    found = [
        _Start(np.array([column, row], dtype=np.float64), *bank[chosen[row, column]])
        for row, column in sorted(np.argwhere(peaks), key=lambda at: -best[tuple(at)])
    ]
    return found[: CANDIDATES_PER_MARKER * declared.count]


def _wide(size_px: tuple[float, float]) -> float:
    return 1.5 * (size_px[1] + 2.0 * BLUR_PX)


def _half(size_px: tuple[float, float]) -> int:
    return int(np.ceil(size_px[0] / 2.0 + 2.0 * BLUR_PX + size_px[1]))


def _bank(declared: DeclaredMarkers, size_px: tuple[float, float]) -> list[tuple[float, float]]:
    if declared.kind is MarkerKind.SPHERE:
        return [(0.0, 0.0)]
    turns = np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    return [(float(turn), share * size_px[0]) for share in SHORTER for turn in turns]


def _template(angle_rad: float, length_px: float, size_px: tuple[float, float]) -> Array:
    half = _half(size_px)
    row, column = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
    shape = _shape_at(
        np.stack([column.ravel(), row.ravel()], axis=1), angle_rad, length_px, size_px[1], BLUR_PX
    )
    return np.asarray(shape.reshape(row.shape))


def _shape_at(
    offset_px: Array, angle_rad: float, length_px: float, diameter_px: float, blur_px: float
) -> Array:
    axis = np.array([np.cos(angle_rad), np.sin(angle_rad)])
    # The chords through a disc have the variance r²/4 across it.
    variance = np.full(2, blur_px**2 + diameter_px**2 / 16.0)
    return blurred_wire(offset_px, axis, length_px, variance)


def _correlation(
    spectrum: NDArray[np.complex128],
    power: NDArray[np.complex128],
    shape: list[int],
    size: tuple[int, ...],
    template: Array,
) -> Array:
    # Over the template's own neighbourhood only, so that an edge of bone beside a seed does not count.
    mask = ndimage.binary_dilation(template > 0.1, iterations=2).astype(np.float64)
    count = mask.sum()
    free = (template - (template * mask).sum() / count) * mask
    half = template.shape[0] // 2
    # The shapes are symmetric about their middle: correlation and convolution are the same.
    with_template, with_mask = fft.rfft2(free, shape), fft.rfft2(mask, shape)
    rows, columns = (slice(half, half + n) for n in size)
    product = fft.irfft2(spectrum * with_template, shape)[rows, columns]
    mean = fft.irfft2(spectrum * with_mask, shape)[rows, columns] / count
    energy = fft.irfft2(power * with_mask, shape)[rows, columns] - count * mean * mean
    floor = 1e-9 * max(float(energy.max()), 1e-30)
    return np.asarray(product / np.sqrt(np.maximum(energy, floor) * float((free * free).sum())))


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    # A fitted marker: where, (column, row); turn and length; the logarithm of its blur; what it explains.
    pixel: Array
    angle_rad: float
    log_blur: float
    length_px: float
    covariance_px2: Array
    height: float
    correlation: float
    noise: float

    @property
    def is_marker(self) -> bool:
        clear = self.height > 0.0 and self.height >= LEAST_CONTRAST * self.noise
        return clear and self.correlation >= LEAST_CORRELATION


def _fitted(
    image: Array, starts: list[_Start], declared: DeclaredMarkers, size_px: tuple[float, float]
) -> list[_Found]:
    # What is found is taken out of the image, so that side lobes vanish and what lies across it shows.
    found: list[_Found] = []
    left = image.copy()
    for start in starts:
        if any(np.linalg.norm(start.pixel - other.pixel) < 1.0 + size_px[1] / 2.0 for other in found):
            continue
        one = _alone(left, start, declared, size_px)
        if one is not None:
            found.append(one)
            _add(left, one, size_px, -1.0)
    return [one for group in _groups(found, size_px) for one in _together(left, group, declared, size_px)]


def _alone(
    left: Array, start: _Start, declared: DeclaredMarkers, size_px: tuple[float, float]
) -> _Found | None:
    # A short template may have caught one end of a marker: look at most of its length first, but where
    # another lies across it, only a narrow look shows one.
    for length_px in (max(start.length_px, 0.7 * size_px[0]), start.length_px):
        looked_at = _Start(start.pixel, start.angle_rad, length_px)
        for one in _fit(left, [looked_at], declared, size_px):
            if one.is_marker:
                return one
    return None


def _groups(found: list[_Found], size_px: tuple[float, float]) -> list[list[_Found]]:
    groups: list[list[_Found]] = []
    for one in found:
        touching = [group for group in groups if any(_touch(one, other, size_px) for other in group)]
        groups = [group for group in groups if group not in touching]
        groups.append([one, *(other for group in touching for other in group)])
    return groups


def _touch(one: _Found, other: _Found, size_px: tuple[float, float]) -> bool:
    return bool(np.linalg.norm(other.pixel - one.pixel) < size_px[0] + 4.0 * BLUR_PX)


def _together(
    left: Array, group: list[_Found], declared: DeclaredMarkers, size_px: tuple[float, float]
) -> list[_Found]:
    if len(group) == 1:
        return group
    for one in group:
        _add(left, one, size_px, 1.0)
    starts = [_Start(one.pixel, one.angle_rad, one.length_px) for one in group]
    again = [one for one in _fit(left, starts, declared, size_px) if one.is_marker]
    heights = [one.height for one in again]
    if len(again) < len(group) or max(heights) > LARGEST_HEIGHT_RATIO * min(heights):
        # One of them was a side lobe of another: without the weakest they are fitted again.
        kept = sorted(group, key=lambda one: -one.height * one.correlation)[:-1]
        again = _fit(
            left, [_Start(one.pixel, one.angle_rad, one.length_px) for one in kept], declared, size_px
        )
        again = [one for one in again if one.is_marker]
    for one in again:
        _add(left, one, size_px, -1.0)
    return again


def _window(shape: tuple[int, ...], pixel: Array, half: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    column, row = np.round(pixel).astype(int)
    rows = np.arange(max(row - half, 0), min(row + half + 1, shape[0]))
    columns = np.arange(max(column - half, 0), min(column + half + 1, shape[1]))
    grid = np.meshgrid(rows, columns, indexing="ij")
    return grid[0].ravel(), grid[1].ravel()


def _near(shape: tuple[int, ...], start: _Start, size_px: tuple[float, float]) -> NDArray[np.bool_]:
    # A capsule around the marker: wide enough to show the background, no wider.
    near = np.zeros(shape, dtype=bool)
    row, column = _window(shape, start.pixel, _half(size_px) + 2)
    offset = np.stack([column, row], axis=1) - start.pixel
    axis = np.array([np.cos(start.angle_rad), np.sin(start.angle_rad)])
    along = np.maximum(np.abs(offset @ axis) - start.length_px / 2.0, 0.0)
    across = np.abs(offset @ np.array([-axis[1], axis[0]]))
    near[row, column] = np.hypot(along, across) <= 2.5 + 2.0 * BLUR_PX + size_px[1]
    return near


def _fit(
    image: Array, starts: list[_Start], declared: DeclaredMarkers, size_px: tuple[float, float]
) -> list[_Found]:
    near = np.zeros(image.shape, dtype=bool)
    for start in starts:
        near |= _near(image.shape, start, size_px)
    places = np.argwhere(near)[:, ::-1].astype(np.float64)
    if len(places) < _LEAST_PIXELS * len(starts):
        return []
    middle = np.mean([start.pixel for start in starts], axis=0)
    begin = np.concatenate([[*s.pixel, s.angle_rad, np.log(BLUR_PX), s.length_px] for s in starts])
    is_round = declared.kind is MarkerKind.SPHERE
    turn, stretch = (1e-3, 1e-3) if is_round else (0.4, 0.2 * size_px[0])

    def shapes(p: Array) -> Array:
        return np.stack([_of_parameters(places, one, size_px) for one in p.reshape(-1, 5)], axis=1)

    fit = fit_shapes(
        image[near],
        polynomial_background(places - middle, 2),
        shapes,
        begin,
        np.tile([np.inf, np.inf, turn, 0.5, stretch], len(starts)),
    )
    found = []
    for n, (start, p) in enumerate(zip(starts, fit.parameters.reshape(-1, 5), strict=True)):
        astray = np.linalg.norm(p[:2] - start.pixel) > max(3.0, 0.5 * size_px[0])
        too_long = abs(p[4]) > size_px[0] * declared.longest_mm / declared.length_mm + 2.0
        if not astray and not too_long:
            block = fit.covariance[5 * n : 5 * n + 2, 5 * n : 5 * n + 2]
            height, correlation = float(fit.heights[n]), float(fit.correlations[n])
            turned, blur, length = float(p[2]), float(p[3]), abs(float(p[4]))
            found.append(_Found(p[:2], turned, blur, length, block, height, correlation, fit.noise))
    return found


def _of_parameters(places: Array, p: Array, size_px: tuple[float, float]) -> Array:
    blur_px = float(np.exp(np.clip(p[3], -2.0, 2.0)))
    return _shape_at(places - p[:2], float(p[2]), abs(float(p[4])), size_px[1], blur_px)


def _add(image: Array, one: _Found, size_px: tuple[float, float], sign: float) -> None:
    rows, columns = _window(image.shape, one.pixel, 2 * _half(size_px))
    parameters = np.array([*one.pixel, one.angle_rad, one.log_blur, one.length_px])
    places = np.stack([columns, rows], axis=1).astype(np.float64)
    image[rows, columns] += sign * one.height * _of_parameters(places, parameters, size_px)


def _accepted(
    found: list[_Found], declared: DeclaredMarkers, origin: Array, size_px: tuple[float, float]
) -> tuple[RadiographMarker, ...]:
    found = sorted(found, key=lambda one: -one.height * one.correlation)
    if not found:
        return ()
    usual = float(np.median([one.height for one in found[: declared.count]]))
    markers = []
    for one in found:
        if one.height < LEAST_HEIGHT_SHARE * usual:
            continue
        overlapped = any(other is not one and _touch(one, other, size_px) for other in found)
        covariance = one.covariance_px2 + FLOOR_PX**2 * np.eye(2)
        markers.append(
            RadiographMarker(
                one.pixel + origin,
                covariance * (OVERLAP_FACTOR**2 if overlapped else 1.0),
                one.correlation,
                one.height / max(one.noise, 1e-12),
                one.height,
                overlapped,
            )
        )
    return tuple(markers)

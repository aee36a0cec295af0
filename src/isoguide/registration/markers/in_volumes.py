"""Implanted markers in CT and cone-beam CT, located below the voxel.

The Laplacian of a Gaussian at the marker's scale makes small bright things stand out of bone; each is
checked for its size and then fitted with the blurred shape that was declared.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.registration.markers.balls import BEYOND_MM, fit_ball, is_in_image
from isoguide.registration.markers.declared import DeclaredMarkers, MarkerKind, MeasuredMarker
from isoguide.registration.markers.fit import ShapeFit, fit_shapes, polynomial_background
from isoguide.registration.markers.shapes import blurred_wire

LEAST_CORRELATION: Final = 0.92
"""Between image and fitted shape: seeds reach 0.97 and more, corners of bone and streaks stay below 0.9."""
NOISE_FACTOR: Final = 8.0
"""The filter's answer in units of its own robust spread above which something is looked at."""
PEAK_SHARE: Final = 0.12
"""Of the strongest answer: markers of one kind differ by their partial volume, not by more than this."""
LEAST_HEIGHT_SHARE: Final = 0.3
"""Of the median of the markers found; smaller ones are calcifications or streaks."""
CANDIDATES_PER_MARKER: Final = 8
FLOOR_MM: Final = 0.03
"""No centre is known better: what the blurred shape leaves out of the scanner."""
_MARGIN_VOXELS: Final = 3
Labels = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class VolumeMarker:
    """A marker found in a volume.

    Parameters
    ----------
    measured
        Its centre with its covariance, in the volume's frame.
    axis
        Unit vector along it, (3,), either way round; zeros for a sphere.
    length_mm
        Fitted extent along the axis.
    height
        Above the surroundings, in the volume's values.
    correlation
        Between image and fitted shape, 0 to 1.
    """

    measured: MeasuredMarker
    axis: Array
    length_mm: float
    height: float
    correlation: float


def find_in_volume(volume: Volume, declared: DeclaredMarkers) -> tuple[VolumeMarker, ...]:
    """Find everything in a volume that looks like a declared marker, most prominent first.

    Parameters
    ----------
    volume
        CT or cone-beam CT; cut it to the region of interest to leave out other metal and to save time.
    declared
        What was implanted.

    Returns
    -------
    tuple
        As many as look like it: fewer than declared where one is missing or hidden, more where something else
        looks the same. Which is which is decided by their constellation, not here.
    """
    # Each end is known to half a voxel: in thick slices what is clipped looks shorter by up to a slice.
    slack_mm = float(volume.grid.spacing_mm.max())
    answer = _filter_answer(volume, declared)
    found: list[VolumeMarker | None]
    if declared.kind is MarkerKind.SPHERE:
        found = [_ball(volume, at, declared) for at in _peaks(answer, volume.grid, declared)]
    else:
        labels, boxes = _candidates(answer, volume.grid, declared)
        found = [_fitted(volume, labels, label, box, declared) for label, box in boxes]
    likely = [marker for marker in found if marker is not None and _is_declared(marker, declared, slack_mm)]
    if not likely:
        return ()
    likely.sort(key=lambda marker: -marker.height * marker.correlation)
    usual = float(np.median([marker.height for marker in likely[: declared.count]]))
    return tuple(marker for marker in likely if marker.height >= LEAST_HEIGHT_SHARE * usual)


def _filter_answer(volume: Volume, declared: DeclaredMarkers) -> NDArray[np.float32]:
    sigma = np.maximum(0.5 * declared.diameter_mm / volume.grid.spacing_mm, 0.8)[::-1]
    values = np.asarray(volume.values, dtype=np.float32)
    answer = np.zeros_like(values)
    for axis in range(3):
        orders = [2 if axis == other else 0 for other in range(3)]
        answer -= ndimage.gaussian_filter(values, sigma, order=orders, mode="nearest") * sigma[axis] ** 2
    return answer


def _candidates(
    answer: NDArray[np.float32], grid: Grid, declared: DeclaredMarkers
) -> tuple[Labels, list[tuple[int, tuple[slice, ...]]]]:
    spread = 1.4826 * float(np.median(np.abs(answer)))
    threshold = max(NOISE_FACTOR * spread, PEAK_SHARE * float(answer.max()), 1e-6)
    found, count = ndimage.label(answer > threshold, structure=np.ones((3, 3, 3)))
    labels = np.asarray(found, dtype=np.intp)
    if count == 0:
        return labels, []
    numbers = np.arange(1, count + 1)
    peaks = ndimage.maximum(answer, labels, numbers)
    boxes = ndimage.find_objects(labels)
    longest = (declared.longest_mm + declared.diameter_mm) / grid.spacing_mm[::-1] + 3.0
    fitting = [
        n
        for n in np.argsort(-peaks)
        if _is_whole(boxes[n], answer.shape)
        and all(part.stop - part.start <= most for part, most in zip(boxes[n], longest, strict=True))
    ]
    kept = fitting[: CANDIDATES_PER_MARKER * declared.count]
    return labels, [(int(numbers[n]), boxes[n]) for n in kept]


def _is_whole(box: tuple[slice, ...], shape: tuple[int, ...]) -> bool:
    # What the border of the image cuts has no centre.
    return all(part.start > 0 and part.stop < size for part, size in zip(box, shape, strict=True))


def _fitted(
    volume: Volume,
    labels: Labels,
    label: int,
    box: tuple[slice, ...],
    declared: DeclaredMarkers,
) -> VolumeMarker | None:
    window = tuple(
        slice(max(part.start - _MARGIN_VOXELS, 0), min(part.stop + _MARGIN_VOXELS, size))
        for part, size in zip(box, volume.values.shape, strict=True)
    )
    values, owner = np.asarray(volume.values[window], dtype=np.float64), labels[window]
    # Where the scanner's scale ends, all that is known is that the marker is at least that bright.
    clipped = (values >= values.max()) if (values >= values.max()).sum() > 1 else np.zeros(values.shape, bool)
    others = ndimage.binary_dilation((owner > 0) & (owner != label), iterations=1)
    kji = np.argwhere(~clipped & ~others)
    if len(kji) < 40:
        return None
    ijk = (kji + [part.start for part in window])[:, ::-1]
    local_mm = ijk * volume.grid.spacing_mm
    weights = np.maximum(values - np.median(values), 0.0) * (owner == label)
    inside = np.argwhere(owner == label)
    mass = weights[owner == label] + 1e-9
    centre_mm = (
        ((inside + [part.start for part in window])[:, ::-1] * volume.grid.spacing_mm).T @ mass / mass.sum()
    )
    offset_mm = local_mm - centre_mm
    kept = values[tuple(kji.T)]
    return _wire_fit(kept, offset_mm, centre_mm, volume.grid, declared)


def _peaks(answer: NDArray[np.float32], grid: Grid, declared: DeclaredMarkers) -> list[Array]:
    # A ball may sit on something: its middle is where the filter answers most, not the middle of a piece.
    reach = np.maximum(0.5 * declared.diameter_mm / grid.spacing_mm[::-1], 1.0).astype(int)
    size = tuple(int(n) for n in 2 * reach + 1)
    spread = 1.4826 * float(np.median(np.abs(answer)))
    threshold = max(NOISE_FACTOR * spread, PEAK_SHARE * float(answer.max()), 1e-6)
    peaks = np.argwhere((answer == ndimage.maximum_filter(answer, size=size)) & (answer > threshold))
    order = np.argsort([-answer[tuple(at)] for at in peaks], kind="stable")
    return [peaks[n][::-1].astype(np.float64) for n in order[: CANDIDATES_PER_MARKER * declared.count]]


def _ball(volume: Volume, ijk: Array, declared: DeclaredMarkers) -> VolumeMarker | None:
    grid = volume.grid
    # The filter's peak is off by part of the ball where something carries it.
    reach_mm = 0.7 * declared.diameter_mm + BEYOND_MM
    low = np.maximum(np.floor(ijk - reach_mm / grid.spacing_mm), 0).astype(int)
    high = np.minimum(np.ceil(ijk + reach_mm / grid.spacing_mm) + 1, grid.shape[::-1]).astype(int)
    window = tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))
    places = np.indices([part.stop - part.start for part in window]).reshape(3, -1).T[:, ::-1] + low
    values = np.asarray(volume.values[window], dtype=np.float64).ravel()
    blur_mm = 0.5 * float(grid.spacing_mm.mean()) + 0.2
    found = fit_ball(values, places * grid.spacing_mm, ijk * grid.spacing_mm, declared.diameter_mm, blur_mm)
    if not is_in_image(
        found.centre_mm, found.diameter_mm, (np.array(grid.shape[::-1]) - 1) * grid.spacing_mm
    ):
        return None
    covariance = grid.direction @ found.covariance_mm2 @ grid.direction.T + FLOOR_MM**2 * np.eye(3)
    measured = MeasuredMarker(grid.xyz(found.centre_mm / grid.spacing_mm), covariance)
    return VolumeMarker(measured, np.zeros(3), found.diameter_mm, found.height, found.correlation)


def _wire_fit(
    values: Array, offset_mm: Array, centre_mm: Array, grid: Grid, declared: DeclaredMarkers
) -> VolumeMarker:
    background = polynomial_background(offset_mm, 1)
    fits = [
        _wire_fit_from(values, offset_mm, background, axis, grid, declared)
        for axis in _starting_axes(values, offset_mm, declared)
    ]
    found, frame = max(fits, key=lambda fit: float(fit[0].correlations[0]))
    axis = _turned(frame, found.parameters[3:5])
    return _marker(found, centre_mm, grid, axis, abs(float(found.parameters[7])))


def _starting_axes(values: Array, offset_mm: Array, declared: DeclaredMarkers) -> list[Array]:
    near = np.linalg.norm(offset_mm, axis=1) <= declared.length_mm / 2.0 + 1.0
    weight = np.maximum(values - np.median(values), 0.0) ** 2 * near + 1e-12
    moments = (offset_mm * weight[:, None]).T @ offset_mm / weight.sum()
    return [*np.linalg.eigh(moments)[1].T[:0:-1]]


def _wire_fit_from(
    values: Array,
    offset_mm: Array,
    background: Array,
    axis: Array,
    grid: Grid,
    declared: DeclaredMarkers,
) -> tuple[ShapeFit, Array]:
    frame = _frame_about(axis)
    blur_mm = 0.45 * grid.spacing_mm + 0.15
    width2 = declared.diameter_mm**2 / 16.0
    loose = 0.5 if declared.kind is MarkerKind.COIL else 0.1
    start = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, declared.length_mm])
    prior = np.array([np.inf] * 3 + [0.6] * 2 + [0.4] * 2 + [loose * declared.length_mm])

    def shape(p: Array) -> Array:
        grow = np.exp(2.0 * np.clip(p[[5, 5, 6]], -2.0, 2.0))
        wire = blurred_wire(
            offset_mm - p[:3], _turned(frame, p[3:5]), abs(float(p[7])), blur_mm**2 * grow + width2
        )
        return wire[:, None]

    return fit_shapes(values, background, shape, start, prior), frame


def _frame_about(axis: Array) -> Array:
    # Rows: two directions across the axis, and the axis.
    across = np.cross(axis, np.eye(3)[int(np.argmin(np.abs(axis)))])
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(axis, across), axis])


def _turned(frame: Array, tilt: Array) -> Array:
    axis = frame[2] + tilt @ frame[:2]
    return np.asarray(axis / np.linalg.norm(axis))


def _marker(found: ShapeFit, centre_mm: Array, grid: Grid, axis: Array, length_mm: float) -> VolumeMarker:
    position_mm = grid.xyz((centre_mm + found.parameters[:3]) / grid.spacing_mm)
    covariance = grid.direction @ found.covariance[:3, :3] @ grid.direction.T + FLOOR_MM**2 * np.eye(3)
    measured = MeasuredMarker(position_mm, covariance)
    return VolumeMarker(
        measured, grid.direction @ axis, length_mm, float(found.heights[0]), float(found.correlations[0])
    )


def _is_declared(marker: VolumeMarker, declared: DeclaredMarkers, slack_mm: float) -> bool:
    fits = declared.shortest_mm - slack_mm <= marker.length_mm <= declared.longest_mm + slack_mm
    return marker.height > 0.0 and marker.correlation >= LEAST_CORRELATION and fits

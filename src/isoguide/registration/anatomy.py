"""What belongs to the patient and what to the room: body, bone, grey values, field of view."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.geometry.frames import Array
from isoguide.images.volume import Volume, VolumeValues
from isoguide.kernels.filtering import blank_border_runs
from isoguide.registration.pyramid import Level

Float32 = NDArray[np.float32]
Content = Literal["auto", "bone", "soft"]
BoolArray = NDArray[np.bool_]

BODY_ABOVE_HU = -300.0
BONE_ABOVE_HU = 150.0
SOFT_TISSUE_HU = (-160.0, 240.0)
AIR_HU, WATER_HU = -1000.0, 20.0
NOT_AIR = 0.25
"""Above this share of the grey range a voxel is no longer air, lung or the blur of its edge."""
THIN_MM = 12.0
"""Couch tops, cushions and mask shells are thinner than this: opening the body by half of it cuts them."""
BONE_SHARE = 0.08
"""A patch of which this share is bone shows an edge of it."""
USUAL_PITCH_MM = 30.0
PITCH_RANGE_MM = (15.0, 45.0)
"""From a cervical to a lumbar vertebra with its disc."""
LEAST_PERIODICITY = 0.2
NEARLY_AS_GOOD = 0.8
"""A shift by two vertebrae correlates less than a shift by one, but noise may reverse that by this much."""
SPINE_HALF_MM = 30.0


def grey_to_hu(volume: Volume) -> tuple[float, float]:
    """Return scale and offset that bring grey values near Hounsfield units: (1, 0) for calibrated CT.

    For uncalibrated images the darkest value is taken for air and the most frequent value clearly above it
    for soft tissue; good enough to find bodies and bones, not for dose.
    """
    if volume.is_hounsfield:
        return 1.0, 0.0
    sample = np.asarray(volume.values[::2, ::4, ::4], dtype=np.float32)
    air, bright = (float(value) for value in np.percentile(sample, [1.0, 99.5]))
    if bright <= air:
        return 1.0, AIR_HU - air
    counts, edges = np.histogram(sample, bins=150, range=(air + NOT_AIR * (bright - air), bright))
    peak = int(ndimage.gaussian_filter1d(counts.astype(np.float64), 1.5).argmax())
    tissue = float(edges[peak] + edges[peak + 1]) / 2.0
    scale = (WATER_HU - AIR_HU) / (tissue - air)
    return scale, AIR_HU - scale * air


def find_body(level: Level, near_mm: Array) -> BoolArray:
    """Find the patient in a level whose values are near HU: the thick bright part nearest to ``near_mm``.

    Returns a mask [k, j, i] with air inside the body filled; all False when there is none.
    """
    tissue = np.nan_to_num(level.values, nan=AIR_HU) > BODY_ABOVE_HU
    radius = np.maximum(np.round(THIN_MM / 2.0 / level.grid.spacing_mm[::-1]).astype(int), 1)
    element = ellipsoid(radius)
    core = ndimage.binary_opening(np.pad(tissue, [(r, r) for r in radius], mode="edge"), element)
    core = core[tuple(slice(r, -r) for r in radius)]
    labels, count = ndimage.label(core)
    if count == 0:
        return np.zeros_like(core)
    sizes = ndimage.sum_labels(core, labels, np.arange(1, count + 1))
    large = [index + 1 for index in range(count) if sizes[index] >= 0.1 * sizes.max()]
    nearest = min(large, key=lambda label: _distance(labels == label, level, near_mm))
    body = labels == nearest
    return np.stack([ndimage.binary_fill_holes(plane) for plane in body])


def ellipsoid(radius: NDArray[np.int_]) -> BoolArray:
    """Structuring element with these half axes in voxels, (k, j, i)."""
    axes = [np.arange(-r, r + 1) / (r + 0.5) for r in radius]
    k, j, i = np.meshgrid(*axes, indexing="ij")
    inside: BoolArray = k**2 + j**2 + i**2 <= 1.0
    return inside


def _distance(mask: BoolArray, level: Level, near_mm: Array) -> float:
    kji = np.argwhere(mask)
    offset = (kji[:, ::-1] - level.grid.index(near_mm)) * level.grid.spacing_mm
    return float(np.sqrt((offset**2).sum(axis=1)).min())


def field_of_view(values: VolumeValues) -> Float32:
    """Copy values [k, j, i] to float32 with NaN where the scanner padded slices outside its view.

    The padding is one value that fills the corners; it is followed inward from the borders along rows and
    columns.
    """
    corners = np.stack([values[:, j, i] for j in (0, -1) for i in (0, -1)])
    candidates, counts = np.unique(corners, return_counts=True)
    fill = candidates[counts.argmax()]
    if counts.max() < 0.5 * corners.size:
        return values.astype(np.float32)
    return blank_border_runs(values, float(fill))


def content_mask(level: Level, content: Content) -> BoolArray:
    """Where the centre of a patch of this content may lie, [k, j, i]; values near HU."""
    if content == "auto":
        return np.ones(level.values.shape, dtype=bool)
    bone = level.values > BONE_ABOVE_HU
    if content == "bone":
        share = ndimage.uniform_filter(bone.astype(np.float32), 5, mode="nearest")
        enough: BoolArray = share > BONE_SHARE
        return enough
    foreign = (level.values < SOFT_TISSUE_HU[0]) | (level.values > SOFT_TISSUE_HU[1])
    return ~ndimage.binary_dilation(foreign, np.ones((5, 5, 5), dtype=bool))


def spine_box_mm(level: Level, body: BoolArray) -> tuple[Array, Array]:
    """Two opposite corners of the upright column of 60 × 60 mm that holds most bone; values near HU."""
    bone = ((level.values > BONE_ABOVE_HU) & body).mean(axis=0)
    sigma = SPINE_HALF_MM / 2.0 / level.grid.spacing_mm[1::-1]
    j, i = np.unravel_index(ndimage.gaussian_filter(bone, sigma).argmax(), bone.shape)
    last = level.grid.shape[0] - 1
    ends = level.grid.xyz(np.array([[i, j, 0], [i, j, last]], dtype=np.float64))
    half = SPINE_HALF_MM * np.abs(level.grid.direction[:, :2]).sum(axis=1)
    return ends.min(axis=0) - half, ends.max(axis=0) + half


def vertebral_pitch_mm(column: Level) -> float:
    """Distance between vertebrae, mm, from the period of bone along a column; 30 mm where no period shows."""
    profile = np.clip(column.values - BONE_ABOVE_HU, 0.0, None).sum(axis=(1, 2), dtype=np.float64)
    spacing = float(column.grid.spacing_mm[2])
    if len(profile) * spacing < 3.0 * PITCH_RANGE_MM[1]:
        return USUAL_PITCH_MM
    wave = profile - ndimage.gaussian_filter1d(profile, PITCH_RANGE_MM[0] / spacing)
    wave = ndimage.gaussian_filter1d(wave, 1.0)
    power = float((wave**2).mean())
    if power == 0.0:
        return USUAL_PITCH_MM
    lags = np.arange(int(PITCH_RANGE_MM[0] / spacing), int(PITCH_RANGE_MM[1] / spacing) + 1)
    likeness = np.array([(wave[lag:] * wave[:-lag]).mean() / power for lag in lags])
    best = int(likeness.argmax())
    if not 0 < best < len(lags) - 1 or likeness[best] <= LEAST_PERIODICITY:
        return USUAL_PITCH_MM
    # Two periods fit nearly as well as one: the first good peak is the period.
    inner = likeness[1:-1]
    peak = (inner >= likeness[:-2]) & (inner >= likeness[2:]) & (inner >= NEARLY_AS_GOOD * likeness[best])
    return float(lags[1 + int(peak.argmax())] * spacing)

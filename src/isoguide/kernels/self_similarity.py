"""Self-similarity of an image: what a voxel's surroundings look like among themselves, in eight bytes.

Twelve numbers tell how alike neighbouring patches are (MIND-SSC: Heinrich et al., MICCAI 2013, LNCS
8149:187). They do not change with gain, offset or slow shading of the grey values, so a CT can be compared
with a cone-beam CT. Each number is one of six grades written as a run of ones: the count of bits in which two
words differ is the distance of the features.
"""

from itertools import combinations
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked
from isoguide.kernels.filtering import filter_axis

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Words = NDArray[np.uint64]

CHANNELS: Final = 12
GRADES: Final = 6
"""Unlike to alike; written with five bits."""
BITS: Final = CHANNELS * (GRADES - 1)
KNOWN: Final = np.uint64(1 << 63)
"""Set in every word that says something; a voxel near what was not imaged has the word 0."""

LIMITS: Final = -np.log(np.arange(1, GRADES) / GRADES).astype(np.float32)[::-1].copy()
"""Relative differences (of mean 1) that separate the grades, so that these are even steps of exp(-t)."""

_NEIGHBOURS: Final = [(0, 0, 1), (0, 0, -1), (0, 1, 0), (0, -1, 0), (1, 0, 0), (-1, 0, 0)]


def _pairs() -> tuple[Int64, Int64, Int64]:
    """Return six vectors between patches (6, 3), and for the twelve pairs which of them and from where."""
    vectors: list[tuple[int, ...]] = []
    which, places = [], []
    for a, b in combinations(_NEIGHBOURS, 2):
        vector = tuple(q - p for p, q in zip(a, b, strict=True))
        if sum(map(abs, vector)) != 2 or max(map(abs, vector)) != 1:
            continue
        opposite = tuple(-c for c in vector)
        if opposite in vectors:
            which.append(vectors.index(opposite))
            places.append(b)
            continue
        if vector not in vectors:
            vectors.append(vector)
        which.append(vectors.index(vector))
        places.append(a)
    return np.array(vectors), np.array(which), np.array(places)


VECTORS, WHICH, PLACES = _pairs()


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _squared_differences(image, shift, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    nk, nj, ni = image.shape
    low, high = max(0, -shift[2]), min(ni, ni - shift[2])
    for k in range(start, stop):
        k_on = min(max(k + shift[0], 0), nk - 1)
        for j in range(nj):
            j_on = min(max(j + shift[1], 0), nj - 1)
            here, there, row = image[k, j], image[k_on, j_on], out[k, j]
            for i in range(low):
                row[i] = (here[i] - there[0]) * (here[i] - there[0])
            for i in range(low, high):
                difference = here[i] - there[i + shift[2]]
                row[i] = difference * difference
            for i in range(high, ni):
                row[i] = (here[i] - there[ni - 1]) * (here[i] - there[ni - 1])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _gather(differences, pairs, k, j, values):  # type: ignore[no-untyped-def]  # numba infers the types
    """Fill (12, i) with the differences of the twelve pairs about each voxel of a row."""
    which, places = pairs
    _, nk, nj, ni = differences.shape
    for channel in range(len(which)):
        dk, dj, di = places[channel]
        source = differences[which[channel], min(max(k + dk, 0), nk - 1), min(max(j + dj, 0), nj - 1)]
        row = values[channel]
        for i in range(ni):
            row[i] = source[min(max(i + di, 0), ni - 1)]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _grades(row, smallest, scale, limits, first, words):  # type: ignore[no-untyped-def]  # numba infers the types
    """Write the grade of one channel of a row of voxels from a bit on."""
    for i in range(len(row)):
        relative = row[i] - smallest[i]
        grade = np.uint64(0)
        for limit in limits:
            grade = (grade << np.uint64(1)) | np.uint64(relative < limit * scale[i])
        words[i] |= grade << first


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _packed(differences, pairs, limits, floor, out, start, stop):  # type: ignore[no-untyped-def]  # numba infers the types
    ni = out.shape[2]
    channels = len(pairs[0])
    values = np.empty((channels, ni), np.float32)
    smallest, scale = np.empty(ni, np.float32), np.empty(ni, np.float32)
    share = np.float32(1.0 / channels)
    for k in range(start, stop):
        for j in range(out.shape[1]):
            _gather(differences, pairs, k, j, values)
            smallest[:] = np.float32(np.inf)
            scale[:] = np.float32(0.0)
            for row in values:
                for i in range(ni):
                    scale[i] += row[i] * share
                    smallest[i] = min(smallest[i], row[i])
            words = out[k, j]
            for i in range(ni):
                # A sum over something unknown is no number, and no number is not equal to itself.
                words[i] = np.uint64(scale[i] == scale[i]) << np.uint64(63)
                scale[i] = max(scale[i] - smallest[i], floor)
            for channel in range(channels):
                _grades(values[channel], smallest, scale, limits, np.uint64(5 * channel), words)
            for i in range(ni):
                words[i] *= words[i] >> np.uint64(63)


def patch_differences(image: Float32, dilation: int, weights: Float32) -> Float32:
    """Return squared differences of the image with itself shifted along six vectors, smoothed, (6, k, j, i).

    Parameters
    ----------
    image
        Values ``[k, j, i]``; NaN where not imaged.
    dilation
        Distance of the patches from the centre, voxels.
    weights
        The patch along each axis, (n,) with n odd, sum 1; it is cut at the edge of the image.
    """
    image = np.ascontiguousarray(image, dtype=np.float32)
    out = np.empty((len(VECTORS), *image.shape), np.float32)
    taps = [centred_taps(count, weights) for count in image.shape]
    for number, vector in enumerate(VECTORS * dilation):
        squared = np.empty(image.shape, np.float32)

        def piece(start: int, stop: int, vector: Int64 = vector, squared: Float32 = squared) -> None:
            _squared_differences(image, vector, squared, start, stop)

        run_chunked(piece, image.shape[0])
        for axis in range(3):
            squared = filter_axis(squared, axis, *taps[axis])
        out[number] = squared
    return out


def centred_taps(count: int, weights: Float32) -> tuple[Int64, Float32]:
    """Lay a symmetric filter about each sample for :func:`isoguide.kernels.filtering.filter_axis`.

    Parameters
    ----------
    count
        Samples along the axis; near the ends the filter is moved inwards.
    weights
        The filter, (n,) with n odd; its middle part where there are fewer samples.
    """
    size = min(len(weights), count - 1 + count % 2)
    middle = weights[(len(weights) - size) // 2 :][:size]
    first = np.clip(np.arange(count) - size // 2, 0, count - size)
    table = np.repeat(middle[None], count, axis=0) / middle.sum()
    return first, table.astype(np.float32)


def self_similarity(image: Float32, dilation: int, weights: Float32, floor_share: float) -> Words:
    """Return the packed features of every voxel.

    Parameters
    ----------
    image
        Values ``[k, j, i]``; NaN where not imaged.
    dilation
        Distance of the six patches from the centre, voxels.
    weights
        The patch along each axis, (n,) with n odd, sum 1.
    floor_share
        Differences are told in units of their local mean; where that is below this share of the mean over the
        image there is nothing but noise, and all patches are alike.

    Returns
    -------
    Words
        uint64 ``[k, j, i]``: :data:`BITS` bits of features and :data:`KNOWN`; 0 where nothing is known.
    """
    differences = patch_differences(image, dilation, weights)
    floor = _floor(differences, floor_share)
    out = np.empty(image.shape, np.uint64)
    places = PLACES * dilation

    def piece(start: int, stop: int) -> None:
        _packed(differences, (WHICH, places), LIMITS, floor, out, start, stop)

    run_chunked(piece, image.shape[0])
    return out


def _floor(differences: Float32, share: float) -> np.float32:
    known = np.isfinite(differences)
    mean = differences.sum(where=known, dtype=np.float64) / max(int(known.sum()), 1)
    return np.float32(max(share * mean, 1e-12))


def self_similarity_reference(image: Float32, dilation: int, weights: Float32, floor_share: float) -> Words:
    """Plain NumPy statement of :func:`self_similarity`."""
    differences = patch_differences_reference(image, dilation, weights)
    floor = _floor(differences, floor_share)
    channels = [_shifted(differences[n], place * dilation) for n, place in zip(WHICH, PLACES, strict=True)]
    values = np.stack(channels)
    smallest = values.min(axis=0)
    scale = np.maximum(values.mean(axis=0) - smallest, floor)
    words = np.where(np.isfinite(smallest), KNOWN, np.uint64(0))
    for channel, value in enumerate(values):
        for bit, limit in enumerate(LIMITS[::-1]):
            alike = (value - smallest < limit * scale).astype(np.uint64)
            words |= alike << np.uint64(5 * channel + bit)
    return np.where(np.isfinite(smallest), words, np.uint64(0))


def patch_differences_reference(image: Float32, dilation: int, weights: Float32) -> Float32:
    """Plain NumPy statement of :func:`patch_differences`."""
    out = []
    for vector in VECTORS * dilation:
        squared = np.square(image - _shifted(image, vector))
        for axis in range(3):
            first, table = centred_taps(image.shape[axis], weights)
            moved = np.moveaxis(squared, axis, 0)
            rows = [np.tensordot(w, moved[f : f + len(w)], axes=1) for f, w in zip(first, table, strict=True)]
            squared = np.moveaxis(np.stack(rows), 0, axis)
        out.append(squared)
    return np.stack(out).astype(np.float32)


def _shifted(values: Float32, vector: Int64) -> Float32:
    """Read at x + vector, at the edge beyond it."""
    at = [np.clip(np.arange(n) + int(d), 0, n - 1) for n, d in zip(values.shape, vector, strict=True)]
    return values[np.ix_(*at)]

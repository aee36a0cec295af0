"""Energy carried along the lines of a lattice, direction by direction: the transport of a collapsed cone.

Along one direction the energy that a channel carries relaxes towards what is released on the way: with S the
release into the channel times its decay a, and G what is carried times a, ``dG/ds = a ρ (S - G)``, and the
dose is G. Over a step with constant S and density both the new G and the mean of G are exact exponentials, so
that decays much shorter than a voxel do no harm (Ahnesjö, Med. Phys. 16 (1989) 577).

The lines of a direction are parallel, one for every voxel of a layer across the axis that it is nearest to.
A line keeps its own G, and what it leaves in a layer goes to the four voxels about it by shares, so that no
energy is lost and nothing smears along the way. Shares smear within a layer: by f (1 - f) voxels squared, f
the line's distance from the first of two voxels. What is released is gathered from sixteen voxels with
weights that are narrower than a point by as much, so that edges of fields stay as sharp as voxels let them.
"""

from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.chunks import run_chunked

Float32 = NDArray[np.float32]
Floats = NDArray[np.float64]
Path = tuple[int, float, float, float]
Rows = tuple[Float32, Float32]

LANES: Final = 4
"""Columns that one pass of the mixing adds at once; the number of columns is a multiple."""
BUNDLES: Final = 8
"""Directions across one axis are mixed in so many bundles, whatever the number of cores: each reads all
columns once, which takes longer than adding them up."""
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_SIX, _TWELVE = np.float32(6.0), np.float32(12.0)
_SIXTEENTH, _TINY = np.float32(1.0 / 16.0), np.float32(1e-12)


@njit(nogil=True, cache=True, error_model="numpy")
def _mix(columns: Float32, weights: Float32, out: Float32) -> None:
    """Add up columns (columns, k, j, i) by their weights (channels, columns) into out (channels, k, j, i)."""
    channels = weights.shape[0]
    count, slices, rows, length = columns.shape
    plane = np.empty((channels, rows, length), np.float32)
    for k in range(slices):
        for j in range(rows):
            for c in range(channels):
                row = plane[c, j]
                row[:] = _ZERO
                for b in range(0, count, 4):
                    w0, w1, w2, w3 = weights[c, b], weights[c, b + 1], weights[c, b + 2], weights[c, b + 3]
                    t0, t1 = columns[b, k, j], columns[b + 1, k, j]
                    t2, t3 = columns[b + 2, k, j], columns[b + 3, k, j]
                    for i in range(length):
                        row[i] += w0 * t0[i] + w1 * t1[i] + w2 * t2[i] + w3 * t3[i]
        _put(plane, out[:, k])


@njit(nogil=True, cache=True, error_model="numpy")
def _put(plane: Float32, out: Float32) -> None:
    """Copy (channels, rows, columns), along whichever of the last two axes lies next to each other in out."""
    channels, rows, length = plane.shape
    if out.strides[2] < out.strides[1]:
        for c in range(channels):
            for j in range(rows):
                for i in range(length):
                    out[c, j, i] = plane[c, j, i]
    else:
        for c in range(channels):
            for i in range(length):
                for j in range(rows):
                    out[c, j, i] = plane[c, j, i]


@njit(nogil=True, cache=True, error_model="numpy")
def _between(rows: Float32, at: int, share: np.float32, side: np.float32, out: Float32) -> None:
    """Interpolate between four neighbours: ``share`` of the next row, ``side`` of the next in the row."""
    here, there = rows[at], rows[at + 1]
    s00 = (_ONE - share) * (_ONE - side)
    s01 = (_ONE - share) * side
    s10, s11 = share * (_ONE - side), share * side
    for x in range(out.shape[0]):
        out[x] = s00 * here[x] + s01 * here[x + 1] + s10 * there[x] + s11 * there[x + 1]


@njit(nogil=True, cache=True, error_model="numpy")
def _sharp(share: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Return weights of four voxels in a row about a place behind the second: sum, mean and width are right.

    Linear shares less ``share (1 - share)`` of their second differences, for the smear of both ways.
    """
    first = _ONE - share
    smear = share * first
    here, there = first * (_ONE + smear + smear), share * (_ONE + smear + smear)
    return -smear * first, here - smear * share, there - smear * first, -smear * share


@njit(nogil=True, cache=True, error_model="numpy")
def _gather(plane: Float32, row: int, share: np.float32, side: np.float32, work: Rows) -> None:
    """Take a row of lines from a plane into work[1]; work[0] is two longer than a row of the plane.

    Beyond the borders of the plane it goes on as at them.
    """
    line, out = work
    rows, columns = plane.shape
    w0, w1, w2, w3 = _sharp(share)
    before, here, there, behind = (
        plane[max(row - 1, 0)],
        plane[row],
        plane[row + 1],
        plane[min(row + 2, rows - 1)],
    )
    for x in range(columns):
        line[x + 1] = w0 * before[x] + w1 * here[x] + w2 * there[x] + w3 * behind[x]
    line[0], line[columns + 1] = line[1], line[columns]
    w0, w1, w2, w3 = _sharp(side)
    for x in range(columns - 1):
        out[x] = w0 * line[x] + w1 * line[x + 1] + w2 * line[x + 2] + w3 * line[x + 3]


@njit(nogil=True, cache=True, error_model="numpy")
def _step(depth: Float32, decay: np.float32, source: Float32, carried: Float32, left: Float32) -> None:
    """Carry one channel of a row of lines through one layer of the radiological thickness ``depth``.

    1 - exp(-τ) is built from the Padé approximant at τ/16 by squaring four times, exact to 1e-6 up to τ = 4
    and without cancellation where τ is small.
    """
    for x in range(depth.shape[0]):
        tau = decay * depth[x]
        part = tau * _SIXTEENTH
        lost = _TWELVE * part / (_TWELVE + part * (_SIX + part))
        lost = lost * (_TWO - lost)
        lost = lost * (_TWO - lost)
        lost = lost * (_TWO - lost)
        lost = lost * (_TWO - lost)
        mean = (lost + _TINY) / (tau + _TINY)
        before, released = carried[x], source[x]
        left[x] += released + (before - released) * mean
        carried[x] = before + (released - before) * lost


@njit(nogil=True, cache=True, error_model="numpy")
def _leave(left: Float32, at: int, share: np.float32, side: np.float32, dose: Float32) -> None:
    """Give a row of lines back to the voxels, by the shares of :func:`_between`."""
    here, there = dose[at], dose[at + 1]
    s00 = (_ONE - share) * (_ONE - side)
    s01 = (_ONE - share) * side
    s10, s11 = share * (_ONE - side), share * side
    for x in range(left.shape[0]):
        here[x] += s00 * left[x]
        there[x] += s10 * left[x]
    for x in range(left.shape[0]):
        here[x + 1] += s01 * left[x]
        there[x + 1] += s11 * left[x]


@njit(nogil=True, cache=True, error_model="numpy")
def _carry(source: Float32, density: Float32, decay: Float32, path: Path, dose: Float32) -> None:
    """Add the dose of one direction to dose [n0, n1, n2]; source (channels, n0, n1, n2).

    ``path``: 1 or -1 for the way through the layers; how far a line moves along axes 1 and 2 in one of them,
    in voxels, at most 1; and the length of a line within a layer.
    """
    way, slope_1, slope_2, length_mm = path
    layers, rows, columns = density.shape
    channels = source.shape[0]
    first_1 = int(np.floor(min(0.0, -slope_1 * (layers - 1))))
    first_2 = int(np.floor(min(0.0, -slope_2 * (layers - 1))))
    lines_1 = rows + int(np.ceil(abs(slope_1) * (layers - 1))) + 1
    lines_2 = columns + int(np.ceil(abs(slope_2) * (layers - 1))) + 1
    carried = np.zeros((channels, lines_1, lines_2), np.float32)
    depth, released = np.empty(columns - 1, np.float32), np.empty(columns - 1, np.float32)
    left, work = np.empty(columns - 1, np.float32), np.empty(columns + 2, np.float32)
    length = np.float32(length_mm)
    for step in range(layers):
        layer = step if way > 0 else layers - 1 - step
        moved_1, moved_2 = int(np.floor(slope_1 * step)), int(np.floor(slope_2 * step))
        share, side = np.float32(slope_1 * step - moved_1), np.float32(slope_2 * step - moved_2)
        column = -moved_2 - first_2
        for row in range(rows - 1):
            _between(density[layer], row, share, side, depth)
            for x in range(columns - 1):
                depth[x] *= length
                left[x] = _ZERO
            line = row - moved_1 - first_1
            for c in range(channels):
                _gather(source[c, layer], row, share, side, (work, released))
                _step(depth, decay[c], released, carried[c, line, column : column + columns - 1], left)
            _leave(left, row, share, side, dose[layer])


def axis_and_path(direction: Floats, spacing_mm: Floats) -> tuple[int, Path]:
    """Return the axis (0 to 2 for k, j, i) whose layers a direction (i, j, k) crosses, and its path."""
    steps = (direction / spacing_mm)[::-1]
    axis = int(np.argmax(np.abs(steps)))
    others = [n for n in range(3) if n != axis]
    way = 1 if steps[axis] > 0.0 else -1
    slope_1, slope_2 = (float(steps[n] / abs(steps[axis])) for n in others)
    return axis, (way, slope_1, slope_2, float(1.0 / abs(steps[axis])))


def carry_along_cones(
    columns: Float32,
    density: Float32,
    spacing_mm: Floats,
    directions: Floats,
    weights: Float32,
    decay_per_mm: Floats,
) -> Float32:
    """Return the dose ``[k, j, i]`` of energy released per mass in ``columns`` and carried along directions.

    The outermost layer of voxels only closes the lattice: no dose is right there.

    Parameters
    ----------
    columns
        Released energy per mass, (columns, k, j, i); the number of columns is a multiple of ``LANES``.
    density
        Relative to water, ``[k, j, i]``.
    spacing_mm
        Along i, j, k, (3,).
    directions
        Unit vectors along i, j, k, (cones, 3).
    weights
        Share of a column that a channel carries along a direction, (cones, channels, columns): over all cones
        and channels they add up to 1 for a column whose energy all stays.
    decay_per_mm
        Of each channel, per mm of water, (channels,).
    """
    decay = np.asarray(decay_per_mm, np.float32)
    paths = [axis_and_path(direction, spacing_mm) for direction in directions]
    total = np.zeros(density.shape, np.float32)
    for axis in range(3):
        own = [n for n, (layers, _) in enumerate(paths) if layers == axis]
        if own:
            along = [paths[n][1] for n in own]
            total += _carry_across(axis, columns, density, (along, weights[own]), decay)
    return total


def _carry_across(
    axis: int,
    columns: Float32,
    density: Float32,
    cones: tuple[list[Path], Float32],
    decay: Float32,
) -> Float32:
    """Carry energy along the directions that cross the layers of one axis, (k, j, i) as the density."""
    paths, weights = cones
    order = (axis, *(n for n in range(3) if n != axis))
    back = np.argsort(order)
    turned = np.ascontiguousarray(density.transpose(order))
    doses = np.zeros((min(BUNDLES, len(paths)), *turned.shape), np.float32)
    bounds = [len(paths) * chunk // len(doses) for chunk in range(len(doses) + 1)]

    def work(start: int, stop: int) -> None:
        for chunk in range(start, stop):
            first, behind = bounds[chunk], bounds[chunk + 1]
            source = np.empty((behind - first, len(decay), *turned.shape), np.float32)
            flat = source.reshape(-1, *turned.shape)
            mixed = np.ascontiguousarray(weights[first:behind].reshape(len(flat), -1))
            _mix(columns, mixed, flat.transpose(0, *(back + 1)))
            for path, energy in zip(paths[first:behind], source, strict=True):
                _carry(energy, turned, decay, path, doses[chunk])

    run_chunked(work, len(doses))
    return np.asarray(doses.sum(axis=0).transpose(back))


def carry_reference(
    energy: Floats, density: Floats, spacing_mm: Floats, direction: Floats, decay_per_mm: float
) -> Floats:
    """Plain statement of what one channel does along one direction: ``energy`` per mass, ``[k, j, i]``."""
    axis, (way, slope_1, slope_2, length_mm) = axis_and_path(direction, spacing_mm)
    order = (axis, *(n for n in range(3) if n != axis))
    energy, density = energy.transpose(order), density.transpose(order)
    dose = np.zeros(energy.shape)
    carried: dict[tuple[int, int], float] = {}
    for step in range(len(energy)):
        layer = step if way > 0 else len(energy) - 1 - step
        moved = np.array([slope_1 * step, slope_2 * step])
        whole = np.floor(moved).astype(int)
        part_1, part_2 = moved - whole
        shares = np.outer([1.0 - part_1, part_1], [1.0 - part_2, part_2])
        sharp = np.outer(sharp_reference(part_1), sharp_reference(part_2))
        met = np.pad(energy[layer], 1, mode="edge")
        for row, column in np.ndindex(energy.shape[1] - 1, energy.shape[2] - 1):
            about = (layer, slice(row, row + 2), slice(column, column + 2))
            line = (row - whole[0], column - whole[1])
            tau = decay_per_mm * length_mm * (density[about] * shares).sum()
            before = carried.get(line, 0.0)
            released = float((met[row : row + 4, column : column + 4] * sharp).sum())
            carried[line] = released + (before - released) * np.exp(-tau)
            dose[about] += (released + (before - released) * -np.expm1(-tau) / tau) * shares
    return np.asarray(dose.transpose(np.argsort(order)))


def sharp_reference(share: float) -> Floats:
    """Weights (4,) of voxels at -1, 0, 1 and 2 for a place ``share`` behind 0, that make up for a smear.

    Their sum is 1, their mean is the place, and their second moment about it is that of linear shares with
    the sign turned.
    """
    smear = share * (1.0 - share)
    second = np.array([1.0, -2.0, 1.0])
    weights = np.array([0.0, 1.0 - share, share, 0.0])
    weights[:3] -= smear * (1.0 - share) * second
    weights[1:] -= smear * share * second
    return weights

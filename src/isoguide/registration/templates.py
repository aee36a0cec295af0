"""Templates: small cubes of the planning CT, chosen so that together they hold all six motions well."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.kernels.filtering import filter_axis
from isoguide.registration.pyramid import Level

Float32 = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

LEVER_MM = 50.0
"""Rotations are measured as the shift they cause this far from the centre, so that all six are in mm."""
PATCH = 5
"""Samples along the edge of a patch."""
STRIDE = 2
"""Every second node per axis may be the centre of a patch."""
RIM = 2
"""Nodes a patch stays off the border: half a filter smoothed the last, and gradients need neighbours."""
NOISE_HU = 25.0
MODEL_ERROR = 0.05
"""Share of a patch's own contrast that a daily image may get wrong: scatter, hardening, deformation."""
LEAST_CHANGE = 1e-3
"""A blur that changes less of a patch than this (share of its contrast for 1 mm² of variance) is rounding."""
CELL_MM = 24.0
"""Patches are spread over cells of this size; each further patch in a cell counts for less."""


@dataclass(frozen=True, slots=True, eq=False)
class Templates:
    """Patches of one resolution.

    ``centres_mm`` (patches, 3) planning LPS; ``offsets_mm`` (samples, 3); ``values`` (patches, samples), zero
    mean and unit length; ``derivatives`` (patches, 6, samples) per mm of (tx, ty, tz, rx, ry, rz) about
    ``centre_mm``, orthogonal to the constant, to the values and to what a little blur changes, so that
    offset, gain and another resolution of the daily image move nothing; ``information`` (patches, 6, 6)
    their products; ``cells`` (patches,) spatial groups.
    """

    spacing_mm: float
    centre_mm: Array
    centres_mm: Array
    offsets_mm: Array
    values: Float32
    derivatives: Float32
    information: Array
    cells: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.centres_mm)

    def subset(self, chosen: NDArray[np.int64] | BoolArray) -> "Templates":
        """Return the patches with these indices or where the mask is True."""
        return Templates(
            self.spacing_mm,
            self.centre_mm,
            self.centres_mm[chosen],
            self.offsets_mm,
            np.ascontiguousarray(self.values[chosen]),
            np.ascontiguousarray(self.derivatives[chosen]),
            self.information[chosen],
            self.cells[chosen],
        )


def motion_jacobian(points_mm: Array, centre_mm: Array) -> Array:
    """Return the derivative (..., 3, 6) of points by (tx, ty, tz, rx, ry, rz), in mm about ``centre_mm``."""
    lever = (np.asarray(points_mm) - centre_mm) / LEVER_MM
    jacobian = np.zeros((*lever.shape[:-1], 3, 6))
    jacobian[..., [0, 1, 2], [0, 1, 2]] = 1.0
    x, y, z = lever[..., 0], lever[..., 1], lever[..., 2]
    jacobian[..., 1, 3], jacobian[..., 2, 3] = -z, y
    jacobian[..., 0, 4], jacobian[..., 2, 4] = z, -x
    jacobian[..., 0, 5], jacobian[..., 1, 5] = -y, x
    return jacobian


def make_templates(level: Level, allowed: BoolArray, centre_mm: Array, count: int) -> Templates | None:
    """Choose and build ``count`` patches whose centres lie where ``allowed`` [k, j, i] is True.

    Returns None when the region holds no patch with contrast.
    """
    nodes = _choose(level, allowed, centre_mm, count)
    return None if len(nodes) == 0 else build_templates(level, nodes, centre_mm)


def _choose(level: Level, allowed: BoolArray, centre_mm: Array, count: int) -> NDArray[np.int64]:
    """Pick the patches, (n, 3) [k, j, i], that together say most about the least certain motions."""
    if min(level.values.shape) < PATCH + 2 * RIM:
        return np.empty((0, 3), dtype=np.int64)
    axes, tensor, variance = _local_structure(level)
    candidate = allowed[np.ix_(*axes)] & (variance > NOISE_HU**2 / 4.0)
    k, j, i = np.nonzero(candidate)
    nodes = np.stack([axes[0][k], axes[1][j], axes[2][i]], axis=1)
    if len(nodes) == 0:
        return nodes
    local = tensor[:, k, j, i].T.astype(np.float64)[:, [0, 1, 2, 1, 3, 4, 2, 4, 5]]
    jacobian = motion_jacobian(level.grid.xyz(nodes[:, ::-1].astype(np.float64)), centre_mm)
    information = np.einsum("pai,pab,pbj->pij", jacobian, local.reshape(-1, 3, 3), jacobian, optimize=True)
    information /= (NOISE_HU**2 + MODEL_ERROR * variance[k, j, i])[:, None, None]
    total = information.sum(axis=0)
    cost = np.linalg.inv(total + 1e-9 * np.trace(total) * np.eye(6))
    score = np.einsum("pij,ij->p", information, cost)
    score = score / (1.0 + _rank_in_cell(_cells(level, nodes), score))
    return nodes[np.sort(np.argsort(-score, kind="stable")[:count])]


def _local_structure(level: Level) -> tuple[list[NDArray[np.int64]], Float32, Float32]:
    """Mean gradient products and grey-value variance of every second patch.

    Returns the node indices per axis (k, j, i), the products xx, xy, xz, yy, yz, zz (6, k, j, i) per mm² in
    LPS, and the variance (k, j, i).
    """
    margin = PATCH // 2
    axes = [np.arange(margin + RIM, size - margin - RIM, STRIDE) for size in level.values.shape]
    box = np.full((1, PATCH), 1.0 / PATCH, dtype=np.float32)

    def mean(image: Float32) -> Float32:
        for axis, nodes in enumerate(axes):
            image = filter_axis(image, axis, nodes - margin, np.repeat(box, len(nodes), axis=0))
        return image

    gradient = _gradient_xyz(level)
    tensor = np.stack([mean(gradient[a] * gradient[b]) for a in range(3) for b in range(a, 3)])
    centred = level.values - level.values[margin::STRIDE, margin::STRIDE, margin::STRIDE].mean()
    variance = mean(centred * centred) - mean(centred) ** 2
    return axes, tensor, variance


def _gradient_xyz(level: Level) -> list[Float32]:
    """Central differences per mm along x, y, z (LPS), whatever the orientation of the grid."""
    spacing = level.grid.spacing_mm.astype(np.float32)
    along_index = [np.gradient(level.values, spacing[axis], axis=2 - axis) for axis in range(3)]
    return _to_lps(level, along_index)


def _to_lps(level: Level, along_index: Sequence[Float32]) -> list[Float32]:
    direction = level.grid.direction.astype(np.float32)
    if np.array_equal(direction, np.eye(3)):
        return list(along_index)
    return [
        direction[a, 0] * along_index[0] + direction[a, 1] * along_index[1] + direction[a, 2] * along_index[2]
        for a in range(3)
    ]


def _cells(level: Level, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
    cell = (nodes * level.grid.spacing_mm[::-1] // CELL_MM).astype(np.int64)
    return (cell[:, 0] * 1024 + cell[:, 1]) * 1024 + cell[:, 2]


def _rank_in_cell(cells: NDArray[np.int64], score: Array) -> NDArray[np.int64]:
    order = np.lexsort((-score, cells))
    ordered = cells[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    position = np.arange(len(cells)) - np.repeat(starts, np.diff(np.r_[starts, len(cells)]))
    rank = np.empty(len(cells), dtype=np.int64)
    rank[order] = position
    return rank


def build_templates(level: Level, nodes: NDArray[np.int64], centre_mm: Array) -> Templates:
    """Build the patches centred on nodes (n, 3) [k, j, i] that keep PATCH // 2 + 1 off every border."""
    margin = PATCH // 2
    steps = np.stack(np.meshgrid(*[np.arange(-margin, margin + 1)] * 3, indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    strides = np.array([level.values.shape[1] * level.values.shape[2], level.values.shape[2], 1])
    flat_values = level.values.reshape(-1)
    flat = np.clip(
        (nodes @ strides)[:, None] + steps @ strides, strides[0], flat_values.size - strides[0] - 1
    )
    f = flat_values[flat]
    f -= f.mean(axis=1, keepdims=True)
    # A patch without contrast has no direction: NaN makes every use of it say so.
    length = np.linalg.norm(f, axis=1, keepdims=True)
    length[length == 0.0] = np.nan
    f /= length
    spacing = level.grid.spacing_mm.astype(np.float32)
    ahead, behind = ([flat_values[flat + sign * strides[2 - a]] for a in range(3)] for sign in (1, -1))
    differences = [(ahead[a] - behind[a]) / (2.0 * spacing[a] * length) for a in range(3)]
    twice = 2.0 * flat_values[flat]
    bends = [(ahead[a] - twice + behind[a]) / (spacing[a] ** 2 * length) for a in range(3)]
    gradient = np.stack(_to_lps(level, differences), axis=1)
    centres = level.grid.xyz(nodes[:, ::-1].astype(np.float64))
    offsets = (steps[:, ::-1] * level.grid.spacing_mm) @ level.grid.direction.T
    d = _derivatives(gradient, ((centres - centre_mm)[:, None, :] + offsets).astype(np.float32) / LEVER_MM)
    d -= d.mean(axis=2, keepdims=True)
    # Scanners blur alike in the plane of a slice and otherwise along the table.
    for known in _orthonormal(f, [bends[0] + bends[1], bends[2]]):
        d -= np.matmul(d, known[:, :, None]) * known[:, None, :]
    information = np.matmul(d, d.transpose(0, 2, 1)).astype(np.float64)
    cells = _cells(level, nodes)
    return Templates(
        float(level.grid.spacing_mm.min()),
        np.asarray(centre_mm, float),
        centres,
        offsets,
        f,
        d,
        information,
        cells,
    )


def _orthonormal(f: Float32, changes: Sequence[Float32]) -> list[Float32]:
    """Span what moves no patch: the values (n, samples) and, made orthogonal, what blur does to them.

    A Gaussian of variance v changes an image by v / 2 times its second derivatives, to first order. Zero
    stands where a blur changes nothing that the gain does not.
    """
    basis = [f]
    for change in changes:
        rest = change - change.mean(axis=1, keepdims=True)
        for known in basis:
            rest -= (rest * known).sum(axis=1, keepdims=True) * known
        size = np.linalg.norm(rest, axis=1, keepdims=True)
        basis.append(np.divide(rest, size, out=np.zeros_like(rest), where=size > LEAST_CHANGE))
    return basis


def _derivatives(gradient: Float32, lever: Float32) -> Float32:
    """Differentiate samples by the motions, (n, 6, samples): the gradient, and the lever crossed with it."""
    gx, gy, gz = gradient[:, 0], gradient[:, 1], gradient[:, 2]
    x, y, z = lever[..., 0], lever[..., 1], lever[..., 2]
    return np.stack([gx, gy, gz, y * gz - z * gy, z * gx - x * gz, x * gy - y * gx], axis=1)

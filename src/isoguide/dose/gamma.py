"""Gamma index of two doses, by pymedphys (an optional extra).

Source: Low et al., Med. Phys. 25 (1998) 656; pymedphys: Biggs et al., J. Open Source Softw. 7 (2022) 4555.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.grid import ORTHOGONAL_TOLERANCE

Float32 = NDArray[np.float32]

INSTALL: Final = "pip install 'isoguide[gamma]'"
LARGEST: Final = 1.5
"""Gamma is not looked for beyond this; what would be larger has this value."""
STEPS_PER_DISTANCE: Final = 10
"""How finely the evaluated dose is searched, as its authors recommend."""


@dataclass(frozen=True, slots=True, eq=False)
class GammaResult:
    """How far two doses agree.

    Parameters
    ----------
    percent, distance_mm, threshold_percent, is_local
        What was asked: the dose difference in percent of the largest dose of the reference (of the dose at
        the point if local), the distance, and below how many percent of that largest dose nothing is
        compared.
    gamma
        Float32 ``[k, j, i]`` on the grid of the reference, at most :data:`LARGEST`; NaN where the reference
        is below the threshold.
    points
        How many voxels were compared.
    outside_points
        How many of them lie where the evaluated dose has no voxels; they count as failed.
    """

    percent: float
    distance_mm: float
    threshold_percent: float
    is_local: bool
    gamma: Float32
    points: int
    outside_points: int

    @property
    def pass_percent(self) -> float:
        """Share of the compared voxels whose gamma is at most 1."""
        return 100.0 * float((self.gamma <= 1.0).sum()) / self.points

    @property
    def mean(self) -> float:
        """Mean gamma of the compared voxels."""
        return float(np.nanmean(self.gamma))


def gamma_index(
    reference: DoseVolume,
    evaluated: DoseVolume,
    *,
    percent: float,
    distance_mm: float,
    threshold_percent: float = 10.0,
    is_local: bool = False,
) -> GammaResult:
    """Return the gamma index of a dose at every voxel of a reference.

    Parameters
    ----------
    reference, evaluated
        In one frame, with parallel axes in any order and direction; the evaluated one is interpolated. Some
        ten thousand voxels above the threshold take a minute.
    percent, distance_mm, threshold_percent, is_local
        See :class:`GammaResult`.

    Raises
    ------
    MissingEvidenceError
        If pymedphys is not installed, a criterion is not positive, or the reference holds no dose.
    MismatchError
        If the doses are in different frames.
    GeometryError
        If their axes are not parallel, or one is a single plane.
    """
    largest_gy = float(reference.dose_gy.max())
    if not (percent > 0.0 and distance_mm > 0.0 and 0.0 < threshold_percent < 100.0) or largest_gy <= 0.0:
        msg = (
            f"gamma of {percent:g} % and {distance_mm:g} mm above {threshold_percent:g} % of"
            f" {largest_gy:g} Gy is not defined; give criteria above 0, a threshold below 100 % and a"
            " reference that holds dose"
        )
        raise MissingEvidenceError(msg)
    compute = _pymedphys_gamma()
    axes, dose_gy = _along_axes_of(reference, evaluated)
    found = compute(
        _axes_mm(reference),
        reference.dose_gy.astype(np.float64),
        axes,
        dose_gy.astype(np.float64),
        percent,
        distance_mm,
        lower_percent_dose_cutoff=threshold_percent,
        interp_fraction=STEPS_PER_DISTANCE,
        max_gamma=LARGEST,
        local_gamma=is_local,
    )
    gamma = np.asarray(found, np.float32)
    is_compared = reference.dose_gy >= threshold_percent / 100.0 * reference.dose_gy.max()
    # pymedphys leaves out voxels for which the evaluated dose has nothing nearby: here they have failed.
    is_outside = is_compared & np.isnan(gamma)
    gamma = np.where(is_outside, np.float32(LARGEST), np.where(is_compared, gamma, np.float32(np.nan)))
    gamma.flags.writeable = False
    return GammaResult(
        percent=percent,
        distance_mm=distance_mm,
        threshold_percent=threshold_percent,
        is_local=is_local,
        gamma=gamma,
        points=int(is_compared.sum()),
        outside_points=int(is_outside.sum()),
    )


def _pymedphys_gamma() -> Any:
    try:
        import pymedphys
    except ImportError as error:
        msg = f"the gamma index needs pymedphys, which is not installed; install it with: {INSTALL}"
        raise MissingEvidenceError(msg) from error
    return pymedphys.gamma


def _axes_mm(dose: DoseVolume) -> tuple[Array, ...]:
    """Positions of the voxels along k, j and i of a dose's own axes."""
    return tuple(np.arange(n) * mm for n, mm in zip(dose.grid.shape, dose.grid.spacing_mm[::-1], strict=True))


def _along_axes_of(reference: DoseVolume, evaluated: DoseVolume) -> tuple[tuple[Array, ...], Float32]:
    """Return where the evaluated voxels are on the axes of the reference, and their dose along these."""
    if reference.grid.frame != evaluated.grid.frame:
        msg = (
            f"the doses are in the frames '{reference.grid.frame}' and '{evaluated.grid.frame}'; compare"
            " doses of one frame of reference"
        )
        raise MismatchError(msg)
    if min(*reference.grid.shape, *evaluated.grid.shape) < 2:
        msg = "a dose of a single plane has no thickness; compare doses of at least two planes"
        raise GeometryError(msg)
    # Row: axis of the reference, column: axis of the evaluated dose.
    cosines = reference.grid.direction.T @ evaluated.grid.direction
    signs = np.round(cosines)
    if np.abs(cosines - signs).max() > ORTHOGONAL_TOLERANCE or (np.abs(signs).sum(axis=1) != 1.0).any():
        msg = "the grids of the two doses are turned against each other; export both on parallel grids"
        raise GeometryError(msg)
    column = np.argmax(np.abs(signs), axis=1)
    sign = signs[np.arange(3), column]
    # Arrays are [k, j, i]: axis a of the one is axis 2 - a of the other.
    turned = np.transpose(evaluated.dose_gy, [2 - int(column[2 - n]) for n in range(3)])
    turned = turned[tuple(slice(None, None, int(sign[2 - n])) for n in range(3))]
    start_mm = (evaluated.grid.origin_mm - reference.grid.origin_mm) @ reference.grid.direction
    axes = []
    for axis in (2, 1, 0):
        spacing_mm = float(evaluated.grid.spacing_mm[column[axis]])
        steps = np.arange(turned.shape[2 - axis]) * spacing_mm
        axes.append(np.sort(start_mm[axis] + sign[axis] * steps))
    return tuple(axes), np.ascontiguousarray(turned)

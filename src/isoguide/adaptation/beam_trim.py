"""Small shifts and weights of beams that make up for a tilt that no gantry, collimator or leaf undoes.

A beam that passes the patient tilted out of the gantry's plane by t meets tissue that lies d before or behind
the target ``d tan t`` beside where it was planned, along the axis of the gantry. An opening can follow one
depth only. Following the middle of the target keeps the target; in front of it and behind it organs beside
the field get more or less than planned. Here each beam may follow another depth within
:data:`REACH_MM`, and its monitor units may change a little, so that the beams together come nearest to the
dose of a perfect couch at points of the target, the organs and the tissue around: linear least squares with
bounds, the target first.

Source: Stark and Parker, Comput. Stat. 10 (1995) 129 (least squares with bounds, as SciPy solves them).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import lsq_linear

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array

REACH_MM: Final = 50.0
"""An opening moves no further than tissue that lies so far before or behind the target."""
LARGEST_WEIGHT: Final = 0.1
"""By what share monitor units of a beam change at most."""
NEAR: Final = 0.003
"""How much beams are held to what they were, as a share of the curvature of all penalties."""


@dataclass(frozen=True, slots=True)
class BeamTrim:
    """What is changed of a beam that follows the middle of the target.

    Parameters
    ----------
    shift_mm
        Of the opening towards the gantry (IEC gantry y), in the plane through the isocentre.
    meterset_factor
        Of its monitor units.
    """

    shift_mm: float = 0.0
    meterset_factor: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class TrimProblem:
    """Doses of beams at points, one fraction, and what is wanted there.

    Parameters
    ----------
    wanted_gy
        With a perfect couch, (points,).
    beam_gy
        Of each beam that follows the middle of the target, (beams, points).
    gy_per_mm
        By how much that changes when the opening moves towards the gantry, (beams, points).
    tilt_deg
        Of each beam, (beams,).
    parts
        Points that count together and how much a mean square of 1 Gy² counts in them.
    """

    wanted_gy: Array
    beam_gy: Array
    gy_per_mm: Array
    tilt_deg: Array
    parts: tuple[tuple[NDArray[np.intp], float], ...]

    def __post_init__(self) -> None:
        wanted = frozen_array(self.wanted_gy, (-1,), "wanted doses")
        shape = (len(self.tilt_deg), len(wanted))
        if self.beam_gy.shape != shape or self.gy_per_mm.shape != shape:
            msg = f"doses of {shape[0]} beams at {shape[1]} points must be {shape}, not {self.beam_gy.shape}"
            raise GeometryError(msg)
        object.__setattr__(self, "wanted_gy", wanted)

    def penalty(self, dose_gy: Array) -> float:
        """Return the weighted mean square by which a dose (points,) misses what is wanted, Gy²."""
        return sum(
            importance * float(((dose_gy[rows] - self.wanted_gy[rows]) ** 2).mean())
            for rows, importance in self.parts
            if len(rows)
        )

    @property
    def reach_mm(self) -> Array:
        """How far each opening may move, (beams,)."""
        return np.asarray(REACH_MM * np.tan(np.deg2rad(self.tilt_deg)))


def find_trims(problem: TrimProblem) -> tuple[BeamTrim, ...]:
    """Find the shifts and weights of beams that come nearest to the wanted dose.

    The dose is linear in the weight w of a beam and in the product of w and its shift. Both are told in
    shares of their bounds, and a small curvature holds to zero what the dose does not care about.

    Parameters
    ----------
    problem
        Doses and wishes.

    Returns
    -------
    tuple of BeamTrim
        One for each beam; a shift within ``problem.reach_mm``, a weight within 1 ± ``LARGEST_WEIGHT``.
    """
    reach_mm = problem.reach_mm
    effects = np.concatenate([problem.beam_gy * LARGEST_WEIGHT, problem.gy_per_mm * reach_mm[:, None]])
    missing_gy = problem.wanted_gy - problem.beam_gy.sum(axis=0)
    count = len(effects)
    normal, side = np.zeros((count, count)), np.zeros(count)
    for rows, importance in problem.parts:
        if not len(rows):
            continue
        part = effects[:, rows].astype(np.float64)
        normal += importance / len(rows) * part @ part.T
        side += importance / len(rows) * part @ missing_gy[rows]
    normal[np.diag_indices(count)] += NEAR * max(float(np.trace(normal)) / count, 1e-12)
    factor = cholesky(normal, lower=False)
    found = lsq_linear(
        factor, solve_triangular(factor, side, trans="T"), bounds=(-1.0, 1.0), method="bvls"
    ).x.clip(-1.0, 1.0)
    beams = count // 2
    return _trims(1.0 + LARGEST_WEIGHT * found[:beams], found[beams:] * reach_mm, reach_mm)


def _trims(factors: Array, products_mm: Array, reach_mm: Array) -> tuple[BeamTrim, ...]:
    shifts_mm = np.clip(products_mm / factors, -reach_mm, reach_mm)
    return tuple(
        BeamTrim(round(shift, 2) + 0.0, round(factor, 4))
        for shift, factor in zip(shifts_mm.tolist(), factors.tolist(), strict=True)
    )

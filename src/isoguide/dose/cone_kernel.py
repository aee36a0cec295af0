"""A point kernel on fixed sets of cones and decays, so that all beams of a plan travel together.

Two things are the same for every beam here, and that is what makes the transport quick. The cones are fixed
to the lattice of voxels, whatever way a beam comes from: the kernel is turned to the beam when its energy is
shared among them ("tilted"). And the decays are a few fixed ones: every ``exp(-a r)`` of the kernel is shared
between the two decays next to it so that its energy and its mean distance stay what they are. Energy of many
beams that a cone carries with the same decay is carried at once, as transport is linear.

What a cone collects stays on its axis. Electrons stop within millimetres, where cones are still narrow;
scattered photons go on for decimetres, and in a small field they have to leave it, so theirs are narrower.

Sources: A. Ahnesjö, Med. Phys. 16 (1989) 577 (collapsed cones, exponential kernels); V. I. Lebedev and
D. N. Laikov, Doklady Mathematics 59 (1999) 477 (directions).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final, Self

import numpy as np
from scipy.integrate import lebedev_rule
from scipy.sparse import csr_array

from isoguide.dose.beam_data import PointKernel
from isoguide.geometry.frames import Array

ELECTRON_DEGREE: Final = 17
"""110 cones, of 11° to either side."""
PHOTON_DEGREE: Final = 35
"""434 cones, of 5.5°."""
WIDEST_STEP: Final = 1.7
"""Largest ratio between the mean distances of neighbouring channels: the mean square of a distance between
them is too large by 7 % at most, which moves an electron's energy by less than a third of a millimetre."""
_FINE: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class Cones:
    """Directions that energy is carried along, and what belongs to each.

    Parameters
    ----------
    directions
        Unit vectors, (cones, 3).
    fine
        Unit vectors all over the sphere, (f, 3), evenly about every axis.
    belongs_sr
        Solid angle that each fine direction brings to each cone, (f, cones), sparse: to the nearest one, and
        in equal parts where several are as near.
    """

    directions: Array
    fine: Array
    belongs_sr: csr_array


@cache
def cones(degree: int) -> Cones:
    """Return the cones of Lebedev's set of a degree.

    The set looks the same along every axis of the lattice and from both its ends.
    """
    directions = np.ascontiguousarray(lebedev_rule(degree)[0].T)
    fine, solid_angle = _sphere()
    cosine = fine @ directions.T
    nearest = cosine > cosine.max(axis=1, keepdims=True) - 1e-9
    belongs = nearest / nearest.sum(axis=1, keepdims=True) * solid_angle[:, None]
    return Cones(directions, fine, csr_array(belongs))


def _sphere() -> tuple[Array, Array]:
    """Return directions through the middles of squares on the faces of a cube, and their solid angles."""
    at = np.tan((np.arange(_FINE) + 0.5) / _FINE * (np.pi / 2.0) - np.pi / 4.0)
    a, b = (part.ravel() for part in np.meshgrid(at, at, indexing="ij"))
    size = (1.0 + a**2) * (1.0 + b**2) / (1.0 + a**2 + b**2) ** 1.5
    faces = []
    for axis in range(3):
        for side in (-1.0, 1.0):
            face = np.empty((len(a), 3))
            face[:, axis], face[:, (axis + 1) % 3], face[:, (axis + 2) % 3] = side, a, b
            faces.append(face / np.linalg.norm(face, axis=1, keepdims=True))
    solid_angle = np.tile(size, 6)
    return np.concatenate(faces), solid_angle * (4.0 * np.pi / solid_angle.sum())


@dataclass(frozen=True, slots=True, eq=False)
class ConeKernel:
    """What electrons or scattered photons carry of a point kernel, by channels of one decay each.

    Parameters
    ----------
    cones
        Directions that it is carried along.
    decay_per_mm
        (channels,).
    angle_deg
        To the beam, (n,).
    per_sr
        Share of the released energy per channel and solid angle, (channels, n).
    """

    cones: Cones
    decay_per_mm: Array
    angle_deg: Array
    per_sr: Array

    @classmethod
    def of_electrons(cls, point: PointKernel) -> Self:
        """Share the exponential of electrons at every angle among the channels."""
        return cls._of(ELECTRON_DEGREE, point, point.primary_per_mm_sr, point.primary_decay_per_mm)

    @classmethod
    def of_photons(cls, point: PointKernel) -> Self:
        """Share that of scattered photons."""
        return cls._of(PHOTON_DEGREE, point, point.scatter_per_mm_sr, point.scatter_decay_per_mm)

    @classmethod
    def _of(cls, degree: int, point: PointKernel, per_mm_sr: Array, decay_per_mm: Array) -> Self:
        reach_mm = 1.0 / decay_per_mm
        channels_mm = _channels_mm(reach_mm)
        per_sr = _shared(per_mm_sr * reach_mm, reach_mm, channels_mm)
        return cls(cones(degree), 1.0 / channels_mm, point.angle_deg, per_sr)

    def on_cones(self, beam: Array) -> Array:
        """Share of the energy that a beam along the unit vector ``beam`` (3,) sends into cones and channels.

        Returns
        -------
        Array
            (cones, channels).
        """
        angle_deg = np.rad2deg(np.arccos(np.clip(self.cones.fine @ beam, -1.0, 1.0)))
        energy = np.stack([np.interp(angle_deg, self.angle_deg, one) for one in self.per_sr])
        shares = np.asarray(self.cones.belongs_sr.T @ energy.T).T
        return np.asarray((shares * (self._whole / shares.sum(axis=1))[:, None]).T)

    @property
    def _whole(self) -> Array:
        """Energy of each channel over all angles, (channels,)."""
        edges = np.concatenate([[0.0], 0.5 * (self.angle_deg[1:] + self.angle_deg[:-1]), [180.0]])
        ring = -2.0 * np.pi * np.diff(np.cos(np.deg2rad(edges)))
        return np.asarray(self.per_sr @ ring)


def _channels_mm(reach_mm: Array) -> Array:
    """Return mean distances in equal ratios from the shortest to the longest, two at least."""
    low, high = float(reach_mm.min()), float(reach_mm.max())
    steps = max(1, int(np.ceil(np.log(high / low) / np.log(WIDEST_STEP))))
    return np.geomspace(low * (1.0 - 1e-9), high * (1.0 + 1e-9), steps + 1)


def _shared(energy: Array, reach_mm: Array, channels_mm: Array) -> Array:
    """Share energy (n,) that gets as far as ``reach_mm`` (n,) between two channels each: (channels, n)."""
    after = np.clip(np.searchsorted(channels_mm, reach_mm), 1, len(channels_mm) - 1)
    low, high = channels_mm[after - 1], channels_mm[after]
    upper = (reach_mm - low) / (high - low)
    shared = np.zeros((len(channels_mm), len(energy)))
    place = np.arange(len(energy))
    shared[after, place] += energy * upper
    shared[after - 1, place] += energy * (1.0 - upper)
    return shared

"""What a CT says about attenuation at other energies than its own: how much water and how much bone.

Two materials describe a patient in kV beams well: soft tissue attenuates like water of its density, and
bone like a mixture of soft tissue and cortical bone (Joseph and Spital, Journal of Computer Assisted
Tomography 2(1), 1978). Both are given as equivalent thickness per mm of path, so that
``mu(E) = water mu_water(E) + bone mu_bone(E)``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import MissingEvidenceError
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.projection.spectrum import attenuation_per_mm

Float32 = NDArray[np.float32]

CT_ENERGY_KEV: Final = 70.0
"""Effective energy of the Hounsfield scale of a planning CT at 120 kV (70 keV is the usual equivalent)."""

SOFT_TISSUE_HU: Final = 100.0
"""Up to here a voxel is soft tissue; above it holds bone mineral (muscle and organs lie below)."""


@dataclass(frozen=True, slots=True, eq=False)
class WaterAndBone:
    """Two material volumes on one grid.

    Parameters
    ----------
    grid
        Where the voxels are.
    fractions
        float32 ``[2, k, j, i]``, read-only: mm of water and mm of cortical bone per mm of path, not negative.
        Their line integrals are thicknesses in mm.
    """

    grid: Grid
    fractions: Float32


def water_and_bone(volume: Volume) -> WaterAndBone:
    """Decompose a CT into water and bone, such that its attenuation at :data:`CT_ENERGY_KEV` is kept exactly.

    Below :data:`SOFT_TISSUE_HU` there is water only, less than nothing counts as nothing; up to the value of
    cortical bone the two are mixed, and what is denser (metal) counts as compressed bone.

    Raises
    ------
    MissingEvidenceError
        If the values are not Hounsfield units.
    """
    relative = _relative_to_water(volume)
    bone_relative = _bone_relative_to_water()
    soft = np.float32(1.0 + SOFT_TISSUE_HU / 1000.0)
    fractions = np.empty((2, *volume.grid.shape), dtype=np.float32)
    water, bone = fractions
    np.subtract(relative, soft, out=bone)
    np.maximum(bone, np.float32(0.0), out=bone)
    bone *= np.float32(1.0 / (bone_relative - soft))
    # The smaller of the two lines: beyond cortical bone the whole attenuation is that of bone.
    np.minimum(bone, relative * np.float32(1.0 / bone_relative), out=bone)
    np.subtract(relative, bone * np.float32(bone_relative), out=water)
    np.maximum(water, np.float32(0.0), out=water)
    fractions.flags.writeable = False
    return WaterAndBone(volume.grid, fractions)


def attenuation_of(volume: Volume, energy_kev: float = CT_ENERGY_KEV) -> Float32:
    """Return the linear attenuation ``[k, j, i]`` per mm of a CT at one photon energy, 10 to 150 keV.

    Raises
    ------
    MissingEvidenceError
        If the values are not Hounsfield units.
    """
    water_per_mm, bone_per_mm = (
        attenuation_per_mm(material, np.array([energy_kev]))[0] for material in ("water", "bone")
    )
    if energy_kev == CT_ENERGY_KEV:
        return np.asarray(_relative_to_water(volume) * np.float32(water_per_mm), dtype=np.float32)
    water, bone = water_and_bone(volume).fractions
    return np.asarray(water * np.float32(water_per_mm) + bone * np.float32(bone_per_mm), dtype=np.float32)


def _relative_to_water(volume: Volume) -> Float32:
    if not volume.is_hounsfield:
        msg = (
            f"the image {volume.source or 'given'} has no Hounsfield units, so its attenuation is unknown; "
            "give a calibrated CT"
        )
        raise MissingEvidenceError(msg)
    relative = volume.values.astype(np.float32)
    relative *= np.float32(1e-3)
    relative += np.float32(1.0)
    np.maximum(relative, np.float32(0.0), out=relative)
    return relative


def _bone_relative_to_water() -> float:
    at_ct_kev = np.array([CT_ENERGY_KEV])
    ratio = attenuation_per_mm("bone", at_ct_kev) / attenuation_per_mm("water", at_ct_kev)
    return float(ratio[0])

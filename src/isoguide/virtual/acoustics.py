"""What tissue does to ultrasound, and a virtual patient cut into such tissues.

Attenuation: Table 4 of Diagnostics 2023, 13(5), 855 (PMC10001275); solid tissue where it has no entry takes
the 0.54 dB/cm/MHz that is usual for the average. Impedance: textbook values (Bushberg et al., The Essential
Physics of Medical Imaging, chapter on ultrasound), which give the reflectivities of Table 11.3 in Maier et
al., Medical Imaging Systems, Springer 2018 (NBK546144). Brightness (backscatter) is an assumption: relative
to liver, after the look of B-mode images.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.virtual.phantom import Phantom

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Material:
    """A tissue as sound sees it.

    Parameters
    ----------
    name
        What it is.
    impedance_mrayl
        Density times speed of sound, 10⁶ kg/(m² s).
    attenuation_db_cm_mhz
        One way, per cm and MHz.
    brightness_db
        Of its speckle, relative to liver.
    """

    name: str
    impedance_mrayl: float
    attenuation_db_cm_mhz: float
    brightness_db: float


OUTSIDE, GAS, LUNG, FAT, SOFT, LIVER, KIDNEY, PROSTATE, TUMOUR, FLUID, BONE = range(11)
MATERIALS: Final = (
    Material("outside", 0.0004, 40.0, -60.0),
    Material("gas", 0.0004, 40.0, -25.0),
    Material("lung", 0.18, 40.0, -20.0),
    Material("fat", 1.38, 0.63, 2.0),
    Material("soft tissue", 1.70, 0.54, -7.0),
    Material("liver", 1.65, 0.50, 0.0),
    Material("kidney", 1.62, 1.00, -6.0),
    Material("prostate", 1.63, 0.54, -4.0),
    Material("tumour", 1.63, 0.54, -10.0),
    Material("fluid", 1.48, 0.0022, -50.0),
    Material("bone", 7.80, 15.0, -15.0),
)
"""In the order of the numbers above. Impedance 1.63 of prostate and tumour: average of soft tissue."""
HIGHEST_HU: Final = ((GAS, -850.0), (LUNG, -300.0), (FAT, -30.0), (SOFT, 150.0))
"""Which material a voxel in the body is by its CT value; above all of them it is bone."""
ORGANS: Final = {
    "Liver": LIVER,
    "Spleen": LIVER,
    "Kidney_L": KIDNEY,
    "Kidney_R": KIDNEY,
    "Prostate": PROSTATE,
    "Bladder": FLUID,
    "A_Aorta": FLUID,
    "GTV": TUMOUR,
}
"""Organs that a CT value does not tell from muscle, in the order in which they are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class AcousticTissue:
    """A patient as sound sees him.

    Parameters
    ----------
    grid
        Where the voxels are, frame PLANNING.
    materials
        Index into :data:`MATERIALS`, uint8 ``[k, j, i]``.
    seed
        Of the scatterers: tissue with the same seed has the same speckle, day after day.

    Raises
    ------
    GeometryError
        If the array does not fit the grid or names a material that does not exist.
    """

    grid: Grid
    materials: NDArray[np.uint8]
    seed: int = 0

    def __post_init__(self) -> None:
        if self.materials.shape != self.grid.shape or self.materials.dtype != np.uint8:
            msg = (
                f"materials must be uint8 of the grid's shape {self.grid.shape}, not {self.materials.dtype} "
                f"of {self.materials.shape}"
            )
            raise GeometryError(msg)
        if self.materials.max() >= len(MATERIALS):
            msg = f"material {self.materials.max()} does not exist: there are {len(MATERIALS)}"
            raise GeometryError(msg)
        self.materials.flags.writeable = False


def acoustic_tissue(phantom: Phantom, *, seed: int = 0) -> AcousticTissue:
    """Cut a virtual patient into tissues: by CT value, and by structure where that says more.

    Raises
    ------
    GeometryError
        If the patient has no structure of type EXTERNAL, which tells the air around him from that within.
    """
    outlines = [one for one in phantom.structures if one.interpreted_type == "EXTERNAL"]
    if not outlines:
        msg = f"{phantom.name} has no structure of type EXTERNAL (the skin), so no probe can be put on it"
        raise GeometryError(msg)
    grid, values = phantom.anatomy.grid, phantom.anatomy.values
    materials = np.full(grid.shape, BONE, dtype=np.uint8)
    for material, highest in reversed(HIGHEST_HU):
        materials[values <= highest] = material
    solid = (materials == SOFT) | (materials == FAT)
    drawn = {one.name: one for one in phantom.structures if one.is_volume}
    for name, material in ORGANS.items():
        if name in drawn:
            materials[structure_mask(drawn[name], grid) & solid] = material
    materials[~structure_mask(outlines[0], grid)] = OUTSIDE
    return AcousticTissue(grid, materials, seed)

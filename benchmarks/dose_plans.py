"""Plans of two planning systems, computed anew and held against the dose that those systems exported.

Both sets are public and hold no CT, so the patient is water within the outline that was drawn: bone is
missing. Nothing was fitted to them. A generic machine stands for both, and for the Agility its leaves as the
literature describes them (transmission 0.5 %, hardly a dosimetric gap: Cosgrove et al., Br. J. Radiol. 82
(2009) 1000 for its kin, Bedford, Thomas and Smyth, J. Appl. Clin. Med. Phys. 14 (2013) 4094).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates

from isoguide.dicom.rtdose import read_dose
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import read_structure_set
from isoguide.dose.beam_data import BeamData
from isoguide.dose.compute import Placement, compute_dose
from isoguide.dose.machine import generic_6mv
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from page import table

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data"
VOXEL_MM: Final = 2.5
ABOUT_MM: Final = 10.0
"""Air around the outline."""
BUILD_UP_MM: Final = 15.0
"""Nearer to the skin nothing is compared."""


@dataclass(frozen=True)
class Exported:
    """One plan with the dose of the system that made it."""

    name: str
    plan: Path
    structures: Path
    dose: Path
    machine: BeamData


def agility(machine: BeamData) -> BeamData:
    leaves = replace(machine.collimation, leaf_gap_mm=0.2, leaf_transmission=0.005, jaw_transmission=0.005)
    return replace(machine, collimation=leaves)


def exported() -> tuple[Exported, ...]:
    brain, open_fields = DATA / "pps/tests/tests_data/BrainSRSRaystationIMRT", DATA / "dcmtk_example_rt/data"
    machine = generic_6mv()
    found = []
    if brain.is_dir():
        files = (next(brain.glob(f"{kind}*.dcm")) for kind in ("RP", "RS", "RD"))
        found.append(Exported("RayStation, brain, 13 segmented fields, Agility", *files, agility(machine)))
    if open_fields.is_dir():
        files = (open_fields / f"rt{kind}.dcm" for kind in ("plan", "struct", "dose"))
        found.append(Exported("Eclipse, phantom, 2 shaped fields, TrueBeam", *files, machine))
    return tuple(found)


def water_in(outline: Structure) -> Volume:
    low, high = outline.points_mm.min(axis=0) - ABOUT_MM, outline.points_mm.max(axis=0) + ABOUT_MM
    k, j, i = (int(n) for n in np.ceil((high - low) / VOXEL_MM)[::-1] + 1.0)
    x, y, z = (float(value) for value in low)
    grid = Grid.axial(outline.frame, (k, j, i), (VOXEL_MM,) * 3, (x, y, z))
    return Volume(grid, np.where(structure_mask(outline, grid), 0, -1000).astype(np.int16))


def compared(one: Exported) -> list[str]:
    plan, theirs = read_plan(one.plan), read_dose(one.dose)
    outline = next(
        each for each in read_structure_set(one.structures).structures if each.interpreted_type == "EXTERNAL"
    )
    patient = water_in(outline)
    body = structure_mask(outline, patient.grid)
    ours = compute_dose(plan, patient, one.machine, placement=Placement(body=body))
    index = np.stack(np.indices(theirs.grid.shape), axis=-1)[..., ::-1].astype(np.float64)
    at = np.moveaxis(ours.grid.index(theirs.grid.xyz(index)), -1, 0)[::-1]
    computed = map_coordinates(ours.dose_gy, at, order=1) * (plan.fractions_planned or 1)
    depth_mm = distance_transform_edt(body, sampling=patient.grid.spacing_mm[::-1])
    within = np.moveaxis(patient.grid.index(theirs.grid.xyz(index)), -1, 0)[::-1]
    deep = map_coordinates(depth_mm, within, order=1) > BUILD_UP_MM
    cells = [one.name]
    for share in (0.8, 0.5):
        high = deep & (theirs.dose_gy > share * theirs.dose_gy.max())
        low, middle, upper = 100.0 * (
            np.percentile(computed[high] / theirs.dose_gy[high], (10, 50, 90)) - 1.0
        )
        cells.append(f"{middle:+.1f} % ({low:+.1f} to {upper:+.1f})")
    return cells


def plans_table(plans: Sequence[Exported]) -> str:
    head = ("plan", "ours less theirs above 80 % of the maximum, median (10 to 90 % of voxels)", "above 50 %")
    return table("Plans of other systems, patient taken as water", head, [compared(one) for one in plans])


if __name__ == "__main__":
    print(plans_table(exported()))

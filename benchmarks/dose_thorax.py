"""Why the target of the real thorax plan gets more than was prescribed: leaves, couch, algorithm, one by one.

The plan (OnkoDICOM, seven sliding windows, leaves of 2.5 mm) has no dose beside it, and the doses of its
beams are shares of the prescription without a point. But it holds what the planning system made of the
leaves: for each beam the fluence that comes out of the moving leaves (a compensator of the type
TOTAL_ACTUAL). Gap, transmission and strip between leaves are fitted to its shape, with one factor for its
unit, which is not stated; a factor that is the same for all beams says that monitor units are shared out
rightly. And it holds the distance from the source to the surface, which tells what the planning system
counted to the patient. The RayStation plan states doses of its beams at points: they stand beside ours for
two sets of leaves.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pydicom
from scipy.interpolate import RegularGridInterpolator
from scipy.optimize import least_squares

from dose_plans import DATA, exported, water_in
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import read_structure_set
from isoguide.dose.beam_data import BeamData, Collimation
from isoguide.dose.compute import DoseSettings, Placement
from isoguide.dose.delivery import delivery_of
from isoguide.dose.fluence import FluencePlane, Opening, subarcs, total_fluence
from isoguide.dose.machine import generic_6mv
from isoguide.dose.result import DoseAlgorithm
from isoguide.dose.stated import check_stated
from isoguide.images.mask import structure_mask
from isoguide.workflow.dose.day import DoseOrder, planned_dose
from isoguide.workflow.dose.inputs import load_dose_input
from isoguide.workflow.dose.request import DoseRequest
from isoguide.workflow.dose.stated import mean_off_percent
from page import put_between_marks, table

FOLDER: Final = DATA / "OnkoDICOM/test/testdata/DICOM-RT-TEST"
PLAN: Final = FOLDER / "RTPLAN_Hashed.dcm"
PRESCRIBED_GY: Final = 1.8
EDGE_MM: Final = 8.0
"""So far within the jaws fluence is compared."""
HD120: Final = {"leaf_gap_mm": 0.86, "leaf_transmission": 0.0117}
"""Leaves of 2.5 mm, 6 MV: Wang et al., Med. Phys. 35 (2008) 2827, SU-GG-T-446 (its "0.86 cm" are mm)."""


@dataclass(frozen=True)
class Planned:
    """Fluence of one beam as the planning system filed it, and the openings that make it."""

    number: int
    openings: tuple[tuple[Opening, float], ...]
    points_mm: np.ndarray
    filed: np.ndarray


def planned() -> Iterator[Planned]:
    plan = read_plan(PLAN)
    for item in pydicom.dcmread(PLAN).BeamSequence:
        for one in item.get("CompensatorSequence", ()):
            if one.CompensatorType != "TOTAL_ACTUAL":
                continue
            beam = plan.beam(int(item.BeamNumber))
            rows, columns = int(one.CompensatorRows), int(one.CompensatorColumns)
            dy, dx = (float(value) for value in one.CompensatorPixelSpacing)
            left, top = (float(value) for value in one.CompensatorPosition)
            y, x = np.meshgrid(top - dy * np.arange(rows), left + dx * np.arange(columns), indexing="ij")
            jaws = np.array([(point.jaw_x_mm, point.jaw_y_mm) for point in beam.control_points], dtype=float)
            x_low, y_low = jaws[:, :, 0].min(axis=0) + EDGE_MM
            x_high, y_high = jaws[:, :, 1].max(axis=0) - EDGE_MM
            within = (x > x_low) & (x < x_high) & (y > y_low) & (y < y_high)
            filed = np.array(one.CompensatorTransmissionData, dtype=float).reshape(rows, columns)
            openings = tuple(pair for piece in subarcs(beam, step_deg=360.0) for pair in piece.openings)
            yield Planned(beam.number, openings, np.stack([y[within], x[within]], axis=1), filed[within])


def bare(machine: BeamData, numbers: np.ndarray) -> BeamData:
    """Return the machine with leaves of these numbers and nothing but geometry in its head."""
    gap_mm, through, strip_mm, sigma_mm = (float(value) for value in numbers)
    head = replace(
        machine.head, extra_focal_share=0.0, off_axis_ratio=np.ones(9), source_sigma_mm=(sigma_mm, sigma_mm)
    )
    return replace(machine, head=head, collimation=Collimation(0.0, through, gap_mm, strip_mm))


def fitted(one: Planned) -> tuple[np.ndarray, float]:
    """Return monitor units per filed unit, gap, transmission, strip, blur; and the rest, % of the highest."""
    machine, plane = generic_6mv(), FluencePlane(1.25, 250.0)

    def rest(numbers: np.ndarray) -> np.ndarray:
        fluence = total_fluence(one.openings, bare(machine, numbers[1:]), plane)
        axes = (plane.middle_mm, plane.middle_mm)
        at_points = np.asarray(RegularGridInterpolator(axes, fluence)(one.points_mm))
        return np.asarray(100.0 * (at_points / numbers[0] - one.filed))

    bounds = ([100.0, -1.0, 0.0, 0.0, 0.1], [600.0, 4.0, 0.1, 3.0, 6.0])
    found = least_squares(
        rest,
        [280.0, 0.8, 0.01, 0.8, 1.0],
        x_scale=[10.0, 0.3, 0.005, 0.3, 0.5],
        bounds=bounds,
        diff_step=[1e-2] * 5,
    )
    return found.x, float(np.std(found.fun) / one.filed.max())


def fluence_table() -> tuple[str, dict[str, float]]:
    found = [(one.number, *fitted(one)) for one in planned()]
    rows = [
        [str(number), f"{x[0]:.1f}", f"{x[1]:.2f}", f"{100.0 * x[2]:.2f}", f"{x[3]:.1f}", f"{rest:.2f}"]
        for number, x, rest in found
    ]
    gap_mm, through, strip_mm = np.median([x[1:4] for _, x, _ in found], axis=0)
    head = (
        "beam",
        "monitor units per filed unit",
        "gap, mm",
        "transmission, %",
        "strip between leaves, mm",
        "rest, % of the highest",
    )
    text = table("Leaves that make the fluence which Eclipse filed in the plan", head, rows)
    leaves = {"leaf_gap_mm": gap_mm, "leaf_transmission": through, "tongue_and_groove_mm": strip_mm}
    return text, {name: float(value) for name, value in leaves.items()}


def target_gy(order: DoseOrder, algorithm: DoseAlgorithm, leaves: dict[str, float], *, couch: bool) -> float:
    machine = order.machine
    machine = replace(machine, collimation=replace(machine.collimation, **leaves))
    body = None if couch else order.body
    asked = replace(order, machine=machine, algorithm=algorithm, body=body)
    return planned_dose(asked).placed.histograms[str(order.target_name)].mean_gy


def dose_table(from_plan: dict[str, float]) -> str:
    order = load_dose_input(DoseRequest(FOLDER, "generic-6mv", structure_names=("HEART",))).order
    cases: tuple[tuple[str, dict[str, float], bool], ...] = (
        ("generic leaves (1.6 mm, 1.5 %)", {}, False),
        ("leaves of 2.5 mm after Wang (0.86 mm, 1.17 %)", HD120, False),
        ("leaves that make the filed fluence", from_plan, False),
        ("the same, couch and cushions of the CT as well", from_plan, True),
    )
    rows = []
    for name, leaves, couch in cases:
        row = [name]
        for algorithm in DoseAlgorithm:
            mean_gy = target_gy(order, algorithm, leaves, couch=couch)
            row.append(f"{mean_gy:.3f} Gy ({100.0 * (mean_gy / PRESCRIBED_GY - 1.0):+.1f} %)")
        rows.append(row)
    head = ("computed with", *(f"{algorithm}: mean" for algorithm in DoseAlgorithm))
    return table("Target of the thorax plan in one fraction, prescribed: 1.8 Gy", head, rows)


def stated_table() -> str:
    found = next((one for one in exported() if "RayStation" in one.name), None)
    if found is None:
        return ""
    plan = read_plan(found.plan)
    drawn = read_structure_set(found.structures).structures
    outline = next(one for one in drawn if one.interpreted_type == "EXTERNAL")
    patient = water_in(outline)
    body = structure_mask(outline, patient.grid)
    rows = []
    for name, machine in (("Agility, from the literature", found.machine), ("generic", generic_6mv())):
        checks = check_stated(delivery_of(plan, patient, machine, Placement(body=body), DoseSettings()))
        off = [value for check in checks for value in check.off_percent]
        surface = max(abs(check.surface_off_mm or 0.0) for check in checks)
        rows.append(
            [
                name,
                f"{mean_off_percent(checks) or 0.0:+.1f} %",
                f"{min(off):+.1f} to {max(off):+.1f} %",
                f"{surface:.1f}",
            ]
        )
    head = ("leaves", "all beams together", "single beams", "surface: largest difference, mm")
    return table("RayStation, brain: 13 beams at the points that the plan states, in water", head, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    if not PLAN.is_file():
        print("the thorax plan is not there (../shared/data/OnkoDICOM)")
        return
    fluence, leaves = fluence_table()
    print(fluence, flush=True)
    text = "\n\n".join([fluence, dose_table(leaves), stated_table()])
    print(text)
    if asked.write:
        put_between_marks("dose thorax", text)


if __name__ == "__main__":
    main()

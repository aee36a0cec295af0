"""Corrected beams on virtual patients: what they give back of the dose, and how long they take.

Run with ``python benchmarks/adaptation.py [--site S ...] [--quick] [--write]``. Each patient of
:mod:`isoguide.virtual` is planned, displaced by known motions, and his beams follow him: doses after the
virtual couch shift are held against those of a perfect couch, which are the planned ones. Then his target
grows and shrinks, and morphing and re-weighting are held against the virtual couch shift alone and against
nothing.
``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from isoguide.adaptation.ladder import climb
from isoguide.adaptation.problem import AdaptationProblem
from isoguide.adaptation.result import Rung, RungDose, RungResult
from isoguide.dose.beam_data import BeamData
from isoguide.dose.compute import compute_dose
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.histograms import dose_volume_histograms
from isoguide.dose.machine import generic_6mv
from isoguide.geometry.frames import DAILY, FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning, rotation_iec
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan
from isoguide.virtual.phantom import Phantom, Site, build_phantom
from isoguide.virtual.treatment_plan import target_of, treatment_plan
from page import put_between_marks, table

SITES: Final[tuple[Site, ...]] = ("pelvis", "thorax", "head-neck")
SPACING_MM: Final = (2.0, 2.0, 2.5)
SHIFTS_MM: Final = ((8.0, -6.0, 5.0), (-5.0, 12.0, -7.0), (3.0, 4.0, -3.0))
TURNS_DEG: Final = ((0.0, 0.0, 3.0), (2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (2.0, -2.0, 2.0), (5.0, 0.0, 0.0))
"""Yaw, pitch, roll."""
SCALES: Final = (0.85, 1.15)
"""Of the target's diameter in axial planes."""
WORST: Final = 3
"""Organs with the largest change that a row names."""


@dataclass(frozen=True)
class Patient:
    """A planned virtual patient; doses are of one fraction."""

    site: str
    phantom: Phantom
    plan: Plan
    target: Structure
    structures: tuple[Structure, ...]
    machine: BeamData
    planned: RungDose

    @property
    def reference_gy(self) -> float:
        """What all changes are a share of: the mean dose of the target as planned."""
        return self.planned.histograms[self.target.name].mean_gy


@dataclass(frozen=True)
class Row:
    """What a rung leaves of the planned dose, in percent of the target's mean dose."""

    site: str
    displaced: str
    rung: str
    d95: float
    d2: float
    organs: dict[str, float]
    seconds: float


def planned_patient(site: Site) -> Patient:
    """Make a patient, plan him, and compute the dose."""
    phantom, machine = build_phantom(site, 0, SPACING_MM), generic_6mv()
    plan, target = treatment_plan(phantom), target_of(phantom)
    structures = tuple(
        one for one in phantom.structures if one.is_volume and one.interpreted_type != "EXTERNAL"
    )
    dose = compute_dose(plan, phantom.volume, machine)
    histograms = {one.name: one for one in dose_volume_histograms(dose, structures)}
    return Patient(site, phantom, plan, target, structures, machine, RungDose(dose, histograms, ()))


def problem_of(patient: Patient, motion: RigidTransform, scale: float = 1.0) -> AdaptationProblem:
    """Let the patient lie displaced by a motion of the room, his target grown or shrunken."""
    volume = patient.phantom.volume
    grid = volume.grid
    day = Volume(Grid(DAILY, grid.shape, grid.spacing_mm, grid.origin_mm, grid.direction), volume.values)
    planning_from_daily = RigidTransform.identity(PLANNING, DAILY)
    fixed = fixed_from_planning(patient.plan.patient_position, patient.phantom.isocentre_mm)
    return AdaptationProblem(
        plan=patient.plan,
        planned=patient.planned,
        planned_target=patient.target,
        density=day,
        structures=tuple(
            _of_day(one, scale if one.name == patient.target.name else 1.0) for one in patient.structures
        ),
        fixed_from_daily=motion @ fixed @ planning_from_daily,
        planning_from_daily=planning_from_daily,
        machine=patient.machine,
        fractions=patient.plan.fractions_planned or 1,
        prescription_gy=patient.plan.prescriptions[0].dose_gy,
    )


def _of_day(structure: Structure, scale: float) -> Structure:
    middle_mm = structure.points_mm.mean(axis=0)
    factors = np.array([scale, scale, 1.0])
    contours = tuple(
        Contour(one.kind, (one.xyz_mm - middle_mm) * factors + middle_mm) for one in structure.contours
    )
    return replace(structure, frame=DAILY, contours=contours)


def motion_of(shift_mm: Sequence[float], turn_deg: Sequence[float]) -> RigidTransform:
    """Return the displacement of a patient."""
    return RigidTransform.from_parts(FIXED, FIXED, rotation_iec(*turn_deg), np.array(shift_mm))


def displaced_rows(patient: Patient, shift_mm: Sequence[float], turn_deg: Sequence[float]) -> list[Row]:
    """Uncorrected, and after the virtual couch shift, against the planned dose (a perfect couch)."""
    words = _words(shift_mm, turn_deg)
    problem = problem_of(patient, motion_of(shift_mm, turn_deg))
    return [
        _row(patient, words, one, seconds)
        for one, seconds in _timed(problem, (Rung.UNCORRECTED, Rung.VIRTUAL_COUCH_SHIFT))
    ]


def changed_rows(patient: Patient, scale: float) -> list[Row]:
    """All rungs for a target that grew or shrank, against the planned dose in the planned target."""
    words = f"target × {scale:g}, 4 mm, 2°"
    problem = problem_of(patient, motion_of((2.0, 3.0, -2.0), (0.0, 0.0, 2.0)), scale)
    rungs = (Rung.UNCORRECTED, Rung.VIRTUAL_COUCH_SHIFT, Rung.APERTURE_MORPHING, Rung.REWEIGHTING)
    return [_row(patient, words, one, seconds) for one, seconds in _timed(problem, rungs)]


def _timed(problem: AdaptationProblem, rungs: Sequence[Rung]) -> list[tuple[RungResult, float]]:
    """Climb once, and say for each rung how long it and its dose took."""
    found: list[tuple[RungResult, float]] = []
    begun: list[tuple[float, float]] = []

    def heard(fraction: float, step: str) -> None:
        del step
        begun.append((fraction, time.perf_counter()))

    start = time.perf_counter()
    results = climb(problem, heard, rungs=rungs)
    begun = [(0.0, start), *begun, (1.0, time.perf_counter())]
    starts = {Rung.UNCORRECTED: 0.0, Rung.COUCH: 0.15, Rung.VIRTUAL_COUCH_SHIFT: 0.3}
    starts |= {Rung.APERTURE_MORPHING: 0.5, Rung.REWEIGHTING: 0.65, Rung.REPLAN: 0.95}
    order = [*starts.values(), 1.0]
    for result in results:
        first = starts[result.rung]
        until = order[order.index(first) + 1]
        inside = [at for share, at in begun if first <= share < until] or [start]
        after = [at for share, at in begun if share >= until] or [begun[-1][1]]
        found.append((result, min(after) - min(inside)))
    return found


def _row(patient: Patient, words: str, one: RungResult, seconds: float) -> Row:
    if one.effect is None:
        return Row(patient.site, words, f"{one.rung}: {'; '.join(one.reasons)}", np.nan, np.nan, {}, seconds)
    before, now = patient.planned.histograms, one.effect.histograms
    target = patient.target.name

    def percent(new: float, old: float) -> float:
        return 100.0 * (new - old) / patient.reference_gy

    organs = {
        name: percent(now[name].mean_gy, before[name].mean_gy) for name in now if not _is_target(before[name])
    }
    d95, d2 = (
        percent(now[target].dose_at_volume_gy(at), before[target].dose_at_volume_gy(at)) for at in (95.0, 2.0)
    )
    row = Row(patient.site, words, str(one.rung), d95, d2, organs, seconds)
    print(rows_table("so far", [row]).splitlines()[-1], file=sys.stderr, flush=True)
    return row


def _is_target(histogram: DoseVolumeHistogram) -> bool:
    return histogram.is_target


def _words(shift_mm: Sequence[float], turn_deg: Sequence[float]) -> str:
    length = float(np.linalg.norm(shift_mm))
    parts = [f"{length:.0f} mm"] if length else []
    named = zip(("yaw", "pitch", "roll"), turn_deg, strict=True)
    parts += [f"{name} {angle:g}°" for name, angle in named if angle]
    return ", ".join(parts)


def rows_table(title: str, rows: Sequence[Row]) -> str:
    """Write rows as a table: changes in percent of the target's mean dose."""
    head = ("patient", "displaced", "rung", "D95", "D2", "organs, mean dose: largest changes", "s")
    return table(
        title,
        head,
        [
            (
                one.site,
                one.displaced,
                one.rung,
                _signed(one.d95),
                _signed(one.d2),
                ", ".join(
                    f"{name} {_signed(value)}"
                    for name, value in sorted(one.organs.items(), key=lambda pair: -abs(pair[1]))[:WORST]
                ),
                f"{one.seconds:.1f}",
            )
            for one in rows
        ],
    )


def _signed(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:+.1f} %"


def worst_table(rows: Sequence[Row]) -> str:
    """Hold the worst figures against the numbers to reach."""
    shifted = [one for one in rows if one.rung == str(Rung.VIRTUAL_COUCH_SHIFT)]
    groups = (
        ("shifts", [one for one in shifted if "°" not in one.displaced], 1.0),
        ("turns", [one for one in shifted if "°" in one.displaced], 2.0),
    )
    lines = []
    for name, group, limit in groups:
        if not group:
            continue
        d95 = max(abs(one.d95) for one in group)
        organ = max((abs(value), key, one) for one in group for key, value in one.organs.items())
        lines.append((f"D95 of the target, {name}", f"≤ {limit:g} %", f"{d95:.1f} %"))
        words = f"{organ[0]:.1f} % ({organ[1]}, {organ[2].site}, {organ[2].displaced})"
        lines.append((f"organs, mean dose, {name}", f"≤ {limit:g} %", words))
    return table("Against the numbers to reach", ("virtual couch shift", "to reach", "worst"), lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", action="append", choices=SITES)
    parser.add_argument("--quick", action="store_true", help="one shift, one turn, one scale each")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    said = parser.parse_args()
    last = 1 if said.quick else None
    displaced: list[Row] = []
    changed: list[Row] = []
    for site in cast("list[Site]", said.site or list(SITES)):
        patient = planned_patient(site)
        climb(problem_of(patient, motion_of((1.0, 0.0, 0.0), (0.0, 0.0, 0.0))), rungs=(Rung.UNCORRECTED,))
        for shift_mm in SHIFTS_MM[:last]:
            displaced += displaced_rows(patient, shift_mm, (0.0, 0.0, 0.0))
        for turn_deg in TURNS_DEG[:last]:
            displaced += displaced_rows(patient, (0.0, 0.0, 0.0), turn_deg)
        for scale in SCALES[:last]:
            changed += changed_rows(patient, scale)
    text = "\n\n".join(
        [
            worst_table(displaced),
            rows_table("Displaced patients", displaced),
            rows_table("Targets that grew or shrank", changed),
        ]
    )
    print(text)
    if said.write:
        put_between_marks("adaptation", text)


if __name__ == "__main__":
    main()

"""Why rotations fall short: what is left beam by beam, and what would be gone with a turned couch.

Run with ``python benchmarks/adaptation_tilt.py [--write]``. The virtual head and neck patient is yawed by 5°.
Each of his seven beams follows the target as far as gantry, collimator and leaves can; beside it stand the
couch turned by 5° (the bound), beams that get other monitor units alone, and openings that make up for the
tilt. ``--write`` puts the tables into docs/benchmarks.md.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from adaptation import Patient, motion_of, planned_patient, problem_of
from isoguide.adaptation.beam_trim import BeamTrim, find_trims
from isoguide.adaptation.field_shape import target_outline_mm
from isoguide.adaptation.ladder import OUTLINE_MM, PencilBeamDoses
from isoguide.adaptation.problem import AdaptationProblem, Stand
from isoguide.adaptation.segment_sample import Sample, sampled
from isoguide.adaptation.tilt import TARGET_IMPORTANCE, known_doses, trim_tilted
from isoguide.adaptation.virtual_couch_shift import CorrectedBeams, shift_beams
from isoguide.geometry.frames import FIXED, Array, Points
from isoguide.geometry.transforms import RigidTransform
from isoguide.plan import Plan
from isoguide.progress import silent
from isoguide.units import wrap_deg
from page import put_between_marks, table

YAW_DEG: Final = 5.0
ORGANS: Final = ("Parotid_L", "Parotid_R", "Brainstem", "SpinalCord")


@dataclass(frozen=True, eq=False)
class Yawed:
    """The displaced patient and points of his structures."""

    patient: Patient
    problem: AdaptationProblem
    points_mm: Array
    sample: Sample

    def shifted(self, trims: Mapping[int, BeamTrim]) -> CorrectedBeams:
        """Let the beams follow the target."""
        problem, stand = self.problem, self.stand
        outline_mm = target_outline_mm(problem.planned_target, OUTLINE_MM)
        return shift_beams(
            problem.plan,
            stand.fixed_after_from_before,
            Points(FIXED, problem.fixed_from_planning.apply(outline_mm)),
            problem.machine,
            isocentre_mm=stand.isocentre_mm,
            turn_couch_deg=stand.turn_couch_deg,
            trims=trims,
        )

    @property
    def stand(self) -> Stand:
        """How he lies, the couch left where it is."""
        return Stand.after(self.problem, self.problem.couch_correction())

    def gy(self, plan: Plan, placed: RigidTransform) -> dict[int, Array]:
        """Return the dose of each beam at the points, (points,)."""
        known = PencilBeamDoses(self.problem).segments(plan, placed, self.points_mm, silent)
        found: dict[int, Array] = {}
        for key, mu, one in zip(known.segments, known.meterset_mu, known.gy_per_mu, strict=True):
            found[key.beam_number] = found.get(key.beam_number, 0.0) + mu * one.astype(np.float64)
        return found

    def rows(self, name: str) -> NDArray[np.intp]:
        """Return the points of a structure."""
        return next(one.rows for one in self.sample.structures if one.name == name)

    def percent(self, gy: Array) -> float:
        """Return the mean of a dose in percent of the target's mean dose as planned."""
        return 100.0 * float(gy.mean()) / self.patient.reference_gy


def yawed() -> Yawed:
    patient = planned_patient("head-neck")
    problem = problem_of(patient, motion_of((0.0, 0.0, 0.0), (YAW_DEG, 0.0, 0.0)))
    return Yawed(patient, problem, *sampled(problem))


def tables(of: Yawed) -> str:
    """Compute all and write both tables."""
    plain, placed = of.shifted({}), of.stand.fixed_from_daily
    perfect = of.problem.fixed_from_planning @ of.problem.planning_from_daily
    segments = PencilBeamDoses(of.problem).segments
    trimmed = trim_tilted(of.problem, placed, plain, of.shifted, segments, silent)
    if plain.plan is None or trimmed.plan is None:
        raise SystemExit(f"no beams to show: {plain.reasons} {trimmed.reasons}")
    wanted = of.gy(of.problem.plan, perfect)
    follows, trims = of.gy(plain.plan, placed), of.gy(trimmed.plan, placed)
    rows = {
        "as the patient lies": total(of.gy(of.problem.plan, of.problem.fixed_from_daily)),
        "virtual couch shift, openings follow the target alone": total(follows),
        "the same, monitor units of beams alone within ± 10 %": weights_alone(of, plain),
        "the same, openings and monitor units (as it is)": total(trims),
        "bound: the couch turned by 5° for every beam": total(
            of.gy(turned(of.problem.plan), of.problem.fixed_from_daily)
        ),
    }
    beams = beam_rows(of, (plain.plan, trimmed.plan), plain.tilt_deg, (wanted, follows, trims))
    head = ("beam", "gantry", "collimator turns", "tilt left", "opening moves", "monitor units",
            "Parotid_L: planned, followed, trimmed", "Parotid_R")  # fmt: skip
    return "\n\n".join(
        [
            table("Head and neck, yaw 5°: beam by beam, mean dose in percent of the target's", head, beams),
            effect_table(of, total(wanted), rows),
        ]
    )


def total(of_beams: Mapping[int, Array]) -> Array:
    return np.asarray(np.sum(list(of_beams.values()), axis=0))


def turned(plan: Plan) -> Plan:
    """Turn the couch back under every beam."""
    beams = []
    for beam in plan.beams:
        points = tuple(
            replace(one, couch_deg=(one.couch_deg - YAW_DEG) % 360.0) for one in beam.control_points
        )
        beams.append(replace(beam, control_points=points) if beam.is_treatment else beam)
    return replace(plan, beams=tuple(beams))


def weights_alone(of: Yawed, plain: CorrectedBeams) -> Array:
    """Return the dose with the best monitor units of beams whose openings stay."""
    segments = PencilBeamDoses(of.problem).segments
    known = known_doses(of.problem, plain, of.shifted, segments, of.stand.fixed_from_daily, silent)
    if isinstance(known, str):
        raise SystemExit(known)
    asked = known.with_importance(TARGET_IMPORTANCE[0])
    trims = find_trims(replace(asked, tilt_deg=np.zeros_like(asked.tilt_deg)))
    return np.array([one.meterset_factor for one in trims]) @ asked.beam_gy


def beam_rows(
    of: Yawed,
    plans: tuple[Plan, Plan],
    tilt_deg: Mapping[int, float],
    doses: Sequence[Mapping[int, Array]],
) -> list[tuple[str, ...]]:
    rows = []
    treated = [
        pair for pair in zip(of.problem.plan.beams, *(one.beams for one in plans), strict=True)
        if pair[0].is_treatment
    ]  # fmt: skip
    for before, follows, trimmed in treated:
        one, two, three = (beam.control_points[0] for beam in (before, follows, trimmed))
        moved = np.array(three.jaw_y_mm) - np.array(two.jaw_y_mm)
        aside = np.array(three.jaw_x_mm) - np.array(two.jaw_x_mm)
        turn = np.deg2rad(three.collimator_deg)
        towards = float(np.sin(turn) * aside.mean() + np.cos(turn) * moved.mean())
        told = [
            ", ".join(f"{of.percent(dose[before.number][of.rows(name)]):.1f}" for dose in doses)
            for name in ORGANS[:2]
        ]
        changed = 100.0 * ((trimmed.meterset_mu or 0.0) / (follows.meterset_mu or 1.0) - 1.0)
        rows.append(
            (
                str(before.number),
                f"{one.gantry_deg:g}°",
                f"{wrap_deg(two.collimator_deg - one.collimator_deg):+.1f}°",
                f"{tilt_deg[before.number]:.1f}°",
                f"{towards:+.1f} mm",
                f"{changed:+.1f} %",
                *told,
            )
        )
    return rows


def effect_table(of: Yawed, wanted: Array, rows: Mapping[str, Array]) -> str:
    head = ("beams", "D95", *(f"{name}, mean" for name in ORGANS), "Parotid_L of its own dose",
            "parotids, RMS", "tissue within 25 mm, RMS")  # fmt: skip
    target, left = of.rows(of.patient.target.name), of.rows("Parotid_L")
    both = np.concatenate([of.rows(name) for name in ORGANS[:2]])
    lines = []
    for name, gy in rows.items():
        off = gy - wanted
        d95 = np.percentile(gy[target], 5.0) - np.percentile(wanted[target], 5.0)
        lines.append(
            (
                name,
                f"{of.percent(np.array(d95)):+.1f} %",
                *(f"{of.percent(off[of.rows(organ)]):+.1f} %" for organ in ORGANS),
                f"{100.0 * off[left].mean() / wanted[left].mean():+.0f} %",
                *(
                    f"{100.0 * rms(off[at]) / of.patient.reference_gy:.1f} %"
                    for at in (both, of.sample.around)
                ),
            )
        )
    return table("The same patient against a perfect couch, percent of the target's mean dose", head, lines)


def rms(values: Array) -> float:
    return float(np.sqrt((values**2).mean()))


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    asked = parser.parse_args()
    text = tables(yawed())
    print(text)
    if asked.write:
        put_between_marks("tilt", text)


if __name__ == "__main__":
    main()

"""What a planning export says of the treatment: whose, by which beams, on what, and what it leaves open."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import Accessory, PatientKey, PlannedBeam
from isoguide.dicom import PatientIdentity, PlanningSet, StructureSet
from isoguide.dicom.identity import compare_patients
from isoguide.errors import GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import Array
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.images.structure import Structure
from isoguide.plan import SAME_ISOCENTRE_MM, Beam, PatientSetup, Plan, group_isocentres
from isoguide.workflow.inputs import point_text
from isoguide.workflow.target import choose_target

APPROVED: Final = "APPROVED"
TUMOUR_TYPES: Final = ("GTV", "CTV")
"""What is followed through a breath: margins around it do not move."""


@dataclass(frozen=True, slots=True, eq=False)
class PlannedCourse:
    """A planning export whose parts are all there, for one isocentre (3,), planning LPS."""

    planning: PlanningSet
    plan: Plan
    plan_path: Path
    structures: StructureSet
    isocentre_mm: Array
    beams: tuple[Beam, ...]
    planned_beams: tuple[PlannedBeam, ...]
    machine: str
    target: Structure

    @classmethod
    def of(
        cls, planning: PlanningSet, folder: Path | str, beam: int | None, target: str | None
    ) -> "PlannedCourse":
        """Find isocentre, treatment beams and target.

        Raises
        ------
        MissingEvidenceError
            If plan, structures, isocentre, treatment beams, their meterset or the target are missing.
        MismatchError
            If the treatment beams are for several machines.
        AmbiguityError
            If the plan has several isocentres and no beam was chosen.
        GeometryError
            If the isocentre lies outside the planning CT.
        """
        plan, structures = planning.plan, planning.structure_set
        if plan is None or planning.plan_path is None or structures is None:
            what = "an RT Plan" if plan is None else "an RT Structure Set"
            msg = f"{folder} holds no {what.partition(' ')[2]}: a course needs {what}, export it too"
            raise MissingEvidenceError(msg)
        isocentre_mm = _isocentre(plan, beam)
        if not planning.image.volume.grid.contains(isocentre_mm):
            where = point_text(isocentre_mm)
            msg = f"the isocentre {where} of plan '{plan.label}' lies outside the {planning.image.label}"
            raise GeometryError(msg + ": give the CT that was planned on")
        beams = _beams_at(plan, isocentre_mm)
        machine = _machine(plan, beams)
        return cls(
            planning,
            plan,
            planning.plan_path,
            structures,
            isocentre_mm,
            beams,
            tuple(
                PlannedBeam(one.number, one.name, meterset_mu)
                for one in beams
                if (meterset_mu := one.meterset_mu) is not None
            ),
            machine,
            _target(structures, target, isocentre_mm),
        )

    @property
    def dose_per_fraction_gy(self) -> float | None:
        """What the target gets in a fraction; None where the plan does not say it of this target."""
        fractions = self.plan.fractions_planned
        of_target = {
            one.dose_gy for one in self.plan.prescriptions if one.structure_number == self.target.number
        }
        doses = of_target or {one.dose_gy for one in self.plan.prescriptions if one.structure_number is None}
        return doses.pop() / fractions if fractions and len(doses) == 1 else None

    @property
    def setups(self) -> tuple[PatientSetup, ...]:
        """The patient set-ups that the treatment beams refer to."""
        used = {beam.patient_setup_number for beam in self.beams}
        return tuple(one for one in self.plan.setups if one.number in used or used == {None})

    @property
    def accessories(self) -> tuple[Accessory, ...]:
        """What the set-ups say holds the patient and what he lies on, each once."""
        devices = (device for setup in self.setups for device in setup.fixation)
        return tuple(dict.fromkeys(Accessory(one.kind, one.label, one.position) for one in devices))

    @property
    def couch(self) -> TableTopPose | None:
        """Where the plan wants the couch as the first beam begins; None where it leaves that open."""
        first = self.beams[0].control_points[0]
        if first.table_top_mm is None:
            return None
        lateral_mm, longitudinal_mm, vertical_mm = first.table_top_mm.tolist()
        return TableTopPose(
            lateral_mm,
            longitudinal_mm,
            vertical_mm,
            first.table_pitch_deg,
            first.table_roll_deg,
            first.couch_deg,
        )

    @property
    def tumour(self) -> Structure:
        """What moves with breathing: a GTV, else a CTV, within the target; else the target."""
        low, high = self.target.points_mm.min(axis=0), self.target.points_mm.max(axis=0)
        within = [one for one in self.structures.structures if one.is_volume and _lies_within(one, low, high)]
        for kind in TUMOUR_TYPES:
            found = choose_target([one for one in within if _is_a(one, kind)], (low + high) / 2.0)
            if found is not None:
                return found
        return self.target

    def warnings(self) -> Iterator[str]:
        """Tell what somebody should know before the first fraction."""
        if self.plan.approval_status != APPROVED:
            status = self.plan.approval_status or "of no stated approval"
            yield f"plan '{self.plan.label}' is {status}, not {APPROVED}"
        for beam in self.plan.beams:
            if beam.is_treatment and beam.meterset_mu is None:
                yield f"beam {beam.number} '{beam.name}' has no meterset and is taken for a set-up field"
        if self.dose_per_fraction_gy is None:
            yield f"plan '{self.plan.label}' does not say what '{self.target.name}' gets in a fraction"
        if not self.accessories:
            yield f"plan '{self.plan.label}' names no device that holds the patient: nothing can be compared"


def one_patient(
    identities: Iterable[tuple[PatientIdentity, Path]],
) -> tuple[PatientKey, tuple[str, ...]]:
    """Return whose everything is, and what remains doubtful about names.

    Parameters
    ----------
    identities
        What each file says, and the file.

    Raises
    ------
    MissingEvidenceError
        If a file lacks one of the two identifiers.
    MismatchError
        If two files belong to different patients.
    """
    found = list(identities)
    for identity, path in found:
        for what, value in (("patient ID", identity.patient_id), ("birth date", identity.birth_date)):
            if not value.strip():
                msg = f"{path} states no {what}, and two identifiers are needed: export the patient with both"
                raise MissingEvidenceError(msg)
    first, first_path = found[0]
    warnings: dict[str, None] = {}
    for identity, path in found[1:]:
        if identity != first:
            warnings |= dict.fromkeys(compare_patients(first, str(first_path), identity, str(path))[:1])
    key = PatientKey(first.patient_id, first.birth_date, first.name, first.issuer)
    return key, tuple(warnings)[:1]


def _isocentre(plan: Plan, beam: int | None) -> Array:
    asked = [one for one in plan.beams if one.is_treatment] if beam is None else [plan.beam(beam)]
    if not group_isocentres(asked):
        which = "any treatment beam" if beam is None else f"beam {beam}"
        msg = f"plan '{plan.label}' has no isocentre for {which}: export it with one, it is never typed"
        raise MissingEvidenceError(msg)
    return plan.isocentre_mm(beam)


def _beams_at(plan: Plan, isocentre_mm: Array) -> tuple[Beam, ...]:
    """Treatment beams with this isocentre.

    Some systems call their set-up fields TREATMENT and give them no meterset, which is how they are told.
    """
    there = [one for one in plan.beams if one.is_treatment and _is_at(one, isocentre_mm)]
    if not there:
        where = point_text(isocentre_mm)
        msg = f"no treatment beam of plan '{plan.label}' has the isocentre {where}: choose one with --beam N"
        raise MissingEvidenceError(msg)
    treating = tuple(one for one in there if one.meterset_mu is not None)
    if not treating:
        msg = (
            f"no beam of plan '{plan.label}' has a meterset, so that nobody could tell whether it was "
            "delivered: export the calculated plan"
        )
        raise MissingEvidenceError(msg)
    return treating


def _is_at(beam: Beam, isocentre_mm: Array) -> bool:
    own_mm = beam.isocentre_mm
    return own_mm is not None and bool(np.linalg.norm(own_mm - isocentre_mm) <= SAME_ISOCENTRE_MM)


def _machine(plan: Plan, beams: tuple[Beam, ...]) -> str:
    names = sorted({beam.machine for beam in beams})
    if len(names) > 1:
        several = ", ".join(names)
        msg = f"the beams of plan '{plan.label}' are for several machines ({several}): split it"
        raise MismatchError(msg)
    return names[0]


def _target(structures: StructureSet, name: str | None, isocentre_mm: Array) -> Structure:
    if name is not None:
        chosen = structures.structure(name)
        if not chosen.is_volume:
            msg = (
                f"structure '{chosen.name}' of {structures.path} encloses no volume: choose another --target"
            )
            raise GeometryError(msg)
        return chosen
    found = choose_target(structures.structures, isocentre_mm)
    if found is None:
        msg = (
            f"{structures.path} has no PTV, CTV or GTV: name the structure that is treated with --target NAME"
        )
        raise MissingEvidenceError(msg)
    return found


def _is_a(structure: Structure, kind: str) -> bool:
    stated = structure.interpreted_type.upper()
    return stated == kind if stated else structure.name.upper().startswith(kind)


def _lies_within(structure: Structure, low_mm: Array, high_mm: Array) -> bool:
    middle_mm = (structure.points_mm.min(axis=0) + structure.points_mm.max(axis=0)) / 2.0
    return bool(((middle_mm >= low_mm) & (middle_mm <= high_mm)).all())

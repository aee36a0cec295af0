"""A built-in patient from simulation to the last fraction: the files a clinic would have, and the truth."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from isoguide.dicom import PatientIdentity
from isoguide.errors import MissingEvidenceError
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.projection.rtk import INSTALL, prepare_rtk
from isoguide.treatment.ports import DayImage
from isoguide.virtual import Breathing, breathing_phases, moved_anatomy
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow.course import Course, seconds_between
from isoguide.workflow.course_json import correction_record
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.scenario import (
    BreathingSection,
    ExpectSection,
    ImagingSection,
    PatientSection,
    PlanSection,
    RoomSection,
    Scenario,
    SetUpSection,
    Site,
)
from isoguide.workflow.simulate import VirtualPatient, simulate, virtual_patient
from isoguide.workflow.simulation_session import (
    SimulationSession,
    write_daily_export,
    write_simulation_session,
)
from isoguide.workflow.write_course import COURSE_NAMES, write_course

PLANNING, DAILY, TRUTH = "planning", "daily", "truth.json"
DEMO_NAMES: Final = (PLANNING, DAILY, TRUTH, *COURSE_NAMES)
BREATHING_SITES: Final = ("lung", "liver")
PHASES: Final = 10
ROTATION_DEG: Final = (0.5, 0.5, 0.5)
"""Standard deviations: with larger ones some days would need a person, for the couch tilts by 3° at most."""
ABOUT: Final = (
    "A patient made from nothing but a seed was scanned, planned, and each day set up, imaged, aligned, "
    "moved and treated on a machine that exists only in software, by the code that would treat a real one."
)
NO_RECONSTRUCTION: Final = (
    f"All images are of the image-domain model, because the toolkit for reconstruction is absent: {INSTALL}."
)


def demonstrate(
    target: Path,
    *,
    site: Site = "prostate",
    fractions: int = 5,
    seed: int = 0,
    overwrite: bool = False,
    progress: Progress = silent,
) -> Course:
    """Treat a built-in patient and write everything into a folder, all at once or not at all.

    ``planning`` gets the simulation session as DICOM (planning CT, structures, plan; the 4DCT of a patient
    who breathes), ``daily/fraction-1`` ... the images that ``isoguide align`` reads, ``truth.json`` what is
    true of them; report and document as :func:`isoguide.workflow.write_course.simulate_into`.

    Parameters
    ----------
    target
        The folder.
    site, fractions, seed
        Where the tumour is, how many days, and which patient and course.
    overwrite
        Replace an earlier demonstration.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If the number of fractions cannot be.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    with published_folder(target, DEMO_NAMES, overwrite=overwrite) as folder:
        progress(0.0, "Loading the reconstruction")
        scenario = demo_scenario(site, fractions, seed)
        patient = virtual_patient(scenario, part_of(progress, 0.0, 0.1))
        identity = PatientIdentity(
            patient_id=f"VIRTUAL-{site.upper()}-{seed}",
            name=f"Virtual^{site.capitalize()}",
            birth_date="19560229",
            sex="O",
        )
        session = _simulation(folder / PLANNING, patient, identity, scenario, part_of(progress, 0.1, 0.25))
        diary = _Diary(folder / DAILY, identity, session, patient)
        course = simulate(
            _as_planned(scenario, session),
            patient=replace(patient, plan=session.plan),
            keep=diary.keep,
            progress=part_of(progress, 0.25, 0.95),
        )
        progress(0.95, "Writing the report")
        (folder / TRUTH).write_text(json.dumps(diary.truth(course), indent=2) + "\n", encoding="utf-8")
        write_course(course, folder)
    return course


def demo_scenario(site: Site, fractions: int, seed: int) -> Scenario:
    """Return what the demonstration does, as a scenario: days without a change of shape, and breathing.

    The first day is imaged by physics where the toolkit for reconstruction is installed.
    """
    is_physical = can_reconstruct()
    return Scenario(
        title=f"Virtual treatment: {site}",
        about=ABOUT if is_physical else f"{ABOUT} {NO_RECONSTRUCTION}",
        seed=seed,
        fractions=fractions,
        patient=PatientSection(site=site),
        set_up=SetUpSection(systematic_deg=ROTATION_DEG, random_deg=ROTATION_DEG),
        breathing=BreathingSection() if site in BREATHING_SITES else None,
        room=RoomSection(imaging=ImagingSection(first_fraction="physical" if is_physical else None)),
        expect=(ExpectSection(),),
    )


def can_reconstruct() -> bool:
    """Say whether cone-beam CTs can be made by physics here."""
    try:
        prepare_rtk()
    except MissingEvidenceError:
        return False
    return True


def _simulation(
    folder: Path, patient: VirtualPatient, identity: PatientIdentity, scenario: Scenario, progress: Progress
) -> SimulationSession:
    progress(0.0, "Scanning and planning the patient")
    phantom = patient.phantom
    phases: tuple[Volume, ...] = ()
    if scenario.breathing is not None:
        cycle = breathing_phases(phantom, Breathing(**scenario.breathing.model_dump()), PHASES)
        phases = tuple(moved_anatomy(phantom, phase) for phase in cycle)
    return write_simulation_session(
        folder, phantom, patient=identity, seed=patient.name, phases=phases, progress=progress
    )


def _as_planned(scenario: Scenario, session: SimulationSession) -> Scenario:
    """Put what the plan gives into the scenario, so that the report says it."""
    plan = session.plan
    meterset_mu = sum(beam.meterset_mu or 0.0 for beam in plan.beams if beam.is_treatment)
    dose_gy = plan.prescriptions[0].dose_gy / (plan.fractions_planned or 1)
    said = PlanSection(meterset_mu=meterset_mu, dose_gy=dose_gy)
    return scenario.model_copy(update={"plan": said})


@dataclass(eq=False)
class _Diary:
    """Writes the images of each day, and remembers where the patient lay in them."""

    folder: Path
    identity: PatientIdentity
    session: SimulationSession
    patient: VirtualPatient
    _days: dict[int, dict[str, Any]] = field(default_factory=dict)

    def keep(self, number: int, images: tuple[DayImage, ...], room: VirtualRoom) -> None:
        """Write the first image of a fraction."""
        if not images:
            return
        image, name = images[0], f"fraction-{number}"
        write_daily_export(
            self.folder / name,
            image.volume,
            image.machine_isocentre_mm,
            patient=self.identity,
            seed=self.patient.name,
            fraction=number,
            acquired_at=image.acquired_at,
        )
        middle = image.started_at + (image.acquired_at - image.started_at) / 2
        placed = room.planning_from_daily(seconds_between(room.clock.at(0.0), middle))
        self._days[number] = {
            "folder": f"{DAILY}/{name}",
            "imaging_model": image.model,
            "planning_from_daily": placed.matrix.tolist(),
        }

    def truth(self, course: Course) -> dict[str, Any]:
        """Return the truth about the images; corrections are named as in the document of the course."""
        fractions = []
        for number, day in self._days.items():
            at_set_up = course.fractions[number - 1].set_up
            corrections = {
                "set_up_correction": correction_record(at_set_up.set_up).model_dump(),
                "needed_correction": correction_record(at_set_up.needed).model_dump(),
            }
            fractions.append(day | corrections)
        return {"fractions": fractions}

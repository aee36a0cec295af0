"""A built-in patient from simulation to the last fraction: the files a clinic would have, and the truth."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from isoguide.course import CourseHistory
from isoguide.dicom import PatientIdentity
from isoguide.errors import InputError, MissingEvidenceError
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.projection.rtk import INSTALL, prepare_rtk
from isoguide.review.anatomy_trends import AnatomyTrend
from isoguide.review.dose_trends import DoseTrend
from isoguide.review.simulated import KnownErrors, WhereTreated, simulate_population
from isoguide.treatment.ports import DayImage
from isoguide.virtual import Breathing, breathing_phases, moved_anatomy
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.treatment_plan import settings_for
from isoguide.virtual.ultrasound_reference import simulation_ultrasound
from isoguide.workflow.clinic.sign_in_file import SIGN_IN, let_sign_in
from isoguide.workflow.clinic.station_file import ROOM_FILE, StationFile, write_station_file
from isoguide.workflow.clinic.virtual_department import (
    DAILY,
    EXPORTS,
    ONCOLOGIST,
    PHYSICIST,
    RECORDS,
    THERAPIST,
    VirtualDepartment,
    virtual_department,
)
from isoguide.workflow.course import Course, seconds_between
from isoguide.workflow.course_json import correction_record
from isoguide.workflow.motion.course_reports import FOLDER as MONITORING
from isoguide.workflow.motion.course_reports import write_course_monitoring
from isoguide.workflow.output_folder import published_folder
from isoguide.workflow.protocol_file import load_protocol
from isoguide.workflow.review.patient import SHEET, review_patient_into
from isoguide.workflow.review.population import review_population_into
from isoguide.workflow.review.write_files import PAGE as REVIEW_PAGE
from isoguide.workflow.scenario import (
    MOST_FRACTIONS,
    AnatomySection,
    BreathingSection,
    ExpectSection,
    ImagingModel,
    ImagingSection,
    Matched,
    PatientSection,
    ProstateMotionSection,
    RoomSection,
    Scenario,
    SetUpSection,
    Site,
)
from isoguide.workflow.scenario_dose import CourseDoseSection
from isoguide.workflow.scenario_settings import room_settings
from isoguide.workflow.simulate import as_planned, simulate
from isoguide.workflow.simulation_session import (
    SimulationSession,
    write_reference_ultrasound,
    write_simulation_session,
)
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient
from isoguide.workflow.write_course import COURSE_NAMES, write_course

PLANNING, TRUTH, REVIEW = "planning", "truth.json", "review"
DEMO_NAMES: Final = (
    PLANNING,
    DAILY,
    EXPORTS,
    RECORDS,
    MONITORING,
    REVIEW,
    TRUTH,
    ROOM_FILE,
    SIGN_IN,
    *COURSE_NAMES,
)
LINKS: Final = (
    ("the review of this course, from its records", f"{REVIEW}/patient/{REVIEW_PAGE}"),
    ("the sheet for the patient, in plain words", f"{REVIEW}/patient/{SHEET}"),
    (
        "the review of the department: its errors, margins and protocols, beside the truth",
        f"{REVIEW}/population/{REVIEW_PAGE}",
    ),
)
EARLIER_PATIENTS, EARLIER_FRACTIONS = 100, 20
KNOWN_ERRORS: Final = KnownErrors(
    mean=np.array([0.0, 0.5, -0.8, 0.0, 0.0, 0.0]),
    systematic=np.array([1.8, 2.4, 2.0, 0.6, 0.5, 0.7]),
    random=np.array([2.2, 2.0, 2.6, 0.6, 0.6, 0.8]),
    measurement=np.array([0.2, 0.2, 0.2, 0.1, 0.1, 0.1]),
)
"""Of the earlier patients: what the review of the department has to find."""
EARLIER: Final = WhereTreated(
    sites=("prostate", "head and neck", "lung"),
    machines=("machine 1", "machine 2"),
    devices=("knee rest", "mask", "wing board"),
)
_EARLIER: Final = 4
"""What the earlier patients are drawn from besides the seed."""
BREATHING_SITES: Final = ("lung", "liver")
ULTRASOUND_SITE: Final = "prostate"
PHASES: Final = 10
ROTATION_DEG: Final = (0.5, 0.5, 0.5)
"""Standard deviations: with larger ones some days would need a person, for the couch tilts by 3° at most."""
ASSESSED_MM: Final = 3.0
"""Samples of the deformable registration in a demonstration: coarser than a clinic's, to be quick."""
ABOUT: Final = (
    "A patient made from nothing but a seed was scanned, planned, and each day set up, imaged, aligned, "
    "moved and treated on a machine that exists only in software, by the code that would treat a real one."
)
SEEDS: Final = (
    "All images are of the image-domain model, in which gold seeds are as sharp as in a small voxel; that of "
    "physics smears them."
)
NO_RECONSTRUCTION: Final = (
    f"All images are of the image-domain model, because the toolkit for reconstruction is absent: {INSTALL}."
)


@dataclass(frozen=True, slots=True)
class DemoImaging:
    """How the demonstration images its patient: what the room takes, what is matched, and the protocol."""

    model: ImagingModel
    match: Matched
    protocol: str


IMAGING: Final = {
    "cone-beam": DemoImaging("image-domain", "anatomy", "demonstration"),
    "stereo": DemoImaging("stereo pair", "anatomy", "demonstration-kv"),
    "arm": DemoImaging("arm pair", "anatomy", "demonstration-kv"),
    "seeds": DemoImaging("stereo pair", "markers", "demonstration-seeds"),
    "ultrasound": DemoImaging("ultrasound", "anatomy", "demonstration-ultrasound"),
}
"""Ways to image a patient, by the word that the command line takes."""
WATCHED: Final = {
    ("prostate", "cone-beam"): DemoImaging("image-domain", "markers", "demonstration-arm"),
    ("lung", "cone-beam"): DemoImaging("image-domain", "anatomy", "demonstration-breathing"),
    ("liver", "cone-beam"): DemoImaging("image-domain", "anatomy", "demonstration-breathing"),
}
"""Targets that move and are watched during the beam, where the site asks for more than the way says."""
DOSE_GOALS: Final = {
    "prostate": ("Prostate D95% >= 95 %", "Rectum V50% <= 40 %", "Bladder V50% <= 40 %"),
    "head-neck": ("GTV D95% >= 95 %", "Parotid_L mean <= 40 %", "SpinalCord max <= 65 %"),
    "lung": ("GTV D95% >= 95 %", "SpinalCord max <= 50 %", "Heart mean <= 25 %"),
    "liver": ("GTV D95% >= 95 %", "SpinalCord max <= 50 %", "Stomach mean <= 25 %"),
}
"""What the demonstration asks of its dose: shares of the prescription, made up and of no guideline."""
BREATHING_MM: Final = {"demonstration-breathing": 8.0, "demonstration-seeds": 6.0}
"""Peak to peak, by protocol: what its gate can work with; a breath of 12 mm crosses the middle too fast."""


def demonstrate(
    target: Path,
    *,
    site: Site = "prostate",
    fractions: int = 5,
    seed: int = 0,
    imaging: str = "cone-beam",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Course:
    """Treat a built-in patient and write everything into a folder, all at once or not at all.

    ``planning`` gets the simulation session as DICOM (planning CT, structures, plan; the 4DCT of a patient
    who breathes), ``daily/fraction-1`` ... the images that ``isoguide align`` reads, ``truth.json`` what is
    true of them; report and document as :func:`isoguide.workflow.write_course.simulate_into`. The course is
    registered, treated by a protocol and recorded in ``records``, together with earlier patients whose errors
    are known; ``exports`` gets the DICOM objects of each fraction and ``review`` what the records say of the
    course and of the department. One fraction more is planned than is treated: ``room.json`` says how the
    virtual room goes on with it in real time, at a console, and ``sign-in.txt`` how its staff sign in there.
    Where the protocol has the target watched during the beam, ``monitoring`` gets the recording of each
    delivery and what it comes to. Where it has anatomies assessed, the records hold the dose of the
    last day as the console computes it.

    Parameters
    ----------
    target
        The folder.
    site, fractions, seed
        Where the tumour is, how many days (49 at most), and which patient and course.
    imaging
        One of :data:`IMAGING`.
    overwrite
        Replace an earlier demonstration.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If the number of fractions cannot be, or the site is not imaged in this way.
    OutputError
        If the folder cannot be written, or holds results and ``overwrite`` is not set.
    """
    if fractions >= MOST_FRACTIONS:
        msg = (
            f"a demonstration of {fractions} fractions leaves none to wait: ask for {MOST_FRACTIONS - 1} or "
            "fewer"
        )
        raise InputError(msg)
    with published_folder(target, DEMO_NAMES, overwrite=overwrite) as folder:
        progress(0.0, "Loading the reconstruction")
        scenario = _assessed(demo_scenario(site, fractions, seed, imaging), way_of(site, imaging))
        patient = virtual_patient(scenario, part_of(progress, 0.0, 0.1))
        identity = PatientIdentity(
            patient_id=f"VIRTUAL-{site.upper()}-{seed}",
            name=f"Virtual^{site.capitalize()}",
            birth_date="19560229",
            sex="O",
        )
        session = _simulation(folder / PLANNING, patient, identity, scenario, part_of(progress, 0.1, 0.2))
        diary = _Diary()
        with virtual_department(
            folder,
            folder / PLANNING,
            identity,
            site=site,
            protocol=way_of(site, imaging).protocol,
            progress=part_of(progress, 0.2, 0.3),
        ) as department:
            course = simulate(
                as_planned(scenario, session.plan),
                patient=replace(patient, plan=session.plan),
                keep=diary.keep,
                conduct=department.conduct,
                keep_assessment=department.keep_assessment,
                progress=part_of(progress, 0.3, 0.8),
            )
            if course.scenario.assessment is not None:
                progress(0.8, "Computing the dose of the last day")
                department.keep_dose(fractions, part_of(progress, 0.8, 0.9))
            write_station_file(_next_fraction(course.scenario, department.course.course_id), folder)
            let_sign_in(department.desk.records, (PHYSICIST, THERAPIST, ONCOLOGIST), folder)
            histories = DemoHistories(
                department.history, _earlier_courses(department, seed), department.anatomy, department.dose
            )
        progress(0.9, "Reviewing the course")
        _review(histories, folder / REVIEW)
        progress(0.95, "Writing the report")
        (folder / TRUTH).write_text(json.dumps(diary.truth(course), indent=2) + "\n", encoding="utf-8")
        write_course(course, folder, (*LINKS, *write_course_monitoring(course, folder)))
    return course


def _assessed(scenario: Scenario, way: DemoImaging) -> Scenario:
    """Have the anatomy of the first and of the last day assessed, where the protocol asks for it."""
    asked = load_protocol(way.protocol).protocol.assessment
    if asked is None:
        return scenario
    days = tuple(dict.fromkeys((1, scenario.fractions)))
    section = AnatomySection.of(asked, fractions=days, spacing_mm=ASSESSED_MM)
    return scenario.model_copy(update={"assessment": section})


def way_of(site: Site, imaging: str) -> DemoImaging:
    """Return how the patient of a site is imaged, and watched where his target moves."""
    return WATCHED.get((site, imaging), IMAGING[imaging])


def demo_scenario(site: Site, fractions: int, seed: int, imaging: str = "cone-beam") -> Scenario:
    """Return what the demonstration does, as a scenario: days on which nothing but the target moves.

    The first cone-beam CT is made by physics where the toolkit for reconstruction is installed and no seeds
    have to be found in it; radiographs and ultrasound always are.

    Raises
    ------
    InputError
        If the site is not imaged in this way.
    """
    way = way_of(site, imaging)
    if way.model == "ultrasound" and site != ULTRASOUND_SITE:
        msg = (
            f"the demonstration images by ultrasound at the site '{ULTRASOUND_SITE}' only, not '{site}': "
            "choose that site, or another way to image"
        )
        raise InputError(msg)
    is_volume = way.model == "image-domain"
    by_seeds = way.match == "markers"
    moves = by_seeds or way.model == "ultrasound"
    is_physical = is_volume and not by_seeds and can_reconstruct()
    return Scenario(
        title=f"Virtual treatment: {site}",
        about=ABOUT
        if is_physical or not is_volume
        else f"{ABOUT} {SEEDS if by_seeds else NO_RECONSTRUCTION}",
        seed=seed,
        fractions=fractions,
        patient=PatientSection(site=site),
        set_up=SetUpSection(systematic_deg=ROTATION_DEG, random_deg=ROTATION_DEG),
        breathing=_breathing(way.protocol) if site in BREATHING_SITES else None,
        prostate_motion=ProstateMotionSection() if moves and site == "prostate" else None,
        room=RoomSection(
            imaging=ImagingSection(
                model=way.model, match=way.match, first_fraction="physical" if is_physical else None
            )
        ),
        dose=CourseDoseSection(goals=DOSE_GOALS[site]),
        expect=(ExpectSection(),),
    )


def _breathing(protocol: str) -> BreathingSection:
    if protocol not in BREATHING_MM:
        return BreathingSection()
    return BreathingSection(peak_to_peak_mm=BREATHING_MM[protocol])


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
    usual = settings_for(phantom)
    planned = scenario.fractions + 1
    session = write_simulation_session(
        folder,
        phantom,
        patient=identity,
        seed=patient.name,
        phases=phases,
        plan_settings=replace(usual, fractions=planned, dose_gy=usual.dose_gy / usual.fractions * planned),
        progress=progress,
    )
    if scenario.room.imaging.model == "ultrasound":
        reference = simulation_ultrasound(phantom, room_settings(scenario, 1).ultrasound)
        write_reference_ultrasound(folder, reference, session)
    return session


def _next_fraction(scenario: Scenario, course_id: str) -> StationFile:
    """Say what the virtual room plays after the course: the one fraction that is planned and not treated."""
    following = scenario.fractions + 1
    return StationFile(
        course_id=course_id,
        first_fraction=following,
        scenario=scenario.model_copy(update={"fractions": following}),
    )


@dataclass(frozen=True, slots=True, eq=False)
class DemoHistories:
    """What is reviewed: the course with its anatomy and dose, and the earlier ones of its department."""

    patient: CourseHistory
    department: tuple[CourseHistory, ...]
    anatomy: AnatomyTrend | None
    dose: DoseTrend | None


def _review(histories: DemoHistories, folder: Path) -> None:
    """Write the review of the patient's course, and of a department whose errors are known."""
    folder.mkdir()
    patient = folder / "patient"
    review_patient_into(histories.patient, patient, anatomy=histories.anatomy, dose=histories.dose)
    review_population_into(histories.department, folder / "population", truth=KNOWN_ERRORS)


def _earlier_courses(department: VirtualDepartment, seed: int) -> tuple[CourseHistory, ...]:
    """Simulate the earlier patients of the department, with errors that are known, and take them in."""
    rng = np.random.default_rng([seed, _EARLIER])
    simulated = tuple(
        replace(one, course_id=f"simulated-{number:03d}")
        for number, one in enumerate(
            simulate_population(rng, EARLIER_PATIENTS, EARLIER_FRACTIONS, KNOWN_ERRORS, EARLIER), start=1
        )
    )
    for history in simulated:
        department.desk.records.add_history(history, source="a simulation", by=PHYSICIST.name)
    return simulated


@dataclass(eq=False)
class _Diary:
    """Remembers where the patient lay in the first image of each day."""

    _days: dict[int, dict[str, Any]] = field(default_factory=dict)

    def keep(self, number: int, images: tuple[DayImage, ...], room: VirtualRoom) -> None:
        """Look up the truth in the middle of the exposure."""
        if not images:
            return
        image = images[0]
        middle = image.started_at + (image.acquired_at - image.started_at) / 2
        placed = room.planning_from_daily(seconds_between(room.clock.at(0.0), middle))
        self._days[number] = {
            "folder": f"{DAILY}/fraction-{number}",
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

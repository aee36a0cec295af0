"""Run a scenario: a patient, a room and a treatment, fraction by fraction, beside the truth."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.errors import InputError
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.treatment import (
    Fraction,
    FractionLimits,
    FractionOutcome,
    PlannedPosition,
    decide_by_limits,
    treat,
)
from isoguide.treatment.ports import DayImage
from isoguide.treatment.protocol_limits import settings_of_gate
from isoguide.virtual import PatientDay, draw_days
from isoguide.virtual.motion import LONGEST_S
from isoguide.virtual.prescribed_dose import with_prescribed_dose
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.room_settings import RoomSettings
from isoguide.virtual.treatment_plan import treatment_plan
from isoguide.virtual.truth import RoomTruth
from isoguide.virtual.ultrasound_reference import simulation_ultrasound
from isoguide.workflow.course import Course, TreatedFraction, TruthAtBeam, TruthAtSetUp, seconds_between
from isoguide.workflow.course_assessor import CourseAssessor, KeepAssessment, keep_no_assessment
from isoguide.workflow.course_dosimetry import CourseDosimetry
from isoguide.workflow.course_pictures import CourseScene, FractionPictures
from isoguide.workflow.motion.monitored_room import Monitored, MonitoredDelivery, RoomGate
from isoguide.workflow.scenario import GateSection, PlanSection, Scenario
from isoguide.workflow.scenario_settings import (
    course_settings,
    fraction_limits,
    require_possible,
    room_settings,
    scenario_faults,
)
from isoguide.workflow.virtual_patient import VirtualPatient, virtual_patient

FIRST_DAY: Final = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
"""A Monday. The clock of a simulation is virtual, so that the same scenario gives the same course."""
STILL_POINTS, MOVING_POINTS = 120, 400
"""How many points the truth over time has: with 400, a breath is seen in a fraction of some minutes."""
MOMENTS: Final = 48
"""At how many moments a patient who moves is looked at for a mean, during an exposure and during the beam."""
CLOSER: Final = 3
"""The farthest excursion is looked for at so many times as many."""
MOST_PICTURED: Final = 3
"""Fractions with pictures: each adds about 2 MB to the report."""
_DAYS: Final = 2
"""What the days are drawn from besides the scenario's seed."""

Keep = Callable[[int, tuple[DayImage, ...], VirtualRoom], None]
"""Gets the number of a fraction, its images and its room, before the images are let go."""


@dataclass(frozen=True, slots=True, eq=False)
class Conducted:
    """How a fraction was treated, and its deliveries under a gate where there was one."""

    outcome: FractionOutcome
    monitored: tuple[MonitoredDelivery, ...] = ()


Conduct = Callable[[int, PlannedPosition, VirtualRoom, FractionLimits], Conducted]
"""Treats the fraction of this number in a room: where the patient has to be, and what may be done."""


def conduct_by_limits(
    number: int,
    planned: PlannedPosition,
    room: VirtualRoom,
    limits: FractionLimits,
    *,
    watched: GateSection | None = None,
) -> Conducted:
    """Let the automatic driver treat by the limits alone, without protocol and records.

    Parameters
    ----------
    number, planned, room, limits
        As of any :data:`Conduct`.
    watched
        How the target is watched during the beam; None: by nothing.
    """
    decide = room.console.timed_decision(decide_by_limits)
    fraction = Fraction(planned, room.room, limits)
    if watched is None:
        return Conducted(treat(fraction, decide=decide))
    asked = watched.monitoring()
    with tempfile.TemporaryDirectory(prefix="isoguide-motion-") as folder:
        about = Monitored(
            asked, settings_of_gate(asked, watched.gate_mm), Path(folder), planned.patient_id, "", number
        )
        gate = RoomGate(room, about)
        outcome = treat(fraction, decide=decide, gate=gate)
    return Conducted(outcome, tuple(gate.deliveries))


def keep_nothing(_number: int, _images: tuple[DayImage, ...], _room: VirtualRoom) -> None:
    """Let the images go."""


def simulate(
    scenario: Scenario,
    *,
    patient: VirtualPatient | None = None,
    for_report: bool = True,
    keep: Keep = keep_nothing,
    conduct: Conduct | None = None,
    keep_assessment: KeepAssessment = keep_no_assessment,
    progress: Progress = silent,
) -> Course:
    """Run a scenario.

    Parameters
    ----------
    scenario
        What happens.
    patient
        The scenario's patient, where it was built already.
    for_report
        Draw pictures and follow the truth through time, which only the report shows.
    keep
        Is given the images of each fraction.
    conduct
        How a fraction is treated; None: by the limits of the scenario alone, watched as it says.
    keep_assessment
        Is given what is found of the anatomy of each fraction that is assessed.
    progress
        Told what is done.

    Raises
    ------
    InputError
        If the scenario cannot be carried out: a CT that cannot hold the isocentre, an organ that the patient
        does not have, a displacement that leaves the image. What goes wrong inside a fraction is no error but
        how that fraction ends.
    Cancelled
        If ``progress`` asked to stop.
    """
    begin = time.perf_counter()
    patient = patient or virtual_patient(scenario, part_of(progress, 0.0, 0.14))
    require_possible(scenario, patient.phantom)
    if scenario.dose is not None and patient.plan is None:
        scenario, patient = _with_plan(scenario, patient)
    progress(0.14, "Preparing the match")
    patient.prepared(room_settings(scenario, 1), scenario.room.imaging.match)
    progress(0.2, "Drawing the days of the course")
    days = drawn_days(scenario, patient)
    scene = CourseScene.of(patient.phantom, _reference(scenario, patient)) if for_report else None
    conduct = conduct or partial(conduct_by_limits, watched=scenario.monitoring)
    assessor = _assessor(scenario, patient, keep_assessment, pictured=for_report)
    dosimetry = _dosimetry(scenario, patient, part_of(progress, 0.22, 0.25))
    machine = _Machine(scenario, patient, scene, keep, conduct, assessor, dosimetry)
    fractions = []
    for day in days:
        done = (day.number - 1) / len(days)
        progress(0.25 + 0.75 * done, f"Treating fraction {day.number} of {len(days)}")
        fractions.append(machine.treat(day))
    progress(1.0, "Done")
    dose = None if dosimetry is None else dosimetry.course()
    return Course(scenario, patient.name, scene, tuple(fractions), time.perf_counter() - begin, dose)


def _with_plan(scenario: Scenario, patient: VirtualPatient) -> tuple[Scenario, VirtualPatient]:
    """Have the room deliver the plan whose dose is told: its own arc has no leaves, and so no dose.

    Raises
    ------
    InputError
        If the scenario says monitor units or dose of a fraction besides.
    """
    if "plan" in scenario.model_fields_set:
        msg = (
            "with a section dose a plan is made for the built-in patient, and that plan says monitor units "
            "and dose of a fraction: leave out the section plan"
        )
        raise InputError(msg)
    plan = with_prescribed_dose(treatment_plan(patient.phantom), patient.phantom)
    return as_planned(scenario, plan), replace(patient, plan=plan)


def as_planned(scenario: Scenario, plan: Plan) -> Scenario:
    """Put what a plan gives into its scenario, so that the report says it.

    Parameters
    ----------
    scenario
        Of the patient who is treated.
    plan
        With monitor units.

    Raises
    ------
    MissingEvidenceError
        If the plan does not say what its target shall get.
    """
    dose_gy, _ = plan.fraction_prescription()
    said = PlanSection(meterset_mu=plan.treatment_mu, dose_gy=dose_gy)
    return scenario.model_copy(update={"plan": said})


def _dosimetry(scenario: Scenario, patient: VirtualPatient, progress: Progress) -> CourseDosimetry | None:
    """Return what computes the dose of the days, the plan's computed already; None where nobody asks."""
    if scenario.dose is None or patient.plan is None:
        return None
    progress(0.0, "Computing the dose of the plan")
    return CourseDosimetry(patient.phantom, patient.plan, scenario.dose)


def _assessor(
    scenario: Scenario, patient: VirtualPatient, keep: KeepAssessment, *, pictured: bool
) -> CourseAssessor | None:
    """Return what assesses the days; the first, the middle and the last of them are drawn."""
    section = scenario.assessment
    if section is None:
        return None
    numbers = [number for number in range(1, scenario.fractions + 1) if section.asks_for(number)]
    shown = {numbers[0], numbers[len(numbers) // 2], numbers[-1]} if pictured else set()
    return CourseAssessor(patient.phantom, section, frozenset(shown), keep)


def _reference(scenario: Scenario, patient: VirtualPatient) -> UltrasoundVolume | None:
    """Return the ultrasound of the simulation where days are matched to it."""
    settings = room_settings(scenario, scenario.fractions)
    if settings.imaging.model != "ultrasound":
        return None
    return simulation_ultrasound(patient.phantom, settings.ultrasound)


def drawn_days(scenario: Scenario, patient: VirtualPatient) -> tuple[PatientDay, ...]:
    """Draw the days of a scenario; a longer course begins with the days of a shorter one.

    Raises
    ------
    InputError, GeometryError
        As :func:`isoguide.virtual.draw_days`.
    """
    rng = np.random.default_rng([scenario.seed, _DAYS])
    return draw_days(patient.phantom, course_settings(scenario), scenario.fractions, rng)


@dataclass(frozen=True, slots=True, eq=False)
class _Machine:
    """Treats the days of one scenario, one after the other."""

    scenario: Scenario
    patient: VirtualPatient
    scene: CourseScene | None
    keep: Keep
    conduct: Conduct
    assessor: CourseAssessor | None
    dosimetry: CourseDosimetry | None

    def treat(self, day: PatientDay) -> TreatedFraction:
        """Treat one day to its end and look up what was true."""
        number, started_at = day.number, treatment_day(day.number)
        settings = room_settings(self.scenario, number).with_changes(
            patient_position=self.patient.patient_position
        )
        room = VirtualRoom(
            self.patient.phantom,
            day,
            settings=settings,
            started_at=started_at,
            faults=scenario_faults(self.scenario),
            seed=self.scenario.seed,
            plan=self.patient.plan,
        )
        planned = self._planned(settings)
        planned = replace(planned, match=room.console.timed_match(planned.match))
        conducted = self.conduct(number, planned, room, fraction_limits(self.scenario))
        outcome = conducted.outcome
        self.keep(number, outcome.images, room)
        if self.dosimetry is not None:
            self.dosimetry.add(number, outcome.delivered_mu, room)
        anatomy = None if self.assessor is None else self.assessor.assess(number, outcome, room)
        return TreatedFraction(
            number=number,
            started_at=started_at,
            imaging_model=outcome.images[0].model if outcome.images else settings.imaging.model,
            day=dict(day.numbers),
            outcome=replace(outcome, images=()),
            images_taken=len(outcome.images),
            set_up=_set_up(room.truth, outcome.images, started_at),
            treated=_at_beam(room),
            beam_is_off=not room.beam.is_under_way(),
            trace=_trace(room.truth, outcome, started_at) if self.scene and number == 1 else (),
            expected=self.scenario.expected(number),
            pictures=self._pictures(number, outcome),
            monitored=conducted.monitored,
            anatomy=anatomy,
        )

    def _planned(self, settings: RoomSettings) -> PlannedPosition:
        return PlannedPosition.of(
            self.patient.prepared(settings, self.scenario.room.imaging.match),
            patient_position=self.patient.patient_position,
            set_up_pose=settings.planned_pose,
            patient_id=self.patient.phantom.name,
        )

    def _pictures(self, number: int, outcome: FractionOutcome) -> FractionPictures | None:
        if self.scene is None or number > MOST_PICTURED or not outcome.images:
            return None
        registration = outcome.matches[0].registration if outcome.matches else None
        placed = registration.planning_from_daily if registration is not None else None
        return self.scene.fraction_pictures(outcome.images[0], placed)


def treatment_day(number: int) -> datetime:
    """Return when a fraction starts: one each working day from :data:`FIRST_DAY` on."""
    weeks, day = divmod(number - 1, 5)
    return FIRST_DAY + timedelta(days=7 * weeks + day)


def _set_up(truth: RoomTruth, images: tuple[DayImage, ...], started_at: datetime) -> TruthAtSetUp:
    """Look up the truth before any correction: in the mean over the first exposure, as an image sees it."""
    seconds = [0.0]
    if images and not truth.day.is_still:
        first, last = (
            seconds_between(started_at, at) for at in (images[0].started_at, images[0].acquired_at)
        )
        seconds = np.linspace(first, last, MOMENTS).tolist()
    return TruthAtSetUp(
        truth.mean_residual(seconds), truth.mean_needed_correction(seconds), truth.set_up_error()
    )


def _at_beam(room: VirtualRoom) -> TruthAtBeam | None:
    """Look up the truth over the time of radiation, which is also the truth: the machine's, not its word."""
    if not room.beam.intervals:
        return None
    count = 1 if room.truth.day.is_still else MOMENTS * CLOSER
    begin_s, end_s = (np.array(times) for times in zip(*room.beam.intervals, strict=True))
    # Evenly over the time with beam, pauses left out.
    given_s = np.concatenate([[0.0], np.cumsum(end_s - begin_s)])
    wanted_s = (np.arange(count) + 0.5) / count * given_s[-1]
    which = np.searchsorted(given_s, wanted_s, side="right") - 1
    seconds = [float(at_s) for at_s in begin_s[which] + wanted_s - given_s[which]]
    excursion_mm = max(room.truth.residual(at_s).mean_mm for at_s in seconds)
    return TruthAtBeam(room.truth.mean_residual(seconds[CLOSER // 2 :: CLOSER] or seconds), excursion_mm)


def _trace(
    truth: RoomTruth, outcome: FractionOutcome, started_at: datetime
) -> tuple[tuple[float, float], ...]:
    count = STILL_POINTS if truth.day.is_still else MOVING_POINTS
    last_s = seconds_between(started_at, outcome.journal[-1].at)
    # A patient who moves has a truth for an hour; after that nobody is treated any more.
    seconds = np.linspace(0.0, last_s if truth.day.is_still else min(last_s, LONGEST_S), count)
    return tuple((float(at_s), truth.residual(float(at_s)).mean_mm) for at_s in seconds)

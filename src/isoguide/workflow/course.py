"""A virtual course as one immutable value: what was done in each fraction, and what was true."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from isoguide.geometry.correction import CouchCorrection
from isoguide.treatment import Entry, FractionOutcome, State
from isoguide.virtual.truth import Residual
from isoguide.workflow.course_anatomy import AssessedFraction, CourseAnatomy, verdict_surprise
from isoguide.workflow.course_dose import CourseDose
from isoguide.workflow.course_pictures import CourseScene, FractionPictures
from isoguide.workflow.motion.monitored_room import MonitoredDelivery
from isoguide.workflow.scenario import ExpectSection, Scenario

TOLERANCE_MM: Final = 0.7
TOLERANCE_DEG: Final = 0.4
"""What 95 % of the residuals at the target shall stay below on days without a change of shape."""
BY_ULTRASOUND_MM: Final = 1.0
BY_ULTRASOUND_DEG: Final = 1.0
"""The same where ultrasound shows the target: a tracked probe in two rooms, an organ that is pressed."""


@dataclass(frozen=True, slots=True, eq=False)
class TruthAtSetUp:
    """Truth when the patient lay on his marks, before any correction.

    Parameters
    ----------
    residual
        Where the target was minus where it should have been; in the mean over the first exposure where it
        moves.
    needed
        The couch correction that would have brought the target to its place from there.
    set_up
        The couch correction that would have undone how the patient as a whole lay: what bones show. It is
        ``needed`` unless his anatomy differs from the planning CT: by breathing, filling, a neck that bends.
    """

    residual: Residual
    needed: CouchCorrection
    set_up: CouchCorrection


@dataclass(frozen=True, slots=True, eq=False)
class TruthAtBeam:
    """Truth while there was radiation.

    Parameters
    ----------
    residual
        Where the target was in the mean over that time, minus where it should have been.
    excursion_mm
        Largest mean distance of the target from its place at the moments looked at: breathing, drift.
    """

    residual: Residual
    excursion_mm: float


@dataclass(frozen=True, slots=True, eq=False)
class TreatedFraction:
    """One fraction beside its truth.

    Parameters
    ----------
    number
        Counted from 1.
    started_at
        When the patient lay on the couch, aware UTC.
    imaging_model
        How the images came about, in words.
    day
        What was drawn for this day, by name with unit.
    outcome
        What the treatment says; its images are let go.
    images_taken
        How many valid images there were.
    set_up, treated
        Truth when the patient lay on his marks, and while there was radiation (None if there never was).
    beam_is_off
        Truth at the end, whatever the machine says.
    trace
        Truth over time: seconds, mean distance of the target from its place, mm; of the first fraction,
        for the report.
    expected
        What the scenario expects of it.
    pictures
        None where none were asked for or there was no image.
    monitored
        Each delivery under a gate: where the target was, was seen to be, and what that meant for the beam.
    anatomy
        What was found of the anatomy beside the truth; None where nobody looked.
    """

    number: int
    started_at: datetime
    imaging_model: str
    day: Mapping[str, float]
    outcome: FractionOutcome
    images_taken: int
    set_up: TruthAtSetUp
    treated: TruthAtBeam | None
    beam_is_off: bool
    trace: tuple[tuple[float, float], ...]
    expected: ExpectSection
    pictures: FractionPictures | None = None
    monitored: tuple[MonitoredDelivery, ...] = ()
    anatomy: AssessedFraction | None = None

    @property
    def measured(self) -> CouchCorrection | None:
        """The first correction that an image called for, carried out or not; None where there was none."""
        proposals = [match.proposal for match in self.outcome.matches if match.proposal is not None]
        return proposals[0].correction if proposals else None

    @property
    def was_corrected(self) -> bool:
        """True when the couch was sent to make a correction."""
        return bool(self.outcome.corrections)

    @property
    def entries(self) -> tuple[tuple[float, Entry], ...]:
        """The journal with seconds since the start."""
        return tuple((seconds_between(self.started_at, entry.at), entry) for entry in self.outcome.journal)

    @property
    def surprises(self) -> tuple[str, ...]:
        """What came otherwise than expected, one sentence each."""
        return tuple(f"fraction {self.number} {words}" for words in self._differences())

    def _differences(self) -> list[str]:
        wish, outcome, found = self.expected, self.outcome, []
        if outcome.state.value != wish.ends:
            found.append(f"was expected to end '{wish.ends}', not '{outcome.state.value}' ({outcome.reason})")
        elif wish.reason is not None and wish.reason.lower() not in outcome.reason.lower():
            found.append(
                f"was expected to end with a reason that says '{wish.reason}', not '{outcome.reason}'"
            )
        if not self.beam_is_off:
            found.append("ended with the beam on")
        if wish.images is not None and self.images_taken != wish.images:
            found.append(f"was expected to take {wish.images} images, not {self.images_taken}")
        return [*found, *self._residual_differences(), *verdict_surprise(wish.anatomy, self.anatomy)]

    def _residual_differences(self) -> list[str]:
        wish, found = self.expected, []
        wanted = wish.residual_mm is not None or wish.residual_deg is not None
        if wanted and self.treated is None:
            return ["was expected to be treated within a residual, but the beam never came on"]
        if self.treated is None:
            return []
        residual = self.treated.residual
        if wish.residual_mm is not None and residual.largest_mm > wish.residual_mm:
            found.append(
                f"was expected to leave at most {wish.residual_mm:g} mm at the target, not "
                f"{residual.largest_mm:.2f} mm"
            )
        if wish.residual_deg is not None and residual.angle_deg > wish.residual_deg:
            found.append(
                f"was expected to leave at most {wish.residual_deg:g}° at the target, not "
                f"{residual.angle_deg:.2f}°"
            )
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A whole simulated course.

    Parameters
    ----------
    scenario
        What was asked for.
    patient_name
        Site and seed, or the folder of the CT.
    scene
        What the report's pictures have in common; None where none were asked for.
    fractions
        In order.
    wall_s
        How long the computation took.
    dose
        What the true patient got, with and without image guidance; None where nobody asked.
    """

    scenario: Scenario
    patient_name: str
    scene: CourseScene | None
    fractions: tuple[TreatedFraction, ...]
    wall_s: float
    dose: CourseDose | None = None

    @property
    def surprises(self) -> tuple[str, ...]:
        """What came otherwise than expected, over all fractions."""
        of_days = (words for fraction in self.fractions for words in fraction.surprises)
        anatomy = () if self.anatomy is None else self.anatomy.surprises()
        return (*of_days, *anatomy, *(() if self.dose is None else self.dose.surprises()))

    @property
    def anatomy(self) -> CourseAnatomy | None:
        """How the patient's anatomy changed; None where nobody looked."""
        section = self.scenario.assessment
        if section is None:
            return None
        found = ((one.number, one.anatomy) for one in self.fractions)
        return CourseAnatomy(section, tuple((number, one) for number, one in found if one is not None))

    @property
    def tolerances(self) -> tuple[float, float]:
        """What 95 % of the residuals at the target shall stay below, mm and degrees."""
        imaging = self.scenario.room.imaging
        if "ultrasound" in (imaging.model, imaging.first_fraction):
            return BY_ULTRASOUND_MM, BY_ULTRASOUND_DEG
        return TOLERANCE_MM, TOLERANCE_DEG

    @property
    def closed(self) -> int:
        """How many fractions were treated in full."""
        return sum(fraction.outcome.state is State.CLOSED for fraction in self.fractions)


def seconds_between(start: datetime, stop: datetime) -> float:
    """Seconds from one aware time to another."""
    return (stop - start) / timedelta(seconds=1)

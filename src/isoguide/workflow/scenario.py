"""What a scenario may say: a patient, how his days differ, the room, its faults, and what is expected.

These models are the published schema. Their ranges and defaults are those of the settings that they
become, so that a wrong value is refused with its key before anything is built.
"""

from dataclasses import asdict
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from isoguide.course import AssessmentInstructions, Monitoring
from isoguide.errors import InputError
from isoguide.virtual.faults import Device, Fault, FaultName, Moment
from isoguide.workflow.protocol_sections import AssessmentSection, MonitoringSection
from isoguide.workflow.scenario_dose import CourseDoseSection
from isoguide.workflow.strict_toml import Section

Site = Literal["prostate", "lung", "head-neck", "liver"]
"""The clinic's names of the built-in patients."""
ImagingModel = Literal["image-domain", "physical", "stereo pair", "arm pair", "ultrasound"]
Matched = Literal["anatomy", "markers"]
Ending = Literal["closed", "stopped"]
UNDECIDED: Final = "undecided"
AnatomyVerdict = Literal["for decision", "not for decision", "not available", "undecided"]

MOST_FRACTIONS: Final = 50

_UpTo100 = Annotated[float, Field(ge=0.0, le=100.0)]
_UpTo20 = Annotated[float, Field(ge=0.0, le=20.0)]
_UpTo10 = Annotated[float, Field(ge=0.0, le=10.0)]
_Within100 = Annotated[float, Field(ge=-100.0, le=100.0)]
_Within20 = Annotated[float, Field(ge=-20.0, le=20.0)]
_Within5 = Annotated[float, Field(ge=-5.0, le=5.0)]
_Voxel = Annotated[float, Field(ge=0.8, le=5.0)]
# Only the outer list is taken leniently: TOML has lists where Python has tuples.
_Deviation_mm = Annotated[tuple[_UpTo100, _UpTo100, _UpTo100], Field(strict=False)]
_Deviation_deg = Annotated[tuple[_UpTo20, _UpTo20, _UpTo20], Field(strict=False)]
_Shift_mm = Annotated[tuple[_Within100, _Within100, _Within100], Field(strict=False)]
_Turn_deg = Annotated[tuple[_Within20, _Within20, _Within20], Field(strict=False)]
_Number = Annotated[int, Field(ge=1, le=MOST_FRACTIONS)]
_Numbers = Annotated[tuple[_Number, ...], Field(strict=False)]
_Flexion_deg = Annotated[tuple[_UpTo10, _UpTo10, _UpTo10], Field(strict=False)]
_Walk_mm = Annotated[tuple[_UpTo10, _UpTo10, _UpTo10], Field(strict=False)]
_Drift = Annotated[tuple[_Within5, _Within5, _Within5], Field(strict=False)]
_Offset_mm = Annotated[tuple[_Within5, _Within5, _Within5], Field(strict=False)]
_Axis_mm = Annotated[tuple[_Within5, _Within5], Field(strict=False)]
_Voxels_mm = Annotated[tuple[_Voxel, _Voxel, _Voxel], Field(strict=False)]


class PatientSection(Section):
    """Who is treated: a built-in patient by site and seed, or a planning export with a real CT."""

    site: Site | None = Field(default=None, description="Built-in patient: where the tumour is.")
    seed: int | None = Field(
        default=None, ge=0, description="Another number is another patient; the scenario's if absent."
    )
    voxel_mm: _Voxels_mm = Field(
        default=(1.5, 1.5, 2.5), description="Voxel size of the built-in patient's planning CT: x, y, z."
    )
    ct: str | None = Field(
        default=None,
        min_length=1,
        description="Folder with a planning export (CT, structures, plan) instead of a built-in patient.",
    )

    @model_validator(mode="after")
    def _one_patient(self) -> Self:
        if (self.site is None) == (self.ct is None):
            msg = "give either site (a built-in patient) or ct (a folder with a planning export)"
            raise ValueError(msg)
        others = sorted(self.model_fields_set & {"seed", "voxel_mm"})
        if self.ct is not None and others:
            msg = f"{others[0]} is of a built-in patient: leave it out beside ct"
            raise ValueError(msg)
        return self


class SetUpSection(Section):
    """Set-up error, drawn or fixed, along and about the patient's x (left), y (back), z (head)."""

    systematic_mm: _Deviation_mm = Field(
        default=(2.5, 2.5, 2.5), description="Standard deviation: drawn once per patient."
    )
    random_mm: _Deviation_mm = Field(
        default=(2.5, 2.5, 2.5), description="Standard deviation: drawn every day."
    )
    systematic_deg: _Deviation_deg = Field(
        default=(0.7, 0.7, 0.7), description="Standard deviation: drawn once per patient."
    )
    random_deg: _Deviation_deg = Field(
        default=(0.7, 0.7, 0.7), description="Standard deviation: drawn every day."
    )
    fixed_mm: _Shift_mm | None = Field(
        default=None, description="Lies exactly so instead of what is drawn; zero if only fixed_deg is given."
    )
    fixed_deg: _Turn_deg | None = Field(
        default=None, description="Lies exactly so instead of what is drawn; zero if only fixed_mm is given."
    )
    fixed_fractions: _Numbers = Field(
        default=(), description="In which fractions the fixed error counts; in all if absent."
    )

    @model_validator(mode="after")
    def _fixed_or_drawn(self) -> Self:
        said = self.model_fields_set
        fixed = sorted(said & {"fixed_mm", "fixed_deg"})
        drawn = sorted(said & {"systematic_mm", "random_mm", "systematic_deg", "random_deg"})
        if "fixed_fractions" in said and not (fixed and self.fixed_fractions):
            msg = "fixed_fractions needs numbers of fractions, and beside it fixed_mm or fixed_deg"
            raise ValueError(msg)
        if fixed and drawn and not self.fixed_fractions:
            msg = (
                f"{fixed[0]} says how the patient lies in every fraction, {drawn[0]} that it is drawn: leave "
                "one out, or name the fractions that are fixed in fixed_fractions"
            )
            raise ValueError(msg)
        return self


class OrganSection(Section):
    """What changes in the body over the course; refused where the patient has no such structure."""

    bladder_percent: float = Field(
        default=0.0, ge=0.0, le=100.0, description="Standard deviation of the day's volume of Bladder."
    )
    rectum_percent: float = Field(
        default=0.0, ge=0.0, le=100.0, description="Standard deviation of the day's volume of Rectum."
    )
    weight_loss_mm: float = Field(
        default=0.0, ge=-20.0, le=20.0, description="How far the skin has moved inwards by the last fraction."
    )
    shrinkage_percent: float = Field(
        default=0.0, ge=0.0, le=80.0, description="Volume that GTV has lost by the last fraction."
    )


class NeckSection(Section):
    """Standard deviations of how far the head is turned against the shoulders; site head-neck only."""

    systematic_deg: _Flexion_deg = Field(
        default=(1.0, 0.7, 0.7), description="About x, y, z; drawn once per patient."
    )
    random_deg: _Flexion_deg = Field(default=(1.5, 0.7, 0.7), description="About x, y, z; drawn every day.")


class BreathingSection(Section):
    """How the patient breathes, who has one of the structures Lung_L, Lung_R, Liver."""

    peak_to_peak_mm: float = Field(default=12.0, ge=0.0, le=30.0, description="Diaphragm, along the body.")
    period_s: float = Field(default=4.0, ge=0.5, le=30.0, description="Mean length of a breath.")
    hysteresis_mm: float = Field(default=2.0, ge=0.0, le=10.0, description="Way in against way out, across.")
    amplitude_variation: float = Field(
        default=0.12, ge=0.0, le=0.5, description="From breath to breath, share of the mean."
    )
    period_variation: float = Field(
        default=0.1, ge=0.0, le=0.5, description="From breath to breath, share of the mean."
    )
    baseline_drift_mm_per_min: float = Field(
        default=0.0, ge=-5.0, le=5.0, description="Positive towards the feet."
    )
    baseline_walk_mm: float = Field(default=0.5, ge=0.0, le=5.0, description="Random walk after one minute.")
    coughs_per_min: float = Field(default=0.0, ge=0.0, le=10.0, description="Short, deep, fast movements.")


class ProstateMotionSection(Section):
    """Drift and transients of the structure Prostate while the patient lies still."""

    walk_mm: _Walk_mm = Field(
        default=(0.2, 0.5, 0.5), description="Random walk after one minute along x, y, z."
    )
    drift_mm_per_min: _Drift = Field(
        default=(0.0, 0.15, -0.1), description="Along x, y, z; +y is towards the back."
    )
    transients_per_min: float = Field(
        default=0.05, ge=0.0, le=10.0, description="How often the rectum pushes it forwards."
    )
    transient_mm: float = Field(default=4.0, ge=0.0, le=15.0, description="Mean size of such an excursion.")
    transient_s: float = Field(default=25.0, ge=1.0, le=600.0, description="Mean time until it is over.")


class LimitsSection(Section):
    """What the department allows in one fraction without a person."""

    images: int = Field(default=4, ge=1, le=20, description="Exposures in one fraction.")
    corrections: int = Field(default=3, ge=1, le=20, description="Couch corrections in one fraction.")
    image_age_s: float = Field(
        default=900.0, gt=0.0, le=3600.0, description="An older image is not used any more."
    )
    tolerance_mm: float = Field(
        default=0.5, gt=0.0, le=20.0, description="A smaller shift confirms the position."
    )
    tolerance_deg: float = Field(
        default=0.3, gt=0.0, le=10.0, description="A smaller rotation confirms the position."
    )
    largest_shift_mm: float = Field(
        default=20.0, gt=0.0, le=200.0, description="A larger correction needs a person."
    )
    largest_angle_deg: float = Field(
        default=3.0, gt=0.0, le=20.0, description="A larger correction needs a person."
    )
    degrees_of_freedom: Literal[3, 4, 6] = Field(default=6, description="What the couch can do.")
    verify_with_image: bool = Field(
        default=False, description="No beam before an image shows the corrected position."
    )
    couch_failures: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How often a couch that is not in place leads to a new image, not to the end.",
    )


class PlanSection(Section):
    """What one fraction gives."""

    meterset_mu: float = Field(default=200.0, gt=0.0, le=10000.0, description="Monitor units of a fraction.")
    dose_gy: float = Field(
        default=2.0, gt=0.0, le=30.0, description="Prescribed dose of a fraction, for the report."
    )


class CouchSection(Section):
    """What is imperfect about the couch."""

    backlash_mm: float = Field(
        default=0.2, ge=0.0, le=10.0, description="Lost motion of a drive that reverses."
    )
    backlash_deg: float = Field(default=0.1, ge=0.0, le=10.0, description="The same for the angles.")
    turntable_axis_mm: _Axis_mm = Field(
        default=(0.2, -0.1), description="Where the turntable's axis passes the isocentre's plane: x, y."
    )
    read_out_mm: float = Field(
        default=0.1, ge=0.0, le=10.0, description="Smallest step that the scales show."
    )
    read_out_deg: float = Field(
        default=0.01, ge=0.0, le=10.0, description="Smallest step that the scales show."
    )


class ImagingSection(Section):
    """How the day's image comes about, what is matched on it, and what is imperfect about it."""

    model: ImagingModel = Field(
        default="image-domain",
        description="image-domain: the truth made to look like a cone-beam CT (fast); physical: projections "
        "through the moving patient, reconstructed; stereo pair: radiographs of two tubes in the room; arm "
        "pair: of the kV arm at two angles; ultrasound: a tracked probe on the perineum of a prostate "
        "patient, matched to the ultrasound of his simulation.",
    )
    first_fraction: ImagingModel | None = Field(
        default=None, description="Another model for fraction 1 only."
    )
    field_of_view_mm: float | None = Field(
        default=None,
        ge=50.0,
        le=500.0,
        description="Diameter of the cylinder that the image-domain model shows; its own if absent.",
    )
    match: Matched = Field(
        default="anatomy",
        description="What shows where the patient lies: his anatomy, or his implanted gold seeds.",
    )
    isocentre_offset_mm: _Offset_mm = Field(
        default=(0.0, 0.0, 0.0), description="Imaging minus treatment isocentre, in the room: x, y, z."
    )
    sag_mm: float = Field(
        default=0.0, ge=-20.0, le=20.0, description="Amplitude of the sag along the gantry axis."
    )


class ConsoleSection(Section):
    """How long the work at the console takes, on the clock of the room."""

    match_s: float = Field(default=10.0, ge=0.0, le=3600.0, description="From the image to the match.")
    decision_s: float = Field(
        default=70.0,
        ge=0.0,
        le=3600.0,
        description="From the match to what is done about it: approve, confirm, image again, stop.",
    )


class RoomSection(Section):
    """The machine, and the console outside."""

    couch: CouchSection = CouchSection()
    imaging: ImagingSection = ImagingSection()
    console: ConsoleSection = ConsoleSection()
    dose_rate_mu_min: float = Field(default=600.0, gt=0.0, le=10000.0, description="At most.")


class GateSection(MonitoringSection):
    """How the target is watched during the beam where no protocol says it, and how large the gate is."""

    gate_mm: float = Field(gt=0.0, le=50.0, description="Radius about the planned place of the target.")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            self.monitoring()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def monitoring(self) -> Monitoring:
        """Return it as a protocol would say it.

        Raises
        ------
        InputError
            If its values do not fit together.
        """
        return Monitoring(**self.model_dump(exclude={"gate_mm"}))


class AnatomySection(AssessmentSection):
    """What is looked at in the anatomy of the day where no protocol says it, and how exact it has to be.

    An alert about a volume has to come within one assessed day of the day on which true volumes raise it.
    """

    fractions: _Numbers = Field(default=(), description="Those that are assessed; all where it is empty.")
    spacing_mm: float = Field(
        default=2.0, ge=1.0, le=5.0, description="Of the finest samples of the deformable registration."
    )
    within_percent: float | None = Field(
        default=None,
        gt=0.0,
        le=100.0,
        description="Truth: the volume of a structure on a day that counts is no further off, percent of it.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            self.instructions()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def asks_for(self, fraction: int) -> bool:
        """Whether this fraction is assessed."""
        return not self.fractions or fraction in self.fractions

    @classmethod
    def of(cls, instructions: AssessmentInstructions, **said: object) -> Self:
        """Return what a protocol says, with what a scenario says beside it."""
        return cls.model_validate(asdict(instructions) | said)


class FaultSection(Section):
    """Something in the room that fails, at a known moment."""

    name: FaultName
    fraction: int = Field(default=1, ge=1, le=MOST_FRACTIONS, description="In which fraction.")
    occurrence: int = Field(
        default=1, ge=1, le=10000, description="At which exposure, movement, call or frame first."
    )
    times: int = Field(default=1, ge=1, le=10000, description="How often in a row.")
    always: bool = Field(default=False, description="Every time from then on, whatever times says.")
    device: Device | None = Field(default=None, description="Which link breaks, for link-broken only.")
    moment: Moment = Field(
        default="before beam", description="beam on: count only calls while the beam is on."
    )
    size: float | None = Field(
        default=None,
        description="couch-stops-short: share of the way; couch-reads-wrong: lateral error, mm; frames-late "
        "and clock-off: s; frames-slow: frames in a second.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        try:
            self.fault()
        except InputError as error:
            raise ValueError(str(error)) from error
        return self

    def fault(self) -> Fault:
        """Return the fault for the virtual room.

        Raises
        ------
        InputError
            If its values do not fit together.
        """
        return Fault(
            self.name,
            fraction=self.fraction,
            occurrence=self.occurrence,
            times=None if self.always else self.times,
            device=self.device,
            moment=self.moment,
            size=self.size,
        )


class ExpectSection(Section):
    """What has to come of a fraction, or of all of them; anything else is exit code 1."""

    fraction: int | None = Field(
        default=None, ge=1, le=MOST_FRACTIONS, description="Which one; all others if absent."
    )
    ends: Ending = Field(
        default="closed", description="closed: treated in full; stopped: not, with a reason."
    )
    reason: str | None = Field(
        default=None, min_length=1, description="Words that the reason has to contain."
    )
    residual_mm: float | None = Field(
        default=None,
        gt=0.0,
        le=50.0,
        description="Truth: no target point further off, in the mean over the beam.",
    )
    residual_deg: float | None = Field(
        default=None, gt=0.0, le=20.0, description="Truth: largest rotation left then."
    )
    images: int | None = Field(
        default=None, ge=0, le=20, description="How many images have to have been taken."
    )
    anatomy: AnatomyVerdict | None = Field(
        default=None,
        description="What its assessment has to say of itself; undecided: anything but 'for decision'.",
    )


class Scenario(Section):
    """A course on a virtual machine."""

    title: str = Field(min_length=1, max_length=120, description="One line.")
    about: str = Field(default="", description="What it shows and why it is expected to end as it does.")
    seed: int = Field(default=0, ge=0, description="Everything random comes from here.")
    fractions: int = Field(default=1, ge=1, le=MOST_FRACTIONS)
    patient: PatientSection
    set_up: SetUpSection = SetUpSection()
    organs: OrganSection | None = None
    neck: NeckSection | None = None
    breathing: BreathingSection | None = None
    prostate_motion: ProstateMotionSection | None = None
    plan: PlanSection = PlanSection()
    room: RoomSection = RoomSection()
    limits: LimitsSection = LimitsSection()
    monitoring: GateSection | None = None
    assessment: AnatomySection | None = None
    dose: CourseDoseSection | None = None
    faults: Annotated[tuple[FaultSection, ...], Field(strict=False)] = ()
    expect: Annotated[tuple[ExpectSection, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _within_the_course(self) -> Self:
        for name, numbers in (
            ("faults", [fault.fraction for fault in self.faults]),
            ("set_up.fixed_fractions", list(self.set_up.fixed_fractions)),
            ("assessment.fractions", [] if self.assessment is None else list(self.assessment.fractions)),
            ("expect", [wish.fraction for wish in self.expect if wish.fraction is not None]),
        ):
            beyond = [number for number in numbers if number > self.fractions]
            if beyond:
                msg = (
                    f"{name} names fraction {beyond[0]}, but there are {self.fractions}: correct one of them"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _ultrasound_of_a_prostate(self) -> Self:
        imaging = self.room.imaging
        models = {imaging.model, imaging.first_fraction or imaging.model}
        if "ultrasound" in models and self.patient.site not in (None, "prostate"):
            msg = (
                f'patient.site = "{self.patient.site}" cannot be imaged by ultrasound, which the room '
                'does of a prostate only: take site = "prostate", or another room.imaging.model'
            )
            raise ValueError(msg)
        if "ultrasound" in models and imaging.match == "markers":
            msg = 'ultrasound shows no implanted markers: take room.imaging.match = "anatomy"'
            raise ValueError(msg)
        watched = self.monitoring is not None and self.monitoring.device == "ultrasound"
        if watched and models != {"ultrasound"}:
            msg = (
                'monitoring.device = "ultrasound" needs a probe on the patient in every fraction: take '
                'room.imaging.model = "ultrasound" and no other first_fraction'
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _assessed_by_a_ct(self) -> Self:
        if self.assessment is None:
            if any(wish.anatomy is not None for wish in self.expect):
                msg = "expect says anatomy, and nothing is assessed: add the section assessment"
                raise ValueError(msg)
            return self
        if self.room.imaging.model not in ("image-domain", "physical"):
            msg = (
                "assessment needs a CT of the day, which room.imaging.model = "
                f'"{self.room.imaging.model}" does not give: leave one of them out'
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _moved_once(self) -> Self:
        if self.breathing is not None and self.prostate_motion is not None:
            msg = "breathing and prostate_motion cannot both move the target: leave one of them out"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _expected_once(self) -> Self:
        numbers = [wish.fraction for wish in self.expect]
        if len(numbers) != len(set(numbers)):
            msg = "expect says two things of one fraction: leave one"
            raise ValueError(msg)
        return self

    def expected(self, fraction: int) -> ExpectSection:
        """Return what has to come of a fraction: its own entry, that for all others, or that it closes."""
        for wanted in (fraction, None):
            for wish in self.expect:
                if wish.fraction == wanted:
                    return wish
        return ExpectSection()

"""One patient on one day: the truth of everything that is not as planned, at every moment of a fraction."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.kernels.fields import steepest_gradient
from isoguide.virtual.breathing import Breathing, breathing_modes
from isoguide.virtual.displacement import Displacement
from isoguide.virtual.motion import Motion, motion_that_fits, share_that_fits
from isoguide.virtual.neck import NeckFlexion, neck_that_fits
from isoguide.virtual.organ_changes import ChangingOrgans, OrganChanges, OrganState, draw_states, volume_ml
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.prostate_motion import ProstateMotion, prostate_modes
from isoguide.virtual.set_up_errors import SetUpErrors
from isoguide.virtual.setting_limits import require
from isoguide.virtual.tissue_lattice import LATTICE_MM, TissueLattice

Floats = NDArray[np.float32]

NECK_LATTICE_MM = 2.4
"""Between the bones of the neck there is less room than elsewhere."""
STEEPEST_STILL = 0.7
"""Organs change no more than this per mm, so that there is room left for what moves."""
TARGETS = ("PTV", "CTV", "GTV")


@dataclass(frozen=True, slots=True, eq=False)
class PatientMoment:
    """Where every piece of tissue is at one moment.

    Tissue of planning position x has moved to ``field.moved(x)`` within the patient, who as a whole lies
    displaced by ``displacement``.

    Parameters
    ----------
    displacement
        How the patient lies, patient LPS, about the isocentre.
    field
        How his anatomy differs from the planning CT, planning LPS; None when it does not.
    """

    displacement: Displacement
    field: DisplacementField | None = None

    def moved(self, points_mm: Array) -> Array:
        """Return where tissue is within the patient, (n, 3) planning LPS, without the rigid part."""
        points = np.atleast_2d(np.asarray(points_mm, dtype=np.float64))
        return points if self.field is None else self.field.moved(points)

    def daily_positions(self, points_mm: Array, *, isocentre_mm: Array, machine_isocentre_mm: Array) -> Array:
        """Return where tissue of planning positions (n, 3) lies in the day's frame, (n, 3) daily LPS."""
        return (
            self.planning_from_daily(isocentre_mm=isocentre_mm, machine_isocentre_mm=machine_isocentre_mm)
            .inverse()
            .apply(self.moved(points_mm))
        )

    def planning_from_daily(self, *, isocentre_mm: Array, machine_isocentre_mm: Array) -> RigidTransform:
        """Return the rigid part as :meth:`Displacement.planning_from_daily` does."""
        return self.displacement.planning_from_daily(
            isocentre_mm=isocentre_mm, machine_isocentre_mm=machine_isocentre_mm
        )


@dataclass(frozen=True, slots=True, eq=False)
class PatientDay:
    """How one patient is on one day.

    Parameters
    ----------
    number
        Fraction, counted from 1.
    displacement
        Set-up error: how the patient lies on the table, patient LPS, about the isocentre.
    anatomy
        What differs from the planning CT all day (filling, weight, tumour, neck); None when nothing does.
    motion
        What moves during the fraction, on the anatomy's lattice; None when nothing does.
    steepest
        Proven upper bound of the gradient of anatomy and motion together.
    numbers
        What was drawn, by name with unit (``set_up_left_mm``, ``bladder_ml``, ``neck_about_x_deg`` ...).
        Where tissue has no room for all of a change, this is what it came to.
    """

    number: int
    displacement: Displacement
    anatomy: DisplacementField | None = None
    motion: Motion | None = None
    steepest: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_still(self) -> bool:
        """True when nothing moves during the fraction, so that every moment is alike."""
        return self.motion is None

    def describe(self) -> dict[str, float]:
        """Return the numbers of the day by name with unit."""
        return dict(self.numbers)

    def moment(self, seconds: float) -> PatientMoment:
        """Return where everything is this many seconds after set-up.

        Raises
        ------
        InputError
            If the time is before set-up or, for a patient who moves, more than an hour after it.
        """
        if not seconds >= 0.0:
            msg = f"there is no truth {seconds:g} s after set-up: ask for 0 s or later"
            raise InputError(msg)
        if self.motion is None or self.anatomy is None:
            return PatientMoment(self.displacement, self.anatomy)
        vectors = self.anatomy.vectors_mm.copy()
        self.motion.add_to(vectors, seconds)
        vectors.flags.writeable = False
        return PatientMoment(self.displacement, DisplacementField(self.anatomy.grid, vectors, self.steepest))

    def moments(self, start_s: float, stop_s: float, count: int) -> tuple[PatientMoment, ...]:
        """Return moments at the middles of ``count`` equal parts of a span of time; one if all are alike."""
        if self.is_still:
            return (self.moment(start_s),)
        step_s = (stop_s - start_s) / count
        return tuple(self.moment(start_s + (n + 0.5) * step_s) for n in range(count))


@dataclass(frozen=True, slots=True)
class CourseSettings:
    """What a patient's days are drawn from; None leaves a source of change out. The default is rigid days.

    Parameters
    ----------
    set_up
        How the patient is laid down.
    organs, neck, breathing, prostate
        What changes in him.
    lattice_mm
        Distance of the nodes of displacement fields: finer ones leave more room between organ and bone.

    Raises
    ------
    InputError
        If the distance of the nodes is not between 1 and 20 mm.
    """

    set_up: SetUpErrors = field(default_factory=SetUpErrors)
    organs: OrganChanges | None = None
    neck: NeckFlexion | None = None
    breathing: Breathing | None = None
    prostate: ProstateMotion | None = None
    lattice_mm: float = LATTICE_MM

    def __post_init__(self) -> None:
        require("course lattice_mm", self.lattice_mm, 1.0, 20.0)

    @property
    def is_rigid(self) -> bool:
        """True when the patient differs from the planning CT by nothing but how he lies."""
        return not (self.organs or self.neck or self.breathing or self.prostate)


def draw_days(
    patient: Phantom, settings: CourseSettings, fractions: int, rng: np.random.Generator
) -> tuple[PatientDay, ...]:
    """Draw the days of a patient's course.

    Each source of change has random numbers of its own, so that leaving one out does not change the others.

    Parameters
    ----------
    patient
        Who is treated: anatomy and structures decide what can move.
    settings
        How large everything is.
    fractions
        How many days, at least 1.
    rng
        Everything random; the same seed gives the same course.

    Raises
    ------
    InputError
        If fractions is below 1, breathing and prostate motion are both asked for, or the patient has no
        structure that a setting needs.
    GeometryError
        If a displacement takes the target out of the image.
    """
    if fractions < 1:
        msg = f"a course of {fractions} fractions has no days: ask for 1 or more"
        raise InputError(msg)
    if settings.breathing and settings.prostate:
        msg = "breathing and prostate motion cannot be combined: choose the one that moves the target"
        raise InputError(msg)
    laid, changed, bent, moving = rng.spawn(4)
    displacements = settings.set_up.draw(fractions, laid)
    if settings.is_rigid:
        days = tuple(
            PatientDay(number, displacement, numbers=_set_up_numbers(displacement))
            for number, displacement in enumerate(displacements, start=1)
        )
    else:
        course = _Course(patient, settings, fractions, (changed, bent))
        days = tuple(
            course.day(number, displacement, moving)
            for number, displacement in enumerate(displacements, start=1)
        )
    for day in days:
        _require_target_in_image(patient, day)
    return days


class _Course:
    """What the days of one patient's course share: the lattice, and the fields that are scaled each day."""

    def __init__(
        self,
        patient: Phantom,
        settings: CourseSettings,
        fractions: int,
        rngs: tuple[np.random.Generator, np.random.Generator],
    ) -> None:
        self.settings = settings
        finest_mm = NECK_LATTICE_MM if settings.neck else settings.lattice_mm
        self.lattice = TissueLattice(patient, min(finest_mm, settings.lattice_mm))
        self.organs = ChangingOrgans(self.lattice, settings.organs) if settings.organs else None
        self.states = draw_states(settings.organs, fractions, rngs[0]) if settings.organs else ()
        self.angles_deg = settings.neck.draw(fractions, rngs[1]) if settings.neck else None
        self.modes: tuple[Floats, ...] = ()
        if settings.breathing:
            self.modes = breathing_modes(self.lattice, settings.breathing)
        elif settings.prostate:
            self.modes = prostate_modes(self.lattice)

    def day(self, number: int, displacement: Displacement, rng: np.random.Generator) -> PatientDay:
        """Draw one day."""
        numbers = _set_up_numbers(displacement)
        vectors = np.zeros((*self.lattice.grid.shape, 3), dtype=np.float32)
        if self.angles_deg is not None:
            angles_deg, vectors = neck_that_fits(self.lattice, self.angles_deg[number - 1])
            numbers |= dict(zip(_about("neck"), angles_deg.tolist(), strict=True))
        if self.organs is not None:
            vectors = self._with_organs(vectors, self.states[number - 1])
        anatomy = DisplacementField(self.lattice.grid, vectors)
        numbers |= self._organ_numbers(anatomy)
        source = self.settings.breathing or self.settings.prostate
        if source is None:
            return PatientDay(number, displacement, anatomy, numbers=numbers)
        spacing_mm = self.lattice.grid.spacing_mm
        motion, steepest = motion_that_fits(
            anatomy.vectors_mm,
            self.modes,
            source.draw(rng),
            spacing_mm,
            stops=self.settings.prostate is not None,
        )
        numbers |= _motion_numbers(motion, source)
        return PatientDay(number, displacement, anatomy, motion, steepest, numbers)

    def _with_organs(self, vectors: Floats, state: OrganState) -> Floats:
        if self.organs is None:
            return vectors
        change = self.organs.on(state)
        spacing_mm = self.lattice.grid.spacing_mm

        def steepest_of(part: float) -> float:
            return steepest_gradient(vectors + np.float32(part) * change, spacing_mm)[0]

        most = max(STEEPEST_STILL, steepest_of(0.0))
        return vectors + np.float32(share_that_fits(steepest_of, most)) * change

    def _organ_numbers(self, anatomy: DisplacementField) -> dict[str, float]:
        """Volumes of the day, measured, of the organs that change."""
        changes = self.settings.organs
        if changes is None:
            return {}
        grid = self.lattice.patient.anatomy.grid
        wanted = (
            ("Bladder", "bladder_ml", changes.bladder_percent),
            ("Rectum", "rectum_ml", changes.rectum_percent),
            ("GTV", "gtv_ml", changes.shrinkage_percent),
        )
        return {
            key: volume_ml(self.lattice.structure(name), grid, anatomy)
            for name, key, change in wanted
            if change
        } | ({"longest_change_mm": anatomy.longest_mm})


def _about(what: str) -> tuple[str, str, str]:
    return f"{what}_about_x_deg", f"{what}_about_y_deg", f"{what}_about_z_deg"


def _set_up_numbers(displacement: Displacement) -> dict[str, float]:
    """Name the set-up error: towards the patient's left, back and head, and Rz·Ry·Rx about the axes."""
    names = ("set_up_left_mm", "set_up_back_mm", "set_up_head_mm", *_about("set_up"))
    angles_deg = Rotation.from_matrix(displacement.rotation).as_euler("xyz", degrees=True)
    return dict(zip(names, (*displacement.translation_mm.tolist(), *angles_deg.tolist()), strict=True))


def _motion_numbers(motion: Motion, source: Breathing | ProstateMotion) -> dict[str, float]:
    if isinstance(source, Breathing):
        return {
            "breathing_peak_to_peak_mm": motion.share * source.peak_to_peak_mm,
            "breathing_period_s": source.period_s,
        }
    five_minutes = motion.trace.values[: round(300.0 / motion.trace.step_s)]
    return {"prostate_largest_in_5_min_mm": float(np.linalg.norm(five_minutes, axis=1).max())}


def _require_target_in_image(patient: Phantom, day: PatientDay) -> None:
    """Refuse a day on which the target lies where the planning CT does not reach.

    Raises
    ------
    GeometryError
        With the day and how far the target went.
    """
    points = [patient.isocentre_mm[None]]
    points += [s.points_mm for s in patient.structures if s.name in TARGETS and s.is_volume]
    target_mm = np.concatenate(points)
    isocentre_mm = patient.isocentre_mm
    here_mm = day.moment(0.0).daily_positions(
        target_mm, isocentre_mm=isocentre_mm, machine_isocentre_mm=isocentre_mm
    )
    inside = patient.anatomy.grid.contains(here_mm) | ~patient.anatomy.grid.contains(target_mm)
    if not inside.all():
        moved_mm = float(np.linalg.norm(here_mm - target_mm, axis=1).max())
        msg = (
            f"on day {day.number} the displacement takes the target {moved_mm:.0f} mm away, out of the image"
            f" of {patient.name}: make set-up errors and changes smaller"
        )
        raise GeometryError(msg)

"""Computes the true dose of a virtual course's days, with and without image guidance.

The patient of a day is his true anatomy in the middle of the radiation. His dose is computed where he truly
lay during the beam, and once more where he lay when he was set up to his marks, and both are taken to the
planning anatomy by the true displacement of his tissue. What moves during the beam is followed through the
dose of the fraction at several moments; the interplay with moving leaves is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy import ndimage

from isoguide.dose.accumulate import (
    CarriedDose,
    DeliveredPart,
    carried_dose,
    nothing_yet,
)
from isoguide.dose.beam_data import BeamData
from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.density_curve import GENERIC_CURVE
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.goal_text import goal_words
from isoguide.dose.goals import evaluate_goals
from isoguide.dose.histograms import dose_volume_histograms
from isoguide.dose.machine import generic_6mv
from isoguide.dose.result import DoseDistribution, DoseVolume
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField, node_positions_mm
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Plan
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.truth import RoomTruth
from isoguide.workflow.course_dose import ComparedGoal, CourseDose, DeliveredDay, DoseFigures
from isoguide.workflow.scenario_dose import CourseDoseSection
from isoguide.workflow.target import TARGET_TYPES

DENSITY_MM: Final = 3.0
"""Voxels of the anatomy that doses are computed on: finer ones change nothing that is told here."""
MOMENTS: Final = 6
"""At so many moments of the radiation a patient who moves is looked at."""
LEAST_SHARE: Final = 1e-3
"""A fraction with less of its meterset gave no dose worth telling."""
AIR_HU: Final = -1000.0
OUTSIDE_TYPE: Final = "EXTERNAL"
IN_TRUTH: Final = (
    "doses are those of the true anatomy of the virtual patient, taken to the planning CT by the true "
    "displacement of his tissue"
)
COARSE: Final = "arcs are computed as beams {:g}° apart, on voxels of {:g} mm"
OUTSIDE: Final = "{:.0f} % of {} lies outside the dose grid, far from all fields, and counts with 0 Gy"
MOVES: Final = "what moves during the beam gets the mean dose of the fraction where it is: no interplay"


@dataclass(frozen=True, slots=True, eq=False)
class _Planned:
    """The planning side: the plan's dose of one fraction, and what it comes to."""

    dose: DoseVolume
    figures: dict[str, DoseFigures]


@dataclass(eq=False)
class CourseDosimetry:
    """Computes the dose of one fraction after the other.

    Parameters
    ----------
    phantom
        The patient.
    plan
        What is delivered.
    section
        What the scenario asks for.

    Raises
    ------
    MissingEvidenceError
        If no target is drawn, or the plan does not say what it shall get.
    InputError
        If the plan holds what is not supported.
    """

    phantom: Phantom
    plan: Plan
    section: CourseDoseSection
    _machine: BeamData = field(default_factory=generic_6mv)
    _approximations: dict[str, None] = field(default_factory=dict)
    _days: list[DeliveredDay] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._prescribed_gy, self._fractions = self.plan.fraction_prescription()
        self._structures = _structures(self.phantom, self.section)
        self._target = _target_of(self._structures)
        self._anatomy = smoothed(self.phantom.anatomy)
        self._planned = self._as_planned()
        self._guided = self._unguided = nothing_yet(self._planned.dose.grid)

    def add(self, number: int, delivered_mu: float, room: VirtualRoom) -> None:
        """Add the dose of a fraction; nothing where there was no radiation."""
        share = min(delivered_mu / self.plan.treatment_mu, 1.0)
        if share < LEAST_SHARE or not room.beam.intervals:
            return
        density: dict[float, Volume] = {}
        guided = self._delivered(room.truth, _seconds(room), is_guided=True, known=density)
        unguided = self._delivered(room.truth, _without_gate(room), is_guided=False, known=density)
        guided, unguided = _of_share(guided, share), _of_share(unguided, share)
        self._guided, self._unguided = self._guided.plus(guided), self._unguided.plus(unguided)
        self._days.append(DeliveredDay(number, share, self._figures(guided), self._figures(unguided)))

    def course(self) -> CourseDose:
        """Return what the fractions so far delivered."""
        fractions = sum(day.share for day in self._days)
        planned = self._planned.dose.scaled(fractions)
        sums = [planned, self._guided.dose, self._unguided.dose]
        found = [dose_volume_histograms(dose, self._structures) for dose in sums] if self._days else [()] * 3
        body = [one for one in self.phantom.structures if one.interpreted_type == OUTSIDE_TYPE]
        self._note([OUTSIDE.format(one.outside_percent, one.name) for one in found[0] if not one.is_covered])
        return CourseDose(
            section=self.section,
            target_name=self._target,
            prescribed_gy=self._prescribed_gy,
            fractions_planned=self._fractions,
            days=tuple(self._days),
            one_fraction=self._planned.figures,
            planned=found[0],
            guided=found[1],
            unguided=found[2],
            body=tuple(dose_volume_histograms(dose, body[:1])[0] for dose in sums if body and self._days),
            goals=self._goals(found, fractions),
            approximations=tuple(self._approximations),
        )

    def _as_planned(self) -> _Planned:
        dose = self._computed(coarse_anatomy(self._anatomy, None, PLANNING), None, None)
        told = COARSE.format(self.section.arc_step_deg, self.section.spacing_mm)
        self._note((IN_TRUTH, told, *dose.approximations))
        histograms = dose_volume_histograms(dose, self._structures)
        return _Planned(dose, {one.name: DoseFigures.of(one) for one in histograms})

    def _computed(
        self, density: Volume, placed: RigidTransform | None, grid: Grid | None
    ) -> DoseDistribution:
        settings = DoseSettings(
            algorithm=self.section.algorithm,
            spacing_mm=self.section.spacing_mm,
            arc_step_deg=self.section.arc_step_deg,
        )
        return compute_dose(
            self.plan,
            density,
            self._machine,
            placement=Placement(fixed_from_patient=placed, grid=grid),
            settings=settings,
        )

    def _delivered(
        self, truth: RoomTruth, seconds: Sequence[float], *, is_guided: bool, known: dict[float, Volume]
    ) -> CarriedDose:
        """Return the dose of a whole fraction to the tissue, of the patient at these seconds of the room."""
        middle_s = seconds[len(seconds) // 2]
        # Nothing but the anatomy depends on the second where nobody moves: then it is made only once a day.
        key = 0.0 if truth.day.is_still else middle_s
        if key not in known:
            known[key] = coarse_anatomy(self._anatomy, truth.moment(middle_s).field, DAILY)
        placed = _of_day(truth.fixed_from_planning(middle_s if is_guided else 0.0))
        dose = self._computed(known[key], placed, _in_frame(self._planned.dose.grid, DAILY))
        self._note(dose.approximations)
        density = _on_grid(GENERIC_CURVE.weighed(known[key]), dose.grid)
        parts = []
        for at_s in seconds:
            moved = truth.fixed_from_planning(at_s if is_guided else 0.0)
            home = _planning_from_day(moved, placed)
            parts.append(DeliveredPart("a fraction", dose, home, truth.moment(at_s).field, None, density))
        if len(parts) > 1:
            self._note((MOVES,))
        return _mean([carried_dose(part, self._planned.dose.grid) for part in parts])

    def _figures(self, carried: CarriedDose) -> dict[str, DoseFigures]:
        dose = DoseVolume(self._planned.dose.grid, carried.dose_gy)
        return {one.name: DoseFigures.of(one) for one in dose_volume_histograms(dose, self._structures)}

    def _goals(
        self, found: Sequence[Sequence[DoseVolumeHistogram]], fractions: float
    ) -> tuple[ComparedGoal, ...]:
        """Judge the goals for the whole course, every fraction like the mean of those delivered."""
        if not self._days:
            return ()
        judged = [
            evaluate_goals(
                self.section.asked,
                [replace(one, dose_gy=one.dose_gy / fractions) for one in histograms],
                prescription_gy=self._prescribed_gy * self._fractions,
                fractions=self._fractions,
            )
            for histograms in found
        ]
        return tuple(ComparedGoal(goal_words(one[0].goal), *one) for one in zip(*judged, strict=True))

    def _note(self, words: Sequence[str]) -> None:
        self._approximations.update(dict.fromkeys(words))


def smoothed(anatomy: Volume) -> Volume:
    """Return a virtual patient's anatomy as sharp as voxels of :data:`DENSITY_MM` can show it.

    Without this thin bone would be hit or missed by chance.
    """
    width = np.maximum(DENSITY_MM / anatomy.grid.spacing_mm[::-1], 1.0)
    values = ndimage.gaussian_filter(
        np.asarray(anatomy.values, np.float32), np.sqrt((width**2 - 1.0) / 12.0), mode="nearest"
    )
    return Volume(anatomy.grid, values, anatomy.is_hounsfield, anatomy.source)


def coarse_anatomy(anatomy: Volume, displaced: DisplacementField | None, frame: Frame) -> Volume:
    """Return a virtual patient's anatomy on voxels of :data:`DENSITY_MM`, displaced as on a day.

    Parameters
    ----------
    anatomy
        As planned, HU, smoothed.
    displaced
        The day's field; None for the planning CT.
    frame
        What the patient of that day is called; he lies as he was planned but for the field.
    """
    grid = anatomy.grid
    count = np.maximum(np.ceil(grid.extent_mm / DENSITY_MM), 1).astype(int)
    first_mm = grid.origin_mm + grid.direction @ ((DENSITY_MM - grid.spacing_mm) / 2.0)
    shape = (int(count[2]), int(count[1]), int(count[0]))
    coarse = Grid(frame, shape, np.full(3, DENSITY_MM), first_mm, grid.direction)
    there_mm = node_positions_mm(coarse)
    if displaced is not None:
        there_mm = displaced.origin_of(there_mm)
    values = ndimage.map_coordinates(
        anatomy.values, grid.index(there_mm).T[::-1], order=1, mode="constant", cval=AIR_HU, output=np.float32
    )
    return Volume(coarse, values.reshape(shape), source=anatomy.source)


def _on_grid(density: Volume, grid: Grid) -> Volume:
    """Look a density up once for all moments of a day."""
    there = density.grid.index(node_positions_mm(grid)).T[::-1]
    values = ndimage.map_coordinates(density.values, there, order=1, mode="nearest", output=np.float32)
    return Volume(grid, values.reshape(grid.shape), is_hounsfield=False, source=density.source)


def _structures(phantom: Phantom, section: CourseDoseSection) -> tuple[Structure, ...]:
    """Return the targets, the largest first, and the organs that are asked for."""
    drawn = [one for one in phantom.structures if one.is_volume and one.interpreted_type != OUTSIDE_TYPE]
    targets = [one for kind in TARGET_TYPES for one in drawn if one.interpreted_type == kind]
    if not targets:
        msg = f"{phantom.name} has no target, so no dose of his course can be told: draw one"
        raise MissingEvidenceError(msg)
    wanted = set(section.structures)
    organs = [one for one in drawn if one not in targets and (not wanted or one.name in wanted)]
    return (*targets, *organs)


def _target_of(structures: Sequence[Structure]) -> str:
    """Return the name of the tissue that is treated: the smallest kind of target that is drawn."""
    typed = {one.interpreted_type: one.name for one in reversed(structures)}
    return next(typed[kind] for kind in reversed(TARGET_TYPES) if kind in typed)


def _seconds(room: VirtualRoom) -> list[float]:
    """Return moments evenly over the time with radiation; one where nobody moves."""
    begin_s, end_s = (np.array(times) for times in zip(*room.beam.intervals, strict=True))
    return _evenly(begin_s, end_s, 1 if room.truth.day.is_still else MOMENTS)


def _without_gate(room: VirtualRoom) -> list[float]:
    """Return moments from the first to the last radiation: nobody held the beam."""
    intervals = room.beam.intervals
    ends = (np.array([intervals[0][0]]), np.array([intervals[-1][1]]))
    return _evenly(*ends, 1 if room.truth.day.is_still else MOMENTS)


def _evenly(begin_s: Array, end_s: Array, count: int) -> list[float]:
    given_s = np.concatenate([[0.0], np.cumsum(end_s - begin_s)])
    wanted_s = (np.arange(count) + 0.5) / count * given_s[-1]
    which = np.searchsorted(given_s, wanted_s, side="right") - 1
    return [float(at_s) for at_s in begin_s[which] + wanted_s - given_s[which]]


def _of_day(fixed_from_planning: RigidTransform) -> RigidTransform:
    """Call the patient of a moment, who lies in planning axes, that of the day."""
    placed = fixed_from_planning
    return RigidTransform.from_parts(FIXED, DAILY, placed.rotation, placed.translation_mm)


def _planning_from_day(moved: RigidTransform, placed: RigidTransform) -> RigidTransform:
    """Return planning from the day that a dose was computed for, the patient lying as moved."""
    return moved.inverse() @ placed


def _in_frame(grid: Grid, frame: Frame) -> Grid:
    return Grid(frame, grid.shape, grid.spacing_mm, grid.origin_mm, grid.direction)


def _mean(carried: Sequence[CarriedDose]) -> CarriedDose:
    """Return the mean over moments of equal weight."""
    if len(carried) == 1:
        return carried[0]
    total = np.zeros(carried[0].dose_gy.shape)
    for one in carried:
        total += one.dose_gy
    return replace(carried[0], dose_gy=(total / len(carried)).astype(np.float32))


def _of_share(carried: CarriedDose, share: float) -> CarriedDose:
    return replace(carried, dose_gy=carried.dose_gy * np.float32(share))

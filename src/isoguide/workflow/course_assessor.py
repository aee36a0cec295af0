"""Assesses the anatomy of a virtual course's days after treatment, the planning side prepared once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import numpy as np

import isoguide
from isoguide.course import AssessmentRecord
from isoguide.errors import IsoguideError
from isoguide.geometry.frames import Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.mask import structure_mask
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.registration import Verdict
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.review.anatomy_trends import alert_words, anatomy_trend
from isoguide.treatment import FractionOutcome, Match, State
from isoguide.treatment.ports import DayImage
from isoguide.virtual.organ_changes import volume_ml
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.room import VirtualRoom
from isoguide.workflow.assess.anatomy import (
    AnatomyOfDay,
    DayAnatomy,
    PlannedAnatomy,
    assess_anatomy,
    assessment_record,
    prepare_anatomy,
)
from isoguide.workflow.assess.pictures import change_pictures, outline_pictures
from isoguide.workflow.assess.protocol_limits import quality_limits
from isoguide.workflow.assess.scene import AnatomyScene
from isoguide.workflow.course import seconds_between
from isoguide.workflow.course_anatomy import AssessedFraction, TrueChange
from isoguide.workflow.scenario import AnatomySection
from isoguide.workflow.target import TARGET_TYPES

OUTLINES: Final = "The day's image with the structures as planned (dashed) and as they are"
CHANGES: Final = "Where tissue has grown (orange) or shrunk (blue), and a grid that it took along, motion × 3"

KeepAssessment = Callable[[int, AssessmentRecord], None]
"""Gets the number of a fraction and what was found of its anatomy."""
Pictures = tuple[tuple[str, tuple[str, ...]], ...]


def keep_no_assessment(_number: int, _record: AssessmentRecord) -> None:
    """Let it go."""


@dataclass(eq=False)
class CourseAssessor:
    """Assesses one fraction after the other.

    Parameters
    ----------
    phantom
        The patient.
    section
        What is assessed, on which days, by which limits.
    pictured
        Fractions that are drawn.
    keep
        Is given each assessment.
    """

    phantom: Phantom
    section: AnatomySection
    pictured: frozenset[int]
    keep: KeepAssessment = keep_no_assessment
    _planned: PlannedAnatomy | None = None
    _records: list[tuple[int, AssessmentRecord]] = field(default_factory=list)

    def assess(self, number: int, outcome: FractionOutcome, room: VirtualRoom) -> AssessedFraction | None:
        """Assess the image that a fraction was treated by; None where none was matched, or nobody asks."""
        if not self.section.asks_for(number) or not outcome.matches:
            return None
        match = _match_of(outcome)
        image = next(one for one in outcome.images if one.uid == match.image_uid)
        placed = match.registration.planning_from_daily
        record, pictures = self._found(number, match, image, outcome)
        record = replace(record, alerts=self._alerts(number, record))
        self._records.append((number, record))
        self.keep(number, record)
        return AssessedFraction(record, self._true_changes(room, image, placed), pictures)

    def _found(
        self, number: int, match: Match, image: DayImage, outcome: FractionOutcome
    ) -> tuple[AssessmentRecord, Pictures]:
        """Return what was found, and its pictures; a day without a match or a field has no figures."""
        at = max(outcome.journal[-1].at, image.acquired_at)
        placed = match.registration.planning_from_daily
        if placed is None or not isinstance(image.content, Volume):
            words = f"the image is not matched: {'; '.join(match.registration.reasons)}"
            return _not_available(image.uid, at, words), ()
        planned, day = self._planning(), DayAnatomy(image.content, placed)
        try:
            anatomy = assess_anatomy(planned, day, limits=quality_limits(self.section.instructions()))
        except IsoguideError as error:
            return _not_available(image.uid, at, str(error)), ()
        record = assessment_record(anatomy, image_uid=image.uid, assessed_at=at)
        if outcome.state is not State.CLOSED and match.registration.verdict is not Verdict.ACCEPT:
            record = _doubted(record, match.registration.reasons)
        return record, self._pictures(planned, day, anatomy) if number in self.pictured else ()

    def _planning(self) -> PlannedAnatomy:
        if self._planned is None:
            self._planned = prepare_anatomy(
                self.phantom.volume,
                self._structures(),
                target_name=self._target_name(),
                settings=DeformableSettings(spacing_mm=self.section.spacing_mm),
            )
        return self._planned

    def _structures(self) -> Sequence[Structure]:
        wanted = {self._target_name(), *self.section.structures}
        return [one for one in self.phantom.structures if one.is_volume and one.name in wanted]

    def _target_name(self) -> str | None:
        typed = {one.interpreted_type: one.name for one in reversed(self.phantom.structures) if one.is_volume}
        # The smallest first: tissue that changes before a margin that is drawn around it.
        return next((typed[kind] for kind in reversed(TARGET_TYPES) if kind in typed), None)

    def _alerts(self, number: int, record: AssessmentRecord) -> tuple[str, ...]:
        """Say what stands on this day by the protocol; a day that does not count raises nothing new."""
        trend = anatomy_trend([*self._records, (number, record)], self.section.instructions())
        return tuple(alert_words(alert) for alert in trend.standing)

    def _true_changes(
        self, room: VirtualRoom, image: DayImage, placed: RigidTransform | None
    ) -> dict[str, TrueChange]:
        """Look up the truth in the middle of the exposure."""
        middle = image.started_at + (image.acquired_at - image.started_at) / 2
        moment = room.truth.moment(seconds_between(room.clock.at(0.0), middle))
        grid, found = self.phantom.anatomy.grid, {}
        for structure in self._structures():
            organ = structure_mask(structure, grid)
            share = volume_ml(organ, grid, moment.field) / volume_ml(organ, grid, None)
            shift_mm: Array | None = None
            if placed is not None:
                planned_mm = grid.xyz(np.argwhere(organ)[:, ::-1].astype(np.float64))
                rigid = room.planning_from_daily(seconds_between(room.clock.at(0.0), middle))
                today_mm = placed.apply(rigid.inverse().apply(moment.moved(planned_mm)))
                shift_mm = (today_mm - planned_mm).mean(axis=0)
            found[structure.name] = TrueChange(100.0 * (share - 1.0), shift_mm)
        return found

    def _pictures(self, planned: PlannedAnatomy, day: DayAnatomy, anatomy: AnatomyOfDay) -> Pictures:
        target = next((one for one in self._structures() if one.name == self._target_name()), None)
        centre_mm = self.phantom.isocentre_mm if target is None else target.points_mm.mean(axis=0)
        scene = AnatomyScene.of(planned, day, anatomy, centre_mm=centre_mm)
        rows = ((OUTLINES, outline_pictures(scene)), (CHANGES, change_pictures(scene)))
        return tuple((title, pictures) for title, pictures in rows if pictures)


def _match_of(outcome: FractionOutcome) -> Match:
    """Return the first match with an answer: the patient as he was found; else the last one."""
    answered = [one for one in outcome.matches if one.registration.planning_from_daily is not None]
    return answered[0] if answered else outcome.matches[-1]


def _not_available(image_uid: str, at: datetime, reason: str) -> AssessmentRecord:
    return AssessmentRecord(
        image_uid,
        at,
        str(FieldVerdict.NOT_AVAILABLE),
        (reason,),
        (),
        None,
        (),
        (),
        "",
        isoguide.__version__,
        "",
    )


def _doubted(record: AssessmentRecord, reasons: Sequence[str]) -> AssessmentRecord:
    """Nothing is decided by an image whose match nobody approved, however good its deformation looks."""
    if record.verdict != FieldVerdict.FOR_DECISION:
        return record
    why = f"nobody approved the match that it builds on: {'; '.join(reasons)}"
    return replace(record, verdict=str(FieldVerdict.NOT_FOR_DECISION), reasons=(why, *record.reasons))

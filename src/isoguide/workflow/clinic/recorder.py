"""Writes each step of a fraction to the records as it happens: the sink of the fraction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

import isoguide
from isoguide.course import (
    DecisionRecord,
    DeliveryRecord,
    ImageRecord,
    ImagingDose,
    MatchRecord,
    MotionRecord,
    ProtocolAction,
)
from isoguide.geometry.correction import correction_covariance
from isoguide.geometry.frames import Array
from isoguide.plan import PatientPosition
from isoguide.records import AuditNote, FractionStep, Records, StoredFraction
from isoguide.registration import Registration
from isoguide.treatment import Entry, Event, FractionMemory, Match
from isoguide.treatment.match import BY_HAND
from isoguide.treatment.ports import Exposure
from isoguide.treatment.summary import Circumstances, standing, summary_of
from isoguide.workflow.clinic.kept_fraction import KeptFraction, kept_text
from isoguide.workflow.settings_hash import settings_hash

ENDS_BEAM: Final = (Event.DELIVER, Event.HOLD, Event.STOP)
"""With these what was delivered is recorded."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Where the files of an image are in the image store, and what the exposure cost."""

    sha256: tuple[str, ...] = ()
    dose: ImagingDose | None = None


@dataclass(eq=False)
class FractionRecorder:
    """The sink of one fraction.

    Decisions, deliveries, motion and notes are told to it before the step that they belong to; they are
    written with that step, in the same transaction, or with the next one where a step fails.

    A step towards safety is made even where it cannot be written, so it does not raise then:
    :meth:`require_written` does.

    Parameters
    ----------
    records
        Where it is written.
    stored
        The fraction as it is there now.
    kept
        How it was prepared.
    patient_position
        Of the plan.
    by
        Who makes the steps.
    """

    records: Records
    stored: StoredFraction
    kept: KeptFraction
    patient_position: PatientPosition
    by: str
    _keep: dict[str, Callable[[], StoredImage]] = field(default_factory=dict, init=False)
    _decision: DecisionRecord | None = field(default=None, init=False)
    _deliveries: tuple[DeliveryRecord, ...] = field(default=(), init=False)
    _motion: MotionRecord | None = field(default=None, init=False)
    _note: AuditNote | None = field(default=None, init=False)
    _failure: Exception | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._version = self.stored.version
        self._matches = list(self.stored.matches)
        self._decisions = list(self.stored.decisions)
        self._given = self.stored.deliveries
        self._doses = [image.dose for image in self.stored.images if image.dose is not None]

    @property
    def version(self) -> int:
        """Version of the fraction in the records after the newest step that was written here."""
        return self._version

    def keep_files(self, image_uid: str, keep: Callable[[], StoredImage]) -> None:
        """Say how the files of an image are kept; done when the image counts, before that is recorded."""
        self._keep[image_uid] = keep

    def decide(self, decision: DecisionRecord) -> None:
        """Say what was decided, before it is done."""
        self._decision = decision

    def deliver(self, deliveries: Sequence[DeliveryRecord]) -> None:
        """Say what was delivered, before the end of the beam is recorded."""
        self._deliveries = tuple(deliveries)

    def watched(self, motion: MotionRecord) -> None:
        """Say how the target moved, before the end of the beam is recorded."""
        self._motion = motion

    def note_beside(self, note: AuditNote) -> None:
        """Say what is to stand in the audit beside the next step."""
        self._note = note

    def require_written(self) -> None:
        """Raise what kept a step from being written, where nobody has raised it.

        Raises
        ------
        ConflictError, OutputError
            As for a step.
        """
        if self._failure is not None:
            raise self._failure

    def __call__(self, entry: Entry, memory: FractionMemory) -> None:
        """Write one step; when this returns, it would survive a power cut.

        Raises
        ------
        ConflictError, OutputError
            As :meth:`isoguide.records.Records.add_step`; nothing was written.
        """
        try:
            self._write(memory, entry)
        except Exception as error:
            self._failure = error
            raise

    def note(self, memory: FractionMemory) -> None:
        """Write a decision that leaves the state as it is.

        Raises
        ------
        ConflictError, OutputError
            As for a step.
        """
        self._write(memory, None)

    def _write(self, memory: FractionMemory, entry: Entry | None) -> None:
        event = entry.event if entry is not None else None
        image = self._image_record(memory.images[-1]) if event is Event.IMAGE else None
        match = self._match_of_step(event, memory)
        deliveries = self._deliveries if event in ENDS_BEAM else ()
        decision = self._decision
        after = _Written(
            (*self._matches, match) if match is not None else tuple(self._matches),
            (*self._decisions, decision) if decision is not None else tuple(self._decisions),
            (*self._doses, image.dose)
            if image is not None and image.dose is not None
            else tuple(self._doses),
        )
        given = (*self._given, *deliveries)
        summary = summary_of(memory, self._circumstances(memory, after))
        if given:
            summary = replace(summary, delivered_mu=sum(one.delivered_mu for one in given))
        step = FractionStep(
            memory=kept_text(replace(self.kept, memory=memory)),
            summary=summary,
            by=self.by,
            entry=entry,
            image=image,
            match=match,
            decision=decision,
            deliveries=deliveries,
            motion=self._motion,
            notes=(self._note,) if self._note is not None else (),
        )
        self._version = self.records.add_step(self.stored.line.key, self._version, step)
        self._matches, self._decisions, self._doses = (
            list(after.matches),
            list(after.decisions),
            list(after.doses),
        )
        self._decision = self._note = self._motion = None
        if deliveries:
            self._given, self._deliveries = given, ()

    def _circumstances(self, memory: FractionMemory, written: "_Written") -> Circumstances:
        measured = [one for one in standing(written.matches) if one.correction is not None]
        first = _first_decision(written.decisions)
        return Circumstances(
            number=self.stored.line.key.number,
            began_at=self.stored.line.started_at,
            set_up_pose=self.kept.set_up_pose or memory.destination,
            offline=self.kept.offline,
            deviation=measured[0].deviation if measured else None,
            action=first.action if first is not None else "",
            rule=first.rule if first is not None else "",
            overrides=tuple(one.reason for one in written.decisions if one.is_override),
            doses=written.doses,
        )

    def _image_record(self, image: Exposure) -> ImageRecord:
        stored = self._keep[image.uid]() if image.uid in self._keep else StoredImage()
        return ImageRecord(
            image.uid,
            image.model,
            image.started_at,
            image.acquired_at,
            image.couch,
            stored.sha256,
            stored.dose,
        )

    def _match_of_step(self, event: Event | None, memory: FractionMemory) -> MatchRecord | None:
        if event in (Event.ALIGN, Event.MATCH_BY_HAND):
            return self._match_record(memory.matches[-1])
        if event is Event.MATCH_BY_ENGINE:
            # As it was recorded then: how sure it was is not in the memory that was taken up.
            uid = memory.matches[-1].image_uid
            return next(one for one in self._matches if one.image_uid == uid and one.algorithm != BY_HAND)
        return None

    def _match_record(self, match: Match) -> MatchRecord:
        found, proposal = match.registration, match.proposal
        placed = found.planning_from_daily
        return MatchRecord(
            image_uid=match.image_uid,
            verdict=found.verdict,
            reasons=found.reasons,
            planning_from_daily=placed.matrix if placed is not None else None,
            correction=match.correction,
            deviation=deviation_of(found, self.patient_position),
            pose=proposal.pose if proposal is not None else None,
            residual_mm=proposal.residual_mm if proposal is not None else 0.0,
            needs_person=proposal.needs_person if proposal is not None else (),
            algorithm=found.algorithm,
            version=isoguide.__version__,
            settings_sha256=settings_hash(found.settings),
        )


def _first_decision(decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
    """Return the first decision; one that asked for a second signature only where nothing followed it."""
    asked = ProtocolAction.SECOND_LOOK
    return next((one for one in decisions if one.action != asked), decisions[0] if decisions else None)


@dataclass(frozen=True, slots=True, eq=False)
class _Written:
    """What the records hold of the fraction once a step is written."""

    matches: tuple[MatchRecord, ...]
    decisions: tuple[DecisionRecord, ...]
    doses: tuple[ImagingDose, ...]


def deviation_of(found: Registration, patient_position: PatientPosition) -> Array | None:
    """Return the standard deviation of the six numbers, (6,) mm and degrees; None where it is not known."""
    if found.uncertainty is None or found.planning_from_daily is None:
        return None
    about_isocentre = found.uncertainty.about(found.centre_mm)
    covariance = correction_covariance(about_isocentre, found.planning_from_daily, patient_position)
    deviation: Array = np.sqrt(np.clip(np.diag(covariance), 0.0, None))
    return deviation

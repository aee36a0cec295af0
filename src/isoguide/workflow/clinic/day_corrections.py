"""Corrections of the beams at the console: what each would do to the dose of the day, and which was chosen.

Nothing is sent and nothing is treated: a plan can be fetched as a file, marked UNAPPROVED, and a mark says
which one was chosen for planning.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from isoguide.adaptation.result import Rung, RungResult
from isoguide.course import Person
from isoguide.course.staff import Role
from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.progress import Progress, silent
from isoguide.records import AuditEntry, AuditFilter, ConflictError, FractionKey
from isoguide.treatment.refusals import PersonNeededError
from isoguide.treatment.signatures import LEAST_REASON_WORDS
from isoguide.workflow.clinic.climb import climb_ladder, plan_file, why_no_plans
from isoguide.workflow.clinic.day_dose import ComputedDose, DoseDesk
from isoguide.workflow.clinic.pictures.open_image import OpenImage

MAY_CHOOSE: Final = (Role.PHYSICIST, Role.ONCOLOGIST)
"""Who may mark a corrected plan for planning."""
CHOOSE: Final = "choose for planning"
AUDIT_ROWS: Final = 500
"""A fraction has fewer entries than this."""
NOT_CLIMBED: Final = "the corrections were not worked out: ask for them to see what each would do"


@dataclass(frozen=True, slots=True, eq=False)
class ShownRung:
    """A rung with its plan as the file that is fetched.

    ``content`` is None where the rung has no plan of its own; ``sha256`` is of it, hexadecimal, else empty.
    """

    result: RungResult
    content: bytes | None
    sha256: str

    @property
    def plan_uid(self) -> str:
        """SOPInstanceUID of its plan; empty where it has none."""
        return self.result.plan.sop_instance_uid if self.result.plan is not None else ""


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """What each correction would do to the dose of a day.

    Parameters
    ----------
    dose
        The dose that it rests on.
    computed_at
        Aware UTC.
    rungs
        From what changes least to what changes most.
    """

    dose: ComputedDose
    computed_at: datetime
    rungs: tuple[ShownRung, ...]

    @property
    def approximations(self) -> tuple[str, ...]:
        """What is assumed rather than known: of the dose of the day, and of what corrections make of it."""
        effects = [one.result.effect for one in self.rungs if one.result.effect is not None]
        told = [words for one in effects for words in one.dose.approximations]
        return tuple(dict.fromkeys((*self.dose.record.approximations, *told)))

    def rung(self, rung: Rung) -> ShownRung:
        """Return one rung.

        Raises
        ------
        MissingEvidenceError
            If it is not there.
        """
        found = next((one for one in self.rungs if one.result.rung is rung), None)
        if found is None:
            msg = f"there is no '{rung}' among the corrections: load the page again"
            raise MissingEvidenceError(msg)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class PlanFile:
    """A corrected plan as a file: its name, what is in it, and the SHA-256 of that."""

    name: str
    content: bytes
    sha256: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rung was chosen for planning, as the audit has it."""

    rung: Rung
    by: str
    signed_at: datetime
    reason: str
    plan_uid: str
    plan_sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class LadderShown:
    """What a page shows of the corrections of an image.

    Parameters
    ----------
    ladder, not_shown_because
        The corrections, or the sentence why there are none.
    not_possible_because
        Why they cannot be worked out; empty where they can.
    choice
        The newest; None where nothing was chosen.
    """

    ladder: Ladder | None
    not_shown_because: str
    not_possible_because: str
    choice: Choice | None


@dataclass(frozen=True, slots=True)
class CorrectionsDesk:
    """Where corrections of the beams are worked out and chosen; may be shared by threads."""

    doses: DoseDesk

    def require_possible(self, key: FractionKey, uid: str, *, by: str) -> None:
        """Refuse at once what could only be refused for later.

        Raises
        ------
        UnknownNameError
            If there is no such fraction, or nobody of that name.
        MissingEvidenceError
            If there is no dose of the day that still holds.
        """
        self.doses.desk.records.person(by)
        self.doses.require_computed(key, uid)

    def climb(self, key: FractionKey, uid: str, *, by: str, progress: Progress = silent) -> Ladder:
        """Work out what each correction would do; nothing is kept when this raises.

        Raises
        ------
        ConflictError
            If the dose does not hold any more when it is done.
        InputError
            As :meth:`require_possible`, or if nothing can be worked out.
        Cancelled
            If ``progress`` asked to stop.
        """
        desk = self.doses.desk
        desk.records.person(by)
        dose = self.doses.require_computed(key, uid)
        image = self.doses.gallery.image(key.course_id, key.number, uid)
        now = desk.clock.now()
        rungs = tuple(self._shown(image, dose, one, now) for one in climb_ladder(image, dose, progress))
        if self.doses.shown(key, uid).computed is not dose:
            msg = (
                f"the dose of image {uid} of {key} does not hold any more: compute it again, then correct it"
            )
            raise ConflictError(msg)
        made = Ladder(dose, now, rungs)
        self.doses.gallery.cache.keep(_memory_key(key, uid), made)
        available = ", ".join(one.result.rung for one in rungs if one.result.is_available)
        desk.records.note("work out corrections", str(key), by=by, image=uid, available=available)
        progress(1.0, "Done")
        return made

    def shown(self, key: FractionKey, uid: str) -> LadderShown:
        """Return what is known of the corrections of an image; nothing is computed."""
        dose = self.doses.shown(key, uid)
        ladder = self.doses.gallery.cache.known(_memory_key(key, uid), Ladder)
        choice = self._choice(key, uid)
        if dose.computed is None:
            why = f"the corrections rest on the dose of the day; {dose.not_shown_because}"
            return LadderShown(None, why, why, choice)
        if ladder is None or ladder.dose is not dose.computed:
            return LadderShown(None, NOT_CLIMBED, "", choice)
        return LadderShown(ladder, "", "", choice)

    def require_ladder(self, key: FractionKey, uid: str) -> Ladder:
        """Return the corrections of an image.

        Raises
        ------
        MissingEvidenceError
            If there are none that still hold; the message says why.
        """
        shown = self.shown(key, uid)
        if shown.ladder is None:
            raise MissingEvidenceError(shown.not_shown_because)
        return shown.ladder

    def fetch_plan(self, key: FractionKey, uid: str, rung: Rung, *, by: str) -> PlanFile:
        """Return the file of a corrected plan; who fetched it stands in the audit.

        Raises
        ------
        UnknownNameError
            If there is nobody of that name.
        MissingEvidenceError
            If the rung has no plan of its own, or there are no corrections that still hold.
        """
        self.doses.desk.records.person(by)
        ladder = self.require_ladder(key, uid)
        shown = ladder.rung(rung)
        if shown.content is None:
            why = "; ".join(shown.result.reasons) or why_no_plans(ladder.dose) or "it is no plan"
            msg = f"'{rung}' has no plan to fetch: {why}"
            raise MissingEvidenceError(msg)
        self.doses.desk.records.note(
            "fetch a corrected plan", str(key), by=by, image=uid, rung=rung.value, plan_uid=shown.plan_uid
        )
        name = f"{key.course_id}-fraction-{key.number}-{rung.replace(' ', '-')}.dcm"
        return PlanFile(name, shown.content, shown.sha256)

    def choose(
        self, key: FractionKey, uid: str, rung: Rung, *, signer: Person, reason: str, plan_sha256: str
    ) -> Choice:
        """Mark a rung as chosen for planning: it stands in the audit, and nothing else follows from it.

        Parameters
        ----------
        key, uid, rung
            Which correction of which image.
        signer
            Who signed with the password.
        reason
            Why, in words.
        plan_sha256
            Of the plan that was looked at; empty for a rung without one.

        Raises
        ------
        PersonNeededError
            If the role of who signed may not.
        InputError
            If no reason is given, or the rung is not available.
        MismatchError
            If the plan is not the one that was looked at.
        """
        if signer.role not in MAY_CHOOSE:
            may = " or ".join(MAY_CHOOSE)
            msg = (
                f"a correction is chosen for planning by a person who is {may}, and it is signed by {signer}"
            )
            raise PersonNeededError(msg)
        if len(reason.split()) < LEAST_REASON_WORDS:
            msg = f"a correction is chosen with a reason: say why in at least {LEAST_REASON_WORDS} words"
            raise InputError(msg)
        ladder = self.require_ladder(key, uid)
        chosen = ladder.rung(rung)
        if why_no_plans(ladder.dose):
            msg = f"nothing is chosen for planning here: {why_no_plans(ladder.dose)}"
            raise InputError(msg)
        if not chosen.result.is_available:
            msg = f"'{rung}' is not available, so it cannot be chosen: {'; '.join(chosen.result.reasons)}"
            raise InputError(msg)
        if chosen.sha256 != plan_sha256:
            msg = f"the plan of '{rung}' is not the one that was looked at: load the page again"
            raise MismatchError(msg)
        self.doses.desk.records.note(
            CHOOSE,
            str(key),
            by=signer.name,
            image=uid,
            rung=rung.value,
            role=signer.role.value,
            reason=reason.strip(),
            plan_uid=chosen.plan_uid,
            plan_sha256=chosen.sha256,
        )
        found = self._choice(key, uid)
        if found is None:
            msg = f"what was chosen about image {uid} is not found in the audit: choose again"
            raise MissingEvidenceError(msg)
        return found

    def _shown(self, image: OpenImage, dose: ComputedDose, result: RungResult, now: datetime) -> ShownRung:
        if result.plan is None or why_no_plans(dose):
            return ShownRung(result, None, "")
        content = plan_file(image, self.doses.desk.store, result, now)
        return ShownRung(result, content, hashlib.sha256(content).hexdigest())

    def _choice(self, key: FractionKey, uid: str) -> Choice | None:
        found = self.doses.desk.records.audit_slice(most=AUDIT_ROWS, about=AuditFilter(subject=str(key)))
        return _newest_choice(found.entries, str(key), uid)


def _newest_choice(entries: Sequence[AuditEntry], subject: str, uid: str) -> Choice | None:
    for entry in entries:
        said = entry.payload
        if entry.action == CHOOSE and entry.subject == subject and said.get("image") == uid:
            return Choice(
                Rung(said["rung"]),
                f"{entry.actor} ({said['role']})",
                entry.at,
                said["reason"],
                said["plan_uid"],
                said["plan_sha256"],
            )
    return None


def _memory_key(key: FractionKey, uid: str) -> tuple[str, str, int, str]:
    return "corrections of the day", key.course_id, key.number, uid

"""From two paths to the anatomy of the day: match rigidly, then let tissue move, carry structures, judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType

from isoguide.course import AssessmentInstructions, DoseInstructions
from isoguide.dicom import read_structure_set
from isoguide.dicom.identity import compare_patients
from isoguide.errors import InputError, MismatchError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.progress import Progress, part_of, silent
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.registration.result import Verdict
from isoguide.registration.verdict import deformation_doubt
from isoguide.workflow.align import align
from isoguide.workflow.alignment import Alignment, DayInput
from isoguide.workflow.assess.anatomy import (
    AnatomyOfDay,
    DayAnatomy,
    PlannedAnatomy,
    assess_anatomy,
    assessment_record,
    prepare_anatomy,
)
from isoguide.workflow.assess.chosen import structures_to_assess
from isoguide.workflow.assess.dose import AssessedDose, assess_dose, order_of_day
from isoguide.workflow.assess.landmarks_file import load_landmarks
from isoguide.workflow.assess.protocol_limits import alerts_today, quality_limits
from isoguide.workflow.assess.request import AssessRequest
from isoguide.workflow.day_kind import Day, look_at_day
from isoguide.workflow.dose.day import DoseOrder
from isoguide.workflow.inputs import DailyInput, PlanningInput, require_existing
from isoguide.workflow.match_day import timed
from isoguide.workflow.protocol_file import load_protocol

_LOOKED, _MATCHED, _PREPARED = 0.02, 0.3, 0.45
"""How far the work is when it is known what the day's image is, after the rigid match, and when the planning
side is prepared."""


@dataclass(frozen=True, slots=True, eq=False)
class Assessment:
    """The answer to an :class:`~isoguide.workflow.assess.request.AssessRequest`.

    Parameters
    ----------
    request, alignment
        What was asked, and the rigid match below it.
    verdict, reasons
        What the anatomy may be used for, and why not for more.
    warnings
        What could not be checked or looks unusual.
    planned, day, anatomy
        What was assessed and what came of it; None exactly when the rigid match is "not available".
    alerts
        Why re-planning should be considered, by the protocol.
    limits
        What the protocol says; None without one.
    dose
        Of the plan and of the day; None where nobody asked, or there is no match.
    """

    request: AssessRequest
    alignment: Alignment
    verdict: FieldVerdict
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    planned: PlannedAnatomy | None = None
    day: DayAnatomy | None = None
    anatomy: AnatomyOfDay | None = None
    alerts: tuple[str, ...] = ()
    limits: AssessmentInstructions | None = None
    dose: AssessedDose | None = None
    timing_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def is_clear(self) -> bool:
        """True when anatomy and dose may be decided by and nothing of them is beyond a limit."""
        dose_is_clear = self.dose is None or self.dose.is_clear
        return self.verdict is FieldVerdict.FOR_DECISION and not self.alerts and dose_is_clear


def assess(request: AssessRequest, progress: Progress = silent) -> Assessment:
    """Assess the anatomy of the day.

    Raises
    ------
    InputError
        If the data cannot be used; the message says what to do. A match or a field that cannot be trusted is
        no error but the verdict "not for decision" or "not available".
    Cancelled
        If ``progress`` asked to stop.
    """
    seconds: dict[str, float] = {}
    with timed(seconds, "total"):
        instructions, of_dose = _instructions(request)
        day = look_at_day(request.match, part_of(progress, 0.0, _LOOKED))
        _require_ct(request, day)
        alignment = align(request.match, part_of(progress, _LOOKED, _MATCHED), day=day)
        asked = _Asked(request, alignment, instructions, of_dose)
        answer = _assess(asked, part_of(progress, _MATCHED, 1.0), seconds)
    seconds |= {step: value for step, value in alignment.timing_s.items() if step != "total"}
    return replace(answer, timing_s=MappingProxyType(seconds))


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A request, the match below it, and what the protocol says."""

    request: AssessRequest
    alignment: Alignment
    instructions: AssessmentInstructions | None
    of_dose: DoseInstructions | None


def _instructions(request: AssessRequest) -> tuple[AssessmentInstructions | None, DoseInstructions | None]:
    if request.protocol is None:
        return None, None
    protocol = load_protocol(request.protocol).protocol
    if protocol.assessment is None:
        msg = (
            f"protocol {request.protocol} says nothing about the anatomy of the day: add a section "
            "[assessment] to it, or leave --protocol out"
        )
        raise InputError(msg)
    return protocol.assessment, protocol.dose if request.dose is not None else None


def _require_ct(request: AssessRequest, day: Day) -> None:
    if day.kind == "volume":
        return
    shows = "ultrasound" if day.kind == "ultrasound" else "radiographs"
    msg = (
        f"{request.match.daily} holds {shows}: the anatomy of the day is assessed on a CT or cone-beam CT; "
        "give one, or use isoguide align for this image"
    )
    raise InputError(msg)


def _assess(asked: _Asked, progress: Progress, seconds: dict[str, float]) -> Assessment:
    request, alignment, instructions = asked.request, asked.alignment, asked.instructions
    planning, daily, matched = alignment.planning, alignment.daily, alignment.registration
    chosen = _chosen(request, alignment, instructions)
    order = None
    if request.dose is not None:
        order = order_of_day(alignment, chosen, request.dose, asked.of_dose)
    drawn, warnings = _drawn_today(request, daily)
    warnings = (*alignment.warnings, *warnings, *_nothing_to_carry(planning, chosen))
    placed = matched.planning_from_daily
    if placed is None:
        reasons = tuple(f"the rigid match is not available: {reason}" for reason in alignment.reasons)
        return Assessment(
            request, alignment, FieldVerdict.NOT_AVAILABLE, reasons, warnings, limits=instructions
        )
    target_name = alignment.target.name if alignment.target is not None else None
    with timed(seconds, "prepare_anatomy"):
        planned = prepare_anatomy(
            planning.volume, chosen, target_name=target_name, progress=part_of(progress, 0.0, 0.2)
        )
    day = _day(request, alignment, placed, drawn)
    with timed(seconds, "assess_anatomy"):
        anatomy = assess_anatomy(
            planned,
            day,
            limits=quality_limits(instructions),
            density=request.density_methods,
            progress=part_of(progress, 0.2, 1.0 if order is None else 0.6),
        )
    answer = Assessment(
        request, alignment, anatomy.verdict, anatomy.reasons, warnings, planned, day, anatomy,
        limits=instructions,
    )  # fmt: skip
    answer = _with_alerts(_doubted(answer))
    if order is None:
        return answer
    with timed(seconds, "dose"):
        return _with_dose(answer, order, asked.of_dose, part_of(progress, 0.6, 1.0))


def _chosen(
    request: AssessRequest, alignment: Alignment, instructions: AssessmentInstructions | None
) -> tuple[Structure, ...]:
    """Pick what is assessed: the target, and what was named, or a protocol names, or all of the patient."""
    structure_set = alignment.planning.structure_set
    if structure_set is None:
        if request.structure_names:
            msg = (
                f"{request.match.planning} holds no structure set, so no structure "
                f"'{request.structure_names[0]}': add the RT Structure Set, or leave --structure out"
            )
            raise InputError(msg)
        return ()
    target = alignment.target
    if not request.structure_names:
        name = target.name if target is not None else None
        return structures_to_assess(structure_set.structures, name, instructions)
    named = [structure_set.structure(name) for name in request.structure_names]
    if target is None or any(one is target for one in named):
        return tuple(named)
    return target, *named


def _nothing_to_carry(planning: PlanningInput, chosen: tuple[Structure, ...]) -> tuple[str, ...]:
    if chosen:
        return ()
    return (f"{planning.path} holds no structure to be assessed: there is nothing but the deformation",)


def _drawn_today(request: AssessRequest, daily: DayInput) -> tuple[tuple[Structure, ...], tuple[str, ...]]:
    """Read what was drawn on the day's image, and what of it could not be checked.

    Raises
    ------
    InputError
        If the file is no structure set, or belongs to another patient or another image.
    """
    if request.daily_structures is None:
        found = daily.dicom.structure_set if isinstance(daily, DailyInput) and daily.dicom else None
        return (found.structures, ()) if found is not None else ((), ())
    path = request.daily_structures
    require_existing(path)
    drawn = read_structure_set(path, DAILY)
    series = daily.series if isinstance(daily, DailyInput) else None
    if series is None:
        unchecked = f"PATIENT NOT CHECKED: {daily.path} carries no identity to compare {path.name} with"
        return drawn.structures, (*drawn.warnings, unchecked)
    warnings = compare_patients(series.patient, f"the {series.label}", drawn.patient, str(path))
    frame_uid = drawn.frame_of_reference_uid
    if (
        series.series_instance_uid != drawn.referenced_series_uid
        and frame_uid != series.frame_of_reference_uid
    ):
        msg = (
            f"{path} was not drawn on the {series.label}: it belongs to another frame of reference; give the "
            "structure set of the day's image"
        )
        raise MismatchError(msg)
    return drawn.structures, (*drawn.warnings, *warnings)


def _day(
    request: AssessRequest, alignment: Alignment, placed: RigidTransform, drawn: tuple[Structure, ...]
) -> DayAnatomy:
    volume = alignment.daily_volume
    landmarks = None
    if request.landmarks is not None:
        landmarks = load_landmarks(request.landmarks, alignment.planning.volume, volume)
    return DayAnatomy(volume, placed, drawn, landmarks)


def _doubted(answer: Assessment) -> Assessment:
    """Let the doubts about the rigid match count, but for the one that a deformation answers."""
    alignment = answer.alignment
    if alignment.verdict is not Verdict.REVIEW or answer.verdict is FieldVerdict.NOT_AVAILABLE:
        return answer
    quality = alignment.registration.quality
    answered = deformation_doubt(quality) if quality is not None else ""
    doubts = [f"the rigid match needs a look first: {one}" for one in alignment.reasons if one != answered]
    if not doubts:
        return answer
    return replace(answer, verdict=FieldVerdict.NOT_FOR_DECISION, reasons=(*answer.reasons, *doubts))


def _with_dose(
    answer: Assessment, order: DoseOrder, instructions: DoseInstructions | None, progress: Progress
) -> Assessment:
    if answer.anatomy is None:
        return answer
    anatomy = replace(answer.anatomy, verdict=answer.verdict, reasons=answer.reasons)
    return replace(answer, dose=assess_dose(order, answer.alignment, anatomy, instructions, progress))


def _with_alerts(answer: Assessment) -> Assessment:
    if answer.anatomy is None or answer.limits is None:
        return answer
    anatomy = replace(answer.anatomy, verdict=answer.verdict, reasons=answer.reasons)
    record = assessment_record(anatomy, image_uid="", assessed_at=answer.created_at)
    return replace(answer, alerts=alerts_today(record, answer.limits))

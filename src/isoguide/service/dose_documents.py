"""What the clinic says of the dose of a day and its corrections, as documents."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from isoguide.adaptation.result import RungDose
from isoguide.course import DoseRecord
from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.dose.result import DoseAlgorithm
from isoguide.service.documents.base import Six
from isoguide.service.documents.dose import (
    AlgorithmName,
    ChoiceDocument,
    DayDoseDocument,
    DoseCurve,
    DoseOfDayDocument,
    DosePictures,
    GoalDocument,
    Histograms,
    LadderDocument,
    PlannedTarget,
    RungDocument,
    RungStructure,
)
from isoguide.service.documents.images import DoseDocument
from isoguide.service.picture_documents import header_of, structure_document
from isoguide.workflow.clinic.climb import why_no_plans
from isoguide.workflow.clinic.day_corrections import MAY_CHOOSE, Choice, Ladder, LadderShown, ShownRung
from isoguide.workflow.clinic.day_dose import ComputedDose, DayDoseShown
from isoguide.workflow.clinic.dose_curves import CurveSheet, curve_sheet, percents
from isoguide.workflow.clinic.dose_order import algorithm_of
from isoguide.workflow.clinic.pictures.drawn_dose import DrawnDose
from isoguide.workflow.clinic.pictures.open_image import OpenImage
from isoguide.workflow.dose.record import goals_of_day

Colours = Mapping[str, tuple[int, int, int]]
OTHER_COLOUR = (170, 182, 194)
"""Of a curve whose structure is not drawn."""


def dose_of_day_document(
    uid: str, shown: DayDoseShown, corrections: LadderShown, address: str
) -> DoseOfDayDocument:
    """Say what is known of the dose of an image; ``address`` is that of this document."""
    record, computed = shown.record, shown.computed
    ladder = corrections.ladder
    drawn = computed.drawn if computed is not None else None
    pictures = histograms = None
    if computed is not None and drawn is not None and shown.image is not None:
        pose = tuple(shown.image.counting_pose().matrix.ravel().tolist())
        pictures = _pictures(drawn, pose, computed.planned.order.prescription.fraction_gy, address)
        histograms = _histograms_of(computed)
    return DoseOfDayDocument(
        image_uid=uid,
        machines=shown.machines,
        beam_data_problem=shown.beam_data_problem,
        protocol_algorithm=_algorithm(shown.image) if shown.image is not None else None,
        target=_target(record, shown.image) if record is not None else None,
        dose=DayDoseDocument.of(record, shown.outdated_because) if record is not None else None,
        not_possible_because=shown.not_possible_because,
        pictures=pictures,
        no_pictures_because=shown.not_shown_because,
        histograms=histograms,
        ladder=_ladder(ladder, address) if ladder is not None else None,
        no_ladder_because=corrections.not_shown_because,
        not_climbed_because=corrections.not_possible_because,
        choice=_choice(corrections.choice, ladder),
        may_choose=MAY_CHOOSE,
    )


def _pictures(
    drawn: DrawnDose, pose: tuple[float, ...], fraction_gy: float | None, address: str
) -> DosePictures:
    return DosePictures(
        planning_from_daily=pose,
        dose=DoseDocument(
            volume=header_of(drawn.voxels, f"{address}/voxels"),
            steps_per_gy=drawn.steps_per_gy,
            largest_gy=drawn.largest_gy,
            prescription_gy=fraction_gy,
        ),
        is_in_daily=drawn.is_in_daily,
        structures=tuple(structure_document(one, address) for one in drawn.structures),
    )


def _algorithm(image: OpenImage) -> AlgorithmName:
    is_pencil = algorithm_of(image.day.plan.protocol.dose) is DoseAlgorithm.PENCIL_BEAM
    return "pencil beam" if is_pencil else "collapsed cone"


def _target(record: DoseRecord, image: OpenImage | None) -> PlannedTarget | None:
    """Return the target that the course names, else the first, as the records hold it."""
    named = image.day.plan.course.simulation.target if image is not None else ""
    targets = sorted((one for one in record.structures if one.is_target), key=lambda one: one.name != named)
    if not targets:
        return None
    return PlannedTarget(
        name=targets[0].name, prescription_gy=record.prescribed_gy, d95_gy=targets[0].planned_d95_gy
    )


def _histograms_of(computed: ComputedDose) -> Histograms:
    sheet = curve_sheet(computed.planned.placed.histograms, computed.day.histograms)
    drawn = computed.drawn.structures if computed.drawn is not None else ()
    colours = {one.structure.name: one.colour for one in drawn}
    return _histograms(sheet, colours, computed.planned.order.prescription.fraction_gy)


def _histograms(sheet: CurveSheet, colours: Colours, fraction_gy: float | None) -> Histograms:
    return Histograms(
        step_gy=sheet.step_gy,
        prescription_gy=fraction_gy,
        curves=tuple(
            DoseCurve(
                name=one.name,
                is_target=one.is_target,
                color=colours.get(one.name, OTHER_COLOUR),
                planned_percent=one.planned_percent,
                day_percent=one.day_percent,
            )
            for one in sheet.curves
        ),
    )


def _ladder(ladder: Ladder, address: str) -> LadderDocument:
    planned = ladder.dose.planned.placed
    histograms = _histograms_of(ladder.dose)
    names = [one.name for one in histograms.curves]
    return LadderDocument(
        computed_at=ladder.computed_at,
        approximations=ladder.approximations,
        planned=_rung_structures(planned.histograms, names),
        planned_goals=tuple(map(GoalDocument.of, goals_of_day(planned.goals, planned.goals))),
        histograms=histograms,
        rungs=tuple(_rung(one, ladder, histograms, address) for one in ladder.rungs),
        no_plans_because=why_no_plans(ladder.dose),
    )


def _rung(shown: ShownRung, ladder: Ladder, histograms: Histograms, address: str) -> RungDocument:
    result, effect = shown.result, shown.result.effect
    names = [one.name for one in histograms.curves]
    planned_goals = ladder.dose.planned.placed.goals
    path = f"{address}/corrections/{quote(result.rung)}/plan?v={shown.sha256}"
    return RungDocument(
        rung=result.rung.value,
        is_available=result.is_available,
        reasons=result.reasons,
        changes=result.changes,
        couch=Six.of(result.couch) if result.couch is not None else None,
        structures=_rung_structures(effect.histograms, names) if effect is not None else (),
        goals=tuple(map(GoalDocument.of, goals_of_day(planned_goals, effect.goals))) if effect else (),
        curves_percent=_rung_curves(effect, names, histograms.step_gy),
        plan_address=path if shown.content is not None else None,
        plan_uid=shown.plan_uid,
        plan_sha256=shown.sha256,
    )


def _rung_structures(
    histograms: Mapping[str, DoseVolumeHistogram], names: Sequence[str]
) -> tuple[RungStructure, ...]:
    found = [histograms[name] for name in names if name in histograms]
    return tuple(
        RungStructure(
            name=one.name,
            d95_gy=one.dose_at_volume_gy(95.0),
            mean_gy=one.mean_gy,
            d2_gy=one.dose_at_volume_gy(2.0),
        )
        for one in found
    )


def _rung_curves(
    effect: RungDose | None, names: Sequence[str], step_gy: float
) -> dict[str, tuple[float, ...]]:
    if effect is None:
        return {}
    return {name: percents(effect.histograms[name], step_gy) for name in names if name in effect.histograms}


def _choice(choice: Choice | None, ladder: Ladder | None) -> ChoiceDocument | None:
    if choice is None:
        return None
    is_shown = ladder is not None and any(
        one.result.rung is choice.rung and one.sha256 == choice.plan_sha256 for one in ladder.rungs
    )
    return ChoiceDocument(
        rung=choice.rung.value,
        by=choice.by,
        signed_at=choice.signed_at,
        reason=choice.reason,
        plan_uid=choice.plan_uid,
        is_shown=is_shown,
    )

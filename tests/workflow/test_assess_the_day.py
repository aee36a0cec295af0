"""What an assessment answers and refuses: a prostate lies 5 mm further left than the bones say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prostate_to_the_left import LEFT_MM, coarse, moved_left, quick_assessment, request_of
from small_patient import SmallPatient

from isoguide.dicom import read_structure_set
from isoguide.errors import InputError, MismatchError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.images.structure import Contour, Structure
from isoguide.images.structure_measures import centre_mm
from isoguide.registration.deformable.quality import QualityLimits
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict
from isoguide.registration.result import Verdict
from isoguide.workflow.alignment import Alignment
from isoguide.workflow.assess import anatomy as anatomy_module
from isoguide.workflow.assess import assess as assess_module
from isoguide.workflow.assess.anatomy import (
    DayAnatomy,
    PlannedAnatomy,
    anatomy_of,
    assessment_record,
    prepare_anatomy,
)
from isoguide.workflow.assess.assess import Assessment, assess
from isoguide.workflow.assess.request import AssessRequest
from isoguide.workflow.day_kind import Day
from isoguide.workflow.request import AlignRequest


def square(z_mm: float, centre: np.ndarray, half_mm: float = 10.0) -> Contour:
    corners = half_mm * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    return Contour("CLOSED_PLANAR", np.column_stack([corners + centre[:2], np.full(4, z_mm)]))


def prostate_of(answer: Assessment) -> PlannedAnatomy:
    """The planning side with the prostate alone, which takes less time."""
    return replace(answer.planned, shapes=answer.planned.shapes[1:])


def test_prostate_that_lies_5_mm_further_left_than_the_bones_say_is_found_5_mm_to_the_left(
    assessed: tuple[Path, Assessment],
) -> None:
    anatomy = assessed[1].anatomy
    prostate = next(one for one in anatomy.structures if one.name == "Prostate")
    assert prostate.shift_mm == pytest.approx([LEFT_MM, 0.0, 0.0], abs=0.1)
    assert abs(prostate.volume_change_percent) < 1.0


def test_contours_of_the_day_lie_where_the_day_s_image_shows_the_tissue(
    assessed: tuple[Path, Assessment], patient: SmallPatient
) -> None:
    """Planned centre, 5 mm to the left, then through the inverse of the rigid match: by hand."""
    answer = assessed[1]
    planned = answer.alignment.planning.structure_set.structure("Prostate")
    placed = answer.alignment.registration.planning_from_daily
    expected = placed.inverse().apply(centre_mm(planned) + [LEFT_MM, 0.0, 0.0])
    today = next(one for one in answer.anatomy.carried if one.name == "Prostate")
    assert today.frame == DAILY
    assert centre_mm(today) == pytest.approx(expected, abs=0.7)


def test_the_target_comes_first_and_what_belongs_to_it_is_marked(assessed: tuple[Path, Assessment]) -> None:
    structures = assessed[1].anatomy.structures
    assert [(one.name, one.is_target) for one in structures] == [("PTV", True), ("Prostate", True)]
    assert assessed[1].anatomy.target.name == "PTV"


def test_an_assessment_that_passes_every_check_is_for_decision(assessed: tuple[Path, Assessment]) -> None:
    answer = assessed[1]
    assert answer.verdict is FieldVerdict.FOR_DECISION
    assert answer.reasons == ()
    assert answer.is_clear


def test_the_record_keeps_figures_structures_and_what_is_assumed(assessed: tuple[Path, Assessment]) -> None:
    anatomy = assessed[1].anatomy
    record = assessment_record(anatomy, image_uid="1.2.3", assessed_at=assessed[1].created_at)
    assert record.is_for_decision
    assert record.figures.longest_mm == pytest.approx(LEFT_MM, abs=0.01)
    assert [one.name for one in record.structures] == ["PTV", "Prostate"]
    assert record.approximations[0] == "beyond the field of view tissue moves as its edge does"
    assert len(record.settings_sha256) == 64


def test_a_match_that_is_not_available_gives_no_deformation(
    patient: SmallPatient, unavailable: Alignment
) -> None:
    with quick_assessment(patient, unavailable):
        answer = assess(request_of(patient))
    assert answer.verdict is FieldVerdict.NOT_AVAILABLE
    assert answer.anatomy is None
    assert answer.reasons == (
        "the rigid match is not available: the day's image shows another part of the body",
    )
    assert not answer.is_clear


def doubted(alignment: Alignment, *reasons: str) -> Alignment:
    return replace(alignment, verdict=Verdict.REVIEW, reasons=reasons)


def test_a_doubtful_match_below_it_lets_nothing_be_decided(
    assessed: tuple[Path, Assessment], alignment: Alignment
) -> None:
    level = "a neighbouring vertebra fits almost as well: check the level on the whole image"
    answer = assess_module._doubted(replace(assessed[1], alignment=doubted(alignment, level)))
    assert answer.verdict is FieldVerdict.NOT_FOR_DECISION
    assert answer.reasons == (f"the rigid match needs a look first: {level}",)


def test_that_the_patient_is_deformed_is_no_doubt_about_his_deformation(
    assessed: tuple[Path, Assessment], alignment: Alignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    deformed = "regions would still move by up to 4.0 mm: the patient is deformed"
    monkeypatch.setattr(assess_module, "deformation_doubt", lambda _: deformed)
    answer = assess_module._doubted(replace(assessed[1], alignment=doubted(alignment, deformed)))
    assert answer.verdict is FieldVerdict.FOR_DECISION


@pytest.mark.parametrize("kind", ["radiographs", "views file", "ultrasound"])
def test_an_image_of_the_day_that_is_no_ct_is_refused(
    patient: SmallPatient, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(assess_module, "look_at_day", lambda *_: Day(kind))
    with pytest.raises(InputError, match="is assessed on a CT or cone-beam CT; give one"):
        assess(request_of(patient))


def test_a_structure_that_the_plan_does_not_have_is_refused(
    patient: SmallPatient, alignment: Alignment
) -> None:
    with quick_assessment(patient, alignment), pytest.raises(MissingEvidenceError, match="'Heart'"):
        assess(request_of(patient, structure_names=("Heart",)))


def test_without_names_every_structure_of_the_patient_is_assessed(
    patient: SmallPatient, alignment: Alignment
) -> None:
    chosen = assess_module._chosen(request_of(patient, structure_names=()), alignment, None)
    names = [one.name for one in chosen]
    assert "BODY" not in names
    assert {"PTV", "Prostate", "Bladder", "Rectum"} <= set(names)


def test_structures_drawn_on_another_image_are_refused(patient: SmallPatient, alignment: Alignment) -> None:
    planned = alignment.planning.structure_set.path
    with quick_assessment(patient, alignment), pytest.raises(MismatchError, match="was not drawn on the"):
        assess(request_of(patient, daily_structures=planned))


def test_structures_drawn_on_the_image_of_the_day_are_compared(
    assessed: tuple[Path, Assessment], patient: SmallPatient, alignment: Alignment
) -> None:
    """What was carried is given back as if somebody had drawn it: a Dice coefficient of 1, no distance."""
    with quick_assessment(patient, alignment):
        answer = assess(request_of(patient, daily_structures=assessed[0] / "rtstruct.dcm"))
    prostate = answer.anatomy.structures[1]
    assert prostate.dice == pytest.approx(1.0, abs=0.01)
    assert prostate.mean_distance_mm == pytest.approx(0.0, abs=0.05)


def test_what_was_drawn_elsewhere_on_the_day_s_image_lets_nothing_be_decided(
    assessed: tuple[Path, Assessment],
) -> None:
    """The drawn prostate lies 12 mm away from where the field puts it."""
    answer = assessed[1]
    drawn = read_structure_set(assessed[0] / "rtstruct.dcm", DAILY).structure("Prostate")
    away = replace(
        drawn, contours=tuple(Contour(one.kind, one.xyz_mm + [12.0, 0.0, 0.0]) for one in drawn.contours)
    )
    judged = anatomy_of(prostate_of(answer), replace(answer.day, drawn=(away,)), answer.anatomy.found)
    assert judged.verdict is FieldVerdict.NOT_FOR_DECISION
    assert "structure 'Prostate' overlaps what was drawn on the day's image" in judged.reasons[0]


def test_a_structure_that_cannot_be_assessed_is_listed_and_does_not_spoil_the_others(
    patient: SmallPatient, alignment: Alignment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anatomy_module, "prepare_deformable", coarse)
    volume, middle = alignment.planning.volume, patient.phantom.isocentre_mm
    z_mm = float(middle[2])

    def structure(name: str, *contours: Contour) -> Structure:
        return Structure(name, 1, PLANNING, contours)

    planned = prepare_anatomy(
        volume,
        [
            structure("Empty"),
            structure("Single slice", square(z_mm, middle)),
            structure("Elsewhere", *(square(z, middle + 2000.0) for z in (z_mm, z_mm + 4.0))),
            structure("Sound", *(square(z_mm + step, middle) for step in (-4.0, 0.0, 4.0))),
        ],
        target_name=None,
    )
    assert [one.structure.name for one in planned.shapes] == ["Sound"]
    reasons = {one.name: one.reason for one in planned.not_assessed}
    assert "is empty" in reasons["Empty"]
    assert "single slice" in reasons["Single slice"]
    assert "outside the planning image" in reasons["Elsewhere"]
    found = moved_left(volume, middle, patient.planning_from_daily)
    answer = anatomy_of(planned, DayAnatomy(patient.daily_volume, patient.planning_from_daily), found)
    assert [one.name for one in answer.structures] == ["Sound"]
    assert len(answer.not_assessed) == 3
    record = assessment_record(answer, image_uid="1", assessed_at=alignment.created_at)
    assert any(text.startswith("structure 'Empty' is not assessed: ") for text in record.approximations)


def test_without_a_field_there_is_no_figure_and_no_structure(assessed: tuple[Path, Assessment]) -> None:
    answer = assessed[1]
    nothing = DeformableRegistration(
        verdict=FieldVerdict.NOT_AVAILABLE,
        reasons=("the images show different parts of the body",),
        approximations=(),
        planning_from_daily=answer.day.planning_from_daily,
        field=None,
        seen=None,
        sigma_mm=None,
        inconsistency_mm=None,
        similarity_before=None,
        similarity_after=None,
        algorithm="formula",
        settings={},
    )
    anatomy = anatomy_of(answer.planned, answer.day, nothing)
    assert anatomy.verdict is FieldVerdict.NOT_AVAILABLE
    assert (anatomy.figures, anatomy.structures, anatomy.carried) == (None, (), ())


def test_figures_are_held_against_the_limits_that_are_given(assessed: tuple[Path, Assessment]) -> None:
    """The formula says 0.5 mm there and back."""
    answer = assessed[1]
    strict = QualityLimits(inconsistency_mean_mm=0.4)
    judged = anatomy_of(prostate_of(answer), answer.day, answer.anatomy.found, limits=strict)
    assert judged.verdict is FieldVerdict.NOT_FOR_DECISION
    assert "0.5 mm" in judged.reasons[0]


def test_a_request_with_fewer_degrees_of_freedom_is_refused() -> None:
    with pytest.raises(InputError, match="six degrees of freedom"):
        AssessRequest(AlignRequest(Path("plan"), Path("day"), degrees_of_freedom=4))


def test_a_structure_that_is_named_twice_is_refused() -> None:
    with pytest.raises(InputError, match="'gtv' is named twice"):
        AssessRequest(AlignRequest(Path("plan"), Path("day")), structure_names=("gtv", "GTV"))

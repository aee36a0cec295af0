"""What planning systems say of their beams, in both ways that DICOM has, and in plans of four systems."""

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from isoguide.dicom.item import Item
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.scan import open_dicom
from isoguide.dicom.stated_doses import read_stated_doses, read_statements, read_surface_mm
from isoguide.plan import StatedDose

DATA = Path(__file__).parents[3] / "shared/data"


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def doses(
    group_beam: Dataset, shares: dict[int, float], *, first_mm: float | None = None
) -> tuple[object, ...]:
    """Read a plan of one beam with two dose references, the second of them a point."""
    references = [
        item(DoseReferenceNumber=1, DoseReferenceDescription="PTV"),
        item(
            DoseReferenceNumber=2,
            DoseReferenceDescription="CALC",
            DoseReferencePointCoordinates=[1.0, 2.0, 3.0],
        ),
    ]
    plan = Item(item(DoseReferenceSequence=references), "plan")
    last = [
        item(ReferencedDoseReferenceNumber=number, CumulativeDoseReferenceCoefficient=share)
        for number, share in shares.items()
    ]
    start = Dataset() if first_mm is None else item(SourceToSurfaceDistance=first_mm)
    points = [start, item(ReferencedDoseReferenceSequence=last)]
    beam = Item(item(ControlPointSequence=points), "beam 1")
    group = Item(item(ReferencedBeamSequence=[group_beam]), "group")
    stated = read_statements(plan, (group,))
    return read_stated_doses(beam, 1, stated), read_surface_mm(beam)


def one(found: object) -> StatedDose:
    assert isinstance(found, tuple)
    assert len(found) == 1
    assert isinstance(found[0], StatedDose)
    return found[0]


def test_a_beam_dose_with_its_point_is_the_dose_there() -> None:
    where = item(ReferencedBeamNumber=1, BeamDose=0.4, BeamDoseSpecificationPoint=[7.0, 8.0, 9.0])
    found, surface_mm = doses(where, {1: 1.0}, first_mm=912.5)
    np.testing.assert_array_equal(one(found).position_mm, [7.0, 8.0, 9.0])
    assert (one(found).dose_gy, surface_mm) == (0.4, 912.5)


def test_a_reference_point_gets_its_coefficient_times_the_beam_dose() -> None:
    found, surface_mm = doses(item(ReferencedBeamNumber=1, BeamDose=0.5), {1: 1.0, 2: 0.9})
    assert one(found).dose_gy == pytest.approx(0.45)
    assert one(found).name == "CALC"
    assert surface_mm is None
    np.testing.assert_array_equal(one(found).position_mm, [1.0, 2.0, 3.0])


def test_a_beam_dose_without_any_point_has_no_place() -> None:
    found, _ = doses(item(ReferencedBeamNumber=1, BeamDose=0.257), {1: 1.0})
    assert one(found).position_mm is None


@pytest.mark.parametrize(
    "group_beam",
    [item(ReferencedBeamNumber=1), item(ReferencedBeamNumber=1, BeamDose=0.4, BeamDoseType="EFFECTIVE")],
    ids=["no dose", "a weighted dose"],
)
def test_nothing_and_weighted_doses_are_no_statement(group_beam: Dataset) -> None:
    assert doses(group_beam, {2: 0.9})[0] == ()


def test_the_point_doses_of_an_eclipse_plan_add_up_to_what_it_says_of_the_point() -> None:
    path = DATA / "dicompyler-core/tests/testdata/example_data/rtplan.dcm"
    if not path.is_file():
        pytest.skip("the Eclipse plan is not there (../shared/data/dicompyler-core)")
    plan = read_plan(path)
    each = [one(beam.stated_doses) for beam in plan.beams]
    assert {stated.name for stated in each} == {"CALC POINT"}
    # TargetPrescriptionDose of that point, over 7 fractions.
    assert 7 * sum(stated.dose_gy for stated in each) == pytest.approx(11.3113869, rel=1e-5)


def test_equal_shares_of_a_prescription_are_not_taken_for_doses_at_a_point() -> None:
    path = DATA / "OnkoDICOM/test/testdata/DICOM-RT-TEST/RTPLAN_Hashed.dcm"
    if not path.is_file():
        pytest.skip("the thorax plan is not there (../shared/data/OnkoDICOM)")
    plan = open_dicom(path).item
    stated = read_statements(plan, plan.items("FractionGroupSequence"))
    each = stated.beam_doses.values()
    assert len(each) == 7
    assert {(round(dose.dose_gy, 4), dose.position_mm is None) for dose in each} == {(0.2571, True)}
    surfaces = {beam.text("BeamName"): read_surface_mm(beam) for beam in plan.items("BeamSequence")}
    assert surfaces["Field 4"] == pytest.approx(815.42, abs=0.01)

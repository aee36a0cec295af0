"""Whose course it is, what lies below him, and what a fraction leaves: right for life, or refused."""

from datetime import UTC, datetime

import numpy as np
import pytest

from isoguide.course import (
    AXES,
    Accessory,
    CourseHistory,
    DecisionRecord,
    DeliveryRecord,
    FractionSummary,
    ImageRecord,
    ImagingDose,
    MatchRecord,
    PatientKey,
    Person,
    PlannedBeam,
    ReferenceImage,
    Role,
    SimulationRecord,
    StructureMotion,
)
from isoguide.course.simulation import time_shares
from isoguide.errors import GeometryError, InputError
from isoguide.geometry.correction import CouchCorrection
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.plan import PatientPosition
from isoguide.registration import Verdict

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class TestPatientKey:
    def test_two_identifiers_make_the_same_person_and_the_name_does_not(self) -> None:
        anna = PatientKey("P-1", "19500101", "Doe^Anna")
        assert anna.is_same(PatientKey("P-1", "19500101", "DOE^ANNA M"))
        assert not anna.is_same(PatientKey("P-1", "19500102", "Doe^Anna"))
        assert not anna.is_same(PatientKey("P-2", "19500101", "Doe^Anna"))

    def test_an_issuer_separates_only_where_both_have_one(self) -> None:
        here, there = PatientKey("1", "19500101", issuer="A"), PatientKey("1", "19500101", issuer="B")
        assert not here.is_same(there)
        assert here.is_same(PatientKey("1", "19500101"))

    @pytest.mark.parametrize(
        ("values", "missing"), [((" ", "19500101"), "patient ID"), (("P-1", ""), "birth date")]
    )
    def test_one_identifier_is_not_enough(self, values, missing) -> None:
        with pytest.raises(InputError, match=f"the {missing} is missing"):
            PatientKey(*values)


class TestPerson:
    @pytest.mark.parametrize("name", ["", " anna", "anna "])
    def test_a_name_that_could_be_taken_for_another_is_refused(self, name) -> None:
        with pytest.raises(InputError, match="is not a user name"):
            Person(name, Role.THERAPIST)

    def test_is_shown_with_the_role(self) -> None:
        assert str(Person("anna", Role.PHYSICIST)) == "anna (physicist)"


class TestMotion:
    def test_amplitude_is_peak_to_peak_along_each_axis(self) -> None:
        way = [[0.0, 0.0, 0.0], [1.0, -2.0, 6.0], [-0.5, 1.0, 9.0]]
        motion = StructureMotion("GTV", np.array(way), (0.0, 33.0, 66.0), closure_mm=0.1)
        assert motion.amplitude_mm.tolist() == [1.5, 3.0, 9.0]

    def test_four_even_phases_have_a_quarter_of_the_time_each(self) -> None:
        assert time_shares((0.0, 25.0, 50.0, 75.0)).tolist() == [0.25, 0.25, 0.25, 0.25]

    def test_a_phase_stands_for_the_time_half_way_to_its_neighbours(self) -> None:
        # 0, 30, 50, 80 %: (20 + 30) / 2, (30 + 20) / 2, (20 + 30) / 2, (30 + 20) / 2.
        assert time_shares((0.0, 30.0, 50.0, 80.0)).tolist() == pytest.approx([0.25] * 4)
        assert time_shares((0.0, 50.0, 60.0)).tolist() == pytest.approx([0.45, 0.3, 0.25])

    def test_mid_ventilation_is_the_phase_nearest_to_the_mean_over_time(self) -> None:
        # Heights 0, 4, 9, 3 mm: the mean is 4, which the second phase has but for 1 mm to the left.
        way = [[0.0, 0.0, 0.0], [1.0, 0.0, 4.0], [0.0, 0.0, 9.0], [-1.0, 0.0, 3.0]]
        motion = StructureMotion(
            "GTV", np.array(way), (0.0, 25.0, 50.0, 75.0), 0.1, np.array([0.5, 0.0, -3.0])
        )
        assert motion.mean_mm is not None
        assert motion.mean_mm.tolist() == [0.0, 0.0, 4.0]
        assert (motion.mid_ventilation, motion.mid_ventilation_off_mm) == (1, 1.0)
        assert motion.mid_position_mm is not None
        assert motion.mid_position_mm.tolist() == [0.5, 0.0, 1.0]

    def test_bins_of_amplitude_do_not_say_where_the_target_is_on_average(self) -> None:
        way = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
        motion = StructureMotion("GTV", way, (0.0, 50.0), 0.1, np.zeros(3), "amplitude")
        assert (motion.mean_mm, motion.mid_position_mm) == (None, None)
        assert (motion.mid_ventilation, motion.mid_ventilation_off_mm) == (None, None)
        assert motion.amplitude_mm.tolist() == [0.0, 0.0, 9.0]

    def test_a_record_without_the_place_in_the_planning_ct_has_no_mid_position(self) -> None:
        motion = StructureMotion("GTV", np.zeros((2, 3)), (0.0, 50.0), closure_mm=0.1)
        assert motion.mid_position_mm is None

    def test_needs_one_displacement_for_each_phase(self) -> None:
        with pytest.raises(GeometryError):
            StructureMotion("GTV", np.zeros((3, 3)), (0.0, 50.0), closure_mm=0.1)


def simulation(**more: object) -> SimulationRecord:
    values = {
        "patient": PatientKey("P-1", "19500101"),
        "site": "prostate",
        "machine": "Linac 1",
        "plan_uid": "1.1",
        "plan_label": "Prostate",
        "plan_sha256": "a" * 64,
        "structure_set_uid": "1.2",
        "planning_series_uid": "1.3",
        "frame_of_reference_uid": "1.4",
        "planning_sha256": "b" * 64,
        "patient_position": PatientPosition.HFS,
        "isocentre_mm": [1.0, 2.0, 3.0],
        "target": "PTV",
        "fractions_planned": 20,
        "dose_per_fraction_gy": 3.0,
        "beams": (PlannedBeam(1, "Arc", 400.0),),
        "accessories": (Accessory("MASK", "Head mask", "H2"),),
        "reference_images": (ReferenceImage("planning CT", "axial", "c" * 64),),
    }
    return SimulationRecord(**{**values, **more})


def test_the_isocentre_of_a_simulation_cannot_be_moved() -> None:
    record = simulation()
    with pytest.raises(ValueError, match="read-only"):
        record.isocentre_mm[0] = 9.0


@pytest.mark.parametrize("isocentre_mm", [[1.0, 2.0], [1.0, 2.0, float("nan")]])
def test_a_simulation_without_a_whole_isocentre_is_refused(isocentre_mm) -> None:
    with pytest.raises(GeometryError):
        simulation(isocentre_mm=isocentre_mm)


class TestRecordsOfAFraction:
    def test_the_six_numbers_are_those_of_a_correction_in_its_order(self) -> None:
        assert tuple(CouchCorrection.__slots__) == AXES

    def test_a_match_keeps_its_matrix_unchanged(self) -> None:
        matrix = np.eye(4)
        record = MatchRecord(
            image_uid="1.5",
            verdict=Verdict.ACCEPT,
            reasons=(),
            planning_from_daily=matrix,
            correction=CouchCorrection(1.0, 0.0, 0.0),
            deviation=np.full(6, 0.1),
            pose=TableTopPose(1.0, 0.0, 0.0),
            residual_mm=0.0,
            needs_person=(),
            algorithm="patches",
            version="1",
            settings_sha256="d" * 64,
        )
        matrix[0, 3] = 99.0
        assert record.planning_from_daily is not None
        assert record.planning_from_daily[0, 3] == 0.0

    def test_without_an_answer_there_is_no_number(self) -> None:
        record = MatchRecord(
            "1.5", Verdict.NOT_AVAILABLE, ("no",), None, None, None, None, 0.0, (), "patches", "1", "d" * 64
        )
        assert record.planning_from_daily is record.correction is record.deviation is None

    def test_a_deviation_has_six_numbers(self) -> None:
        with pytest.raises(GeometryError):
            FractionSummary(1, NOON, "closed", deviation=np.zeros(5))

    def test_a_course_is_told_with_its_doses_and_decisions(self) -> None:
        dose = ImagingDose(4.49, "CTDIw, mGy")
        fraction = FractionSummary(1, NOON, "closed", deviation=np.zeros(6), doses=(dose,))
        course = CourseHistory(
            "c-1", "P-1", "prostate", "Linac 1", "prostate-seeds v1", fractions=(fraction,)
        )
        image = ImageRecord("1.5", "cone-beam CT", NOON, NOON, TableTopPose(0.0, 0.0, 0.0), dose=dose)
        decision = DecisionRecord("correct", "within all limits", "correct", "anna")
        delivery = DeliveryRecord(1, "Arc", 400.0, 400.0)

        assert course.fractions[0].doses == (image.dose,)
        assert (decision.role, decision.second, decision.is_override) == ("", "", False)
        assert delivery.ended == "NORMAL"

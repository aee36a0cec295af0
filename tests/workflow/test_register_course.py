"""What registering a course reads out of a planning export, and what it refuses."""

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from breathing_export import LUNG_PATIENT, PHASES, BreathingExport, changed_copy, write_breathing_export
from pydicom.dataset import Dataset
from small_patient import PATIENT, SmallPatient

from isoguide.course import Accessory, PatientKey, PlannedBeam
from isoguide.errors import AmbiguityError, GeometryError, MismatchError, MissingEvidenceError
from isoguide.geometry.iec61217 import TableTopPose
from isoguide.virtual.treatment_plan import PlanSettings
from isoguide.workflow.register_course import CourseChoice, RegisteredCourse, register_course
from isoguide.workflow.simulation_session import write_simulation_session


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> BreathingExport:
    return write_breathing_export(tmp_path_factory.mktemp("breathing"))


@pytest.fixture(scope="module")
def lung(export: BreathingExport) -> RegisteredCourse:
    return register_course(export.folder, site="lung")


@pytest.fixture(scope="module")
def pelvis(patient: SmallPatient) -> RegisteredCourse:
    return register_course(patient.planning, site="prostate")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_record_says_whose_course_it_is_and_what_it_rests_on(
    export: BreathingExport, lung: RegisteredCourse
) -> None:
    record, session = lung.simulation, export.session
    assert record.patient == PatientKey("L-1", "19480703", "Lung^Small")
    assert (record.site, record.machine, record.target) == ("lung", "VIRTUAL", "PTV")
    assert record.plan_uid == session.plan.sop_instance_uid
    assert record.structure_set_uid == session.structures.sop_instance_uid
    assert record.planning_series_uid == session.planning.series_instance_uid
    assert record.frame_of_reference_uid == session.planning.frame_of_reference_uid
    assert record.plan_sha256 == sha256(export.folder / "RP.dcm")
    assert record.structure_set_sha256 == sha256(export.folder / "RS.dcm")
    assert record.patient_position == "HFS"
    np.testing.assert_array_equal(record.isocentre_mm, export.phantom.isocentre_mm)
    assert record.simulated_at is not None
    assert record.simulated_at.replace(tzinfo=None).isoformat() == "2026-03-02T09:30:00"


def test_the_record_says_how_much_each_beam_gives(export: BreathingExport, lung: RegisteredCourse) -> None:
    record = lung.simulation
    (arc,) = (beam for beam in export.session.plan.beams if beam.is_treatment)
    assert (record.fractions_planned, record.dose_per_fraction_gy) == (5, 11.0)
    assert record.beams == (PlannedBeam(1, "Arc 1", arc.meterset_mu),)
    assert arc.meterset_mu > 1000.0  # 11 Gy


def test_the_devices_come_with_their_place_on_the_couch(lung: RegisteredCourse) -> None:
    assert lung.simulation.accessories == (
        Accessory("BODY_FRAME", "Wing board", "H1"),
        Accessory("KNEE_REST", "Knee rest", "F3"),
        Accessory("COUCH_TOP", "Carbon flat top", "H2"),
    )


def test_the_marks_come_with_the_way_of_the_couch_to_the_isocentre(
    export: BreathingExport, lung: RegisteredCourse
) -> None:
    marks = {mark.name: mark for mark in export.phantom.marks}
    assert {mark.name for mark in lung.simulation.marks} == set(marks)
    for shift in lung.mark_shifts:
        # Head first supine: left is +X, head is +Y, front is +Z; the isocentre goes where the mark was.
        off = marks[shift.name].position_mm - export.phantom.isocentre_mm
        np.testing.assert_allclose(
            [shift.lateral_mm, shift.longitudinal_mm, shift.vertical_mm], [off[0], off[2], -off[1]], atol=1e-9
        )
    # The front mark lies above the isocentre: the couch goes up.
    front = next(shift for shift in lung.mark_shifts if shift.name == "anterior")
    assert front.vertical_mm > 50.0


def test_the_motion_of_the_tumour_is_that_of_the_4dct(
    export: BreathingExport, lung: RegisteredCourse
) -> None:
    (motion,) = lung.simulation.motions
    assert motion.structure == "GTV"
    assert motion.phases_percent == pytest.approx([100.0 * n / PHASES for n in range(PHASES)])
    truth = export.tumour_mm - export.tumour_mm[0]
    np.testing.assert_allclose(motion.displacement_mm, truth, atol=0.5)
    np.testing.assert_allclose(motion.amplitude_mm, np.ptp(truth, axis=0), atol=0.5)
    assert motion.closure_mm < 3.0


def test_the_phase_nearest_to_the_mean_over_time_is_the_mid_ventilation(
    export: BreathingExport, lung: RegisteredCourse
) -> None:
    (motion,) = lung.simulation.motions
    # The planning CT shows the mean position of the virtual patient: sin⁴ is 3/8 on average. Of four phases,
    # 25 % and 75 % are at a quarter of the depth, one on the way out and one on the way in.
    truth = export.tumour_mm
    off_mm = np.linalg.norm(truth - truth.mean(axis=0), axis=1)
    assert motion.mid_ventilation == int(off_mm.argmin())
    assert motion.mid_ventilation in (1, 3)
    assert motion.mid_ventilation_off_mm == pytest.approx(off_mm.min(), abs=0.5)
    assert motion.mid_position_mm is not None
    np.testing.assert_allclose(motion.mid_position_mm, truth.mean(axis=0), atol=0.5)


def test_the_internal_target_is_larger_than_the_tumour_by_about_what_it_moves(lung: RegisteredCourse) -> None:
    # A ball of volume V and radius r that goes to and fro by d sweeps about V + pi r² d.
    found = lung.internal_target
    assert found is not None
    assert lung.simulation.internal_target_cm3 == found.volume_cm3
    radius_mm = (3.0 * found.target_volume_cm3 * 1000.0 / (4.0 * np.pi)) ** (1.0 / 3.0)
    travel_mm = float(np.linalg.norm(lung.simulation.motions[0].amplitude_mm))
    swept_cm3 = found.target_volume_cm3 + np.pi * radius_mm**2 * travel_mm / 1000.0
    assert found.volume_cm3 == pytest.approx(swept_cm3, rel=0.1)
    assert found.structure.name == "ITV GTV"
    assert found.structure.is_volume


def test_every_file_and_picture_is_named_by_its_hash(lung: RegisteredCourse) -> None:
    named = {(one.kind, one.label): one.sha256 for one in lung.simulation.reference_images}
    kept = {sha256(path) for path in lung.files} | {
        hashlib.sha256(one.png).hexdigest() for one in lung.pictures
    }
    assert set(named.values()) == kept
    assert ("planning file", "RP.dcm") in named
    assert ("4DCT phase", f"{100.0 / PHASES:g} %, CT_0001.dcm") in named
    pictures = [(one.reference.kind, one.reference.label) for one in lung.pictures]
    assert pictures == [
        ("planning CT", "axial"),
        ("planning CT", "coronal"),
        ("planning CT", "sagittal"),
        ("set-up DRR", "gantry 0°"),
        ("set-up DRR", "gantry 90°"),
        ("4DCT motion", "over the breath"),
        ("4DCT motion", "average with the target in all phases"),
    ]
    assert [one.reference for one in lung.pictures] == list(lung.simulation.reference_images[-7:])


def test_nothing_is_doubtful_but_the_approval(lung: RegisteredCourse) -> None:
    assert lung.simulation.warnings == ("plan 'LUNG' is UNAPPROVED, not APPROVED",)


def test_without_a_4dct_there_is_no_motion_and_no_internal_target(pelvis: RegisteredCourse) -> None:
    assert pelvis.simulation.motions == ()
    assert pelvis.internal_target is None


def test_markers_come_with_their_number_and_kind(patient: SmallPatient, pelvis: RegisteredCourse) -> None:
    seeds = patient.phantom.fiducials
    assert len(seeds) >= 3
    assert pelvis.fiducials_in_words == f"{len(seeds)} × gold seed"
    for read, planted in zip(pelvis.simulation.fiducials, seeds, strict=True):
        assert read.name == planted.name
        np.testing.assert_allclose(read.position_mm, planted.position_mm, atol=0.01)


def test_a_plan_without_devices_says_that_nothing_can_be_compared(pelvis: RegisteredCourse) -> None:
    assert pelvis.simulation.accessories == ()
    assert any("names no device that holds the patient" in one for one in pelvis.simulation.warnings)


def test_the_couch_of_the_plan_is_kept_where_the_plan_states_it(
    patient: SmallPatient, pelvis: RegisteredCourse, tmp_path: Path
) -> None:
    assert pelvis.simulation.planned_couch is None
    couch = TableTopPose(4.0, 870.0, -130.0)
    write_simulation_session(
        tmp_path,
        patient.phantom,
        patient=PATIENT,
        seed="small",
        plan_settings=PlanSettings(label="EXAMPLE", table_top=couch),
    )
    assert register_course(tmp_path, site="prostate").simulation.planned_couch == couch


def set_birth_date(value: str) -> Callable[[Dataset], None]:
    def change(dataset: Dataset) -> None:
        dataset.PatientBirthDate = value

    return change


@pytest.mark.parametrize("name", ["CT_0003.dcm", "RS.dcm", "RP.dcm"])
def test_another_birth_date_in_any_file_that_is_used_is_refused_with_the_file(
    patient: SmallPatient, tmp_path: Path, name: str
) -> None:
    folder = changed_copy(patient.planning, tmp_path / "x", name, set_birth_date("19500102"))
    with pytest.raises(MismatchError, match=r"birth date is '1950010[12]'") as refusal:
        register_course(folder, site="prostate")
    assert name in str(refusal.value)


def test_another_birth_date_in_one_slice_of_one_phase_is_refused_with_the_file(
    export: BreathingExport, tmp_path: Path
) -> None:
    name = "4DCT/50/CT_0007.dcm"
    folder = changed_copy(export.folder, tmp_path / "x", name, set_birth_date("19480704"))
    with pytest.raises(MismatchError, match="CT_0007"):
        register_course(folder, site="lung")


@pytest.mark.parametrize("keyword", ["PatientID", "PatientBirthDate"])
def test_a_file_without_one_of_the_two_identifiers_is_refused(
    patient: SmallPatient, tmp_path: Path, keyword: str
) -> None:
    folder = tmp_path / "x"
    for name in sorted(path.name for path in patient.planning.glob("*.dcm")):
        target = folder / name
        folder.mkdir(exist_ok=True)
        dataset = pydicom.dcmread(patient.planning / name)
        setattr(dataset, keyword, "")
        dataset.save_as(target)
    what = "patient ID" if keyword == "PatientID" else "birth date"
    with pytest.raises(MissingEvidenceError, match=f"CT_0001.dcm states no {what}"):
        register_course(folder, site="prostate")


def test_a_name_that_is_spelt_in_another_way_only_warns(patient: SmallPatient, tmp_path: Path) -> None:
    def rename(dataset: Dataset) -> None:
        dataset.PatientName = "Smal^Patient"

    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", rename)
    record = register_course(folder, site="prostate").simulation
    assert record.patient.name == PATIENT.name
    assert any("the patient name is" in one for one in record.warnings)


def second_isocentre(dataset: Dataset) -> None:
    first = add_beam(dataset, 9, "Nodes").ControlPointSequence[0]
    x, y, z = (float(value) for value in first.IsocenterPosition)
    first.IsocenterPosition = [x, y, z + 60.0]


def test_of_two_isocentres_one_has_to_be_chosen_and_only_its_beams_count(
    patient: SmallPatient, tmp_path: Path
) -> None:
    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", second_isocentre)
    with pytest.raises(AmbiguityError, match="2 isocentres"):
        register_course(folder, site="prostate")
    record = register_course(folder, site="prostate", choice=CourseChoice(beam=9)).simulation
    np.testing.assert_allclose(record.isocentre_mm, patient.phantom.isocentre_mm + [0.0, 0.0, 60.0])
    assert [beam.number for beam in record.beams] == [9]
    # The structure set holds the first isocentre as a point.
    assert any("lies 60.0 mm from the isocentre of the plan" in one for one in record.warnings)


def drop_isocentre(dataset: Dataset) -> None:
    for beam in dataset.BeamSequence:
        del beam.ControlPointSequence[0].IsocenterPosition


def far_isocentre(dataset: Dataset) -> None:
    for beam in dataset.BeamSequence:
        beam.ControlPointSequence[0].IsocenterPosition = [0.0, 0.0, 5000.0]


def only_set_up_fields_at_it(dataset: Dataset) -> None:
    last = dataset.BeamSequence[-1]
    x, y, z = (float(value) for value in last.ControlPointSequence[0].IsocenterPosition)
    last.ControlPointSequence[0].IsocenterPosition = [x, y, z + 20.0]


def drop_meterset(dataset: Dataset) -> None:
    del dataset.FractionGroupSequence[0].ReferencedBeamSequence[0].BeamMeterset


def add_beam(dataset: Dataset, number: int, name: str) -> Dataset:
    """Treat once more with the first beam, under another number."""
    beam = deepcopy(dataset.BeamSequence[0])
    beam.BeamNumber = number
    beam.BeamName = name
    dataset.BeamSequence.append(beam)
    reference = deepcopy(dataset.FractionGroupSequence[0].ReferencedBeamSequence[0])
    reference.ReferencedBeamNumber = number
    dataset.FractionGroupSequence[0].ReferencedBeamSequence.append(reference)
    return beam


def two_machines(dataset: Dataset) -> None:
    add_beam(dataset, 9, "Boost").TreatmentMachineName = "OTHER"


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (drop_isocentre, MissingEvidenceError, "no isocentre for any treatment beam: .* never typed"),
        (far_isocentre, GeometryError, r"the isocentre \(0\.0, 0\.0, 5000\.0\) mm .* lies outside"),
        (drop_meterset, MissingEvidenceError, "no beam of plan 'EXAMPLE' has a meterset"),
        (two_machines, MismatchError, r"several machines \(OTHER, VIRTUAL\)"),
    ],
)
def test_a_plan_that_leaves_something_open_is_refused(
    patient: SmallPatient,
    tmp_path: Path,
    change: Callable[[Dataset], None],
    error: type[Exception],
    words: str,
) -> None:
    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", change)
    with pytest.raises(error, match=words):
        register_course(folder, site="prostate")


def test_a_set_up_field_that_calls_itself_treatment_is_told_by_its_missing_meterset(
    patient: SmallPatient, tmp_path: Path
) -> None:
    def add_field(dataset: Dataset) -> None:
        add_beam(dataset, 9, "AP SETUP")
        del dataset.FractionGroupSequence[0].ReferencedBeamSequence[-1].BeamMeterset

    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", add_field)
    record = register_course(folder, site="prostate").simulation
    assert [beam.number for beam in record.beams] == [1]
    assert "beam 9 'AP SETUP' has no meterset and is taken for a set-up field" in record.warnings


def test_the_isocentre_of_a_set_up_field_alone_is_not_treated(patient: SmallPatient, tmp_path: Path) -> None:
    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", only_set_up_fields_at_it)
    last = max(beam.number for beam in patient.session.plan.beams)
    with pytest.raises(MissingEvidenceError, match=r"no treatment beam of plan 'EXAMPLE' has the isocentre"):
        register_course(folder, site="prostate", choice=CourseChoice(beam=last))


def test_an_approved_plan_gives_no_warning_of_it(patient: SmallPatient, tmp_path: Path) -> None:
    def approve(dataset: Dataset) -> None:
        dataset.ApprovalStatus = "APPROVED"

    folder = changed_copy(patient.planning, tmp_path / "x", "RP.dcm", approve)
    warnings = register_course(folder, site="prostate").simulation.warnings
    assert not any("APPROVED" in one for one in warnings)


@pytest.mark.parametrize(("name", "words"), [("RP.dcm", "an RT Plan"), ("RS.dcm", "an RT Structure Set")])
def test_an_export_without_plan_or_structures_is_no_course(
    patient: SmallPatient, tmp_path: Path, name: str, words: str
) -> None:
    for path in patient.planning.glob("*.dcm"):
        if path.name != name:
            (tmp_path / path.name).hardlink_to(path)
    with pytest.raises(MissingEvidenceError, match=f"a course needs {words}, export it too"):
        register_course(tmp_path, site="prostate")


def test_the_target_can_be_named(patient: SmallPatient) -> None:
    record = register_course(
        patient.planning, site="prostate", choice=CourseChoice(target="Prostate")
    ).simulation
    assert record.target == "Prostate"
    assert record.dose_per_fraction_gy is None
    assert any("does not say what 'Prostate' gets in a fraction" in one for one in record.warnings)


def test_a_target_that_is_not_there_or_has_no_volume_is_refused(patient: SmallPatient) -> None:
    with pytest.raises(MissingEvidenceError, match="no structure 'Lung'"):
        register_course(patient.planning, site="prostate", choice=CourseChoice(target="Lung"))
    with pytest.raises(GeometryError, match=r"structure 'Isocentre' .* encloses no volume"):
        register_course(patient.planning, site="prostate", choice=CourseChoice(target="Isocentre"))


def test_structures_without_a_target_ask_for_its_name(patient: SmallPatient, tmp_path: Path) -> None:
    def rename(dataset: Dataset) -> None:
        for roi in dataset.StructureSetROISequence:
            roi.ROIName = f"structure {roi.ROINumber}"
        for observation in dataset.RTROIObservationsSequence:
            observation.RTROIInterpretedType = "ORGAN"

    folder = changed_copy(patient.planning, tmp_path / "x", "RS.dcm", rename)
    with pytest.raises(MissingEvidenceError, match="has no PTV, CTV or GTV: name the structure"):
        register_course(folder, site="prostate")


def test_two_marks_are_not_kept_and_the_reason_is_told(patient: SmallPatient, tmp_path: Path) -> None:
    def forget_one(dataset: Dataset) -> None:
        for roi in dataset.StructureSetROISequence:
            if roi.ROIName == "Mark left":
                roi.ROIDescription = ""

    folder = changed_copy(patient.planning, tmp_path / "x", "RS.dcm", forget_one)
    course = register_course(folder, site="prostate")
    assert course.simulation.marks == ()
    assert course.mark_shifts == ()
    warnings = course.simulation.warnings
    assert any("cannot be set up to skin marks: the plan has 2 skin marks" in one for one in warnings)
    assert any("the marker 'Mark left' was left out" in one for one in warnings)


def test_the_same_export_gives_the_same_record(patient: SmallPatient, pelvis: RegisteredCourse) -> None:
    again = register_course(patient.planning, site="prostate")
    assert again.simulation.reference_images == pelvis.simulation.reference_images
    assert replace(again.simulation.patient) == pelvis.simulation.patient
    assert LUNG_PATIENT.patient_id != again.simulation.patient.patient_id


def test_a_real_export_gives_its_seven_fields_and_leaves_the_set_up_fields_out(shared_data: Path) -> None:
    folder = shared_data / "OnkoDICOM" / "test" / "testdata" / "DICOM-RT-TEST"
    if not folder.is_dir():
        pytest.skip("the public patient is absent")
    record = register_course(folder, site="oesophagus").simulation
    # What the notes beside the data say of it: 7 fields, 23 fractions, this isocentre.
    assert [beam.number for beam in record.beams] == [1, 2, 3, 4, 5, 6, 7]
    assert record.fractions_planned == 23
    np.testing.assert_allclose(record.isocentre_mm, [7.5, -234.0, -16.1], atol=0.05)
    assert record.planned_couch is not None
    assert "beam 10 'CBCT' has no meterset and is taken for a set-up field" in record.warnings
    assert not any("APPROVED" in one for one in record.warnings)

"""What the virtual patient's simulation session says, read back as a real patient's would be."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from small_patient import MACHINE_ISOCENTRE_MM, PATIENT

from isoguide.adaptation.field_shape import beams_eye_view_mm
from isoguide.dicom import (
    load_daily_set,
    load_planning_set,
    machine_isocentre,
    marked_points,
    read_ct_series,
    scan_folder,
)
from isoguide.errors import GeometryError, InputError, MissingEvidenceError, OutputError
from isoguide.geometry.frames import DAILY, PLANNING, Points
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import TableTopPose, fixed_from_planning
from isoguide.images.volume import Volume
from isoguide.plan import SkinMark
from isoguide.virtual.treatment_plan import (
    PlanSettings,
    laser_point_mm,
    settings_for,
    target_of,
    treatment_plan,
)
from isoguide.workflow import simulation_session
from isoguide.workflow.inspect import inspect_path
from isoguide.workflow.simulation_session import write_daily_export, write_simulation_session


@pytest.fixture(scope="module")
def planning(patient):
    return load_planning_set(patient.planning)


def tiny_volume(frame=PLANNING, dtype=np.float32, value=0.0):
    grid = Grid.axial(frame, (3, 4, 5), (3.0, 3.0, 4.0), (-5.0, -6.0, 7.0))
    return Volume(grid, np.full(grid.shape, value, dtype=dtype))


def test_images_structures_and_plan_belong_together_without_a_warning(patient, planning):
    assert planning.warnings == ()
    assert planning.image.patient == PATIENT
    assert planning.plan.frame_of_reference_uid == planning.image.frame_of_reference_uid
    assert planning.plan.structure_set_uid == planning.structure_set.sop_instance_uid
    np.testing.assert_array_equal(planning.image.volume.values, patient.phantom.volume.values)
    np.testing.assert_allclose(planning.plan.isocentre_mm(), patient.phantom.isocentre_mm, atol=1e-9)


def test_seeds_marks_and_isocentre_are_points_that_say_what_they_are(patient, planning):
    points = marked_points(planning.structure_set.structures)
    phantom = patient.phantom
    assert [one.name for one in points.fiducials] == [one.name for one in phantom.fiducials]
    assert {one.kind for one in points.fiducials} == {"gold seed"}
    for read, placed in zip(points.fiducials, phantom.fiducials, strict=True):
        np.testing.assert_allclose(read.position_mm, placed.position_mm, atol=1e-9)
    assert [one.name for one in points.marks] == ["anterior", "left", "right"]
    for read, placed in zip(points.marks, phantom.marks, strict=True):
        np.testing.assert_allclose(read.position_mm, placed.position_mm, atol=1e-9)
    (isocentre,) = points.isocentres
    np.testing.assert_allclose(isocentre.point_mm, phantom.isocentre_mm, atol=1e-9)
    assert points.unspecified == ()


def test_the_arc_goes_once_around_with_its_leaves_around_the_target(patient, planning):
    arc = planning.plan.beams[0]
    assert (arc.leaves.axis, arc.leaves.pairs) == ("X", 60)
    angles = [point.gantry_deg for point in arc.control_points]
    assert (len(angles), angles[0], angles[45], angles[-1]) == (91, 181.0, 0.0, 179.0)
    metersets = [point.cumulative_meterset for point in arc.control_points]
    assert (metersets[0], metersets[-1]) == (0.0, 1.0)
    assert np.all(np.diff(metersets) > 0.0)
    target = Points(PLANNING, target_of(patient.phantom).points_mm)
    in_room = fixed_from_planning("HFS", patient.phantom.isocentre_mm) @ target
    for point in arc.control_points[::10]:
        shadow = beams_eye_view_mm(in_room, point.gantry_deg, point.collimator_deg, 1000.0)
        pair = np.searchsorted(arc.leaves.boundaries_mm, shadow[:, 1]) - 1
        # Every vertex of the target has at least the margin to the leaves left and right of it.
        assert (shadow[:, 0] - point.leaf_positions_mm[0, pair]).min() > 4.9
        assert (point.leaf_positions_mm[1, pair] - shadow[:, 0]).min() > 4.9
        assert point.jaw_x_mm[0] < shadow[:, 0].min() - 4.9
        assert point.jaw_y_mm[1] > shadow[:, 1].max() + 4.9


def test_set_up_fields_and_table_shift_prepare_the_first_image(planning):
    plan = planning.plan
    assert [(one.name, one.delivery_type) for one in plan.beams[1:]] == [
        ("kV AP, source 0", "SETUP"),
        ("kV LAT, source 90", "SETUP"),
        ("CBCT", "SETUP"),
    ]
    assert [one.control_points[0].gantry_deg for one in plan.beams[1:]] == [0.0, 90.0, 0.0]
    assert plan.beams[0].control_points[0].table_top_mm is None
    (setup,) = plan.setups
    np.testing.assert_allclose(setup.displacement_mm, 0.0, atol=0.02)
    (prescription,) = plan.prescriptions
    target = planning.structure_set.structure("PTV")
    assert (prescription.dose_gy, prescription.structure_number) == (60.0, target.number)
    assert plan.fractions_planned == 20


def test_marks_20_mm_caudal_of_the_isocentre_ask_the_table_to_move_20_mm_away_from_the_gantry(patient):
    phantom = patient.phantom
    caudal_mm = np.array([0.0, 0.0, 20.0])
    marks = tuple(SkinMark(one.name, one.position_mm - caudal_mm) for one in phantom.marks)
    np.testing.assert_allclose(laser_point_mm(marks), phantom.isocentre_mm - caudal_mm, atol=0.02)
    assert laser_point_mm(marks[:2]) is None
    moved = replace(phantom, marks=marks)
    settings = PlanSettings(technique="IMRT")
    shift_mm = treatment_plan(moved, settings).setups[0].displacement_mm
    np.testing.assert_allclose(shift_mm, [0.0, -20.0, 0.0], atol=0.02)
    assert treatment_plan(replace(phantom, marks=()), settings).setups[0].displacement_mm is None


def test_a_sliding_window_gives_every_point_under_a_leaf_pair_the_same_share(patient):
    settings = PlanSettings(technique="IMRT", table_top=TableTopPose(0.0, 850.0, -120.0), collimator_deg=0.0)
    plan = treatment_plan(patient.phantom, settings)
    assert len([beam for beam in plan.beams if beam.is_treatment]) == 7
    for beam in plan.beams[:7:3]:
        positions = np.array([point.leaf_positions_mm for point in beam.control_points])
        assert np.all(np.diff(positions, axis=0) >= -1e-9)
        pair = beam.leaves.pairs // 2
        start_mm, end_mm = positions[0, 0, pair], positions[-1, 1, pair]
        metersets = [point.cumulative_meterset for point in beam.control_points]
        shares = []
        for x_mm in np.linspace(start_mm + 1.0, end_mm - 1.0, 9):
            opened = np.interp(x_mm, positions[:, 1, pair], metersets)
            closed = np.interp(x_mm, positions[:, 0, pair], metersets)
            shares.append(closed - opened)
        np.testing.assert_allclose(shares, 0.4 / 1.4, atol=1e-9)
    np.testing.assert_array_equal(plan.beams[0].control_points[0].table_top_mm, [0.0, 850.0, -120.0])


def test_ten_phases_share_study_and_frame_and_do_not_hide_the_planning_ct(patient, tmp_path, monkeypatch):
    # Two voxels of air cannot get a dose.
    monkeypatch.setattr(simulation_session, "with_prescribed_dose", lambda plan, _phantom: plan)
    phases = [tiny_volume(value=10.0 * n + 0.4) for n in range(9)] + [tiny_volume(dtype=np.int16, value=90)]
    steps = []
    session = write_simulation_session(
        tmp_path,
        replace(
            patient.phantom,
            volume=tiny_volume(dtype=np.int16),
            structures=(target_of(patient.phantom),),
        ),
        patient=PATIENT,
        seed="breathing",
        phases=phases,
        progress=lambda fraction, step: steps.append(fraction),
    )
    assert steps == sorted(steps)
    assert steps[-1] == pytest.approx(1.0)
    assert load_planning_set(tmp_path).image.series_instance_uid == session.planning.series_instance_uid
    found = scan_folder(tmp_path / "4DCT").ct_series
    images = [read_ct_series(series, PLANNING, needs_hounsfield=True) for series in found]
    assert [image.phase_percent for image in images] == [10.0 * n for n in range(10)]
    assert [image.volume.values[0, 0, 0] for image in images] == [10 * n for n in range(10)]
    assert len({image.series_instance_uid for image in images}) == 10
    assert {image.study_instance_uid for image in images} == {session.planning.study_instance_uid}
    assert {image.frame_of_reference_uid for image in images} == {session.planning.frame_of_reference_uid}
    items = inspect_path(tmp_path).items
    assert not [item.problem for item in items if item.problem]
    assert sum("4DCT" in item.text for item in items) == 10


def test_the_day_says_where_the_machine_isocentre_is_and_which_fraction_it_was(patient, tmp_path):
    when = datetime(2026, 4, 1, 7, 30, tzinfo=UTC)
    for fraction in (2, 3):
        write_daily_export(
            tmp_path / str(fraction),
            tiny_volume(DAILY),
            np.array(MACHINE_ISOCENTRE_MM),
            patient=PATIENT,
            seed="small",
            fraction=fraction,
            acquired_at=when,
        )
    days = [load_daily_set(tmp_path / str(fraction)) for fraction in (2, 3)]
    assert [day.image.description for day in days] == ["CBCT, fraction 2", "CBCT, fraction 3"]
    assert days[0].image.series_instance_uid != days[1].image.series_instance_uid
    assert days[0].image.acquired_at == when.astimezone().replace(tzinfo=None)
    evidence = machine_isocentre(days[0])
    np.testing.assert_allclose(evidence.xyz_mm, MACHINE_ISOCENTRE_MM, atol=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"technique": "arc"}, "unknown technique 'arc'"),
        ({"dose_gy": -2.0}, "dose_gy of the plan is -2.0"),
        ({"fractions": 0}, "fractions of the plan is 0"),
        ({"margin_mm": float("nan")}, "margin_mm of the plan is nan"),
        ({"table_top": TableTopPose(0.0, 0.0, 0.0, pitch_deg=1.0)}, "planned table position is turned"),
    ],
)
def test_impossible_plans_are_refused_by_name(settings, words):
    with pytest.raises(InputError, match=words):
        PlanSettings(**settings)


def test_a_patient_without_a_target_or_with_one_larger_than_the_field_is_refused(patient, tmp_path):
    phantom = patient.phantom
    organs = tuple(one for one in phantom.structures if one.interpreted_type == "ORGAN")
    with pytest.raises(MissingEvidenceError, match="has no target to plan"):
        treatment_plan(replace(phantom, structures=organs))
    clinical = replace(phantom, structures=tuple(one for one in phantom.structures if one.name != "PTV"))
    assert target_of(clinical).interpreted_type == "CTV"
    far = replace(phantom, isocentre_mm=phantom.isocentre_mm + (0.0, 0.0, 190.0))
    with pytest.raises(GeometryError, match="the target needs a field"):
        write_simulation_session(tmp_path / "far", far, patient=PATIENT, seed="far")
    assert not (tmp_path / "far").exists()
    assert settings_for(replace(phantom, site=None)) == PlanSettings()


def test_a_phase_in_the_frame_of_the_day_is_refused(patient, tmp_path):
    with pytest.raises(OutputError, match="phase 0 of the 4DCT is in the frame 'daily patient LPS'"):
        write_simulation_session(
            tmp_path / "p", patient.phantom, patient=PATIENT, seed="x", phases=[tiny_volume(DAILY)]
        )
    assert not (tmp_path / "p").exists()

"""A plan is data; its isocentre is only given when it is the only one."""

import numpy as np
import pytest

from isoguide.errors import AmbiguityError, GeometryError, MissingEvidenceError
from isoguide.plan import (
    Beam,
    ControlPoint,
    Fiducial,
    MultileafCollimator,
    PatientPosition,
    PatientSetup,
    Plan,
    SkinMark,
    group_isocentres,
)


def point(isocentre_mm=None, **more):
    return ControlPoint(0.0, 0.0, 0.0, 0.0, isocentre_mm=isocentre_mm, **more)


def beam(number, *isocentres_mm, delivery_type="TREATMENT"):
    points = tuple(point(isocentre_mm) for isocentre_mm in isocentres_mm)
    return Beam(number, f"field {number}", delivery_type, "PHOTON", "linac", points)


def plan(*beams):
    return Plan("1.2.3", "prostate", PatientPosition.HFS, beams)


def test_beams_repeating_the_same_point_with_rounding_share_one_isocentre():
    isocentre_mm = plan(beam(1, (1.0, 2.0, 3.0)), beam(2, (1.05, 2.0, 3.0))).isocentre_mm()
    np.testing.assert_array_equal(isocentre_mm, [1.0, 2.0, 3.0])


def test_several_isocentres_have_to_be_chosen_by_beam():
    several = plan(beam(1, (0.0, 0.0, 0.0)), beam(2, (0.0, 0.0, 80.0)), beam(3, (0.0, 0.0, 80.0)))
    with pytest.raises(AmbiguityError, match=r"\(0.0, 0.0, 80.0\) mm for beam 2, 3.*--beam N"):
        several.isocentre_mm()
    np.testing.assert_array_equal(several.isocentre_mm(3), [0.0, 0.0, 80.0])


def test_a_couch_that_travels_during_a_beam_makes_several_isocentres():
    travelling = beam(1, (0.0, 0.0, 0.0), (0.0, 0.0, 10.0), (0.0, 0.0, 0.0))
    assert len(group_isocentres([travelling])) == 2
    with pytest.raises(AmbiguityError):
        plan(travelling).isocentre_mm()


def test_set_up_beams_do_not_decide_the_isocentre():
    setup = beam(1, (99.0, 0.0, 0.0), delivery_type="SETUP")
    np.testing.assert_array_equal(plan(setup, beam(2, (1.0, 2.0, 3.0))).isocentre_mm(), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(plan(setup).isocentre_mm(), [99.0, 0.0, 0.0])
    assert not setup.is_treatment
    assert beam(3, delivery_type="").is_treatment


def test_a_plan_without_isocentre_is_refused_with_the_remedy():
    with pytest.raises(MissingEvidenceError, match="--isocentre X,Y,Z"):
        plan(beam(1, None)).isocentre_mm()
    with pytest.raises(MissingEvidenceError, match="beam 1 of plan 'prostate' has no isocentre"):
        plan(beam(1, None)).isocentre_mm(1)
    with pytest.raises(MissingEvidenceError, match="beam 1 of plan 'prostate' has no isocentre"):
        plan(beam(1)).isocentre_mm(1)


def test_a_beam_that_is_not_there_is_refused_with_those_that_are():
    assert plan(beam(1), beam(2)).beam(2).name == "field 2"
    with pytest.raises(MissingEvidenceError, match=r"no beam 7; it has 1 \(field 1\), 2 \(field 2\)"):
        plan(beam(1), beam(2)).isocentre_mm(7)
    with pytest.raises(MissingEvidenceError, match="it has none"):
        plan().beam(1)


def test_control_points_copy_and_freeze_what_they_hold():
    held = point((1, 2, 3), table_top_mm=(4, 5, 6), leaf_positions_mm=np.zeros((2, 60)))
    for array in (held.isocentre_mm, held.table_top_mm, held.leaf_positions_mm):
        assert not array.flags.writeable
    with pytest.raises(GeometryError, match="isocentre"):
        point((1, 2))
    with pytest.raises(GeometryError, match="leaf positions"):
        point(leaf_positions_mm=np.zeros((3, 60)))


def test_the_eight_positions_are_the_ones_the_geometry_knows():
    from isoguide.geometry.iec61217 import PATIENT_POSITIONS

    assert set(PatientPosition) == set(PATIENT_POSITIONS)


def test_leaf_boundaries_describe_pairs_from_one_side_to_the_other():
    leaves = MultileafCollimator("X", (-10.0, -5.0, 0.0, 5.0))
    assert leaves.pairs == 3
    assert not leaves.boundaries_mm.flags.writeable
    for wrong in ((5.0, 0.0), (0.0,), (0.0, 0.0, 5.0)):
        with pytest.raises(GeometryError, match="must increase"):
            MultileafCollimator("X", wrong)


def test_a_set_up_displacement_is_three_numbers_or_open():
    assert PatientSetup(1).displacement_mm is None
    assert PatientSetup(1, displacement_mm=(1, 2, 3)).displacement_mm.tolist() == [1.0, 2.0, 3.0]
    with pytest.raises(GeometryError, match="set-up displacement"):
        PatientSetup(1, displacement_mm=(1, 2))


def test_marks_and_markers_are_points_of_the_planning_images():
    assert SkinMark("left", (1, 2, 3)).position_mm.tolist() == [1.0, 2.0, 3.0]
    assert Fiducial("Seed 1", (4, 5, 6)).kind == "gold seed"
    with pytest.raises(GeometryError, match="mark 'left'"):
        SkinMark("left", (1, 2))
    with pytest.raises(GeometryError, match="marker 'Seed 1'"):
        Fiducial("Seed 1", (np.nan, 0, 0))

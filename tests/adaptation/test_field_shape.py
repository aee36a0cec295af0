"""Leaves around a target, held against what a sphere and a box look like from a point source."""

import numpy as np
import pytest

from isoguide.adaptation.field_shape import (
    beams_eye_view_mm,
    shaped_field,
    target_outline_mm,
    with_common_jaws,
)
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import FIXED, PLANNING, Points
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.images.structure import Contour, Structure
from isoguide.plan import ControlPoint, MultileafCollimator

SAD_MM = 1000.0
LEAVES = MultileafCollimator("X", np.arange(-100.0, 101.0, 5.0))
ISOCENTRE_MM = np.array([12.0, -230.0, 41.0])
FIXED_FROM_PLANNING = fixed_from_planning("HFS", ISOCENTRE_MM)


def sphere(radius_mm, centre_mm=ISOCENTRE_MM, slice_mm=0.5):
    """A ball drawn on axial planes, whose slabs stay inside it."""
    angles = np.linspace(0.0, 2.0 * np.pi, 361)[:-1]
    contours = []
    for z in np.arange(-radius_mm + slice_mm / 2.0, radius_mm, slice_mm):
        inside = np.sqrt(max(radius_mm**2 - (abs(z) + slice_mm / 2.0) ** 2, 0.0))
        ring = np.column_stack([inside * np.cos(angles), inside * np.sin(angles), np.full(len(angles), z)])
        contours.append(Contour("CLOSED_PLANAR", ring + centre_mm))
    return Structure("PTV", 1, PLANNING, tuple(contours), "PTV")


def box(half_mm, centre_mm=ISOCENTRE_MM):
    """A box with edges along LPS, drawn on two planes that each stand for half of it."""
    x, y, z = half_mm
    corners = np.array([(-x, -y), (x, -y), (x, y), (-x, y)], dtype=float)
    contours = tuple(
        Contour("CLOSED_PLANAR", np.column_stack([corners, np.full(4, at)]) + centre_mm)
        for at in (-z / 2.0, z / 2.0)
    )
    return Structure("PTV", 1, PLANNING, contours, "PTV")


def shadow_of(target, gantry_deg, collimator_deg):
    points = FIXED_FROM_PLANNING @ Points(PLANNING, target_outline_mm(target))
    return beams_eye_view_mm(points, gantry_deg, collimator_deg, SAD_MM)


@pytest.mark.parametrize(("gantry_deg", "collimator_deg"), [(0, 0), (37, 10), (90, 0), (181, 45), (270, 350)])
def test_a_sphere_at_the_isocentre_is_a_disc_from_everywhere(gantry_deg, collimator_deg):
    radius_mm, margin_mm = 30.0, 5.0
    field = shaped_field(shadow_of(sphere(radius_mm), gantry_deg, collimator_deg), LEAVES, margin_mm)
    # The tangents of a point source touch a sphere before its equator: r' = SAD r / sqrt(SAD² - r²).
    disc_mm = SAD_MM * radius_mm / np.sqrt(SAD_MM**2 - radius_mm**2) + margin_mm
    low_mm, high_mm = LEAVES.boundaries_mm[:-1], LEAVES.boundaries_mm[1:]
    nearest_mm = np.where(low_mm > 0.0, low_mm, np.where(high_mm < 0.0, -high_mm, 0.0))
    expected_mm = np.sqrt(np.maximum(disc_mm**2 - nearest_mm**2, 0.0))
    reached = nearest_mm < disc_mm - 0.5
    np.testing.assert_allclose(field.leaf_positions_mm[0, reached], -expected_mm[reached], atol=0.25)
    np.testing.assert_allclose(field.leaf_positions_mm[1, reached], expected_mm[reached], atol=0.25)
    np.testing.assert_allclose(field.leaf_positions_mm[:, nearest_mm > disc_mm], 0.0, atol=0.1)
    np.testing.assert_allclose([field.jaw_x_mm, field.jaw_y_mm], [(-disc_mm, disc_mm)] * 2, atol=0.2)


@pytest.mark.parametrize(
    # Head first supine the left side is at +X of the room: along X of the gantry at 0°, against it at 180°.
    ("gantry_deg", "x_mm"),
    [(0, 20.0), (180, -20.0)],
)
def test_a_target_to_the_patients_left_is_seen_on_its_side(gantry_deg, x_mm):
    point = Points(PLANNING, ISOCENTRE_MM + (20.0, 0.0, 0.0))
    seen = beams_eye_view_mm(FIXED_FROM_PLANNING @ point, gantry_deg, 0.0, SAD_MM)
    np.testing.assert_allclose(seen, [[x_mm, 0.0]], atol=1e-9)


def test_a_target_towards_the_source_looks_larger_and_a_turned_collimator_sees_it_turned_back():
    front = Points(FIXED, np.array([[10.0, 0.0, 100.0]]))
    np.testing.assert_allclose(beams_eye_view_mm(front, 0.0, 0.0, SAD_MM), [[10.0 / 0.9, 0.0]])
    # Counter-clockwise seen from the source, so that what lies along +X of the gantry is at -Y of the device.
    np.testing.assert_allclose(beams_eye_view_mm(front, 0.0, 90.0, SAD_MM), [[0.0, -10.0 / 0.9]], atol=1e-12)
    with pytest.raises(GeometryError, match="behind the source at gantry 0°"):
        beams_eye_view_mm(Points(FIXED, np.array([[0.0, 0.0, 1000.0]])), 0.0, 0.0, SAD_MM)


def test_a_box_is_as_wide_as_its_face_towards_the_source_and_its_corners_are_rounded_by_the_margin():
    field = shaped_field(shadow_of(box((20.0, 10.0, 30.0)), 0.0, 0.0), LEAVES, 4.0)
    near = SAD_MM / (SAD_MM - 10.0)
    middle = LEAVES.pairs // 2
    np.testing.assert_allclose(
        field.leaf_positions_mm[:, middle], [-20.0 * near - 4.0, 20.0 * near + 4.0], atol=0.04
    )
    np.testing.assert_allclose(field.jaw_y_mm, (-30.0 * near - 4.0, 30.0 * near + 4.0), atol=1e-6)
    # The pair from 30 to 35 mm still sees the edge at 30.3 mm, so it opens as far as the others.
    np.testing.assert_allclose(
        field.leaf_positions_mm[:, middle + 6], field.leaf_positions_mm[:, middle], atol=0.04
    )
    np.testing.assert_allclose(field.leaf_positions_mm[:, middle + 7], [0.0, 0.0], atol=1e-9)


def test_leaves_along_y_open_along_y():
    along_y = MultileafCollimator("Y", LEAVES.boundaries_mm)
    field = shaped_field(shadow_of(box((20.0, 10.0, 30.0)), 0.0, 0.0), along_y, 4.0)
    near = SAD_MM / (SAD_MM - 10.0)
    np.testing.assert_allclose(
        field.leaf_positions_mm[:, along_y.pairs // 2], [-30.0 * near - 4.0, 30.0 * near + 4.0], atol=0.04
    )
    np.testing.assert_allclose(field.jaw_x_mm, (-20.0 * near - 4.0, 20.0 * near + 4.0), atol=1e-6)


def test_without_a_margin_the_leaves_stand_at_the_shadow():
    field = shaped_field(shadow_of(box((20.0, 10.0, 30.0)), 0.0, 0.0), LEAVES, 0.0)
    near = SAD_MM / (SAD_MM - 10.0)
    np.testing.assert_allclose(field.leaf_positions_mm[1, LEAVES.pairs // 2], 20.0 * near, atol=1e-9)


def test_a_target_between_thick_slices_leaves_no_pair_closed_in_its_middle():
    field = shaped_field(shadow_of(box((20.0, 10.0, 40.0)), 90.0, 0.0), LEAVES, 1.0)
    gaps_mm = np.diff(field.leaf_positions_mm, axis=0)[0]
    opened = np.flatnonzero(gaps_mm > 0.0)
    assert opened.tolist() == list(range(opened[0], opened[-1] + 1))


def test_a_target_larger_than_the_field_is_refused():
    with pytest.raises(GeometryError, match=r"needs a field from -10. to 10. mm across the leaves"):
        shaped_field(shadow_of(box((20.0, 10.0, 99.0)), 0.0, 0.0), LEAVES, 5.0)


def test_points_have_no_shape_to_open_for():
    mark = Structure("isocentre", 1, PLANNING, (Contour("POINT", [ISOCENTRE_MM]),))
    with pytest.raises(MissingEvidenceError, match="'isocentre' encloses no volume"):
        target_outline_mm(mark)


def test_common_jaws_hold_every_opening_and_leave_the_leaves_alone():
    wide = shaped_field(shadow_of(box((40.0, 10.0, 10.0)), 0.0, 0.0), LEAVES, 5.0)
    long = shaped_field(shadow_of(box((10.0, 10.0, 40.0)), 0.0, 0.0), LEAVES, 5.0)
    first, second = with_common_jaws([wide, long])
    assert first.jaw_x_mm == second.jaw_x_mm == wide.jaw_x_mm
    assert first.jaw_y_mm == second.jaw_y_mm == long.jaw_y_mm
    np.testing.assert_array_equal(first.leaf_positions_mm, wide.leaf_positions_mm)
    opened = first.of(ControlPoint(0.0, 0.0, 0.0, 0.0))
    assert opened.jaw_y_mm == long.jaw_y_mm
    np.testing.assert_array_equal(opened.leaf_positions_mm, wide.leaf_positions_mm)

"""Structures of the plan carried to the day: where they are drawn, and that nothing is made up."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_bodies import AXES, ball, box, circle, drawn, registration, tube

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, PROBE, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.images.drawn_shape import drawn_shape
from isoguide.images.structure import Contour, Structure
from isoguide.images.structure_measures import agreement, centre_mm, extent_mm, volume_ml
from isoguide.registration.deformable.carry import carried
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

PLACE = (6.0, -4.0, 10.0)
HALF_A_SLICE_MM = 1.0
"""A flat end is drawn on the slices there are."""


def day_grid(frame=DAILY, direction: Array | None = None, centre: Array | None = None) -> Grid:
    """The day's slices: 2 mm, finer and elsewhere than the plan's."""
    shape, spacing = (50, 90, 96), np.array([1.2, 1.2, 2.0])
    direction = np.eye(3) if direction is None else direction
    middle = np.zeros(3) if centre is None else centre
    corner = middle - direction @ (spacing * (np.array(shape[::-1]) - 1) / 2.0) + [0.3, 0.2, 0.7]
    return Grid(frame, shape, spacing, corner, direction)


def still(xyz: Array) -> Array:
    return np.zeros_like(xyz)


class TestSigns:
    def test_a_target_5_mm_further_left_than_the_bones_say_is_drawn_5_mm_to_the_left(self) -> None:
        # Left is +x. Bones were matched: they lie 20 mm to the right and 3 mm up in the day's image.
        bones = RigidTransform.translation(PLANNING, DAILY, [20.0, 0.0, -3.0])
        found = registration(lambda xyz: np.array([5.0, 0.0, 0.0]), planning_from_daily=bones)
        target = ball(12.0, centre_mm=PLACE)
        today = carried(target, found, day_grid(centre=np.array([-20.0, 0.0, 3.0])))
        assert today.frame == DAILY
        np.testing.assert_allclose(centre_mm(today), np.array(PLACE) + [5.0 - 20.0, 0.0, 3.0], atol=0.2)
        put_back = carried(target, found, day_grid(PLANNING))
        assert put_back.frame == PLANNING
        np.testing.assert_allclose(centre_mm(put_back), np.array(PLACE) + [5.0, 0.0, 0.0], atol=0.2)

    def test_a_turned_patient_carries_his_structures_along(self) -> None:
        pose = RigidTransform.from_parts(
            PLANNING, DAILY, rotation_z(12.0) @ rotation_x(-5.0), np.array([4.0, 9.0, -2.0])
        )
        found = registration(still, planning_from_daily=pose)
        today = carried(box((20.0, 28.0, 16.0), centre_mm=PLACE), found, day_grid())
        np.testing.assert_allclose(centre_mm(today), pose.inverse().apply(np.array(PLACE)), atol=0.15)
        assert volume_ml(today) == pytest.approx(20.0 * 28.0 * 16.0 / 1000.0, rel=0.02)

    def test_every_vertex_is_tissue_of_the_planned_surface(self) -> None:
        pose = RigidTransform.from_parts(PLANNING, DAILY, rotation_z(7.0), np.array([4.0, 9.0, -2.0]))
        found = registration(
            lambda xyz: 4.0 * np.sin(xyz[:, [1, 2, 0]] / 20.0), planning_from_daily=pose, spacing_mm=4.0
        )
        today = carried(ball(16.0, 1.0, centre_mm=PLACE), found, day_grid())
        origin = found.planning_positions(today.points_mm)
        middle = np.abs(origin[:, 2] - PLACE[2]) < 10.0  # away from the flat ends
        radius = np.linalg.norm(origin - PLACE, axis=1)
        np.testing.assert_allclose(radius[middle], 16.0, atol=0.15)


class TestSize:
    def test_tissue_that_did_not_move_is_drawn_where_it_was_planned(self) -> None:
        target = ball(14.0, 2.0, centre_mm=PLACE)
        found = agreement(
            carried(target, registration(still), day_grid(PLANNING)), target, day_grid(PLANNING)
        )
        assert found.dice > 0.985
        assert found.mean_distance_mm < 0.25

    @pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
    def test_any_orientation_of_plan_and_day_gives_the_same_structure(self, axes: Array) -> None:
        found = registration(lambda xyz: np.array([2.0, -3.0, 1.0]))
        planned = box((20.0, 24.0, 16.0), axes=axes, centre_mm=PLACE)
        today = carried(planned, found, day_grid(direction=axes))
        off_mm = axes.T @ (centre_mm(today) - np.array(PLACE) - [2.0, -3.0, 1.0])
        np.testing.assert_allclose(off_mm[:2], 0.0, atol=0.05)
        assert abs(off_mm[2]) < HALF_A_SLICE_MM
        sliced = carried(planned, found, day_grid(direction=AXES["coronal"]))
        np.testing.assert_allclose(extent_mm(sliced), np.abs(axes) @ [20.0, 24.0, 16.0], atol=2.1)
        assert volume_ml(sliced) == pytest.approx(7.68, rel=0.05)

    def test_a_hole_stays_a_hole(self) -> None:
        found = registration(lambda xyz: np.array([3.0, 0.0, 0.0]))
        today = carried(tube(16.0, 6.0, 20.0), found, day_grid())
        assert {one.kind for one in today.contours} == {"CLOSED_PLANAR"}
        per_mm = volume_ml(today) / extent_mm(today)[2] * 1000.0
        assert per_mm == pytest.approx(np.pi * (256 - 36), rel=0.01)

    def test_a_shape_made_once_gives_the_same_contours(self) -> None:
        found = registration(lambda xyz: 0.05 * xyz)
        planned = ball(10.0)
        one, other = (carried(it, found, day_grid()) for it in (planned, drawn_shape(planned)))
        np.testing.assert_array_equal(one.points_mm, other.points_mm)


class TestLabels:
    def test_it_keeps_its_name_number_type_and_colour_and_says_where_it_is_from(self) -> None:
        planned = replace(ball(10.0, name="GTV"), number=4, interpreted_type="GTV", colour=(9, 8, 7))
        today = carried(planned, registration(still), day_grid())
        assert (today.name, today.number, today.interpreted_type) == ("GTV", 4, "GTV")
        assert today.colour == (9, 8, 7)
        assert today.description == "carried from the plan by deformable registration, for decision"

    def test_a_field_that_is_not_for_decision_says_so_in_the_structure(self) -> None:
        found = registration(still, verdict=FieldVerdict.NOT_FOR_DECISION)
        today = carried(replace(ball(10.0), description="by hand"), found, day_grid())
        assert today.description.startswith("by hand; carried from the plan")
        assert today.description.endswith("not for decision")

    def test_a_structure_cut_by_the_border_of_the_image_says_so(self) -> None:
        today = carried(ball(12.0, centre_mm=(58.0, 0.0, 0.0)), registration(still), day_grid())
        assert today.description.endswith("cut at the border of the image")
        edge = day_grid().xyz(np.array([95.5, 0.0, 0.0]))[0]
        assert today.points_mm[:, 0].max() == pytest.approx(edge, abs=1e-3)


class TestRefusals:
    @pytest.mark.parametrize(
        ("structure", "reason"),
        [
            (Structure("Empty", 1, PLANNING, ()), "no closed contour"),
            (Structure("Isocentre", 1, PLANNING, (Contour("POINT", np.zeros((1, 3))),)), "no closed contour"),
            (drawn(lambda z: [circle(10.0)], np.array([0.0]), name="Chiasm"), "single slice"),
            (ball(10.0, frame=DAILY), "only structures of the plan"),
            (ball(10.0, centre_mm=(300.0, 0.0, 0.0)), "outside the image today"),
            (ball(10.0, centre_mm=(0.0, 0.0, -80.0)), "outside the image today"),
        ],
        ids=["empty", "a point", "one slice", "of the day", "beside", "below"],
    )
    def test_what_cannot_be_carried_is_refused_in_one_sentence(
        self, structure: Structure, reason: str
    ) -> None:
        with pytest.raises(GeometryError, match=reason) as caught:
            carried(structure, registration(still), day_grid())
        assert f"'{structure.name}'" in str(caught.value)

    def test_what_slips_between_two_slices_is_refused(self) -> None:
        thin = box((20.0, 20.0, 1.0), 0.5, centre_mm=(0.0, 0.0, 0.5))
        thick = Grid.axial(DAILY, (12, 60, 60), (1.0, 1.0, 8.0), (-30.0, -30.0, -44.0))
        with pytest.raises(GeometryError, match="passes between two slices"):
            carried(thin, registration(still), thick)

    def test_a_grid_of_another_frame_is_refused(self) -> None:
        with pytest.raises(GeometryError, match="not to 'ultrasound probe'"):
            carried(ball(10.0), registration(still), day_grid(PROBE))

    def test_without_a_field_nothing_is_carried(self) -> None:
        nothing = DeformableRegistration(
            FieldVerdict.NOT_AVAILABLE,
            ("another body region",),
            (),
            RigidTransform.identity(PLANNING, DAILY),
            *(None,) * 6,
            "none",
            {},
        )
        with pytest.raises(ValueError, match="no displacement field"):
            carried(ball(10.0), nothing, day_grid())

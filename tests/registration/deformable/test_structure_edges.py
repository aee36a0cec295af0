"""Whether the day's image shows a surface where the deformation puts it: balls of known size in noise."""

import numpy as np
import pytest
from drawn_bodies import ball, registration

from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.drawn_shape import DrawnShape, drawn_shape
from isoguide.images.volume import Volume
from isoguide.registration.deformable.edges import edge_agreement
from isoguide.registration.deformable.shape import structure_of_day

MIDDLE = np.array([4.0, -2.0, 3.0])
POSE = RigidTransform.translation(PLANNING, DAILY, [30.0, 0.0, -5.0])


def image(frame: Frame, radius_mm: float, seed: int, contrast: float = 30.0) -> Volume:
    """A ball whose edge is blurred over a voxel or two, in noise of 10."""
    centre = MIDDLE if frame == PLANNING else POSE.inverse().apply(MIDDLE)
    grid = Grid.axial(frame, (32, 32, 32), (2.0, 2.0, 2.0), tuple(centre - 31.0))
    kji = np.indices(grid.shape).reshape(3, -1)
    depth = radius_mm - np.linalg.norm(grid.xyz(kji[::-1].T) - centre, axis=1)
    noise = np.random.default_rng(seed).normal(0.0, 10.0, depth.shape)
    values = contrast * np.clip(0.5 + depth / 3.0, 0.0, 1.0) + noise
    return Volume(grid, values.reshape(grid.shape).astype(np.float32), is_hounsfield=False)


def scaled(factor: float):
    return lambda xyz: (factor - 1.0) * (xyz - MIDDLE)


def still(xyz: Array) -> Array:
    return np.zeros_like(xyz)


@pytest.fixture(scope="module")
def shape() -> DrawnShape:
    return drawn_shape(ball(14.0, 2.0, centre_mm=tuple(MIDDLE)))


@pytest.fixture(scope="module")
def planning() -> Volume:
    return image(PLANNING, 14.0, 1)


class TestAgreement:
    def test_a_tumour_that_shrank_as_the_field_says_agrees(self, shape: DrawnShape, planning: Volume) -> None:
        found = registration(scaled(0.75), planning_from_daily=POSE)
        agrees = edge_agreement(shape, found, planning, image(DAILY, 10.5, 2))
        assert agrees is not None
        assert agrees > 0.9

    def test_other_grey_values_of_a_cone_beam_ct_do_not_matter(
        self, shape: DrawnShape, planning: Volume
    ) -> None:
        day = image(DAILY, 14.0, 2)
        grey = Volume(day.grid, (500.0 + 0.4 * day.values).astype(np.float32), is_hounsfield=False)
        one, other = (
            edge_agreement(shape, registration(still, planning_from_daily=POSE), planning, it)
            for it in (day, grey)
        )
        assert one == pytest.approx(other)

    def test_a_tumour_that_shrank_unnoticed_by_the_field_does_not_agree(
        self, shape: DrawnShape, planning: Volume
    ) -> None:
        found = registration(still, planning_from_daily=POSE)
        agrees = edge_agreement(shape, found, planning, image(DAILY, 9.0, 2))
        assert agrees is not None
        assert agrees < 0.5

    def test_a_tumour_like_its_surroundings_does_not_agree(self, shape: DrawnShape) -> None:
        found = registration(still, planning_from_daily=POSE)
        agrees = edge_agreement(shape, found, image(PLANNING, 14.0, 1, 0.0), image(DAILY, 14.0, 2, 0.0))
        assert agrees is not None
        assert abs(agrees) < 0.3

    def test_a_surface_outside_the_image_is_not_judged(self, planning: Volume) -> None:
        beyond = drawn_shape(ball(5.0, 2.5, centre_mm=(50.0, 0.0, 0.0)))
        day = image(DAILY, 14.0, 2)
        assert edge_agreement(beyond, registration(still, planning_from_daily=POSE), planning, day) is None

    def test_a_surface_of_which_the_smaller_part_is_shown_is_not_judged(self, planning: Volume) -> None:
        edge = drawn_shape(ball(8.0, 4.0, centre_mm=(MIDDLE[0] + 34.0, MIDDLE[1], MIDDLE[2])))
        day = image(DAILY, 14.0, 2)
        assert edge_agreement(edge, registration(still, planning_from_daily=POSE), planning, day) is None


class TestWords:
    def test_a_size_that_the_image_does_not_show_is_said_to_be_assumed(
        self, shape: DrawnShape, planning: Volume
    ) -> None:
        found = registration(still, planning_from_daily=POSE)
        told = structure_of_day(shape, found, images=(planning, image(DAILY, 9.0, 2)))
        assert told.edge_agreement is not None
        assert len(told.approximations) == 1
        assert "does not show the surface of structure 'Target'" in told.approximations[0]

    def test_a_size_that_the_image_shows_is_not(self, shape: DrawnShape, planning: Volume) -> None:
        found = registration(scaled(0.75), planning_from_daily=POSE)
        told = structure_of_day(shape, found, images=(planning, image(DAILY, 10.5, 2)))
        assert told.approximations == ()
        assert told.volume_ml / told.planned_volume_ml == pytest.approx(0.75**3, rel=1e-3)

    def test_without_images_the_edge_is_not_looked_at(self, shape: DrawnShape) -> None:
        assert structure_of_day(shape, registration(still)).edge_agreement is None

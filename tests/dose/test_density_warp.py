"""The planning CT goes to where its tissue is today, by the exact inverse of the field."""

import numpy as np
import pytest
from density_patients import found_as, planning_ct, small_grid

from isoguide.dose.density import warped_planning
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_z
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import FieldVerdict

GRID = Grid.axial(PLANNING, (12, 14, 16), (5.0, 5.0, 5.0), (-37.5, -32.5, -27.5))
TURNED = RigidTransform.from_parts(
    PLANNING, DAILY, rotation_z(5.0) @ rotation_x(-3.0), np.array([4.0, 6.0, -8.0])
)


def ball(centre_mm: tuple[float, float, float]) -> Volume:
    k, j, i = np.indices(GRID.shape)
    away_mm = np.linalg.norm(GRID.xyz(np.stack([i, j, k], axis=-1)) - centre_mm, axis=-1)
    return Volume(GRID, (1000.0 * np.exp(-0.5 * (away_mm / 8.0) ** 2)).astype(np.float32))


def centre_of(volume: Volume) -> np.ndarray:
    weight = np.maximum(volume.values, 0.0).astype(np.float64)
    k, j, i = np.indices(volume.grid.shape)
    xyz = volume.grid.xyz(np.stack([i, j, k], axis=-1))
    return (weight[..., None] * xyz).sum(axis=(0, 1, 2)) / weight.sum()


def five_mm_left() -> DisplacementField:
    vectors = np.broadcast_to(np.array([5.0, 0.0, 0.0], np.float32), (*GRID.shape, 3))
    return DisplacementField(GRID, vectors)


def test_a_target_5_mm_further_left_than_the_bones_lies_5_mm_to_the_left() -> None:
    moved = warped_planning(ball((0.0, 0.0, 0.0)), found_as(five_mm_left(), match=TURNED), GRID)
    np.testing.assert_allclose(centre_of(moved), [5.0, 0.0, 0.0], atol=0.05)


def test_on_the_days_grid_it_lies_where_the_days_image_shows_it() -> None:
    found = found_as(five_mm_left(), match=TURNED)
    here_mm = TURNED.inverse().apply(np.array([5.0, 0.0, 0.0]))
    day = Grid.axial(DAILY, (14, 14, 14), (5.0, 5.0, 5.0), tuple(np.round(here_mm) - 32.5))
    moved = warped_planning(ball((0.0, 0.0, 0.0)), found, day)
    np.testing.assert_allclose(centre_of(moved), here_mm, atol=0.05)


def test_tissue_that_is_stretched_is_found_by_the_inverse_and_not_by_the_field_turned_round() -> None:
    # u(x) = 0.2 x along x, so what is now at y was at y / 1.2; the field turned round says 0.8 y.
    k, j, i = np.indices(GRID.shape)
    x = GRID.xyz(np.stack([i, j, k], axis=-1))[..., 0]
    vectors = np.zeros((*GRID.shape, 3), dtype=np.float32)
    vectors[..., 0] = 0.2 * x
    planning = Volume(GRID, (10.0 * x).astype(np.float32))
    moved = warped_planning(planning, found_as(DisplacementField(GRID, vectors)), GRID)
    inner = (slice(3, -3), slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(moved.values[inner], (10.0 / 1.2 * x)[inner], atol=0.5)
    assert np.abs(8.0 * x - 10.0 / 1.2 * x)[inner].max() > 5.0


def test_where_the_planning_ct_does_not_reach_there_is_air() -> None:
    beyond = Grid.axial(PLANNING, (4, 14, 16), (5.0, 5.0, 5.0), (-37.5, -32.5, 50.0))
    assert (warped_planning(ball((0.0, 0.0, 25.0)), found_as(), beyond).values == -1000.0).all()


def test_a_day_without_field_has_no_density() -> None:
    with pytest.raises(MissingEvidenceError, match=r"no displacement field was found \(tissue folds"):
        warped_planning(planning_ct(), found_as(None, FieldVerdict.NOT_AVAILABLE), small_grid())


def test_grey_values_are_no_planning_ct() -> None:
    grey = Volume(GRID, np.zeros(GRID.shape, np.float32), is_hounsfield=False, source="CBCT 3")
    with pytest.raises(GeometryError, match="which CBCT 3 is not"):
        warped_planning(grey, found_as(), GRID)


def test_a_frame_that_the_match_does_not_know_is_refused() -> None:
    room = Grid.axial(Frame("room"), (4, 4, 4), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0))
    with pytest.raises(GeometryError, match="not in 'room'"):
        warped_planning(planning_ct(), found_as(), room)

"""Templates: what they hold, how they change when the patient moves, and where they are chosen."""

import numpy as np
import pytest
from analytic_images import PHASES, WAVES, centred_grid, level_of, planning_level, texture

from isoguide.geometry.frames import PLANNING
from isoguide.registration.pyramid import Level
from isoguide.registration.refine import small_motion
from isoguide.registration.templates import (
    CELL_MM,
    LEVER_MM,
    PATCH,
    build_templates,
    make_templates,
    motion_jacobian,
)

CENTRE_MM = np.array([2.0, -3.0, 4.0])
OBLIQUE = np.array([[0.0, -0.6, 0.8], [1.0, 0.0, 0.0], [0.0, 0.8, 0.6]])


@pytest.fixture(scope="module")
def level():
    return planning_level(spacing_mm=(2.0, 2.0, 2.0))


@pytest.fixture(scope="module")
def templates(level):
    return make_templates(level, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, 200)


def test_values_have_mean_zero_and_length_one(templates):
    np.testing.assert_allclose(templates.values.mean(axis=1), 0.0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(templates.values, axis=1), 1.0, atol=1e-5)


def test_derivatives_are_orthogonal_to_the_values_and_to_the_constant(templates):
    d = templates.derivatives.astype(np.float64)
    size = np.linalg.norm(d, axis=2)
    np.testing.assert_allclose(d.sum(axis=2) / size, 0.0, atol=2e-4)
    np.testing.assert_allclose(np.einsum("pcs,ps->pc", d, templates.values) / size, 0.0, atol=2e-4)


def test_the_jacobian_is_the_derivative_of_a_small_motion():
    points = np.random.default_rng(1).uniform(-90.0, 90.0, (20, 3))
    jacobian = motion_jacobian(points, CENTRE_MM)
    for parameter in range(6):
        step = np.zeros(6)
        step[parameter] = 1e-4
        ahead, back = (small_motion(sign * step, CENTRE_MM) for sign in (1.0, -1.0))
        moved = (points @ ahead[:3, :3].T + ahead[:3, 3]) - (points @ back[:3, :3].T + back[:3, 3])
        np.testing.assert_allclose(moved / 2e-4, jacobian[..., parameter], atol=1e-8)


def test_a_rotation_of_one_millimetre_moves_what_lies_at_the_lever_by_one_millimetre():
    at_lever = CENTRE_MM + [0.0, LEVER_MM, 0.0]
    np.testing.assert_allclose(motion_jacobian(at_lever, CENTRE_MM)[:, 5], [-1.0, 0.0, 0.0])


@pytest.mark.parametrize("direction", [np.eye(3), OBLIQUE], ids=["axial", "other axes"])
@pytest.mark.parametrize("parameter", range(6))
def test_derivatives_tell_how_the_patch_changes_when_its_samples_move_and_no_gain_or_blur_explains(
    direction, parameter
):
    level = level_of(texture, centred_grid(PLANNING, (21, 21, 21), (1.0, 1.0, 1.0), CENTRE_MM, direction))
    nodes = np.array([[6, 7, 8], [12, 10, 9], [15, 14, 13]])
    templates = build_templates(level, nodes, CENTRE_MM + 40.0)
    step = np.zeros(6)
    step[parameter] = 0.01
    samples = templates.centres_mm[:, None] + templates.offsets_mm
    changes = []
    for sign in (1.0, -1.0):
        motion = small_motion(sign * step, templates.centre_mm)
        m = texture(samples @ motion[:3, :3].T + motion[:3, 3])
        m -= m.mean(axis=1, keepdims=True)
        changes.append(m / np.linalg.norm(m, axis=1, keepdims=True))
    change = (changes[0] - changes[1]) / 0.02
    expected = np.stack([unexplained(c, xyz, direction) for c, xyz in zip(change, samples, strict=True)])
    np.testing.assert_allclose(
        templates.derivatives[:, parameter], expected, atol=0.03 * np.abs(change).max()
    )


def unexplained(change, points_mm, direction):
    """What is left of a change (samples,) beside offset, gain, and blur in plane and across: by formula."""
    waves = 50.0 * np.cos(points_mm @ WAVES.T + PHASES)
    along = (WAVES @ direction) ** 2
    known = np.stack(
        [np.ones(len(waves)), waves.sum(axis=1), waves @ along[:, :2].sum(axis=1), waves @ along[:, 2]]
    )
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    return change - known.T @ np.linalg.lstsq(known.T, change, rcond=None)[0]


def test_information_is_the_product_of_the_derivatives(templates):
    d = templates.derivatives.astype(np.float64)
    np.testing.assert_allclose(templates.information, np.einsum("pas,pbs->pab", d, d), rtol=1e-3, atol=1e-6)


def test_the_lattice_of_every_patch_lies_inside_the_level(level, templates):
    reach = (PATCH // 2 + 1) * level.grid.spacing_mm
    for sign in (-1.0, 1.0):
        assert level.grid.contains(templates.centres_mm + sign * reach).all()


def test_patches_are_spread_although_one_corner_has_most_contrast():
    def bright_corner(points_mm):
        return texture(points_mm) * np.where((points_mm > 20.0).all(axis=-1), 20.0, 1.0)

    level = planning_level(bright_corner, spacing_mm=(3.0, 3.0, 3.0))
    templates = make_templates(level, np.ones(level.grid.shape, dtype=bool), np.zeros(3), 300)
    _, counts = np.unique(templates.cells, return_counts=True)
    cells = int(np.prod(np.ceil(level.grid.extent_mm / CELL_MM)))
    assert len(counts) > 0.5 * cells
    assert counts.max() < 0.1 * len(templates)


def test_patches_lie_only_where_they_are_allowed(level):
    allowed = np.zeros(level.grid.shape, dtype=bool)
    allowed[10:20, 5:30, 20:35] = True
    templates = make_templates(level, allowed, CENTRE_MM, 100)
    index = np.rint(level.grid.index(templates.centres_mm)).astype(int)
    assert allowed[index[:, 2], index[:, 1], index[:, 0]].all()


def test_a_ramp_that_no_blur_changes_keeps_what_tells_its_place():
    def edge(points_mm):
        return np.clip(40.0 * points_mm[..., 0], -400.0, 400.0) + 100.0 * np.sin(points_mm[..., 1] / 4.0)

    level = planning_level(edge, shape=(11, 11, 11), spacing_mm=(1.0, 1.0, 1.0))
    d = build_templates(level, np.array([[5, 5, 5]]), np.zeros(3)).derivatives
    # In z nothing changes: neither does the blur along z take part, nor is there a place along z.
    assert np.isfinite(d).all()
    assert np.linalg.norm(d[0, 1]) > 0.01
    np.testing.assert_allclose(d[0, 2], 0.0, atol=1e-6)


def test_patches_without_contrast_are_not_chosen(level):
    nothing = Level(level.grid, np.full(level.grid.shape, 40.0, np.float32))
    assert make_templates(nothing, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, 100) is None


def test_a_level_smaller_than_a_patch_holds_none():
    level = planning_level(shape=(4, 40, 40))
    assert make_templates(level, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, 100) is None


def test_a_level_of_one_patch_holds_one():
    level = planning_level(shape=(9, 9, 9))
    assert len(make_templates(level, np.ones(level.grid.shape, dtype=bool), CENTRE_MM, 100)) == 1


def test_some_of_the_patches_can_be_taken(templates):
    some = templates.subset(np.arange(0, 200, 50))
    assert len(some) == 4
    np.testing.assert_array_equal(some.values, templates.values[::50])
    np.testing.assert_array_equal(some.cells, templates.cells[::50])
    mask = np.zeros(200, dtype=bool)
    mask[7] = True
    np.testing.assert_array_equal(templates.subset(mask).centres_mm, templates.centres_mm[7:8])

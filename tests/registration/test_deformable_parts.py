"""Parts of the deformable registration against formulas: bones that turn, folds, the way back, verdicts."""

import numpy as np
import pytest

from isoguide.registration.deformable.regions import (
    bone_mask,
    divergence,
    edge_shares,
    share_at_nodes,
    turned_edges,
)
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.registration.deformable.sliding import STEEPEST, steepness, without_folds
from isoguide.registration.deformable.uncertainty import sigma_mm, way_back_mm
from isoguide.registration.deformable.verdict import Evidence, approximations, judge

GOOD = Evidence(1.0, 0.7, 0.9, 1.0, 0.0)


def lattice(shape, step):
    """Positions of nodes ``[3, k, j, i]``, mm along i, j, k."""
    k, j, i = np.meshgrid(*(np.arange(n) * step for n in shape), indexing="ij")
    return np.stack([i, j, k]).astype(np.float32)


def test_a_bone_that_turns_is_not_strained():
    """By hand: u = w × x for small angles; every edge wants just what it gets."""
    places = lattice((7, 8, 9), 4.0)
    w = np.array([0.02, -0.03, 0.05])
    u = np.cross(w, np.moveaxis(places, 0, -1)).astype(np.float32)
    u = np.moveaxis(u, -1, 0)
    wanted = turned_edges(u, np.ones((7, 8, 9), np.float32), 4.0)
    for axis in range(3):
        got = np.diff(u, axis=3 - axis)
        size = got.shape[3 - axis]
        np.testing.assert_allclose(wanted[axis].take(range(size), axis=3 - axis), got, atol=1e-5)


def test_a_bone_that_is_stretched_wants_its_length_back():
    u = 0.1 * lattice((5, 5, 5), 4.0)
    np.testing.assert_allclose(turned_edges(u, np.ones((5, 5, 5), np.float32), 4.0), 0.0, atol=1e-6)


def test_what_pulls_along_an_edge_pulls_its_ends_against_each_other():
    tension = np.zeros((3, 3, 2, 2, 3), np.float32)
    tension[0, 1, 0, 0, 1] = 2.0
    force = divergence(tension)
    assert force[1, 0, 0, 1] == -2.0
    assert force[1, 0, 0, 2] == 2.0
    assert np.abs(force).sum() == 4.0


def test_bones_are_large_and_bright_and_their_marrow_is_theirs():
    values = np.full((20, 20, 20), 40.0, np.float32)
    values[4:16, 4:16, 4:16] = 400.0
    values[9:11, 9:11, 9:11] = 60.0
    values[1, 1, 1] = 2000.0
    bone = bone_mask(values, 2.0)
    assert bone[9, 9, 9]
    assert bone[4, 4, 4]
    assert not bone[1, 1, 1]
    assert not bone_mask(np.zeros((4, 4, 4), np.float32), 2.0).any()
    share = share_at_nodes(bone, (11, 11, 11), 2)
    assert share[4, 4, 4] == pytest.approx(1.0)
    assert share[0, 0, 0] == 0.0
    assert 0.0 < share[2, 4, 4] < 1.0
    edges = edge_shares(share)
    assert edges[2, 2, 4, 4] == share[2, 4, 4]
    assert edges[0, 4, 4, -1] == 0.0


def test_a_field_that_would_fold_is_shared_out_and_a_gentle_one_is_left_alone():
    gentle = 0.05 * lattice((10, 10, 10), 4.0)
    np.testing.assert_array_equal(without_folds(gentle, 4.0), gentle)
    torn = gentle.copy()
    torn[0, 5:, :, :] += 12.0
    whole = without_folds(torn, 4.0)
    assert steepness(torn, 4.0).max() > 2.0
    assert steepness(whole, 4.0).max() <= STEEPEST
    np.testing.assert_allclose(whole[:, 0, 0, 0], torn[:, 0, 0, 0], atol=0.5)


def test_steepness_is_the_change_per_mm():
    u = np.zeros((3, 5, 5, 5), np.float32)
    u[0] = 0.5 * lattice((5, 5, 5), 4.0)[1]
    np.testing.assert_allclose(steepness(u, 4.0), 0.5, rtol=1e-6)


def test_the_way_back_of_a_shift_and_its_opposite_is_no_way_at_all():
    there = np.zeros((3, 9, 9, 9), np.float32)
    there[0] = 3.0
    back = np.zeros((3, 5, 5, 5), np.float32)
    back[0] = -3.0
    np.testing.assert_allclose(way_back_mm(there, back, 4.0, 8.0), 0.0, atol=1e-6)
    back[1] = 4.0
    np.testing.assert_allclose(way_back_mm(there, back, 4.0, 8.0), 4.0, atol=1e-6)


def test_sigma_is_the_data_where_they_decide_and_grows_beyond_what_is_seen():
    """By hand: a Hessian of 100 per mm² and hardly a spring give 0.1 mm, times the gain, beside the floor."""
    hessian = np.zeros((6, 8, 8, 8), np.float32)
    hessian[:3] = 100.0
    springs = np.full((3, 8, 8, 8), 1e-6, np.float32), np.zeros((8, 8, 8), np.float32)
    seen = np.ones((8, 8, 8), bool)
    np.testing.assert_allclose(sigma_mm(hessian, springs, seen, 4.0), np.hypot(0.12, 0.1), rtol=1e-3)
    seen[4:] = False
    beyond = sigma_mm(hessian, springs, seen, 4.0)
    stiffer = sigma_mm(
        0.0 * hessian,
        (np.full((3, 8, 8, 8), 0.1, np.float32), np.full((8, 8, 8), 0.4, np.float32)),
        ~seen | seen,
        4.0,
    )
    by_hand = 1.44 / (0.1 / 0.2527 + 4.0 * np.pi * 0.2) + 0.01
    np.testing.assert_allclose(stiffer, np.sqrt(by_hand), rtol=1e-3)
    assert beyond[7, 0, 0] == pytest.approx(np.sqrt(0.0144 + 0.01 + 1.6**2), rel=1e-3)


@pytest.mark.parametrize(
    ("evidence", "verdict", "words"),
    [
        (GOOD, FieldVerdict.FOR_DECISION, None),
        (Evidence(0.05, 0.7, 0.9, 1.0, 0.0), FieldVerdict.NOT_AVAILABLE, "shows 5 % of the planned body"),
        (Evidence(1.0, 0.0, 0.1, 1.0, 0.0), FieldVerdict.NOT_AVAILABLE, "same anatomy"),
        (Evidence(1.0, 0.4, 0.5, 6.0, 0.0), FieldVerdict.NOT_AVAILABLE, "same anatomy"),
        (Evidence(1.0, 0.4, 0.5, 1.0, 0.0), FieldVerdict.NOT_FOR_DECISION, "agree poorly"),
        (Evidence(1.0, 0.9, 0.8, 1.0, 0.0), FieldVerdict.NOT_FOR_DECISION, "less alike"),
        (Evidence(1.0, 0.7, 0.9, 6.0, 0.0), FieldVerdict.NOT_FOR_DECISION, "returns 6.0 mm off"),
    ],
)
def test_every_verdict_below_the_best_has_its_reason(evidence, verdict, words):
    found, reasons = judge(evidence)
    assert found is verdict
    assert (not reasons) if words is None else any(words in reason for reason in reasons)


def test_what_is_assumed_is_named_and_what_is_seen_is_not():
    assert approximations(GOOD) == ()
    hidden = approximations(Evidence(0.4, 0.7, 0.9, 1.0, 12.0))
    assert "60 % of the planned body" in hidden[0]
    assert "more than half" in hidden[0]
    assert "12 ml are gas" in hidden[1]

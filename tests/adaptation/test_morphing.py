"""Segments follow the outline of the target: margins stay, and so does the shape within."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import LEAVES, arc, field_of, plan_of, small_machine
from hypothesis import given, settings
from hypothesis import strategies as st

from isoguide.adaptation.morphing import OutlineView, morph_apertures
from isoguide.geometry.frames import FIXED, Array, Points


def ellipsoid(
    half_mm: tuple[float, float, float], centre_mm: tuple[float, float, float] = (0, 0, 0)
) -> Points:
    rng = np.random.default_rng(5)
    ways = rng.normal(size=(6000, 3))
    ways /= np.linalg.norm(ways, axis=1)[:, None]
    return Points(FIXED, ways * np.array(half_mm) + np.array(centre_mm, dtype=float))


BALL = ellipsoid((30.0, 30.0, 30.0))


def open_pairs(leaves: Array) -> Array:
    return np.flatnonzero(leaves[1] - leaves[0] > 1.0)


def test_a_target_that_shrank_along_the_leaves_is_followed_with_the_margin_of_the_plan() -> None:
    plan = plan_of(field_of(0.0, 0.0))
    corrected = morph_apertures(plan, BALL, ellipsoid((22.0, 30.0, 30.0)), small_machine())
    assert corrected.plan is not None
    before = plan.beams[0].control_points[0].leaf_positions_mm
    after = corrected.plan.beams[0].control_points[0].leaf_positions_mm
    assert before is not None
    assert after is not None
    middle = slice(LEAVES.pairs // 2 - 2, LEAVES.pairs // 2 + 2)
    # The edges of 30 mm, seen in the plane of the isocentre, have come in by 8.
    np.testing.assert_allclose(after[0, middle] - before[0, middle], 8.0, atol=0.6)
    np.testing.assert_allclose(after[1, middle] - before[1, middle], -8.0, atol=0.6)


def test_a_target_that_grew_across_the_leaves_opens_more_of_them() -> None:
    plan = plan_of(field_of(0.0, 0.0))
    corrected = morph_apertures(plan, BALL, ellipsoid((30.0, 40.0, 30.0)), small_machine())
    assert corrected.plan is not None
    before = open_pairs(plan.beams[0].control_points[0].leaf_positions_mm)
    after = open_pairs(corrected.plan.beams[0].control_points[0].leaf_positions_mm)
    assert len(after) == len(before) + 4
    jaw = corrected.plan.beams[0].control_points[0].jaw_y_mm
    assert jaw == pytest.approx((-45.0, 45.0), abs=0.5)


def test_a_segment_keeps_its_shape_within_the_target() -> None:
    beam = field_of(0.0, 0.0)
    points = tuple(
        replace(
            one, leaf_positions_mm=np.stack([one.leaf_positions_mm[0], one.leaf_positions_mm.mean(axis=0)])
        )
        for one in beam.control_points
    )
    half_open = plan_of(replace(beam, control_points=points))
    corrected = morph_apertures(
        half_open, BALL, ellipsoid((24.0, 30.0, 30.0), (6.0, 0.0, 0.0)), small_machine()
    )
    assert corrected.plan is not None
    middle = LEAVES.pairs // 2
    leaves = corrected.plan.beams[0].control_points[0].leaf_positions_mm
    # The middle of the planned target is where the middle of today's is, 6 mm to the side.
    np.testing.assert_allclose(leaves[1, middle], 6.0, atol=0.5)


@given(
    edges=st.tuples(st.floats(-30.0, -10.0), st.floats(10.0, 30.0)),
    others=st.tuples(st.floats(-30.0, -10.0), st.floats(10.0, 30.0)),
    at=st.lists(st.floats(-60.0, 60.0), min_size=2, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_leaves_keep_their_order_and_their_margin(
    edges: tuple[float, float], others: tuple[float, float], at: list[float]
) -> None:
    ends = np.array([-20.0, 20.0])
    view = OutlineView(ends, ends, np.zeros(1), np.array(edges)[:, None], np.array(others)[:, None])
    before = np.sort(np.array(at))
    after = view.along_after_mm(before, np.zeros(len(before)))
    assert (np.diff(after) >= -1e-9).all()
    low, high = before < edges[0], before > edges[1]
    np.testing.assert_allclose(after[low] - others[0], before[low] - edges[0], atol=1e-9)
    np.testing.assert_allclose(after[high] - others[1], before[high] - edges[1], atol=1e-9)


def test_the_same_outline_is_nothing_to_morph() -> None:
    corrected = morph_apertures(plan_of(arc(8)), BALL, BALL, small_machine())
    assert corrected.plan is None
    assert "nothing to morph" in corrected.reasons[0]


@pytest.mark.parametrize(
    ("today", "words"),
    [(ellipsoid((30.0, 30.0, 70.0)), "has changed by"), (ellipsoid((12.0, 30.0, 30.0)), "wide or as narrow")],
)
def test_another_target_is_planned_anew(today: Points, words: str) -> None:
    corrected = morph_apertures(plan_of(field_of(0.0, 0.0)), BALL, today, small_machine())
    assert corrected.plan is None
    assert words in corrected.reasons[0]


def test_the_plan_that_is_morphed_stays_as_it_is() -> None:
    plan = plan_of(arc(8))
    before = [one.leaf_positions_mm.copy() for one in plan.beams[0].control_points]
    corrected = morph_apertures(plan, BALL, ellipsoid((26.0, 28.0, 33.0)), small_machine())
    assert corrected.plan is not None
    for point, kept in zip(plan.beams[0].control_points, before, strict=True):
        np.testing.assert_array_equal(point.leaf_positions_mm, kept)

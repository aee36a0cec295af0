"""Fluence of openings: edges, leakage, source, wedges."""

from dataclasses import replace

import numpy as np
import pytest
from dose_machines import (
    LEAVES,
    leaves_at,
    plain_machine,
    point_at,
    static_beam,
    with_collimation,
    with_head,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from isoguide.dose.beam_data import BeamData
from isoguide.dose.fluence import (
    FluencePlane,
    Opening,
    fluence_map,
    opening_of,
    total_fluence,
)
from isoguide.dose.machine import generic_6mv
from isoguide.dose.machine.open_field import Rectangle, open_fluence
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.plan import MultileafCollimator, Wedge

PLANE = FluencePlane(2.0, 120.0)
X = PLANE.middle_mm
MACHINE = plain_machine()


def area_mm2(opening: Opening, machine: BeamData = MACHINE) -> float:
    return float(fluence_map(opening, machine, PLANE).sum()) * PLANE.spacing_mm**2


edges = st.floats(-90.0, 90.0).map(lambda edge: round(edge, 2))


@settings(max_examples=25)
@given(edges, edges, edges, edges)
def test_the_fluence_of_jaws_adds_up_to_their_area(a: float, b: float, c: float, d: float) -> None:
    (x1, x2), (y1, y2) = sorted((a, b)), sorted((c, d))
    assert area_mm2(Opening((x1, x2), (y1, y2))) == pytest.approx((x2 - x1) * (y2 - y1), abs=0.05)


@settings(max_examples=25)
@given(edges, edges)
def test_leaves_add_up_to_the_width_that_they_leave_open(a: float, b: float) -> None:
    low, high = sorted((a, b))
    opening = Opening((-100.0, 100.0), (-100.0, 100.0), leaves_at(low, high, (-30.0, 20.0)), LEAVES)
    assert area_mm2(opening) == pytest.approx((high - low) * 50.0, abs=0.05)


def test_leaves_along_y_are_leaves_along_x_turned_by_a_quarter() -> None:
    upright = MultileafCollimator("Y", LEAVES.boundaries_mm)
    shape = leaves_at(-13.0, 42.0, (-30.0, 60.0))
    along_x = fluence_map(Opening((-40.0, 30.0), (-20.0, 55.0), shape, LEAVES), MACHINE, PLANE)
    along_y = fluence_map(Opening((-20.0, 55.0), (-40.0, 30.0), shape, upright), MACHINE, PLANE)
    np.testing.assert_allclose(along_y, along_x.T, atol=1e-6)
    column = np.flatnonzero(along_x.sum(axis=0))
    assert (X[column[0]], X[column[-1]]) == (-12.0, 30.0), "leaves at -13 and +42 mm, the jaw at +30 mm"


def test_what_is_closed_lets_through_what_the_machine_says() -> None:
    leaky = with_collimation(MACHINE, jaw_transmission=0.01, leaf_transmission=0.04)
    opening = Opening((-50.0, 50.0), (-50.0, 50.0), leaves_at(-20.0, 20.0, (-50.0, 50.0)), LEAVES)
    seen = fluence_map(opening, leaky, PLANE)
    at = {place: float(seen[60, 60 + place // 2]) for place in (0, 36, 80)}
    assert at == pytest.approx({0: 1.0, 36: 0.04, 80: 0.0004})
    jaws_only = fluence_map(replace(opening, leaf_positions_mm=None, leaves=None), leaky, PLANE)
    assert jaws_only[60, 100] == pytest.approx(0.01)
    assert jaws_only[100, 100] == pytest.approx(0.0001)


def test_rounded_leaf_ends_widen_the_field_by_the_leaf_gap() -> None:
    opening = Opening((-100.0, 100.0), (-100.0, 100.0), leaves_at(-20.0, 20.0), LEAVES)
    wider = area_mm2(opening, with_collimation(MACHINE, leaf_gap_mm=1.5)) - area_mm2(opening)
    assert wider == pytest.approx(1.5 * 200.0, abs=0.05)


def test_tongue_and_groove_lie_dark_between_fields_that_share_a_leaf_side() -> None:
    machine = with_collimation(MACHINE, tongue_and_groove_mm=1.0)
    above, below = (
        Opening((-60.0, 60.0), (-100.0, 100.0), leaves_at(-60.0, 60.0, rows), LEAVES)
        for rows in ((-60.0, 0.0), (0.0, 60.0))
    )
    both = Opening((-60.0, 60.0), (-100.0, 100.0), leaves_at(-60.0, 60.0, (-60.0, 60.0)), LEAVES)
    halves = total_fluence([(above, 1.0), (below, 1.0)], machine, PLANE)
    missing = (fluence_map(both, machine, PLANE) - halves).sum(axis=0)[60] * PLANE.spacing_mm
    assert missing == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("sigma_mm", [0.6, 3.0])
def test_the_focal_spot_blurs_edges_by_its_size(sigma_mm: float) -> None:
    machine = with_head(MACHINE, source_sigma_mm=(sigma_mm, 0.0))
    seen = fluence_map(Opening((-21.0, 21.0), (-50.0, 50.0)), machine, PLANE)
    row, column = seen[60], seen[:, 60]
    slope = -np.diff(row[60:]) / row[60]
    place = X[60:-1] + 1.0
    assert float(slope @ (place - 21.0) ** 2) == pytest.approx(sigma_mm**2, rel=0.01)
    assert set(np.round(column, 5).tolist()) == {0.0, 0.5, 1.0}
    if sigma_mm > PLANE.spacing_mm:
        np.testing.assert_allclose(row, ndtr((21.0 - np.abs(X)) / sigma_mm), atol=0.02)


def test_a_smaller_field_sees_less_of_the_extra_focal_source_and_the_widest_sees_all() -> None:
    machine = with_head(MACHINE, extra_focal_share=0.1)
    plane = FluencePlane(4.0, 240.0)
    on_axis = {
        side: float(fluence_map(Opening((-side, side), (-side, side)), machine, plane)[60, 60])
        for side in (20.0, 50.0, 200.0)
    }
    assert on_axis[200.0] == pytest.approx(1.0, abs=1e-4)
    # Jaws at 406 and 318 mm leave ±50 mm · 0.406 · 875/594 and ±50 mm · 0.318 · 875/682 of a disc of 30 mm.
    seen = [2.0 * ndtr(50.0 / 30.0 * d * 0.875 / (1000.0 - d)) - 1.0 for d in (406.0, 318.0)]
    assert on_axis[50.0] == pytest.approx(0.9 + 0.1 * seen[0] * seen[1], abs=5e-4)
    assert on_axis[20.0] < on_axis[50.0]


def test_leaves_and_jaws_at_one_place_cut_the_extra_focal_source_as_the_nearer_to_it_does() -> None:
    machine = with_head(MACHINE, extra_focal_share=0.1)
    shape = leaves_at(-40.0, 40.0, (-100.0, 100.0))
    leaves_only = fluence_map(Opening(None, (-50.0, 50.0), shape, LEAVES), machine, PLANE)
    jaws_only = fluence_map(Opening((-40.0, 40.0), (-50.0, 50.0)), machine, PLANE)
    both = fluence_map(Opening((-40.0, 40.0), (-50.0, 50.0), shape, LEAVES), machine, PLANE)
    assert leaves_only[60, 60] > jaws_only[60, 60] + 1e-3
    assert both[60, 60] == pytest.approx(jaws_only[60, 60], abs=1e-5)


def test_the_fluence_of_a_rectangle_is_that_of_the_closed_form() -> None:
    machine = generic_6mv()
    seen = fluence_map(Opening((-30.0, 60.0), (-50.0, 40.0)), machine, PLANE)
    rectangle, exact = Rectangle((-30.0, 60.0), (-50.0, 40.0)), np.zeros(seen.shape)
    for x_mm, y_mm in np.ndindex(5, 5):
        x, y = np.meshgrid(X + 0.4 * (x_mm - 2), X + 0.4 * (y_mm - 2))
        exact += open_fluence(machine, rectangle, x, y) / 25.0
    assert np.abs(seen - exact).max() < 0.02
    inside = np.outer((X > -43.0) & (X < 33.0), (X > -23.0) & (X < 53.0))
    assert np.abs(seen - exact)[inside].max() < 0.002


def test_fluence_follows_the_off_axis_ratio() -> None:
    machine = with_head(
        MACHINE, off_axis_radius_mm=np.array([0.0, 100.0]), off_axis_ratio=np.array([1.0, 1.04])
    )
    seen = fluence_map(Opening((-90.0, 90.0), (-90.0, 90.0)), machine, PLANE)
    assert seen[60, 60] == pytest.approx(1.0)
    assert seen[60 + 15, 60 + 20] == pytest.approx(1.02), "50 mm from the axis"


@pytest.mark.parametrize(("orientation_deg", "thin"), [(0.0, (1, 0)), (90.0, (0, -1)), (180.0, (-1, 0))])
def test_the_thin_end_of_a_wedge_lies_at_its_orientation_from_y(
    orientation_deg: float, thin: tuple[int, int]
) -> None:
    wedge = Wedge(1, "STANDARD", "W45", 45.0, orientation_deg)
    seen = fluence_map(Opening((-90.0, 90.0), (-90.0, 90.0), wedges=(wedge,)), MACHINE, PLANE)
    assert seen[60, 60] == pytest.approx(0.6)
    assert seen[60 + 25 * thin[0], 60 + 25 * thin[1]] == pytest.approx(0.75), "50 mm towards the thin end"


@pytest.mark.parametrize(
    "wedge",
    [
        Wedge(1, "STANDARD", "W60", 60.0, 0.0),
        Wedge(1, "STANDARD", "W45", 15.0, 0.0),
        Wedge(1, "STANDARD", "W45", 45.0),
        Wedge(1, "DYNAMIC", "W45", 45.0, 0.0),
    ],
)
def test_a_wedge_without_data_is_refused(wedge: Wedge) -> None:
    with pytest.raises(MissingEvidenceError, match="wedge"):
        fluence_map(Opening((-9.0, 9.0), (-9.0, 9.0), wedges=(wedge,)), MACHINE, PLANE)


def test_a_sum_over_openings_is_the_sum_of_their_maps() -> None:
    openings = [
        (
            Opening((-40.0, 40.0), (-30.0, 20.0 + 10.0 * (n > 1)), leaves_at(-10.0 - n, 9.0 + 3 * n), LEAVES),
            mu,
        )
        for n, mu in enumerate((3.0, 0.5, 2.0, 4.0))
    ]
    machine = with_head(
        with_collimation(MACHINE, leaf_transmission=0.02), extra_focal_share=0.1, source_sigma_mm=(1.0, 1.5)
    )
    single = sum(mu * fluence_map(opening, machine, PLANE) for opening, mu in openings)
    np.testing.assert_allclose(total_fluence(openings, machine, PLANE), single, rtol=1e-4, atol=1e-5)


def test_an_opening_that_nothing_bounds_is_refused() -> None:
    open_x = static_beam()
    with pytest.raises(MissingEvidenceError, match="neither leaves nor jaws"):
        opening_of(open_x, point_at(0.0, 0.0, jaw_x_mm=None))
    with pytest.raises(MissingEvidenceError, match="wedge 3"):
        opening_of(open_x, point_at(0.0, 0.0, wedges_in=(3,)))
    with pytest.raises(GeometryError, match="leaf positions"):
        Opening(None, None, leaves_at(0.0, 1.0))
    with pytest.raises(GeometryError, match="positive"):
        FluencePlane(0.0, 10.0)

"""Dose of a plan in a patient: where beams come from, what they hit, how much they deliver."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from dose_machines import beam_of, leaves_at, plain_machine, plan_of, point_at, static_beam, with_head

from isoguide.dose.beam_data import BeamData
from isoguide.dose.blurred_fluence import depth_parts
from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.density_curve import GENERIC_CURVE_TEXT, DensityCurve
from isoguide.dose.machine import TankField, generic_6mv, reference_dose
from isoguide.dose.machine.open_field import Rectangle, open_fluence
from isoguide.dose.pencil_beam import segment_doses
from isoguide.dose.result import WEAKNESS, DoseAlgorithm
from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, FIXED, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import PATIENT_POSITIONS, fixed_from_planning
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.plan import Plan, Wedge

MACHINE = plain_machine()
WATER = DensityCurve((-1000.0, 0.0, 1000.0), (0.0, 1.0, 2.0), "water")
GRID = Grid.axial(PLANNING, (33, 33, 33), (5.0, 5.0, 5.0), (-80.0, -80.0, -80.0))
SMALL = Grid.axial(PLANNING, (21, 21, 21), (5.0, 5.0, 5.0), (-50.0, -50.0, -50.0))
SETTINGS = DoseSettings(spacing_mm=5.0, curve=WATER)


def cube(side_mm: float = 140.0) -> tuple[Volume, np.ndarray]:
    """A cube of water about the origin in air."""
    axis = np.abs(-80.0 + 5.0 * np.arange(33)) <= side_mm / 2.0
    body = axis[:, None, None] & axis[:, None] & axis
    return Volume(GRID, np.where(body, 0, -1000).astype(np.int16)), body


PATIENT, BODY = cube()


def dose_at(
    plan: Plan, *points: tuple[float, float, float], machine: BeamData = MACHINE, **placing: object
) -> Array:
    """Dose at points of the lattice of the small grid."""
    placement = Placement(**({"body": BODY, "grid": SMALL} | placing))  # type: ignore[arg-type]  # by the test
    dose = compute_dose(plan, PATIENT, machine, placement=placement, settings=SETTINGS)
    i, j, k = np.rint(SMALL.index(np.array(points))).astype(int).T
    return np.asarray(dose.dose_gy[k, j, i], dtype=np.float64)


LEFT, RIGHT = (40.0, 0.0, 0.0), (-40.0, 0.0, 0.0)
FRONT, BACK = (0.0, -40.0, 0.0), (0.0, 40.0, 0.0)
HEAD, FEET = (0.0, 0.0, 40.0), (0.0, 0.0, -40.0)


@pytest.mark.parametrize(
    ("gantry_deg", "position", "entry", "exit_side"),
    [
        (0.0, "HFS", FRONT, BACK),
        (90.0, "HFS", LEFT, RIGHT),
        (180.0, "HFS", BACK, FRONT),
        (270.0, "HFS", RIGHT, LEFT),
        (0.0, "HFP", BACK, FRONT),
        (90.0, "HFP", RIGHT, LEFT),
        (90.0, "FFS", RIGHT, LEFT),
        (0.0, "FFS", FRONT, BACK),
        (90.0, "FFP", LEFT, RIGHT),
        (0.0, "HFDL", RIGHT, LEFT),
        (0.0, "HFDR", LEFT, RIGHT),
        (0.0, "FFDL", RIGHT, LEFT),
    ],
)
def test_a_beam_enters_where_the_patient_turns_his_side_to_the_source(
    gantry_deg: float, position: str, entry: tuple[float, float, float], exit_side: tuple[float, float, float]
) -> None:
    near, far = dose_at(plan_of(static_beam(gantry_deg), position=position), entry, exit_side)
    assert near > 1.2 * far > 0.0


@pytest.mark.parametrize("position", PATIENT_POSITIONS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_field_about_a_point_of_the_patient_hits_that_point_in_every_position(
    position: str, axis: int
) -> None:
    target = 20.0 * np.eye(3)[axis]
    seen = fixed_from_planning(position, np.zeros(3)).apply(target)
    # From above the collimator's x is the room's X and its y the room's Y; a point along the beam is on axis.
    x, y = seen[0], seen[1]
    beam = static_beam(0.0, jaw_x_mm=(x - 8.0, x + 8.0), jaw_y_mm=(y - 8.0, y + 8.0))
    hit, mirrored = dose_at(plan_of(beam, position=position), tuple(target), tuple(-target))
    assert hit > 0.0
    if abs(seen[2]) < 1.0:
        assert hit > 20.0 * mirrored


def test_the_couch_turns_the_patient_counter_clockwise_seen_from_above() -> None:
    # Head first, the head lies at the gantry's end, room +Y; turned by 90° it lies at room -X.
    beam = static_beam(0.0, couch_deg=90.0, jaw_x_mm=(-48.0, -32.0), jaw_y_mm=(-8.0, 8.0))
    head, feet, left = dose_at(plan_of(beam), HEAD, FEET, LEFT)
    assert head > 50.0 * max(feet, left)


def test_the_collimator_turns_the_field_counter_clockwise_seen_from_the_source() -> None:
    # Its +x lies at the patient's left; turned by 90° it lies at his head.
    beam = static_beam(0.0, collimator_deg=90.0, jaw_x_mm=(32.0, 48.0), jaw_y_mm=(-8.0, 8.0))
    head, feet, left = dose_at(plan_of(beam), HEAD, FEET, LEFT)
    assert head > 50.0 * max(feet, left)


def test_leaves_on_the_positive_side_open_towards_the_patients_left() -> None:
    beam = static_beam(0.0, leaf_positions_mm=leaves_at(30.0, 50.0), jaw_x_mm=None)
    left, right = dose_at(plan_of(beam), LEFT, RIGHT)
    assert left > 20.0 * right


def test_a_patient_who_lies_20_mm_to_his_right_is_hit_20_mm_to_his_left() -> None:
    plan = plan_of(static_beam(0.0, jaw_x_mm=(-8.0, 8.0), jaw_y_mm=(-8.0, 8.0)))
    planned = fixed_from_planning("HFS", np.zeros(3))
    moved = RigidTransform.translation(FIXED, FIXED, (-20.0, 0.0, 0.0)) @ planned
    on_axis, beside = dose_at(plan, (20.0, 0.0, 0.0), (0.0, 0.0, 0.0), fixed_from_patient=moved)
    (as_planned,) = dose_at(plan, (0.0, 0.0, 0.0))
    assert on_axis == pytest.approx(as_planned, rel=1e-3)
    assert beside < 0.05 * on_axis


def test_each_beam_is_aimed_at_its_own_isocentre() -> None:
    there = np.array([30.0, 0.0, 10.0])
    opening: dict[str, Any] = {"jaw_x_mm": (-8.0, 8.0), "jaw_y_mm": (-8.0, 8.0)}
    plan = plan_of(static_beam(0.0, **opening), static_beam(0.0, 200.0, isocentre_mm=there, **opening))
    first, second, between = dose_at(plan, (0.0, 0.0, 0.0), (30.0, 0.0, 10.0), (15.0, 0.0, 5.0))
    # Each gets a little of what the other scatters.
    assert second == pytest.approx(2.0 * first, rel=0.02)
    assert between < 0.2 * first


def test_a_symmetric_plan_gives_a_symmetric_dose() -> None:
    placement = Placement(body=BODY, grid=SMALL)
    dose = compute_dose(
        plan_of(static_beam(0.0)), PATIENT, MACHINE, placement=placement, settings=SETTINGS
    ).dose_gy
    np.testing.assert_allclose(dose, dose[::-1], atol=2e-5 * dose.max())
    np.testing.assert_allclose(dose, dose[:, :, ::-1], atol=2e-5 * dose.max())
    np.testing.assert_allclose(dose, dose.transpose(2, 1, 0), atol=2e-5 * dose.max())


def test_two_beams_of_half_the_monitor_units_are_one_beam() -> None:
    whole = dose_at(plan_of(static_beam(30.0, 100.0)), LEFT, FRONT, (10.0, 5.0, -15.0))
    halves = dose_at(
        plan_of(static_beam(30.0, 50.0), static_beam(30.0, 50.0)), LEFT, FRONT, (10.0, 5.0, -15.0)
    )
    np.testing.assert_allclose(halves, whole, rtol=1e-6)
    np.testing.assert_allclose(
        dose_at(plan_of(static_beam(30.0, 250.0)), LEFT, FRONT, (10.0, 5.0, -15.0)), 2.5 * whole, rtol=1e-6
    )


def test_a_wedge_gives_more_on_its_thin_side() -> None:
    opened = static_beam(0.0)
    points = tuple(replace(point, wedges_in=(1,)) for point in opened.control_points)
    # The thin end at 270° from +y, counter-clockwise, is at +x: the patient's left.
    wedged = replace(opened, control_points=points, wedges=(Wedge(1, "STANDARD", "W45", 45.0, 270.0),))
    without = dose_at(plan_of(opened), (30.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-30.0, 0.0, 0.0))
    behind = dose_at(plan_of(wedged), (30.0, 0.0, 0.0), (0.0, 0.0, 0.0), (-30.0, 0.0, 0.0))
    assert behind / without == pytest.approx(np.array([0.69, 0.60, 0.51]), abs=0.01)


def exact_dose(machine: BeamData, half_mm: float, points: Array, surface_mm: float) -> Array:
    """Pencil beams added up ring by ring about each point; the beam comes along +y from 1000 mm."""
    pencil = machine.pencil.for_surface(1000.0 + surface_mm, 1000.0)
    rings = np.concatenate(
        [[0.0], 0.5 * (pencil.radius_mm[1:] + pencil.radius_mm[:-1]), pencil.radius_mm[-1:]]
    )
    turn = (np.arange(90) + 0.5) * 2.0 * np.pi / 90
    field, doses = Rectangle((-half_mm, half_mm), (-half_mm, half_mm)), []
    for x, y, z in points:
        far = 1000.0 + y
        radius = pencil.radius_mm[:, None]
        u, v = x * 1000.0 / far, z * 1000.0 / far
        seen = open_fluence(machine, field, u + radius * np.cos(turn), v + radius * np.sin(turn)).mean(axis=1)
        lateral = pencil.gy_per_mu_mm2 @ (seen * np.pi * np.diff(rings**2))
        depth = (y - surface_mm) * np.sqrt(1.0 + (u * u + v * v) / 1e6)
        doses.append(float(depth_parts(machine, np.array([depth]))[0] @ lateral) * (1000.0 / far) ** 2)
    return np.array(doses)


def test_dose_in_water_is_that_of_pencils_added_up_one_by_one() -> None:
    machine = with_head(generic_6mv(), electron_share=0.0)
    beam = replace(static_beam(0.0, 1.0, jaw_x_mm=(-30.0, 30.0), jaw_y_mm=(-30.0, 30.0)), leaves=None)
    points = np.array(
        [(x, y, 10.0) for y in (-40.0, 0.0, 40.0) for x in (0.0, 10.0, 20.0, 25.0, 35.0, 40.0, 50.0)]
    )
    found = dose_at(plan_of(beam), *map(tuple, points), machine=machine)
    exact = exact_dose(machine, 30.0, points, -72.5)
    # Points at 25 and 35 mm lie 3 to 6 mm from an edge, where 1 mm is up to 5 %.
    np.testing.assert_allclose(found, exact, atol=0.01 * exact.max())
    np.testing.assert_allclose(found[[0, 1, 7, 8, 14, 15]], exact[[0, 1, 7, 8, 14, 15]], rtol=0.003)


@pytest.mark.parametrize("half_mm", [20.0, 50.0])
def test_dose_in_water_is_that_of_the_exact_calculator_for_the_machine(half_mm: float) -> None:
    machine = generic_6mv()
    beam = replace(
        static_beam(0.0, 1.0, jaw_x_mm=(-half_mm, half_mm), jaw_y_mm=(-half_mm, half_mm)), leaves=None
    )
    points = np.array([(0.0, -40.0, 0.0), (0.0, 0.0, 0.0), (0.0, 40.0, 0.0), (half_mm - 10.0, 0.0, 0.0)])
    found = dose_at(plan_of(beam), *map(tuple, points), machine=machine)
    tank = TankField(Rectangle.square(2.0 * half_mm), 927.5)
    exact = reference_dose(machine, tank, points[:, [0, 2, 1]] + np.array([0.0, 0.0, 72.5]))
    np.testing.assert_allclose(found, exact, rtol=0.012)


def test_contaminating_electrons_add_dose_at_the_surface_only() -> None:
    machine = with_head(MACHINE, electron_share=0.2, electron_decay_per_mm=0.1)
    plan = plan_of(static_beam(0.0, jaw_x_mm=(-80.0, 80.0), jaw_y_mm=(-80.0, 80.0)))
    more = dose_at(plan, (0.0, -50.0, 0.0), (0.0, 0.0, 0.0), machine=machine)
    more -= dose_at(plan, (0.0, -50.0, 0.0), (0.0, 0.0, 0.0))
    assert more[0] / more[1] == pytest.approx(np.exp(5.0) * (1000.0 / 950.0) ** 2, rel=0.02)


def test_missing_tissue_and_lung_leave_more_dose_behind_them() -> None:
    values = PATIENT.values.copy()
    values[:, 4:14, 17:] = -750
    plan = plan_of(static_beam(0.0))
    placement = Placement(body=BODY, grid=SMALL)
    dose = compute_dose(plan, Volume(GRID, values), MACHINE, placement=placement, settings=SETTINGS).dose_gy
    behind_lung, behind_water = dose[10, 15, 14], dose[10, 15, 6]
    # 50 mm of lung of 0.25 hold back 37.5 mm of water less.
    assert behind_lung / behind_water == pytest.approx(np.exp(37.5 * 0.005), rel=0.06)


def test_what_is_outside_the_body_holds_nothing_back_and_gets_no_dose() -> None:
    values = PATIENT.values.copy()
    values[:, 0, :] = 500
    plan = plan_of(static_beam(0.0))
    placement = Placement(body=BODY, grid=GRID)
    with_couch = compute_dose(plan, Volume(GRID, values), MACHINE, placement=placement, settings=SETTINGS)
    without = compute_dose(plan, PATIENT, MACHINE, placement=placement, settings=SETTINGS)
    np.testing.assert_allclose(with_couch.dose_gy, without.dose_gy, rtol=1e-5)
    assert not without.dose_gy[~BODY].any()


def test_the_default_grid_holds_the_patient_where_beams_reach_him() -> None:
    plan = plan_of(static_beam(0.0, jaw_x_mm=(-10.0, 10.0), jaw_y_mm=(-10.0, 10.0)))
    dose = compute_dose(plan, PATIENT, MACHINE, placement=Placement(body=BODY), settings=SETTINGS)
    low, high = dose.grid.xyz(np.zeros(3)), dose.grid.xyz(np.array(dose.grid.shape[::-1]) - 1.0)
    assert (low <= [-60.0, -70.0, -60.0]).all()
    assert (high >= [60.0, 70.0, 60.0]).all()
    assert (np.abs([low, high]) <= 80.0).all()


def test_a_dose_grid_with_other_axes_gets_the_same_dose() -> None:
    turned = Grid(
        PLANNING,
        (21, 21, 21),
        np.full(3, 5.0),
        np.array([-50.0, 50.0, -50.0]),
        np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
    )
    plan = plan_of(static_beam(20.0))
    one, other = (
        compute_dose(
            plan, PATIENT, MACHINE, placement=Placement(body=BODY, grid=grid), settings=SETTINGS
        ).dose_gy
        for grid in (SMALL, turned)
    )
    np.testing.assert_allclose(other, one[:, ::-1, :].transpose(0, 2, 1), rtol=1e-4, atol=1e-7)


def test_an_arc_is_the_sum_of_its_directions_and_the_step_hardly_matters() -> None:
    arc = plan_of(beam_of(tuple(point_at(4.0 * n, n / 4.0) for n in range(5)), 100.0))
    coarse, fine = (
        compute_dose(
            arc,
            PATIENT,
            MACHINE,
            placement=Placement(body=BODY, grid=SMALL),
            settings=replace(SETTINGS, arc_step_deg=step),
        ).dose_gy
        for step in (6.0, 2.0)
    )
    assert np.abs(coarse - fine).max() < 0.02 * fine.max()


def test_the_result_says_what_it_rests_on() -> None:
    plan = plan_of(static_beam(0.0))
    dose = compute_dose(plan, PATIENT, MACHINE, placement=Placement(grid=SMALL))
    assert dose.approximations[-1] == WEAKNESS[DoseAlgorithm.PENCIL_BEAM]
    assert GENERIC_CURVE_TEXT in dose.approximations
    assert any("no outline" in text for text in dose.approximations)
    assert (dose.beam_data, dose.plan_uid) == ("plain", "1.2.3")
    cut = compute_dose(
        plan,
        PATIENT,
        MACHINE,
        placement=Placement(body=np.ones(GRID.shape, np.bool_), grid=SMALL),
        settings=SETTINGS,
    )
    assert any("reaches the edge" in text for text in cut.approximations)
    assert GENERIC_CURVE_TEXT not in cut.approximations


def test_doses_of_segments_times_their_monitor_units_are_the_dose_of_the_plan() -> None:
    steps = [(-40.0, -10.0), (-10.0, 10.0), (10.0, 40.0)]
    points = []
    for n, (low, high) in enumerate(steps):
        for meterset in (n / 3.0, (n + 1) / 3.0):
            points.append(point_at(20.0, meterset, leaf_positions_mm=leaves_at(low, high)))
    plan = plan_of(
        beam_of(tuple(points), 60.0),
        beam_of(tuple(point_at(100.0 + 4.0 * n, n / 3.0) for n in range(4)), 30.0),
    )
    places = np.array([LEFT, FRONT, (0.0, 0.0, 0.0)])
    found = segment_doses(
        plan,
        PATIENT,
        MACHINE,
        places,
        placement=Placement(body=BODY),
        settings=replace(SETTINGS, arc_step_deg=4.0),
    )
    assert [(one.beam_number, one.first_control_point) for one in found.segments] == [
        (1, 0),
        (1, 2),
        (1, 4),
        (2, 0),
        (2, 1),
        (2, 2),
    ]
    np.testing.assert_allclose(found.meterset_mu, [20.0, 20.0, 20.0, 10.0, 10.0, 10.0])
    whole = compute_dose(
        plan,
        PATIENT,
        MACHINE,
        placement=Placement(body=BODY, grid=SMALL),
        settings=replace(SETTINGS, arc_step_deg=4.0),
    )
    i, j, k = np.rint(SMALL.index(places)).astype(int).T
    np.testing.assert_allclose(found.meterset_mu @ found.gy_per_mu, whole.dose_gy[k, j, i], rtol=1e-4)


def test_a_sweep_from_one_direction_is_one_segment() -> None:
    points = tuple(
        point_at(0.0, n / 4.0, leaf_positions_mm=leaves_at(-40.0 + 10.0 * n, -20.0 + 10.0 * n))
        for n in range(5)
    )
    found = segment_doses(
        plan_of(beam_of(points)),
        PATIENT,
        MACHINE,
        np.zeros((1, 3)),
        placement=Placement(body=BODY),
        settings=SETTINGS,
    )
    assert [(one.first_control_point, one.last_control_point) for one in found.segments] == [(0, 4)]


def test_frames_and_images_that_do_not_fit_are_refused() -> None:
    plan = plan_of(static_beam(0.0))
    grey = Volume(GRID, PATIENT.values, is_hounsfield=False)
    with pytest.raises(GeometryError, match="Hounsfield"):
        compute_dose(plan, grey, MACHINE)
    daily = Volume(replace(GRID, frame=DAILY), PATIENT.values)
    with pytest.raises(GeometryError, match="placed from"):
        compute_dose(plan, daily, MACHINE)
    with pytest.raises(GeometryError, match="dose grid is in"):
        compute_dose(plan, PATIENT, MACHINE, placement=Placement(grid=replace(SMALL, frame=DAILY)))
    with pytest.raises(GeometryError, match="shape"):
        compute_dose(plan, PATIENT, MACHINE, placement=Placement(body=np.ones((2, 2, 2), np.bool_)))
    with pytest.raises(GeometryError, match="not in"):
        Placement(RigidTransform.identity(DAILY, PLANNING))
    air = Volume(GRID, np.full(GRID.shape, -1000, np.int16))
    with pytest.raises(GeometryError, match="air"):
        compute_dose(plan, air, MACHINE)
    far = plan_of(static_beam(0.0, isocentre_mm=np.array([500.0, 0.0, 0.0])))
    with pytest.raises(GeometryError, match="meets the patient"):
        compute_dose(far, PATIENT, MACHINE)
    with pytest.raises(GeometryError, match="meets the patient"):
        compute_dose(far, PATIENT, MACHINE, placement=Placement(grid=SMALL))

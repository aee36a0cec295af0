"""A plan beside what its planning system says of it: surfaces, doses at points, and what is not compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import read_structure_set
from isoguide.dose.compute import DoseSettings, Placement, compute_dose
from isoguide.dose.delivery import delivery_of
from isoguide.dose.machine import generic_6mv
from isoguide.dose.stated import NO_POINT, OUTSIDE, BeamCheck, check_stated
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.mask import structure_mask
from isoguide.images.volume import Volume
from isoguide.plan import Beam, ControlPoint, PatientPosition, Plan, StatedDose

BRAIN = Path(__file__).parents[3] / "shared/data/pps/tests/tests_data/BrainSRSRaystationIMRT"
HALF_MM = np.array([70.0, 50.0, 40.0])
"""Of a block of water about the isocentre, which is the origin."""
POINT_MM = np.array([5.0, 10.0, -5.0])
SETTINGS = DoseSettings(spacing_mm=5.0)


def block() -> tuple[Volume, np.ndarray]:
    grid = Grid.axial(PLANNING, (25, 29, 37), (5.0, 5.0, 5.0), (-90.0, -70.0, -60.0))
    index = np.moveaxis(np.indices(grid.shape, dtype=np.float64), 0, -1)[..., ::-1]
    body = (np.abs(grid.xyz(index)) <= HALF_MM).all(axis=-1)
    return Volume(grid, np.where(body, 0, -1000).astype(np.int16)), body


def beam(number: int, gantry_deg: float, **changes: object) -> Beam:
    point = ControlPoint(
        gantry_deg, 0.0, 0.0, 0.0, isocentre_mm=np.zeros(3), energy_mv=6.0,
        jaw_x_mm=(-30.0, 30.0), jaw_y_mm=(-30.0, 30.0),
    )  # fmt: skip
    points = (point, replace(point, cumulative_meterset=1.0))
    made = Beam(number, f"F{number}", "TREATMENT", "PHOTON", "LINAC", points, 1, 100.0, None, 1000.0)
    return replace(made, **changes)


def checked(*beams: Beam) -> tuple[BeamCheck, ...]:
    volume, body = block()
    plan = Plan("1.2", "BLOCK", PatientPosition.HFS, beams, fractions_planned=1)
    return check_stated(delivery_of(plan, volume, generic_6mv(), Placement(body=body), SETTINGS))


def test_the_doses_of_the_beams_at_a_point_add_up_to_the_dose_of_the_plan() -> None:
    at = (StatedDose(0.5, POINT_MM, "P"),)
    beams = tuple(beam(n, gantry, stated_doses=at) for n, gantry in ((1, 0.0), (2, 90.0)))
    points = [one.points[0] for one in checked(*beams)]
    volume, body = block()
    plan = Plan("1.2", "BLOCK", PatientPosition.HFS, beams, fractions_planned=1)
    about = Grid.axial(PLANNING, (2, 2, 2), (5.0, 5.0, 5.0), tuple(POINT_MM))
    whole = compute_dose(
        plan, volume, generic_6mv(), placement=Placement(body=body, grid=about), settings=SETTINGS
    )
    assert points[0].computed_gy != points[1].computed_gy
    assert sum(point.computed_gy or 0.0 for point in points) == pytest.approx(
        whole.dose_gy[0, 0, 0], rel=1e-4
    )
    assert points[0].off_percent == pytest.approx(100.0 * ((points[0].computed_gy or 0.0) / 0.5 - 1.0))


@pytest.mark.parametrize(
    ("gantry_deg", "depth_mm"), [(0.0, 50.0), (90.0, 70.0), (180.0, 50.0), (270.0, 70.0)]
)
def test_the_surface_lies_where_the_axis_enters_the_outline(gantry_deg: float, depth_mm: float) -> None:
    found = checked(beam(1, gantry_deg, stated_surface_mm=900.0))[0]
    # An outline of voxels reaches half a voxel beyond their middles.
    assert found.surface_mm == pytest.approx(1000.0 - depth_mm - 2.5, abs=1.0)
    assert found.surface_off_mm == pytest.approx((found.surface_mm or 0.0) - 900.0)


def test_what_cannot_be_compared_says_why_and_has_no_number() -> None:
    without_place = beam(1, 0.0, stated_doses=(StatedDose(0.257),))
    far_off = beam(2, 0.0, stated_doses=(StatedDose(0.3, np.array([0.0, 0.0, 500.0])),))
    in_air = beam(3, 0.0, stated_doses=(StatedDose(0.3, np.array([0.0, 60.0, 0.0])),))
    points = [one.points[0] for one in checked(without_place, far_off, in_air)]
    assert [point.reason for point in points] == [NO_POINT, OUTSIDE, OUTSIDE]
    assert all(point.computed_gy is None and point.off_percent is None for point in points)


def test_a_plan_that_states_nothing_costs_nothing() -> None:
    found = checked(beam(1, 0.0), beam(2, 90.0, meterset_mu=None))
    assert [(one.number, one.surface_mm, one.points) for one in found] == [(1, None, ())]


def test_the_surface_is_where_raystation_says_for_every_beam_of_a_brain_plan() -> None:
    if not BRAIN.is_dir():
        pytest.skip("the RayStation plan is not there (../shared/data/pps)")
    plan = read_plan(next(BRAIN.glob("RP*.dcm")))
    drawn = read_structure_set(next(BRAIN.glob("RS*.dcm"))).structures
    outline = next(one for one in drawn if one.interpreted_type == "EXTERNAL")
    low, high = outline.points_mm.min(axis=0) - 5.0, outline.points_mm.max(axis=0) + 5.0
    k, j, i = (int(n) for n in np.ceil((high - low) / 4.0)[::-1] + 1.0)
    grid = Grid.axial(outline.frame, (k, j, i), (4.0, 4.0, 4.0), tuple(low))
    body = structure_mask(outline, grid)
    volume = Volume(grid, np.where(body, 0, -1000).astype(np.int16))
    surfaces = replace(plan, beams=tuple(replace(one, stated_doses=()) for one in plan.beams))
    found = check_stated(delivery_of(surfaces, volume, generic_6mv(), Placement(body=body), SETTINGS))
    assert len(found) == 13
    assert max(abs(one.surface_off_mm or 0.0) for one in found) < 2.5

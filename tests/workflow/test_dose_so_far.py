"""A kept dose of a day gains what the course has delivered so far, and the alerts that stand."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from dosed_days import ASKED, dosed, losses

from isoguide.dose.accumulate import DeliveredPart, accumulate
from isoguide.dose.result import DoseVolume
from isoguide.errors import MissingEvidenceError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.registration.deformable.result import FieldVerdict
from isoguide.workflow.dose.so_far import delivered_part, with_alerts, with_sums

PLAN = Grid.axial(PLANNING, (12, 12, 12), (5.0, 5.0, 5.0), (-27.5, -27.5, -27.5))
DAY = Grid.axial(DAILY, PLAN.shape, (5.0, 5.0, 5.0), (-27.5, -27.5, -27.5))
AS_PLANNED = RigidTransform.identity(PLANNING, DAILY)


def cube(name: str) -> Structure:
    """Return a structure of 20 mm about the origin."""
    corners = ((-10.0, -10.0), (10.0, -10.0), (10.0, 10.0), (-10.0, 10.0))
    rings = [np.array([(x, y, z) for x, y in corners]) for z in np.arange(-10.0, 11.0, 5.0)]
    return Structure(name, 1, PLANNING, tuple(Contour("CLOSED_PLANAR", ring) for ring in rings))


def ramp() -> DoseVolume:
    """Return 0.02 Gy a mm along x, 1 Gy in the middle."""
    line = (1.0 + 0.02 * np.linspace(-27.5, 27.5, 12)).astype(np.float32)
    return DoseVolume(DAY, np.broadcast_to(line, DAY.shape).copy())


def part() -> DeliveredPart:
    still = DisplacementField(PLAN, np.zeros((*PLAN.shape, 3), np.float32))
    return DeliveredPart("fraction 1", ramp(), AS_PLANNED, still, np.full(PLAN.shape, 2.0, np.float32))


def test_sums_are_those_of_the_planning_anatomy_with_their_deviation() -> None:
    so_far = accumulate([part()] * 3, PLAN)
    record = with_sums(dosed(fraction=1), so_far, [cube("PTV")])
    target = next(one for one in record.structures if one.name == "PTV")
    assert record.fractions_so_far == 3
    assert target.accumulated_mean_gy == pytest.approx(3.0, abs=0.01)
    assert target.accumulated_d95_gy == pytest.approx(3.0 * (1.0 - 0.02 * 9.0), abs=0.03)
    assert target.accumulated_sigma_gy == pytest.approx(3 * 2.0 * 0.02, rel=1e-3)
    assert any("taken to weigh the same" in one for one in record.approximations)


def test_a_structure_that_is_not_drawn_in_the_plan_keeps_what_it_had() -> None:
    before = dosed()
    record = with_sums(before, accumulate([part()], PLAN), [cube("PTV")])
    rectum = [next(one for one in of.structures if one.name == "Rectum") for of in (before, record)]
    assert rectum[0] == rectum[1]


def test_the_alerts_that_stand_on_the_day_are_kept_with_it() -> None:
    *earlier, (number, newest) = losses(6.0, 6.0, 6.0)
    told = with_alerts(newest, number, earlier, ASKED).alerts
    assert any(one.startswith("Since fraction 1 D95% of PTV has been more than 5 %") for one in told)
    assert with_alerts(newest, number, earlier, None).alerts == ()


def test_a_day_is_weighed_by_its_density_and_doubted_with_its_dose() -> None:
    hu = Volume(DAY, np.full(DAY.shape, -500.0, np.float32))
    found = SimpleNamespace(
        planning_from_daily=AS_PLANNED, field=None, sigma_mm=None, verdict=FieldVerdict.FOR_DECISION
    )
    day = SimpleNamespace(
        treated=SimpleNamespace(dose=ramp()),
        density=SimpleNamespace(volume=hu),
        verdict=FieldVerdict.NOT_FOR_DECISION,
        reasons=("the match is not sure",),
    )
    made = delivered_part("fraction 2", cast("Any", day), cast("Any", found))
    assert made.density is not None
    assert made.density.values.max() == pytest.approx(0.49)
    assert not made.is_for_decision
    day.treated = None
    with pytest.raises(MissingEvidenceError, match=r"fraction 2 has no dose \(the match is not sure\)"):
        delivered_part("fraction 2", cast("Any", day), cast("Any", found))

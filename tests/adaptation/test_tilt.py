"""Beams that pass tilted: openings follow what lies before and behind the target, as far as that allows."""

from dataclasses import replace

import numpy as np
import pytest
from beams_to_correct import arc, field_of, plan_of, small_machine
from test_ladder import KnownDoses, ball, by_rung, problem

from isoguide.adaptation.field_shape import beams_eye_view_mm
from isoguide.adaptation.ladder import climb
from isoguide.adaptation.problem import AdaptationProblem, Stand
from isoguide.adaptation.result import Rung, RungResult
from isoguide.dose.pencil_beam import SegmentDoses, SegmentKey
from isoguide.geometry.frames import DAILY, FIXED, Points
from isoguide.geometry.iec61217 import rotation_iec
from isoguide.geometry.transforms import RigidTransform, rotation_y, rotation_z
from isoguide.progress import silent


class JawDoses(KnownDoses):
    """Open fields between the jaws Y, with a penumbra and less dose the deeper a point lies."""

    def segments(self, plan, fixed_from_daily, points_mm, progress) -> SegmentDoses:
        keys, metersets, doses = [], [], []
        for beam in plan.beams:
            point = beam.control_points[0]
            on_couch_mm = fixed_from_daily.apply(points_mm)
            points = Points(FIXED, on_couch_mm @ rotation_z(point.couch_deg).T)
            seen = beams_eye_view_mm(points, point.gantry_deg, point.collimator_deg, 1000.0)
            low, high = point.jaw_y_mm
            height = points.xyz_mm @ rotation_y(point.gantry_deg)[:, 2]
            open_to = 1.0 / (1.0 + np.exp((seen[:, 1] - high) / 3.0))
            open_from = 1.0 / (1.0 + np.exp((low - seen[:, 1]) / 3.0))
            keys.append(SegmentKey(beam.number, 0, 1))
            metersets.append(beam.meterset_mu)
            doses.append(0.01 * np.exp(0.015 * height) * open_to * open_from)
        return SegmentDoses(tuple(keys), np.array(metersets), np.array(doses, dtype=np.float32))


def opposed(**changed: object) -> AdaptationProblem:
    """A patient (HFS) yawed by 5°, two fields from his left and right, an organ to his left at their edge.

    Yaw is positive anticlockwise seen from above: his left side goes towards the gantry.
    """
    fields = plan_of(
        field_of(90.0, 0.0, target_mm=36.0), replace(field_of(270.0, 0.0, target_mm=36.0), number=2)
    )
    yaw = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(5.0, 0.0, 0.0), np.zeros(3))
    asked = problem(yaw, plan=fields)
    organ = ball(DAILY, 12.0, "Parotid", (45.0, 0.0, 38.0))
    return replace(asked, structures=(ball(DAILY), organ), **changed)


def shifted(asked: AdaptationProblem) -> RungResult:
    return by_rung(climb(asked, doses=JawDoses(), rungs=[Rung.VIRTUAL_COUCH_SHIFT]))[Rung.VIRTUAL_COUCH_SHIFT]


def jaws_moved_mm(found: RungResult, asked: AdaptationProblem) -> list[np.ndarray]:
    """How far both jaws Y of each beam moved towards the gantry."""
    return [
        np.subtract(after.control_points[0].jaw_y_mm, before.control_points[0].jaw_y_mm)
        for after, before in zip(found.plan.beams, asked.plan.beams, strict=True)
    ]


def test_an_opening_moves_towards_the_gantry_after_an_organ_that_went_there() -> None:
    asked = opposed()
    found = shifted(asked)
    left, right = jaws_moved_mm(found, asked)
    # The organ is 45 mm to the left, which 5° takes 3.9 mm towards the gantry; the beam from the left gives
    # it most of its dose. Tissue to the right went the other way, and so does the beam from there.
    assert (left > 1.0).all()
    assert (left < 4.7).all()
    assert (right < 0.5).all()
    assert any("to make up for the tilt" in one for one in found.changes)
    assert any("beam 1 by 5.0°, beam 2 by 5.0°" in one for one in found.changes)


def test_an_organ_turned_away_from_the_gantry_is_followed_away_from_it() -> None:
    back = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(-5.0, 0.0, 0.0), np.zeros(3))
    asked = opposed()
    mirrored = replace(asked, fixed_from_daily=back @ asked.fixed_from_planning @ asked.planning_from_daily)
    left, _ = jaws_moved_mm(shifted(mirrored), asked)
    assert (left < -1.0).all()


def test_a_small_tilt_is_left_as_it_is() -> None:
    little = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(0.8, 0.0, 0.0), np.zeros(3))
    asked = opposed()
    asked = replace(asked, fixed_from_daily=little @ asked.fixed_from_planning @ asked.planning_from_daily)
    assert not any("the tilt" in one for one in shifted(asked).changes)


def test_the_tilt_of_an_arc_is_named_and_left() -> None:
    yaw = RigidTransform.from_parts(FIXED, FIXED, rotation_iec(5.0, 0.0, 0.0), np.zeros(3))
    found = shifted(problem(yaw, plan=plan_of(arc(12))))
    assert any("tilted: beam 1 by up to" in one for one in found.changes)
    assert not any("make up for the tilt" in one for one in found.changes)


def test_a_machine_that_cannot_deliver_the_trims_gets_beams_that_only_follow() -> None:
    reach_mm = max(abs(edge) for edge in opposed().plan.beams[0].control_points[0].jaw_y_mm)
    found = shifted(opposed(machine=small_machine(jaw_y_mm=(-reach_mm - 0.2, reach_mm + 0.2))))
    assert found.is_available
    assert any("nothing is done about the tilt: beam 1 (Field): jaw Y" in one for one in found.changes)


def test_a_target_that_fills_its_field_loses_nothing_to_an_organ(monkeypatch: pytest.MonkeyPatch) -> None:
    tight = plan_of(
        field_of(90.0, 0.0, target_mm=27.0), replace(field_of(270.0, 0.0, target_mm=27.0), number=2)
    )
    asked = replace(opposed(), plan=tight)
    asked = replace(asked, structures=(ball(DAILY), ball(DAILY, 12.0, "Parotid", (45.0, 0.0, 30.0))))
    stand = Stand.after(asked, asked.couch_correction())
    trimmed = shifted(asked).plan
    monkeypatch.setattr("isoguide.adaptation.ladder.is_worth_trimming", lambda _: False)
    plain = shifted(asked).plan
    inside = asked.target.points_mm
    least_gy = []
    for plan in (plain, trimmed):
        known = JawDoses().segments(plan, stand.fixed_from_daily, inside, silent)
        least_gy.append(np.percentile(known.meterset_mu @ known.gy_per_mu, 5.0))
    assert least_gy[1] > 0.985 * least_gy[0]

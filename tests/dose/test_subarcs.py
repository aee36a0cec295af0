"""Beams as still moments: angles, monitor units and openings."""

import numpy as np
import pytest
from dose_machines import LEAVES, beam_of, leaves_at, plain_machine, point_at, static_beam

from isoguide.dose.fluence import FluencePlane, subarcs, total_fluence
from isoguide.errors import AmbiguityError, InputError, MissingEvidenceError
from isoguide.plan import Beam, ControlPoint

PLANE = FluencePlane(2.0, 60.0)


def arc(gantry_deg: list[float], metersets: list[float]) -> Beam:
    points = tuple(point_at(angle, mu) for angle, mu in zip(gantry_deg, metersets, strict=True))
    return beam_of(points, 50.0)


def test_a_static_beam_is_one_piece_with_all_its_monitor_units() -> None:
    (piece,) = subarcs(static_beam(30.0, 80.0), step_deg=5.0)
    assert (piece.gantry_deg, piece.meterset_mu, len(piece.openings)) == (30.0, 80.0, 1)
    assert (piece.first_control_point, piece.last_control_point) == (0, 1)


def test_an_arc_over_the_top_is_cut_evenly_the_short_way_round() -> None:
    pieces = subarcs(arc([350.0, 0.0, 10.0], [0.0, 0.5, 1.0]), step_deg=5.0)
    assert [piece.gantry_deg for piece in pieces] == pytest.approx([352.5, 357.5, 2.5, 7.5])
    assert [piece.meterset_mu for piece in pieces] == pytest.approx([12.5] * 4)


def test_a_piece_stands_at_the_mean_angle_of_its_monitor_units() -> None:
    (piece,) = subarcs(arc([0.0, 4.0, 8.0], [0.0, 0.75, 1.0]), step_deg=10.0)
    assert piece.gantry_deg == pytest.approx(0.75 * 2.0 + 0.25 * 6.0)


def test_control_points_without_monitor_units_between_them_give_no_piece() -> None:
    pieces = subarcs(arc([0.0, 2.0, 92.0, 94.0], [0.0, 0.5, 0.5, 1.0]), step_deg=5.0)
    assert [piece.gantry_deg for piece in pieces] == pytest.approx([1.0, 93.0])


def test_leaves_sweep_smoothly_between_control_points() -> None:
    start = {"leaf_positions_mm": leaves_at(-40.0, -40.0)}
    stop = {"leaf_positions_mm": leaves_at(-40.0, 40.0)}
    beam = beam_of((point_at(0.0, 0.0, **start), point_at(0.0, 1.0, **stop)), 100.0)
    (piece,) = subarcs(beam, step_deg=5.0)
    seen = total_fluence(piece.openings, plain_machine(), PLANE)[30]
    wanted = np.clip((40.0 - PLANE.middle_mm) / 80.0, 0.0, 1.0) * 100.0 * (PLANE.middle_mm > -39.0)
    np.testing.assert_allclose(seen[12:], wanted[12:], atol=1.0)
    assert LEAVES.pairs == 20


def test_jaws_and_couch_move_as_well() -> None:
    beam = beam_of(
        (point_at(0.0, 0.0, jaw_x_mm=(0.0, 10.0)), point_at(0.0, 1.0, jaw_x_mm=(0.0, 30.0), couch_deg=10.0)),
    )
    pieces = subarcs(beam, step_deg=5.0)
    assert [piece.couch_deg for piece in pieces] == pytest.approx([2.5, 7.5])
    middles = [np.mean([opening.jaw_x_mm or () for opening, _ in piece.openings], axis=0) for piece in pieces]
    np.testing.assert_allclose(middles, [[0.0, 15.0], [0.0, 25.0]])


def test_a_part_of_the_control_points_can_be_taken_alone() -> None:
    beam = arc([0.0, 4.0, 8.0, 12.0], [0.0, 0.2, 0.5, 1.0])
    (piece,) = subarcs(beam, step_deg=4.0, control_points=(1, 2))
    assert (piece.gantry_deg, piece.meterset_mu) == pytest.approx((6.0, 15.0))
    assert (piece.first_control_point, piece.last_control_point) == (1, 2)
    whole = sum(
        one.meterset_mu for n in range(3) for one in subarcs(beam, step_deg=4.0, control_points=(n, n + 1))
    )
    assert whole == pytest.approx(50.0)


def refused_points() -> list[tuple[tuple[ControlPoint, ...], type[InputError]]]:
    return [
        ((point_at(0.0, 0.0),), MissingEvidenceError),
        ((point_at(0.0, 0.0), point_at(0.0, 0.0)), MissingEvidenceError),
        ((point_at(0.0, 0.5), point_at(0.0, 1.0)), InputError),
        ((point_at(0.0, 0.0), point_at(0.0, 1.2), point_at(0.0, 1.0)), InputError),
        ((point_at(0.0, 0.0), point_at(180.0, 1.0)), AmbiguityError),
    ]


@pytest.mark.parametrize(("points", "error"), refused_points())
def test_a_beam_whose_delivery_is_not_known_is_refused(
    points: tuple[ControlPoint, ...], error: type[InputError]
) -> None:
    with pytest.raises(error, match=r"beam 1 \(field\)"):
        subarcs(beam_of(points), step_deg=5.0)


def test_a_beam_without_monitor_units_or_a_step_is_refused() -> None:
    points = (point_at(0.0, 0.0), point_at(0.0, 1.0))
    with pytest.raises(MissingEvidenceError, match="no monitor units"):
        subarcs(beam_of(points, None), step_deg=5.0)
    with pytest.raises(InputError, match="step"):
        subarcs(beam_of(points), step_deg=0.0)

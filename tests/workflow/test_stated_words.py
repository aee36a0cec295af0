"""What a plan states of its beams, from the file to document, report and terminal."""

import numpy as np
import pytest

from isoguide.dose.stated import NO_DOSE, NO_POINT, BeamCheck, PointCheck
from isoguide.plan import StatedDose
from isoguide.workflow.dose.stated import mean_off_percent, not_compared, stated_lines, stated_warnings

PLACE_MM = np.array([1.0, 2.0, 3.0])


def check(
    number: int, *doses: tuple[float, float | None], surfaces: tuple[float, float] | None = None
) -> BeamCheck:
    points = tuple(
        PointCheck(StatedDose(stated, None if ours is None else PLACE_MM, ""), ours, "" if ours else NO_POINT)
        for stated, ours in doses
    )
    stated_mm, ours_mm = surfaces or (None, None)
    return BeamCheck(number, f"F{number}", stated_mm, ours_mm, points)


def test_a_beam_that_compares_is_told_with_both_doses() -> None:
    line = stated_lines([check(3, (0.31, 0.35))])[0]
    assert line.startswith("beam 3 (F3): the planning system states 0.310 Gy at its point (1.0, 2.0, 3.0) mm")
    assert line.endswith("this computation gives 0.350 Gy (+12.9 %)")


def test_beams_that_do_not_compare_are_told_together_with_their_reason() -> None:
    lines = stated_lines([check(1, (0.257, None)), check(2, (0.257, None)), check(4)])
    told = "no comparison with the planning system's dose is available for"
    assert set(lines) == {f"{told} beams 1 and 2: {NO_POINT}", f"{told} beam 4: {NO_DOSE}"}
    assert not_compared(check(3, (0.31, 0.35), (0.2, None))) == ""


@pytest.mark.parametrize(("ours", "words"), [(0.33, "10.0 % more"), (0.27, "10.0 % less")])
def test_doses_that_are_off_on_the_whole_are_warned_of(ours: float, words: str) -> None:
    both = [check(1, (0.3, ours)), check(2, (0.3, ours))]
    assert mean_off_percent(both) == pytest.approx(100.0 * (ours / 0.3 - 1.0))
    assert words in stated_warnings(both)[0]
    assert stated_warnings([check(1, (0.3, 0.33)), check(2, (0.3, 0.28))]) == ()
    assert mean_off_percent([check(1)]) is None


@pytest.mark.parametrize(
    ("surfaces", "words"),
    [((815.4, 886.5), "71 mm nearer to the source of beam 4 (F4)"), ((886.5, 815.5), "71 mm farther from")],
)
def test_another_surface_is_warned_of_with_the_side(surfaces: tuple[float, float], words: str) -> None:
    assert words in stated_warnings([check(4, surfaces=surfaces)])[0]
    assert stated_warnings([check(4, surfaces=(880.0, 884.0))]) == ()

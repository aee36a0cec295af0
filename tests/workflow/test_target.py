import numpy as np
import pytest

from isoguide.geometry.frames import PLANNING
from isoguide.images.structure import Contour, Structure
from isoguide.workflow.target import MOST_POINTS, choose_target, points_about, surface_points_mm


def square(name, kind="", centre=(0.0, 0.0, 0.0), contour="CLOSED_PLANAR", points=4):
    angles = np.linspace(0.0, 2.0 * np.pi, points, endpoint=False)
    outline = np.column_stack([10 * np.cos(angles), 10 * np.sin(angles), np.zeros(points)])
    return Structure(name, 1, PLANNING, (Contour(contour, outline + np.array(centre)),), kind)


@pytest.mark.parametrize(
    ("structures", "chosen"),
    [
        ([square("g", "GTV"), square("c", "CTV"), square("p", "PTV")], "p"),
        ([square("g", "GTV"), square("c", "CTV")], "c"),
        ([square("far", "PTV", (200, 0, 0)), square("near", "PTV", (20, 0, 0))], "near"),
        ([square("whole", "PTV", (8, 0, 0)), square("boost", "PTV", (1, 0, 0))], "boost"),
        ([square("PTV 60"), square("heart", "ORGAN")], "PTV 60"),
        ([square("stated", "PTV"), square("PTV named")], "stated"),
    ],
)
def test_the_target_is_the_planning_target_volume_at_the_isocentre(structures, chosen):
    assert choose_target(structures, np.zeros(3)).name == chosen


def test_without_a_drawn_target_there_is_none():
    assert (
        choose_target([square("heart", "ORGAN"), square("PTV", contour="POINT", points=1)], np.zeros(3))
        is None
    )


def test_surface_points_are_few_and_spread_over_the_structure():
    points = surface_points_mm(square("p", points=5000))

    assert len(points) == MOST_POINTS
    assert np.allclose(points.mean(axis=0), 0.0, atol=0.1)
    assert len(surface_points_mm(square("p"))) == 4


def test_the_stand_in_for_a_target_surrounds_the_isocentre():
    assert np.allclose(points_about(np.array([1.0, 2.0, 3.0])).mean(axis=0), [1.0, 2.0, 3.0])

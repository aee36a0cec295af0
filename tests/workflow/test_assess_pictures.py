"""Pictures of the day's anatomy: what lies to the left is drawn on the right of an axial picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prostate_to_the_left import LEFT_MM

from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.surface import surface_of
from isoguide.workflow.assess.assess import Assessment
from isoguide.workflow.assess.colours import CHANGE, surface_scale
from isoguide.workflow.assess.pictures import (
    MAGNIFIED,
    change_pictures,
    difference_pictures,
    motion_pictures,
    outline_pictures,
)
from isoguide.workflow.assess.scene import AnatomyScene
from isoguide.workflow.assess.surface_views import VIEWS, _rendered, surface_pictures
from isoguide.workflow.pictures import OUTSIDE
from isoguide.workflow.planes import Plane

PIXELS = 60


@pytest.fixture(scope="module")
def scene(assessed: tuple[Path, Assessment]) -> AnatomyScene:
    answer = assessed[1]
    centre_mm = answer.alignment.planning.isocentre.xyz_mm
    return AnatomyScene.of(answer.planned, answer.day, answer.anatomy, centre_mm=centre_mm, pixels=PIXELS)


def test_the_target_today_is_drawn_5_mm_further_to_the_patients_left(scene: AnatomyScene) -> None:
    """Left is right in an axial picture seen from the feet; 5 mm are so many pixels."""
    target = scene.shown[0]
    planned, today = (
        np.concatenate(lines) for lines in (scene.planned_lines(0, target), scene.lines_today(0, target))
    )
    moved = (today.min(axis=0) + today.max(axis=0) - planned.min(axis=0) - planned.max(axis=0)) / 2.0
    assert moved * scene.planes[0].pixel_mm == pytest.approx([LEFT_MM, 0.0], abs=1.0)


def test_the_target_is_drawn_in_its_colour_as_planned_and_today(scene: AnatomyScene) -> None:
    assert [one.kind for one in scene.shown] == ["target", "s1"]
    pictures = outline_pictures(scene)
    assert len(pictures) == 3
    for picture in pictures:
        assert 'class="target planned"' in picture
        assert 'class="target"' in picture


def test_the_deformation_takes_the_planning_ct_along(scene: AnatomyScene) -> None:
    """What was planned 5 mm further right is shown at a pixel of the carried image."""
    plane, columns = scene.planes[0], LEFT_MM / scene.planes[0].pixel_mm
    middle = PIXELS // 2
    carried = scene.carried[0][middle, middle - 5 : middle + 6]
    at = np.arange(middle - 5, middle + 6) - columns
    before = np.interp(at, np.arange(PIXELS), scene.planning[0][middle])
    assert plane.name == "Axial"
    assert np.corrcoef(carried, before)[0, 1] > 0.9


def test_arrows_point_where_tissue_went_three_times_as_long(scene: AnatomyScene) -> None:
    picture = motion_pictures(scene)[0]
    path = picture.split('class="arrows" d="')[1].split('"')[0]
    first = path.split("M")[1]
    (x0, y0), (x1, y1) = (tuple(float(n) for n in part.split()) for part in first.split("L"))
    assert MAGNIFIED == 3.0
    assert x1 - x0 > 0.0
    assert y1 - y0 == pytest.approx(0.0, abs=0.2)
    assert (x1 - x0) * scene.planes[0].pixel_mm <= 3.0 * LEFT_MM + 0.5


def test_differences_and_growth_are_drawn_in_three_planes(scene: AnatomyScene) -> None:
    for pictures in (
        difference_pictures(scene, deformed=False),
        difference_pictures(scene, deformed=True),
        change_pictures(scene),
    ):
        assert [picture.count("<svg") for picture in pictures] == [1, 1, 1]
    assert 'class="mesh"' in change_pictures(scene)[1]


def test_tissue_that_the_image_does_not_show_has_no_colour(
    scene: AnatomyScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = scene.shows_tissue(0)
    assert shown.any()
    assert not shown.all()
    unseen = replace(scene.anatomy.found, seen=np.zeros(scene.field.grid.shape, dtype=np.bool_))
    monkeypatch.setitem(vars(scene), "anatomy", replace(scene.anatomy, found=unseen))
    assert not scene.shows_tissue(0).any()


def test_shrinking_tissue_is_blue_and_growing_tissue_orange() -> None:
    shrunk, same, grown = CHANGE.colours(np.array([-50.0, 0.0, 50.0]))
    assert shrunk[2] > shrunk[0]
    assert grown[0] > grown[2]
    assert np.ptp(same) < 10.0


def test_the_key_of_a_scale_names_its_ends() -> None:
    key = surface_scale(3.2).key("Outwards")
    assert "\N{MINUS SIGN}5 mm" in key
    assert "+5 mm" in key


def ball() -> tuple[np.ndarray, np.ndarray]:
    grid = Grid.axial(PLANNING, (21, 21, 21), (1.0, 1.0, 1.0), (-10.0, -10.0, -10.0))
    k, j, i = np.mgrid[-10:11, -10:11, -10:11]
    surface = surface_of((np.sqrt(k**2 + j**2 + i**2) - 7.0).astype(np.float32), grid)
    return surface.points_mm, surface.triangles


def test_a_surface_that_came_out_on_the_left_is_orange_only_from_the_left() -> None:
    points_mm, triangles = ball()
    signed_mm = np.where(points_mm[:, 0] > 0.0, 5.0, -5.0)
    values = points_mm[triangles], signed_mm[triangles]
    for name, is_orange in (("From the left", True), ("From the right", False)):
        right, down = VIEWS[name]
        view = Plane(name, np.zeros(3), np.array(right), np.array(down), 20.0, 40)
        red, _, blue = _rendered(view, *values, surface_scale(5.0))[20, 20].astype(int)
        assert bool(red > blue) is is_orange


def test_around_a_surface_nothing_is_drawn_and_in_it_there_is_no_hole() -> None:
    points_mm, triangles = ball()
    right, down = VIEWS["From the front"]
    view = Plane("From the front", np.zeros(3), np.array(right), np.array(down), 20.0, 100)
    picture = _rendered(view, points_mm[triangles], np.zeros(triangles.shape), surface_scale(1.0))
    row, column = np.mgrid[0:100, 0:100]
    radius_mm = np.hypot(row - 49.5, column - 49.5) * 0.2
    is_empty = (picture == OUTSIDE).all(axis=-1)
    assert not is_empty[radius_mm < 6.5].any()
    assert is_empty[radius_mm > 7.5].all()


def test_a_surface_is_seen_from_six_sides_with_the_letters_of_the_body() -> None:
    points_mm, triangles = ball()
    pictures = surface_pictures(points_mm, triangles, np.zeros(len(points_mm)), surface_scale(1.0))
    assert len(pictures) == 6
    front = pictures[0]
    assert "From the front" in front
    assert [front.index(f">{letter}<") for letter in ("R", "L", "H", "F")]

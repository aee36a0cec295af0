"""Pictures of the motion at simulation: they name what they show, and show it where it is."""

import hashlib
from io import BytesIO

import matplotlib.image
import numpy as np
import pytest

from isoguide.course.simulation import StructureMotion
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Contour, Structure
from isoguide.images.volume import Volume
from isoguide.workflow.internal_target import internal_target
from isoguide.workflow.motion_pictures import average_picture, motion_chart

GRID = Grid(PLANNING, (40, 50, 50), np.array([2.0, 2.0, 2.0]), np.array([-49.0, -49.0, -39.0]), np.eye(3))
WAY_MM = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 6.0], [0.0, 0.0, 12.0], [-0.5, -1.0, 6.0]])
MOTION = StructureMotion("GTV", WAY_MM, (0.0, 25.0, 50.0, 75.0), 0.2, np.array([0.0, 0.0, -6.0]))
SEED = StructureMotion("Seed 1", 0.5 * WAY_MM, (0.0, 25.0, 50.0, 75.0), 0.1, np.zeros(3))


def cube() -> Structure:
    square = np.array([(-8.0, -8.0), (8.0, -8.0), (8.0, 8.0), (-8.0, 8.0)])
    contours = tuple(
        Contour("CLOSED_PLANAR", np.column_stack([square, np.full(4, z)])) for z in np.arange(-7.0, 8.0, 2.0)
    )
    return Structure("GTV", 1, PLANNING, contours, "GTV")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(matplotlib.image.imread(BytesIO(png), format="png"))[..., :3]


def near(picture: np.ndarray, colour: str) -> np.ndarray:
    wanted = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255.0
    return np.abs(picture - wanted).max(axis=-1) < 0.06


def test_the_same_motion_gives_the_same_bytes_named_by_their_hash() -> None:
    one, other = motion_chart([MOTION, SEED]), motion_chart([MOTION, SEED])
    assert one.png == other.png
    assert one.reference.sha256 == hashlib.sha256(one.png).hexdigest()
    assert (one.reference.kind, one.reference.label) == ("4DCT motion", "over the breath")


def test_a_target_that_does_not_move_sideways_is_level_there_and_moves_along_the_body() -> None:
    picture = pixels(motion_chart([MOTION]).png)
    line = near(picture, "#d55e00")
    left, right = picture.shape[1] // 3, 2 * picture.shape[1] // 3
    heights = [np.ptp(np.nonzero(part)[0]) for part in (line[80:340, 100:left], line[80:340, right + 60 :])]
    # The dashed line of the mid-ventilation spans both panels; what else is orange does not on the left.
    filled = [(part.sum(axis=1) > 6).sum() for part in (line[80:340, 100:left], line[80:340, right + 60 :])]
    assert filled[1] > 3 * filled[0]
    assert min(heights) > 0


@pytest.mark.parametrize("sorted_by", ["phase", "amplitude"])
def test_the_average_shows_all_phases_and_marks_mid_ventilation_only_where_it_is_known(
    sorted_by: str,
) -> None:
    motion = StructureMotion("GTV", WAY_MM, MOTION.phases_percent, 0.2, MOTION.from_planning_mm, sorted_by)
    assert MOTION.from_planning_mm is not None
    internal = internal_target(cube(), WAY_MM + MOTION.from_planning_mm, GRID, 2)
    average = Volume(GRID, np.full(GRID.shape, -800.0, np.float32))
    picture = pixels(average_picture(average, cube(), motion, internal.structure).png)
    images = picture[60:-90]
    assert near(images, "#7cc4f5").sum() > 200
    assert near(images, "#f0e442").sum() > 200
    assert (near(images, "#d55e00").sum() > 100) == (sorted_by == "phase")


def test_the_target_is_drawn_in_the_middle_and_as_long_as_it_goes() -> None:
    average = Volume(GRID, np.full(GRID.shape, -800.0, np.float32))
    picture = pixels(average_picture(average, cube(), MOTION, None).png)
    third = picture.shape[1] // 3
    coronal = near(picture[60:-90, third + 10 : 2 * third - 10], "#7cc4f5") | near(
        picture[60:-90, third + 10 : 2 * third - 10], "#d55e00"
    )
    rows, columns = np.nonzero(coronal)
    # 16 mm wide, 1 mm more by going sideways; 16 mm long and 12 mm more along the body.
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(28.0 / 17.0, rel=0.08)
    # The picture lies between 0.36 inches from the top and 0.42 from the bottom, at 144 dots per inch.
    middle = (0.36 * 144.0 + picture.shape[0] - 0.42 * 144.0) / 2.0 - 60.0
    assert (rows.min() + rows.max()) / 2.0 == pytest.approx(middle, abs=4.0)

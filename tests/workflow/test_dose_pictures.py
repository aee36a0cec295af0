"""Pictures of a dose say where how much goes, in percent of the prescription, and cannot be mixed up."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import replace

import dosed_phantom as phantom
import numpy as np
import pytest
from matplotlib.image import imread

from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.workflow.dose.pictures import (
    ISODOSES,
    DoseReference,
    dose_difference_pictures,
    isodose_key,
    isodose_pictures,
    structure_keys,
)
from isoguide.workflow.dose.scene import DoseScene, OutlinedStructure, dose_planes, outlined_structures
from isoguide.workflow.structure_colours import kinds_of

TWO_GY = DoseReference(2.0)


def dose(left_gy: float, right_gy: float) -> DoseVolume:
    """One dose in the left half of the block and another in the right half."""
    grid = phantom.block().grid
    values = np.full(grid.shape, right_gy, dtype=np.float32)
    values[:, :, grid.shape[2] // 2 :] = left_gy
    return DoseVolume(grid, values)


def outlined(structures: Sequence[Structure], image: Volume) -> tuple[OutlinedStructure, ...]:
    return outlined_structures(structures, kinds_of((one.name for one in structures), "PTV"), image)


def scene(of: DoseVolume, **changes: object) -> DoseScene:
    image = phantom.block()
    shown = outlined(phantom.structures()[1:], image)
    made = DoseScene(image, of, dose_planes(image, phantom.ISOCENTRE_MM, pixels=80), shown)
    return replace(made, **changes)


def pixels(svg: str) -> np.ndarray:
    """The pixels of a picture, 0 to 1."""
    data = re.search(r"base64,([A-Za-z0-9+/=]+)", svg)
    assert data is not None
    return imread(io.BytesIO(base64.b64decode(data[1])))


def test_a_wash_of_colour_shows_which_level_is_reached() -> None:
    """In a picture from the feet the patient's left is at the right."""
    axial = pixels(isodose_pictures(scene(dose(2.2, 0.1)), TWO_GY)[0])
    cold, hot = axial[40, 30], axial[40, 50]
    assert cold[0] == cold[1] == cold[2]
    red, green, blue = ISODOSES[-1].colour
    assert red > blue > green
    assert hot[0] > hot[2] > hot[1]


@pytest.mark.parametrize(("percent", "levels"), [(19.0, 0), (21.0, 1), (96.0, 4), (120.0, 6)])
def test_each_level_below_the_dose_has_a_line(percent: float, levels: int) -> None:
    picture = isodose_pictures(scene(dose(0.02 * percent, 0.0)), TWO_GY)[0]
    assert picture.count('class="isodose"') == levels


def test_a_difference_is_orange_where_the_day_gives_more() -> None:
    day = scene(dose(2.0, 1.6))
    axial = pixels(dose_difference_pictures(day, dose(1.8, 1.8), TWO_GY)[0])
    less, more = axial[40, 30], axial[40, 50]
    assert less[2] > less[0]
    assert more[0] > more[2]
    same = pixels(dose_difference_pictures(day, dose(1.99, 1.61), TWO_GY)[0])
    assert (same[..., :1] == same[..., :3]).all()


def test_beyond_the_grid_of_the_dose_nothing_is_coloured() -> None:
    grid = phantom.block().grid
    part = Grid(grid.frame, (24, 36, 22), grid.spacing_mm, grid.origin_mm, grid.direction)
    small = DoseVolume(part, np.full(part.shape, 2.0, dtype=np.float32))
    axial = pixels(isodose_pictures(scene(small), TWO_GY)[0])
    assert np.ptp(axial[40, 50, :3]) == 0.0
    assert np.ptp(axial[40, 30, :3]) > 0.0


def test_a_day_is_drawn_in_the_planes_of_the_plan() -> None:
    """A block 20 mm to the left, put back by the match, looks like the plan."""
    placed = RigidTransform.translation(PLANNING, DAILY, np.array([-20.0, 0.0, 0.0]))
    origin_mm = phantom.ORIGIN_MM + np.array([20.0, 0.0, 0.0])
    image = phantom.block(DAILY, origin_mm)
    moved = DoseVolume(image.grid, dose(2.2, 0.1).dose_gy)
    target = phantom.structures()[1]
    lines = tuple(replace(one, xyz_mm=one.xyz_mm + np.array([20.0, 0.0, 0.0])) for one in target.contours)
    today = replace(target, frame=DAILY, contours=lines)
    plan = scene(dose(2.2, 0.1))
    day = DoseScene(image, moved, plan.planes, outlined((today,), image), placed)
    for planned, drawn in zip(plan.dose_gy, day.dose_gy, strict=True):
        np.testing.assert_allclose(planned, drawn, atol=1e-5)
    planned_line, line = plan.lines(0, plan.shown[0])[0], day.lines(0, day.shown[0])[0]
    np.testing.assert_allclose(line.mean(axis=0), planned_line[:4].mean(axis=0), atol=1.5)


def test_image_and_dose_of_different_frames_are_not_laid_over_each_other() -> None:
    other = DoseVolume(phantom.block(DAILY).grid, dose(1.0, 1.0).dose_gy)
    with pytest.raises(GeometryError, match="draw it on its own image"):
        scene(other)
    with pytest.raises(GeometryError, match="say how the one lies in the other"):
        DoseScene(phantom.block(DAILY), other, scene(dose(1.0, 1.0)).planes, ())


def test_the_key_gives_each_level_in_percent_and_gray() -> None:
    key = isodose_key(TWO_GY)
    for percent, gray in (("95 %", "1.90 Gy"), ("≥ 107 %", "2.14 Gy")):
        assert f">{percent}<" in key
        assert f">{gray}<" in key
    assert "100 % = 2.00 Gy, the prescription in one fraction" in key


def test_the_target_is_named_first_and_names_are_escaped() -> None:
    named = replace(phantom.structures()[2], name="<b>Left</b>")
    image = phantom.block()
    shown = outlined((named, phantom.structures()[1]), image)
    keys = structure_keys(scene(dose(1.0, 1.0), shown=shown))
    assert keys.index("PTV") < keys.index("&lt;b&gt;Left")


def test_isodoses_need_a_dose() -> None:
    with pytest.raises(InputError, match="above 0 Gy"):
        DoseReference(0.0)

"""Shadows behind bone and gas whose place geometry gives, and darkness that is none."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, ULTRASOUND_IMAGE
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_image import UltrasoundImage
from isoguide.images.ultrasound_shadow import shadow_mask, shadow_of_image
from isoguide.virtual.acoustics import BONE, FLUID, GAS, KIDNEY, LIVER, OUTSIDE, AcousticTissue
from isoguide.virtual.ultrasound import simulate_ultrasound
from isoguide.virtual.ultrasound_probe import UltrasoundProbe

# A block of tissue: x 100 mm, y (depth) 90 mm, z 24 mm; the probe looks along y from the middle of its face.
GRID = Grid.axial(PLANNING, (12, 90, 100), (1.0, 1.0, 2.0), (-49.5, 0.5, -11.0))
PROBE = UltrasoundProbe(depth_mm=80.0, fan_deg=40.0, lines=160)
POSE = RigidTransform.identity(PLANNING, ULTRASOUND_IMAGE)


def image_of(material=LIVER, *, behind_mm=30, to_mm=40, left=40, right=60, around=LIVER, probe=PROBE):
    """See a block of material from depth ``behind_mm`` to ``to_mm`` and x from left to right, less 50 mm."""
    materials = np.full(GRID.shape, around, dtype=np.uint8)
    materials[:, behind_mm:to_mm, left:right] = material
    return simulate_ultrasound(AcousticTissue(GRID, materials), probe, POSE, rng=np.random.default_rng(1))


def behind_block(image, depth_mm=30.0, half_mm=10.0):
    """Which pixels lie behind a face of ±half_mm at a depth, on lines from the centre of curvature."""
    column, row = np.meshgrid(np.arange(image.values.shape[1]), np.arange(image.values.shape[0]))
    x, y = (image.corner_mm + np.stack([column, row], -1) * image.pixel_spacing_mm).transpose(2, 0, 1)
    at_face_mm = x * (PROBE.radius_mm + depth_mm) / (y + PROBE.radius_mm)
    return (y > depth_mm) & (np.abs(at_face_mm) < half_mm) & image.in_fan


@pytest.mark.parametrize("material", [BONE, GAS])
def test_what_lies_behind_bone_and_gas_is_in_shadow(material):
    image = image_of(material)
    shadow, truth = shadow_of_image(image), behind_block(image)
    certain = ndimage.binary_erosion(truth, iterations=6)
    assert shadow[certain].mean() > 0.98
    assert not shadow[~ndimage.binary_dilation(truth, iterations=6)].any()


def test_the_face_of_the_bone_itself_is_trusted():
    image = image_of(BONE)
    shadow = shadow_of_image(image)
    assert not shadow[image.values > 200].any()


@pytest.mark.parametrize(
    ("why", "image"),
    [
        ("tissue only", image_of),
        ("a bladder is black, but tissue is seen behind it", lambda: image_of(FLUID, behind_mm=20, to_mm=45)),
        (
            "no line reaches the depth",
            lambda: image_of(around=KIDNEY, probe=replace(PROBE, frequency_mhz=7.0, noise_db=-50.0)),
        ),
        ("no line comes back above the noise", lambda: image_of(probe=replace(PROBE, noise_db=-10.0))),
    ],
)
def test_darkness_without_a_shadow_is_not_one(why, image):
    assert not shadow_of_image(image()).any(), why


def test_bone_across_the_whole_image_leaves_all_behind_it_in_shadow():
    image = image_of(BONE, left=0, right=100)
    shadow = shadow_of_image(image)
    rows = np.arange(len(shadow)) * PROBE.pixel_mm + image.corner_mm[1]
    behind = image.in_fan & (rows > 45.0)[:, None]
    assert shadow[behind].mean() > 0.95
    assert not shadow[(rows < 25.0)].any()


def test_lines_without_contact_are_in_shadow_from_the_probe_on():
    image = image_of(OUTSIDE, behind_mm=0, to_mm=30, left=0, right=30)
    shadow = shadow_of_image(image)
    column = round((-25.0 - image.corner_mm[0]) / PROBE.pixel_mm)
    row = round((50.0 - image.corner_mm[1]) / PROBE.pixel_mm)
    assert shadow[row, column]
    assert not shadow[row, shadow.shape[1] // 2]


def test_a_straight_array_throws_straight_shadows():
    rng = np.random.default_rng(0)
    values = np.clip(rng.normal(120.0, 15.0, (200, 160)), 0.0, 255.0)
    values[60:64, 60:100], values[64:, 60:100] = 255.0, 3.0
    image = UltrasoundImage(
        values.astype(np.uint8), np.ones(values.shape, bool), np.array([-32.0, 0.0]), (0.4, 0.4), POSE, 60.0
    )
    shadow = shadow_of_image(image)
    assert shadow[70:, 64:96].mean() > 0.98
    assert not shadow[:58].any()
    assert not shadow[:, :54].any()
    assert not shadow[:, 106:].any()


def test_an_image_upside_down_or_without_a_fan_is_refused():
    image = image_of()
    turned = replace(image, values=image.values[::-1], in_fan=image.in_fan[::-1])
    with pytest.raises(GeometryError, match="upside down"):
        shadow_of_image(turned)
    with pytest.raises(GeometryError, match="no fan"):
        shadow_of_image(replace(image, in_fan=np.zeros_like(image.in_fan)))


def speckled_block():
    """See 50 mm of tissue, z the depth, with bone that starts at 20 mm over x, y from 12 to 28 mm."""
    grid = Grid.axial(PLANNING, (50, 40, 40), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    values = np.clip(np.random.default_rng(0).normal(120.0, 20.0, grid.shape), 0.0, 255.0)
    values[20:22, 12:28, 12:28], values[22:, 12:28, 12:28] = 250.0, 4.0
    return grid, values.astype(np.uint8)


def test_a_volume_has_shadows_along_the_sound():
    grid, values = speckled_block()
    seen = np.ones(grid.shape, dtype=bool)
    shadow = shadow_mask(values, seen, grid, direction=np.array([0.0, 0.0, 1.0]))
    assert shadow[26:48, 15:25, 15:25].mean() > 0.98
    assert not shadow[:18].any()
    assert not shadow[:, :8].any()


def test_from_a_far_point_the_shadow_is_nearly_that_of_parallel_sound():
    grid, values = speckled_block()
    seen = np.ones(grid.shape, dtype=bool)
    shadow = shadow_mask(values, seen, grid, face_mm=np.array([19.5, 19.5, -2000.0]))
    assert shadow[26:46, 16:24, 16:24].mean() > 0.95
    assert not shadow[:16].any()


def test_sound_needs_one_origin_or_direction():
    grid, values = speckled_block()
    seen = np.ones(grid.shape, dtype=bool)
    with pytest.raises(GeometryError, match="one of them"):
        shadow_mask(values, seen, grid)
    with pytest.raises(GeometryError, match="vanishes"):
        shadow_mask(values, seen, grid, direction=np.zeros(3))

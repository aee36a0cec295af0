"""Where the patient is in the pixels of a scanner's screen, against what was painted there."""

import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from ultrasound_screens import Screen, draw_ruler, write_text

from isoguide.errors import InputError
from isoguide.images.ultrasound_fan import find_fan

CURVED = Screen(frames=3)
LINEAR = Screen(radius=0.0, frames=3)


def plus_pixels(path: Path) -> np.ndarray:
    """The images of a compressed MetaImage sequence, without our own reader."""
    stored = path.read_bytes()
    end = stored.index(b"\n", stored.index(b"ElementDataFile")) + 1
    return np.frombuffer(zlib.decompress(stored[end:]), np.uint8).reshape(21, 616, 820)


@pytest.mark.parametrize(
    "screen",
    [
        CURVED,
        replace(CURVED, frames=1),
        replace(CURVED, background=60),
        replace(CURVED, radius=8.0, face=(280.0, 20.0), half_deg=42.0),  # a phased array
        replace(
            CURVED, shape=(420, 900), face=(450.0, 60.0), half_deg=70.0, radius=60.0
        ),  # an endocavity probe
        replace(CURVED, half_deg=15.0, radius=200.0),
    ],
)
def test_a_curved_array_is_found_within_half_a_pixel(screen: Screen) -> None:
    fan = find_fan(screen.paint(), source="the screen")
    assert not fan.is_linear
    assert np.allclose(fan.face_px, screen.face, atol=0.5)
    assert fan.radius_px == pytest.approx(screen.radius, abs=0.5)
    assert fan.depth_px == pytest.approx(screen.depth, abs=0.5)
    assert np.rad2deg(fan.half_angle_rad) == pytest.approx(screen.half_deg, abs=0.1)
    assert fan.half_width_px == pytest.approx(screen.radius * np.sin(np.deg2rad(screen.half_deg)), abs=0.5)
    truth = screen.in_fan()
    assert (fan.in_fan & truth).sum() / (fan.in_fan | truth).sum() > 0.998


def test_a_linear_array_is_found_to_the_pixel() -> None:
    fan = find_fan(LINEAR.paint(), source="the screen")
    assert fan.is_linear
    assert fan.face_px.tolist() == list(LINEAR.face)
    assert (fan.depth_px, fan.half_width_px, fan.radius_px) == (330.0, 100.0, 0.0)
    assert np.array_equal(fan.in_fan, LINEAR.in_fan())
    # The middle of the face is the origin: pixel (0, 0) lies 280 columns to its left and 40 rows above it.
    assert np.allclose(fan.corner_mm((0.2, 0.3)), [-56.0, -12.0])


def test_the_rectangle_of_a_recorded_linear_array_is_found(shared_data: Path) -> None:
    pixels = plus_pixels(shared_data / "PlusLibData" / "TestImages" / "SpinePhantomFreehand.igs.mha")
    for frames in (pixels, pixels[3:4]):
        fan = find_fan(frames, source="the spine phantom")
        # Read off the picture by eye: columns 187 to 631, rows 12 to 601.
        assert fan.is_linear
        assert fan.face_px.tolist() == [409.0, 12.0]
        assert (fan.depth_px, fan.half_width_px) == (589.0, 222.0)
        assert fan.in_fan.sum() == 445 * 590


def test_text_and_a_ruler_beside_the_fan_change_nothing() -> None:
    pixels = CURVED.paint()
    write_text(pixels, 10, 20)
    draw_ruler(pixels, column=20, first=40.0, step=33.0, count=11, major=5)
    fan = find_fan(pixels, source="the screen")
    assert np.allclose(fan.face_px, CURVED.face, atol=0.5)
    assert not fan.in_fan[:, :30].any()


@pytest.mark.parametrize("frames", [1, 4])
def test_text_across_the_fan_is_left_out_of_it(frames: int) -> None:
    pixels = replace(CURVED, frames=frames).paint()
    clean = pixels.copy()
    write_text(pixels, 200, 240)
    written = (pixels != clean).any(axis=0)
    fan = find_fan(pixels, source="the screen")
    # Every stroke that stands out is left out; a stroke as bright as its surroundings hides nothing.
    assert fan.in_fan[written].mean() < (0.02 if frames > 1 else 0.35)
    assert fan.in_fan[CURVED.in_fan() & ~ndimage.binary_dilation(written, iterations=6)].mean() > 0.999


def test_a_caliper_that_moves_with_nothing_is_left_out() -> None:
    pixels = replace(CURVED, frames=5).paint()
    pixels[:, 149:152, 250:262] = 235
    pixels[:, 144:157, 255:257] = 235
    fan = find_fan(pixels, source="the screen")
    assert not fan.in_fan[149:152, 250:262].any()


def test_a_fan_full_of_text_is_refused() -> None:
    pixels = CURVED.paint()
    for row in range(60, 360, 16):
        write_text(pixels, row, 180, letters=12)
    with pytest.raises(InputError, match=r"% of the fan in the screen is written over"):
        find_fan(pixels, source="the screen")


def test_a_shadow_down_to_the_end_does_not_shorten_the_fan() -> None:
    pixels = CURVED.paint()
    depth, angle = CURVED.polar()
    pixels[:, (depth > 150.0) & (np.abs(angle) < 7.0)] = 0
    assert find_fan(pixels, source="the screen").depth_px == pytest.approx(CURVED.depth, abs=0.5)


def test_the_noise_of_a_frame_grabber_does_no_harm() -> None:
    noise = np.random.default_rng(3).integers(0, 4, (3, *CURVED.shape))
    pixels = np.clip(CURVED.paint().astype(int) + noise, 0, 255).astype(np.uint8)
    assert np.allclose(find_fan(pixels, source="the screen").face_px, CURVED.face, atol=0.5)


def test_a_phantom_in_water_is_dark_and_still_in_a_fan() -> None:
    rng = np.random.default_rng(6)
    water = rng.integers(3, 12, (3, *CURVED.shape))
    water[:, 150:154, 200:215] = 180  # a wire
    pixels = np.where(CURVED.in_fan(), water, 0).astype(np.uint8)
    fan = find_fan(pixels, source="the bath")
    assert np.allclose(fan.face_px, CURVED.face, atol=0.5)


def dark_side(pixels: np.ndarray) -> np.ndarray:
    pixels[:, CURVED.polar()[1] < -18.0] = 0
    return pixels


def fading(pixels: np.ndarray) -> np.ndarray:
    """Nothing but a count of noise below 200 px, as without gain: where the fan ends cannot be seen."""
    pixels[:, (CURVED.polar()[0] > 200.0) & CURVED.in_fan()] = 1
    return pixels


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:, ::-1], "stands upside down, its face at the bottom"),
        (lambda p: np.rot90(p, axes=(1, 2)), "lies on its side"),
        (lambda p: np.rot90(p, -1, axes=(1, 2)), "lies on its side"),
        (dark_side, "not two like sides, a face and a deepest line"),
        (lambda p: p[:, :, :360], "not two like sides"),
        (lambda p: p[:, :300], "not two like sides"),
        (lambda p: p[:, 60:], "not two like sides"),
        (fading, "fades into the empty screen before its deepest line"),
        (lambda p: np.stack([ndimage.rotate(f, 10.0, reshape=False) for f in p]), "not two like sides"),
        (lambda p: np.transpose(p, (0, 2, 1)), "shows no|lies on its side"),
    ],
)
def test_a_curved_fan_that_is_not_whole_and_upright_is_refused(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_fan(np.ascontiguousarray(change(CURVED.paint())), source="the screen")


def test_a_linear_arrays_image_that_stands_upside_down_is_refused(shared_data: Path) -> None:
    pixels = plus_pixels(shared_data / "PlusLibData" / "TestImages" / "SpinePhantomFreehand.igs.mha")
    with pytest.raises(InputError, match="brighter at the bottom than on top"):
        find_fan(np.ascontiguousarray(pixels[:, ::-1]), source="the spine phantom")


def blurred_noise(shape: tuple[int, ...], sigma_px: float) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(8).standard_normal(shape), (0, sigma_px, sigma_px))
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def framed(pixels: np.ndarray) -> np.ndarray:
    inside = np.zeros_like(pixels)
    inside[:, 30:380, 150:400] = pixels[:, 30:380, 150:400]
    return inside


def round_slice(pixels: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(pixels.shape[1:])
    return pixels * (np.hypot(rows - 210, (columns - 280) / 1.3) < 180).astype(np.uint8)


PICTURE = blurred_noise((2, 420, 560), 2.0)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((1, 200, 200), np.uint8), "the pictures are empty"),
        (np.full((2, 200, 200), 255, np.uint8), "the pictures are empty"),
        (np.zeros((1, 1, 500), np.uint8), "the pictures are empty"),
        (np.random.default_rng(1).integers(0, 256, (1, 8, 8)).astype(np.uint8), "nothing in it is as large"),
        (PICTURE, "something fills the picture"),
        (framed(PICTURE), "not the texture of ultrasound"),
        (round_slice(PICTURE), "not two like sides"),
        (PICTURE * CURVED.in_fan(), "not the texture of ultrasound"),
        (np.where(CURVED.in_fan(), 255, 0).astype(np.uint8)[None], "white throughout"),
    ],
)
def test_a_picture_that_is_no_ultrasound_is_refused(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=f"the picture shows no ultrasound fan: .*{message}"):
        find_fan(pixels.astype(np.uint8), source="the picture")


def test_whatever_is_in_a_picture_it_is_a_fan_or_a_sentence() -> None:
    rng = np.random.default_rng(5)
    for number in range(12):
        pixels = np.zeros((2, 90, 120), np.uint8)
        for _ in range(number):
            row, column = rng.integers(0, 80), rng.integers(0, 110)
            pixels[:, row : row + rng.integers(1, 60), column : column + rng.integers(1, 60)] = rng.integers(
                256
            )
        with pytest.raises(InputError, match=r"; record|: record"):
            find_fan(pixels, source="the picture")

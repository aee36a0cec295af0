"""A folder of pictures: the frames of one recording in their order, or a refusal."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK

from isoguide.errors import UnreadableError
from isoguide.images.ultrasound_depth import depth_scale_mm
from isoguide.images.ultrasound_fan import find_fan
from isoguide.volume_files.frame_folder import is_frame_folder, read_frame_folder


def save(path: Path, pixels: np.ndarray) -> None:
    is_vector = pixels.ndim == 3
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(pixels, isVector=is_vector), str(path))


def recording(folder: Path, count: int = 12) -> Path:
    for number in range(1, count + 1):
        save(folder / f"frame{number}.png", np.full((6, 8), 10 * number, np.uint8))
    return folder


def test_frames_come_in_the_order_of_their_numbers_not_of_their_letters(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    frames = read_frame_folder(recording(tmp_path))
    assert frames.pixels[:, 0, 0].tolist() == [10 * number for number in range(1, 13)]
    assert frames.pixels.shape == (12, 6, 8)
    assert (frames.at_s, frames.pixel_spacing_mm) == (None, None)
    assert is_frame_folder(tmp_path)
    assert not is_frame_folder(tmp_path / "notes.txt")


def test_colours_become_their_brightness(tmp_path: Path) -> None:
    pixels = np.full((20, 20, 3), 50, np.uint8)
    pixels[3, 4] = (255, 255, 0)  # a yellow mark
    save(tmp_path / "1.png", pixels)
    found = read_frame_folder(tmp_path).pixels[0]
    assert found[0, 0] == 50
    assert found[3, 4] == round(0.299 * 255 + 0.587 * 255)  # ITU-R BT.601


def test_the_screens_of_a_breathing_abdomen_are_read_with_fan_and_depth(shared_data: Path) -> None:
    frames = read_frame_folder(shared_data / "VideoTracking" / "dataset" / "sample2" / "images")
    assert frames.pixels.shape == (40, 624, 1146)
    few = frames.pixels[::13]
    fan = find_fan(few, source="the abdomen")
    # The screen says C5-2R60N, a curved array of 60 mm radius, and a depth of 150 mm; its ruler has a mark
    # every 10 mm from row 69.5 to row 618.5, and the middle of the face lies at its 0.
    scale = depth_scale_mm(few, fan, depth_mm=150.0, source="the abdomen")
    assert scale.confirmed
    assert scale.pixel_mm == pytest.approx(150.0 / 549.0, rel=5e-4)
    assert fan.face_px[1] == pytest.approx(69.5, abs=1.0)
    assert fan.radius_px * scale.pixel_mm == pytest.approx(60.0, abs=1.0)
    # Corners read off the picture: face at columns 465 and 678, deepest at 195 and 947, row 523.
    assert np.flatnonzero(fan.in_fan.any(axis=0))[[0, -1]] == pytest.approx([195, 947], abs=2.0)
    assert 2.0 * fan.half_width_px == pytest.approx(678 - 465, abs=3.0)
    with pytest.raises(ValueError, match="read-only"):
        frames.pixels[0, 0, 0] = 1


def gap(folder: Path) -> None:
    (folder / "frame7.png").unlink()


def other_size(folder: Path) -> None:
    save(folder / "frame5.png", np.zeros((6, 9), np.uint8))


def other_name(folder: Path) -> None:
    save(folder / "screenshot.png", np.zeros((6, 8), np.uint8))


def two_numbers(folder: Path) -> None:
    for path in list(folder.iterdir()):
        path.unlink()
    for run in (1, 2):
        for number in (1, 2):
            save(folder / f"run{run}-{number}.png", np.zeros((6, 8), np.uint8))


def twice(folder: Path) -> None:
    save(folder / "frame03.png", np.zeros((6, 8), np.uint8))


def deep(folder: Path) -> None:
    save(folder / "frame2.png", np.zeros((6, 8), np.uint16))


def doppler(folder: Path) -> None:
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:3, :, 0] = 200
    save(folder / "frame4.png", pixels)


def damaged(folder: Path) -> None:
    path = folder / "frame2.png"
    path.write_bytes(path.read_bytes()[:40])


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (gap, r"no picture between frame6\.png and frame8\.png"),
        (other_size, r"frame5\.png has 9 × 6 pixels and frame1\.png has 8 × 6"),
        (other_name, "unlike names"),
        (two_numbers, "differ in 2 numbers of their names"),
        (twice, r"no picture between frame\d+\.png and frame\d+\.png"),
        (deep, r"frame2\.png is no flat picture of 8 bits"),
        (doppler, r"frame4\.png is coloured over 50%, as in Doppler"),
        (damaged, r"frame2\.png is damaged"),
    ],
)
def test_a_folder_that_is_not_one_recording_is_refused(
    tmp_path: Path, harm: Callable[[Path], None], message: str
) -> None:
    harm(recording(tmp_path))
    with pytest.raises(UnreadableError, match=message):
        read_frame_folder(tmp_path)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UnreadableError, match="holds no pictures"):
            read_frame_folder(path)

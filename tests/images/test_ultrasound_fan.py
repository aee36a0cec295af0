"""Where the patient is in the pixels of a scanner's screen."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from isoguide.errors import InputError
from isoguide.images.ultrasound_fan import find_fan


def plus_pixels(path: Path) -> np.ndarray:
    """The images of a compressed MetaImage sequence, without our own reader."""
    stored = path.read_bytes()
    end = stored.index(b"\n", stored.index(b"ElementDataFile")) + 1
    return np.frombuffer(zlib.decompress(stored[end:]), np.uint8).reshape(21, 616, 820)


def test_the_rectangle_of_a_linear_array_is_found(shared_data: Path) -> None:
    pixels = plus_pixels(shared_data / "PlusLibData" / "TestImages" / "SpinePhantomFreehand.igs.mha")
    fan = find_fan(pixels, source="the spine phantom")
    # Read off the picture by eye: columns 187 to 631, rows 12 to 601.
    assert fan.is_linear
    assert fan.face_px.tolist() == [409.0, 12.0]
    assert (fan.depth_px, fan.half_width_px) == (589.0, 222.0)
    assert fan.in_fan.sum() == 445 * 590


def test_a_blank_picture_has_no_fan() -> None:
    with pytest.raises(InputError, match="the blank one shows no ultrasound fan"):
        find_fan(np.zeros((1, 200, 200), np.uint8), source="the blank one")

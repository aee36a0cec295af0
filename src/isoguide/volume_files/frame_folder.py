"""A folder of pictures that a scanner or a frame grabber saved one after another."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import UnreadableError
from isoguide.images.ultrasound_colour import grey_of_colours
from isoguide.images.ultrasound_frames import UltrasoundFrames
from isoguide.volume_files.grey_values import stored_values

PICTURE_SUFFIXES: Final = (".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff")
_NUMBERS: Final = re.compile(r"\d+")


def is_frame_folder(path: Path | str) -> bool:
    """Tell whether a path is a folder in which there are pictures."""
    path = Path(path)
    return path.is_dir() and bool(_pictures(path))


def read_frame_folder(folder: Path | str) -> UltrasoundFrames:
    """Read the pictures of a folder in the order of the numbers in their names.

    Parameters
    ----------
    folder
        With pictures of one size, whose names differ in their numbers alone; other files are left alone.

    Returns
    -------
    UltrasoundFrames
        Without times and without pixel spacing, which pictures do not have; colours as their brightness.

    Raises
    ------
    UnreadableError
        If there is none, names or sizes differ, a number is missing, a file is damaged, or pictures are in
        colour.
    MissingEvidenceError
        If SimpleITK is not installed.
    """
    folder = Path(folder)
    paths = _ordered(_pictures(folder), folder) if folder.is_dir() else []
    if not paths:
        kinds = ", ".join(PICTURE_SUFFIXES)
        msg = f"{folder} holds no pictures; give a folder with the frames of one recording ({kinds})"
        raise UnreadableError(msg)
    frames = [_brightness(path) for path in paths]
    odd = next((n for n, frame in enumerate(frames) if frame.shape != frames[0].shape), None)
    if odd is not None:
        sizes = [f"{frames[n].shape[1]} × {frames[n].shape[0]}" for n in (odd, 0)]
        msg = (
            f"{paths[odd]} has {sizes[0]} pixels and {paths[0].name} has {sizes[1]}; leave only the frames "
            "of one recording in the folder"
        )
        raise UnreadableError(msg)
    pixels = np.stack(frames)
    pixels.flags.writeable = False
    return UltrasoundFrames(pixels=pixels, at_s=None, pixel_spacing_mm=None, source=str(folder))


def _pictures(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    )


def _ordered(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Sort by the numbers of the names, and refuse names that are not those of one recording."""
    patterns = {_NUMBERS.sub("#", path.name) for path in paths}
    if len(patterns) > 1:
        msg = (
            f"{folder} holds pictures with unlike names, such as {paths[0].name} and {paths[-1].name}; leave "
            "only the frames of one recording there"
        )
        raise UnreadableError(msg)
    numbers = np.array(
        [[int(text) for text in _NUMBERS.findall(path.name)] for path in paths], dtype=np.int64
    )
    counting = np.flatnonzero(np.ptp(numbers, axis=0)) if len(paths) > 1 else np.empty(0, dtype=np.int64)
    if len(paths) > 1 and len(counting) != 1:
        many = len(counting)
        msg = f"the pictures in {folder} differ in {many} numbers of their names; number them one by one"
        raise UnreadableError(msg)
    if not len(counting):
        return list(paths)
    order = np.argsort(numbers[:, counting[0]])
    steps = np.diff(numbers[order, counting[0]])
    if (steps != 1).any():
        at = int(np.flatnonzero(steps != 1)[0])
        before, after = (paths[order[n]].name for n in (at, at + 1))
        msg = f"{folder} has no picture between {before} and {after}; copy the whole recording"
        raise UnreadableError(msg)
    return [paths[index] for index in order]


def _brightness(path: Path) -> NDArray[np.uint8]:
    values, components = stored_values(path)
    if values.dtype != np.uint8 or values.ndim != (2 if components == 1 else 3):
        msg = f"{path} is no flat picture of 8 bits; save it as one"
        raise UnreadableError(msg)
    if components == 1:
        return values
    if components not in (3, 4):
        msg = f"{path} has {components} values per pixel; save it in grey or in colours"
        raise UnreadableError(msg)
    return grey_of_colours(values[..., :3], str(path))

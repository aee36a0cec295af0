"""What a folder or file holds, and what is wrong with it, in plain words."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isoguide.dicom import scan_folder
from isoguide.dicom.description import describe_contents
from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING
from isoguide.progress import Progress, silent
from isoguide.volume_files import is_volume_file, read_volume_file
from isoguide.volume_files.tracked_sequence import is_tracked_sequence, read_tracked_frames
from isoguide.workflow.inputs import require_existing


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was found: what it is, a sentence about it, the UID to choose it by, what is wrong."""

    kind: str
    text: str
    uid: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything found under a path."""

    path: Path
    items: tuple[Item, ...]
    other_files: tuple[Path, ...] = ()

    @property
    def has_problems(self) -> bool:
        """True when something cannot be used as it is."""
        return any(item.problem for item in self.items)


def inspect_path(path: Path, progress: Progress = silent) -> Inspection:
    """Look into a folder or file without changing anything.

    Raises
    ------
    InputError
        If there is nothing at ``path``.
    """
    require_existing(path)
    if is_volume_file(path):
        return Inspection(path, (_volume(path),))
    contents = scan_folder(path, progress)
    found = tuple(
        Item(finding.kind, finding.text, finding.uid, finding.problem)
        for finding in describe_contents(contents)
    )
    volumes = tuple(_volume(other) for other in contents.not_dicom if is_volume_file(other))
    rest = tuple(other for other in contents.not_dicom if not is_volume_file(other))
    return Inspection(path, (*found, *volumes), rest)


def _volume(path: Path) -> Item:
    if is_tracked_sequence(path):
        return _tracked(path)
    try:
        volume = read_volume_file(path, PLANNING)
    except InputError as error:
        return Item("volume file", path.name, problem=str(error))
    grid = volume.grid
    size = " × ".join(str(n) for n in grid.shape[::-1])
    spacing = " × ".join(f"{value:.4g}" for value in grid.spacing_mm)
    low, high = (
        np.round(corner, 1) + 0.0 for corner in (grid.corners_mm().min(axis=0), grid.corners_mm().max(axis=0))
    )
    return Item(
        "volume file",
        f"{path.name}: {size} voxels of {spacing} mm, from {tuple(low.tolist())} to "
        f"{tuple(high.tolist())} mm LPS, values {volume.values.min():g} to {volume.values.max():g}",
    )


def _tracked(path: Path) -> Item:
    try:
        tracked = read_tracked_frames(path)
    except InputError as error:
        return Item("tracked ultrasound", path.name, problem=str(error))
    count, rows, columns = tracked.frames.pixels.shape
    seen = sum(pose is not None for pose in tracked.tracker_from_probe)
    beside = ", with a reference sensor" if tracked.tracker_from_reference else ""
    lasts = "" if tracked.frames.at_s is None else f" over {np.ptp(tracked.frames.at_s):.1f} s"
    return Item(
        "tracked ultrasound",
        f"{path.name}: {count} images of {columns} × {rows}{lasts}, the probe was seen in {seen} of them"
        f"{beside}; its place in the room needs the probe's calibration",
    )

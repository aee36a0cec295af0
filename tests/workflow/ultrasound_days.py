"""Ultrasound volumes of tissue with known brightness: at simulation, and of a patient who lies elsewhere."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from small_patient import PATIENT

from isoguide.dicom.write_ultrasound import write_ultrasound_volume
from isoguide.geometry.frames import FIXED, PLANNING, PROBE, TRACKER, ULTRASOUND_IMAGE, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_planning
from isoguide.geometry.transforms import RigidTransform, rotation_x, rotation_y, rotation_z
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.volume_files.tracked_sequence import write_tracked_frames

SIMULATED_AT = datetime(2026, 3, 2, 8, 0)
TAKEN_AT = datetime(2026, 3, 9, 9, 30)
HALF_MM = 40.0
VOXEL_MM = 1.25
FACE_MM = 55.0
"""How far the face of the probe is from the isocentre, towards the feet, and how wide it looks."""
HALF_ANGLE_DEG = 35.0


@dataclass(frozen=True)
class Tissue:
    """Brightness about an isocentre: speckle on some organs, the same every day."""

    isocentre_mm: np.ndarray

    def brightness(self, planning_mm: np.ndarray) -> np.ndarray:
        place = planning_mm - self.isocentre_mm
        x, y, z = np.moveaxis(place, -1, 0)
        level = np.full(x.shape, 110.0)
        level[(x / 22.0) ** 2 + (y / 16.0) ** 2 + (z / 18.0) ** 2 < 1.0] = 70.0
        level[(x / 25.0) ** 2 + ((y + 26.0) / 12.0) ** 2 + ((z - 22.0) / 14.0) ** 2 < 1.0] = 4.0
        level[(x - 18.0) ** 2 + (y - 20.0) ** 2 + (z + 12.0) ** 2 < 8.0**2] = 170.0
        level[(x + 20.0) ** 2 + (y - 14.0) ** 2 + (z - 14.0) ** 2 < 6.0**2] = 30.0
        speckle = map_coordinates(_SPECKLE, np.moveaxis(place, -1, 0), order=1, mode="grid-wrap")
        return np.clip(level * (1.0 + 0.35 * speckle), 0.0, 255.0)


def _speckle() -> np.ndarray:
    noise = gaussian_filter(np.random.default_rng(5).standard_normal((96, 96, 96)), 1.3, mode="wrap")
    return (noise / noise.std()).astype(np.float32)


_SPECKLE = _speckle()


def swept(
    tissue: Tissue,
    frame: Frame,
    centre_mm: np.ndarray,
    planning_from_frame: RigidTransform,
    voxel_mm: float = VOXEL_MM,
) -> UltrasoundVolume:
    """Sweep a cone from the feet; behind a stone there is a shadow."""
    count = int(2 * HALF_MM / voxel_mm)
    origin_mm = centre_mm - HALF_MM + voxel_mm / 2.0
    grid = Grid(frame, (count,) * 3, np.full(3, voxel_mm), origin_mm, np.eye(3))
    k, j, i = np.indices(grid.shape)
    planning_mm = planning_from_frame.apply(
        grid.xyz(np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float))
    )
    place = planning_mm - tissue.isocentre_mm
    depth_mm = place[:, 2] + FACE_MM
    aside_mm = np.hypot(place[:, 0], place[:, 1])
    seen = (aside_mm < 12.0 + depth_mm * np.tan(np.deg2rad(HALF_ANGLE_DEG))).reshape(grid.shape)
    stone_mm = np.hypot(place[:, 0] + 24.0, place[:, 1])
    shadowed = ((stone_mm < 5.0) & (place[:, 2] > 0.0)).reshape(grid.shape) & seen
    values = tissue.brightness(planning_mm).reshape(grid.shape)
    values = np.where(shadowed, 3.0, values)
    return UltrasoundVolume(grid, np.where(seen, values, 0.0).astype(np.uint8), seen, shadowed, "test")


def reference_volume(isocentre_mm: np.ndarray, voxel_mm: float = VOXEL_MM) -> UltrasoundVolume:
    """What the simulation saw."""
    there = RigidTransform.identity(PLANNING, PLANNING)
    return swept(Tissue(isocentre_mm), PLANNING, isocentre_mm, there, voxel_mm)


def day_volume(
    isocentre_mm: np.ndarray, displaced: RigidTransform, position: str = "HFS", voxel_mm: float = VOXEL_MM
) -> UltrasoundVolume:
    """What the probe sees of a patient who lies ``displaced`` (FIXED from FIXED) from the plan."""
    fixed_from_tissue = displaced @ fixed_from_planning(position, isocentre_mm)
    return swept(Tissue(isocentre_mm), FIXED, np.zeros(3), fixed_from_tissue.inverse(), voxel_mm)


def moved(x_mm: float = 0.0, y_mm: float = 0.0, z_mm: float = 0.0) -> RigidTransform:
    """A patient who lies this far along the axes of the room."""
    return RigidTransform.translation(FIXED, FIXED, np.array([x_mm, y_mm, z_mm]))


def write_reference(path: Path, isocentre_mm: np.ndarray, frame_uid: str, **changes) -> Path:
    """Write the ultrasound of the simulation; ``changes`` are what the writer is told otherwise."""
    volume = reference_volume(isocentre_mm, changes.pop("voxel_mm", VOXEL_MM))
    said: dict = {"identity": PATIENT, "acquired_at": SIMULATED_AT, "frame_of_reference_uid": frame_uid}
    write_ultrasound_volume(path, volume, **said | changes)
    return path


def write_day(path: Path, isocentre_mm: np.ndarray, displaced: RigidTransform, **changes) -> Path:
    """Write the ultrasound of a day."""
    shape = {name: changes.pop(name) for name in ("position", "voxel_mm") if name in changes}
    said: dict = {"identity": PATIENT, "acquired_at": TAKEN_AT}
    write_ultrasound_volume(path, day_volume(isocentre_mm, displaced, **shape), **said | changes)
    return path


SIZE = (81, 71)
"""Columns and rows of the pictures of a tracked linear array, pixels of 1 mm, 35 mm before the isocentre."""
FACE_PX = (40.0, 3.0)
PROBE_FROM_IMAGE = RigidTransform.from_parts(
    PROBE, ULTRASOUND_IMAGE, rotation_x(90.0) @ rotation_z(20.0), np.array([12.0, -30.0, 55.0])
)
FIXED_FROM_TRACKER = RigidTransform.from_parts(
    FIXED, TRACKER, rotation_z(90.0) @ rotation_y(15.0), np.array([400.0, -1500.0, 900.0])
)


def record(
    folder: Path, isocentre_mm: np.ndarray, displaced: RigidTransform, leave_out: slice = slice(0, 0)
) -> Path:
    """Record transverse images from above, swept towards the head by 1.5 mm each."""
    rng = np.random.default_rng(11)
    columns, rows = np.meshgrid(np.arange(SIZE[0]) - FACE_PX[0], np.arange(SIZE[1]) - FACE_PX[1])
    planning_from_fixed = (displaced @ fixed_from_planning("HFS", isocentre_mm)).inverse()
    # Columns along room x, rows down: the third axis is room y.
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    pixels, poses = [], []
    for y_mm in np.delete(np.arange(-36.0, 36.5, 1.5), leave_out):
        pose = RigidTransform.from_parts(FIXED, ULTRASOUND_IMAGE, axes, np.array([0.0, y_mm, 35.0]))
        places = pose.apply(np.stack([columns, rows, np.zeros_like(columns)], axis=-1))
        clean = Tissue(isocentre_mm).brightness(planning_from_fixed.apply(places))
        grey = np.clip(clean + rng.normal(0.0, 2.0, clean.shape), 1.0, 255.0)
        pixels.append(np.where(rows >= 0.0, grey, 0.0).astype(np.uint8))
        poses.append(FIXED_FROM_TRACKER.inverse() @ (pose @ PROBE_FROM_IMAGE.inverse()))
    at_s = np.arange(len(pixels)) * 0.1
    frames = UltrasoundFrames(np.stack(pixels), at_s, None, "sweep.igs.mha")
    path = folder / "sweep.igs.mha"
    write_tracked_frames(path, TrackedFrames(frames, tuple(poses)))
    return path


def write_probe(folder: Path, **changes) -> Path:
    """Write the probe file of that array, whose tracking system is placed to 0.3 mm."""
    said = {
        "format": "isoguide-probe-1",
        "name": "virtual probe",
        "calibrated_at": "2026-03-01T08:30:00",
        "image": {
            "size": list(SIZE),
            "face_px": list(FACE_PX),
            "pixel_spacing_mm": [1.0, 1.0],
            "fan": {"radius_px": 0.0, "depth_px": 67.0, "half_width_px": 40.0},
        },
        "probe_from_image": PROBE_FROM_IMAGE.matrix.tolist(),
        "covariance": np.diag([0.04] * 3 + [1e-6] * 3).tolist(),
        "delay_s": 0.0,
        "delay_sigma_s": 0.002,
        "place": {
            "to": "fixed",
            "of": "tracker",
            "matrix": FIXED_FROM_TRACKER.matrix.tolist(),
            "covariance": np.diag([0.05] * 3 + [1e-6] * 3).tolist(),
        },
    }
    path = folder / "probe.json"
    path.write_text(json.dumps(said | changes), encoding="utf-8")
    return path

"""A virtual tracked probe whose calibration is known, what it records, and an N-wire phantom."""

import json
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from isoguide.geometry.frames import PROBE, REFERENCE_SENSOR, TRACKER, ULTRASOUND_IMAGE, Frame
from isoguide.geometry.probe_fit import PhantomSightings
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_frames import TrackedFrames, UltrasoundFrames
from isoguide.volume_files.tracked_sequence import write_tracked_frames

SIZE = (112, 96)
"""Columns and rows of the screen."""
FACE_PX = np.array([55.0, 8.0])
HALF_WIDTH_PX, DEPTH_PX = 45.0, 80.0
SPACING_MM = (0.5, 0.45)
PROBE_FROM_IMAGE = RigidTransform.from_parts(
    PROBE, ULTRASOUND_IMAGE, Rotation.from_rotvec([0.3, -1.1, 2.0]).as_matrix(), np.array([15.0, 50.0, -9.0])
)
PHANTOM = Frame("phantom")


def fan() -> np.ndarray:
    """Rectangle of a linear array on its screen, bool [row, column]."""
    x, y = np.meshgrid(np.arange(SIZE[0]) - FACE_PX[0], np.arange(SIZE[1]) - FACE_PX[1])
    return (np.abs(x) <= HALF_WIDTH_PX) & (y >= 0.0) & (y <= DEPTH_PX)


def looking(base, origin_mm, axes=None):
    """Pose of the image in a frame; its axes are those of the frame unless given."""
    axes = np.eye(3) if axes is None else axes
    return RigidTransform.from_parts(base, ULTRASOUND_IMAGE, axes, np.asarray(origin_mm, dtype=float))


def pixel_places(frame_from_image):
    """Where the pixels are, (rows, columns, 3)."""
    columns, rows = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    on_plane = (np.stack([columns, rows], axis=-1) - FACE_PX) * SPACING_MM
    places = np.concatenate([on_plane, np.zeros((*on_plane.shape[:2], 1))], axis=-1)
    return frame_from_image.apply(places)


def picture_of(frame_from_image, brightness, rng):
    """Picture uint8 of what has ``brightness(xyz)``, with speckle wider than high, never twice the same."""
    speckle = ndimage.gaussian_filter1d(rng.normal(0.0, 5.0, SIZE[::-1]), 1.5, axis=1)
    clean = brightness(pixel_places(frame_from_image)) + speckle
    return (np.clip(clean, 1.0, 255.0) * fan()).astype(np.uint8)


def ball(centre_mm, radius_mm=6.0, inside=200.0, outside=60.0):
    """Brightness of a ball."""

    def brightness(xyz):
        return np.where(np.linalg.norm(xyz - np.asarray(centre_mm), axis=-1) < radius_mm, inside, outside)

    return brightness


def recorded(poses, brightness, *, base=REFERENCE_SENSOR, tracker_from_base=None, at_s=None, seed=1):
    """Record images at ``poses`` (base from image; None: not seen) with the reference sensor as base."""
    rng = np.random.default_rng(seed)
    base_from = tracker_from_base or RigidTransform.from_parts(
        TRACKER, base, Rotation.from_rotvec([0.2, 0.5, -0.4]).as_matrix(), np.array([100.0, -40.0, 900.0])
    )
    image_from_probe = PROBE_FROM_IMAGE.inverse()
    pixels, probes = [], []
    for pose in poses:
        pixels.append(picture_of(pose or looking(base, (0, 0, 0)), brightness, rng))
        probes.append(None if pose is None else base_from @ (pose @ image_from_probe))
    times = np.arange(len(poses)) * 0.05 if at_s is None else np.asarray(at_s)
    frames = UltrasoundFrames(np.stack(pixels), times, None, "sweep.igs.mha")
    references = tuple(base_from for _ in poses) if base == REFERENCE_SENSOR else ()
    return TrackedFrames(frames, tuple(probes), references)


def straight_sweep(base=REFERENCE_SENSOR, count=41, step_mm=1.0, origin_mm=(0.0, 0.0, -20.0)):
    """Poses of a probe that is moved along its elevation, z."""
    return [looking(base, np.asarray(origin_mm) + [0.0, 0.0, n * step_mm]) for n in range(count)]


def n_wires():
    """Three layers of N between plates 40 mm apart: names, points (9, 3), unit vectors (9, 3)."""
    names, starts, ways = [], [], []
    for layer in range(3):
        y = 10.0 * layer
        across = (5.0, 25.0) if layer % 2 == 0 else (25.0, 5.0)
        for kind, front, back in (("left", 0.0, 0.0), ("slanted", *across), ("right", 30.0, 30.0)):
            start, stop = np.array([front, y, 0.0]), np.array([back, y, 40.0])
            names.append(f"{kind} {layer + 1}")
            starts.append(start)
            ways.append((stop - start) / np.linalg.norm(stop - start))
    return tuple(names), np.array(starts), np.array(ways)


@dataclass
class Noise:
    """Standard deviations: marks in pixels, tracker in mm and degrees."""

    mark_px: float = 0.0
    track_mm: float = 0.0
    track_deg: float = 0.0


def looks_at_phantom(rng, images=30, spread_deg=25.0):
    """Poses (phantom from image) that see all wires."""
    poses = []
    for _ in range(images):
        turn = Rotation.from_rotvec(np.deg2rad(rng.uniform(-spread_deg, spread_deg, 3)))
        place = np.array([15.0, -8.0, 20.0]) + rng.uniform(-1.0, 1.0, 3) * [3.0, 3.0, 8.0]
        poses.append(looking(PHANTOM, place, turn.as_matrix()))
    return poses


def crossing_px(pose, start, way):
    """Where a wire (or a point, way 0) appears in the image, (column, row)."""
    normal = pose.rotation[:, 2]
    at = start
    if way.any():
        at = start + ((pose.translation_mm - start) @ normal) / (way @ normal) * way
    return pose.inverse().apply(at)[:2] / SPACING_MM + FACE_PX


def sightings(seed=0, *, noise=None, images=30, spread_deg=25.0):
    """What is marked of the phantom in images from all round."""
    rng, noise = np.random.default_rng(seed), noise or Noise()
    names, starts, ways = n_wires()
    pixels, image, target, poses = [], [], [], []
    for number, pose in enumerate(looks_at_phantom(rng, images, spread_deg)):
        for wire, (start, way) in enumerate(zip(starts, ways, strict=True)):
            pixels.append(crossing_px(pose, start, way) + rng.normal(0.0, noise.mark_px, 2))
            image.append(number)
            target.append(wire)
        poses.append(mistracked(pose @ PROBE_FROM_IMAGE.inverse(), rng, noise))
    return PhantomSightings(
        np.array(pixels), np.array(image), np.array(target), tuple(poses), starts, ways, names
    )


def mistracked(pose, rng, noise):
    """The pose with the error of a tracker."""
    turn = Rotation.from_rotvec(np.deg2rad(rng.normal(0.0, noise.track_deg, 3))).as_matrix()
    place = pose.translation_mm + rng.normal(0.0, noise.track_mm, 3)
    return RigidTransform.from_parts(pose.to_frame, pose.from_frame, turn @ pose.rotation, place)


def probe_document(place=None, **changes):
    """What a probe file of this probe says."""
    said = {
        "format": "isoguide-probe-1",
        "name": "virtual probe, 36 mm deep",
        "calibrated_at": "2026-03-01T08:30:00",
        "image": {
            "size": list(SIZE),
            "face_px": FACE_PX.tolist(),
            "pixel_spacing_mm": list(SPACING_MM),
            "fan": {"radius_px": 0.0, "depth_px": DEPTH_PX, "half_width_px": HALF_WIDTH_PX},
        },
        "probe_from_image": PROBE_FROM_IMAGE.matrix.tolist(),
        "covariance": np.diag([0.04] * 3 + [1e-5] * 3).tolist(),
        "rms_mm": 0.3,
        "points": 200,
        "delay_s": 0.0,
        "delay_sigma_s": 0.002,
    }
    if place is not None:
        said["place"] = place
    return said | changes


def place_section(pose, to="fixed", of="reference"):
    """What a probe file says of its tracking system's place."""
    return {
        "to": to,
        "of": of,
        "matrix": pose.matrix.tolist(),
        "covariance": np.diag([0.01] * 3 + [1e-6] * 3).tolist(),
    }


def write_probe(folder, **options):
    """Write the probe file; return its path."""
    path = folder / "probe.json"
    path.write_text(json.dumps(probe_document(**options)))
    return path


REFERENCE_FROM_PHANTOM = RigidTransform.from_parts(
    REFERENCE_SENSOR,
    PHANTOM,
    Rotation.from_rotvec([0.4, -0.2, 1.0]).as_matrix(),
    np.array([30.0, -60.0, 12.0]),
)


def grey(xyz):
    """Brightness of something even."""
    return np.full(xyz.shape[:-1], 70.0)


def recorded_phantom(folder, noise):
    """A recording of the N-wires, and where they were marked: (recording, sightings document)."""
    rng = np.random.default_rng(4)
    names, starts, ways = n_wires()
    phantom_poses = looks_at_phantom(rng, images=24)
    poses = [
        RigidTransform(REFERENCE_SENSOR, pose.from_frame, REFERENCE_FROM_PHANTOM.matrix @ pose.matrix)
        for pose in phantom_poses
    ]
    noisy = [mistracked(pose, rng, noise) for pose in poses]
    tracked = recorded(noisy, grey)
    recording = folder / "phantom.igs.mha"
    write_tracked_frames(recording, tracked)
    said = {
        "format": "isoguide-sightings-1",
        "reference_from_phantom": REFERENCE_FROM_PHANTOM.matrix.tolist(),
        "targets": [
            {"name": name, "from_mm": start.tolist(), "to_mm": (start + 40.0 * way).tolist()}
            for name, start, way in zip(names, starts, ways, strict=True)
        ],
        "sightings": [
            {
                "at_s": float(tracked.frames.at_s[number]),
                "target": name,
                "pixel": (crossing_px(pose, start, way) + rng.normal(0.0, 0.5, 2)).tolist(),
            }
            for number, pose in enumerate(phantom_poses)
            for name, start, way in zip(names, starts, ways, strict=True)
            if fan()[tuple(np.rint(crossing_px(pose, start, way)).astype(int)[::-1])]
        ],
    }
    return recording, said

"""Curved ultrasound transducers, and how they are put on the skin."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PLANNING, ULTRASOUND_IMAGE, Array, frozen_array
from isoguide.geometry.transforms import RigidTransform
from isoguide.virtual.acoustics import OUTSIDE, AcousticTissue
from isoguide.virtual.setting_limits import require

SPEED_MM_US: Final = 1.54
"""Speed of sound that every scanner assumes for soft tissue, mm per microsecond."""
MARCH_MM: Final = 0.25


@dataclass(frozen=True, slots=True)
class UltrasoundProbe:
    """A curved array and how its images are made.

    Parameters
    ----------
    frequency_mhz
        Centre of the pulse.
    radius_mm, fan_deg
        Curvature of the face and the angle that its lines span.
    depth_mm
        How deep the image goes.
    aperture_mm
        Width of the active part of the array: deeper than twice this the beam gets wider.
    slice_mm
        Thickness of the image, full width at half maximum.
    lines
        Number of scan lines that are simulated.
    dynamic_range_db
        Range of echoes that 0 to 255 span.
    noise_db
        Noise of the receiver against the speckle of liver at the face; depth gain amplifies it.
    pixel_mm
        Of the image.
    path_step
        What sound meets on its way is looked up for every so-many-th line and holds for its neighbours;
        speckle is for each.

    Raises
    ------
    InputError
        If a value is impossible; the message names it.
    """

    frequency_mhz: float = 3.5
    radius_mm: float = 60.0
    fan_deg: float = 66.0
    depth_mm: float = 150.0
    aperture_mm: float = 22.0
    slice_mm: float = 3.5
    lines: int = 512
    dynamic_range_db: float = 60.0
    noise_db: float = -75.0
    pixel_mm: float = 0.4
    path_step: int = 1

    def __post_init__(self) -> None:
        limits = {
            "frequency_mhz": (0.5, 20.0),
            "radius_mm": (5.0, 500.0),
            "fan_deg": (1.0, 170.0),
            "depth_mm": (10.0, 300.0),
            "aperture_mm": (1.0, 100.0),
            "slice_mm": (0.5, 20.0),
            "lines": (16, 2048),
            "dynamic_range_db": (10.0, 120.0),
            "noise_db": (-200.0, 0.0),
            "pixel_mm": (0.05, 5.0),
            "path_step": (1, 16),
        }
        for name, (low, high) in limits.items():
            require(f"{name} of the ultrasound probe", getattr(self, name), low, high)

    @classmethod
    def abdominal(cls) -> Self:
        """Return a curved array for the abdomen: liver, and the prostate through the bladder."""
        return cls()

    @classmethod
    def perineal(cls) -> Self:
        """Return a curved array for the perineum: shorter, higher in frequency."""
        return cls(
            frequency_mhz=5.0, radius_mm=50.0, fan_deg=75.0, depth_mm=110.0, aperture_mm=20.0, slice_mm=3.0
        )

    @property
    def wavelength_mm(self) -> float:
        """Of the pulse's centre in soft tissue."""
        return SPEED_MM_US / self.frequency_mhz

    @property
    def angles_rad(self) -> Array:
        """Angle of every line from the middle of the fan, (lines,)."""
        half_rad = np.deg2rad(self.fan_deg) / 2.0
        return np.linspace(-half_rad, half_rad, self.lines)

    def on_plane_mm(self, angles_rad: Array, depths_mm: Array) -> Array:
        """Return x and y (..., 2) in the image of places on lines at a depth below the face."""
        reach_mm = self.radius_mm + depths_mm
        return np.stack(
            [reach_mm * np.sin(angles_rad), reach_mm * np.cos(angles_rad) - self.radius_mm], axis=-1
        )


def probe_pose(face_mm: Array, depth_direction: Array, lateral_direction: Array) -> RigidTransform:
    """Return the pose ``planning_from_image`` of a probe.

    Parameters
    ----------
    face_mm
        Middle of the transducer's face, (3,) planning LPS.
    depth_direction
        Where the probe looks, (3,), of any length.
    lateral_direction
        Where columns grow, (3,); made orthogonal to where the probe looks.

    Raises
    ------
    GeometryError
        If the two directions are one, or vanish.
    """
    depth = frozen_array(depth_direction, (3,), "the direction of the probe")
    lateral = frozen_array(lateral_direction, (3,), "the lateral direction of the probe")
    across = np.cross(lateral, depth)
    if np.linalg.norm(across) < 1e-6 * max(float(np.linalg.norm(depth) * np.linalg.norm(lateral)), 1e-9):
        msg = (
            f"a probe that looks along {depth.tolist()} needs another lateral direction than "
            f"{lateral.tolist()}"
        )
        raise GeometryError(msg)
    y = depth / np.linalg.norm(depth)
    z = across / np.linalg.norm(across)
    axes = np.column_stack([np.cross(y, z), y, z])
    return RigidTransform.from_parts(
        PLANNING, ULTRASOUND_IMAGE, axes, frozen_array(face_mm, (3,), "the face")
    )


def probe_on_skin(
    tissue: AcousticTissue,
    aim_mm: Array,
    outwards: Array,
    lateral_direction: Array,
    *,
    press_mm: float = 3.0,
) -> RigidTransform:
    """Put a probe on the skin so that it looks at a point.

    Parameters
    ----------
    tissue
        The patient.
    aim_mm
        What the middle line of the image goes through, (3,) planning LPS.
    outwards
        Direction (3,) from there to where the probe is put on.
    lateral_direction
        As in :func:`probe_pose`.
    press_mm
        How far the middle of the face is below the undisturbed skin. The tissue is not deformed.

    Raises
    ------
    InputError
        If the pressure is impossible.
    GeometryError
        If the point is outside the body, or the image of the patient ends before his skin.
    """
    require("press_mm of the ultrasound probe", press_mm, 0.0, 50.0)
    out = frozen_array(outwards, (3,), "the way to the probe")
    out = out / np.linalg.norm(out)
    grid = tissue.grid
    steps_mm = np.arange(0.0, float(np.linalg.norm(grid.extent_mm)), MARCH_MM)
    ray = frozen_array(aim_mm, (3,), "the aim of the probe") + steps_mm[:, None] * out
    ray = ray[np.logical_and.accumulate(grid.contains(ray))]
    index = np.rint(grid.index(ray)).astype(int)
    outside = np.flatnonzero(tissue.materials[index[:, 2], index[:, 1], index[:, 0]] == OUTSIDE)
    if len(ray) == 0 or (len(outside) and outside[0] == 0):
        x, y, z = aim_mm
        msg = f"the probe's aim ({x:.1f}, {y:.1f}, {z:.1f}) mm lies outside the body; choose a point within"
        raise GeometryError(msg)
    if len(outside) == 0:
        msg = (
            "the image of the patient ends before his skin in the direction of the probe; choose another one"
        )
        raise GeometryError(msg)
    face_mm = ray[outside[0]] - (press_mm + MARCH_MM / 2.0) * out
    return probe_pose(face_mm, -out, lateral_direction)

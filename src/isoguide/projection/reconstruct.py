"""Cone-beam CT from projections: FDK as RTK has it.

L. A. Feldkamp, L. C. Davis, J. W. Kress, J. Opt. Soc. Am. A 1:612 (1984); short scans are weighted after
D. L. Parker, Med. Phys. 9:254 (1982), displaced detectors (half-fan) after G. Wang, Med. Phys. 29:1634 (2002).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import DAILY, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.progress import Progress, silent
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.rtk import (
    prepare_rtk,
    rows_run_against_rtk,
    rtk_filter,
    rtk_geometry,
    rtk_image,
    values_of,
)

OUTSIDE_HU: Final = -1024
"""Value of what the scan did not see; no voxel inside the field of view has it."""
LARGEST_HU: Final = 32767
FULL_TURN_GAP_DEG: Final = 20.0
"""An arc with a larger gap is a short scan; RTK's own threshold."""
DISPLACED_SHARE: Final = 0.1
"""A panel whose middle lies this share of its width off the axis is displaced; RTK's own threshold."""
ARC_TOLERANCE_DEG: Final = 3.0
"""How much a short scan may miss of half a turn and the fan; the Parker weights then lose a little of the edge."""


@dataclass(frozen=True, slots=True)
class ReconstructionSettings:
    """How a cone-beam CT is reconstructed.

    Parameters
    ----------
    voxel_mm
        Along the patient's x, y, z. 1.5 mm in plane and 2.5 mm along the body suit registration.
    size_mm
        Extent along x, y, z about the imaging isocentre; None takes the whole field of view.
    hann_cut
        Where the Hann window of the ramp filter ends, as a share of the Nyquist frequency; 0 is no window.
    truncation_correction
        How far, as a share of the width of the detector, projections that cut the body are continued (RTK's
        heuristic of Ohnesorge et al., Med. Phys. 27:39, 2000); 0 leaves bright rims.

    Raises
    ------
    InputError
        If a value is out of range.
    """

    voxel_mm: tuple[float, float, float] = (1.5, 1.5, 2.5)
    size_mm: tuple[float, float, float] | None = None
    hann_cut: float = 0.9
    truncation_correction: float = 0.2

    def __post_init__(self) -> None:
        if not 0.1 <= min(self.voxel_mm) <= max(self.voxel_mm) <= 20.0:
            msg = f"voxels must be 0.1 to 20 mm, not {self.voxel_mm}"
            raise InputError(msg)
        if self.size_mm is not None and not 1.0 <= min(self.size_mm) <= max(self.size_mm) <= 2000.0:
            msg = f"an image must be 1 to 2000 mm wide, not {self.size_mm}"
            raise InputError(msg)
        if not 0.0 <= self.hann_cut <= 1.0 or not 0.0 <= self.truncation_correction <= 1.0:
            msg = "the Hann window and the truncation correction must be 0 to 1"
            raise InputError(msg)


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """What a circular scan sees: a cylinder about the FIXED y axis with cone-shaped ends.

    Parameters
    ----------
    radius_mm
        Of the cylinder that every view sees (full fan), or views from both sides together (half fan).
    low_slope, high_slope
        Edges of the detector along y, per mm of distance from the source.
    sad_mm
        Distance of the source from the axis.
    """

    radius_mm: float
    low_slope: float
    high_slope: float
    sad_mm: float

    def contains(self, xyz_mm: Array) -> NDArray[np.bool_]:
        """Tell which points (..., 3) in FIXED are seen."""
        radius = np.hypot(xyz_mm[..., 0], xyz_mm[..., 2])
        nearest = self.sad_mm - radius
        y = xyz_mm[..., 1]
        seen = (radius <= self.radius_mm) & (y >= self.low_slope * nearest) & (y <= self.high_slope * nearest)
        return np.asarray(seen)


def reconstruct(
    projections: ProjectionSet,
    patient_position: str,
    settings: ReconstructionSettings | None = None,
    *,
    progress: Progress = silent,
) -> Volume:
    """Reconstruct the day's image.

    Parameters
    ----------
    projections
        With their geometry in FIXED.
    patient_position
        How the patient lies: decides which way the axes of the image run.
    settings
        Voxels, filter.
    progress
        Told before each step.

    Returns
    -------
    Volume
        int16 in the frame DAILY, whose origin is the imaging isocentre: the machine isocentre is (0, 0, 0). Water
        is near 0 and air near -1000, but scatter and beam hardening shift values, so that they are no Hounsfield
        units (``is_hounsfield`` False). What the scan did not see is -1024.

    Raises
    ------
    GeometryError
        If the arc is too short, the position unknown, or the field of view empty.
    MissingEvidenceError
        If RTK is not installed.
    """
    chosen = settings or ReconstructionSettings()
    fixed_from_image = fixed_from_daily(patient_position, np.zeros(3))
    field = field_of_view(projections.views)
    check_arc(projections.views)
    grid = _grid(chosen, field, fixed_from_image)
    progress(0.0, "loading the reconstruction toolkit")
    prepare_rtk()
    progress(0.1, "reconstructing the cone-beam CT")
    per_mm = _fdk(projections, grid, fixed_from_image, chosen)
    progress(0.9, "scaling the cone-beam CT")
    grey = np.rint(per_mm * np.float32(1000.0 / projections.water_attenuation_per_mm) - np.float32(1000.0))
    values = np.clip(grey, OUTSIDE_HU + 1, LARGEST_HU).astype(np.int16)
    values[~_seen(grid, field, fixed_from_image)] = OUTSIDE_HU
    return Volume(grid, values, is_hounsfield=False, source=projections.source or "cone-beam CT")


def _fdk(
    projections: ProjectionSet, grid: Grid, fixed_from_image: RigidTransform, settings: ReconstructionSettings
) -> NDArray[np.float32]:
    """Run RTK; returns attenuation per mm [k, j, i]."""
    view = projections.views[0]
    values = projections.values[:, ::-1] if rows_run_against_rtk(view) else projections.values
    spacing_mm = np.array([*view.pixel_spacing_mm, 1.0])
    origin_mm = np.array([*(-(np.array(view.size) - 1.0) / 2.0 * view.pixel_spacing_mm), 0.0])
    # RTK may work in place, so it gets a copy.
    stack = rtk_image(values.copy(), spacing_mm, origin_mm)
    empty = rtk_image(
        np.zeros(grid.shape, dtype=np.float32),
        grid.spacing_mm,
        fixed_from_image.apply(grid.origin_mm),
        fixed_from_image.rotation,
    )
    geometry = rtk_geometry(projections.views)
    displaced = rtk_filter("rtkDisplacedDetectorImageFilter")
    displaced.SetGeometry(geometry)
    displaced.SetInput(stack)
    parker = rtk_filter("rtkParkerShortScanImageFilter")
    parker.SetGeometry(geometry)
    parker.SetInput(displaced.GetOutput())
    fdk = rtk_filter("rtkFDKConeBeamReconstructionFilter")
    fdk.SetGeometry(geometry)
    fdk.SetInput(0, empty)
    fdk.SetInput(1, parker.GetOutput())
    fdk.GetRampFilter().SetHannCutFrequency(settings.hann_cut)
    fdk.GetRampFilter().SetTruncationCorrection(settings.truncation_correction)
    try:
        fdk.Update()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        msg = f"RTK could not reconstruct {projections.source or 'the scan'}: {reason}"
        raise InputError(msg) from error
    return values_of(fdk.GetOutput())


def field_of_view(views: Sequence[XrayView]) -> FieldOfView:
    """What a scan sees.

    Raises
    ------
    GeometryError
        If the detector does not see the axis of rotation.
    """
    left, right, low, high, sads = np.array([_edges(view) for view in views]).T
    # The worst view decides what all see.
    narrow, wide = -left.max(), right.min()
    if is_displaced(views):
        reach = max(-left.min(), right.max())
    else:
        reach = min(narrow, wide)
    if min(narrow, wide) <= 0.0 or low.max() >= high.min():
        msg = "the detector does not see the axis of rotation, so that nothing can be reconstructed"
        raise GeometryError(msg)
    sad_mm = float(sads.mean())
    return FieldOfView(float(sad_mm * np.sin(np.arctan(reach))), float(low.max()), float(high.min()), sad_mm)


def is_displaced(views: Sequence[XrayView]) -> bool:
    """Tell whether the panel is shifted sideways, so that each view sees only one side of the body (half fan)."""
    left, right, *_ = np.median([_edges(view) for view in views], axis=0)
    return bool(abs(left + right) > DISPLACED_SHARE * (right - left))


def _edges(view: XrayView) -> tuple[float, float, float, float, float]:
    """Edges of the detector about the axis of rotation, per mm of depth: left, right, low y, high y; and SAD."""
    half_mm = (np.array(view.size) / 2.0) * view.pixel_spacing_mm
    distance_mm = view.source_detector_distance_mm
    radial_mm = float(np.hypot(view.source_mm[0], view.source_mm[2]))
    axis_mm = np.array([0.0, view.source_mm[1], 0.0])
    depth_mm = float(view.normal @ (axis_mm - view.source_mm))
    middle_mm = view.detector_centre_mm - view.source_mm
    across = float(view.row_direction @ middle_mm) / distance_mm
    across -= float(view.row_direction @ (axis_mm - view.source_mm)) / depth_mm
    along = view.detector_centre_mm[1] / distance_mm
    # A rotated panel has rows along y in one of the two directions.
    sideways = half_mm / distance_mm
    return across - sideways[0], across + sideways[0], along - sideways[1], along + sideways[1], radial_mm


def source_angles_deg(views: Sequence[XrayView]) -> Array:
    """Where the sources stand on the gantry circle, 0° above and 90° at +X, (n,), in [0°, 360°)."""
    sources = np.array([view.source_mm for view in views])
    return np.asarray(np.rad2deg(np.arctan2(sources[:, 0], sources[:, 2])) % 360.0)


def check_arc(views: Sequence[XrayView]) -> None:
    """Refuse scans whose arc does not determine the image.

    Raises
    ------
    GeometryError
        If a full fan covers less than half a turn and the fan angle, or a half fan less than a full turn.
    """
    angles = np.sort(source_angles_deg(views))
    gap_deg = float(np.diff(np.append(angles, angles[0] + 360.0)).max())
    if gap_deg <= FULL_TURN_GAP_DEG:
        return
    arc_deg = 360.0 - gap_deg
    if is_displaced(views):
        needed_deg = 360.0 - FULL_TURN_GAP_DEG
    else:
        left, right, *_ = _edges(views[0])
        needed_deg = 180.0 + float(np.rad2deg(np.arctan(right) - np.arctan(left))) - ARC_TOLERANCE_DEG
    if arc_deg < needed_deg:
        kind = "a displaced detector" if is_displaced(views) else "this fan"
        msg = f"the projections cover an arc of {arc_deg:.0f}°, but {kind} needs {needed_deg:.0f}°: scan further"
        raise GeometryError(msg)


def _grid(settings: ReconstructionSettings, field: FieldOfView, fixed_from_image: RigidTransform) -> Grid:
    """Lay the image about the imaging isocentre."""
    if settings.size_mm is None:
        high_mm = field.high_slope * field.sad_mm
        low_mm = field.low_slope * field.sad_mm
        # The FIXED y axis is the patient's z in every lying position.
        low, high = np.array([-field.radius_mm, low_mm, -field.radius_mm]), np.array(
            [field.radius_mm, high_mm, field.radius_mm]
        )
        ends = np.stack([low, high]) @ fixed_from_image.rotation
        low_mm_xyz, high_mm_xyz = ends.min(axis=0), ends.max(axis=0)
    else:
        high_mm_xyz = np.array(settings.size_mm) / 2.0
        low_mm_xyz = -high_mm_xyz
    voxel = np.array(settings.voxel_mm)
    counts = np.maximum(np.floor((high_mm_xyz - low_mm_xyz) / voxel + 1e-6).astype(int), 1)
    middle = (low_mm_xyz + high_mm_xyz) / 2.0
    # DICOM writes positions as text: three decimals survive it.
    origin = np.round(middle - (counts - 1) / 2.0 * voxel, 3)
    return Grid(DAILY, (int(counts[2]), int(counts[1]), int(counts[0])), voxel, origin, np.eye(3))


def _seen(grid: Grid, field: FieldOfView, fixed_from_image: RigidTransform) -> NDArray[np.bool_]:
    seen = np.empty(grid.shape, dtype=bool)
    j, i = np.meshgrid(np.arange(grid.shape[1]), np.arange(grid.shape[2]), indexing="ij")
    for k in range(grid.shape[0]):
        ijk = np.stack([i, j, np.full_like(i, k)], axis=-1)
        seen[k] = field.contains(fixed_from_image.apply(grid.xyz(ijk)))
    return seen

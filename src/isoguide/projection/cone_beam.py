"""A cone-beam scan: where source and panel stand for each projection, and what a moving patient projects.

Distances and panel are those of a gantry-mounted kV imager (SAD 1000 mm, SID 1500 mm, panel 397 mm × 298 mm:
K. Srinivasan, M. Mohammadi, J. Shepherd, Rep. Pract. Oncol. Radiother. 19:195, 2014). Pixels are binned and
projections thinned out against a clinical scan so that a scan costs seconds; all of it is a setting.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError, InputError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.volume import Volume
from isoguide.progress import Progress, part_of, silent
from isoguide.projection.detector import measure
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.projection.materials import water_and_bone
from isoguide.projection.project import project_volumes
from isoguide.projection.projection_set import ProjectionSet
from isoguide.projection.reconstruct import ReconstructionSettings

AnatomyAt = Callable[[float], tuple[Volume, RigidTransform]]
"""The anatomy at a second of the scan: a CT in Hounsfield units and ``fixed_from_volume``."""


@dataclass(frozen=True, slots=True)
class ConeBeamScan:
    """How a cone-beam CT is acquired.

    Parameters
    ----------
    name
        What the protocol is called.
    start_deg, arc_deg
        Where the source starts on the gantry circle (0° above, 90° at +X) and how far it turns, clockwise
        seen by an observer who faces the gantry; a negative arc turns the other way.
    count
        Projections, evenly over the arc, each in the middle of its share.
    duration_s
        Of the whole arc.
    kilovoltage
        Of the tube.
    sad_mm, sid_mm
        Source to axis and source to panel.
    size
        Columns and rows of the panel.
    pixel_spacing_mm
        Between columns and between rows, at the panel.
    panel_offset_mm
        Shift of the panel along its rows: 0 is full fan, about 150 mm half fan.
    reconstruction
        How an image is made of it unless the caller says otherwise.

    Raises
    ------
    InputError
        If a count, duration or arc is impossible.
    """

    name: str
    start_deg: float = 0.0
    arc_deg: float = 360.0
    count: int = 240
    duration_s: float = 60.0
    kilovoltage: float = 125.0
    sad_mm: float = 1000.0
    sid_mm: float = 1500.0
    size: tuple[int, int] = (199, 96)
    pixel_spacing_mm: tuple[float, float] = (2.0, 3.1)
    panel_offset_mm: float = 0.0
    reconstruction: ReconstructionSettings = field(default_factory=ReconstructionSettings)

    def __post_init__(self) -> None:
        if self.count < 1 or not self.duration_s > 0.0 or not 0.0 < abs(self.arc_deg) <= 360.0:
            msg = (
                f"a scan needs projections, a duration and an arc of at most 360°, not {self.count} "
                f"projections in {self.duration_s:g} s over {self.arc_deg:g}°"
            )
            raise InputError(msg)

    @property
    def source_deg(self) -> Array:
        """Position of the source on the gantry circle for each projection, (count,), degrees."""
        return self.start_deg + self.arc_deg * (np.arange(self.count) + 0.5) / self.count

    @property
    def seconds(self) -> Array:
        """When each projection is exposed, (count,), from the start of the scan."""
        return self.duration_s * (np.arange(self.count) + 0.5) / self.count

    def views(self) -> tuple[XrayView, ...]:
        """Return the nominal geometry of each projection in FIXED."""
        return tuple(
            gantry_view(
                float(angle),
                sad_mm=self.sad_mm,
                sid_mm=self.sid_mm,
                size=self.size,
                pixel_spacing_mm=self.pixel_spacing_mm,
                panel_offset_mm=(self.panel_offset_mm, 0.0),
            )
            for angle in self.source_deg
        )


HEAD: Final = ConeBeamScan(
    "head",
    start_deg=80.0,
    arc_deg=200.0,
    count=180,
    duration_s=33.0,
    kilovoltage=100.0,
    reconstruction=ReconstructionSettings(voxel_mm=(1.25, 1.25, 2.0), size_mm=(240.0, 240.0, 160.0)),
)
"""Full fan, 200°, behind the head (the face is spared): 260 mm field of view."""
THORAX: Final = ConeBeamScan(
    "thorax",
    panel_offset_mm=148.0,
    reconstruction=ReconstructionSettings(voxel_mm=(1.6, 1.6, 2.5), size_mm=(380.0, 300.0, 140.0)),
)
"""Half fan, full turn, slow enough for several breaths: 450 mm field of view, of which the middle is made."""
PELVIS: Final = replace(THORAX, name="pelvis")
"""Half fan, full turn."""
PRESETS: Final = {scan.name: scan for scan in (HEAD, THORAX, PELVIS)}


def acquire_projections(
    anatomy_at: AnatomyAt,
    scan: ConeBeamScan,
    physics: ImagingPhysics,
    rng: np.random.Generator,
    *,
    true_views: Sequence[XrayView] | None = None,
    progress: Progress = silent,
) -> ProjectionSet:
    """Expose one scan of a patient who may move.

    Parameters
    ----------
    anatomy_at
        The anatomy of each exposure. Return the same volume object whenever the anatomy is the same (one per
        breathing bin): each is decomposed into materials and projected once.
    scan
        The protocol.
    physics
        Scatter, noise, detector and their corrections.
    rng
        Where noise is drawn from.
    true_views
        Where source and panel really were, in FIXED (isocentre offset, sag); nominal unless given. The result
        carries the nominal views: this difference is an error of the image.
    progress
        Told after each volume.

    Raises
    ------
    GeometryError
        If the true views are not as many, or of another frame or detector.
    """
    views = scan.views()
    exposed = _checked(views if true_views is None else tuple(true_views), views)
    thickness_mm = _material_thickness(anatomy_at, exposed, scan.seconds, part_of(progress, 0.0, 0.8))
    progress(0.8, "measuring the projections")
    values, water_per_mm = measure(thickness_mm, views[0], scan.kilovoltage, physics, rng)
    return ProjectionSet(values, views, scan.seconds, water_per_mm, f"{scan.name} cone-beam scan")


def _checked(exposed: tuple[XrayView, ...], views: tuple[XrayView, ...]) -> tuple[XrayView, ...]:
    if len(exposed) != len(views) or any(
        (true.frame, true.size, true.pixel_spacing_mm) != (FIXED, view.size, view.pixel_spacing_mm)
        for true, view in zip(exposed, views, strict=False)
    ):
        msg = f"the true views must be {len(views)} views in '{FIXED}' with the detector of the scan"
        raise GeometryError(msg)
    return exposed


def _material_thickness(
    anatomy_at: AnatomyAt, views: tuple[XrayView, ...], seconds: Array, progress: Progress
) -> NDArray[np.float32]:
    """Thickness of water and of bone in mm along each ray, (2, views, rows, columns)."""
    volumes: dict[int, Volume] = {}
    members: dict[int, list[tuple[int, XrayView]]] = {}
    for number, (view, second) in enumerate(zip(views, seconds, strict=True)):
        volume, fixed_from_volume = anatomy_at(float(second))
        volumes[id(volume)] = volume
        seen = view.in_frame(fixed_from_volume.inverse())
        members.setdefault(id(volume), []).append((number, seen))
    columns, rows = views[0].size
    thickness_mm = np.empty((2, len(views), rows, columns), dtype=np.float32)
    for done, (key, volume) in enumerate(volumes.items()):
        progress(done / len(volumes), "projecting the patient")
        materials = water_and_bone(volume)
        numbers, seen_views = zip(*members[key], strict=True)
        thickness_mm[:, list(numbers)] = project_volumes(materials.fractions, materials.grid, seen_views)
    return thickness_mm

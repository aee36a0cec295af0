"""What all pictures of a dose share: planes of the planning CT, an image in them, a dose, outlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from isoguide.dose.result import DoseVolume
from isoguide.errors import GeometryError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.workflow.assess.scene import OUTLINED, PIXELS
from isoguide.workflow.dose.day import DayDose, DoseOrder, PlannedDose
from isoguide.workflow.outlines import CroppedMask, half_level_lines, outlines
from isoguide.workflow.pictures import Window, daily_window, planning_window
from isoguide.workflow.planes import (
    Pixels,
    Plane,
    field_of_view_mm,
    plane_indices,
    planes_through,
    sample,
    sample_daily,
)
from isoguide.workflow.structure_colours import TARGET, kinds_of

CLOSER: Final = 1.25
"""Pictures show so much less than the whole patient: what counts lies about the target."""


@dataclass(frozen=True, slots=True, eq=False)
class OutlinedStructure:
    """A structure as pictures draw it; ``kind`` is its class of colour."""

    cropped: CroppedMask
    kind: str

    @property
    def name(self) -> str:
        """ROIName."""
        return self.cropped.structure.name


@dataclass(frozen=True, eq=False)
class DoseScene:
    """A dose of one fraction over an image, cut in planes of the planning CT.

    Parameters
    ----------
    image, dose
        In one frame.
    planes
        Axial, coronal, sagittal; the same for the plan and for a day, so that both can be compared.
    shown
        Structures in the frame of the image, the target first.
    planning_from_image
        Puts an image of the day where the patient was treated; None for the planning CT.
    window
        Grey values of the image that are black and white; chosen by what the planes show when None.

    Raises
    ------
    GeometryError
        If image and dose are in different frames, or nothing says where the image lies in the planning frame.
    """

    image: Volume
    dose: DoseVolume
    planes: tuple[Plane, Plane, Plane]
    shown: tuple[OutlinedStructure, ...]
    planning_from_image: RigidTransform | None = None
    window: Window | None = None

    def __post_init__(self) -> None:
        frame, placed = self.image.grid.frame, self.planning_from_image
        if self.dose.grid.frame != frame:
            msg = f"the dose is in '{self.dose.grid.frame}', the image in '{frame}': draw it on its own image"
            raise GeometryError(msg)
        wanted = (PLANNING, frame)
        known = wanted if placed is None and frame == PLANNING else None
        if placed is not None:
            known = (placed.to_frame, placed.from_frame)
        if known != wanted:
            msg = f"a dose in '{frame}' is drawn in planes of '{PLANNING}': say how the one lies in the other"
            raise GeometryError(msg)

    @cached_property
    def pixels(self) -> list[Pixels]:
        """The image in the planes."""
        if self.planning_from_image is None:
            return [sample(self.image, plane) for plane in self.planes]
        return [sample_daily(self.image, self.planning_from_image, plane) for plane in self.planes]

    @cached_property
    def dose_gy(self) -> list[Pixels]:
        """The dose in the planes, NaN beyond its grid."""
        return [dose_in_plane(self.dose, plane, self.planning_from_image) for plane in self.planes]

    @cached_property
    def grey(self) -> list[Pixels]:
        """The image in the planes, 0 to 1."""
        window = self.window or planning_window(self.pixels, is_hounsfield=self.image.is_hounsfield)
        return [window.grey(pixels) for pixels in self.pixels]

    def lines(self, number: int, structure: OutlinedStructure) -> list[Array]:
        """Where a structure meets a plane: closed lines (n, 2), picture coordinates."""
        plane, placed, mask = self.planes[number], self.planning_from_image, structure.cropped.mask
        if placed is None:
            return outlines(structure.cropped, plane)
        if mask is None:
            return []
        return half_level_lines(np.nan_to_num(_in_plane(mask.grid, mask.values, plane, placed)))


def dose_planes(planning: Volume, centre_mm: Array, *, pixels: int = PIXELS) -> tuple[Plane, Plane, Plane]:
    """Lay the three planes of all pictures of a dose through a point (3,) of the planning CT."""
    field_mm = field_of_view_mm(planning, centre_mm, planning.grid.extent_mm) / CLOSER
    return planes_through(centre_mm, field_mm=field_mm, pixels=pixels)


def outlined_structures(
    structures: Sequence[Structure], kinds: Mapping[str, str], image: Volume
) -> tuple[OutlinedStructure, ...]:
    """Outline the target and the first organs in their colours; what the image does not hold has no line.

    ``kinds`` gives the class of colour of each structure of the plan, such as :func:`order_kinds`.
    """
    shown = sorted(structures, key=lambda one: kinds[one.name] != TARGET)[:OUTLINED]
    return tuple(OutlinedStructure(CroppedMask.of(one, image.grid), kinds[one.name]) for one in shown)


def order_kinds(order: DoseOrder) -> dict[str, str]:
    """Return the class of colour of each structure, the same on every picture and chart of a dose."""
    return kinds_of((one.name for one in order.structures), order.target_name)


def dose_in_plane(dose: DoseVolume, plane: Plane, planning_from_dose: RigidTransform | None = None) -> Pixels:
    """Cut a plane of the planning frame out of a dose: Gy, trilinear, float32, NaN beyond its grid."""
    return _in_plane(dose.grid, dose.dose_gy, plane, planning_from_dose)


def _in_plane(
    grid: Grid, values: NDArray[Any], plane: Plane, planning_from_grid: RigidTransform | None
) -> Pixels:
    back = None if planning_from_grid is None else planning_from_grid.inverse()
    index = plane_indices(grid, plane, back)
    last = np.array(grid.shape, dtype=np.float64)[:, np.newaxis, np.newaxis] - 1.0
    cut: Pixels = map_coordinates(values, index, np.float32, order=1, mode="nearest")
    cut[((index < -0.5) | (index > last + 0.5)).any(axis=0)] = np.nan
    return cut


def day_scene(
    planned: PlannedDose,
    day: DayDose,
    image: Volume,
    planning_from_daily: RigidTransform,
    *,
    centre_mm: Array,
    pixels: int = PIXELS,
) -> DoseScene:
    """Lay out the dose of a day over its image, in the planes of the plan's pictures and like them in grey.

    Parameters
    ----------
    planned, day
        The dose as planned, and as treated.
    image
        Of the day.
    planning_from_daily
        Where the patient was treated.
    centre_mm
        Middle of the pictures, (3,) planning LPS.
    pixels
        Rows and columns.

    Raises
    ------
    MissingEvidenceError
        If there is no dose of the day.
    """
    if day.dose is None:
        msg = f"there is no dose of the day to draw: {'; '.join(day.reasons)}"
        raise MissingEvidenceError(msg)
    planning = planned.order.volume
    scene = DoseScene(
        image,
        day.dose,
        dose_planes(planning, centre_mm, pixels=pixels),
        outlined_structures(day.structures, order_kinds(planned.order), image),
        planning_from_daily,
    )
    shown = [sample(planning, plane) for plane in scene.planes]
    window = planning_window(shown, is_hounsfield=planning.is_hounsfield)
    same_scale = planning.is_hounsfield and image.is_hounsfield
    return replace(scene, window=daily_window(window, shown, scene.pixels, same_scale=same_scale))

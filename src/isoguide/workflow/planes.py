"""The three planes through the isocentre that the report shows, cut out of both images."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, map_coordinates

from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.workflow.words import orientation_letter

Pixels = NDArray[np.float32]

BODY_HU: Final = -400.0
"""Between lung and soft tissue: what is brighter counts as patient when the field of view is chosen."""
SMALLEST_FIELD_MM: Final = 160.0
LARGEST_FIELD_MM: Final = 420.0
_SCOUT_PIXELS: Final = 96
_SOLID_PIXELS: Final = 3

_AXES: Final = {
    # Anatomical convention whatever the patient position: axial from the feet, coronal from the front,
    # sagittal from the left. (right, down) in LPS.
    "Axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "Coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "Sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
}


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A square picture plane in planning LPS.

    Parameters
    ----------
    name
        Axial, Coronal or Sagittal.
    centre_mm
        What lies in the middle of the picture, (3,): the plan isocentre.
    right, down
        Unit vectors (3,) along increasing picture columns and rows.
    field_mm
        Edge length of the picture.
    pixels
        Number of rows and of columns.
    """

    name: str
    centre_mm: Array
    right: Array
    down: Array
    field_mm: float
    pixels: int

    def __post_init__(self) -> None:
        for name in ("centre_mm", "right", "down"):
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), f"the plane's {name}"))

    @property
    def normal(self) -> Array:
        """Unit vector (3,) into the screen."""
        return np.cross(self.right, self.down)

    @property
    def pixel_mm(self) -> float:
        """Distance of neighbouring pixels."""
        return self.field_mm / self.pixels

    @property
    def letters(self) -> tuple[str, str, str, str]:
        """Orientation letters at the left, right, top and bottom edge."""
        return (
            orientation_letter(-self.right),
            orientation_letter(self.right),
            orientation_letter(-self.down),
            orientation_letter(self.down),
        )

    def picture_xy(self, xyz_mm: Array) -> Array:
        """Picture coordinates (..., 2), in pixels from the upper left corner, of positions (..., 3) mm."""
        offset_mm = np.asarray(xyz_mm, dtype=np.float64) - self.centre_mm
        across = np.stack([offset_mm @ self.right, offset_mm @ self.down], axis=-1)
        return across / self.pixel_mm + self.pixels / 2.0

    def depth_mm(self, xyz_mm: Array) -> Array:
        """Signed distance (...) of positions (..., 3) mm from the plane."""
        depth_mm: Array = (np.asarray(xyz_mm, dtype=np.float64) - self.centre_mm) @ self.normal
        return depth_mm


def planes_through(centre_mm: Array, *, field_mm: float, pixels: int) -> tuple[Plane, Plane, Plane]:
    """Build the axial, coronal and sagittal plane through a point of the planning CT."""
    axial, coronal, sagittal = (
        Plane(name, centre_mm, np.array(right), np.array(down), field_mm, pixels)
        for name, (right, down) in _AXES.items()
    )
    return axial, coronal, sagittal


def field_of_view_mm(planning: Volume, centre_mm: Array, daily_extent_mm: Array) -> float:
    """Choose one edge length for all three pictures.

    It shows the patient around the isocentre and little air, and not much more than the day's image covers,
    whose edge lengths are ``daily_extent_mm`` (3,).
    """
    lowest = BODY_HU if planning.is_hounsfield else float(np.percentile(planning.values[::4, ::8, ::8], 40.0))
    reach_mm = 0.0
    for plane in planes_through(centre_mm, field_mm=LARGEST_FIELD_MM, pixels=_SCOUT_PIXELS):
        pixels = sample(planning, plane)
        rows, columns = np.nonzero(np.nan_to_num(pixels, nan=-np.inf) > lowest)
        if len(rows):
            middle = (_SCOUT_PIXELS - 1) / 2.0
            # A percentile, because a couch top or a stray arm must not shrink the anatomy.
            reach = max(
                np.percentile(np.abs(rows - middle), 97.0), np.percentile(np.abs(columns - middle), 97.0)
            )
            reach_mm = max(reach_mm, float(reach) * plane.pixel_mm)
    wanted_mm = min(2.1 * reach_mm, 1.2 * float(np.max(daily_extent_mm)))
    return float(np.clip(wanted_mm, SMALLEST_FIELD_MM, LARGEST_FIELD_MM))


def sample(volume: Volume, plane: Plane) -> Pixels:
    """Cut a plane out of an image of the planning frame: trilinear, float32, NaN outside the image."""
    return _interpolated(volume, plane_indices(volume.grid, plane))


def sample_daily(daily: Volume, planning_from_daily: RigidTransform, plane: Plane) -> Pixels:
    """Cut a plane of the planning frame out of the day's image as ``planning_from_daily`` places it.

    What a cone-beam scanner filled in around its field of view becomes NaN like everything outside the image.
    """
    indices = plane_indices(daily.grid, plane, planning_from_daily.inverse())
    pixels = _interpolated(daily, indices)
    fill = fill_value(daily)
    if fill is not None:
        last = np.array(daily.grid.shape)[:, np.newaxis, np.newaxis] - 1
        k, j, i = np.clip(np.rint(indices), 0, last).astype(np.intp)
        # Air that was clipped to the same value is speckled; what was filled in is solid.
        pixels[binary_opening(daily.values[k, j, i] == fill, iterations=_SOLID_PIXELS)] = np.nan
    return pixels


def plane_indices(grid: Grid, plane: Plane, grid_from_planning: RigidTransform | None = None) -> Array:
    """Fractional (k, j, i) of every pixel, (3, rows, columns), in a grid of PLANNING unless mapped there."""
    # Three corners span them all.
    middle = (plane.pixels - 1) / 2.0
    first_mm = plane.centre_mm - middle * plane.pixel_mm * (plane.right + plane.down)
    corners_mm = first_mm + plane.pixel_mm * np.array([np.zeros(3), plane.right, plane.down])
    if grid_from_planning is not None:
        corners_mm = grid_from_planning.apply(corners_mm)
    first, right, down = grid.index(corners_mm)[:, ::-1, np.newaxis, np.newaxis]
    steps = np.arange(plane.pixels, dtype=np.float64)
    indices: Array = first + (down - first) * steps[:, np.newaxis] + (right - first) * steps
    return indices


def _interpolated(volume: Volume, indices: Array) -> Pixels:
    last = np.array(volume.grid.shape, dtype=np.float64)[:, np.newaxis, np.newaxis] - 1.0
    outside = ((indices < -0.5) | (indices > last + 0.5)).any(axis=0)
    values: Pixels = map_coordinates(volume.values, indices, np.float32, order=1, mode="nearest")
    values[outside] = np.nan
    return values


def fill_value(volume: Volume) -> float | None:
    """Value that stands for "not imaged" around a cone-beam field of view; None where there is none."""
    corners = volume.values[:: max(1, volume.grid.shape[0] - 1), [0, 0, -1, -1], [0, -1, 0, -1]]
    if volume.is_hounsfield or np.ptp(corners.astype(np.float64)) > 0.0:
        return None
    return float(corners.flat[0])

"""One X-ray image's geometry: a point source and a flat detector, and how a gantry places them.

Sources: DICOM PS3.3 C.8.8.2 (RT Image plane: source and image receptor in the IEC gantry system) and
IEC 61217 (the gantry turns clockwise for an observer who faces it).
"""

from dataclasses import dataclass, replace

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import FIXED, Array, Frame, frozen_array
from isoguide.geometry.iec61217 import fixed_from_xray_image_receptor
from isoguide.geometry.transforms import RigidTransform

UNIT_TOLERANCE = 1e-6
"""Largest deviation of the detector's axes from orthonormal; they are computed, not read from decimals."""

SMALLEST_DISTANCE_MM = 1.0
"""A source closer than this to the plane of the detector sees no image."""


@dataclass(frozen=True, slots=True, eq=False)
class XrayView:
    """A point source and a flat detector with square or rectangular pixels.

    A pixel position is (column, row), counted from 0 at the centre of the first pixel.

    Parameters
    ----------
    frame
        The coordinate system of all positions: FIXED, or a patient frame after :meth:`in_frame`.
    source_mm, detector_centre_mm
        Focal spot and middle of the pixel array, shape (3,).
    row_direction, column_direction
        Orthogonal unit vectors, shape (3,), along which the column index and the row index grow.
    pixel_spacing_mm
        Distance between columns and between rows, on the detector.
    size
        Number of columns and of rows.

    Raises
    ------
    GeometryError
        If the axes are not orthonormal, a size or spacing is not positive, or the source lies in the plane of
        the detector.
    """

    frame: Frame
    source_mm: Array
    detector_centre_mm: Array
    row_direction: Array
    column_direction: Array
    pixel_spacing_mm: tuple[float, float]
    size: tuple[int, int]

    def __post_init__(self) -> None:
        for name in ("source_mm", "detector_centre_mm", "row_direction", "column_direction"):
            what = f"the {name.removesuffix('_mm').replace('_', ' ')} of an X-ray view"
            object.__setattr__(self, name, frozen_array(getattr(self, name), (3,), what))
        axes = np.stack([self.row_direction, self.column_direction])
        if np.abs(axes @ axes.T - np.eye(2)).max() > UNIT_TOLERANCE:
            msg = f"the detector axes {axes.tolist()} are not orthogonal unit vectors"
            raise GeometryError(msg)
        spacing = frozen_array(self.pixel_spacing_mm, (2,), "the pixel spacing of an X-ray view")
        if spacing.min() <= 0.0:
            msg = f"the pixel spacing of an X-ray view must be positive, not {spacing.tolist()} mm"
            raise GeometryError(msg)
        size = tuple(int(n) for n in self.size)
        if len(size) != 2 or min(size) < 1:
            msg = f"an X-ray view needs at least one column and one row, not the size {self.size}"
            raise GeometryError(msg)
        if self.source_detector_distance_mm < SMALLEST_DISTANCE_MM:
            msg = (
                "the source lies in the plane of the detector, so that it sees no image; check the distances"
            )
            raise GeometryError(msg)
        object.__setattr__(self, "pixel_spacing_mm", (float(spacing[0]), float(spacing[1])))
        object.__setattr__(self, "size", size)

    @property
    def normal(self) -> Array:
        """Unit vector from the source perpendicularly to the detector, shape (3,)."""
        normal = np.cross(self.row_direction, self.column_direction)
        towards = float(normal @ (self.detector_centre_mm - self.source_mm))
        return np.asarray(normal if towards >= 0.0 else -normal)

    @property
    def source_detector_distance_mm(self) -> float:
        """Perpendicular distance of the source from the plane of the detector."""
        return float(self.normal @ (self.detector_centre_mm - self.source_mm))

    @property
    def first_pixel_mm(self) -> Array:
        """Centre of the pixel in column 0 and row 0, shape (3,)."""
        columns, rows = self.size
        along_row, along_column = self.pixel_steps_mm
        half = (columns - 1) / 2.0 * along_row + (rows - 1) / 2.0 * along_column
        return np.asarray(self.detector_centre_mm - half)

    @property
    def pixel_steps_mm(self) -> tuple[Array, Array]:
        """Vectors from one pixel to that in the next column and to that in the next row, each (3,)."""
        return (
            self.row_direction * self.pixel_spacing_mm[0],
            self.column_direction * self.pixel_spacing_mm[1],
        )

    @property
    def pixel_from_xyz(self) -> Array:
        """Matrix (3, 4) from (x, y, z, 1) to (column·w, row·w, w); w is the depth in front of the source."""
        normal, first = self.normal, self.first_pixel_mm - self.source_mm
        along_row, along_column = (
            self.row_direction / self.pixel_spacing_mm[0],
            self.column_direction / self.pixel_spacing_mm[1],
        )
        distance_mm = self.source_detector_distance_mm
        rows = np.stack(
            [
                distance_mm * along_row - (along_row @ first) * normal,
                distance_mm * along_column - (along_column @ first) * normal,
                normal,
            ]
        )
        return np.column_stack([rows, -rows @ self.source_mm])

    def project(self, points_mm: Array) -> Array:
        """Return the pixels (n, 2), column and row, where points (n, 3) appear, even beside the detector.

        Raises
        ------
        GeometryError
            If a point lies behind the source or in its plane, where it has no image.
        """
        points = np.asarray(points_mm, dtype=np.float64)
        matrix = self.pixel_from_xyz
        homogeneous = points @ matrix[:, :3].T + matrix[:, 3]
        if not (homogeneous[:, 2] > 0.0).all():
            msg = "a point that does not lie in front of the X-ray source has no image; check the geometry"
            raise GeometryError(msg)
        return np.asarray(homogeneous[:, :2] / homogeneous[:, 2:])

    def pixel_mm(self, pixels: Array) -> Array:
        """Return the positions (n, 3) on the detector of (fractional) pixels (n, 2) column, row."""
        steps = np.stack(self.pixel_steps_mm)
        return np.asarray(np.asarray(pixels, dtype=np.float64) @ steps + self.first_pixel_mm)

    def binned(self, factor: int) -> "XrayView":
        """Return the view whose pixels are squares of ``factor`` × ``factor`` of these.

        Columns and rows that fill no square are left out at the end.

        Raises
        ------
        GeometryError
            If the factor is not positive, or larger than the detector.
        """
        if not 1 <= factor <= min(self.size):
            msg = f"squares of {factor} pixels do not fit a detector of {self.size}: bin by less, at least 1"
            raise GeometryError(msg)
        columns, rows = self.size[0] // factor, self.size[1] // factor
        middle = np.array([factor * columns - 1, factor * rows - 1]) / 2.0
        spacing = (factor * self.pixel_spacing_mm[0], factor * self.pixel_spacing_mm[1])
        return replace(
            self, detector_centre_mm=self.pixel_mm(middle), pixel_spacing_mm=spacing, size=(columns, rows)
        )

    def in_frame(self, to_from: RigidTransform) -> "XrayView":
        """Return the same view in the coordinates of ``to_from.to_frame``.

        Raises
        ------
        GeometryError
            If ``to_from`` does not start from this view's frame.
        """
        if to_from.from_frame != self.frame:
            msg = f"cannot apply '{to_from.to_frame} from {to_from.from_frame}' to a view in '{self.frame}'"
            raise GeometryError(msg)
        return XrayView(
            to_from.to_frame,
            to_from.apply(self.source_mm),
            to_from.apply(self.detector_centre_mm),
            to_from.rotation @ self.row_direction,
            to_from.rotation @ self.column_direction,
            self.pixel_spacing_mm,
            self.size,
        )


def gantry_view(
    source_deg: float,
    *,
    sad_mm: float,
    sid_mm: float,
    size: tuple[int, int],
    pixel_spacing_mm: tuple[float, float],
    panel_offset_mm: tuple[float, float] = (0.0, 0.0),
) -> XrayView:
    """Return the view of a source on a gantry, in FIXED: columns grow along gantry +x, rows along -y.

    Parameters
    ----------
    source_deg
        Where the source is on the IEC gantry circle: 0° above, 90° at +X. The source of a kV arm stands
        beside the treatment head, usually 90° from it.
    sad_mm, sid_mm
        Distance from the source to the isocentre, and perpendicularly to the detector.
    size
        Columns and rows of the detector.
    pixel_spacing_mm
        Between columns and between rows, at the detector.
    panel_offset_mm
        Position of the middle of the detector along x and y of the gantry (half-fan scans shift the panel):
        XRayImageReceptorTranslation (3002,000D).

    Raises
    ------
    GeometryError
        If a distance, size or spacing is not positive.
    """
    if not sad_mm > 0.0 or not sid_mm > 0.0:
        msg = f"the distances from the X-ray source must be positive, not SAD {sad_mm} mm and SID {sid_mm} mm"
        raise GeometryError(msg)
    translation_mm = np.array([*panel_offset_mm, sad_mm - sid_mm])
    receptor = fixed_from_xray_image_receptor(source_deg, translation_mm)
    return XrayView(
        FIXED,
        receptor.rotation @ np.array([0.0, 0.0, sad_mm]),
        receptor.translation_mm,
        receptor.rotation @ np.array([1.0, 0.0, 0.0]),
        receptor.rotation @ np.array([0.0, -1.0, 0.0]),
        pixel_spacing_mm,
        size,
    )

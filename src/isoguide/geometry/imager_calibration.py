"""Where source and detector of an imager are, from the image of a phantom with beads at known places.

A linear start (direct linear transform with normalised coordinates; R. Hartley and A. Zisserman, Multiple
View Geometry in Computer Vision, 2nd ed., algorithm 7.1) is refined by least squares of the distances on the
detector, in the nine numbers that a rigid imager with known pixels has: three of the source, three of the
middle of the detector, three of its orientation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from isoguide.errors import GeometryError
from isoguide.geometry.frames import Array, frozen_array
from isoguide.geometry.projection_matrix import nearest_view
from isoguide.geometry.transforms import rotation_x, rotation_y, rotation_z
from isoguide.geometry.xray_view import XrayView

PARAMETERS: Final = 9
FEWEST_BEADS: Final = 8
"""Six beads give a matrix; two more than these say whether it is right."""

SMALLEST_THICKNESS: Final = 0.1
"""Of the beads' smallest extent to their largest: beads on a plane leave the source undetermined."""

LARGEST_RMS_PX: Final = 0.5
"""Beads are found within a tenth of a pixel: more than half a pixel means wrong beads or a bent phantom."""

LARGEST_POSITION_SD_MM: Final = 10.0
"""A source known less well than 1 % of its usual distance is not determined by these beads."""

SMALLEST_EIGENVALUE: Final = 1e-15
"""Of the normal equations with unit diagonal: below is rounding."""

_ITERATIONS: Final = 60
_DONE: Final = 1e-10
"""The relative gain of a step at which least squares have converged."""


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedView:
    """The view that a phantom's image determines, and how well.

    Parameters
    ----------
    view
        Source and detector.
    residuals_px
        (n, 2): measured less projected position of each bead, column and row.
    covariance
        (9, 9) of source x, y, z and detector middle x, y, z in mm and of the detector's rotations about x, y,
        z of the frame in degrees, scaled by the residuals found.
    """

    view: XrayView
    residuals_px: Array
    covariance: Array

    @property
    def rms_px(self) -> float:
        """Root mean square of the residuals per coordinate, by the degrees of freedom that are left."""
        return float(np.sqrt((self.residuals_px**2).sum() / (self.residuals_px.size - PARAMETERS)))

    @property
    def source_sd_mm(self) -> Array:
        """Standard uncertainty of the source along x, y, z, shape (3,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)[:3]))

    def projection_covariance_px(self, points_mm: Array) -> Array:
        """Covariance (n, 2, 2) in pixels² of where points (n, 3) mm appear."""
        derivatives = _derivatives(self.view, np.asarray(points_mm, dtype=np.float64))
        return np.asarray(derivatives @ self.covariance @ derivatives.transpose(0, 2, 1))


def calibrate_view(points_mm: Array, pixels: Array, detector: XrayView) -> CalibratedView:
    """Find source and detector from beads at known places and where they appear.

    Parameters
    ----------
    points_mm
        Positions (n, 3) of the beads in the frame of ``detector``.
    pixels
        Where each appears, (n, 2): column, row.
    detector
        A view with the detector's frame, pixel spacing and size; where it says it is does not matter.

    Raises
    ------
    GeometryError
        If there are too few beads, they lie on a plane, they do not determine source and detector, or they do
        not fit.
    """
    found = fit_view(points_mm, pixels, detector)
    if found.rms_px > LARGEST_RMS_PX:
        msg = (
            f"the beads are {found.rms_px:.2f} pixels away from where the phantom has them, more than "
            f"{LARGEST_RMS_PX:g}; check the positions in the phantom file"
        )
        raise GeometryError(msg)
    worst_mm = float(np.sqrt(np.diag(found.covariance)[:6].max()))
    if worst_mm > LARGEST_POSITION_SD_MM:
        msg = (
            f"the beads determine source and detector only to {worst_mm:.1f} mm, more than "
            f"{LARGEST_POSITION_SD_MM:g}; use a phantom with beads farther apart in depth"
        )
        raise GeometryError(msg)
    return found


def fit_view(points_mm: Array, pixels: Array, detector: XrayView) -> CalibratedView:
    """Find the view as :func:`calibrate_view` does, however well the beads fit.

    Raises
    ------
    GeometryError
        If there are too few beads or they lie on a plane.
    """
    points = frozen_array(points_mm, (-1, 3), "the beads")
    seen = frozen_array(pixels, (len(points), 2), "the positions of the beads in the image")
    _check_beads(points)
    start = nearest_view(
        _direct_linear_transform(points, seen),
        frame=detector.frame,
        pixel_spacing_mm=detector.pixel_spacing_mm,
        size=detector.size,
        seen_mm=points.mean(axis=0),
    )
    view = _refined(start, points, seen)
    residuals = frozen_array(seen - view.project(points), seen.shape, "the residuals of the beads")
    covariance = frozen_array(
        _covariance(view, points, residuals), (PARAMETERS, PARAMETERS), "the covariance"
    )
    return CalibratedView(view, residuals, covariance)


def _check_beads(points: Array) -> None:
    if len(points) < FEWEST_BEADS:
        msg = f"{len(points)} beads were found in the image, but {FEWEST_BEADS} are needed; show more of them"
        raise GeometryError(msg)
    extents = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    if extents[2] < SMALLEST_THICKNESS * extents[0]:
        msg = (
            f"the {len(points)} beads found lie nearly on a plane, which leaves the source undetermined; use "
            "beads that are spread in depth"
        )
        raise GeometryError(msg)


def _direct_linear_transform(points: Array, pixels: Array) -> Array:
    to_unit_points, to_unit_pixels = _normalising(points), _normalising(pixels)
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ to_unit_points.T
    seen = np.column_stack([pixels, np.ones(len(pixels))]) @ to_unit_pixels.T
    nothing = np.zeros_like(homogeneous)
    equations = np.concatenate(
        [
            np.column_stack([homogeneous, nothing, -seen[:, :1] * homogeneous]),
            np.column_stack([nothing, homogeneous, -seen[:, 1:2] * homogeneous]),
        ]
    )
    solution = np.linalg.svd(equations)[2][-1].reshape(3, 4)
    return np.asarray(np.linalg.solve(to_unit_pixels, solution) @ to_unit_points)


def _normalising(values: Array) -> Array:
    """Homogeneous matrix that brings values (n, d) to mean 0 and root mean square 1."""
    mean, count = values.mean(axis=0), values.shape[1]
    scale = 1.0 / max(float(np.sqrt(((values - mean) ** 2).mean())), 1e-12)
    matrix = np.eye(count + 1) * scale
    matrix[:count, count], matrix[count, count] = -mean * scale, 1.0
    return matrix


def _moved(view: XrayView, change: Array) -> XrayView:
    """Return a view whose source, middle (mm) and orientation (degrees) are changed by (9,)."""
    turn = rotation_x(change[6]) @ rotation_y(change[7]) @ rotation_z(change[8])
    return XrayView(
        view.frame,
        view.source_mm + change[:3],
        view.detector_centre_mm + change[3:6],
        turn @ view.row_direction,
        turn @ view.column_direction,
        view.pixel_spacing_mm,
        view.size,
    )


def _derivatives(view: XrayView, points: Array) -> Array:
    """Return the derivatives (n, 2, 9) of the pixels of points (n, 3) with respect to the nine numbers."""
    rays, normal = points - view.source_mm, view.normal
    depth = rays @ normal
    stretch = view.source_detector_distance_mm / depth
    on_detector = stretch[:, None] * rays + view.source_mm - view.detector_centre_mm
    axes = (view.row_direction, view.column_direction)
    lines = []
    for axis, spacing_mm in zip(axes, view.pixel_spacing_mm, strict=True):
        slope = (rays @ axis / depth)[:, None]
        source = (1.0 - stretch)[:, None] * (axis - slope * normal)
        middle = slope * normal - axis
        turn = np.cross(axis, on_detector) - slope * np.cross(normal, on_detector)
        lines.append(np.column_stack([source, middle, np.deg2rad(turn)]) / spacing_mm)
    return np.stack(lines, axis=1)


def _refined(view: XrayView, points: Array, pixels: Array) -> XrayView:
    """Minimise the squared distances on the detector, damped after Levenberg and Marquardt."""
    damping, cost = 1e-3, _cost(view, points, pixels)
    for _ in range(_ITERATIONS):
        jacobian = _derivatives(view, points).reshape(-1, PARAMETERS)
        rest = (pixels - view.project(points)).ravel()
        normal = jacobian.T @ jacobian
        damped = normal + damping * np.diag(np.diag(normal))
        step: Array = np.linalg.lstsq(damped, jacobian.T @ rest, rcond=None)[0].astype(np.float64)
        trial = _moved(view, step)
        reached = _cost(trial, points, pixels)
        if reached < cost:
            gain, view, cost, damping = (cost - reached) / cost, trial, reached, damping / 10.0
            if gain < _DONE:
                break
        else:
            damping *= 10.0
    return view


def _cost(view: XrayView, points: Array, pixels: Array) -> float:
    """Sum of the squared distances; infinite where a step put a bead behind the source."""
    is_in_front = bool(((points - view.source_mm) @ view.normal > 0.0).all())
    return float(((pixels - view.project(points)) ** 2).sum()) if is_in_front else float("inf")


def _covariance(view: XrayView, points: Array, residuals: Array) -> Array:
    jacobian = _derivatives(view, points).reshape(-1, PARAMETERS)
    variance = float((residuals**2).sum()) / (residuals.size - PARAMETERS)
    scale = np.linalg.norm(jacobian, axis=0)
    values, vectors = np.linalg.eigh((jacobian / scale).T @ (jacobian / scale))
    # What is not determined at all comes out enormous, and is refused for that.
    inverse = vectors / np.maximum(values, SMALLEST_EIGENVALUE) @ vectors.T
    return np.asarray(variance * inverse / np.outer(scale, scale))

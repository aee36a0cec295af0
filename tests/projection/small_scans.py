"""Small cone-beam scans of bodies whose line integrals are known exactly."""

from dataclasses import replace

import numpy as np

from isoguide.projection.analytic import Solid
from isoguide.projection.cone_beam import ConeBeamScan
from isoguide.projection.projection_set import ProjectionSet

WATER_PER_MM = 0.02

FULL_FAN = ConeBeamScan("small", count=72, size=(96, 80), pixel_spacing_mm=(4.0, 2.0))
HALF_FAN = replace(FULL_FAN, panel_offset_mm=140.0)
OTHER_HALF_FAN = replace(FULL_FAN, panel_offset_mm=-140.0)
SHORT = replace(FULL_FAN, start_deg=70.0, arc_deg=205.0)
BACKWARDS = replace(FULL_FAN, start_deg=-30.0, arc_deg=-205.0)


def ball(centre_mm, radius_mm=8.0, per_mm=WATER_PER_MM):
    return Solid("ellipsoid", np.array(centre_mm), np.full(3, radius_mm), per_mm)


def cylinder(radius_mm, half_length_mm=400.0, per_mm=1.0):
    """A cylinder about the axis of rotation, the FIXED y axis."""
    axes = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).T
    return Solid("cylinder", np.zeros(3), np.array([radius_mm, radius_mm, half_length_mm]), per_mm, axes)


def line_integrals(views, solids):
    columns, rows = views[0].size
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2)
    images = [
        sum(solid.line_integrals(view.source_mm, view.pixel_mm(grid)) for solid in solids).reshape(
            rows, columns
        )
        for view in views
    ]
    return np.stack(images).astype(np.float32)


def projections_of(scan, solids, true_views=None):
    views = scan.views()
    return ProjectionSet(
        line_integrals(true_views or views, solids), views, scan.seconds, WATER_PER_MM, scan.name
    )


def centroid_mm(volume, near_mm, radius_mm=13.0):
    """Where a bright ball on a background of air lies in its image."""
    grid = volume.grid
    k, j, i = np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij")
    xyz_mm = grid.xyz(np.stack([i, j, k], axis=-1).astype(float))
    weight = (volume.values + 1000.0) * (np.linalg.norm(xyz_mm - near_mm, axis=-1) < radius_mm)
    weight = np.maximum(weight - 0.3 * weight.max(), 0.0)  # without streaks, and without a step at the edge
    return (xyz_mm * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()

"""Line integrals through volumes: what an X-ray source and a flat detector make of values on a grid."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import XrayView

Float32 = NDArray[np.float32]


def project_volume(values: Float32, grid: Grid, views: Sequence[XrayView]) -> Float32:
    """Integrate a volume along every ray of every view.

    Parameters
    ----------
    values
        Array ``[k, j, i]``, for instance linear attenuation per mm. A voxel fills its whole box: values
        continue to the faces of the grid, and there is nothing beyond.
    grid
        Where the voxels are.
    views
        In the frame of the grid, all of one detector size.

    Returns
    -------
    float32 (views, rows, columns): value times mm.

    Raises
    ------
    GeometryError
        If the array does not fit the grid, or a view has another frame or another detector size.
    """
    return project_volumes(values[None], grid, views)[0]


def project_volumes(values: Float32, grid: Grid, views: Sequence[XrayView]) -> Float32:
    """Integrate several volumes on one grid, such as materials, along the same rays in one march.

    Parameters and errors as :func:`project_volume`, except that ``values`` is ``[material, k, j, i]`` and the
    result (material, views, rows, columns).
    """
    if values.shape[1:] != grid.shape:
        msg = f"the values have the shape {values.shape[1:]} but their grid says {grid.shape}"
        raise GeometryError(msg)
    raise NotImplementedError

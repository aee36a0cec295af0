"""Where the nodes of a displacement field lie: in the patient, in bone."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from isoguide.geometry.grid import Grid
from isoguide.images.displacement_field import node_positions_mm
from isoguide.images.volume import Volume
from isoguide.registration.anatomy import find_body, grey_to_hu
from isoguide.registration.pyramid import Level, make_level

Mask = NDArray[np.bool_]

BODY_MM: Final = 4.0
BONE_HU: Final = 200.0
"""Averaged over a node's surroundings: cancellous bone with its shell, and no contrast medium in vessels."""


def tissue_at_nodes(planning: Volume, nodes: Grid) -> tuple[Mask, Mask]:
    """Tell which nodes of a field lie in the patient, and which in bone, each bool ``[k, j, i]``.

    Parameters
    ----------
    planning
        Planning CT.
    nodes
        Grid of the field, PLANNING. Nodes beyond the planning CT are neither.
    """
    scale, offset = grey_to_hu(planning)
    level = make_level(planning.grid, planning.values, BODY_MM, interpolate=True)
    values = level.values * np.float32(scale) + np.float32(offset)
    body = find_body(Level(level.grid, values), level.grid.centre_mm)
    places_mm = node_positions_mm(nodes)
    index = level.grid.index(places_mm)[:, ::-1].T
    within = planning.grid.contains(places_mm)
    hu, inside = (
        map_coordinates(one, index, np.float32, order=1, mode="nearest")
        for one in (values, body.astype(np.float32))
    )
    in_body = (within & (inside >= 0.5)).reshape(nodes.shape)
    return in_body, in_body & (hu >= BONE_HU).reshape(nodes.shape)

"""Skin, fat, muscle wall and cavity: what every trunk has in common."""

import numpy as np

from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.shapes import Floats
from isoguide.virtual.texture import smooth_field

SKIN_MM = 2.0
SKIN_HU = 15.0
FAT_HU = -103.0
VISCERAL_FAT_HU = -95.0


def lay_soft_tissue(
    canvas: Canvas, whole: Part, couch_y_mm: float, fat_mm: float, wall_mm: float
) -> tuple[Part, Part]:
    """Paint skin, subcutaneous fat of uneven thickness, the muscle wall and fat inside.

    Parameters
    ----------
    canvas
        Still empty.
    whole
        The body before it lies down, on the whole canvas.
    couch_y_mm
        The back is flat where it lies on the couch.
    fat_mm
        Mean thickness of the subcutaneous fat.
    wall_mm
        Mean thickness of the muscle wall.

    Returns
    -------
    tuple[Part, Part]
        The body and the cavity inside the wall.
    """
    _, y, _ = canvas.axes
    lying = y[:, None] - np.float32(couch_y_mm)
    body = np.maximum(whole.distance, lying)
    uneven = smooth_field(canvas.rng, canvas.axes, 70.0, 0.3 * fat_mm)
    fat = np.maximum(uneven + np.float32(fat_mm), np.float32(4.0))
    canvas.hu = _layers(body, float(canvas.edge_mm))
    canvas.hu += canvas.strands * (body < np.float32(-SKIN_MM - 1.0))
    # The back is pressed flat: fat under it is squeezed, but muscle stays.
    wall = Part(whole.box, np.maximum(whole.distance + fat, lying + np.float32(0.6 * fat_mm)))
    canvas.muscle(wall)
    cavity = wall.grown(-wall_mm)
    canvas.paint(cavity, VISCERAL_FAT_HU)
    return Part(whole.box, body), cavity


def restore_skin(canvas: Canvas, body: Part) -> None:
    """Repaint skin and air where something was painted through them."""
    outer = body.distance > np.float32(-SKIN_MM - 1.5)
    canvas.hu[body.box][outer] = _layers(body.distance[outer], float(canvas.edge_mm))


def _layers(body_mm: Floats, edge_mm: float) -> Floats:
    """Fat, skin and air by the distance to the body's surface."""
    half = edge_mm / 2.0
    depths = [-SKIN_MM - half, -SKIN_MM + half, -half, half]
    layers: Floats = np.interp(body_mm, depths, [FAT_HU, SKIN_HU, SKIN_HU, -1000.0]).astype(np.float32)
    return layers

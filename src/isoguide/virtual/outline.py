"""Body outlines and hollow regions whose cross-section changes from slice to slice."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.shapes import Coordinates

Floats = NDArray[np.float32]

SQUARE = np.float32(0.35)
"""How far the cross-section bulges from an ellipse towards a rectangle (0 to 1)."""


Row = tuple[float, float, float, float, float]


@cache
def _curves(rows: tuple[Row, ...]) -> PchipInterpolator:
    table = np.array(rows)
    return PchipInterpolator(table[:, 0], table[:, 1:])


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """A trunk given by rows (z, middle y, half width, depth in front, depth behind), z ascending, mm."""

    rows: tuple[Row, ...]

    def at(self, z: Floats | float) -> tuple[Floats, Floats, Floats, Floats]:
        """Middle y, half width, depth in front and depth behind at heights z."""
        inside = np.clip(z, self.rows[0][0], self.rows[-1][0])
        values = _curves(self.rows)(inside).astype(np.float32)
        return values[..., 0], values[..., 1], values[..., 2], values[..., 3]

    def surface(self, angle_deg: float, z: float, outward_mm: float = 0.0) -> tuple[float, float, float]:
        """Return the point of the outline at a height, 0° at the back, 90° at the left, 180° in front."""
        middle, width, front, back = (float(v) for v in self.at(z))
        sine, cosine = np.sin(np.deg2rad(angle_deg)), np.cos(np.deg2rad(angle_deg))
        bulge = 1.0 / np.sqrt(1.0 - float(SQUARE) * sine**2 * cosine**2)
        depth = (back if cosine > 0.0 else front) + outward_mm
        return float((width + outward_mm) * sine * bulge), float(middle + depth * cosine * bulge), z

    def distance(self, p: Coordinates, z: Floats, slack_mm: float = 0.0) -> Floats:
        """Signed distance along rays from the middle line, of a trunk smaller by ``slack_mm``.

        Parameters
        ----------
        p
            Bent coordinates ``[k, j, i]``.
        z
            Unbent height of each slice, (k,).
        slack_mm
            How much thinner than the outline.
        """
        rows = np.stack(self.at(z), axis=-1) - np.array((0.0, slack_mm, slack_mm, slack_mm), dtype=np.float32)
        result: Floats = np.empty(p[0].shape, dtype=np.float32)
        # Slice by slice, because a slice stays in the processor's cache and a volume does not.
        for x, bent_y, (middle, width, front, back), out in zip(p[0], p[1], rows, result, strict=True):
            y = bent_y - middle
            u = np.square(x / width)
            v = np.square(y / np.where(y < 0.0, front, back))
            level = u + v - SQUARE * np.minimum(u, 1.0) * np.minimum(v, 1.0)
            radius = np.sqrt(x * x + y * y)
            level = np.sqrt(np.maximum(level, np.float32(1e-4)))
            np.subtract(radius, np.maximum(radius, np.float32(1.0)) / level, out=out)
        return result

    def whole(self, canvas: Canvas) -> Part:
        """Return the trunk as a part that spans the canvas."""
        box = tuple(slice(0, n) for n in canvas.shape)
        return Part((box[0], box[1], box[2]), self.distance(canvas.everywhere(), canvas.axes[0]))

"""Loops of bowel that find their own way."""

import numpy as np

from isoguide.virtual.canvas import Canvas, Stencil
from isoguide.virtual.shapes import Triple

Corners = tuple[Triple, Triple]


def small_bowel_loop(canvas: Canvas, inside: Stencil, start: Corners, stay: Corners) -> None:
    """Paint a loop of small bowel, here and there with gas.

    Parameters
    ----------
    canvas
        What is painted on; its generator leads the loop.
    inside
        The cavity that it cannot leave.
    start, stay
        Low and high corner of the box where it begins, and of the box in which its axis stays, mm.
    """
    rng = canvas.rng
    low, high = start
    point = np.array([rng.uniform(a, b) for a, b in zip(low, high, strict=True)])
    heading = rng.standard_normal(3)
    points, radii = [], []
    for _ in range(7):
        points.append((float(point[0]), float(point[1]), float(point[2])))
        radii.append(float(rng.uniform(9.0, 14.0)))
        heading = heading / np.linalg.norm(heading) + 0.9 * rng.standard_normal(3) * (1.0, 0.8, 0.8)
        point = np.clip(point + 20.0 * heading / np.linalg.norm(heading), *stay)
    content = float(rng.uniform(2.0, 45.0))
    loop = canvas.chain(points, radii)
    canvas.paint(loop.grown(1.2), -90.0, inside)
    canvas.paint(loop, 40.0, inside)
    canvas.paint(loop.grown(-2.5), content, inside)
    for x, y, z in points[::3]:
        if rng.uniform() < 0.3:
            canvas.paint(canvas.ellipsoid((x, y - 3.0, z), (7.0, 5.0, 9.0)), -950.0, inside)

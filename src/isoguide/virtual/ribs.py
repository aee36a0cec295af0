"""Ribs with their cartilages, and the breastbone."""

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas
from isoguide.virtual.chest import CAGE
from isoguide.virtual.shapes import SIDES, Coordinates, Floats, Triple

RIB_ENDS_DEG = (150, 158, 160, 157, 152, 147, 142, 134, 125, 114, 82, 58)
RIB_DROP_MM = (22, 40, 55, 66, 74, 80, 86, 86, 84, 80, 52, 34)


def ribs(canvas: Canvas, vertebrae: list[spine.Vertebra]) -> None:
    """Paint twelve pairs of ribs that spring from their vertebrae, and the breastbone."""
    rng = canvas.rng
    joints = {v.level: v for v in vertebrae}
    bones: list[tuple[str, list[Triple], list[float]]] = []
    margin: dict[float, Triple] = {}
    for n, (end_deg, drop) in enumerate(zip(RIB_ENDS_DEG, RIB_DROP_MM, strict=True), start=1):
        for side in (1.0, -1.0):
            vertebra = joints[f"T{n}"]
            own = 1.0 + 0.05 * float(rng.uniform(-1.0, 1.0))
            path = _rib_path(vertebra, side, float(end_deg), drop * own)
            size = 3.6 + 0.9 * float(np.sin(np.pi * n / 12.0))
            bones.append((f"rib {n} {SIDES[side]}", path, [size] * len(path)))
            if n <= 10:
                margin[side] = _cartilage(canvas, path[-1], side, n, margin.get(side))
    for name, path, radii in bones:
        canvas.tube(path, radii, 850.0, bone=name)
    for _, path, radii in bones:
        canvas.tube(path[1:-1], [r - 1.9 for r in radii[1:-1]], 230.0)
    _sternum(canvas)


def _rib_path(vertebra: spine.Vertebra, side: float, end_deg: float, drop_mm: float) -> list[Triple]:
    x, y, z = vertebra.centre
    head = (x + side * (vertebra.half_width + 1.0), y + vertebra.half_depth - 3.0, z + 5.0)
    neck = (x + side * (vertebra.half_width + 17.0), y + vertebra.half_depth + 13.0, z + 2.0)
    path: list[Triple] = [head, neck]
    for t in np.linspace(0.0, 1.0, 15):
        angle = 34.0 + t * (end_deg - 34.0)
        height = z - drop_mm * (0.1 + 0.9 * t**1.15)
        path.append(CAGE.surface(side * angle, float(height), 3.5))
    return path


def _cartilage(canvas: Canvas, tip: Triple, side: float, number: int, margin: Triple | None) -> Triple:
    """Join a rib to the sternum or, from the eighth on, to the cartilage above."""
    if number <= 7 or margin is None:
        z = 92.0 - 21.0 * (number - 1) if number <= 6 else -22.0
        goal = CAGE.surface(side * 171.0, z, 3.5)
        middle = CAGE.surface(side * 163.0, 0.6 * tip[2] + 0.4 * z - 4.0, 3.5)
    else:
        goal, middle = margin, (tip[0] * 0.6 + margin[0] * 0.4, tip[1] * 0.6 + margin[1] * 0.4 - 3.0, tip[2])
    canvas.tube([tip, middle, goal], [4.6, 4.4, 4.2], 105.0)
    return middle


def _sternum(canvas: Canvas) -> None:
    top, joint, tip = (CAGE.surface(180.0, z, 5.0) for z in (112.0, 68.0, -30.0))

    def distance(p: Coordinates) -> Floats:
        flat = shapes.scaled(p, (0.0, 0.0, 0.0), (0.36, 1.0, 1.0))
        manubrium = shapes.capsule(flat, top, joint, 7.5, 6.0)
        wide = shapes.scaled(p, (0.0, 0.0, 0.0), (0.45, 1.0, 1.0))
        body = shapes.capsule(wide, (0.0, joint[1], joint[2] - 4.0), tip, 6.5, 6.0)
        return shapes.union(manubrium, body)

    sternum = canvas.part((-30.0, -110.0, -45.0), (30.0, -10.0, 125.0), distance)
    canvas.bone(sternum, "sternum", 560.0, 150.0, 1.4)

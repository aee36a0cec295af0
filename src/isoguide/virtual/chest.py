"""What a chest is made of, for thorax and abdomen. The origin lies in its middle at the height of T7."""

from itertools import pairwise

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.outline import Outline
from isoguide.virtual.shapes import Coordinates, Floats
from isoguide.virtual.vessels import branch

CAGE = Outline(
    (
        (-190.0, 0.0, 126.0, 90.0, 76.0),
        (-100.0, 0.0, 131.0, 90.0, 79.0),
        (-20.0, 0.0, 126.0, 84.0, 80.0),
        (50.0, 2.0, 109.0, 72.0, 77.0),
        (95.0, 4.0, 86.0, 54.0, 66.0),
        (122.0, 8.0, 60.0, 34.0, 48.0),
        (142.0, 14.0, 34.0, 18.0, 26.0),
        (160.0, 18.0, 18.0, 10.0, 12.0),
    )
)
"""The pleura."""
LUNG_HU = -800.0
LOINS_Z_MM = -150.0
"""Where the spine begins to curve forwards."""


def trunk_spine(rng: np.random.Generator, lowest: str = "L2") -> list[spine.Vertebra]:
    """C7 down to a level; T7 lies near the origin."""
    end = spine.LEVELS.index(lowest) + 1
    place = {"T7": float(rng.uniform(-3.0, 3.0))}
    steps = {
        above: 0.25 * (spine.pitch_mm(above) + spine.pitch_mm(below)) * float(rng.uniform(1.95, 2.06))
        for above, below in pairwise(spine.LEVELS[6:end])
    }
    for n in range(12, 5, -1):
        place[spine.LEVELS[n]] = place[spine.LEVELS[n + 1]] + steps[spine.LEVELS[n]]
    for n in range(14, end):
        place[spine.LEVELS[n]] = place[spine.LEVELS[n - 1]] - steps[spine.LEVELS[n - 1]]
    vertebrae = []
    for level in spine.LEVELS[6:end]:
        z = place[level]
        y, slope = _curve(z)
        x = 3.0 * np.sin(z / 75.0 + 0.6)
        lean = -np.rad2deg(np.arctan(slope))
        vertebrae.append(spine.typical(level, (float(x), y, z), float(lean), rng))
    return vertebrae


def _curve(z: float) -> tuple[float, float]:
    """Depth y of the spine at a height and its slope: round in the chest, hollow in the loins."""
    if z > LOINS_Z_MM:
        depth = 1100.0 if z > -20.0 else 2600.0
        return 38.0 - (z + 20.0) ** 2 / depth, -(z + 20.0) / (depth / 2.0)
    below = z - LOINS_Z_MM
    return 31.5 + 0.1 * below + below**2 / 1800.0, 0.1 + below / 900.0


def domes(canvas: Canvas) -> Part:
    """Return what lies under the domes of the diaphragm."""
    right, left = ((-62.0, -4.0, -180.0), (84.0, 98.0, 128.0)), ((64.0, -4.0, -190.0), (78.0, 95.0, 122.0))
    top = canvas.box((0.0, 0.0, -400.0), (0.0, 0.0, -50.0))[0]
    box = (slice(0, top.stop), slice(0, canvas.shape[1]), slice(0, canvas.shape[2]))
    x, y, z = canvas.at(box)
    # Below its middle a dome is as wide as there: what lies deeper is all under it.
    parts = [
        shapes.ellipsoid((x, y, np.maximum(z, np.float32(centre[2]))), centre, radii)
        for centre, radii in (right, left)
    ]
    # Between the domes, and where lung reaches farthest down: in front less far than behind.
    lowest = z + np.float32(103.0) + np.float32(0.15) * y
    return Part(box, shapes.blended(shapes.blended(parts[0], parts[1], 10.0), lowest, 12.0))


def heart(canvas: Canvas) -> Part:
    """Paint the heart with its chambers and a calcified artery."""
    solid = canvas.ellipsoid((24.0, -30.0, -34.0), (54.0, 41.0, 46.0), (0.0, 25.0, 28.0))
    canvas.paint(solid.grown(5.0), -85.0)
    canvas.paint(solid, 48.0)
    for centre, radii, hu in (
        ((42.0, -32.0, -42.0), (24.0, 19.0, 22.0), 41.0),
        ((2.0, -46.0, -34.0), (20.0, 14.0, 24.0), 40.0),
        ((8.0, 0.0, -14.0), (24.0, 15.0, 18.0), 42.0),
        ((-20.0, -22.0, -22.0), (14.0, 18.0, 22.0), 41.0),
    ):
        canvas.paint(canvas.ellipsoid(centre, radii, (0.0, 20.0, 25.0)), hu)
    groove = [(30.0, -62.0, -6.0), (52.0, -62.0, -30.0), (66.0, -56.0, -52.0)]
    canvas.tube(groove, [3.5, 3.0, 2.5], -80.0)
    canvas.tube(groove, [1.4, 1.2, 1.0], 60.0)
    canvas.paint(canvas.rod((33.0, -61.0, -10.0), (40.0, -62.5, -19.0), 1.2, 1.2), 700.0)
    return solid


def lung(canvas: Canvas, cage: Part, below: Part, side: float) -> Part:
    """Paint a lung between the cage, what lies below the diaphragm, and the mediastinum."""
    half = canvas.shape[2] // 2
    columns = slice(half - 12, canvas.shape[2]) if side > 0 else slice(0, half + 12)
    box = (slice(0, canvas.shape[0]), slice(0, canvas.shape[1]), columns)
    p = canvas.at(box)
    shared = np.maximum(cage.distance[box] + np.float32(2.0), np.float32(11.0) - np.float32(side) * p[0])
    floor = below.box[0].stop
    shared[:floor] = np.maximum(shared[:floor], -below.distance[:, :, columns])
    keep = _mediastinum(p, side)
    solid = Part(box, np.maximum(shared, -keep))
    cover = canvas.cover(solid)
    # Blood sinks: the lung of a lying patient is denser at the back.
    value = np.float32(LUNG_HU) + np.float32(0.55) * p[1]
    view = canvas.hu[box]
    view += cover * (value - view)
    return solid


def _mediastinum(p: Coordinates, side: float) -> Floats:
    """Return what separates the lungs: heart, great vessels, spine."""
    heart = shapes.ellipsoid(p, (24.0, -30.0, -34.0), (58.0, 45.0, 50.0), (0.0, 25.0, 28.0))
    column = shapes.ellipsoid(p, (4.0, -18.0, 30.0), (34.0, 46.0, 260.0))
    spine_bulge = shapes.union(
        shapes.capsule(p, (1.0, 36.0, -200.0), (1.0, 40.0, -20.0), 29.0, 25.0),
        shapes.capsule(p, (1.0, 40.0, -20.0), (0.0, 20.0, 130.0), 25.0, 22.0),
    )
    hilum = shapes.ellipsoid(p, (side * 30.0, 6.0, 12.0), (17.0, 17.0, 24.0))
    top = shapes.ellipsoid(p, (0.0, -8.0, 130.0), (42.0, 34.0, 60.0))
    solid = shapes.blended(shapes.blended(heart, column, 12.0), shapes.union(spine_bulge, hilum), 8.0)
    return shapes.blended(solid, top, 10.0)


def vessels_of_lung(canvas: Canvas, solid: Part, side: float) -> None:
    """Arteries and veins that split until they have served every part of the lung."""
    rng = canvas.rng
    inside = np.argwhere(solid.distance[::2, ::3, ::3] < -4.0)
    axes = [axis[s] for axis, s in zip(canvas.axes, solid.box, strict=True)]
    for start in ((side * 34.0, 8.0, 14.0), (side * 30.0, 0.0, 0.0)):
        chosen = inside[rng.choice(len(inside), 230, replace=False)]
        goals = np.column_stack(
            [axes[2][3 * chosen[:, 2]], axes[1][3 * chosen[:, 1]], axes[0][2 * chosen[:, 0]]]
        ).astype(np.float64)
        branch(canvas, np.array(start), goals, 6.8)

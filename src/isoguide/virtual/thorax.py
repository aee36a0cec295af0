"""A thorax with arms up. The origin lies in the middle of the trunk at the height of T7."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.shapes import SIDES, Coordinates, Floats, Triple
from isoguide.virtual.tissue import VISCERAL_FAT_HU, lay_soft_tissue

TRUNK = Outline(
    (
        (-160.0, 0.0, 152.0, 108.0, 100.0),
        (-80.0, 0.0, 160.0, 108.0, 102.0),
        (0.0, 0.0, 166.0, 104.0, 104.0),
        (70.0, 0.0, 170.0, 96.0, 104.0),
        (120.0, 4.0, 182.0, 86.0, 100.0),
        (155.0, 10.0, 186.0, 66.0, 92.0),
    )
)
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
COUCH_Y_MM = 99.0
LESION = (-62.0, 12.0, -8.0)
LUNG_HU = -800.0
RIB_ENDS_DEG = (150, 158, 160, 157, 152, 147, 142, 134, 125, 114, 82, 58)
RIB_DROP_MM = (22, 40, 55, 66, 74, 80, 86, 86, 84, 80, 52, 34)


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    external, _ = lay_soft_tissue(canvas, TRUNK.whole(canvas), COUCH_Y_MM, fat_mm=13.0, wall_mm=400.0)
    cage = CAGE.whole(canvas)
    canvas.paint(cage, VISCERAL_FAT_HU)
    _upper_muscles(canvas)
    vertebrae = _thoracic_spine(canvas.rng)
    domes = _abdomen(canvas, cage)
    heart = _heart(canvas)
    lungs = [_lung(canvas, cage, domes, side) for side in (1.0, -1.0)]
    for lung, side in zip(lungs, (1.0, -1.0), strict=True):
        _vessels_of_lung(canvas, lung, side)
    _great_vessels(canvas)
    lesion = _lesion(canvas)
    _ribs(canvas, vertebrae)
    _shoulder_girdle(canvas)
    spine.paint(canvas, vertebrae)
    cord = [(v.centre[0], v.centre[1] + v.half_depth + 7.0, v.centre[2]) for v in vertebrae]
    return Drawing(
        isocentre_mm=LESION,
        outlines=(
            Outlined("BODY", "EXTERNAL", external),
            Outlined("PTV", "PTV", lesion.grown(8.0)),
            Outlined("GTV", "GTV", lesion),
            Outlined("Lung_L", "ORGAN", lungs[0]),
            Outlined("Lung_R", "ORGAN", lungs[1]),
            Outlined("Heart", "ORGAN", heart),
            Outlined("SpinalCord", "ORGAN", canvas.chain(cord, [5.0] * len(cord))),
        ),
        couch_y_mm=COUCH_Y_MM,
        vertebrae=tuple(vertebrae),
    )


def _upper_muscles(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        fat = canvas.ellipsoid((side * 118.0, 12.0, 112.0), (30.0, 34.0, 40.0), (0.0, side * 20.0, 0.0))
        canvas.paint(fat, -98.0)
        pectoral = canvas.ellipsoid(
            (side * 82.0, -68.0, 72.0), (60.0, 13.0, 44.0), (10.0, side * 8.0, side * -24.0)
        )
        canvas.muscle(pectoral)
        minor = canvas.ellipsoid(
            (side * 90.0, -46.0, 85.0), (24.0, 7.0, 34.0), (0.0, side * 30.0, side * -35.0)
        )
        canvas.muscle(minor)
        for y, z, length in ((64.0, 40.0, 70.0), (46.0, 95.0, 45.0)):
            canvas.muscle(
                canvas.ellipsoid((side * 122.0, y, z), (22.0, 13.0, length), (0.0, 0.0, side * 40.0))
            )
        erector = [(side * 22.0, 84.0, -160.0), (side * 24.0, 86.0, 0.0), (side * 22.0, 72.0, 155.0)]
        canvas.muscle(canvas.chain(erector, [17.0, 14.0, 13.0]))
        gap = canvas.ellipsoid((side * 66.0, 88.0, 30.0), (22.0, 2.6, 60.0), (0.0, 0.0, side * -12.0))
        canvas.paint(gap, -90.0)


def _thoracic_spine(rng: np.random.Generator) -> list[spine.Vertebra]:
    """C7 to L1 or as far as the picture goes; T7 lies near the origin."""
    heights = {"T7": float(rng.uniform(-3.0, 3.0))}
    for above, below in zip(spine.LEVELS[6:20], spine.LEVELS[7:21], strict=True):
        heights[f"{above}-{below}"] = (
            0.25 * (spine.pitch_mm(above) + spine.pitch_mm(below)) * float(rng.uniform(1.95, 2.06))
        )
    place = {"T7": heights["T7"]}
    for n in range(12, 5, -1):
        above, below = spine.LEVELS[n], spine.LEVELS[n + 1]
        place[above] = place[below] + heights[f"{above}-{below}"]
    for n in range(14, 21):
        above, below = spine.LEVELS[n - 1], spine.LEVELS[n]
        place[below] = place[above] - heights[f"{above}-{below}"]
    vertebrae = []
    for level in spine.LEVELS[6:21]:
        z = place[level]
        y = 38.0 - (z + 20.0) ** 2 / (1100.0 if z > -20.0 else 2600.0)
        lean = np.rad2deg(np.arctan((z + 20.0) / (550.0 if z > -20.0 else 1300.0)))
        x = 3.0 * np.sin(z / 75.0 + 0.6)
        vertebrae.append(spine.typical(level, (float(x), float(y), z), float(lean), rng))
    return vertebrae


def _abdomen(canvas: Canvas, cage: Part) -> Part:
    """Liver, stomach and spleen under the diaphragm; returns what lies under the domes."""
    right = canvas.ellipsoid((-62.0, -4.0, -180.0), (84.0, 98.0, 128.0))
    left = canvas.ellipsoid((64.0, -4.0, -190.0), (78.0, 95.0, 122.0))
    low = min(right.box[0].start, left.box[0].start)
    high = max(right.box[0].stop, left.box[0].stop)
    box = (slice(low, high), slice(0, canvas.shape[1]), slice(0, canvas.shape[2]))
    p = canvas.at(box)
    under = shapes.blended(
        shapes.ellipsoid(p, (-62.0, -4.0, -180.0), (84.0, 98.0, 128.0)),
        shapes.ellipsoid(p, (64.0, -4.0, -190.0), (78.0, 95.0, 122.0)),
        10.0,
    )
    domes = Part(box, under)
    within = np.maximum(under, cage.distance[box])
    canvas.paint(Part(box, within), 55.0)
    inner = Part(box, np.maximum(under + np.float32(4.0), cage.distance[box] + np.float32(5.0)))
    canvas.paint(inner, VISCERAL_FAT_HU)
    inside = canvas.stencil(inner)
    liver_shape = shapes.ellipsoid(p, (-52.0, -10.0, -150.0), (92.0, 86.0, 88.0), (0.0, 22.0, 0.0))
    canvas.paint(Part(box, np.maximum(liver_shape, inner.distance)), 62.0)
    for centre, radii, hu in (
        ((58.0, -22.0, -128.0), (38.0, 40.0, 48.0), 45.0),
        ((58.0, -22.0, -128.0), (34.0, 36.0, 44.0), 12.0),
        ((88.0, 38.0, -120.0), (26.0, 30.0, 40.0), 52.0),
    ):
        part = canvas.ellipsoid(centre, radii)
        canvas.paint(part, hu, inside)
    gas = canvas.ellipsoid((60.0, -42.0, -106.0), (26.0, 15.0, 22.0))
    canvas.paint(gas, -960.0, inside)
    canvas.tube([(-40.0, 0.0, -110.0), (-70.0, 5.0, -122.0), (-95.0, 10.0, -118.0)], [4.0, 3.0, 2.0], 85.0)
    return domes


def _heart(canvas: Canvas) -> Part:
    heart = canvas.ellipsoid((24.0, -30.0, -34.0), (54.0, 41.0, 46.0), (0.0, 25.0, 28.0))
    canvas.paint(heart.grown(5.0), -85.0)
    canvas.paint(heart, 48.0)
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
    return heart


def _lung(canvas: Canvas, cage: Part, domes: Part, side: float) -> Part:
    half = canvas.shape[2] // 2
    columns = slice(half - 12, canvas.shape[2]) if side > 0 else slice(0, half + 12)
    box = (slice(0, canvas.shape[0]), slice(0, canvas.shape[1]), columns)
    p = canvas.at(box)
    shared = np.maximum(cage.distance[box] + np.float32(2.0), np.float32(11.0) - np.float32(side) * p[0])
    below = domes.box[0].stop
    shared[:below] = np.maximum(shared[:below], -domes.distance[:, :, columns])
    keep = _mediastinum(p, side)
    lung = Part(box, np.maximum(shared, -keep))
    cover = canvas.cover(lung)
    # Blood sinks: the lung of a lying patient is denser at the back.
    value = np.float32(LUNG_HU) + np.float32(0.55) * p[1]
    view = canvas.hu[box]
    view += cover * (value - view)
    return lung


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


def _vessels_of_lung(canvas: Canvas, lung: Part, side: float) -> None:
    """Arteries and veins that split until they have served every part of the lung."""
    rng = canvas.rng
    inside = np.argwhere(lung.distance[::2, ::3, ::3] < -4.0)
    axes = [axis[s] for axis, s in zip(canvas.axes, lung.box, strict=True)]
    for start in ((side * 34.0, 8.0, 14.0), (side * 30.0, 0.0, 0.0)):
        chosen = inside[rng.choice(len(inside), 230, replace=False)]
        goals = np.column_stack(
            [axes[2][3 * chosen[:, 2]], axes[1][3 * chosen[:, 1]], axes[0][2 * chosen[:, 0]]]
        ).astype(np.float64)
        _branch(canvas, np.array(start), goals, 6.8)


def _branch(canvas: Canvas, start: Array, goals: Array, radius: float) -> None:
    """Grow a vessel towards the middle of its goals, then split them between two daughters."""
    if len(goals) == 1:
        canvas.tube([_triple(start), _triple(goals[0])], [radius, 0.7], 35.0)
        return
    stop = start + 0.45 * (goals.mean(axis=0) - start)
    bend = 0.06 * float(np.linalg.norm(stop - start)) * canvas.rng.standard_normal(3)
    thin = max(0.95 * radius, 0.7)
    points = [_triple(start), _triple((start + stop) / 2.0 + bend), _triple(stop)]
    canvas.tube(points, [radius, (radius + thin) / 2.0, thin], 35.0)
    spread = np.linalg.svd(goals - stop, full_matrices=False)[2][0]
    order = np.argsort((goals - stop) @ spread, kind="stable")
    cut = min(max(1, int(len(goals) * canvas.rng.uniform(0.35, 0.65))), len(goals) - 1)
    for part in (order[:cut], order[cut:]):
        share = (len(part) / len(goals)) ** (1.0 / 2.7)  # Murray's law, with the exponent of lungs
        _branch(canvas, stop, goals[part], max(0.7, thin * share))


def _triple(position: Array) -> Triple:
    return float(position[0]), float(position[1]), float(position[2])


def _great_vessels(canvas: Canvas) -> None:
    blood, air = 44.0, -985.0
    canvas.tube([(20.0, -26.0, 0.0), (22.0, -22.0, 20.0), (16.0, -6.0, 26.0)], [13.0, 13.0, 12.0], blood)
    canvas.tube([(16.0, -6.0, 26.0), (42.0, 8.0, 18.0)], [11.0, 8.0], blood)
    canvas.tube([(16.0, -6.0, 26.0), (-14.0, 0.0, 18.0), (-42.0, 6.0, 10.0)], [11.0, 10.0, 8.0], blood)
    aorta: list[Triple] = [(4.0, -22.0, -6.0), (-10.0, -24.0, 20.0), (-8.0, -18.0, 46.0), (4.0, -2.0, 60.0)]
    aorta += [
        (18.0, 18.0, 56.0),
        (24.0, 33.0, 38.0),
        (27.0, 37.0, 0.0),
        (22.0, 34.0, -80.0),
        (12.0, 24.0, -160.0),
    ]
    canvas.tube(aorta, [15.0, 15.0, 14.5, 14.0, 13.0, 12.5, 12.0, 11.5, 11.0], blood)
    canvas.tube([(-22.0, -18.0, 0.0), (-22.0, -16.0, 50.0), (-24.0, -14.0, 90.0)], [10.0, 9.0, 8.0], blood)
    for top in ((-34.0, -10.0, 155.0), (-10.0, -6.0, 155.0), (24.0, -2.0, 155.0), (34.0, -14.0, 155.0)):
        canvas.tube([(0.4 * top[0], -10.0, 58.0), (0.7 * top[0], top[1], 100.0), top], [6.0, 5.5, 5.0], blood)
    trachea: list[Triple] = [(-1.0, -2.0, 155.0), (0.0, 4.0, 100.0), (-1.0, 12.0, 48.0)]
    for side, end in ((1.0, (40.0, 14.0, 10.0)), (-1.0, (-36.0, 12.0, 18.0))):
        canvas.tube([trachea[2], end], [8.0, 6.5], 45.0)
        canvas.tube([trachea[2], end], [6.5, 5.0], air)
        for aim in ((70.0, 20.0, 40.0), (68.0, -24.0, 4.0), (64.0, 36.0, -40.0)):
            canvas.tube([end, (side * aim[0], aim[1], aim[2])], [3.6, 1.6], air)
    canvas.tube(trachea, [10.0, 10.0, 10.0], 45.0)
    canvas.tube(trachea, [8.5, 8.5, 8.0], air)
    gullet = [(5.0, 18.0, 155.0), (7.0, 24.0, 50.0), (8.0, 24.0, -40.0), (20.0, 6.0, -95.0)]
    canvas.tube(gullet, [7.0, 7.5, 8.0, 9.0], 40.0)
    for z in (120.0, 30.0, -22.0):
        canvas.paint(canvas.ellipsoid((7.0, 22.0, z), (2.5, 2.0, 7.0)), -700.0)


def _lesion(canvas: Canvas) -> Part:
    rng = canvas.rng
    centre = np.array(LESION)
    for direction in rng.standard_normal((14, 3)):
        tip = centre + 21.0 * direction / np.linalg.norm(direction)
        canvas.paint(canvas.rod(LESION, (float(tip[0]), float(tip[1]), float(tip[2])), 3.0, 0.6), 10.0)

    def distance(p: Coordinates) -> Floats:
        main = shapes.ellipsoid(p, LESION, (15.0, 13.0, 14.0))
        lobe = shapes.ellipsoid(p, (LESION[0] + 7.0, LESION[1] + 6.0, LESION[2] - 7.0), (9.0, 10.0, 9.0))
        return shapes.blended(main, lobe, 4.0)

    low, high = (tuple(float(v) for v in centre + s * 34.0) for s in (-1.0, 1.0))
    lesion = canvas.part((low[0], low[1], low[2]), (high[0], high[1], high[2]), distance)
    return canvas.paint(lesion, 38.0)


def _ribs(canvas: Canvas, vertebrae: list[spine.Vertebra]) -> None:
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


def _shoulder_girdle(canvas: Canvas) -> None:
    for side in (1.0, -1.0):

        def distance(p: Coordinates, side: float = side) -> Floats:
            own = (p[0] * np.float32(side), p[1], p[2])
            blade = shapes.ellipsoid(own, (106.0, 66.0, 62.0), (36.0, 3.6, 66.0), (14.0, 12.0, -42.0))
            ridge = shapes.capsule(own, (82.0, 84.0, 98.0), (138.0, 56.0, 132.0), 4.5, 6.5)
            edge = shapes.capsule(own, (98.0, 72.0, 4.0), (134.0, 38.0, 120.0), 5.0, 8.0)
            socket = shapes.ellipsoid(own, (137.0, 28.0, 126.0), (11.0, 15.0, 18.0))
            return shapes.blended(shapes.blended(blade, ridge, 5.0), shapes.blended(edge, socket, 5.0), 4.0)

        x = sorted((side * 60.0, side * 170.0))
        scapula = canvas.part((x[0], 5.0, -12.0), (x[1], 105.0, 155.0), distance)
        canvas.bone(scapula, f"scapula {SIDES[side]}", 760.0, 220.0, 1.5)
        head = canvas.ellipsoid((side * 156.0, 20.0, 138.0), (21.0, 23.0, 23.0))
        canvas.bone(head, f"humerus {SIDES[side]}", 650.0, 200.0, 1.6)
        collar = [(side * 20.0, -44.0, 112.0), (side * 60.0, -58.0, 124.0), (side * 110.0, -36.0, 138.0)]
        collar.append((side * 142.0, -6.0, 150.0))
        canvas.bone(canvas.chain(collar, [8.0, 6.0, 5.5, 7.0]), f"clavicle {SIDES[side]}", 850.0, 260.0, 2.0)

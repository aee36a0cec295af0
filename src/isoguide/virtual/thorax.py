"""A thorax with arms up. The origin lies in the middle of the trunk at the height of T7."""

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.chest import CAGE, domes, heart, lung, trunk_spine, vessels_of_lung
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.ribs import ribs
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
COUCH_Y_MM = 99.0
LESION = (-62.0, 12.0, -8.0)


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    external, _ = lay_soft_tissue(canvas, TRUNK.whole(canvas), COUCH_Y_MM, fat_mm=13.0, wall_mm=400.0)
    cage = CAGE.whole(canvas)
    canvas.paint(cage, VISCERAL_FAT_HU)
    _upper_muscles(canvas)
    vertebrae = trunk_spine(canvas.rng)
    under = _abdomen(canvas, cage)
    heart_part = heart(canvas)
    lungs = [lung(canvas, cage, under, side) for side in (1.0, -1.0)]
    for part, side in zip(lungs, (1.0, -1.0), strict=True):
        vessels_of_lung(canvas, part, side)
    gullet = _great_vessels(canvas)
    lesion = _lesion(canvas)
    ribs(canvas, vertebrae)
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
            Outlined("Heart", "ORGAN", heart_part),
            Outlined("Esophagus", "ORGAN", gullet),
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


def _abdomen(canvas: Canvas, cage: Part) -> Part:
    """Liver, stomach and spleen under the diaphragm; returns what lies under the domes."""
    under = domes(canvas)
    box, p = under.box, canvas.at(under.box)
    within = np.maximum(under.distance, cage.distance[box])
    canvas.paint(Part(box, within), 55.0)
    inner = Part(box, np.maximum(under.distance + np.float32(4.0), cage.distance[box] + np.float32(5.0)))
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
    return under


def _great_vessels(canvas: Canvas) -> Part:
    """Paint arteries, veins, windpipe and gullet; returns the gullet."""
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
    gullet = canvas.chain(
        [(5.0, 18.0, 155.0), (7.0, 24.0, 50.0), (8.0, 24.0, -40.0), (20.0, 6.0, -95.0)], [7.0, 7.5, 8.0, 9.0]
    )
    canvas.paint(gullet, 40.0)
    for z in (120.0, 30.0, -22.0):
        canvas.paint(canvas.ellipsoid((7.0, 22.0, z), (2.5, 2.0, 7.0)), -700.0)
    return gullet


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

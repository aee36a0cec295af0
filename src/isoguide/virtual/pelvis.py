"""A male pelvis with the lumbar spine. The origin lies midway between the femoral heads."""

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.shapes import Coordinates, Floats, Triple
from isoguide.virtual.tissue import lay_soft_tissue

TRUNK = Outline(
    (
        (-130.0, 0.0, 166.0, 82.0, 78.0),
        (-60.0, 5.0, 176.0, 88.0, 100.0),
        (0.0, 8.0, 177.0, 98.0, 112.0),
        (60.0, 6.0, 170.0, 104.0, 112.0),
        (110.0, 4.0, 161.0, 106.0, 102.0),
        (170.0, 2.0, 150.0, 104.0, 96.0),
        (240.0, 0.0, 153.0, 100.0, 97.0),
    )
)
COUCH_Y_MM = 112.0
SACRUM = ((0.0, 52.0, 74.0), (0.0, 72.0, 48.0), (0.0, 84.0, 24.0), (0.0, 88.0, 2.0), (0.0, 84.0, -16.0))
"""Centres of S1 to S5."""


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    external, cavity = lay_soft_tissue(canvas, TRUNK.whole(canvas), COUCH_Y_MM, fat_mm=17.0, wall_mm=14.0)
    _muscles(canvas)
    _bowel(canvas, cavity)
    bladder, rectum, prostate = _organs(canvas)
    _vessels(canvas)
    femora = [_femur(canvas, side) for side in (1.0, -1.0)]
    _hips(canvas)
    _sacrum(canvas)
    spine.paint(canvas, _lumbar_spine(canvas.rng))
    target = prostate.grown(6.0)
    return Drawing(
        isocentre_mm=(1.0, -4.0, -3.0),
        outlines=(
            Outlined("BODY", "EXTERNAL", external),
            Outlined("PTV", "PTV", target),
            Outlined("Prostate", "CTV", prostate),
            Outlined("Bladder", "ORGAN", bladder),
            Outlined("Rectum", "ORGAN", rectum),
            Outlined("Femoral head left", "ORGAN", femora[0]),
            Outlined("Femoral head right", "ORGAN", femora[1]),
        ),
        couch_y_mm=COUCH_Y_MM,
    )


def _muscles(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        canvas.paint(
            canvas.ellipsoid((side * 66.0, 78.0, 5.0), (58.0, 27.0, 82.0), (0.0, 0.0, side * -22.0)), 52.0
        )
        canvas.paint(
            canvas.ellipsoid((side * 122.0, 22.0, 58.0), (20.0, 44.0, 62.0), (0.0, side * 12.0, side * 18.0)),
            55.0,
        )
        canvas.paint(canvas.ellipsoid((side * 128.0, -40.0, 12.0), (17.0, 26.0, 75.0), (8.0, 0.0, 0.0)), 56.0)
        canvas.paint(canvas.ellipsoid((side * 92.0, -55.0, -85.0), (48.0, 36.0, 75.0)), 54.0)
        canvas.paint(canvas.ellipsoid((side * 85.0, 42.0, -110.0), (46.0, 40.0, 70.0)), 53.0)
        canvas.paint(canvas.ellipsoid((side * 55.0, -5.0, -95.0), (30.0, 42.0, 70.0)), 55.0)
        psoas = [
            (side * 34.0, 22.0, 230.0),
            (side * 46.0, 14.0, 150.0),
            (side * 60.0, -6.0, 85.0),
            (side * 88.0, -38.0, 15.0),
        ]
        canvas.tube([*psoas, (side * 108.0, -10.0, -55.0)], [15.0, 22.0, 23.0, 17.0, 9.0], 57.0)
        canvas.paint(
            canvas.ellipsoid((side * 90.0, 22.0, 95.0), (34.0, 14.0, 48.0), (0.0, side * 30.0, side * -50.0)),
            54.0,
        )
        canvas.paint(canvas.ellipsoid((side * 40.0, 12.0, -18.0), (9.0, 24.0, 34.0)), 53.0)
        erector = [(side * 24.0, 86.0, 60.0), (side * 32.0, 76.0, 130.0), (side * 36.0, 74.0, 240.0)]
        canvas.tube(erector, [15.0, 24.0, 25.0], 48.0)
        rectus = [(side * 14.0, -66.0, 10.0), (side * 36.0, -90.0, 110.0), (side * 38.0, -88.0, 230.0)]
        canvas.tube(rectus, [6.0, 9.0, 9.0], 55.0)


def _bowel(canvas: Canvas, cavity: Part) -> None:
    """Loops of bowel that wander through the upper cavity, some with gas."""
    rng = canvas.rng
    inside = canvas.stencil(cavity)
    for _ in range(9):
        point = np.array([rng.uniform(-85, 85), rng.uniform(-68, -10), rng.uniform(70, 215)])
        heading = rng.standard_normal(3)
        points, radii = [], []
        for _ in range(7):
            points.append((float(point[0]), float(point[1]), float(point[2])))
            radii.append(float(rng.uniform(9.0, 14.0)))
            heading = heading / np.linalg.norm(heading) + 0.9 * rng.standard_normal(3) * (1.0, 0.8, 0.8)
            point = np.clip(point + 20.0 * heading / np.linalg.norm(heading), (-98, -72, 45), (98, 4, 230))
        for start, stop, r in zip(points[:-1], points[1:], radii, strict=False):
            part = canvas.rod(start, stop, r, r)
            canvas.paint(part, 38.0, inside)
            canvas.paint(part.grown(-2.5), float(rng.uniform(5.0, 45.0)), inside)
        for point_mm in points[::3]:
            if rng.uniform() < 0.4:
                gas = canvas.ellipsoid((point_mm[0], point_mm[1] - 3.0, point_mm[2]), (7.0, 5.0, 9.0))
                canvas.paint(gas, -950.0, inside)


def _organs(canvas: Canvas) -> tuple[Part, Part, Part]:
    bladder = canvas.ellipsoid((2.0, -18.0, 42.0), (40.0, 31.0, 28.0), (12.0, 0.0, 4.0))
    canvas.paint(bladder, 32.0)
    canvas.paint(bladder.grown(-3.0), 6.0)
    for side in (1.0, -1.0):
        vesicle = canvas.ellipsoid((side * 15.0, 17.0, 22.0), (16.0, 6.0, 7.0), (0.0, side * -15.0, 0.0))
        canvas.paint(vesicle, 28.0)
    path: list[Triple] = [(4.0, 46.0, -58.0), (0.0, 36.0, -35.0), (-3.0, 40.0, -8.0), (3.0, 50.0, 22.0)]
    path += [
        (-8.0, 55.0, 48.0),
        (14.0, 36.0, 74.0),
        (44.0, 24.0, 84.0),
        (78.0, 8.0, 98.0),
        (92.0, -6.0, 140.0),
    ]
    radii = [8.0, 13.0, 17.0, 18.0, 17.0, 15.0, 14.0, 15.0, 16.0]
    colon = canvas.chain(path, radii)
    canvas.paint(colon, 42.0)
    canvas.paint(colon.grown(-3.0), 18.0)
    for centre, size in (((-2.0, 37.0, 2.0), (8.0, 6.0, 14.0)), ((40.0, 19.0, 84.0), (12.0, 7.0, 7.0))):
        canvas.paint(canvas.ellipsoid(centre, size), -920.0)
    prostate = canvas.ellipsoid((1.0, -4.0, -3.0), (25.0, 17.0, 20.0), (-10.0, 0.0, 0.0))
    canvas.paint(prostate, 44.0)
    canvas.paint(canvas.rod((1.0, -6.0, -10.0), (3.0, 2.0, -55.0), 8.0, 12.0), 48.0)
    canvas.paint(canvas.ellipsoid((5.0, -6.0, 2.0), (2.0, 1.5, 2.0)), 350.0)
    return bladder, canvas.chain(path[:5], radii[:5]), prostate


def _vessels(canvas: Canvas) -> None:
    canvas.tube([(8.0, 8.0, 240.0), (6.0, 2.0, 150.0), (2.0, 2.0, 125.0)], [10.0, 9.5, 9.0], 46.0)
    canvas.tube([(-18.0, 10.0, 240.0), (-17.0, 4.0, 150.0), (-10.0, 8.0, 118.0)], [11.0, 11.0, 10.0], 43.0)
    for side in (1.0, -1.0):
        iliac = [
            (side * 6.0, 4.0, 122.0),
            (side * 40.0, 6.0, 84.0),
            (side * 64.0, -22.0, 45.0),
            (side * 70.0, -58.0, -5.0),
        ]
        canvas.tube([*iliac, (side * 72.0, -52.0, -90.0)], [7.0, 6.5, 6.0, 6.0, 5.0], 45.0)
        canvas.tube([(x + side * -9.0, y + 7.0, z - 2.0) for x, y, z in iliac], [7.0, 7.0, 7.0, 6.5], 42.0)
        canvas.paint(canvas.rod((side * 30.0, -4.0, 150.0), (side * 34.0, 2.0, 120.0), 2.0, 2.0), 20.0)
    calcified = canvas.ellipsoid((6.0, -7.0, 165.0), (6.0, 1.5, 8.0))
    canvas.paint(calcified, 600.0)


def _femur(canvas: Canvas, side: float) -> Part:
    head_centre = (side * 89.0, 0.0, 0.0)
    head = canvas.ellipsoid(head_centre, (24.5, 24.5, 24.5))
    low, high = (side * 89.0, 0.0, -130.0), (side * 140.0, 20.0, 20.0)
    reach = 30.0

    def distance(p: Coordinates) -> Floats:
        neck = shapes.capsule(p, head_centre, (side * 126.0, 6.0, -24.0), 17.0, 18.0)
        trochanter = shapes.ellipsoid(p, (side * 139.0, 12.0, -18.0), (14.0, 19.0, 25.0))
        small = shapes.ellipsoid(p, (side * 116.0, 18.0, -58.0), (9.0, 9.0, 13.0))
        shaft = shapes.capsule(p, (side * 130.0, 6.0, -40.0), (side * 124.0, -4.0, -160.0), 18.0, 14.5)
        whole = shapes.blended(shapes.ellipsoid(p, head_centre, (24.5, 24.5, 24.5)), neck, 6.0)
        return shapes.blended(shapes.blended(whole, shapes.union(trochanter, small), 6.0), shaft, 8.0)

    x = sorted((low[0], high[0]))
    bone = canvas.part((x[0] - reach, -reach, -160.0), (x[1] + reach, reach + 10.0, 30.0), distance)
    canvas.bone(bone, 900.0, 230.0, 2.2)
    marrow = canvas.rod((side * 129.0, 5.0, -62.0), (side * 124.0, -4.0, -160.0), 8.0, 8.0)
    outer = canvas.rod((side * 129.0, 5.0, -62.0), (side * 124.0, -4.0, -160.0), 14.0, 14.0)
    canvas.paint(outer, 1150.0)
    canvas.paint(marrow, -20.0)
    canvas.paint(canvas.ellipsoid(head_centre, (14.0, 14.0, 14.0)), 330.0)
    return head


def _hips(canvas: Canvas) -> None:
    for side in (1.0, -1.0):

        def distance(p: Coordinates, side: float = side) -> Floats:
            own = (p[0] * np.float32(side), p[1], p[2])
            return _hip(own)

        x = sorted((side * 0.0, side * 150.0))
        bone = canvas.part((x[0] - 8.0, -75.0, -90.0), (x[1] + 8.0, 100.0, 145.0), distance)
        canvas.bone(bone, 820.0, 210.0, 1.8)
    canvas.paint(canvas.ellipsoid((0.0, -50.0, -28.0), (3.5, 9.0, 17.0)), 110.0)


def _hip(p: Coordinates) -> Floats:
    """Left hip bone: wing, socket, ischium and pubis."""
    x, y, z = p
    # The wing is a piece of a bowl that opens upwards and forwards.
    bowl = shapes.ellipsoid(p, (0.0, -22.0, 75.0), (122.0, 108.0, 165.0), (0.0, 0.0, 12.0))
    crest = np.float32(122.0) - np.square((y - np.float32(6.0)) / np.float32(9.0))
    lower = np.float32(14.0) + np.square(np.maximum(y - np.float32(20.0), 0.0)) / np.float32(45.0)
    thickness = np.float32(4.2) + np.float32(4.5) * np.exp(-np.square((z - crest) / np.float32(10.0)))
    wing = shapes.common(
        np.abs(bowl) - thickness, z - crest, lower - z, np.float32(44.0) - x, np.abs(y - 8.0) - 82.0
    )
    socket = shapes.without(
        shapes.ellipsoid(p, (84.0, 1.0, 3.0), (37.0, 34.0, 36.0)),
        shapes.ellipsoid(p, (91.0, 0.0, -1.0), (27.5, 27.5, 27.5)),
        shapes.capsule(p, (95.0, -4.0, -6.0), (140.0, -6.0, -35.0), 24.0, 30.0),
    )
    pillar = shapes.capsule(p, (80.0, 14.0, 28.0), (50.0, 58.0, 72.0), 11.0, 15.0)
    ischium = shapes.capsule(p, (76.0, 26.0, -14.0), (60.0, 38.0, -62.0), 14.0, 13.0)
    upper_pubis = shapes.capsule(p, (70.0, -16.0, 0.0), (14.0, -50.0, -20.0), 10.0, 9.0)
    body = shapes.ellipsoid(p, (9.0, -50.0, -28.0), (6.5, 10.0, 19.0))
    lower_pubis = shapes.capsule(p, (10.0, -48.0, -42.0), (56.0, 30.0, -70.0), 7.0, 9.0)
    ring = shapes.blended(shapes.blended(ischium, lower_pubis, 4.0), shapes.union(upper_pubis, body), 5.0)
    return shapes.blended(shapes.blended(wing, pillar, 8.0), shapes.blended(socket, ring, 5.0), 6.0)


def _sacrum(canvas: Canvas) -> None:
    rng = canvas.rng
    widths = np.array([52.0, 44.0, 34.0, 25.0, 17.0]) * (1.0 + 0.05 * rng.uniform(-1, 1, 5))

    def distance(p: Coordinates) -> Floats:
        parts = []
        for n, (centre, width) in enumerate(zip(SACRUM, widths, strict=True)):
            tilt = (-35.0 + 17.0 * n, 0.0, 0.0)
            parts.append(shapes.ellipsoid(p, centre, (float(width), 15.0 - 1.6 * n, 16.0), tilt))
        solid = parts[0]
        for part in parts[1:]:
            solid = shapes.blended(solid, part, 6.0)
        ridge = shapes.capsule(p, (0.0, 76.0, 78.0), (0.0, 102.0, 10.0), 5.0, 4.0)
        solid = shapes.blended(solid, ridge, 6.0)
        holes = [
            shapes.capsule(p, (s * x, y - 26.0, z), (s * x, y + 30.0, z + 6.0), 4.0, 4.0)
            for s in (1.0, -1.0)
            for x, y, z in ((24.0, 62.0, 61.0), (21.0, 78.0, 36.0), (17.0, 86.0, 13.0))
        ]
        canal = shapes.capsule(p, (0.0, 74.0, 92.0), (0.0, 93.0, 20.0), 8.0, 4.0)
        return shapes.without(solid, canal, *holes)

    canvas.bone(canvas.part((-62.0, 25.0, -35.0), (62.0, 112.0, 100.0), distance), 640.0, 170.0, 1.6)
    coccyx = canvas.chain([(0.0, 80.0, -24.0), (0.0, 72.0, -34.0), (1.0, 62.0, -40.0)], [6.0, 5.0, 3.5])
    canvas.bone(coccyx, 500.0, 200.0, 1.5)


def _lumbar_spine(rng: np.random.Generator) -> list[spine.Vertebra]:
    """L5 and upwards as far as the picture goes."""
    vertebrae = []
    z = 106.0
    for level in ("L5", "L4", "L3", "L2", "L1", "T12", "T11"):
        y = 38.0 - 14.0 * np.sin(np.clip((z - 70.0) / 150.0, 0.0, 1.3) * np.pi / 1.3)
        lean = {"L5": 16.0, "L4": 6.0, "L3": 0.0, "L2": -5.0}.get(level, -7.0)
        sway = 2.5 * np.sin(z / 60.0 + 1.0)
        vertebrae.append(spine.typical(level, (float(sway), float(y), z), -lean, rng))
        z += spine.pitch_mm(level) * 0.97 * float(rng.uniform(0.96, 1.04))
    return vertebrae[::-1]

"""A male pelvis with the lumbar spine. The origin lies midway between the femoral heads."""

from functools import reduce

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.virtual import shapes, spine
from isoguide.virtual.bowel import small_bowel_loop
from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.shapes import SIDES, Coordinates, Floats, Triple
from isoguide.virtual.tissue import lay_soft_tissue

TRUNK = Outline(
    (
        (-130.0, 0.0, 166.0, 82.0, 78.0),
        (-60.0, 5.0, 176.0, 88.0, 100.0),
        (0.0, 8.0, 177.0, 98.0, 112.0),
        (60.0, 6.0, 170.0, 104.0, 112.0),
        (110.0, 4.0, 161.0, 106.0, 102.0),
        (170.0, 2.0, 150.0, 104.0, 96.0),
        (280.0, 0.0, 156.0, 102.0, 98.0),
    )
)
COUCH_Y_MM = 112.0
SACRUM = ((0.0, 52.0, 74.0), (0.0, 68.0, 50.0), (0.0, 80.0, 27.0), (0.0, 86.0, 6.0), (0.0, 84.0, -13.0))
"""Centres of S1 to S5."""
LOOPS_START = ((-80.0, -74.0, 75.0), (80.0, -14.0, 265.0))
LOOPS_STAY = ((-92.0, -78.0, 58.0), (92.0, 0.0, 278.0))
"""Where loops of small bowel begin and where they stay: two corners each."""
SEEDS: tuple[Triple, ...] = ((11.0, -6.0, 8.0), (-11.0, 1.0, 9.0), (-9.0, -6.0, -12.0), (12.0, 1.0, -10.0))
"""Where seeds are implanted into the prostate: at the base and at the apex, on both sides."""


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    external, cavity = lay_soft_tissue(canvas, _body(canvas), COUCH_Y_MM, fat_mm=17.0, wall_mm=14.0)
    _muscles(canvas)
    _bowel(canvas, cavity)
    bladder, rectum, prostate, vesicles = _organs(canvas)
    _vessels(canvas)
    femora = [_femur(canvas, side) for side in (1.0, -1.0)]
    _hips(canvas)
    _sacrum(canvas)
    vertebrae = _lumbar_spine(canvas.rng)
    spine.paint(canvas, vertebrae)
    target = prostate.grown(6.0)
    return Drawing(
        isocentre_mm=(1.0, -4.0, -3.0),
        outlines=(
            Outlined("BODY", "EXTERNAL", external),
            Outlined("PTV", "PTV", target),
            Outlined("Prostate", "CTV", prostate),
            Outlined("Bladder", "ORGAN", bladder),
            Outlined("Rectum", "ORGAN", rectum),
            Outlined("SeminalVes", "ORGAN", vesicles),
            Outlined("Femur_Head_L", "ORGAN", femora[0]),
            Outlined("Femur_Head_R", "ORGAN", femora[1]),
        ),
        couch_y_mm=COUCH_Y_MM,
        vertebrae=tuple(vertebrae),
        seeds=SEEDS,
    )


def _body(canvas: Canvas) -> Part:
    """Trunk with two legs and the cleft between the buttocks."""
    trunk = TRUNK.whole(canvas)
    p = canvas.everywhere()
    fade = np.maximum(np.float32(-52.0) - canvas.axes[0], 0.0)[:, None, None]
    low = slice(0, int(np.searchsorted(canvas.axes[0], 10.0)))
    legs_at = tuple(axis[low] for axis in p)
    legs = [
        shapes.capsule(
            (legs_at[0], legs_at[1], legs_at[2]), (s * 92.0, 6.0, 0.0), (s * 88.0, 2.0, -260.0), 82.0, 80.0
        )
        for s in (1.0, -1.0)
    ]
    body = trunk.distance + np.float32(1.6) * fade
    body[low] = shapes.blended(body[low], shapes.union(*legs), 14.0)
    cleft = shapes.capsule(
        (legs_at[0], legs_at[1], legs_at[2]), (0.0, 122.0, 45.0), (0.0, 108.0, -120.0), 9.0, 16.0
    )
    body[low] = shapes.without(body[low], cleft)
    return Part(trunk.box, body)


def _muscles(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        for centre, radii, tilt in (
            ((66.0, 80.0, 0.0), (60.0, 27.0, 84.0), (0.0, 0.0, -20.0)),
            ((104.0, 44.0, 62.0), (15.0, 46.0, 56.0), (0.0, 8.0, 38.0)),
            ((122.0, 8.0, 40.0), (13.0, 36.0, 48.0), (0.0, 10.0, 24.0)),
            ((128.0, -42.0, 6.0), (15.0, 24.0, 72.0), (8.0, 0.0, 0.0)),
            ((104.0, -58.0, -85.0), (26.0, 20.0, 70.0), (0.0, 0.0, 0.0)),
            ((138.0, -20.0, -95.0), (20.0, 40.0, 60.0), (0.0, 0.0, 0.0)),
            ((52.0, -26.0, -92.0), (18.0, 26.0, 60.0), (0.0, -14.0, 0.0)),
            ((44.0, 12.0, -98.0), (24.0, 30.0, 66.0), (0.0, 0.0, 0.0)),
            ((98.0, 50.0, -112.0), (34.0, 24.0, 66.0), (0.0, 0.0, 0.0)),
            ((62.0, 58.0, -118.0), (24.0, 24.0, 60.0), (0.0, 0.0, 0.0)),
            ((78.0, 26.0, 100.0), (40.0, 9.0, 50.0), (0.0, 24.0, -48.0)),
            ((40.0, 8.0, -20.0), (8.0, 26.0, 34.0), (0.0, 0.0, 10.0)),
            ((60.0, 56.0, 20.0), (36.0, 8.0, 14.0), (0.0, 0.0, -30.0)),
        ):
            x, y, z = centre
            canvas.muscle(
                canvas.ellipsoid((side * x, y, z), radii, (tilt[0], side * tilt[1], side * tilt[2]))
            )
        psoas = [
            (34.0, 22.0, 285.0),
            (46.0, 14.0, 150.0),
            (60.0, -6.0, 85.0),
            (88.0, -38.0, 15.0),
            (106.0, -8.0, -55.0),
        ]
        canvas.muscle(canvas.chain([(side * x, y, z) for x, y, z in psoas], [14.0, 21.0, 22.0, 16.0, 9.0]))
        for path, radii_mm in (
            ([(24.0, 86.0, 60.0), (30.0, 77.0, 130.0), (33.0, 75.0, 285.0)], [13.0, 22.0, 23.0]),
            ([(72.0, 52.0, 120.0), (66.0, 54.0, 285.0)], [14.0, 12.0]),
        ):
            canvas.muscle(canvas.chain([(side * x, y, z) for x, y, z in path], radii_mm))
        _straight_muscle(canvas, side)


def _straight_muscle(canvas: Canvas, side: float) -> None:
    """Paint a flat band in the wall of the belly."""
    flat = (0.45, 1.6, 1.0)
    path = [(14.0, -64.0, 10.0), (36.0, -81.0, 110.0), (38.0, -80.0, 285.0)]
    points: list[Triple] = [(side * x * flat[0], y * flat[1], z * flat[2]) for x, y, z in path]
    low, high = sorted((side * 0.0, side * 70.0))

    def distance(p: Coordinates) -> Floats:
        squeezed = shapes.scaled(p, (0.0, 0.0, 0.0), flat)
        lower = shapes.capsule(squeezed, points[0], points[1], 6.0, 9.0)
        return shapes.union(lower, shapes.capsule(squeezed, points[1], points[2], 9.0, 9.0))

    canvas.muscle(canvas.part((low, -104.0, 0.0), (high, -50.0, 300.0), distance))


def _bowel(canvas: Canvas, cavity: Part) -> None:
    """Paint loops of small bowel in the upper cavity and the colon at its sides, some with gas."""
    inside = canvas.stencil(cavity)
    for _ in range(18):
        small_bowel_loop(canvas, inside, LOOPS_START, LOOPS_STAY)
    rng = canvas.rng
    for side, start in ((1.0, 130.0), (-1.0, 70.0)):
        z = start
        while z < 275.0:
            size = float(rng.uniform(19.0, 25.0))
            pouch = canvas.ellipsoid((side * float(rng.uniform(98, 104)), -2.0, z), (size, size + 2.0, 15.0))
            canvas.paint(pouch, 40.0, inside)
            canvas.paint(pouch.grown(-2.5), float(rng.uniform(-60.0, 30.0)), inside)
            if rng.uniform() < 0.45:
                gas = canvas.ellipsoid((side * 101.0, -10.0, z), (12.0, 9.0, 9.0))
                canvas.paint(gas, -940.0, inside)
            z += 19.0


def _organs(canvas: Canvas) -> tuple[Part, Part, Part, Part]:
    bladder = canvas.ellipsoid((2.0, -18.0, 42.0), (40.0, 31.0, 28.0), (12.0, 0.0, 4.0))
    canvas.paint(bladder, 32.0)
    canvas.paint(bladder.grown(-3.0), 6.0)
    vesicles = canvas.part(
        (-34.0, 0.0, 5.0),
        (34.0, 34.0, 39.0),
        lambda p: shapes.ellipsoid(
            shapes.mirrored(p), (15.0, 17.0, 22.0), (16.0, 6.0, 7.0), (0.0, -15.0, 0.0)
        ),
    )
    canvas.paint(vesicles, 28.0)
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
    return bladder, canvas.chain(path[:5], radii[:5]), prostate, vesicles


def _vessels(canvas: Canvas) -> None:
    canvas.tube([(8.0, 8.0, 285.0), (6.0, 2.0, 150.0), (2.0, 2.0, 125.0)], [10.0, 9.5, 9.0], 46.0)
    canvas.tube([(-18.0, 10.0, 285.0), (-17.0, 4.0, 150.0), (-10.0, 8.0, 118.0)], [11.0, 11.0, 10.0], 43.0)
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
    canvas.bone(bone, f"femur {SIDES[side]}", 900.0, 230.0, 2.2)
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
        canvas.bone(bone, f"hip {SIDES[side]}", 820.0, 210.0, 1.8)
    canvas.paint(canvas.ellipsoid((0.0, -50.0, -28.0), (3.5, 9.0, 17.0)), 110.0)


def _hip(p: Coordinates) -> Floats:
    """Signed distance of the left hip bone: wing, socket, ischium and pubis."""
    return shapes.blended(shapes.blended(_wing(p), _socket(p), 8.0), _pubic_ring(p), 6.0)


def _wing(p: Coordinates) -> Floats:
    """Cut a bowl that opens forwards and inwards, with a thick crest, and add the pillar to the sacrum."""
    x, y, z = p
    bowl = shapes.ellipsoid(p, (0.0, -78.0, 128.0), (127.0, 157.0, 170.0))
    crest = np.float32(126.0) - np.square((y - np.float32(14.0)) / np.float32(9.5))
    lower = np.float32(12.0) + np.square(np.maximum(y - np.float32(26.0), 0.0)) / np.float32(42.0)
    lower += np.square(np.maximum(np.float32(-28.0) - y, 0.0)) / np.float32(16.0)
    thickness = np.float32(3.6) + np.float32(4.5) * np.exp(-np.square((z - crest) / np.float32(9.0)))
    thickness += np.float32(3.0) * np.exp(-np.square((z - lower) / np.float32(16.0)))
    span = np.abs(y - np.float32(4.0)) - np.float32(74.0)
    wing = shapes.common(np.abs(bowl) - thickness, z - crest, lower - z, np.float32(36.0) - x, span)
    pillar = shapes.capsule(p, (84.0, 8.0, 24.0), (52.0, 56.0, 62.0), 12.0, 13.0)
    return shapes.blended(wing, pillar, 7.0)


def _socket(p: Coordinates) -> Floats:
    return shapes.without(
        shapes.ellipsoid(p, (82.0, 1.0, 5.0), (34.0, 32.0, 34.0)),
        shapes.ellipsoid(p, (90.0, 0.0, -1.0), (27.0, 27.0, 27.0)),
        shapes.capsule(p, (95.0, -3.0, -8.0), (140.0, -4.0, -40.0), 24.0, 32.0),
    )


def _pubic_ring(p: Coordinates) -> Floats:
    ischium = shapes.capsule(p, (76.0, 26.0, -14.0), (60.0, 36.0, -62.0), 13.0, 13.0)
    spike = shapes.capsule(p, (68.0, 34.0, 2.0), (52.0, 50.0, -8.0), 7.0, 3.5)
    upper_pubis = shapes.capsule(p, (70.0, -18.0, 2.0), (14.0, -50.0, -18.0), 9.5, 8.5)
    body = shapes.ellipsoid(p, (9.0, -50.0, -27.0), (6.5, 10.0, 19.0))
    lower_pubis = shapes.capsule(p, (10.0, -47.0, -42.0), (56.0, 28.0, -70.0), 6.5, 9.0)
    back = shapes.blended(shapes.blended(ischium, spike, 4.0), lower_pubis, 4.0)
    return shapes.blended(back, shapes.union(upper_pubis, body), 4.0)


def _sacrum(canvas: Canvas) -> None:
    rng = canvas.rng
    own = 1.0 + 0.05 * rng.uniform(-1, 1, (5, 2))

    def distance(p: Coordinates) -> Floats:
        solid = _sacral_segments(p, own)
        ridge = shapes.capsule(p, (0.0, 78.0, 80.0), (0.0, 103.0, 10.0), 5.0, 4.0)
        solid = shapes.blended(solid, ridge, 6.0)
        holes = [
            shapes.capsule(p, (s * x, y - 26.0, z), (s * x, y + 30.0, z + 6.0), 4.0, 4.0)
            for s in (1.0, -1.0)
            for x, y, z in ((25.0, 62.0, 61.0), (21.0, 78.0, 36.0), (17.0, 86.0, 13.0))
        ]
        canal = shapes.capsule(p, (0.0, 68.0, 98.0), (0.0, 94.0, 20.0), 9.0, 4.0)
        joint = _wing(shapes.mirrored(p)) - np.float32(2.2)
        return shapes.without(solid, canal, joint, *holes)

    sacrum = canvas.part((-66.0, 20.0, -35.0), (66.0, 114.0, 104.0), distance)
    canvas.bone(sacrum, "sacrum", 640.0, 170.0, 1.6)
    coccyx = canvas.chain([(0.0, 80.0, -24.0), (0.0, 72.0, -34.0), (1.0, 62.0, -40.0)], [6.0, 5.0, 3.5])
    canvas.bone(coccyx, "coccyx", 500.0, 200.0, 1.5)


def _sacral_segments(p: Coordinates, own: Array) -> Floats:
    """Five fused vertebrae, smaller and smaller, and the side masses of the first three."""
    segments = []
    for n, (x, y, z) in enumerate(SACRUM):
        tilt = (-38.0 + 17.0 * n, 0.0, 0.0)
        half = (float((27.0 - 3.6 * n) * own[n, 0]), 13.5 - 1.9 * n, float((14.5 - 0.8 * n) * own[n, 1]))
        segment = shapes.block(p, (x, y, z), half, 6.5, tilt)
        if n < 4:
            side = (34.0 - 7.0 * n, y + 5.0, z - 2.0)
            mass = shapes.ellipsoid(shapes.mirrored(p), side, (23.0 - 3.0 * n, 14.0 - 2.0 * n, 18.0), tilt)
            segment = shapes.blended(segment, mass, 5.0)
        segments.append(segment)
    return reduce(lambda upper, lower: shapes.blended(upper, lower, 7.0), segments)


def _lumbar_spine(rng: np.random.Generator) -> list[spine.Vertebra]:
    """L5 and upwards as far as the picture goes."""
    vertebrae = []
    z = 104.0
    for level in ("L5", "L4", "L3", "L2", "L1", "T12", "T11"):
        y = 38.0 - 14.0 * np.sin(np.clip((z - 70.0) / 150.0, 0.0, 1.3) * np.pi / 1.3)
        lean = {"L5": 16.0, "L4": 6.0, "L3": 0.0, "L2": -5.0}.get(level, -7.0)
        sway = 2.5 * np.sin(z / 60.0 + 1.0)
        vertebrae.append(spine.typical(level, (float(sway), float(y), z), -lean, rng))
        z += spine.pitch_mm(level) * 0.97 * float(rng.uniform(0.96, 1.04))
    return vertebrae[::-1]

"""Head and neck down to the shoulders. The origin lies between the jaw angles, behind the hard palate."""

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.canvas import Canvas, Part, Stencil
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.shapes import SIDES, Coordinates, Floats, Triple
from isoguide.virtual.tissue import lay_soft_tissue

NECK = Outline(
    (
        (-145.0, 26.0, 176.0, 84.0, 66.0),
        (-126.0, 27.0, 150.0, 74.0, 64.0),
        (-108.0, 28.0, 98.0, 64.0, 60.0),
        (-90.0, 28.0, 68.0, 61.0, 56.0),
        (-60.0, 26.0, 60.0, 60.0, 54.0),
        (-20.0, 22.0, 59.0, 46.0, 58.0),
        (40.0, 20.0, 56.0, 40.0, 62.0),
    )
)
COUCH_Y_MM = 117.0
CRANIUM: tuple[Triple, Triple] = ((0.0, 16.0, 80.0), (72.0, 93.0, 76.0))
"""Centre and half axes of the outer skull."""
BRAIN_HU, AIR_HU, TOOTH_HU, FILLING_HU = 34.0, -990.0, 1750.0, 3000.0
TARGET: Triple = (-17.0, -14.0, -20.0)
TUMOUR_RADII: Triple = (11.0, 14.0, 18.0)
TUMOUR_TILT_DEG: Triple = (0.0, 10.0, 0.0)
FAT_AROUND_MM = 4.0


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    whole = Part(
        (slice(0, canvas.shape[0]), slice(0, canvas.shape[1]), slice(0, canvas.shape[2])), _body(canvas)
    )
    external, inner = lay_soft_tissue(canvas, whole, COUCH_Y_MM, fat_mm=5.0, wall_mm=4.0)
    canvas.muscle(inner)
    _fat_spaces(canvas)
    _muscles(canvas)
    glands = [_glands(canvas, side) for side in (1.0, -1.0)]
    brain, stem = _brain_and_skull(canvas)
    _face(canvas)
    target = _tumour(canvas)
    _airway(canvas)
    _jaws(canvas)
    vertebrae = _cervical_spine(canvas.rng)
    _atlas(canvas)
    _upper_thorax(canvas, vertebrae)
    spine.paint(canvas, vertebrae)
    cord = [
        (0.0, 32.0, 6.0),
        *((v.centre[0], v.centre[1] + v.half_depth + 7.0, v.centre[2]) for v in vertebrae),
    ]
    canvas.tube(cord[:2], [6.0, 5.0], 42.0)
    return Drawing(
        isocentre_mm=(-4.0, 2.0, -22.0),
        outlines=(
            Outlined("BODY", "EXTERNAL", external),
            Outlined("PTV", "PTV", target.grown(8.0)),
            Outlined("GTV", "GTV", target),
            Outlined("Parotid_L", "ORGAN", glands[0]),
            Outlined("Parotid_R", "ORGAN", glands[1]),
            Outlined("Brain", "ORGAN", brain),
            Outlined("Brainstem", "ORGAN", stem),
            Outlined("SpinalCord", "ORGAN", canvas.chain(cord, [5.0] * len(cord))),
        ),
        couch_y_mm=COUCH_Y_MM,
        vertebrae=tuple(vertebrae),
    )


def _body(canvas: Canvas) -> Floats:
    p = canvas.everywhere()
    neck = NECK.distance(p, canvas.axes[0])
    neck += np.maximum(canvas.axes[0] - 10.0, 0.0)[:, None, None]
    centre, radii = CRANIUM
    scalp = shapes.ellipsoid(p, centre, (radii[0] + 6.0, radii[1] + 6.0, radii[2] + 6.0))
    face = shapes.ellipsoid(p, (0.0, -32.0, 14.0), (63.0, 68.0, 78.0), (-8.0, 0.0, 0.0))
    jaw = shapes.ellipsoid(p, (0.0, -40.0, -26.0), (56.0, 46.0, 38.0), (14.0, 0.0, 0.0))
    nose = shapes.blended(
        shapes.capsule(p, (0.0, -94.0, 44.0), (0.0, -110.0, 12.0), 8.0, 12.0),
        shapes.ellipsoid(p, (0.0, -102.0, 8.0), (18.0, 12.0, 9.0)),
        5.0,
    )
    ears = shapes.ellipsoid(shapes.mirrored(p), (68.0, 20.0, 30.0), (5.0, 17.0, 30.0), (8.0, -12.0, -20.0))
    head = shapes.blended(shapes.blended(scalp, face, 18.0), shapes.blended(jaw, neck, 14.0), 14.0)
    return shapes.blended(shapes.blended(head, nose, 8.0), ears, 5.0)


def _fat_spaces(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        for centre, radii in (
            ((side * 34.0, 6.0, -30.0), (13.0, 12.0, 46.0)),
            ((side * 40.0, 22.0, -85.0), (18.0, 16.0, 34.0)),
            ((side * 30.0, 0.0, 2.0), (9.0, 9.0, 18.0)),
            ((side * 46.0, -52.0, -2.0), (12.0, 22.0, 22.0)),
            ((side * 55.0, 30.0, -125.0), (42.0, 26.0, 24.0)),
        ):
            canvas.paint(canvas.ellipsoid(centre, radii), -90.0)


def _muscles(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        mastoid = [(side * 62.0, 26.0, 6.0), (side * 50.0, 10.0, -55.0), (side * 20.0, -22.0, -120.0)]
        canvas.muscle(canvas.chain(mastoid, [9.0, 11.0, 8.0]))
        canvas.muscle(canvas.ellipsoid((side * 51.0, -24.0, -8.0), (7.0, 17.0, 30.0), (-15.0, 0.0, 0.0)))
        canvas.muscle(canvas.ellipsoid((side * 64.0, -12.0, 58.0), (5.0, 30.0, 30.0)))
        for x, y, r in ((14.0, 62.0, 11.0), (30.0, 58.0, 10.0), (16.0, 76.0, 7.0), (42.0, 46.0, 9.0)):
            path = [(side * x, y - 4.0, 6.0), (side * x, y, -60.0), (side * (x + 4.0), y + 6.0, -150.0)]
            canvas.muscle(canvas.chain(path, [r, r, r]))
        canvas.muscle(
            canvas.ellipsoid((side * 70.0, 62.0, -128.0), (60.0, 14.0, 26.0), (0.0, side * 20.0, 0.0))
        )
        carotid = [(side * 27.0, 2.0, -2.0), (side * 27.0, 4.0, -60.0), (side * 24.0, 6.0, -150.0)]
        canvas.tube(carotid, [3.2, 4.0, 4.2], 62.0)
        jugular = [(side * 36.0, 8.0, -2.0), (side * 36.0, 6.0, -60.0), (side * 34.0, 4.0, -150.0)]
        canvas.tube(jugular, [5.0, 6.5, 7.0], 50.0)
        for z in (-20.0, -45.0, -68.0, -90.0):
            node = (side * 44.0, 12.0 + 4.0 * float(canvas.rng.uniform(-1, 1)), z)
            canvas.paint(canvas.ellipsoid(node, (3.0, 3.5, 5.0)), 45.0)


def _glands(canvas: Canvas, side: float) -> Part:
    canvas.paint(canvas.ellipsoid((side * 30.0, -26.0, -44.0), (11.0, 15.0, 12.0)), 32.0)
    canvas.paint(canvas.ellipsoid((side * 17.0, -8.0, -96.0), (9.0, 9.0, 21.0)), 115.0)
    parotid = canvas.ellipsoid((side * 47.0, 4.0, -2.0), (9.0, 15.0, 23.0), (10.0, 0.0, side * -15.0))
    return canvas.paint(parotid, -18.0)


def _tumour(canvas: Canvas) -> Part:
    """Paint the tumour into the fat beside the pharynx: without a border of fat no image shows its size."""
    tumour = canvas.ellipsoid(TARGET, TUMOUR_RADII, TUMOUR_TILT_DEG)
    canvas.paint(tumour.grown(FAT_AROUND_MM), -90.0)
    return canvas.paint(tumour, 58.0)


def _brain_and_skull(canvas: Canvas) -> tuple[Part, Part]:
    centre, radii = CRANIUM
    rng = canvas.rng
    outer = canvas.ellipsoid(centre, radii)
    p = canvas.at(outer.box)
    thick = (
        np.float32(5.5)
        + np.float32(2.0) * np.cos(p[1] * np.float32(0.05))
        + np.float32(0.02) * np.abs(p[1] - 16.0)
    )
    inner = outer.distance + thick
    floor = _skull_floor(p)
    vault = shapes.without(
        shapes.common(outer.distance, floor - np.float32(5.0)), shapes.common(inner, floor)
    )
    canvas.bone(Part(outer.box, vault), "skull", 1000.0, 420.0, 1.9)
    brain = Part(outer.box, shapes.common(inner, floor))
    canvas.paint(brain, BRAIN_HU)
    stem = _inside_brain(canvas, canvas.stencil(brain))
    for side in (1.0, -1.0):
        petrous = canvas.rod((side * 47.0, 20.0, 26.0), (side * 14.0, -6.0, 28.0), 11.0, 7.0)
        canvas.bone(petrous, "skull", 1250.0, 850.0, 2.0)
        mastoid = canvas.ellipsoid((side * 47.0, 32.0, 8.0), (9.0, 13.0, 20.0), (15.0, 0.0, 0.0))
        canvas.bone(mastoid, "skull", 850.0, 420.0, 1.5)
        for _ in range(26):
            cell = np.array((side * 47.0, 29.0, 14.0)) + rng.standard_normal(3) * (3.0, 6.0, 7.0)
            size = float(rng.uniform(1.2, 3.2))
            canvas.paint(
                canvas.ellipsoid((float(cell[0]), float(cell[1]), float(cell[2])), (size, size, size)), -800.0
            )
        canvas.paint(canvas.rod((side * 68.0, 17.0, 28.0), (side * 42.0, 13.0, 28.0), 3.2, 3.0), AIR_HU)
    canvas.bone(canvas.rod((0.0, -14.0, 36.0), (0.0, 14.0, 8.0), 9.0, 6.0), "skull", 700.0, 240.0, 1.5)
    canvas.bone(canvas.rod((0.0, 99.0, 66.0), (0.0, 107.0, 61.0), 6.0, 3.5), "skull", 950.0, 500.0, 2.0)
    return brain, stem


def _skull_floor(p: Coordinates) -> Floats:
    """Return the floor of three steps, high over the orbits and lowest at the back; negative above it."""
    x, y, z = p
    height = np.interp(
        y - 0.35 * np.abs(x), [-72.0, -40.0, -22.0, 4.0, 18.0], [58.0, 50.0, 33.0, 31.0, 2.0]
    ).astype(np.float32)
    result: Floats = height - z
    return result


def _inside_brain(canvas: Canvas, inside: Stencil) -> Part:
    """Paint white matter, fluid and the stem; returns the stem."""
    rng = canvas.rng
    for side in (1.0, -1.0):
        white = canvas.ellipsoid((side * 30.0, 14.0, 92.0), (24.0, 58.0, 34.0))
        canvas.paint(white, 28.0, inside)
        horn = canvas.chain(
            [
                (side * 8.0, -22.0, 88.0),
                (side * 12.0, 12.0, 96.0),
                (side * 24.0, 40.0, 86.0),
                (side * 32.0, 8.0, 66.0),
            ],
            [5.0, 6.0, 7.0, 3.0],
        )
        canvas.paint(horn, 8.0, inside)
        hemisphere = canvas.ellipsoid((side * 26.0, 64.0, 30.0), (28.0, 26.0, 22.0))
        canvas.paint(hemisphere, 38.0, inside)
    stem = canvas.rod((0.0, 16.0, 56.0), (0.0, 30.0, 4.0), 14.0, 8.0)
    canvas.paint(stem, 32.0, inside)
    for _ in range(160):
        # Fluid in the furrows under the skull.
        direction = rng.standard_normal(3)
        direction[2] = abs(direction[2]) - 0.2
        direction /= np.linalg.norm(direction)
        foot = np.array(CRANIUM[0]) + direction * (np.array(CRANIUM[1]) - 8.0)
        tip = foot - direction * rng.uniform(6.0, 16.0) + rng.standard_normal(3) * 4.0
        furrow = canvas.rod(tuple(foot.tolist()), tuple(tip.tolist()), 1.6, 0.8)
        canvas.paint(furrow, 10.0, inside)
    falx = canvas.part((-1.5, -70.0, 70.0), (1.5, 105.0, 155.0), lambda p: np.abs(p[0]) - np.float32(0.9))
    canvas.paint(falx, 60.0, inside)
    return stem


def _face(canvas: Canvas) -> None:
    rng = canvas.rng
    for side in (1.0, -1.0):
        socket = canvas.ellipsoid((side * 33.0, -58.0, 44.0), (21.0, 25.0, 19.0), (0.0, 0.0, side * -14.0))
        canvas.bone(socket.grown(2.2), "skull", 620.0, 400.0, 1.5)
        canvas.paint(socket, -88.0)
        eye: Triple = (side * 33.0, -72.0, 43.0)
        canvas.paint(canvas.ellipsoid(eye, (12.6, 12.6, 12.6)), 45.0)
        canvas.paint(canvas.ellipsoid(eye, (11.2, 11.2, 11.2)), 10.0)
        canvas.paint(canvas.ellipsoid((side * 33.0, -81.0, 43.0), (4.6, 2.2, 4.6)), 90.0)
        canvas.paint(canvas.rod((side * 31.0, -60.0, 43.0), (side * 14.0, -30.0, 46.0), 2.2, 2.2), 38.0)
        for dx, dz in ((9.0, 0.0), (-9.0, 0.0), (0.0, 9.0), (0.0, -9.0)):
            canvas.paint(
                canvas.rod((side * (32.0 + dx), -64.0, 43.0 + dz), (side * 17.0, -36.0, 45.0), 2.2, 1.5), 50.0
            )
        sinus = canvas.ellipsoid((side * 33.0, -54.0, 12.0), (16.0, 18.0, 17.0))
        canvas.bone(sinus.grown(1.8), "skull", 560.0, 420.0, 1.2)
        canvas.paint(sinus, AIR_HU)
        arch = [
            (side * 46.0, -66.0, 22.0),
            (side * 57.0, -42.0, 24.0),
            (side * 59.0, -12.0, 26.0),
            (side * 53.0, 8.0, 28.0),
        ]
        canvas.bone(canvas.chain(arch, [6.0, 4.0, 3.2, 4.0]), "skull", 900.0, 300.0, 1.5)
    canvas.paint(canvas.ellipsoid((-33.0, -44.0, 1.0), (13.0, 9.0, 4.0)), 25.0)
    cavity = canvas.part(
        (-14.0, -98.0, 2.0),
        (14.0, -20.0, 52.0),
        lambda p: shapes.block(p, (0.0, -54.0, 24.0), (13.0, 30.0, 24.0), 5.0),
    )
    canvas.bone(cavity.grown(1.8), "skull", 520.0, 380.0, 1.2)
    canvas.paint(cavity, AIR_HU)
    canvas.paint(canvas.rod((0.0, -84.0, 14.0), (0.0, -106.0, 8.0), 7.0, 6.0), AIR_HU)
    for side in (1.0, -1.0):
        for z, r in ((9.0, 4.6), (20.0, 3.8), (30.0, 2.8)):
            canvas.paint(canvas.rod((side * 7.0, -80.0, z), (side * 7.5, -32.0, z + 2.0), r, r), 48.0)
        for _ in range(14):
            cell = (
                side * float(rng.uniform(2.0, 12.0)),
                float(rng.uniform(-74.0, -32.0)),
                float(rng.uniform(36.0, 50.0)),
            )
            half = (0.5, 5.0, 4.0) if rng.uniform() < 0.5 else (4.0, 0.5, 4.0)
            canvas.paint(canvas.ellipsoid(cell, half), 500.0)
    canvas.paint(canvas.ellipsoid((0.5, -58.0, 24.0), (0.9, 30.0, 25.0)), 130.0)
    for centre, radii in (
        ((0.0, -22.0, 37.0), (11.0, 9.0, 7.0)),
        ((5.0, -73.0, 68.0), (15.0, 4.5, 10.0)),
        ((-12.0, -72.0, 66.0), (9.0, 4.0, 7.0)),
    ):
        hollow = canvas.ellipsoid(centre, radii)
        canvas.bone(hollow.grown(1.8), "skull", 700.0, 500.0, 1.2)
        canvas.paint(hollow, AIR_HU)


def _airway(canvas: Canvas) -> None:
    canvas.paint(canvas.ellipsoid((0.0, -40.0, -20.0), (23.0, 30.0, 19.0)), 58.0)
    wall: list[Triple] = [(0.0, -14.0, 18.0), (0.0, -6.0, -4.0), (1.0, -6.0, -30.0), (0.0, -8.0, -52.0)]
    wall += [(0.0, -18.0, -72.0), (0.0, -14.0, -92.0), (-1.0, -4.0, -150.0)]
    canvas.tube(wall[4:], [11.0, 10.0, 10.0], 60.0)
    canvas.tube(wall, [9.0, 5.0, 7.0, 8.0, 3.5, 8.0, 8.0], AIR_HU)
    canvas.paint(canvas.ellipsoid((0.0, -14.0, -44.0), (9.0, 2.0, 10.0), (20.0, 0.0, 0.0)), 55.0)
    hyoid: list[Triple] = [
        (-20.0, -10.0, -50.0),
        (-13.0, -26.0, -54.0),
        (0.0, -32.0, -55.0),
        (13.0, -26.0, -54.0),
        (20.0, -10.0, -50.0),
    ]
    canvas.bone(canvas.chain(hyoid, [2.2, 2.6, 3.4, 2.6, 2.2]), "hyoid", 480.0, 300.0, 1.2)
    for side in (1.0, -1.0):
        for z in (-64.0, -70.0, -76.0):
            canvas.paint(canvas.rod((side * 3.0, -33.0, z), (side * 17.0, -8.0, z), 1.9, 1.9), 190.0)
    cricoid: list[Triple] = [
        (0.0, -25.0, -88.0),
        (11.0, -16.0, -87.0),
        (8.0, -5.0, -84.0),
        (-8.0, -5.0, -84.0),
        (-11.0, -16.0, -87.0),
        (0.0, -25.0, -88.0),
    ]
    canvas.tube(cricoid, [2.2] * 6, 210.0)
    canvas.paint(canvas.rod((2.0, 6.0, -80.0), (4.0, 10.0, -150.0), 6.0, 6.5), 42.0)


def _arch_point(angle_deg: float, width: float, depth: float, front_y: float, z: float) -> Triple:
    angle = np.deg2rad(angle_deg)
    return float(width * np.sin(angle)), float(front_y + depth * (1.0 - np.cos(angle))), z


def _jaws(canvas: Canvas) -> None:
    rng = canvas.rng
    palate = canvas.part(
        (-24.0, -90.0, -6.0),
        (24.0, -28.0, 6.0),
        lambda p: shapes.block(p, (0.0, -58.0, 1.0), (22.0, 28.0, 3.5), 2.0),
    )
    canvas.bone(palate, "skull", 650.0, 300.0, 1.2)
    angles = np.linspace(-82.0, 82.0, 9)
    upper = [_arch_point(a, 26.0, 44.0, -86.0, -4.0) for a in angles]
    canvas.bone(canvas.chain(upper, [5.5] * 9), "skull", 700.0, 280.0, 1.5)
    for side in (1.0, -1.0):
        ramus: list[Triple] = [(side * 53.0, 2.0, 24.0), (side * 51.0, 0.0, 0.0), (side * 47.0, -8.0, -26.0)]
        canvas.bone(canvas.chain(ramus, [5.0, 4.2, 6.0]), "mandible", 1150.0, 420.0, 2.0)
        crown = canvas.rod((side * 49.0, -14.0, -14.0), (side * 51.0, -24.0, 18.0), 5.0, 3.0)
        canvas.bone(crown, "mandible", 1100.0, 400.0, 1.8)
        for z in (-27.0, -34.0):
            body: list[Triple] = [
                (side * 47.0, -9.0, z + 2.0),
                (side * 38.0, -44.0, z - 3.0),
                (side * 22.0, -72.0, z - 6.0),
                (0.0, -80.0, z - 7.0),
            ]
            canvas.bone(canvas.chain(body, [6.0, 6.5, 6.5, 6.5]), "mandible", 1200.0, 330.0, 2.4)
    for jaw, z, width, reach, missing in (
        ("skull", -13.0, 26.0, 44.0, 11),
        ("mandible", -24.0, 24.0, 42.0, 3),
    ):
        for n, angle in enumerate(np.linspace(-78.0, 78.0, 14)):
            if n == missing:
                continue
            x, y, height = _arch_point(float(angle), width, reach, -84.0, z)
            size = 3.2 + 1.4 * abs(float(angle)) / 78.0
            lift = float(rng.uniform(-0.8, 0.8))
            root = canvas.paint(canvas.ellipsoid((x, y, height + lift), (size, size, 8.0)), 900.0)
            canvas.label(root, jaw)
            canvas.paint(canvas.ellipsoid((x, y, height + lift), (size - 1.0, size - 1.0, 6.5)), TOOTH_HU)
    for angle, z in ((66.0, -15.0), (-54.0, -21.0)):
        canvas.paint(canvas.ellipsoid(_arch_point(angle, 25.0, 43.0, -84.0, z), (2.4, 2.4, 2.2)), FILLING_HU)


def _cervical_spine(rng: np.random.Generator) -> list[spine.Vertebra]:
    """C2 to T3."""
    vertebrae = []
    z = -24.0
    for n, level in enumerate(spine.LEVELS[1:10]):
        y = 20.0 - 5.0 * np.sin((z + 30.0) / 38.0) + 0.0016 * np.square(min(z + 80.0, 0.0))
        lean = float(np.interp(n, [0, 2, 5, 8], [-6.0, -4.0, 12.0, 20.0]))
        x = 2.0 * float(np.sin(z / 40.0))
        vertebrae.append(spine.typical(level, (x, float(y), z), -lean, rng))
        z -= (
            0.5
            * (spine.pitch_mm(level) + spine.pitch_mm(spine.LEVELS[n + 2]))
            * float(rng.uniform(0.96, 1.03))
        )
    return vertebrae


def _atlas(canvas: Canvas) -> None:
    front: list[Triple] = [
        (-19.0, 20.0, -3.0),
        (-9.0, 9.0, -3.0),
        (0.0, 6.0, -3.0),
        (9.0, 9.0, -3.0),
        (19.0, 20.0, -3.0),
    ]
    back: list[Triple] = [
        (-20.0, 28.0, -3.0),
        (-14.0, 44.0, -3.0),
        (0.0, 51.0, -4.0),
        (14.0, 44.0, -3.0),
        (20.0, 28.0, -3.0),
    ]
    canvas.paint(canvas.rod((0.0, 30.0, 6.0), (0.0, 32.0, -24.0), 9.0, 8.0), 20.0)
    for side in (1.0, -1.0):
        mass = canvas.ellipsoid((side * 19.0, 23.0, -3.0), (8.5, 10.0, 8.0))
        canvas.bone(mass, "C1", 800.0, 320.0, 1.6)
        wing = canvas.rod((side * 24.0, 24.0, -4.0), (side * 39.0, 27.0, -6.0), 4.0, 3.2)
        canvas.bone(wing, "C1", 700.0, 300.0, 1.4)
        condyle = canvas.ellipsoid((side * 17.0, 22.0, 9.0), (7.0, 11.0, 5.0))
        canvas.bone(condyle, "skull", 850.0, 400.0, 1.5)
    canvas.bone(canvas.chain(front, [3.2, 3.4, 4.4, 3.4, 3.2]), "C1", 900.0, 350.0, 1.6)
    canvas.bone(canvas.chain(back, [3.2, 3.2, 4.0, 3.2, 3.2]), "C1", 850.0, 320.0, 1.6)
    canvas.bone(canvas.rod((0.0, 18.0, -22.0), (0.0, 16.0, 5.0), 5.6, 4.6), "C2", 950.0, 350.0, 1.6)


def _upper_thorax(canvas: Canvas, vertebrae: list[spine.Vertebra]) -> None:
    first = {v.level: v.centre for v in vertebrae}["T1"]
    for side in (1.0, -1.0):
        apex = canvas.ellipsoid((side * 44.0, 34.0, -160.0), (28.0, 32.0, 34.0))
        canvas.paint(apex, -800.0)
        rib: list[Triple] = [
            (side * 18.0, first[1] + 8.0, first[2]),
            (side * 42.0, 60.0, first[2] - 2.0),
            (side * 68.0, 42.0, first[2] - 10.0),
        ]
        rib += [(side * 70.0, 12.0, first[2] - 22.0), (side * 48.0, -14.0, first[2] - 32.0)]
        canvas.bone(canvas.chain(rib, [5.0, 5.0, 5.0, 5.0, 5.5]), f"rib 1 {SIDES[side]}", 800.0, 250.0, 1.6)
        collar: list[Triple] = [
            (side * 18.0, -30.0, -142.0),
            (side * 60.0, -30.0, -128.0),
            (side * 105.0, 6.0, -122.0),
            (side * 150.0, 22.0, -132.0),
        ]
        canvas.bone(canvas.chain(collar, [9.0, 6.5, 6.0, 8.0]), f"clavicle {SIDES[side]}", 950.0, 280.0, 2.0)

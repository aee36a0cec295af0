"""An upper abdomen with the bases of the lungs, in coordinates of the chest: T7 at 0 and L1 at -150 mm."""

from itertools import pairwise

import numpy as np

from isoguide.virtual import shapes, spine
from isoguide.virtual.bowel import small_bowel_loop
from isoguide.virtual.canvas import Canvas, Part, Stencil
from isoguide.virtual.chest import CAGE, domes, heart, lung, trunk_spine, vessels_of_lung
from isoguide.virtual.outline import Outline
from isoguide.virtual.rendering import Drawing, Outlined
from isoguide.virtual.ribs import ribs
from isoguide.virtual.shapes import Coordinates, Floats, Triple
from isoguide.virtual.tissue import VISCERAL_FAT_HU, lay_soft_tissue
from isoguide.virtual.vessels import branch

TRUNK = Outline(
    (
        (-310.0, 2.0, 160.0, 108.0, 98.0),
        (-250.0, 0.0, 154.0, 112.0, 98.0),
        (-170.0, 0.0, 153.0, 114.0, 100.0),
        (-80.0, 0.0, 160.0, 109.0, 102.0),
        (20.0, 0.0, 166.0, 104.0, 104.0),
    )
)
COUCH_Y_MM = 95.0
LESION: Triple = (-66.0, -6.0, -114.0)
SEEDS: tuple[Triple, ...] = ((-45.0, -22.0, -104.0), (-88.0, -20.0, -124.0), (-76.0, 17.0, -126.0))
"""Where seeds are implanted into the liver around the lesion."""
BLOOD_HU, VENOUS_HU = 44.0, 41.0
LIVER_HU, LESION_HU = 64.0, 34.0
LOOPS_START = ((-60.0, -70.0, -290.0), (90.0, -10.0, -205.0))
LOOPS_STAY = ((-80.0, -80.0, -300.0), (92.0, 4.0, -200.0))
"""Where loops of small bowel begin and where they stay: two corners each."""


def draw(canvas: Canvas) -> Drawing:
    """Paint the patient and say where target and organs are."""
    external, _ = lay_soft_tissue(canvas, TRUNK.whole(canvas), COUCH_Y_MM, fat_mm=16.0, wall_mm=400.0)
    cage = CAGE.whole(canvas)
    _wall(canvas, cage)
    vertebrae = trunk_spine(canvas.rng, "L5")
    under = domes(canvas)
    cavity = _cavity(canvas, cage, under)
    inside = canvas.stencil(cavity)
    _deep_muscles(canvas, inside)
    colon = _bowel(canvas, inside)
    kidneys = [_kidney(canvas, side) for side in (1.0, -1.0)]
    duodenum = _duodenum_and_pancreas(canvas, inside)
    spleen = _spleen(canvas, cavity)
    stomach = _stomach(canvas, inside)
    liver = _liver(canvas, cavity)
    heart_part = heart(canvas)
    lungs = [lung(canvas, cage, under, side) for side in (1.0, -1.0)]
    for part, side in zip(lungs, (1.0, -1.0), strict=True):
        vessels_of_lung(canvas, part, side)
    _back_muscles(canvas)
    aorta = _vessels(canvas)
    _vessels_of_liver(canvas, liver)
    lesion = _lesion(canvas)
    ribs(canvas, vertebrae)
    spine.paint(canvas, vertebrae)
    cord = [(v.centre[0], v.centre[1] + v.half_depth + 7.0, v.centre[2]) for v in vertebrae[:-3]]
    organs = {
        "Liver": liver,
        "Kidney_L": kidneys[0],
        "Kidney_R": kidneys[1],
        "Spleen": spleen,
        "Stomach": stomach,
        "Duodenum": duodenum,
        "Colon": colon,
        "Heart": heart_part,
        "Lung_L": lungs[0],
        "Lung_R": lungs[1],
        "A_Aorta": aorta,
        "SpinalCord": canvas.chain(cord, [5.0] * len(cord)),
    }
    return Drawing(
        isocentre_mm=LESION,
        outlines=(
            Outlined("BODY", "EXTERNAL", external),
            Outlined("PTV", "PTV", lesion.grown(8.0)),
            Outlined("GTV", "GTV", lesion),
            *(Outlined(name, "ORGAN", part) for name, part in organs.items()),
        ),
        couch_y_mm=COUCH_Y_MM,
        vertebrae=tuple(vertebrae),
        seeds=SEEDS,
    )


def _wall(canvas: Canvas, cage: Part) -> None:
    """Paint fat between the three layers of the abdominal wall, and the fat inside it."""
    for depth_mm, thickness_mm in ((4.5, 0.5), (9.5, 0.7)):
        sheet = np.abs(cage.distance - np.float32(depth_mm)) - np.float32(thickness_mm)
        canvas.paint(Part(cage.box, sheet), -60.0)
    box = canvas.box((-70.0, -130.0, -400.0), (70.0, 0.0, -60.0))
    outside = cage.clipped(box).distance
    from_middle = np.abs(np.abs(canvas.at(box)[0]) - np.float32(34.0))
    # The straight muscle: two flat bands beside the white line.
    band = outside - np.float32(12.0) + np.float32(0.009) * np.square(from_middle)
    canvas.muscle(Part(box, np.maximum(band, from_middle - np.float32(31.0))))
    canvas.paint(cage, VISCERAL_FAT_HU)


def _cavity(canvas: Canvas, cage: Part, under: Part) -> Part:
    """Paint the diaphragm and the fat under it; returns the space for organs."""
    box = under.box
    canvas.paint(Part(box, np.maximum(under.distance, cage.distance[box])), 55.0)
    inner = np.maximum(under.distance + np.float32(4.0), cage.distance[box] + np.float32(4.0))
    return canvas.paint(Part(box, inner), VISCERAL_FAT_HU)


def _deep_muscles(canvas: Canvas, inside: Stencil) -> None:
    """Paint what lies beside the spine within the trunk: psoas, square muscle, crura of the diaphragm."""
    for side in (1.0, -1.0):
        for path, radii in (
            ([(24.0, 24.0, -150.0), (34.0, 22.0, -200.0), (42.0, 16.0, -310.0)], [7.0, 15.0, 21.0]),
            ([(62.0, 60.0, -140.0), (70.0, 54.0, -310.0)], [7.0, 13.0]),
        ):
            canvas.muscle(canvas.chain([(side * x, y, z) for x, y, z in path], radii))
        crus = canvas.chain(
            [(side * 16.0, 24.0, -85.0), (side * 17.0, 16.0, -130.0), (side * 12.0, 12.0, -205.0)],
            [4.0, 4.5, 3.0],
        )
        canvas.paint(crus, 52.0, inside)


def _back_muscles(canvas: Canvas) -> None:
    for side in (1.0, -1.0):
        for path, radii in (
            ([(22.0, 84.0, 20.0), (24.0, 83.0, -120.0), (28.0, 76.0, -310.0)], [14.0, 17.0, 21.0]),
            ([(46.0, 84.0, -60.0), (48.0, 78.0, -310.0)], [10.0, 14.0]),
        ):
            canvas.muscle(canvas.chain([(side * x, y, z) for x, y, z in path], radii))
        latissimus = canvas.ellipsoid(
            (side * 118.0, 62.0, -60.0), (14.0, 34.0, 90.0), (0.0, 0.0, side * 40.0)
        )
        canvas.muscle(latissimus)


def _bowel(canvas: Canvas, inside: Stencil) -> Part:
    """Paint loops of small bowel, then the frame of the colon before them; returns the colon."""
    for _ in range(30):
        small_bowel_loop(canvas, inside, LOOPS_START, LOOPS_STAY)
    right: list[Triple] = [(-100.0, 6.0, -310.0), (-102.0, 0.0, -250.0), (-92.0, -24.0, -222.0)]
    across: list[Triple] = [(-66.0, -66.0, -226.0), (-20.0, -78.0, -236.0), (34.0, -76.0, -226.0)]
    left: list[Triple] = [
        (80.0, -52.0, -196.0),
        (104.0, -4.0, -158.0),
        (104.0, 20.0, -200.0),
        (104.0, 14.0, -310.0),
    ]
    path = right + across + left
    colon = canvas.chain(path, [22.0, 23.0, 21.0, 19.0, 17.0, 16.0, 17.0, 17.0, 16.0, 15.0])
    _haustra(canvas, inside, path)
    return colon


def _haustra(canvas: Canvas, inside: Stencil, path: list[Triple]) -> None:
    """Paint the pouches of the colon along its path, some of them filled with gas that floats in front."""
    rng = canvas.rng
    pouches = []
    for start, stop in pairwise(np.array(path)):
        for t in np.arange(0.0, 1.0, 17.0 / float(np.linalg.norm(stop - start))):
            x, y, z = (float(v) for v in start + t * (stop - start))
            size = float(rng.uniform(14.0, 19.0))
            pouches.append((canvas.ellipsoid((x, y, z), (size, size, size)), y - 0.3 * size))
    for pouch, _ in pouches:
        canvas.paint(pouch.grown(1.5), -88.0, inside)
    for pouch, _ in pouches:
        canvas.paint(pouch, 42.0, inside)
    for pouch, level_y in pouches:
        content = pouch.grown(-2.5)
        canvas.paint(content, float(rng.uniform(-60.0, 35.0)), inside)
        if rng.uniform() < 0.45:
            surface = canvas.at(content.box)[1] - np.float32(level_y)
            canvas.paint(Part(content.box, np.maximum(content.distance, surface)), -940.0, inside)


def _kidney(canvas: Canvas, side: float) -> Part:
    centre = (60.0, 36.0, -152.0) if side > 0 else (-60.0, 38.0, -182.0)
    tilt = (12.0, side * -14.0, side * -35.0)
    x, y, z = centre
    low, high = (x - 46.0, y - 44.0, z - 66.0), (x + 46.0, y + 44.0, z + 66.0)

    def distance(p: Coordinates) -> Floats:
        bean = shapes.ellipsoid(p, centre, (27.0, 25.0, 54.0), tilt)
        gate = shapes.ellipsoid(p, (x - side * 25.0, y - 12.0, z), (16.0, 13.0, 18.0))
        return -shapes.blended(-bean, gate, 6.0)

    kidney = canvas.part(low, high, distance)
    canvas.paint(kidney, 34.0)
    canvas.paint(canvas.ellipsoid((x - side * 8.0, y - 4.0, z), (11.0, 9.0, 27.0), tilt), -60.0)
    for up in (-17.0, 0.0, 16.0):
        calyx = canvas.rod(
            (x - side * 14.0, y - 7.0, z + 0.2 * up), (x - side * 2.0, y - 2.0, z + up), 3.0, 4.0
        )
        canvas.paint(calyx, 9.0)
    ureter = [(x - side * 22.0, y - 12.0, z - 6.0), (side * 40.0, 8.0, -240.0), (side * 38.0, 0.0, -310.0)]
    canvas.tube(ureter, [5.0, 2.5, 2.0], 18.0)
    gland = canvas.ellipsoid((side * 34.0, 26.0, z + 40.0), (2.6, 9.0, 11.0), (0.0, 0.0, side * 25.0))
    canvas.paint(gland, 22.0)
    return kidney


def _duodenum_and_pancreas(canvas: Canvas, inside: Stencil) -> Part:
    rng = canvas.rng
    pancreas: list[Triple] = [
        (-26.0, -18.0, -206.0), (-22.0, -24.0, -184.0), (0.0, -30.0, -172.0), (34.0, -14.0, -160.0),
        (70.0, 14.0, -146.0),
    ]  # fmt: skip
    solid = canvas.chain(pancreas, [13.0, 14.0, 9.0, 10.0, 8.0])
    canvas.paint(solid, 36.0, inside)
    for _ in range(60):
        # Fat between the lobules.
        piece = int(rng.integers(4))
        start, stop = np.array(pancreas[piece]), np.array(pancreas[piece + 1])
        foot = start + rng.uniform() * (stop - start) + rng.standard_normal(3) * 7.0
        tip = foot + rng.standard_normal(3) * 6.0
        canvas.paint(canvas.rod(tuple(foot.tolist()), tuple(tip.tolist()), 1.2, 0.6), -40.0, inside)
    path: list[Triple] = [
        (-20.0, -48.0, -184.0), (-42.0, -34.0, -184.0), (-46.0, -12.0, -205.0), (-42.0, -4.0, -236.0),
        (-14.0, -10.0, -246.0), (20.0, -10.0, -238.0), (34.0, -24.0, -222.0),
    ]  # fmt: skip
    duodenum = canvas.chain(path, [11.0, 13.0, 12.0, 12.0, 11.0, 11.0, 11.0])
    canvas.paint(duodenum.grown(1.2), -85.0, inside)
    canvas.paint(duodenum, 42.0, inside)
    canvas.paint(duodenum.grown(-3.0), 18.0, inside)
    canvas.paint(canvas.ellipsoid((-42.0, -42.0, -184.0), (7.0, 4.0, 6.0)), -930.0, inside)
    return duodenum


def _spleen(canvas: Canvas, cavity: Part) -> Part:
    low, high = (50.0, -20.0, -190.0), (140.0, 95.0, -60.0)

    def distance(p: Coordinates) -> Floats:
        whole = shapes.ellipsoid(p, (94.0, 32.0, -120.0), (40.0, 54.0, 58.0), (0.0, 12.0, -20.0))
        hollow = shapes.ellipsoid(p, (60.0, 12.0, -128.0), (36.0, 44.0, 56.0))
        return shapes.without(whole, hollow)

    whole = canvas.part(low, high, distance)
    within = cavity.clipped(whole.box)
    spleen = Part(
        within.box, np.maximum(whole.clipped(within.box).distance, within.distance + np.float32(1.0))
    )
    return canvas.paint(spleen, 50.0)


def _stomach(canvas: Canvas, inside: Stencil) -> Part:
    gullet: list[Triple] = [(8.0, 24.0, 20.0), (8.0, 22.0, -50.0), (22.0, 2.0, -100.0)]
    canvas.tube(gullet, [7.5, 8.0, 9.0], 40.0)
    path: list[Triple] = [
        (56.0, 4.0, -98.0), (66.0, -28.0, -130.0), (56.0, -50.0, -165.0), (28.0, -60.0, -186.0),
        (2.0, -56.0, -188.0), (-18.0, -50.0, -184.0),
    ]  # fmt: skip
    stomach = canvas.chain([gullet[-1], *path], [9.0, 33.0, 32.0, 27.0, 20.0, 14.0, 9.0])
    canvas.paint(stomach.grown(1.5), -90.0, inside)
    canvas.paint(stomach, 44.0, inside)
    content = stomach.grown(-4.0)
    canvas.paint(content, 14.0, inside)
    for _ in range(24):
        # What he ate.
        x, y, z = (float(v) for v in canvas.rng.normal((60.0, -12.0, -125.0), (12.0, 10.0, 20.0)))
        size = float(canvas.rng.uniform(2.5, 6.0))
        canvas.paint(canvas.ellipsoid((x, y, z), (size, size, size)), float(canvas.rng.uniform(-30.0, 60.0)))
    surface = canvas.at(content.box)[1] + np.float32(44.0)
    canvas.paint(Part(content.box, np.maximum(content.distance, surface)), -965.0, inside)
    return stomach


def _liver(canvas: Canvas, cavity: Part) -> Part:
    low, high = (-150.0, -110.0, -262.0), (84.0, 100.0, -46.0)
    whole = canvas.part(low, high, _liver_distance)
    within = cavity.clipped(whole.box)
    liver = Part(
        within.box, np.maximum(whole.clipped(within.box).distance, within.distance + np.float32(0.5))
    )
    canvas.paint(liver.grown(1.0), -85.0)
    canvas.paint(liver, LIVER_HU)
    gall = canvas.ellipsoid((-46.0, -58.0, -196.0), (13.0, 14.0, 27.0), (-25.0, 0.0, 0.0))
    canvas.paint(gall, 35.0)
    canvas.paint(gall.grown(-1.5), 7.0)
    return liver


def _liver_distance(p: Coordinates) -> Floats:
    """Return the right lobe under its dome, the left one across the middle, and hollows for neighbours."""
    right = shapes.ellipsoid(p, (-84.0, -2.0, -146.0), (76.0, 96.0, 100.0), (0.0, -6.0, 0.0))
    left = shapes.ellipsoid(p, (-6.0, -44.0, -112.0), (82.0, 44.0, 46.0), (0.0, -14.0, 12.0))
    caudate = shapes.ellipsoid(p, (-14.0, 4.0, -122.0), (18.0, 16.0, 34.0))
    whole = shapes.blended(shapes.blended(right, left, 26.0), caudate, 6.0)
    kidney = shapes.ellipsoid(p, (-58.0, 40.0, -186.0), (36.0, 36.0, 64.0), (12.0, 14.0, 35.0))
    gate = shapes.ellipsoid(p, (-20.0, -22.0, -162.0), (21.0, 18.0, 28.0))
    gall = shapes.ellipsoid(p, (-46.0, -58.0, -200.0), (15.0, 16.0, 32.0), (-25.0, 0.0, 0.0))
    middle = shapes.ellipsoid(p, (8.0, 40.0, -120.0), (30.0, 34.0, 120.0))
    fissure = shapes.ellipsoid(p, (-8.0, -62.0, -150.0), (2.5, 34.0, 28.0))
    hollows = shapes.union(shapes.blended(kidney, gate, 8.0), gall, middle, fissure)
    return -shapes.blended(-whole, hollows, 5.0)


def _vessels(canvas: Canvas) -> Part:
    """Paint the great vessels and what leaves them; returns the aorta."""
    aorta: list[Triple] = [
        (24.0, 26.0, 20.0), (22.0, 22.0, -50.0), (12.0, 10.0, -105.0), (7.0, 1.0, -150.0),
        (7.0, -1.0, -200.0), (5.0, 0.0, -255.0),
    ]  # fmt: skip
    artery = canvas.chain(aorta, [12.0, 12.0, 11.5, 10.5, 10.0, 9.5])
    cava: list[Triple] = [
        (-20.0, -6.0, -56.0),
        (-22.0, 10.0, -80.0),
        (-20.0, 8.0, -160.0),
        (-19.0, 2.0, -265.0),
    ]
    canvas.tube(cava, [12.0, 12.0, 11.5, 11.0], VENOUS_HU)
    canvas.paint(artery.grown(1.0), -85.0)
    canvas.paint(artery, BLOOD_HU)
    for side in (1.0, -1.0):
        canvas.tube([aorta[-1], (side * 26.0, 2.0, -312.0)], [7.0, 6.5], BLOOD_HU)
        canvas.tube([cava[-1], (-10.0 + side * 26.0, 9.0, -312.0)], [8.0, 7.5], VENOUS_HU)
        hilum = (side * 40.0, 24.0, -156.0 if side > 0 else -184.0)
        canvas.tube([(6.0, 0.0, -166.0), hilum], [3.0, 2.6], BLOOD_HU)
        canvas.tube(
            [
                (-18.0, -6.0 if side > 0 else 6.0, -164.0),
                (side * 14.0, -14.0 if side > 0 else 8.0, -164.0),
                hilum,
            ],
            [5.0, 5.0, 4.5],
            VENOUS_HU,
        )
    canvas.tube(
        [(9.0, 0.0, -140.0), (9.0, -22.0, -142.0), (30.0, -18.0, -146.0), (74.0, 18.0, -134.0)],
        [4.0, 3.5, 3.0, 2.5],
        BLOOD_HU,
    )
    canvas.tube([(8.0, -6.0, -152.0), (4.0, -28.0, -200.0), (0.0, -34.0, -280.0)], [4.2, 3.8, 2.5], BLOOD_HU)
    canvas.tube(
        [(-8.0, -34.0, -280.0), (-8.0, -30.0, -210.0), (-6.0, -20.0, -172.0)], [4.0, 5.5, 6.5], VENOUS_HU
    )
    canvas.tube(
        [(-6.0, -20.0, -172.0), (40.0, -6.0, -150.0), (78.0, 20.0, -134.0)], [6.0, 4.8, 4.0], VENOUS_HU
    )
    _mesentery(canvas)
    canvas.paint(canvas.ellipsoid((8.0, 9.0, -215.0), (6.0, 1.3, 12.0)), 620.0)
    return artery


def _mesentery(canvas: Canvas) -> None:
    """Paint small vessels that fan out to the bowel."""
    rng = canvas.rng
    goals = rng.uniform((-78.0, -72.0, -300.0), (78.0, -14.0, -205.0), (70, 3))
    branch(canvas, np.array((0.0, -30.0, -225.0)), goals, 3.0, hu=30.0, thinnest=0.9)


def _vessels_of_liver(canvas: Canvas, liver: Part) -> None:
    """Paint the portal tree and the hepatic veins: without contrast, darker than the liver."""
    rng = canvas.rng
    places = np.argwhere(liver.distance[::2, ::3, ::3] < -7.0)
    axes = [axis[s] for axis, s in zip(canvas.axes, liver.box, strict=True)]
    portal = [(-6.0, -20.0, -172.0), (-24.0, -16.0, -150.0), (-36.0, -14.0, -136.0)]
    canvas.tube(portal, [7.0, 7.0, 6.5], VENOUS_HU)
    for start, radius in ((portal[-1], 7.0), ((-22.0, 6.0, -78.0), 8.0)):
        chosen = places[rng.choice(len(places), min(45, len(places)), replace=False)]
        goals = np.column_stack(
            [axes[2][3 * chosen[:, 2]], axes[1][3 * chosen[:, 1]], axes[0][2 * chosen[:, 0]]]
        )
        branch(canvas, np.array(start), goals.astype(np.float64), radius, hu=34.0, thinnest=1.3)


def _lesion(canvas: Canvas) -> Part:
    """Paint the tumour, darker than the liver and dead in its middle."""

    def distance(p: Coordinates) -> Floats:
        x, y, z = LESION
        main = shapes.ellipsoid(p, LESION, (15.0, 13.0, 14.0))
        lobe = shapes.ellipsoid(p, (x - 7.0, y - 7.0, z + 6.0), (10.0, 9.0, 9.0))
        return shapes.blended(main, lobe, 5.0)

    x, y, z = LESION
    lesion = canvas.part((x - 24.0, y - 24.0, z - 24.0), (x + 24.0, y + 24.0, z + 24.0), distance)
    canvas.paint(lesion, LESION_HU)
    canvas.paint(lesion.grown(-7.0), 20.0)
    return lesion

"""A spine whose vertebrae resemble each other as real ones do: alike enough to be mistaken, none the same."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from isoguide.virtual.canvas import Canvas
from isoguide.virtual.shapes import (
    Coordinates,
    Floats,
    Triple,
    blended,
    capsule,
    common,
    ellipsoid,
    local,
    mirrored,
    union,
    without,
)

DISC_HU = 85.0
CANAL_HU = 20.0
CORD_HU = 45.0
LEVELS = (
    *(f"C{n}" for n in range(1, 8)),
    *(f"T{n}" for n in range(1, 13)),
    *(f"L{n}" for n in range(1, 6)),
)
"""From the skull down."""


@dataclass(frozen=True, slots=True)
class Vertebra:
    """Size and place of one vertebra, mm; the centre is that of its body.

    ``tilt_deg`` turns it about x, y, z; ``half_width``, ``half_depth`` and ``half_height`` are those of the
    body; ``spinous`` and ``transverse`` are the lengths of the processes, and ``droop`` is how far the
    spinous one points down.
    """

    level: str
    centre: Triple
    tilt_deg: Triple
    half_width: float
    half_depth: float
    half_height: float
    spinous: float
    transverse: float
    droop: float
    density: float


def pitch_mm(level: str) -> float:
    """Typical height of a vertebra with its disc."""
    n = LEVELS.index(level)
    return float(np.interp(n, [0, 1, 6, 7, 18, 19, 23], [15.0, 18.0, 17.0, 19.5, 26.5, 28.5, 32.5]))


def typical(level: str, centre: Triple, lean_deg: float, rng: np.random.Generator) -> Vertebra:
    """Return a vertebra of this level with a few per cent of its own about every size.

    Parameters
    ----------
    level
        C2 to L5.
    centre
        Of its body, mm.
    lean_deg
        Forward lean of the spine there (about x).
    rng
        Where its individuality comes from.
    """
    n = LEVELS.index(level)
    own = 1.0 + 0.07 * rng.uniform(-1.0, 1.0, 7)
    tilt = rng.uniform(-2.5, 2.5, 3)
    at = [1, 6, 7, 18, 19, 23]
    return Vertebra(
        level,
        centre,
        (lean_deg + tilt[0], tilt[1], tilt[2]),
        half_width=own[0] * float(np.interp(n, at, [10.5, 14, 14, 20, 21, 25.5])),
        half_depth=own[1] * float(np.interp(n, at, [8.5, 9, 9, 15, 15.5, 17.5])),
        half_height=own[2] * 0.5 * (pitch_mm(level) - float(np.interp(n, at, [4.5, 4.5, 4, 5, 6.5, 8.5]))),
        spinous=own[3] * float(np.interp(n, at, [16, 30, 28, 20, 22, 27])),
        transverse=own[4] * float(np.interp(n, at, [8, 14, 26, 13, 18, 24])),
        droop=own[5] * float(np.interp(n, [1, 6, 10, 15, 18, 23], [6, 6, 20, 20, 8, 4])),
        density=float(own[6]),
    )


def distance(v: Vertebra, p: Coordinates) -> Floats:
    """Signed distance of a vertebra."""
    own = local(p, v.centre, v.tilt_deg)
    pair = mirrored(own)
    w, d, h = v.half_width, v.half_depth, v.half_height
    canal_y = d + 7.0
    canal = ellipsoid(own, (0.0, canal_y, 0.0), (10.0, 7.5, 400.0))
    side = max(0.62 * w, 9.5)
    pedicle = capsule(
        pair, (side, 0.5 * d, 0.25 * h), (side + 2.0, canal_y + 3.0, 0.2 * h), 0.3 * h, 0.33 * h
    )
    lamina = capsule(pair, (side + 1.0, canal_y + 4.0, 0.0), (1.0, canal_y + 10.5, -0.35 * h), 4.2, 4.0)
    # A blade: thin from side to side, and the taller the lower in the spine.
    squeeze = np.float32(np.interp(h, [5.0, 10.0, 14.0], [0.85, 0.7, 0.42]))
    level = np.float32(-0.3 * h)
    blade = (np.float32(1.45) * own[0], own[1], squeeze * (own[2] - level) + level)
    tip_z = float(level - squeeze * np.float32(v.droop))
    spinous = capsule(
        blade, (0.0, canal_y + 10.0, float(level)), (0.0, canal_y + 10.0 + v.spinous, tip_z), 4.2, 3.4
    )
    tip = (side + 4.0 + v.transverse, canal_y + 8.0, 0.35 * h)
    transverse = capsule(pair, (side + 3.0, canal_y + 2.0, 0.2 * h), tip, 4.3, 3.2)
    facet = ellipsoid(pair, (side + 3.5, canal_y + 4.5, 0.0), (4.5, 5.0, 1.15 * h))
    arch = blended(union(lamina, pedicle), union(facet, transverse), 3.0)
    arch = without(blended(arch, spinous, 3.0), canal)
    return blended(_body(own, w, d, h), arch, 2.0)


def _body(own: Coordinates, w: float, d: float, h: float) -> Floats:
    """Drum with a waist, slightly hollow end plates and a flat back."""
    x, y, z = own
    flare = np.float32(0.94) + np.float32(0.1) * np.square(np.clip(z / np.float32(h), -1.0, 1.0))
    radius = np.sqrt(np.square(x / np.float32(w)) + np.square(y / np.float32(d)))
    drum = (radius / flare - np.float32(1.0)) * np.float32(min(w, d))
    plate = np.abs(z) - np.float32(h) + np.float32(1.3) * np.maximum(1.0 - radius * radius, 0.0)
    back = y - np.float32(0.84 * d)
    return common(drum, plate, back)


def paint(canvas: Canvas, vertebrae: list[Vertebra]) -> None:
    """Paint discs and canal, then the vertebrae, top to bottom."""
    centres = [v.centre for v in vertebrae]
    for v, w in pairwise(vertebrae):
        middle = tuple((a + b) / 2.0 for a, b in zip(v.centre, w.centre, strict=True))
        radii = (
            w.half_width * 0.97,
            w.half_depth * 0.95,
            0.62 * (v.centre[2] - w.centre[2]) - w.half_height + 5.0,
        )
        canvas.paint(canvas.ellipsoid((middle[0], middle[1], middle[2]), radii), DISC_HU)
    for v in vertebrae:
        x, y, z = v.centre
        reach = (v.half_width + v.transverse + 16.0, v.half_depth + v.spinous + 26.0)
        low = (x - reach[0], y - v.half_depth - 6.0, z - v.half_height - v.droop - 14.0)
        high = (x + reach[0], y + reach[1], z + v.half_height + 14.0)
        part = canvas.part(low, high, lambda p, v=v: distance(v, p))  # type: ignore[misc]  # v is bound per loop
        canvas.bone(part, v.level, 720.0 * v.density, 190.0 * v.density, 1.5)
    behind = [(x, y + v.half_depth + 7.0, z) for v, (x, y, z) in zip(vertebrae, centres, strict=True)]
    canvas.tube(behind, [7.0] * len(behind), CANAL_HU)
    canvas.tube(behind, [4.8] * len(behind), CORD_HU)

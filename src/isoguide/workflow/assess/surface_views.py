"""How far the surface of a structure has come out or gone in, seen from six sides."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.workflow.assess.colours import ColourScale
from isoguide.workflow.picture_svg import edge_letters, note, scale_bar, svg_of
from isoguide.workflow.pictures import OUTSIDE, Picture, png
from isoguide.workflow.planes import Plane

VIEWS: Final = {
    # (right, down) in LPS of what a person sees who stands there.
    "From the front": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "From the left": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "From the head": ((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "From the back": ((-1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
    "From the right": ((0.0, -1.0, 0.0), (0.0, 0.0, -1.0)),
    "From the feet": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
}
PIXELS: Final = 200
MARGIN: Final = 1.15
_DEPTHS: Final = 60000.0
LIGHT: Final = (0.45, 0.55)
"""Brightness of a surface seen edge on, and what is added when it faces the eye."""


def surface_pictures(
    points_mm: Array, triangles: NDArray[np.int64], signed_mm: Array, scale: ColourScale
) -> tuple[str, ...]:
    """Draw a surface from the six sides of the patient in the colours of a number at each of its points.

    Parameters
    ----------
    points_mm
        Corners (n, 3) of triangles, patient LPS.
    triangles
        Three corners each (m, 3), counter-clockwise seen from outside.
    signed_mm
        (n,), outwards positive.
    scale
        Colours of these numbers.
    """
    low, high = points_mm.min(axis=0), points_mm.max(axis=0)
    field_mm = float(np.max(high - low)) * MARGIN
    pictures = []
    for name, (right, down) in VIEWS.items():
        view = Plane(name, (low + high) / 2.0, np.array(right), np.array(down), field_mm, PIXELS)
        picture = _rendered(view, points_mm[triangles], signed_mm[triangles], scale)
        bar_mm = next((bar for bar in (50.0, 20.0, 10.0) if bar <= field_mm / 3.0), 5.0)
        size = (view.pixels, view.pixels)
        overlay = (
            edge_letters(view.letters, size) + scale_bar(view.pixel_mm, view.pixels, bar_mm) + note(name)
        )
        pictures.append(svg_of(png(picture), size, name, overlay))
    return tuple(pictures)


def _rendered(view: Plane, corners_mm: Array, values: Array, scale: ColourScale) -> Picture:
    """Draw triangles (m, 3, 3) with numbers (m, 3) at their corners: nearer ones hide those behind."""
    normal = np.cross(corners_mm[:, 1] - corners_mm[:, 0], corners_mm[:, 2] - corners_mm[:, 0])
    facing = -(normal @ view.normal) / np.maximum(np.linalg.norm(normal, axis=1), 1e-12)
    seen = np.flatnonzero(facing > 0.0)
    places = view.picture_xy(corners_mm[seen])
    told = np.concatenate(
        [places, view.depth_mm(corners_mm[seen])[..., None], values[seen][..., None]], axis=-1
    )
    shares = _shares(places)
    column, row, depth, number = (shares @ told.astype(np.float32)).reshape(-1, 4).T
    # Far ones first: of several writes to a pixel the last one stays. Steps of depth sort fast.
    reach = max(float(np.ptp(depth)), 1e-6) if len(depth) else 1.0
    steps = ((depth.max(initial=0.0) - depth) * (_DEPTHS / reach)).astype(np.uint16)
    order = np.argsort(steps, kind="stable")
    shown = np.full((view.pixels, view.pixels), -1, dtype=np.int64)
    shown[row[order].astype(np.intp), column[order].astype(np.intp)] = order
    picture = np.empty((view.pixels, view.pixels, 3), dtype=np.uint8)
    picture[:] = OUTSIDE
    nearest = shown[shown >= 0]
    light = LIGHT[0] + LIGHT[1] * facing[seen[nearest // len(shares)]]
    picture[shown >= 0] = np.clip(scale.colours(number[nearest]) * light[:, None], 0.0, 255.0).astype(
        np.uint8
    )
    return picture


def _shares(places: Array) -> Array:
    """Barycentric coordinates (s, 3) that leave no pixel of the largest triangle out, (m, 3, 2) in pixels."""
    edges = np.linalg.norm(places - np.roll(places, 1, axis=1), axis=2)
    steps = max(1, int(np.ceil(float(edges.max(initial=1.0)) * 1.2)))
    first, second = np.mgrid[0 : steps + 1, 0 : steps + 1]
    inside = first + second <= steps
    a, b = first[inside] / steps, second[inside] / steps
    return np.stack([a, b, 1.0 - a - b], axis=-1).astype(np.float32)

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
PIXELS: Final = 260
MARGIN: Final = 1.15
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
    seen = facing > 0.0
    shares = _shares(view, corners_mm[seen])
    points_mm = np.einsum("sc,mcx->msx", shares, corners_mm[seen]).reshape(-1, 3)
    number = np.einsum("sc,mc->ms", shares, values[seen]).ravel()
    light = np.repeat(LIGHT[0] + LIGHT[1] * facing[seen], len(shares))
    column, row = np.floor(view.picture_xy(points_mm)).astype(int).T
    # Far ones first: of several writes to a pixel the last one stays.
    order = np.argsort(-view.depth_mm(points_mm), kind="stable")
    picture = np.empty((view.pixels, view.pixels, 3), dtype=np.uint8)
    picture[:] = OUTSIDE
    colours = scale.colours(number[order]) * light[order, None]
    picture[row[order], column[order]] = np.clip(colours, 0.0, 255.0).astype(np.uint8)
    return picture


def _shares(view: Plane, corners_mm: Array) -> Array:
    """Barycentric coordinates (s, 3) of places that leave no pixel of the largest triangle (m, 3, 3) out."""
    edges_mm = np.linalg.norm(corners_mm - np.roll(corners_mm, 1, axis=1), axis=2)
    steps = max(2, int(np.ceil(float(edges_mm.max(initial=1.0)) / view.pixel_mm * 1.5)))
    first, second = np.mgrid[0 : steps + 1, 0 : steps + 1]
    inside = first + second <= steps
    a, b = first[inside] / steps, second[inside] / steps
    return np.stack([a, b, 1.0 - a - b], axis=-1)

"""A picture as SVG: pixels as inline PNG, what is drawn on them as lines, which stay sharp in print.

Plane pictures are drawn in their own pixels; all functions that take a size or places take those of the SVG.
"""

import base64
from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.geometry.frames import Array
from isoguide.workflow.planes import Plane

SCALE_BAR_MM: Final = 50.0
MARKER_ARM: Final = 5.0
_COORDINATE: Final = {"Axial": (2, "z"), "Coronal": (1, "y"), "Sagittal": (0, "x")}
_MOST_VERTICES: Final = 600


def picture_svg(plane: Plane, data: bytes, overlay: str) -> str:
    """Place PNG bytes of a plane under an overlay of SVG elements."""
    return svg_of(data, (plane.pixels, plane.pixels), f"{plane.name} plane", overlay)


def svg_of(data: bytes, size: tuple[float, float], label: str, overlay: str) -> str:
    """Place PNG bytes, stretched to a width and a height, under an overlay of SVG elements."""
    encoded, (width, height) = base64.b64encode(data).decode("ascii"), size
    return (
        f'<svg class="picture" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{escape(label)}">'
        f'<image width="{width:g}" height="{height:g}" href="data:image/png;base64,{encoded}"/>'
        f"{overlay}</svg>"
    )


def crosshair(plane: Plane) -> str:
    """Draw a cross in the middle, where the isocentre is."""
    return cross_at(plane.pixels / 2.0, plane.pixels / 2.0)


def cross_at(x: float, y: float) -> str:
    """Draw a cross with an open middle, so that what lies there stays visible."""
    gap, arm = 8, 34
    path = "".join(
        f"M{x + a:g} {y:g}H{x + b:g}M{x:g} {y + a:g}V{y + b:g}" for a, b in ((gap, arm), (-arm, -gap))
    )
    return f'<path class="halo" d="{path}"/><path class="cross" d="{path}"/>'


def marker_at(planned: Array, radius: float, found: Array | None) -> str:
    """Draw a circle where a marker (2,) was planned, and a cross where it was found, if it was."""
    x, y = planned.tolist()
    circle = f'<circle class="place" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'
    if found is None:
        return circle
    (x, y), arm = found.tolist(), MARKER_ARM
    path = f"M{x - arm:.1f} {y:.1f}h{2 * arm:g}M{x:.1f} {y - arm:.1f}v{2 * arm:g}"
    return f'{circle}<path class="halo" d="{path}"/><path class="seed" d="{path}"/>'


def labels(plane: Plane) -> str:
    """Write orientation letters, a scale bar and where the plane lies."""
    size = (plane.pixels, plane.pixels)
    return edge_letters(plane.letters, size) + scale_bar(plane.pixel_mm, plane.pixels) + _caption(plane)


def edge_letters(letters: tuple[str, str, str, str], size: tuple[float, float]) -> str:
    """Write which sides of the body are at the left, right, top and bottom edge."""
    (left, right, top, bottom), (width, height) = letters, size
    # The middle of one letter is 14 from the edge; of two, 22.
    inset = {1: 14, 2: 22}
    places = (
        (left, inset[len(left)], height / 2.0),
        (right, width - inset[len(right)], height / 2.0),
        (top, width / 2.0, 16),
        (bottom, width / 2.0, height - 14),
    )
    return "".join(f'<text class="letter" x="{x:g}" y="{y:g}">{letter}</text>' for letter, x, y in places)


def scale_bar(pixel_mm: float, height: float, bar_mm: float = SCALE_BAR_MM) -> str:
    """Draw a length at the lower left, where ``pixel_mm`` is that of a unit."""
    length, x, y = bar_mm / pixel_mm, 12, height - 14
    path = f"M{x} {y - 5:g}v10M{x} {y:g}h{length:.1f}m0 -5v10"
    return (
        f'<path class="halo" d="{path}"/><path class="bar" d="{path}"/>'
        f'<text class="note" x="{x + length + 6:.1f}" y="{y:g}">{bar_mm:g} mm</text>'
    )


def note(text: str) -> str:
    """Write what a picture is at the upper left, escaped."""
    return f'<text class="note" x="10" y="16">{escape(text)}</text>'


def outline_path(lines: Sequence[Array], kind: str = "target", *, halo: bool = True) -> str:
    """Draw closed lines (n, 2), picture coordinates, on a dark halo; empty where there are none."""
    path = "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line[:: max(1, len(line) // _MOST_VERTICES)]) + "Z"
        for line in lines
    )
    if not path:
        return ""
    dark = f'<path class="halo" d="{path}"/>' if halo else ""
    return f'{dark}<path class="{kind}" d="{path}"/>'


def _caption(plane: Plane) -> str:
    index, axis = _COORDINATE[plane.name]
    value = float(plane.centre_mm[index]) + 0.0
    return note(f"{plane.name} {axis} = {value:.1f} mm")

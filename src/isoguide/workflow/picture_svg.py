"""A picture plane as SVG: pixels as inline PNG, what is drawn on them as lines, which stay sharp in print."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Final

from isoguide.geometry.frames import Array
from isoguide.workflow.planes import Plane

SCALE_BAR_MM: Final = 50.0
_COORDINATE: Final = {"Axial": (2, "z"), "Coronal": (1, "y"), "Sagittal": (0, "x")}
_MOST_VERTICES: Final = 600


def picture_svg(plane: Plane, data: bytes, overlay: str) -> str:
    """Place PNG bytes of a plane under an overlay of SVG elements."""
    encoded, size = base64.b64encode(data).decode("ascii"), plane.pixels
    return (
        f'<svg class="picture" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="{escape(plane.name)} plane">'
        f'<image width="{size}" height="{size}" href="data:image/png;base64,{encoded}"/>{overlay}</svg>'
    )


def crosshair(plane: Plane) -> str:
    """Draw a cross with an open middle, so that the isocentre itself stays visible."""
    middle, gap, arm = plane.pixels / 2.0, 8, 34
    ends = ((gap, arm), (-arm, -gap))
    path = "".join(
        f"M{middle + a:g} {middle:g}H{middle + b:g}M{middle:g} {middle + a:g}V{middle + b:g}" for a, b in ends
    )
    return f'<path class="halo" d="{path}"/><path class="cross" d="{path}"/>'


def labels(plane: Plane) -> str:
    """Write orientation letters, a scale bar and where the plane lies."""
    return _letters(plane) + _scale_bar(plane) + _caption(plane)


def outline_path(lines: Sequence[Array], kind: str = "target") -> str:
    """Draw closed lines (n, 2), picture coordinates; empty where there are none."""
    path = "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line[:: max(1, len(line) // _MOST_VERTICES)]) + "Z"
        for line in lines
    )
    return f'<path class="halo" d="{path}"/><path class="{kind}" d="{path}"/>' if path else ""


def _letters(plane: Plane) -> str:
    left, right, top, bottom = plane.letters
    middle, size = plane.pixels / 2.0, plane.pixels
    places = ((left, 14, middle), (right, size - 14, middle), (top, middle, 16), (bottom, middle, size - 14))
    return "".join(f'<text class="letter" x="{x:g}" y="{y:g}">{letter}</text>' for letter, x, y in places)


def _scale_bar(plane: Plane) -> str:
    length, x, y = SCALE_BAR_MM / plane.pixel_mm, 12, plane.pixels - 14
    path = f"M{x} {y - 5}v10M{x} {y}h{length:.1f}m0 -5v10"
    return (
        f'<path class="halo" d="{path}"/><path class="bar" d="{path}"/>'
        f'<text class="note" x="{x + length + 6:.1f}" y="{y}">{SCALE_BAR_MM:g} mm</text>'
    )


def _caption(plane: Plane) -> str:
    index, axis = _COORDINATE[plane.name]
    value = float(plane.centre_mm[index]) + 0.0
    return f'<text class="note" x="10" y="16">{escape(plane.name)} {axis} = {value:.1f} mm</text>'

"""How large a pixel is, from the depth that the user read off the scanner, checked against its ruler."""

from dataclasses import dataclass
from typing import Final

from isoguide.errors import InputError
from isoguide.images.ultrasound_fan import Fan, Pixels
from isoguide.images.ultrasound_ruler import Ruler, find_ruler

DEPTHS_MM: Final = (20.0, 400.0)
RADII_MM: Final = (5.0, 90.0)
"""Curvature of transducers: from an endocavity probe to a wide abdominal one."""
MARKS_MM: Final = ((1.0, 5), (1.0, 10), (2.0, 5), (5.0, 2), (5.0, 10), (10.0, 5), (10.0, 10), (20.0, 5))
"""Distances between the marks of rulers, and every which mark is longer."""
PLAIN_MARKS_MM: Final = (1.0, 5.0, 10.0)
"""Distances between marks that are all alike."""
AGREES: Final = 0.025
"""The fan is drawn a few pixels longer or shorter than the ruler goes."""


@dataclass(frozen=True, slots=True)
class DepthScale:
    """Size of a pixel, and whether a ruler in the picture confirms it."""

    pixel_mm: float
    confirmed: bool

    @property
    def pixel_spacing_mm(self) -> tuple[float, float]:
        """The same between columns and between rows: a scanner's screen has square pixels."""
        return self.pixel_mm, self.pixel_mm


def depth_scale_mm(pixels: Pixels, fan: Fan, *, depth_mm: float, source: str) -> DepthScale:
    """Return the size of a pixel of a scanner's screen.

    Parameters
    ----------
    pixels
        Brightness ``[frame, row, column]``.
    fan
        Where the image is in them.
    depth_mm
        How deep the scanner says that the image goes.
    source
        What a message calls the pictures.

    Raises
    ------
    InputError
        If no scanner and transducer have such a depth, or the marks of the ruler contradict it.
    """
    if not _is_possible(depth_mm, fan):
        radius_mm = depth_mm / fan.depth_px * fan.radius_px
        radius = "" if fan.is_linear else f" with a transducer of {radius_mm:.0f} mm radius"
        msg = f"{source} cannot show a depth of {depth_mm:g} mm{radius}: correct the depth"
        raise InputError(msg)
    pixel_mm = depth_mm / fan.depth_px
    ruler = find_ruler(pixels, fan.in_fan)
    if ruler is None:
        return DepthScale(pixel_mm, confirmed=False)
    return DepthScale(_mark_mm(ruler, fan, depth_mm, source) / ruler.step_px, confirmed=True)


def _is_possible(depth_mm: float, fan: Fan) -> bool:
    radius_mm = depth_mm / fan.depth_px * fan.radius_px
    has_radius = fan.is_linear or RADII_MM[0] <= radius_mm <= RADII_MM[1]
    return DEPTHS_MM[0] <= depth_mm <= DEPTHS_MM[1] and has_radius


def _mark_mm(ruler: Ruler, fan: Fan, depth_mm: float, source: str) -> float:
    """Return the true distance between the marks."""
    apart_mm = ruler.step_px * depth_mm / fan.depth_px
    known = [mm for mm, every in MARKS_MM if every == ruler.longer_every] or PLAIN_MARKS_MM
    nearest = min(known, key=lambda mm: abs(apart_mm / mm - 1.0))
    if abs(apart_mm / nearest - 1.0) <= AGREES:
        return nearest
    depths_mm = [mm / ruler.step_px * fan.depth_px for mm in known]
    likely = " or ".join(f"{depth:.0f}" for depth in depths_mm if _is_possible(depth, fan))
    msg = (
        f"a depth of {depth_mm:g} mm would put the marks of the ruler in {source} {apart_mm:.1f} mm apart: "
        f"correct the depth{f' (about {likely} mm would fit)' if likely else ''}"
    )
    raise InputError(msg)

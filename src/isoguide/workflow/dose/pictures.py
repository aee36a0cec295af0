"""Pictures of a dose, shared by reports and console: isodoses over an image, and differences of two doses.

Each function returns three SVG pictures, axial, coronal and sagittal, in the style of ``report.css`` and
``assess.css``; colours are written into them, so that a key and its picture cannot part.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import numpy as np

from isoguide.dose.result import DoseVolume
from isoguide.errors import InputError
from isoguide.workflow.assess.colours import ColourScale
from isoguide.workflow.dose.scene import DoseScene, dose_in_plane
from isoguide.workflow.outlines import half_level_lines
from isoguide.workflow.picture_svg import labels, outline_path, picture_svg
from isoguide.workflow.pictures import Picture, grey_picture, png
from isoguide.workflow.planes import Pixels, Plane

_COLOURED: Final = 0.42
"""How much of a pixel is dose; the rest is the image."""
_LESS, _SAME, _MORE = (30.0, 120.0, 235.0), (238.0, 238.0, 232.0), (240.0, 120.0, 10.0)
DIFFERENCE: Final = ColourScale(-20.0, 20.0, (_LESS, _SAME, _MORE), " %")
"""Dose of the day less that of the plan, percent of the prescription."""
UNSEEN_PERCENT: Final = 2.0
"""A smaller difference is not coloured: it is within what a dose calculation is good for."""


@dataclass(frozen=True, slots=True)
class Isodose:
    """From how many percent of the prescription on, and the colour (0 to 255) up to the next level."""

    percent: float
    colour: tuple[int, int, int]


ISODOSES: Final = (
    Isodose(20.0, (70, 95, 215)),
    Isodose(50.0, (40, 175, 215)),
    Isodose(80.0, (60, 190, 110)),
    Isodose(95.0, (250, 220, 50)),
    Isodose(100.0, (250, 145, 35)),
    Isodose(107.0, (225, 30, 105)),
)
"""95 % and 107 % bound the dose in a target (ICRU Report 50); blue to red, each step also brighter or redder
for eyes that do not tell green from red."""


@dataclass(frozen=True, slots=True)
class DoseReference:
    """What 100 % of a picture of dose are.

    Parameters
    ----------
    dose_gy
        Of one fraction.
    words
        What it is, such as "the prescription".

    Raises
    ------
    InputError
        If it is not above 0.
    """

    dose_gy: float
    words: str = "the prescription"

    def __post_init__(self) -> None:
        if not 0.0 < self.dose_gy < float("inf"):
            msg = f"isodoses need a dose above 0 Gy as their 100 %, not {self.dose_gy:g} Gy"
            raise InputError(msg)

    def __str__(self) -> str:
        return f"100 % = {self.dose_gy:.2f} Gy, {self.words} in one fraction"


def isodose_pictures(scene: DoseScene, reference: DoseReference) -> tuple[str, ...]:
    """Draw the isodoses as a wash of colour with lines at the levels, and the structures over it."""
    tasks, overlays = [], []
    for number, dose_gy in enumerate(scene.dose_gy):
        percent: Pixels = dose_gy * np.float32(100.0 / reference.dose_gy)
        tasks.append(partial(_washed, scene.grey[number], percent))
        overlays.append(_level_lines(percent) + _structures(scene, number))
    return _drawn(scene.planes, tasks, overlays)


def dose_difference_pictures(
    scene: DoseScene, planned: DoseVolume, reference: DoseReference
) -> tuple[str, ...]:
    """Draw the dose of a scene less a planned one, frame PLANNING, at the same places of the room.

    Where one of the two is not known nothing is coloured.
    """
    tasks, overlays = [], []
    for number, (plane, dose_gy) in enumerate(zip(scene.planes, scene.dose_gy, strict=True)):
        change: Pixels = (dose_gy - dose_in_plane(planned, plane)) * np.float32(100.0 / reference.dose_gy)
        tasks.append(partial(_changed, scene.grey[number], change))
        overlays.append(_structures(scene, number))
    return _drawn(scene.planes, tasks, overlays)


def isodose_key(reference: DoseReference, width: float = 330.0) -> str:
    """Draw the levels with their percents and doses, as an SVG of its own."""
    step = width / len(ISODOSES)
    parts = []
    for number, one in enumerate(ISODOSES):
        x, (red, green, blue) = number * step, one.colour
        sign = "≥ " if number == len(ISODOSES) - 1 else ""
        parts.append(
            f'<rect x="{x:.1f}" y="18" width="{step:.1f}" height="11" fill="rgb({red},{green},{blue})"/>'
            f'<text class="tick" x="{x:.1f}" y="38">{sign}{one.percent:g} %</text>'
            f'<text class="tick" x="{x:.1f}" y="52">{one.percent * reference.dose_gy / 100.0:.2f} Gy</text>'
        )
    return (
        f'<svg class="key isodoses" viewBox="0 0 {width:g} 60" role="img" aria-label="Isodoses, '
        f'{escape(str(reference))}"><text class="title" x="0" y="8">Isodoses from</text>'
        f"{''.join(parts)}</svg>"
    )


def difference_key() -> str:
    """Draw the scale of :func:`dose_difference_pictures`."""
    return DIFFERENCE.key("Difference, % of the prescription")


def structure_keys(scene: DoseScene) -> str:
    """Name the structures with their colours, HTML."""
    return " ".join(
        f'<span class="key"><span class="swatch line {one.kind}"></span>{escape(one.name)}</span>'
        for one in scene.shown
    )


def _washed(grey: Pixels, percent: Pixels) -> Picture:
    picture = grey_picture(grey)
    level = np.searchsorted([one.percent for one in ISODOSES], np.nan_to_num(percent), side="right")
    colours = np.array([(0, 0, 0), *(one.colour for one in ISODOSES)], dtype=np.float32)[level]
    return _mixed(picture, colours, level > 0)


def _changed(grey: Pixels, change: Pixels) -> Picture:
    picture = grey_picture(grey, brightness=0.8)
    return _mixed(
        picture,
        DIFFERENCE.colours(change).astype(np.float32),
        np.abs(np.nan_to_num(change)) >= UNSEEN_PERCENT,
    )


def _mixed(
    picture: Picture, colours: Pixels, where: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Picture:
    mixed = _COLOURED * colours + (1.0 - _COLOURED) * picture
    picture[where] = np.clip(mixed[where], 0.0, 255.0).astype(np.uint8)
    return picture


def _level_lines(percent: Pixels) -> str:
    known = np.nan_to_num(percent)
    parts = []
    for one in ISODOSES:
        lines = half_level_lines((known * np.float32(0.5 / one.percent)).astype(np.float32))
        path = outline_path(lines, "isodose", halo=False)
        red, green, blue = one.colour
        parts.append(path.replace("<path ", f'<path stroke="rgb({red},{green},{blue})" ', 1))
    return "".join(parts)


def _structures(scene: DoseScene, number: int) -> str:
    return "".join(outline_path(scene.lines(number, one), one.kind) for one in reversed(scene.shown))


def _drawn(
    planes: Sequence[Plane], tasks: Sequence[Callable[[], Picture]], overlays: Sequence[str]
) -> tuple[str, ...]:
    """Draw the pixels of each plane under its overlay (SVG elements) and the usual labels."""
    # Array arithmetic and compression run outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        encoded = list(pool.map(lambda draw: png(draw()), tasks))
    return tuple(
        picture_svg(plane, data, overlay + labels(plane))
        for plane, data, overlay in zip(planes, encoded, overlays, strict=True)
    )

"""Sections of the report that not every day has: the target's surface, and the density for dose."""

from functools import partial
from html import escape
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from isoguide.dose.density import disagreement
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.workflow.assess.anatomy import AnatomyOfDay, PlannedAnatomy
from isoguide.workflow.assess.colours import ColourScale, surface_scale
from isoguide.workflow.assess.pictures import drawn
from isoguide.workflow.assess.scene import AnatomyScene
from isoguide.workflow.assess.surface_views import surface_pictures
from isoguide.workflow.numbers import signed
from isoguide.workflow.page import picture_row, section
from isoguide.workflow.pictures import CT_WINDOW, Picture, grey_picture
from isoguide.workflow.planes import Pixels, sample_daily
from isoguide.workflow.target import TARGET_TYPES

SMOOTH_MM: Final = 1.5
"""Standard deviation: noise disagrees from voxel to voxel and would hide what does not."""
_BLACK: Final = (0.0, 0.0, 0.0)
HU_SCALE: Final = ColourScale(-300.0, 300.0, ((30.0, 120.0, 235.0), _BLACK, (240.0, 120.0, 10.0)), " HU")
"""Added to a picture of the density: black adds nothing."""


def surface_section(planned: PlannedAnatomy, anatomy: AnatomyOfDay) -> str:
    """Draw how far the surface of the target has moved, from six sides; nothing where it was not assessed.

    Of several targets it is the one that is tissue: a GTV before a CTV before a PTV.
    """
    shapes = {shape.structure.name: shape for shape in planned.shapes}
    targets = [one for one in anatomy.structures if one.is_target]
    if not targets:
        return ""
    target = min(targets, key=lambda one: _distance_from_tissue(shapes[one.name].structure))
    shape, change = shapes[target.name], anatomy.changes[target.name]
    scale = surface_scale(float(np.abs(change.signed_mm).max()))
    pictures = surface_pictures(change.points_mm, shape.surface.triangles, change.signed_mm, scale)
    legend = (
        f'<p class="legend">{escape(target.name)} as planned. Orange: its surface has moved outwards since; '
        f"blue: inwards. Mean {signed(target.surface_mean_mm)} mm; 95 % of it within "
        f"{target.surface_p95_mm:.1f} mm, all within {target.surface_largest_mm:.1f} mm.</p>"
    )
    rows = picture_row("", "Surface", pictures[:3]) + picture_row("", "Surface", pictures[3:])
    return section("Surface of the target", legend + scale.key("Outwards") + rows, kind="pictures")


def _distance_from_tissue(structure: Structure) -> int:
    kind = structure.interpreted_type.upper()
    return TARGET_TYPES[::-1].index(kind) if kind in TARGET_TYPES else len(TARGET_TYPES)


def density_section(scene: AnatomyScene) -> str:
    """Show the density for dose and where two methods disagree; nothing where none was made."""
    if not scene.anatomy.density:
        return ""
    first, second = scene.anatomy.density
    differ = disagreement(first, second)
    grid = first.volume.grid
    smooth = gaussian_filter(differ.map_hu, SMOOTH_MM / grid.spacing_mm[::-1])
    told = Volume(grid, smooth)
    cut = partial(sample_daily, planning_from_daily=scene.day.planning_from_daily)
    density = [cut(first.volume, plane=plane) for plane in scene.planes]
    apart = [cut(told, plane=plane) for plane in scene.planes]
    plain = drawn(scene, [partial(grey_picture, CT_WINDOW.grey(one)) for one in density], [""] * 3)
    maps = drawn(scene, [partial(_over, one, two) for one, two in zip(density, apart, strict=True)], [""] * 3)
    legend = (
        f'<p class="legend">Made as: {escape(first.method.value)}. Where it disagrees with: '
        f"{escape(second.method.value)}, one of the two is wrong. In the body that the day's image shows "
        f"they differ by {differ.mean_absolute_hu:.0f} HU on average, {differ.p95_hu:.0f} HU in the 95th "
        f"percentile, and by more than 100 HU in {100.0 * differ.far_apart_fraction:.1f} % of it. Orange: "
        "the first is denser; the map is smoothed, the numbers are not.</p>"
    )
    body = (
        legend
        + picture_row("Density for dose", "Density", plain)
        + HU_SCALE.key("Disagreement")
        + picture_row("", "Disagreement of two methods", maps)
    )
    return section("Density for dose", body, kind="pictures")


def _over(density: Pixels, apart_hu: Pixels) -> Picture:
    """Add the colours of a disagreement to the dimmed density."""
    picture = grey_picture(CT_WINDOW.grey(density), brightness=0.5)
    mixed = np.clip(picture + HU_SCALE.colours(apart_hu), 0.0, 255.0).astype(np.uint8)
    picture[np.isfinite(apart_hu)] = mixed[np.isfinite(apart_hu)]
    return picture

"""Pictures of the day's anatomy, shared by report, course report and console: SVG with inline pixels.

Each function returns three, axial, coronal and sagittal, in the style of ``report.css`` and ``assess.css``.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import numpy as np
from scipy.ndimage import map_coordinates

from isoguide.geometry.frames import Array
from isoguide.images.displacement_field import DisplacementField
from isoguide.workflow.assess.colours import CHANGE, FOLDED, LENGTH, Colours
from isoguide.workflow.assess.scene import AnatomyScene, ShownStructure, pixel_positions_mm
from isoguide.workflow.picture_svg import labels, outline_path, picture_svg
from isoguide.workflow.pictures import Picture, difference, grey_picture, png
from isoguide.workflow.planes import Pixels, Plane

MAGNIFIED: Final = 3.0
"""Arrows and grids show the motion so many times as long as it is."""
ARROW_EVERY_MM: Final = 14.0
SHORTEST_ARROW_MM: Final = 1.0
MESH_EVERY_MM: Final = 12.0
_MESH_STEP_MM: Final = 3.0
_COLOURED: Final = 0.55
"""How much of a pixel is colour where the day's image shows its tissue; the rest is grey."""
_ARROW_HEAD: Final = 5.0


def outline_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw the day's image with the structures as planned (dashed) and as they are today."""
    window = scene.windows[1]
    tasks = [partial(grey_picture, window.grey(pixels)) for pixels in scene.daily]
    return drawn(scene, tasks, [_outlines(scene, number) for number in range(len(scene.planes))])


def difference_pictures(scene: AnatomyScene, *, deformed: bool) -> tuple[str, ...]:
    """Draw the day's image less the planning CT, which is put on it rigidly, or by the field."""
    first, second = scene.windows
    planned = scene.carried if deformed else scene.planning
    tasks = [
        partial(difference, first.grey(one), second.grey(two))
        for one, two in zip(planned, scene.daily, strict=True)
    ]
    return drawn(scene, tasks, [_target(scene, number) for number in range(len(scene.planes))])


def motion_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw how far tissue has moved, in colour and as arrows from where it was; none without a field."""
    if scene.field is None:
        return ()
    tasks, overlays = [], []
    for number, (plane, pixels) in enumerate(zip(scene.planes, scene.planning, strict=True)):
        places_mm = pixel_positions_mm(plane)
        length_mm: Array = np.linalg.norm(scene.field.moved(places_mm) - places_mm, axis=1)
        tasks.append(partial(_coloured, scene, number, LENGTH.colours(length_mm.reshape(pixels.shape))))
        overlays.append(_arrows(scene, plane, pixels) + _target(scene, number, today=False))
    return drawn(scene, tasks, overlays)


def change_pictures(scene: AnatomyScene) -> tuple[str, ...]:
    """Draw where tissue has grown or shrunk, with a grid that it took along; none without a field.

    The grid is drawn where the tissue would be if it had moved :data:`MAGNIFIED` times as far.
    """
    if scene.field is None:
        return ()
    tasks, overlays = [], []
    jacobian = scene.field.jacobian()
    for number, plane in enumerate(scene.planes):
        index = scene.field.grid.index(pixel_positions_mm(plane))[:, ::-1].T
        determinant = map_coordinates(jacobian, index, np.float32, order=1, mode="nearest")
        determinant = determinant.reshape(plane.pixels, plane.pixels)
        colours = CHANGE.colours(100.0 * (determinant - 1.0))
        colours[determinant <= 0.0] = FOLDED
        tasks.append(partial(_coloured, scene, number, colours))
        overlays.append(_mesh(scene.field, plane) + _target(scene, number, today=False))
    return drawn(scene, tasks, overlays)


def drawn(
    scene: AnatomyScene, tasks: Sequence[Callable[[], Picture]], overlays: Sequence[str]
) -> tuple[str, ...]:
    """Draw the pixels of each plane under its overlay (SVG elements) and the usual labels."""
    # Array arithmetic and compression run outside the interpreter's lock.
    with ThreadPoolExecutor(max_workers=len(tasks)) as pool:
        encoded = list(pool.map(lambda draw: png(draw()), tasks))
    return tuple(
        picture_svg(plane, data, overlay + labels(plane))
        for plane, data, overlay in zip(scene.planes, encoded, overlays, strict=True)
    )


def _outlines(scene: AnatomyScene, number: int) -> str:
    parts = []
    for one in reversed(scene.shown):
        parts.append(outline_path(scene.planned_lines(number, one), f"{one.kind} planned", halo=False))
        parts.append(outline_path(scene.lines_today(number, one), one.kind))
    return "".join(parts)


def _target(scene: AnatomyScene, number: int, *, today: bool = True) -> str:
    """Outline the target, as it is today or as it was planned."""
    lines: Callable[[int, ShownStructure], list[Array]] = scene.lines_today if today else scene.planned_lines
    kinds = "target" if today else "target planned"
    return "".join(outline_path(lines(number, one), kinds) for one in scene.shown if one.kind == "target")


def _coloured(scene: AnatomyScene, number: int, colours: Colours) -> Picture:
    """Lay colours over the planning CT where its tissue is shown today; elsewhere it stays grey and dim."""
    pixels = scene.planning[number]
    grey = scene.windows[0].grey(pixels)
    picture = grey_picture(grey, brightness=0.5)
    mixed = _COLOURED * colours + (1.0 - _COLOURED) * 255.0 * np.nan_to_num(grey)[..., None]
    shown = scene.shows_tissue(number)
    picture[shown] = np.clip(mixed[shown], 0.0, 255.0).astype(np.uint8)
    return picture


def _arrows(scene: AnatomyScene, plane: Plane, pixels: Pixels) -> str:
    """Arrows from where tissue was planned, :data:`MAGNIFIED` times as long as its motion in the plane."""
    shown = scene.shows_tissue(scene.planes.index(plane))
    step = max(1, round(ARROW_EVERY_MM / plane.pixel_mm))
    rows, columns = np.mgrid[step // 2 : pixels.shape[0] : step, step // 2 : pixels.shape[1] : step]
    chosen = shown[rows, columns]
    rows, columns = rows[chosen], columns[chosen]
    places_mm = pixel_positions_mm(plane)[rows * plane.pixels + columns]
    assert scene.field is not None  # noqa: S101 - the caller has checked; tells the type checker
    moved_mm = scene.field.moved(places_mm)
    tips = plane.picture_xy(places_mm + MAGNIFIED * (moved_mm - places_mm))
    roots = plane.picture_xy(places_mm)
    long = np.linalg.norm(tips - roots, axis=1) * plane.pixel_mm >= MAGNIFIED * SHORTEST_ARROW_MM
    path = "".join(_arrow(root, tip) for root, tip in zip(roots[long], tips[long], strict=True))
    return f'<path class="halo" d="{path}"/><path class="arrows" d="{path}"/>' if path else ""


def _arrow(root: Array, tip: Array) -> str:
    along = tip - root
    along = along / np.linalg.norm(along) * _ARROW_HEAD
    across = np.array([-along[1], along[0]]) * 0.55
    left, right = tip - along + across, tip - along - across
    points = [*root, *tip, *left, *tip, *right]
    x0, y0, x1, y1, x2, y2, x3, y3, x4, y4 = (f"{value:.1f}" for value in points)
    return f"M{x0} {y0}L{x1} {y1}M{x2} {y2}L{x3} {y3}L{x4} {y4}"


def _mesh(field: DisplacementField, plane: Plane) -> str:
    """Draw lines every :data:`MESH_EVERY_MM`, taken along by :data:`MAGNIFIED` times the motion."""
    half_mm = plane.field_mm / 2.0
    along = np.arange(-half_mm, half_mm + _MESH_STEP_MM, _MESH_STEP_MM)
    every = np.arange(-half_mm + MESH_EVERY_MM / 2.0, half_mm, MESH_EVERY_MM)
    path = []
    for first, second in ((plane.right, plane.down), (plane.down, plane.right)):
        for offset_mm in every:
            places_mm = plane.centre_mm + offset_mm * first + along[:, None] * second
            moved_mm = places_mm + MAGNIFIED * (field.moved(places_mm) - places_mm)
            points = plane.picture_xy(moved_mm)
            path.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points))
    return f'<path class="mesh" d="{"".join(path)}"/>'

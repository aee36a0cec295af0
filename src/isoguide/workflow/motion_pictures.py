"""Pictures of the motion at simulation: the target over the breath, and everywhere it goes in the average."""

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoguide.course.simulation import ReferenceImage, StructureMotion
from isoguide.geometry.frames import Array
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.workflow.internal_target import displaced
from isoguide.workflow.outlines import CroppedMask, outlines
from isoguide.workflow.pictures import CT_WINDOW, Window, planning_window
from isoguide.workflow.planes import Pixels, Plane, planes_through, sample
from isoguide.workflow.reference_pictures import ReferencePicture
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    SMALL_PT,
    ends,
    panels,
    picture,
    zero_line,
)

KIND: Final = "4DCT motion"
"""Kind of the reference images that show it."""
AXES: Final = (
    ("left-right", "left", "right"),
    ("front-back", "back", "front"),
    ("head-feet", "head", "feet"),
)
"""Names of planning x, y and z, and which way is plus and minus."""
LEAST_HALF_MM: Final = 3.0
"""Half the height of a panel at least: noise must not look like motion."""
AROUND_MM: Final = 45.0
PIXELS: Final = 420
LUNG_WINDOW: Final = Window(-1000.0, 300.0)
LUNG_BELOW_HU: Final = -450.0
LIGHT_BLUE: Final = "#7cc4f5"
MARKER_COLOURS: Final = (MUTED, GREEN, BLUE, INK)


def motion_chart(motions: Sequence[StructureMotion]) -> ReferencePicture:
    """Draw where target and markers are in each phase, along each axis.

    Parameters
    ----------
    motions
        Target first; at least one.
    """
    target = motions[0]
    farthest_mm = max(float(np.abs(_way_mm(motion)).max()) for motion in motions)
    half_mm = max(1.35 * farthest_mm, LEAST_HALF_MM)

    def draw(figure: Figure) -> None:
        # One scale for all axes: small motion has to look small.
        rows = panels(figure, 1, 3, edges_in=(0.62, 0.2, 0.62, 0.52), gaps_in=(0.3, 0.0), sharey=True)
        for number, axes in enumerate(rows[0]):
            _draw_axis(axes, motions, number)
            axes.set_ylim(-half_mm, half_mm)
        rows[0][0].set_ylabel("mm from the mean place")
        if len(motions) > 1:
            rows[0][0].legend(fontsize=SMALL_PT, frameon=False, loc="upper right", ncols=2)
        figure.text(0.012, 0.965, _headline(target), fontsize=9.5, fontweight="bold", va="top", color=INK)

    about = f"{_headline(target)}; its place along each axis over the phases of the 4DCT"
    return _reference("over the breath", picture("motion", about, 3.1, draw).png)


def average_picture(
    average: Volume, target: Structure, motion: StructureMotion, internal: Structure | None
) -> ReferencePicture:
    """Draw the average of the 4DCT with the outline of the target in every phase and all of them together.

    Parameters
    ----------
    average
        Mean over time, frame PLANNING.
    target
        As drawn on the planning CT.
    motion
        Of that target, with its place in the first phase.
    internal
        The internal target volume; None where there is none.
    """
    places_mm = motion.displacement_mm + (0.0 if motion.from_planning_mm is None else motion.from_planning_mm)
    points_mm = np.concatenate([target.points_mm + shift_mm for shift_mm in places_mm])
    low_mm, high_mm = points_mm.min(axis=0), points_mm.max(axis=0)
    field_mm = float((high_mm - low_mm).max()) + AROUND_MM
    planes = planes_through((low_mm + high_mm) / 2.0, field_mm=field_mm, pixels=PIXELS)
    moved = [CroppedMask.of(displaced(target, shift_mm), average.grid) for shift_mm in places_mm]
    swept = CroppedMask.of(internal, average.grid) if internal is not None else None
    pixels = [sample(average, plane) for plane in planes]
    window = _window(pixels, is_hounsfield=average.is_hounsfield)

    def draw(figure: Figure) -> None:
        rows = panels(figure, 1, 3, edges_in=(0.12, 0.12, 0.36, 0.42), gaps_in=(0.12, 0.0))
        for axes, plane, values in zip(rows[0], planes, pixels, strict=True):
            _draw_plane(axes, plane, window.grey(values))
            for number, one in enumerate(moved):
                is_middle = number == motion.mid_ventilation
                style = (ORANGE, 1.6, 3) if is_middle else (LIGHT_BLUE, 0.7, 2)
                _draw_outline(axes, one, plane, style)
            if swept is not None:
                _draw_outline(axes, swept, plane, ("#f0e442", 1.3, 4))
        _draw_key(figure, motion, with_internal=swept is not None)

    about = f"average of the 4DCT with {target.name} in {len(moved)} phases, its middle one and their union"
    return _reference("average with the target in all phases", picture("average", about, 4.15, draw).png)


def _reference(label: str, png: bytes) -> ReferencePicture:
    return ReferencePicture(
        ReferenceImage(KIND, label, hashlib.sha256(png).hexdigest()), png, ("", "", "", "")
    )


def _headline(target: StructureMotion) -> str:
    left_right, front_back, head_feet = target.amplitude_mm
    words = (
        f"{target.structure} moves {left_right:.1f} mm left-right, {front_back:.1f} mm front-back, "
        f"{head_feet:.1f} mm head-feet"
    )
    if target.mid_ventilation is None:
        return f"{words} (sorted by amplitude: no mean over time)"
    percent = target.phases_percent[target.mid_ventilation]
    return f"{words}; mid-ventilation is {percent:g} %, {target.mid_ventilation_off_mm:.1f} mm from the mean"


def _draw_axis(axes: Axes, motions: Sequence[StructureMotion], number: int) -> None:
    name, plus, minus = AXES[number]
    target = motions[0]
    for order, motion in reversed(list(enumerate(motions))):
        way_mm = _way_mm(motion)[:, number]
        # The cycle goes on: its first phase is shown again after the last.
        percent = [*motion.phases_percent, motion.phases_percent[0] + 100.0]
        is_target = order == 0
        axes.plot(
            percent,
            [*way_mm, way_mm[0]],
            color=ORANGE if is_target else MARKER_COLOURS[(order - 1) % len(MARKER_COLOURS)],
            marker="o" if is_target else "",
            linewidth=1.8 if is_target else 0.9,
            label=motion.structure,
            zorder=4 if is_target else 3,
        )
    zero_line(axes)
    if target.mid_ventilation is not None:
        at = target.phases_percent[target.mid_ventilation]
        axes.axvline(at, color=ORANGE, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
        axes.annotate(
            "mid-ventilation",
            (at, 0.02),
            xycoords=axes.get_xaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            fontsize=SMALL_PT,
        )
    axes.set_title(name)
    axes.set_xlabel("phase, % (0: end of breathing in)")
    ends(axes, plus, minus)


def _way_mm(motion: StructureMotion) -> Array:
    """Place in each phase about the mean over time, or else about the middle of its range, (phases, 3)."""
    if motion.mean_mm is not None:
        return motion.displacement_mm - motion.mean_mm
    ends_mm = motion.displacement_mm.max(axis=0) + motion.displacement_mm.min(axis=0)
    return np.asarray(motion.displacement_mm - ends_mm / 2.0)


def _window(pixels: list[Pixels], *, is_hounsfield: bool) -> Window:
    if not is_hounsfield:
        return planning_window(pixels, is_hounsfield=False)
    middle = np.concatenate(
        [one[PIXELS // 4 : -PIXELS // 4, PIXELS // 4 : -PIXELS // 4].ravel() for one in pixels]
    )
    return LUNG_WINDOW if np.nanquantile(middle, 0.4) < LUNG_BELOW_HU else CT_WINDOW


def _draw_plane(axes: Axes, plane: Plane, grey: Pixels) -> None:
    axes.imshow(
        np.nan_to_num(grey), cmap="gray", vmin=0.0, vmax=1.0, extent=(0.0, PIXELS, PIXELS, 0.0), zorder=1
    )
    axes.set_title(plane.name)
    axes.set_axis_off()
    left, right, top, bottom = plane.letters
    for letter, at in (
        (left, (0.03, 0.5)),
        (right, (0.97, 0.5)),
        (top, (0.5, 0.965)),
        (bottom, (0.5, 0.035)),
    ):
        axes.text(
            *at,
            letter,
            transform=axes.transAxes,
            color="#ffd040",
            fontweight="bold",
            ha="center",
            va="center",
        )
    bar_px = 10.0 / plane.pixel_mm
    axes.plot([14.0, 14.0 + bar_px], [PIXELS - 14.0] * 2, color="#ffd040", linewidth=2.0, zorder=5)
    axes.text(14.0 + bar_px / 2.0, PIXELS - 20.0, "1 cm", color="#ffd040", fontsize=SMALL_PT, ha="center")


def _draw_outline(axes: Axes, mask: CroppedMask, plane: Plane, style: tuple[str, float, int]) -> None:
    colour, width, order = style
    for line in outlines(mask, plane):
        closed = np.concatenate([line, line[:1]])
        axes.plot(closed[:, 0], closed[:, 1], color=colour, linewidth=width, zorder=order)


def _draw_key(figure: Figure, motion: StructureMotion, *, with_internal: bool) -> None:
    keys = [(LIGHT_BLUE, f"{motion.structure} in each of {len(motion.phases_percent)} phases")]
    if motion.mid_ventilation is not None:
        keys.append((ORANGE, f"mid-ventilation, {motion.phases_percent[motion.mid_ventilation]:g} %"))
    if with_internal:
        keys.append(("#c8b900", "internal target volume"))
    at = 0.012
    for colour, words in keys:
        figure.text(at, 0.035, "▬", color=colour, fontsize=11.0, va="center")
        figure.text(at + 0.02, 0.035, words, fontsize=SMALL_PT + 1.0, va="center", color=INK)
        at += 0.045 + 0.0072 * len(words)

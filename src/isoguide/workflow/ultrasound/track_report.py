"""The report of structures followed in ultrasound: where they are, how they moved, when they were lost."""

from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoguide.geometry.frames import Array
from isoguide.workflow.page import bullets, closing, facts, heading, page, section, table
from isoguide.workflow.review.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    RULE,
    SMALL_PT,
    TRUTH,
    Picture,
    panels,
    picture,
)
from isoguide.workflow.review.html_parts import STYLES
from isoguide.workflow.ultrasound.track import RETURN_MM, UltrasoundTrack

TRACK_PICTURES: Final = ("first-frame", "curves")
_COLOURS: Final = ("#56b4e9", "#ff9a52", "#b9a0f2", "#2fd0a5", "#ff8fc7", "#f0e442")
"""On the dark picture, in the order of those of the curves."""
_LINES: Final = (BLUE, ORANGE, TRUTH, GREEN, "#a3386f", INK)
_MARGIN_PX: Final = 12


def track_html(track: UltrasoundTrack, drawn: Sequence[Picture]) -> str:
    """Write the page; every text that comes from files is escaped, and nothing is loaded from anywhere."""
    first, curves = drawn
    sections = [
        _header(track),
        section("Mind", bullets(track.warnings), kind="warnings"),
        section("In short", _short(track)),
        section("The first frame", first.html(_first_caption())),
        section("How the structures moved", curves.html(_curves_caption(track))),
        section("Structures", _structures(track)),
        section("Losses", _losses(track)),
        section("How it was made", _provenance(track)),
        closing(),
    ]
    return page("isoguide: structures in ultrasound", sections, *STYLES)


def track_pictures(track: UltrasoundTrack) -> tuple[Picture, Picture]:
    """Return the first frame with targets and paths, and the curves over time."""
    return _first_picture(track), _curves_picture(track)


def _header(track: UltrasoundTrack) -> str:
    where = "in the room" if track.sightings is not None else "in the image, without a place in the room"
    count = track.seen.shape[1]
    told = (
        track.request.recording.name,
        f"{count} structure{'s' if count > 1 else ''} in {len(track.seen)} frames",
        where,
    )
    return heading("ultrasound", "Structures in ultrasound", told)


def _short(track: UltrasoundTrack) -> str:
    seen, moved = track.seen, track.moved_mm
    ranges = [np.ptp(moved[seen[:, n], n], axis=0) for n in range(seen.shape[1])]
    sigma = float(np.nanmedian(np.linalg.norm(track.sigma_mm[1:], axis=-1)))
    losses = sum(len(track.losses(n)) for n in range(seen.shape[1]))
    cells = [
        (f"{100.0 * seen.mean():.0f} %", "seen", f"of {seen.size} places in {len(seen)} frames"),
        (f"{losses}", "losses", "each with its reason below"),
        (f"{max(float(np.linalg.norm(one)) for one in ranges):.1f} mm", "largest range", "of any structure"),
        (f"{sigma:.2f} mm", "stated error", "median standard deviation"),
    ]
    if track.back_mm is not None:
        known = track.back_mm[np.isfinite(track.back_mm)]
        value = f"{known.max():.2f} mm" if known.size else "–"
        cells.append((value, "followed back", f"{known.size} of {seen.shape[1]} came back, the farthest"))
    cards = "".join(
        f'<div class="card"><strong>{escape(value)}</strong><span>{escape(what)}</span>'
        f"<small>{escape(more)}</small></div>"
        for value, what, more in cells
    )
    return f'<div class="cards">{cards}</div>'


def _first_caption() -> str:
    return escape(
        "Circles: where each structure was chosen. Lines: the way it went in the frames in which it was "
        "seen. Crosses: where it was seen last."
    )


def _curves_caption(track: UltrasoundTrack) -> str:
    unit = "seconds" if track.at_s is not None else "frames"
    return escape(
        f"Distance from the place in the first frame over {unit}, along columns (+: right) and rows (+: "
        "down, deeper), and how much of the speckle is still that of the first frame. Marks at the lower "
        "edge: frames without the structure."
    )


def _first_picture(track: UltrasoundTrack) -> Picture:
    rows, columns = np.nonzero(track.in_fan)
    top, bottom = max(rows.min() - _MARGIN_PX, 0), rows.max() + _MARGIN_PX
    left, right = max(columns.min() - _MARGIN_PX, 0), columns.max() + _MARGIN_PX

    def draw(figure: Figure) -> None:
        axes = panels(figure, 1, 1, edges_in=(0.1, 0.1, 0.1, 0.1), gaps_in=(0.0, 0.0))[0][0]
        axes.imshow((track.first / 255.0) ** 0.8, cmap="gray", vmin=0.0, vmax=1.0)
        axes.set_aspect(track.spacing_mm[1] / track.spacing_mm[0])
        axes.set_xlim(left, right)
        axes.set_ylim(bottom, top)
        axes.set_axis_off()
        for which in range(track.seen.shape[1]):
            _path(axes, track.pixels[:, which], which)
        _scale_bar(axes, (left, right, bottom), track.spacing_mm[0])

    return picture(TRACK_PICTURES[0], "The first frame with the structures and their ways.", 6.0, draw)


def _path(axes: Axes, pixels: Array, which: int) -> None:
    colour = _COLOURS[which % len(_COLOURS)]
    axes.plot(pixels[:, 0], pixels[:, 1], color=colour, linewidth=1.2)
    axes.plot(*pixels[0], marker="o", color=colour, markersize=9.0, fillstyle="none", markeredgewidth=1.4)
    last = pixels[np.isfinite(pixels[:, 0])][-1]
    axes.plot(*last, marker="x", color=colour, markersize=6.0, markeredgewidth=1.4)
    axes.annotate(
        f"{which + 1}", pixels[0], (9, -9), textcoords="offset points", color=colour, fontweight="bold"
    )


def _scale_bar(axes: Axes, edges: tuple[float, float, float], pixel_mm: float) -> None:
    left, _, bottom = edges
    length_mm = 20.0
    begin, height = left + 10.0, bottom - 12.0
    axes.plot([begin, begin + length_mm / pixel_mm], [height, height], color="white", linewidth=2.0)
    axes.annotate(
        f"{length_mm:.0f} mm", (begin, height), (0, 4), textcoords="offset points", color="white",
        fontsize=SMALL_PT,
    )  # fmt: skip


def _curves_picture(track: UltrasoundTrack) -> Picture:
    has_times = track.at_s is not None
    x = track.at_s if track.at_s is not None else np.arange(1.0, len(track.seen) + 1.0)
    moved = track.moved_mm

    def draw(figure: Figure) -> None:
        rows = panels(figure, 3, 1, edges_in=(0.7, 0.9, 0.15, 0.5), gaps_in=(0.0, 0.22), sharex=True)
        across, down, speckle = (row[0] for row in rows)
        for which in range(track.seen.shape[1]):
            colour = _LINES[which % len(_LINES)]
            for axes, values in ((across, moved[:, which, 0]), (down, moved[:, which, 1])):
                axes.plot(x, values, color=colour)
            speckle.plot(x, np.where(track.seen[:, which], track.speckle[:, which], np.nan), color=colour)
            _name(across, x, moved[:, which, 0], which, colour)
            lost = x[~track.seen[:, which]]
            heights = np.full(len(lost), 0.03 + 0.06 * which)
            across.plot(
                lost, heights, "|", color=colour, markersize=5.0, transform=across.get_xaxis_transform()
            )
        across.set_ylabel("right (mm)")
        down.set_ylabel("deeper (mm)")
        speckle.set_ylabel("speckle")
        speckle.set_ylim(0.0, 1.02)
        speckle.set_xlabel("time (s)" if has_times else "frame")
        for axes in (across, down, speckle):
            axes.grid(axis="y", color=RULE, linewidth=0.4)
        across.axhline(0.0, color=MUTED, linewidth=0.5)
        down.axhline(0.0, color=MUTED, linewidth=0.5)

    return picture(TRACK_PICTURES[1], "How far each structure moved, over time.", 5.2, draw)


def _name(axes: Axes, x: Array, values: Array, which: int, colour: str) -> None:
    known = np.flatnonzero(np.isfinite(values))
    at = int(known[-1])
    axes.annotate(
        f"{which + 1}", (x[at], values[at]), (6 + 10 * which, 0), textcoords="offset points", color=colour,
        fontsize=SMALL_PT, va="center",
    )  # fmt: skip


def _structures(track: UltrasoundTrack) -> str:
    rows = []
    for which, (column, row) in enumerate(track.request.targets_px):
        seen = track.seen[:, which]
        across, down = np.ptp(track.moved_mm[seen, which], axis=0)
        sigma = np.median(track.sigma_mm[seen, which], axis=0)
        back = "not asked" if track.back_mm is None else _back(float(track.back_mm[which]))
        rows.append(
            (
                f"{which + 1}",
                f"{column:g}, {row:g}",
                f"{int(seen.sum())} of {len(seen)}",
                f"{across:.1f} × {down:.1f}",
                f"{sigma[0]:.2f} × {sigma[1]:.2f}",
                f"{track.correlation[seen, which].min():.2f}",
                escape(back),
            )
        )
    head = (
        "Structure", "Column, row", "Frames seen", "Range mm (across × down)", "Error mm",
        "Least correlation", "Followed back",
    )  # fmt: skip
    return table(head, rows, kind="plain")


def _back(away_mm: float) -> str:
    if not np.isfinite(away_mm):
        return "lost on the way back"
    return f"{away_mm:.2f} mm from the start" + ("" if away_mm <= RETURN_MM else ": do not trust this path")


def _losses(track: UltrasoundTrack) -> str:
    rows = [
        (f"{which + 1}", f"{first}" if first == last else f"{first} to {last}", escape(reason))
        for which in range(track.seen.shape[1])
        for first, last, reason in track.losses(which)
    ]
    if not rows:
        return "<p>None.</p>"
    return table(("Structure", "Frames", "Why, at first"), rows, kind="plain journal")


def _provenance(track: UltrasoundTrack) -> str:
    request = track.request
    depth = "as the recording says" if request.depth_mm is None else f"{request.depth_mm:g} mm as given"
    rows = [
        ("Recording", str(request.recording)),
        ("Pixels", f"{track.spacing_mm[0]:.4f} × {track.spacing_mm[1]:.4f} mm"),
        ("Depth", depth),
        ("Times", "of the recording" if request.rate_per_s is None else f"{request.rate_per_s:g} per second"),
        ("Compared with", "the first frame, always; other looks only where the first was found as well"),
    ]
    if track.at_s is None:
        rows[3] = ("Times", "none: frames are counted")
    return facts(rows)

"""The report of a reconstruction: the volume in three planes, how the probe moved, what was left out."""

from html import escape
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isoguide.geometry.frames import FIXED, PLANNING, Array
from isoguide.geometry.transforms import rotation_angle_deg
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.workflow.page import bullets, closing, facts, heading, page, section, table
from isoguide.workflow.review.drawing import BLUE, ORANGE, RULE, SMALL_PT, Picture, panels, picture
from isoguide.workflow.review.html_parts import STYLES
from isoguide.workflow.ultrasound.load_sweep import LoadedSweep
from isoguide.workflow.ultrasound.reconstruct import UltrasoundReconstruction

_SHADE: Final = (0.85, 0.33, 0.0, 0.28)
_AXES: Final = {
    FIXED: ("X (mm, +: right of an observer facing the gantry)", "Y (mm, +: gantry)", "Z (mm, +: up)"),
    PLANNING: ("x (mm, +: patient's left)", "y (mm, +: back)", "z (mm, +: head)"),
}


def reconstruction_html(made: UltrasoundReconstruction) -> str:
    """Write the page; every text that comes from files is escaped, and nothing is loaded from anywhere."""
    sections = [
        _header(made),
        section("Mind", bullets(made.warnings), kind="warnings"),
        section("In short", _short(made)),
        section("The volume", volume_picture(made.volume).html(_volume_caption(made)), kind="pictures"),
        section("How the probe moved", motion_picture(made.loaded).html(_motion_caption())),
        section("Images left out", _left_out(made)),
        section("How it was made", _provenance(made)),
        closing(),
    ]
    return page("isoguide: ultrasound volume", sections, *STYLES)


def _header(made: UltrasoundReconstruction) -> str:
    taken = made.request.taken_at
    told = (
        f"patient {made.patient.patient_id}" if made.patient.patient_id else "no patient identity",
        f"{taken:%Y-%m-%d %H:%M}" if taken is not None else "at an unknown time",
        made.request.recording.name,
        f"in the coordinates of {made.volume.frame}" if made.is_placed else "without a place in the room",
    )
    return heading("ultrasound", "Ultrasound volume", told)


def _short(made: UltrasoundReconstruction) -> str:
    grid, volume, loaded = made.volume.grid, made.volume, made.loaded
    seen_ml = float(volume.seen.sum()) * float(np.prod(grid.spacing_mm)) / 1000.0
    dark = float(volume.shadowed.sum()) / max(float(volume.seen.sum()), 1.0)
    steps = _steps_mm(loaded)
    rms = made.probe.calibration.rms_mm
    cells = [
        (f"{seen_ml:.0f} ml", "seen", f"{' × '.join(f'{size:.0f}' for size in grid.extent_mm)} mm box"),
        (
            f"{len(loaded.sweep.images)}",
            "images used",
            f"of {loaded.recorded} in {loaded.sweep.at_s[-1] - loaded.sweep.at_s[0]:.1f} s",
        ),
        (f"{steps.max():.1f} mm", "largest step between images", f"median {np.median(steps):.2f} mm"),
        (f"{100.0 * dark:.0f} %", "of it in a shadow", "behind bone or gas"),
        ("–" if rms is None else f"{rms:.2f} mm", "residual of the calibration", "per coordinate"),
    ]
    cards = "".join(
        f'<div class="card"><strong>{escape(value)}</strong><span>{escape(what)}</span>'
        f"<small>{escape(more)}</small></div>"
        for value, what, more in cells
    )
    return f'<div class="cards">{cards}</div>'


def _volume_caption(made: UltrasoundReconstruction) -> str:
    where = "" if made.is_placed else " The axes are those of the sensor, which say nothing of the patient's."
    return escape(
        f"Planes through the middle of what was seen, voxels of {made.request.spacing_mm:g} mm. Grey-blue: "
        f"not seen. Orange: in a shadow.{where}"
    )


def _motion_caption() -> str:
    return escape(
        "Top: distance from each image to the next, at the middle of the face. Below: by how much the "
        "probe turned since the first image. Orange marks: images that were left out."
    )


def volume_picture(volume: UltrasoundVolume) -> Picture:
    """Return the three planes through the middle of what was seen."""
    middle = np.round(np.argwhere(volume.seen).mean(axis=0)).astype(int)
    names = _AXES.get(volume.frame, ("x of the sensor (mm)", "y (mm)", "z (mm)"))

    def draw(figure: Figure) -> None:
        row = panels(figure, 1, 3, edges_in=(0.7, 0.15, 0.35, 0.55), gaps_in=(0.75, 0.0))[0]
        for axes, fixed in zip(row, (0, 1, 2), strict=True):
            _plane(axes, volume, fixed, int(middle[fixed]), names)

    return picture("volume", "The ultrasound volume in three planes.", 4.1, draw)


def _plane(axes: Axes, volume: UltrasoundVolume, fixed: int, index: int, names: tuple[str, str, str]) -> None:
    """Draw one plane of [k, j, i]: ``fixed`` is the array axis that is cut."""
    across, up = [axis for axis in (2, 1, 0) if axis != fixed]
    grid = volume.grid
    cut = [np.take(array, index, axis=fixed) for array in (volume.values, volume.seen, volume.shadowed)]
    values, seen, shadowed = cut
    colour = np.repeat(values[..., None] / 255.0, 3, axis=2) ** 0.7
    colour[~seen] = (0.80, 0.84, 0.88)
    colour[shadowed] = (1.0 - _SHADE[3]) * colour[shadowed] + _SHADE[3] * np.array(_SHADE[:3])
    edges = []
    for axis in (across, up):
        place = 2 - axis
        low = grid.origin_mm[place] - grid.spacing_mm[place] / 2.0
        edges += [low, low + grid.spacing_mm[place] * grid.shape[axis]]
    axes.imshow(colour, origin="lower", extent=(edges[0], edges[1], edges[2], edges[3]), aspect="equal")
    cut_mm = grid.origin_mm[2 - fixed] + index * grid.spacing_mm[2 - fixed]
    axes.set_title(f"{names[2 - fixed].split(' ')[0]} = {cut_mm:.1f} mm", fontsize=9.0)
    axes.set_xlabel(names[2 - across], fontsize=SMALL_PT)
    axes.set_ylabel(names[2 - up], fontsize=SMALL_PT)


def _steps_mm(loaded: LoadedSweep) -> Array:
    places = np.array([image.frame_from_image.translation_mm for image in loaded.sweep.images])
    return np.asarray(np.linalg.norm(np.diff(places, axis=0), axis=1))


def motion_picture(loaded: LoadedSweep) -> Picture:
    """Return how far and how much the probe moved from image to image."""
    sweep = loaded.sweep
    kept = np.setdiff1d(np.arange(loaded.recorded), [number for number, _ in loaded.left_out]) + 1
    first = sweep.images[0].frame_from_image.rotation
    turned = [rotation_angle_deg(first.T @ image.frame_from_image.rotation) for image in sweep.images]

    def draw(figure: Figure) -> None:
        rows = panels(figure, 2, 1, edges_in=(0.7, 0.2, 0.15, 0.5), gaps_in=(0.0, 0.2), sharex=True)
        top, bottom = rows[0][0], rows[1][0]
        top.plot(kept[1:], _steps_mm(loaded), color=BLUE, marker="o", markersize=2.5)
        top.set_ylabel("step (mm)")
        top.set_ylim(bottom=0.0)
        bottom.plot(kept, turned, color=BLUE)
        bottom.set_ylabel("turned (°)")
        bottom.set_xlabel("image")
        for axes in (top, bottom):
            axes.grid(axis="y", color=RULE, linewidth=0.4)
            for number, _ in loaded.left_out:
                axes.axvline(number + 1, color=ORANGE, linewidth=0.8, linestyle=":")

    return picture("motion", "Step and turn of the probe from image to image.", 2.9, draw)


def _left_out(made: UltrasoundReconstruction) -> str:
    rows = [(str(number + 1), escape(why)) for number, why in made.loaded.left_out]
    if not rows:
        return "<p>None.</p>"
    return table(("Image", "Why"), rows, kind="plain journal")


def _provenance(made: UltrasoundReconstruction) -> str:
    probe, calibration, grid = made.probe, made.probe.calibration, made.volume.grid
    spacing = " × ".join(f"{value:.4f}" for value in calibration.pixel_spacing_mm)
    rows = [
        ("Recording", str(made.request.recording)),
        ("Probe", f"{probe.name} ({probe.source})"),
        ("Calibrated", "not stated" if probe.calibrated_at is None else f"{probe.calibrated_at}"),
        ("Pixels", f"{spacing} mm, sheared by {calibration.shear_deg:.2f}°"),
        ("Delay", "not measured" if probe.delay is None else f"{1000.0 * probe.delay.seconds:.0f} ms"),
        ("Voxels", f"{' × '.join(str(n) for n in grid.shape[::-1])} of {made.request.spacing_mm:g} mm"),
        ("Compounding", f"{made.request.method}, holes filled up to {made.request.fill_mm:g} mm"),
        ("Coordinates", str(made.volume.frame)),
        ("Files", ", ".join(made.files)),
    ]
    return facts(rows)

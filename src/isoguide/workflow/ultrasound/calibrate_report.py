"""The report of a probe's calibration: residuals, where they were seen, the delay, what was left out."""

from html import escape

import numpy as np
from matplotlib.figure import Figure

from isoguide.geometry.frames import Array
from isoguide.workflow.page import bullets, closing, facts, heading, page, section, table
from isoguide.workflow.review.drawing import BLUE, GREEN, ORANGE, RULE, Picture, panels, picture, zero_line
from isoguide.workflow.review.html_parts import STYLES
from isoguide.workflow.ultrasound.calibrate import DelayFit, ProbeCalibrated, calibration_lines


def calibration_html(found: ProbeCalibrated) -> str:
    """Write the page; every text that comes from files is escaped, and nothing is loaded from anywhere."""
    delay = ""
    if found.delay is not None:
        delay = delay_picture(found.delay).html(_DELAY)
    sections = [
        _header(found),
        section("Mind", bullets(found.warnings), kind="warnings"),
        section("In short", _short(found) + bullets(calibration_lines(found))),
        section("Residuals", residual_picture(found).html(_RESIDUALS), kind="pictures"),
        section("Targets", _targets(found)),
        section("The delay", delay),
        section("The calibration", _provenance(found)),
        closing(),
    ]
    return page("isoguide: probe calibration", sections, *STYLES)


_RESIDUALS = escape(
    "Left: where in the image targets were marked; the lines are residuals in the plane of the image, ten "
    "times as long. Middle: residuals along the image's depth and across its plane, which the thickness of "
    "the beam makes larger; points beyond are drawn at the edge. Right: root mean square of each image. "
    "Orange: left out."
)
_DELAY = escape(
    "Blue: the probe by the tracker. Green: the line in the images, after the delay. Both about their means."
)


def _header(found: ProbeCalibrated) -> str:
    told = (
        found.request.name,
        f"{found.request.taken_at:%Y-%m-%d %H:%M}",
        found.request.recording.name,
    )
    return heading("ultrasound", "Probe calibration", told)


def _short(found: ProbeCalibrated) -> str:
    fit, calibration = found.fit, found.fit.calibration
    cells = [
        (f"{calibration.rms_mm:.2f} mm", "residual", "per coordinate"),
        (f"{fit.leave_one_out_mm:.2f} mm", "in images left out", "distance, root mean square"),
        (f"{fit.largest_sd_mm:.2f} mm", "least known pixel", "standard uncertainty"),
        (f"{fit.spread_deg:.0f}°", "between the directions", "of the probe's poses"),
        (f"{calibration.points}", "points used", f"of {len(fit.used)}"),
    ]
    cards = "".join(
        f'<div class="card"><strong>{escape(value)}</strong><span>{escape(what)}</span>'
        f"<small>{escape(more)}</small></div>"
        for value, what, more in cells
    )
    return f'<div class="cards">{cards}</div>'


def _in_image(found: ProbeCalibrated) -> Array:
    """Residuals (n, 3) along the image's columns, rows, and across it."""
    axes = found.fit.calibration.probe_from_image.rotation
    turns = np.stack([pose.rotation @ axes for pose in found.seen.base_from_probe])[found.seen.image]
    return np.asarray(np.einsum("nji,nj->ni", turns, found.fit.residuals_mm))


def residual_picture(found: ProbeCalibrated) -> Picture:
    """Return residuals over the image, along its axes, and image by image."""
    residuals, used, seen = _in_image(found), found.fit.used, found.seen
    lengths = np.linalg.norm(residuals, axis=1)
    spacing = np.array(found.fit.calibration.pixel_spacing_mm)
    place = (seen.pixels - found.fit.calibration.face_px) * spacing

    def draw(figure: Figure) -> None:
        left, middle, right = panels(figure, 1, 3, edges_in=(0.65, 0.15, 0.35, 0.5), gaps_in=(0.75, 0.0))[0]
        reach_mm = 1.3 * float(np.abs(residuals[used, 1:]).max())
        for mask, colour in ((used, BLUE), (~used, ORANGE)):
            left.plot(*place[mask].T, "o", color=colour, markersize=3.0)
            shown = np.clip(residuals[mask], -reach_mm, reach_mm)
            middle.plot(shown[:, 1], shown[:, 2], "o", color=colour, markersize=3.0)
        for start, tip in zip(place[used], place[used] + 10.0 * residuals[used, :2], strict=True):
            left.plot([start[0], tip[0]], [start[1], tip[1]], color=BLUE, linewidth=0.7)
        left.invert_yaxis()
        left.set_aspect("equal", adjustable="datalim")
        left.set_title("In the image")
        left.set_xlabel("across the face (mm)")
        left.set_ylabel("depth (mm)")
        middle.set_title("Along depth and across the plane")
        middle.set_xlabel("along depth (mm)")
        middle.set_ylabel("across the plane (mm)")
        zero_line(middle)
        zero_line(middle, upright=True)
        images = np.unique(seen.image)
        rms = [np.sqrt((lengths[(seen.image == n) & used] ** 2).mean()) if ((seen.image == n) & used).any()
               else np.nan for n in images]  # fmt: skip
        right.plot(images + 1, rms, "o", color=BLUE)
        right.set_ylim(bottom=0.0)
        right.grid(axis="y", color=RULE, linewidth=0.4)
        right.set_title("Image by image")
        right.set_xlabel("marked image")
        right.set_ylabel("residual (mm)")

    about = "Residuals of the targets in the image, along its axes, and by image."
    return picture("residuals", about, 3.6, draw)


def delay_picture(fit: DelayFit) -> Picture:
    """Return the two motions over time, after the delay."""

    def draw(figure: Figure) -> None:
        axes = panels(figure, 1, 1, edges_in=(0.65, 0.15, 0.15, 0.5), gaps_in=(0.0, 0.0))[0][0]
        start_s = float(fit.tracker_at_s[0])
        axes.plot(fit.tracker_at_s - start_s, fit.tracker_mm, color=BLUE)
        at_s = fit.image_at_s + fit.delay.seconds - start_s
        axes.plot(at_s, fit.image_mm, "o", color=GREEN, markersize=2.5)
        axes.set_xlabel("seconds")
        axes.set_ylabel("towards the line (mm)")
        zero_line(axes)

    return picture(
        "delay", "Motion of the probe by the tracker and in the images, after the delay.", 2.4, draw
    )


def _targets(found: ProbeCalibrated) -> str:
    lengths = np.linalg.norm(found.fit.residuals_mm, axis=1)
    rows = []
    for number, name in enumerate(found.seen.names):
        mine = (found.seen.target == number) & found.fit.used
        marked = int(np.count_nonzero(found.seen.target == number))
        kind = "wire" if found.seen.along[number].any() else "point"
        told = ("–", "–")
        if mine.any():
            told = (f"{np.sqrt((lengths[mine] ** 2).mean()):.2f} mm", f"{lengths[mine].max():.2f} mm")
        rows.append((escape(name), kind, str(marked), str(marked - int(np.count_nonzero(mine))), *told))
    header = ("Target", "Kind", "Marked", "Left out", "Distance, root mean square", "Largest")
    return table(header, rows, kind="numbers")


def _provenance(found: ProbeCalibrated) -> str:
    calibration, fan = found.fit.calibration, found.fan
    sd = np.sqrt(np.diag(np.asarray(calibration.covariance)))
    along = " / ".join(f"{value:.2f}" for value in sd[:3])
    turned = " / ".join(f"{value:.2f}" for value in np.rad2deg(sd[3:]))
    matrix = "; ".join(
        " ".join(f"{value:.4f}" for value in row) for row in calibration.probe_from_image.matrix[:3]
    )
    rows = [
        ("Probe from image (mm)", matrix),
        ("Standard uncertainty", f"{along} mm, {turned}° along the sensor's axes, at the face"),
        ("Pixels", " × ".join(f"{value:.4f}" for value in calibration.pixel_spacing_mm) + " mm"),
        ("Face", f"column {calibration.face_px[0]:.1f}, row {calibration.face_px[1]:.1f}"),
        ("Fan", f"{'linear' if fan.is_linear else 'curved'} array, {fan.depth_px:.0f} rows deep"),
        ("Place", "not stated: volumes have no place in the room" if found.written.place is None
         else f"{found.written.place.of} in {found.written.place.to}"),
        ("Recording, sightings", f"{found.request.recording}, {found.request.sightings}"),
    ]  # fmt: skip
    return facts(rows)

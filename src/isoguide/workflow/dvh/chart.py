"""The chart of dose-volume histograms as inline SVG that brings its own style, so that any page can hold it.

Targets are drawn thicker, and every curve has its name beside the chart in the order of its mean dose.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

from isoguide.dose.dvh import DoseVolumeHistogram
from isoguide.geometry.frames import Array
from isoguide.workflow.charts import Frame, tick_step
from isoguide.workflow.structure_colours import kinds_of, on_paper

INK: Final = "#16202c"
MUTED: Final = "#566474"

_WIDTH: Final = 760.0
_HEIGHT: Final = 400.0
_KEY_WIDTH: Final = 190.0
_ROW: Final = 17.0
_NODES: Final = 300
_LONGEST_NAME: Final = 24
_FONT: Final = "font-family:system-ui,'Segoe UI',Roboto,sans-serif;stroke:none;dominant-baseline:central"


def dvh_svg(
    planned: Sequence[DoseVolumeHistogram],
    day: Sequence[DoseVolumeHistogram] | None = None,
    colours: Mapping[str, str] | None = None,
    *,
    words: tuple[str, str] = ("planned", "today"),
    prescription_gy: float | None = None,
) -> str:
    """Draw cumulative histograms: planned dashed, the day's full; full as well where there is no day.

    Parameters
    ----------
    planned, day
        Of the same dose: one fraction or the whole course. Curves of one name have one colour.
    colours
        CSS colour by the structure's name; others take theirs in turn.
    words
        What the dashed and the full curves are.
    prescription_gy
        Marked where it is given.
    """
    names = _names(planned, day or ())
    colour_of = on_paper(kinds_of(names, None)) | dict(colours or {})
    top_gy = max([one.largest_gy for one in (*planned, *(day or ()))] + [prescription_gy or 0.0, 1e-3]) * 1.04
    height = max(_HEIGHT, 36.0 + _ROW * (len(names) + (2 if day is not None else 0)))
    frame = Frame(46.0, 16.0, _WIDTH - _KEY_WIDTH - 62.0, _HEIGHT - 62.0, 0.0, 100.0)
    parts = [f'<rect width="{_WIDTH:g}" height="{height:g}" style="fill:#fff;stroke:none"/>']
    parts += _axes(frame, top_gy)
    parts += _prescription(frame, top_gy, prescription_gy)
    styles = [(planned, "" if day is None else "6 4")] + ([(day, "")] if day is not None else [])
    for histograms, dashes in styles:
        parts += [_curve(one, frame, top_gy, colour_of[one.name], dashes) for one in histograms]
    targets = {one.name for one in (*planned, *(day or ())) if one.is_target}
    parts += _key(names, colour_of, targets, words if day is not None else None)
    return (
        f'<svg class="chart dvh" viewBox="0 0 {_WIDTH:g} {height:g}" role="img" '
        f'aria-label="Dose-volume histograms of {escape(", ".join(names))}">{"".join(parts)}</svg>'
    )


def _names(planned: Sequence[DoseVolumeHistogram], day: Sequence[DoseVolumeHistogram]) -> list[str]:
    """Targets first, then by mean dose; each once."""
    ordered = sorted((*planned, *day), key=lambda one: (not one.is_target, -one.mean_gy))
    return list(dict.fromkeys(one.name for one in ordered))


def _axes(frame: Frame, top_gy: float) -> list[str]:
    parts = []
    for percent in range(0, 101, 20):
        y = frame.y(float(percent))
        colour = "#e3e8ee" if percent else "#7c8896"
        parts.append(_line(f"M{frame.left:.1f} {y:.1f}h{frame.width:.1f}", colour))
        parts.append(_text(frame.left - 6.0, y, f"{percent}", "end"))
    step = tick_step(top_gy, 8)
    for number in range(int(top_gy / step + 1e-9) + 1):
        x = _x(frame, number * step, top_gy)
        parts.append(_line(f"M{x:.1f} {frame.bottom:.1f}v4", "#7c8896"))
        parts.append(_text(x, frame.bottom + 14.0, f"{number * step:g}", "middle"))
    parts.append(_text(frame.left + frame.width / 2, frame.bottom + 33.0, "Dose, Gy", "middle", colour=INK))
    middle = frame.top + frame.height / 2
    turned = f'transform="rotate(-90 12 {middle:.1f})"'
    parts.append(_text(12.0, middle, "Volume that gets at least this dose, %", "middle", turned, colour=INK))
    return parts


def _prescription(frame: Frame, top_gy: float, prescription_gy: float | None) -> list[str]:
    if prescription_gy is None:
        return []
    x = _x(frame, prescription_gy, top_gy)
    return [
        _line(f"M{x:.1f} {frame.top:.1f}v{frame.height:.1f}", MUTED, dashes="2 3"),
        _text(x, frame.top - 8.0, f"prescribed {prescription_gy:g} Gy", "middle"),
    ]


def _x(frame: Frame, dose_gy: float, top_gy: float) -> float:
    return frame.left + frame.width * dose_gy / top_gy


def _curve(histogram: DoseVolumeHistogram, frame: Frame, top_gy: float, colour: str, dashes: str) -> str:
    dose_gy: Array = np.linspace(0.0, min(histogram.largest_gy * 1.001 + 1e-6, top_gy), _NODES)
    percent = np.append(histogram.curve(dose_gy)[:-1], 0.0)
    points = " ".join(
        f"{_x(frame, float(at), top_gy):.1f},{frame.y(float(share)):.1f}"
        for at, share in zip(dose_gy, percent, strict=True)
    )
    width = 2.6 if histogram.is_target else 1.6
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    return (
        f'<polyline points="{points}" style="fill:none;stroke:{escape(colour)};stroke-width:{width}{dashed}">'
        f"<title>{escape(histogram.name)}</title></polyline>"
    )


def _key(
    names: Sequence[str], colour_of: Mapping[str, str], targets: set[str], words: tuple[str, str] | None
) -> list[str]:
    left = _WIDTH - _KEY_WIDTH
    parts, y = [], 22.0
    for style, word in zip(("6 4", ""), words or (), strict=False):
        parts.append(_line(f"M{left:.1f} {y:.1f}h26", INK, width=1.6, dashes=style))
        parts.append(_text(left + 34.0, y, word, "start", colour=INK))
        y += _ROW
    y += 6.0 if words else 0.0
    for name in names:
        width = 3.4 if name in targets else 2.0
        short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        parts.append(_line(f"M{left:.1f} {y:.1f}h26", colour_of[name], width=width))
        weight = "font-weight:650" if name in targets else ""
        parts.append(_text(left + 34.0, y, short, "start", colour=INK, style=weight))
        y += _ROW
    return parts


def _line(path: str, colour: str, *, width: float = 1.0, dashes: str = "") -> str:
    dashed = f";stroke-dasharray:{dashes}" if dashes else ""
    style = f"fill:none;stroke:{escape(colour)};stroke-width:{width:g}{dashed}"
    return f'<path d="{path}" style="{style}"/>'


def _text(
    x: float, y: float, words: str, anchor: str, more: str = "", *, colour: str = MUTED, style: str = ""
) -> str:
    look = f"{_FONT};font-size:11.5px;fill:{colour};text-anchor:{anchor};{style}"
    return f'<text x="{x:.1f}" y="{y:.1f}" style="{look}" {more}>{escape(words)}</text>'

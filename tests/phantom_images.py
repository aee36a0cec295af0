"""Images of a calibration phantom whose beads, source and detector are known: balls in a tilted cylinder."""

import numpy as np

from isoguide.geometry.transforms import rotation_x, rotation_z
from isoguide.geometry.xray_view import XrayView, gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.projection.analytic import Solid

DIAMETER_MM = 4.0
STEEL_PER_MM, PLASTIC_PER_MM = 0.12, 0.004
NOISE = 0.01
"""Standard deviation of line integrals of 0.3 to 0.5: 10 000 quanta behind nothing."""
PANEL: dict = {"sad_mm": 1000.0, "sid_mm": 1500.0, "size": (400, 400), "pixel_spacing_mm": (0.8, 0.8)}


def bead_positions() -> np.ndarray:
    """24 beads on an irregular helix of 65 mm about the long axis of the room, shape (24, 3)."""
    number = np.arange(24.0)
    turn_rad = number * 1.05 + 0.25 * np.sin(number * 2.3)
    along_mm = -62.0 + number * 5.4 + 1.5 * np.cos(number * 1.7)
    return np.column_stack([65.0 * np.cos(turn_rad), along_mm, 65.0 * np.sin(turn_rad)])


def true_view(source_deg: float) -> XrayView:
    """A panel that hangs 6 mm and 4 mm off, is turned by 1.5° and tilted by 1°."""
    nominal = gantry_view(source_deg, panel_offset_mm=(6.0, -4.0), **PANEL)
    turn = rotation_z(1.5) @ rotation_x(1.0)
    return XrayView(
        nominal.frame,
        nominal.source_mm + np.array([1.0, -2.0, 1.5]),
        nominal.detector_centre_mm,
        turn @ nominal.row_direction,
        turn @ nominal.column_direction,
        nominal.pixel_spacing_mm,
        nominal.size,
    )


def rough_view(source_deg: float) -> XrayView:
    return gantry_view(source_deg, **PANEL)


def phantom_image(view: XrayView, beads_mm: np.ndarray, seed: int, noise: float = NOISE) -> Radiograph:
    """Line integrals averaged over 2 × 2 points per pixel, through a plastic cylinder with steel balls."""
    columns, rows = np.meshgrid(np.arange(view.size[0]), np.arange(view.size[1]))
    values = np.zeros(columns.shape)
    cylinder = Solid(
        "cylinder",
        np.zeros(3),
        np.array([75.0, 75.0, 90.0]),
        PLASTIC_PER_MM,
        np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    )
    pixels = np.stack([columns, rows], axis=-1).astype(float)
    values += cylinder.line_integrals(view.source_mm, view.pixel_mm(pixels))
    reach = DIAMETER_MM * 1.3 / min(view.pixel_spacing_mm) + 3.0
    for bead_mm, middle in zip(beads_mm, view.project(beads_mm), strict=True):
        low = np.clip(np.floor(middle - reach).astype(int), 0, None)
        high = np.clip(np.ceil(middle + reach).astype(int), 0, view.size)
        part = pixels[low[1] : high[1], low[0] : high[0]]
        ball = Solid("ellipsoid", bead_mm, np.full(3, DIAMETER_MM / 2.0), STEEL_PER_MM)
        for offset in ((-0.25, -0.25), (-0.25, 0.25), (0.25, -0.25), (0.25, 0.25)):
            seen_mm = view.pixel_mm(part + np.array(offset))
            values[low[1] : high[1], low[0] : high[0]] += ball.line_integrals(view.source_mm, seen_mm) / 4.0
    values += np.random.default_rng(seed).normal(0.0, noise, values.shape)
    return Radiograph(view, values.astype(np.float32), "line integral")

"""Respiratory signals and cone-beam scans of a breathing body whose truth is a formula."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from isoguide.motion.respiratory_signal import RespiratorySignal
from isoguide.projection.analytic import Solid
from isoguide.projection.cone_beam import ConeBeamScan
from isoguide.projection.projection_set import ProjectionSet

Array = NDArray[np.float64]
WATER_PER_MM = 0.02
SCAN = ConeBeamScan("slow", count=240, duration_s=120.0, size=(56, 44), pixel_spacing_mm=(6.5, 4.0))
ALONG_Y = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]).T
TUMOUR_MM = np.array([-48.0, 0.0, 6.0])
TUMOUR_TRAVEL_MM = np.array([0.0, -12.0, 3.0])
"""FIXED, from empty to full lungs, of a patient head first supine: his feet are at -y, his front at +z."""


@dataclass(frozen=True)
class Course:
    """Breaths one after the other: lungs are full in the middle of each (Lujan 1999)."""

    starts_s: Array
    lengths_s: Array
    sizes: Array

    @classmethod
    def of(cls, lengths_s: list[float] | Array, sizes: list[float] | Array | None = None) -> "Course":
        lengths = np.asarray(lengths_s, dtype=np.float64)
        heights = np.ones(len(lengths)) if sizes is None else np.asarray(sizes, dtype=np.float64)
        return cls(np.cumsum(lengths) - lengths, lengths, heights)

    @property
    def full_s(self) -> Array:
        return self.starts_s + self.lengths_s / 2.0

    def depth(self, seconds: Array) -> Array:
        """0 with empty lungs, 1 at the end of breathing in of a usual breath."""
        number = np.clip(np.searchsorted(self.starts_s, seconds, side="right") - 1, 0, len(self.sizes) - 1)
        angle = np.pi * (seconds - self.starts_s[number]) / self.lengths_s[number]
        return np.asarray(self.sizes[number] * np.sin(angle) ** 4)

    def phase_percent(self, seconds: Array) -> Array:
        """From one end of breathing in to the next; NaN before the first and after the last."""
        number = np.searchsorted(self.full_s, seconds, side="right") - 1
        known = (number >= 0) & (number < len(self.full_s) - 1)
        at = np.clip(number, 0, len(self.full_s) - 2)
        return np.where(known, 100.0 * (seconds - self.full_s[at]) / np.diff(self.full_s)[at], np.nan)


def varied_course(count: int = 32, seed: int = 5) -> Course:
    rng = np.random.default_rng(seed)
    return Course.of(4.0 + 0.3 * rng.standard_normal(count), 1.0 + 0.08 * rng.standard_normal(count))


def off_percent(found: Array, true: Array) -> Array:
    """Difference on the cycle, -50 to 50."""
    return np.asarray((found - true + 50.0) % 100.0 - 50.0)


def breathing_scan(course: Course, scan: ConeBeamScan = SCAN, noise: float = 0.02) -> ProjectionSet:
    """Body, spine and table stand still; a lung with a tumour in it goes to and fro."""
    views = scan.views()
    columns, rows = views[0].size
    pixels = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1).reshape(-1, 2).astype(float)
    body = Solid("cylinder", np.zeros(3), np.array([85.0, 110.0, 500.0]), WATER_PER_MM, ALONG_Y)
    still = [body, *(ball((0.0, y, -60.0), 14.0) for y in range(-120, 121, 40))]
    values = np.empty((len(views), rows, columns), dtype=np.float32)
    for number, (view, depth) in enumerate(zip(views, course.depth(scan.seconds), strict=True)):
        travel_mm = depth * TUMOUR_TRAVEL_MM
        lung = Solid(
            "ellipsoid", np.array([-48.0, 60.0, 0.0]) + travel_mm, np.array([45.0, 90.0, 55.0]), -0.014
        )
        moving = [lung, ball(tuple(TUMOUR_MM + travel_mm), 12.0)]
        ends = view.source_mm, view.pixel_mm(pixels)
        total = sum(solid.line_integrals(*ends) for solid in (*still, *moving))
        values[number] = np.asarray(total).reshape(rows, columns)
    values += noise * np.random.default_rng(1).standard_normal(values.shape).astype(np.float32)
    return ProjectionSet(values, views, scan.seconds, WATER_PER_MM, scan.name)


def ball(centre_mm: tuple[float, ...], radius_mm: float) -> Solid:
    return Solid("ellipsoid", np.array(centre_mm), np.full(3, radius_mm), WATER_PER_MM)


def without_times(projections: ProjectionSet) -> ProjectionSet:
    return replace(projections, seconds=np.zeros(len(projections.views)))


def marker_trace(path: Path, column: str) -> RespiratorySignal:
    """A trace of the public chest markers: decimal commas, ms; damaged rows are left out."""
    with path.open(newline="") as file:
        rows = [
            {name: float(cell.replace(",", ".")) for name, cell in row.items() if cell}
            for row in csv.DictReader(file, delimiter=";")
        ]
    kept, last_ms = [], -1.0
    for row in rows:
        if row["Timestamp"] > last_ms:
            kept.append((row["Timestamp"] / 1000.0, row[column]))
            last_ms = row["Timestamp"]
    seconds, depth = np.array(kept).T
    return RespiratorySignal(seconds, depth, "chest marker")

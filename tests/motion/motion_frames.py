"""Frames of a kV arm with gold seeds of known centres, and where an imager sees points."""

from datetime import UTC, datetime, timedelta

import numpy as np
from scipy import ndimage

from isoguide.geometry.xray_view import gantry_view
from isoguide.motion.marker_pixels import MarkerPixels
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.virtual.seeds_in_beam import gold_mm

AT = datetime(2026, 3, 16, 8, 0, tzinfo=UTC)
SEEDS = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 4)
NAMES = ("base", "left", "apex", "right")
PLANNED = np.array([[-14.0, 14.0, -2.0], [13.0, 1.0, -6.0], [-2.0, -13.0, 11.0], [-15.0, -6.0, -12.0]])
AXES = np.array([[0.1, 1.0, -0.2], [-0.3, 1.0, -0.1], [0.2, 1.0, 0.3], [0.5, 1.0, -0.4]])
AXES = AXES / np.linalg.norm(AXES, axis=1)[:, None]


def second(seconds):
    return AT + timedelta(seconds=seconds)


def kv_view(source_deg, size=(256, 256)):
    return gantry_view(source_deg, sad_mm=1000.0, sid_mm=1500.0, size=size, pixel_spacing_mm=(0.4, 0.4))


def frame(view, centres_mm, axes, rng, noise=0.03, length_mm=5.0):
    """Line integrals of tissue, an edge of bone across the image, and seeds as chords through cylinders."""
    columns, rows = view.size
    tissue = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), 6.0)
    image = 3.0 + 0.15 * tissue / tissue.std()
    edge = 40.0 + 6.0 * np.sin(np.arange(rows) / 30.0)[:, None]
    image += 0.4 / (1.0 + np.exp(-(edge - np.arange(columns)) / 1.5))
    half = length_mm / 2.0
    ends = [np.stack([c - half * axis, c + half * axis]) for c, axis in zip(centres_mm, axes, strict=True)]
    image += ndimage.gaussian_filter(2.0 * gold_mm(view, ends), 0.7)
    return (image + noise * rng.standard_normal((rows, columns))).astype(np.float32)


def seen(view, points_mm, missing=(), sigma_px=0.05, rng=None):
    """Where an imager sees points, with noise when a generator is given."""
    count = len(points_mm)
    pixels = view.project(points_mm)
    if rng is not None:
        pixels = pixels + sigma_px * rng.standard_normal((count, 2))
    covariance = np.tile(sigma_px**2 * np.eye(2), (count, 1, 1))
    quality = np.ones(count)
    for which in missing:
        pixels[which], covariance[which], quality[which] = np.nan, np.nan, 0.0
    return MarkerPixels(pixels, covariance, quality)

"""From painted anatomy to a CT image: texture, point spread, couch and noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.virtual.canvas import Canvas, Part
from isoguide.virtual.shapes import Triple
from isoguide.virtual.spine import Vertebra
from isoguide.virtual.texture import power_law_texture

Floats = NDArray[np.float32]

TEXTURE_HU = (
    (-1000.0, 0.0),
    (-850.0, 30.0),
    (-400.0, 25.0),
    (-100.0, 11.0),
    (50.0, 9.0),
    (150.0, 30.0),
    (800.0, 60.0),
)
"""Standard deviation of the tissue texture at a value: (HU, HU)."""
POINT_SPREAD = 0.5
"""Standard deviation of the scanner's blur, voxels."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlined:
    """A part that becomes a structure."""

    name: str
    interpreted_type: str
    part: Part


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What a site says about its painted canvas, in anatomical mm; ``seeds`` are where seeds are wanted."""

    isocentre_mm: Triple
    outlines: tuple[Outlined, ...]
    couch_y_mm: float
    vertebrae: tuple[Vertebra, ...]
    seeds: tuple[Triple, ...] = ()


def finished(canvas: Canvas, spacing_mm: Triple, rng: np.random.Generator) -> Floats:
    """Return the anatomy as a scanner without noise would see it, HU."""
    texture = power_law_texture(rng, canvas.shape, spacing_mm, 60.0)
    texture *= _strength(canvas.hu)
    values: Floats = ndimage.gaussian_filter(canvas.hu + texture, POINT_SPREAD, truncate=3.0)
    return np.maximum(values, np.float32(-1000.0), out=values)


def _strength(hu: Floats) -> Floats:
    """How strong the texture is at each value, looked up in whole HU."""
    table = np.array(TEXTURE_HU)
    lowest, highest = table[0, 0], table[-1, 0]
    strength = np.interp(np.arange(lowest, highest + 1.0), table[:, 0], table[:, 1]).astype(np.float32)
    found: Floats = strength[(np.clip(hu, lowest, highest) - np.float32(lowest)).astype(np.int16)]
    return found


def scanned(anatomy: Floats, support: Floats, rng: np.random.Generator) -> Floats:
    """Return the planning scan, HU: the anatomy on what it lies on, with noise."""
    noise = rng.standard_normal(anatomy.shape, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, (0.0, 0.6, 0.6), truncate=2.5)
    noise *= np.float32(14.0 / noise[::8].std())
    noise += anatomy
    noise += (support + np.float32(1000.0)) * (anatomy < -950.0)
    return noise


def as_stored(values: Floats) -> NDArray[np.int16]:
    """Return values as a CT stores them, in 12 bits."""
    return np.clip(np.rint(values), -1024, 3071).astype(np.int16)

"""Images of gold seeds with known centres, drawn without the shapes that are fitted to them."""

import numpy as np
from scipy import ndimage

from isoguide.geometry.frames import FIXED, PLANNING
from isoguide.geometry.grid import Grid
from isoguide.geometry.xray_view import gantry_view
from isoguide.images.radiograph import Radiograph
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial
from isoguide.registration.markers import DeclaredMarkers, MarkerKind
from isoguide.virtual.markers import paint_rod
from isoguide.virtual.seeds_in_beam import gold_mm

SEEDS = DeclaredMarkers(MarkerKind.SEED, 5.0, 1.0, 3)
PLANNED = (
    Fiducial("base", [-14.0, 2.0, 14.0]),
    Fiducial("left", [13.0, 6.0, 1.0]),
    Fiducial("apex", [-2.0, -11.0, -13.0]),
    Fiducial("right", [-15.0, 12.0, -6.0]),
)
AXES = np.array([[0.1, 0.2, 1.0], [-0.3, 0.1, 1.0], [0.2, -0.3, 1.0], [0.5, 0.4, 1.0]])
AXES = AXES / np.linalg.norm(AXES, axis=1)[:, None]


def seeds_in_ct(centres_mm, axes, rng, spacing_mm=(1.0, 1.0, 2.0), diameter_mm=1.0, length_mm=5.0):
    """Return a CT of textured soft tissue with an edge of bone and the seeds, clipped at 3071 HU."""
    shape = tuple(round(60.0 / mm) for mm in spacing_mm[::-1])
    grid = Grid.axial(PLANNING, shape, spacing_mm, (-30.0, -30.0, -30.0))
    tissue = ndimage.gaussian_filter(rng.standard_normal(shape), 2.0)
    values = (30.0 * tissue / tissue.std()).astype(np.float32)
    values[:, : round(6.0 / spacing_mm[1]), :] += 900.0
    for centre, axis in zip(centres_mm, axes, strict=True):
        half = (length_mm - diameter_mm) / 2.0 * axis
        paint_rod(values, grid, (centre - half, centre + half), diameter_mm, 20000.0)
    values = ndimage.gaussian_filter(values, 0.7 / np.array(spacing_mm[::-1]))
    noisy = values + 25.0 * rng.standard_normal(shape)
    return Volume(grid, np.minimum(noisy, 3071.0).astype(np.float32))


def kv_view(source_deg):
    return gantry_view(source_deg, sad_mm=1000.0, sid_mm=1500.0, size=(256, 256), pixel_spacing_mm=(0.4, 0.4))


def radiograph(view, centres_mm, axes, rng, noise=0.02, length_mm=5.0):
    """Return line integrals of seeds by chords through flat cylinders, tissue and an edge of bone."""
    columns, rows = view.size
    tissue = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), 6.0)
    image = 3.0 + 0.15 * tissue / tissue.std()
    edge = 30.0 + 6.0 * np.sin(np.arange(rows) / 30.0)[:, None]
    image += 0.4 / (1.0 + np.exp(-(edge - np.arange(columns)) / 1.5))
    half = length_mm / 2.0
    ends = [np.stack([c - half * axis, c + half * axis]) for c, axis in zip(centres_mm, axes, strict=True)]
    metal = 2.0 * gold_mm(view, ends)
    image += ndimage.gaussian_filter(metal, 0.7) + noise * rng.standard_normal((rows, columns))
    return Radiograph(view, image.astype(np.float32), "line integral")


__all__ = ["AXES", "FIXED", "PLANNED", "SEEDS", "kv_view", "radiograph", "seeds_in_ct"]

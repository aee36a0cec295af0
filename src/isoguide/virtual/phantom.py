"""Built-in patients, made from nothing but a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np

from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.virtual import head_neck, pelvis, thorax
from isoguide.virtual.canvas import Canvas
from isoguide.virtual.contours import closed_contours
from isoguide.virtual.rendering import Drawing, finished, scanned
from isoguide.virtual.tissue import restore_skin

Site = Literal["pelvis", "thorax", "head-neck"]


@dataclass(frozen=True, slots=True)
class _Region:
    """What a site's box of anatomy is: extent (x, y, z) in mm about a centre, and who paints it."""

    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]
    draw: Callable[[Canvas], Drawing]


REGIONS: Final[dict[str, _Region]] = {
    "pelvis": _Region((-188.0, -118.0, -100.0), (188.0, 150.0, 266.0), pelvis.draw),
    "thorax": _Region((-188.0, -118.0, -150.0), (188.0, 150.0, 150.0), thorax.draw),
    "head-neck": _Region((-144.0, -126.0, -158.0), (144.0, 146.0, 172.0), head_neck.draw),
}


@dataclass(frozen=True, slots=True, eq=False)
class VertebraPlace:
    """Where a vertebra lies: its level (C2 to L5) and the middle of its body, (3,) planning LPS, ±5 mm."""

    level: str
    centre_mm: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "centre_mm", frozen_array(self.centre_mm, (3,), "vertebra"))


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """A virtual patient with its plan isocentre.

    Parameters
    ----------
    volume
        Planning CT, int16 HU, frame PLANNING, with noise and the simulator's couch.
    anatomy
        The same patient without noise and couch, float32 HU: a daily image made from it has noise of its own.
    structures
        Contours drawn on the planning CT's slices.
    isocentre_mm
        Plan isocentre, planning LPS, (3,).
    vertebrae
        Those whose bodies the picture shows, from the head down.
    name
        Site and seed in words.
    """

    volume: Volume
    anatomy: Volume
    structures: tuple[Structure, ...]
    isocentre_mm: Array
    vertebrae: tuple[VertebraPlace, ...]
    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "isocentre_mm", frozen_array(self.isocentre_mm, (3,), "isocentre"))

    def structure(self, name: str) -> Structure:
        """Return the structure with this name.

        Raises
        ------
        InputError
            If there is none.
        """
        for structure in self.structures:
            if structure.name == name:
                return structure
        msg = f"the phantom has no structure '{name}'; it has {', '.join(s.name for s in self.structures)}"
        raise InputError(msg)


def build_phantom(
    site: Site = "pelvis", seed: int = 0, spacing_mm: tuple[float, float, float] = (1.2, 1.2, 2.5)
) -> Phantom:
    """Build a virtual patient.

    Parameters
    ----------
    site
        "pelvis", "thorax" or "head-neck".
    seed
        Every number makes another patient; the same number makes the same one.
    spacing_mm
        Voxel size along x, y, z.

    Raises
    ------
    InputError
        If the site is unknown.
    """
    if site not in REGIONS:
        msg = f"unknown site '{site}': choose one of {', '.join(get_args(Site))}"
        raise InputError(msg)
    region = REGIONS[site]
    rng = np.random.default_rng([seed, sorted(REGIONS).index(site)])
    # Patients differ in size: anatomy is painted in coordinates of a typical one and stretched.
    build = rng.uniform(0.955, 1.045, 3)
    steps = np.array(spacing_mm) / build
    axes = [
        np.arange(low + step / 2.0, high, step, dtype=np.float32)
        for low, high, step in zip(region.low_mm, region.high_mm, steps, strict=True)
    ]
    canvas = Canvas(rng, (axes[2], axes[1], axes[0]))
    drawing = region.draw(canvas)
    restore_skin(canvas, drawing.outlines[0].part)
    # The scanner's origin has nothing to do with the patient: structures and isocentre move with it.
    origin_mm = np.round(rng.uniform((-12.0, -260.0, -60.0), (12.0, -200.0, 60.0)), 1)
    corner_mm = [round(float(axis[0] * b + o), 3) for axis, b, o in zip(axes, build, origin_mm, strict=True)]
    grid = Grid.axial(PLANNING, canvas.shape, spacing_mm, (corner_mm[0], corner_mm[1], corner_mm[2]))
    anatomy = finished(canvas, spacing_mm, rng)
    ct = scanned(anatomy, drawing, canvas.axes, rng)
    name = f"virtual {site} patient {seed}"

    def placed(position_mm: tuple[float, float, float]) -> Array:
        return np.round(np.array(position_mm) * build + origin_mm, 1)

    places = (VertebraPlace(v.level, placed(v.centre)) for v in drawing.vertebrae)
    return Phantom(
        volume=Volume(grid, ct, source=name),
        anatomy=Volume(grid, anatomy, source=name),
        structures=_structures(drawing, grid),
        isocentre_mm=placed(drawing.isocentre_mm),
        vertebrae=tuple(place for place in places if grid.contains(place.centre_mm)),
        name=name,
    )


def _structures(drawing: Drawing, grid: Grid) -> tuple[Structure, ...]:
    return tuple(
        Structure(
            outline.name, number, PLANNING, closed_contours(outline.part, grid), outline.interpreted_type
        )
        for number, outline in enumerate(drawing.outlines, start=1)
    )

"""Built-in patients, made from nothing but a seed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING, Array, frozen_array
from isoguide.geometry.grid import Grid
from isoguide.images.structure import Structure
from isoguide.images.volume import Volume
from isoguide.plan import Fiducial, SkinMark
from isoguide.virtual import abdomen, head_neck, pelvis, thorax
from isoguide.virtual.canvas import Canvas
from isoguide.virtual.contours import closed_contours
from isoguide.virtual.immobilisation import Support, put_mask, support_hu
from isoguide.virtual.markers import ImplantedSeed, implant_seeds, skin_marks, stick_balls
from isoguide.virtual.rendering import Drawing, as_stored, finished, scanned
from isoguide.virtual.shapes import Triple
from isoguide.virtual.tissue import restore_skin

Site = Literal["pelvis", "thorax", "head-neck", "abdomen"]


@dataclass(frozen=True, slots=True)
class _Region:
    """What a site's box of anatomy is: extent (x, y, z) in mm about a centre, and who paints it.

    ``number`` goes into the seed: it stays with a site whatever sites come later.
    """

    number: int
    low_mm: tuple[float, float, float]
    high_mm: tuple[float, float, float]
    draw: Callable[[Canvas], Drawing]


REGIONS: Final[dict[str, _Region]] = {
    "pelvis": _Region(1, (-188.0, -118.0, -100.0), (188.0, 150.0, 266.0), pelvis.draw),
    "thorax": _Region(2, (-188.0, -118.0, -150.0), (188.0, 150.0, 150.0), thorax.draw),
    "head-neck": _Region(0, (-144.0, -126.0, -158.0), (144.0, 146.0, 172.0), head_neck.draw),
    "abdomen": _Region(3, (-188.0, -118.0, -288.0), (188.0, 150.0, 6.0), abdomen.draw),
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
        Planning CT, int16 HU, frame PLANNING, with noise, the simulator's couch and what else holds him.
    anatomy
        The same patient without noise and couch, float32 HU: a daily image made from it has noise of its own.
        A mask is part of it, because he wears it every day.
    structures
        Contours drawn on the planning CT's slices.
    isocentre_mm
        Plan isocentre, planning LPS, (3,).
    vertebrae
        Those whose bodies the picture shows, from the head down.
    name
        Site and seed in words.
    seeds
        Gold seeds as they lie in him.
    marks
        Where the lasers through the isocentre met the skin during simulation: anterior, left, right.
    bone_labels, bone_names
        Which rigid bone a voxel of the CT belongs to, uint8 ``[k, j, i]``: 0 none, n the bone
        ``bone_names[n - 1]``. Nothing is labelled where bones are not known.
    site
        The built-in site, None for a patient made from a CT.
    """

    volume: Volume
    anatomy: Volume
    structures: tuple[Structure, ...]
    isocentre_mm: Array
    vertebrae: tuple[VertebraPlace, ...]
    name: str
    seeds: tuple[ImplantedSeed, ...]
    marks: tuple[SkinMark, ...]
    bone_labels: NDArray[np.uint8]
    bone_names: tuple[str, ...]
    site: Site | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "isocentre_mm", frozen_array(self.isocentre_mm, (3,), "isocentre"))
        self.bone_labels.flags.writeable = False

    @property
    def fiducials(self) -> tuple[Fiducial, ...]:
        """Centres of the gold seeds, as a plan marks them, planning LPS."""
        return tuple(seed.fiducial for seed in self.seeds)

    def bone(self, name: str) -> NDArray[np.bool_]:
        """Return the voxels ``[k, j, i]`` of the rigid bone with this name.

        Raises
        ------
        InputError
            If there is none.
        """
        if name not in self.bone_names:
            msg = f"the phantom has no bone '{name}'; it has {', '.join(self.bone_names) or 'none labelled'}"
            raise InputError(msg)
        mask: NDArray[np.bool_] = self.bone_labels == self.bone_names.index(name) + 1
        return mask

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
    site: Site = "pelvis",
    seed: int = 0,
    spacing_mm: tuple[float, float, float] = (1.2, 1.2, 2.5),
    support: Support | None = None,
) -> Phantom:
    """Build a virtual patient.

    Parameters
    ----------
    site
        "pelvis", "thorax", "head-neck" or "abdomen".
    seed
        Every number makes another patient; the same number makes the same one.
    spacing_mm
        Voxel size along x, y, z.
    support
        What he lies on and is held by; what is usual for the site when not given.

    Raises
    ------
    InputError
        If the site is unknown.
    """
    if site not in REGIONS:
        msg = f"unknown site '{site}': choose one of {', '.join(get_args(Site))}"
        raise InputError(msg)
    region = REGIONS[site]
    support = support or Support.usual(site)
    rng = np.random.default_rng([seed, region.number])
    # What was added to patients later draws from here, so that nobody else's anatomy changed.
    added = np.random.default_rng([seed, region.number, 1])
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

    def placed(position_mm: Triple | Array) -> Array:
        return np.round(np.array(position_mm) * build + origin_mm, 1)

    isocentre_mm = placed(drawing.isocentre_mm)
    wanted = [placed(canvas.place(seed_mm)) for seed_mm in drawing.seeds]
    seeds = implant_seeds(canvas.hu, grid, wanted, added)
    outside_mm = drawing.outlines[0].part.distance
    marks = skin_marks(outside_mm, grid, isocentre_mm)
    if support.mask:
        put_mask(canvas.hu, outside_mm, canvas.axes, float(canvas.edge_mm))
    anatomy = finished(canvas, spacing_mm, rng)
    scan = scanned(anatomy, support_hu(support, outside_mm, canvas.axes, drawing.couch_y_mm), rng)
    if support.balls:
        stick_balls(scan, grid, marks)
    bone_labels, bone_names = canvas.bones()
    name = f"virtual {site} patient {seed}"
    places = (VertebraPlace(v.level, placed(v.centre)) for v in drawing.vertebrae)
    return Phantom(
        volume=Volume(grid, as_stored(scan), source=name),
        anatomy=Volume(grid, anatomy, source=name),
        structures=_structures(drawing, grid),
        isocentre_mm=isocentre_mm,
        vertebrae=tuple(place for place in places if grid.contains(place.centre_mm)),
        name=name,
        seeds=seeds,
        marks=marks,
        bone_labels=bone_labels,
        bone_names=bone_names,
        site=site,
    )


def _structures(drawing: Drawing, grid: Grid) -> tuple[Structure, ...]:
    return tuple(
        Structure(
            outline.name, number, PLANNING, closed_contours(outline.part, grid), outline.interpreted_type
        )
        for number, outline in enumerate(drawing.outlines, start=1)
    )

"""Real images, round and back: the ten phases of a 4DCT, and three CTs of two heads and necks.

Where tissue comes out after the last registration against where it began tells how consistent an engine is,
not how right: a field of zeros closes every loop. So the largest motion found and the correlation of the
images before and after stand beside it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pydicom
from numpy.typing import NDArray
from scipy import ndimage

from cases import SHARED_DATA
from deformable_engines import Task, engines
from deformable_problem import FoundField, Problem, laid_on
from isoguide.geometry.frames import DAILY, PLANNING, Array, Frame
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.registration import prepare_planning, register_volumes
from isoguide.registration.anatomy import find_body, grey_to_hu
from isoguide.registration.deformable.settings import DeformableSettings
from isoguide.registration.pyramid import Level, make_level

PHASES = SHARED_DATA / "pohl-LucasKanade-4DCT" / "Input images" / "117_HM10395 4DCT"
HEADS = SHARED_DATA / "CV-IGRT" / "cv_dataset"
HEAD_CENTRE_MM = np.array([110.0, 107.0, 150.0])
TISSUE_HU = -500.0
"""In the lung only what is denser can be followed: the tumour, vessels, what is around."""
BORDER_MM = 8.0
"""Tissue this close to the edge of the images is not judged: it may leave them."""
STEP_MM = 4.0
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Leg:
    """One registration of a loop: who is found where."""

    planning: Volume
    body: Mask
    daily: Volume
    planning_from_daily: RigidTransform


@dataclass(frozen=True, eq=False)
class Loop:
    """Registrations that lead back to where they began, and the points (n, 3) that go round."""

    name: str
    legs: tuple[Leg, ...]
    points_mm: Array
    peers_mm: float | None
    settings: DeformableSettings | None = None


def phase(number: int, frame: Frame) -> Volume:
    """Read a phase of the real 4DCT, 0 to 9; its voxels are nominally 1 mm."""
    values = pydicom.dcmread(PHASES / f"image{number + 1}.dcm").pixel_array.astype(np.float32) - 1000.0
    return Volume(Grid(frame, values.shape, np.ones(3), np.zeros(3), np.eye(3)), values, is_hounsfield=False)


def breath() -> Loop:
    """Make the loop 0 → 1 → … → 9 → 0 of a breath; ours samples images this small as finely as they are."""
    still = RigidTransform.identity(PLANNING, DAILY)
    legs = []
    for number in range(10):
        planning = phase(number, PLANNING)
        everywhere = np.ones(planning.grid.shape, dtype=bool)
        legs.append(Leg(planning, everywhere, phase((number + 1) % 10, DAILY), still))
    first = legs[0].planning
    tissue = ndimage.binary_opening(first.values > TISSUE_HU)
    fine = DeformableSettings(spacing_mm=1.0, steps_per_node=3)
    return Loop("4DCT, 0 → 1 → … → 9 → 0", tuple(legs), sparse_points(tissue, first.grid), None, fine)


def head(patient: str, number: int, frame: Frame) -> Volume:
    """Read one of a patient's three CTs."""
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    values = sitk.GetArrayFromImage(sitk.ReadImage(str(HEADS / patient / f"ct_0{number}.nii.gz")))
    grid = Grid.axial(frame, values.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    return Volume(grid, values.astype(np.int16), is_hounsfield=False)


def body_of(image: Volume) -> Mask:
    """Find the body, bool ``[k, j, i]``."""
    scale, offset = grey_to_hu(image)
    coarse = make_level(image.grid, image.values, 4.0, interpolate=False)
    coarse = Level(coarse.grid, coarse.values * np.float32(scale) + np.float32(offset))
    body = find_body(coarse, HEAD_CENTRE_MM).astype(np.float32)
    matrix = coarse.grid.index_from_xyz @ image.grid.xyz_from_index
    on_image: Mask = (
        ndimage.affine_transform(
            body, matrix[:3, :3][::-1, ::-1], matrix[:3, 3][::-1], image.grid.shape, order=1
        )
        > 0.5
    )
    return on_image


def days(patient: str, peers_mm: float) -> Loop:
    """Make the loop 01 → 02 → 03 → 01 of a head; each leg begins with our rigid match."""
    legs = []
    for planned, today in ((1, 2), (2, 3), (3, 1)):
        planning, daily = head(patient, planned, PLANNING), head(patient, today, DAILY)
        prepared = prepare_planning(planning, isocentre_mm=HEAD_CENTRE_MM)
        rigid = register_volumes(prepared, daily, initial=RigidTransform.identity(PLANNING, DAILY))
        if rigid.planning_from_daily is None:
            raise AssertionError(patient)
        legs.append(Leg(planning, body_of(planning), daily, rigid.planning_from_daily))
    first = legs[0]
    points = sparse_points(first.body, first.planning.grid)
    return Loop(f"{patient[-3:]}, 01 → 02 → 03 → 01", tuple(legs), points, peers_mm)


def sparse_points(inside: Mask, grid: Grid) -> Array:
    """Return every few voxels inside and away from the images' edge, (n, 3) mm."""
    chosen = np.zeros_like(inside)
    away, step = round(BORDER_MM / grid.spacing_mm[0]), round(STEP_MM / grid.spacing_mm[0])
    kept = (slice(away, -away, step),) * 3
    chosen[kept] = inside[kept]
    return grid.xyz(np.argwhere(chosen)[:, ::-1].astype(float))


def loops(peers_mm: float) -> Iterator[Loop]:
    """Yield those whose data is there."""
    if PHASES.is_dir():
        yield breath()
    for patient in ("training/H01", "testing/H02"):
        if (HEADS / patient).is_dir():
            yield days(patient, peers_mm)


def go_round(loop: Loop, solve: Callable[[Task], FoundField]) -> tuple[str, ...]:
    """Go round once: where one comes out, how far tissue moved, and how alike the images became."""
    here, seen = loop.points_mm, np.ones(len(loop.points_mm), dtype=bool)
    farthest, before, after = [0.0], [], []
    for leg in loop.legs:
        asked = Task(
            leg.planning,
            leg.body,
            leg.daily,
            leg.planning_from_daily,
            peers_mm=loop.peers_mm,
            settings=loop.settings,
        )
        found = solve(asked)
        moved = found.moved(here)
        farthest.append(float(np.quantile(np.linalg.norm(moved - here, axis=1)[seen], 0.99)))
        here = leg.planning_from_daily.inverse().apply(moved)
        seen &= leg.daily.grid.contains(here)
        likeness = correlations(asked.problem, found)
        before.append(likeness[0])
        after.append(likeness[1])
    away_mm = np.linalg.norm(here - loop.points_mm, axis=1)[seen]
    return (
        f"{away_mm.mean():.2f}",
        f"{np.quantile(away_mm, 0.95):.2f}",
        f"{max(farthest):.1f}",
        f"{np.mean(before):.3f}",
        f"{np.mean(after):.3f}",
    )


def correlations(asked: Problem, found: FoundField) -> tuple[float, float]:
    """Correlation of the two images in the body that both show, before and after."""
    index = np.indices(asked.grid.shape, dtype=np.float32)
    shift = np.moveaxis(laid_on(found, asked.grid), -1, 0)[::-1]
    steps = asked.grid.spacing_mm[::-1].astype(np.float32)[:, None, None, None]
    warped = ndimage.map_coordinates(asked.moving, index + shift / steps, order=1, mode="nearest")
    inside = ndimage.binary_erosion(asked.mask, iterations=4)
    fixed = asked.fixed[inside]
    pair = [float(np.corrcoef(fixed, other[inside])[0, 1]) for other in (asked.moving, warped)]
    return pair[0], pair[1]


@cache
def rows(wanted: tuple[str, ...], peers_mm: float) -> tuple[tuple[str, ...], ...]:
    """Rows of the table: loop, engine, then what :func:`go_round` says."""
    return tuple(
        (loop.name, name, *go_round(loop, engines()[name])) for loop in loops(peers_mm) for name in wanted
    )

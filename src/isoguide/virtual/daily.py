"""The day's image of a patient whose displacement is known.

The planning CT is moved exactly as told, sampled on a grid of its own and then spoilt the way in-room images
are: cut to a cylindrical field of view, rescaled, cupped, streaked, noisy, with another couch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.kernels.bspline import sample_cubic
from isoguide.virtual.artefacts import add_bubbles_and_seeds, degrade, field_of_view
from isoguide.virtual.blur import blurred
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.patient_body import AIR_HU, BODY_ABOVE_HU, BodyWeight, body_weight
from isoguide.virtual.soft_tissue import pull_back
from isoguide.virtual.treatment_couch import couch_top_mm, put_couch

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SPLINE_MARGIN = 12
"""Planning voxels kept around the daily field of view: the B-spline prefilter has decayed to 1e-7 by then."""
SMALLEST_GREY, LARGEST_GREY = -1024, 32767
"""What 16 stored bits with the customary intercept hold."""

_weight_of = lru_cache(maxsize=2)(body_weight)
"""The days of a course are made from one CT, whose outline need not be searched every day."""


def simulate_daily(
    planning: Volume,
    planning_from_daily: RigidTransform,
    *,
    isocentre_mm: Array,
    machine_isocentre_mm: Array,
    settings: DailySettings,
    rng: np.random.Generator,
    field: DisplacementField | Sequence[DisplacementField] = (),
) -> Volume:
    """Make the day's image of a patient displaced by a known amount.

    Tissue at x of the planning CT appears at ``planning_from_daily.inverse().apply(x)``. What the planning CT
    does not show (past its first and last slice, or where its edge cuts the body) gets the fill value.

    Parameters
    ----------
    planning
        Planning CT, HU, frame PLANNING, patient supine with more or less axial slices.
    planning_from_daily
        The truth to be found.
    isocentre_mm
        Plan isocentre, planning LPS, (3,): soft tissue close to it is not deformed.
    machine_isocentre_mm
        Machine isocentre, daily LPS, (3,): the grid, the field of view and the couch are laid out about it.
    settings
        What the image is like.
    rng
        Where everything random is drawn from.
    field
        How the anatomy differs from the planning CT; several are the moments of an exposure, whose mean is
        shown (breathing blurs the image). Tissue at x of the planning CT then appears at
        ``planning_from_daily.inverse().apply(field.moved(x))``.

    Returns
    -------
    Volume
        int16 grey values in the frame DAILY.

    Raises
    ------
    GeometryError
        If the frames are others, or no body is found.
    """
    _check_frames(planning, planning_from_daily)
    room_mm = np.asarray(machine_isocentre_mm, dtype=np.float64)
    plan_mm = np.asarray(isocentre_mm, dtype=np.float64)
    grid = daily_grid(settings, room_mm, rng)
    index_from_index = planning.grid.index_from_xyz @ planning_from_daily.matrix @ grid.xyz_from_index
    weight = _weight_of(planning) if settings.remove_couch or settings.couch else None
    elsewhere = None
    if settings.deformation_mm:
        elsewhere = pull_back(planning, weight, index_from_index, grid, plan_mm, settings.deformation_mm, rng)
    xyz_from_index = planning_from_daily.matrix @ grid.xyz_from_index
    source = _Source(planning, weight if settings.remove_couch else None, index_from_index, grid)
    values, known = _mean_over(
        source, [field] if isinstance(field, DisplacementField) else field, elsewhere, xyz_from_index
    )
    add_bubbles_and_seeds(values, grid, planning_from_daily.inverse().apply(plan_mm), settings, rng)
    if settings.couch and weight is not None:
        put_couch(values, grid, couch_top_mm(planning, weight, plan_mm, room_mm), float(room_mm[0]))
    values = degrade(values, grid, room_mm, settings, rng)
    seen = known & field_of_view(grid, room_mm, settings)
    grey = np.clip(np.rint(values), SMALLEST_GREY, LARGEST_GREY).astype(np.int16)
    grey[~seen] = settings.fill_value
    return Volume(grid, grey, settings.is_hounsfield, "simulated daily image")


def _check_frames(planning: Volume, planning_from_daily: RigidTransform) -> None:
    frames = (planning.grid.frame, planning_from_daily.to_frame, planning_from_daily.from_frame)
    if frames != (PLANNING, PLANNING, DAILY):
        msg = (
            f"expected an image in '{PLANNING}' and '{PLANNING} from {DAILY}', not {[str(f) for f in frames]}"
        )
        raise GeometryError(msg)


def daily_grid(settings: DailySettings, machine_isocentre_mm: Array, rng: np.random.Generator) -> Grid:
    """Lay the daily grid about the machine isocentre."""
    size = np.array(settings.shape[::-1]) - 1.0
    jitter_mm = rng.uniform(-1.0, 1.0, 3) * settings.jitter_mm
    centre_mm = machine_isocentre_mm + np.array(settings.centre_offset_mm) + jitter_mm
    # DICOM writes positions as text: a grid that can be written without rounding keeps the truth exact.
    origin_mm = np.round(centre_mm - size * np.array(settings.spacing_mm) / 2.0, 3)
    return Grid(DAILY, settings.shape, np.array(settings.spacing_mm), origin_mm, np.eye(3))


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """What is sampled: the planning CT, without what the patient lies on where a body weight is given."""

    planning: Volume
    weight: BodyWeight | None
    index_from_index: Array
    grid: Grid


def _mean_over(
    source: _Source,
    fields: Sequence[DisplacementField],
    elsewhere: Floats | None,
    xyz_from_index: Array,
) -> tuple[Floats, Mask]:
    """Sample the patient at each moment; return the mean and where all of it is known."""
    to_index = source.planning.grid.index_from_xyz[:3, :3]
    reach = max((moment.longest_mm for moment in fields), default=0.0)
    coefficients, to_box = _coefficients(source, reach)
    shape = source.grid.shape
    if not fields:
        known = _known(source.index_from_index, shape, source.planning, None)
        return sample_cubic(coefficients, to_box, shape, elsewhere), known
    total, known = np.zeros(shape, dtype=np.float32), np.ones(shape, dtype=bool)
    for moment in fields:
        shift = moment.pull_back(xyz_from_index, to_index, shape)
        known &= _known(source.index_from_index, shape, source.planning, shift)
        if elsewhere is not None:
            shift += elsewhere
        total += sample_cubic(coefficients, to_box, shape, shift)
    total /= np.float32(len(fields))
    return total, known


def _coefficients(source: _Source, reach_mm: float) -> tuple[Floats, Array]:
    """B-spline coefficients of the part of the planning CT that is needed, and the matrix into it."""
    planning, grid = source.planning, source.grid
    margin = SPLINE_MARGIN + np.ceil(reach_mm / planning.grid.spacing_mm).astype(int)
    k, j, i = _box(_corners_in_planning(source.index_from_index, grid), planning.grid.shape, margin)
    values = planning.values[k, j, i].astype(np.float32)
    if source.weight is not None:
        values = np.float32(AIR_HU) + (values - np.float32(AIR_HU)) * source.weight.on(k, j, i)
    values = _smoothed_for(values, planning.grid.spacing_mm, grid.spacing_mm)
    coefficients = ndimage.spline_filter(values, 3, output=np.float32, mode="mirror")
    to_box = source.index_from_index[:3].copy()
    to_box[:, 3] -= (i.start, j.start, k.start)
    return coefficients, to_box


def _corners_in_planning(index_from_index: Array, grid: Grid) -> Array:
    """Planning indices (8, 3) of the daily grid's corners."""
    last = np.array(grid.shape[::-1]) - 1.0
    corners = np.array(np.meshgrid(*([0.0, n] for n in last), indexing="ij")).reshape(3, -1).T
    moved: Array = corners @ index_from_index[:3, :3].T + index_from_index[:3, 3]
    return moved


def _box(corners: Array, shape: tuple[int, int, int], margin: NDArray[np.int_]) -> tuple[slice, slice, slice]:
    """Slices k, j, i of the planning voxels needed, at least four along each axis where there are as many."""
    low = np.floor(corners.min(axis=0)).astype(int) - margin
    high = np.ceil(corners.max(axis=0)).astype(int) + margin + 1
    size = np.array(shape[::-1])
    low = np.clip(low, 0, np.maximum(size - 4, 0))
    high = np.clip(high, np.minimum(low + 4, size), size)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return k, j, i


def _smoothed_for(values: Floats, fine_mm: Array, coarse_mm: Array) -> Floats:
    """Low-pass before sampling on a coarser grid, as a detector with larger elements would."""
    sigma = 0.5 * np.sqrt(np.maximum((coarse_mm / fine_mm) ** 2 - 1.0, 0.0))[::-1]
    sigma[sigma < 0.3] = 0.0
    if not sigma.any():
        return values
    return blurred(values, sigma.tolist(), truncate=3.0)


def _known(
    index_from_index: Array, shape: tuple[int, int, int], planning: Volume, shift: Floats | None
) -> Mask:
    """Voxels that lie between the outermost planning slices, and not past an edge that cuts the body."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in shape)
    m = index_from_index.astype(np.float32)
    x, y, z = (
        m[a, 0] * i + (m[a, 1] * j + m[a, 3])[:, None] + (m[a, 2] * k)[:, None, None] for a in range(3)
    )
    if shift is not None:
        x, y, z = x + shift[0], y + shift[1], z + shift[2]
    nk, nj, ni = planning.grid.shape
    known: Mask = (z >= 0.0) & (z <= nk - 1.0)
    beside = known & ((x < 0.0) | (x > ni - 1.0) | (y < 0.0) | (y > nj - 1.0))
    if beside.any():
        ijk = [
            np.clip(np.rint(axis[beside]), 0, n - 1).astype(int) for axis, n in ((x, ni), (y, nj), (z, nk))
        ]
        known[beside] = planning.values[ijk[2], ijk[1], ijk[0]] < BODY_ABOVE_HU
    return known

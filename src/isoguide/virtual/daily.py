"""The day's image of a patient whose displacement is known.

The planning CT is moved exactly as told, sampled on a grid of its own and then spoilt the way in-room images are:
cut to a cylindrical field of view, rescaled, cupped, streaked, noisy, with another couch.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.kernels.bspline import sample_cubic
from isoguide.virtual import artefacts
from isoguide.virtual.patient_body import AIR_HU, BodyWeight, body_weight

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SPLINE_MARGIN = 12
"""Planning voxels kept around the daily field of view: the B-spline prefilter has decayed to 1e-7 by then."""


@dataclass(frozen=True, slots=True)
class DailySettings:
    """What the day's image is like.

    Parameters
    ----------
    shape
        Voxels ``[k, j, i]``.
    spacing_mm
        Voxel size along x, y, z.
    centre_offset_mm
        Centre of the grid minus the machine isocentre, x, y, z.
    jitter_mm
        The centre is moved by up to this much on top, at random, so that voxels never coincide by design.
    is_hounsfield
        True for a calibrated CT, False for cone-beam grey values.
    field_of_view_mm
        Diameter of the cylinder about the rotation axis that the image shows; None shows everything.
    cone_ends_mm
        How much shorter the cylinder is at its rim than on its axis, at each end.
    fill_value
        Grey value where nothing was imaged; vendors write 0, -1000 or -1024.
    value_scale, value_shift
        Grey value = scale × (HU + 1000) - 1000 + shift.
    cupping
        Loss in the middle of the patient, HU.
    shading
        Amplitude of slow brightness changes, HU (standard deviation), as scatter leaves behind.
    streaks
        Amplitude of line artefacts from the densest spots, HU (standard deviation near the spot).
    rings
        Amplitude of rings about the rotation axis, HU (standard deviation).
    noise
        Standard deviation of the noise, HU.
    noise_grain_mm
        Correlation length of the noise in the axial plane.
    blur_mm
        Standard deviation of the additional blur, in plane and along z.
    remove_couch
        Take the simulator's couch out first.
    couch
        Put another couch under the patient, fixed in the room.
    deformation_mm
        Largest displacement of soft tissue away from bones and target.
    gas_pockets
        New bowel gas, a number of bubbles in soft tissue away from the target.
    metal_seeds
        Dense spots of 4 mm inside the patient.
    """

    shape: tuple[int, int, int] = (90, 256, 256)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0)
    centre_offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    jitter_mm: float = 2.0
    is_hounsfield: bool = True
    field_of_view_mm: float | None = None
    cone_ends_mm: float = 0.0
    fill_value: int = -1024
    value_scale: float = 1.0
    value_shift: float = 0.0
    cupping: float = 0.0
    shading: float = 0.0
    streaks: float = 0.0
    rings: float = 0.0
    noise: float = 0.0
    noise_grain_mm: float = 0.8
    blur_mm: tuple[float, float] = (0.0, 0.0)
    remove_couch: bool = True
    couch: bool = False
    deformation_mm: float = 0.0
    gas_pockets: int = 0
    metal_seeds: int = 0

    def with_changes(self, **changes: object) -> "DailySettings":
        """Return the same settings with some replaced by name."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names and types are checked by the dataclass

    @classmethod
    def exact(cls) -> "DailySettings":
        """Nothing but the displacement: for tests of geometry."""
        return cls(jitter_mm=0.0, remove_couch=False)

    @classmethod
    def cone_beam(cls) -> "DailySettings":
        """Return settings of a linac's cone-beam CT with a 25 cm field of view."""
        return cls(
            is_hounsfield=False,
            field_of_view_mm=250.0,
            cone_ends_mm=12.0,
            value_scale=0.88,
            value_shift=35.0,
            cupping=90.0,
            shading=18.0,
            streaks=25.0,
            rings=5.0,
            noise=35.0,
            blur_mm=(0.4, 0.4),
            couch=True,
        )

    @classmethod
    def repeat_ct(cls) -> "DailySettings":
        """Return settings of a helical CT of the treatment day."""
        return cls(
            shape=(90, 320, 320), spacing_mm=(1.1, 1.1, 2.5), noise=12.0, noise_grain_mm=0.7, couch=True
        )


def simulate_daily(
    planning: Volume,
    planning_from_daily: RigidTransform,
    *,
    isocentre_mm: Array,
    machine_isocentre_mm: Array,
    settings: DailySettings,
    rng: np.random.Generator,
) -> Volume:
    """Make the day's image of a patient displaced by a known amount.

    Tissue at x of the planning CT appears at ``planning_from_daily.inverse().apply(x)``. What the planning CT does not
    show (past its first and last slice, or where its edge cuts the body) gets the fill value.

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
    grid = daily_grid(settings, np.asarray(machine_isocentre_mm, dtype=np.float64), rng)
    index_from_index = planning.grid.index_from_xyz @ planning_from_daily.matrix @ grid.xyz_from_index
    weight = body_weight(planning) if settings.remove_couch or settings.couch else None
    values, known = _moved(planning, index_from_index, grid, settings, weight)
    values = artefacts.degrade(values, grid, np.asarray(machine_isocentre_mm), settings, rng)
    seen = known & artefacts.field_of_view(grid, np.asarray(machine_isocentre_mm), settings)
    whole = np.clip(np.rint(values), -1024, 32767).astype(np.int16)
    whole[~seen] = settings.fill_value
    return Volume(grid, whole, settings.is_hounsfield, "simulated daily image")


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


def _moved(
    planning: Volume,
    index_from_index: Array,
    grid: Grid,
    settings: DailySettings,
    weight: BodyWeight | None,
) -> tuple[Floats, Mask]:
    """Sample the patient on the daily grid; also say which voxels the planning CT knows about."""
    last = np.array(grid.shape[::-1]) - 1.0
    corners = np.array(np.meshgrid(*([0.0, n] for n in last), indexing="ij")).reshape(3, -1).T
    corners_in = corners @ index_from_index[:3, :3].T + index_from_index[:3, 3]
    k, j, i = _box(corners_in, planning.grid.shape)
    values = planning.values[k, j, i].astype(np.float32)
    if settings.remove_couch and weight is not None:
        values = np.float32(AIR_HU) + (values - np.float32(AIR_HU)) * weight.on(k, j, i)
    values = _smoothed_for(values, planning.grid.spacing_mm, grid.spacing_mm)
    coefficients = ndimage.spline_filter(values, 3, output=np.float32, mode="mirror")
    to_box = index_from_index[:3].copy()
    to_box[:, 3] -= (i.start, j.start, k.start)
    daily = sample_cubic(coefficients, to_box, grid.shape)
    return daily, _known(index_from_index, grid.shape, planning)


def _box(corners: Array, shape: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Slices k, j, i of the planning voxels needed, at least four along each axis where there are as many."""
    low = np.floor(corners.min(axis=0)).astype(int) - SPLINE_MARGIN
    high = np.ceil(corners.max(axis=0)).astype(int) + SPLINE_MARGIN + 1
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
    smoothed: Floats = ndimage.gaussian_filter(values, sigma, truncate=3.0)
    return smoothed


def _known(index_from_index: Array, shape: tuple[int, int, int], planning: Volume) -> Mask:
    """Voxels that lie between the outermost planning slices, and not past an edge that cuts the body."""
    k, j, i = (np.arange(n, dtype=np.float32) for n in shape)
    m = index_from_index.astype(np.float32)
    x, y, z = (
        m[a, 0] * i + (m[a, 1] * j + m[a, 3])[:, None] + (m[a, 2] * k)[:, None, None] for a in range(3)
    )
    nk, nj, ni = planning.grid.shape
    known: Mask = (z >= 0.0) & (z <= nk - 1.0)
    beside = known & ((x < 0.0) | (x > ni - 1.0) | (y < 0.0) | (y > nj - 1.0))
    if beside.any():
        ijk = [
            np.clip(np.rint(axis[beside]), 0, n - 1).astype(int) for axis, n in ((x, ni), (y, nj), (z, nk))
        ]
        known[beside] = planning.values[ijk[2], ijk[1], ijk[0]] < -300
    return known

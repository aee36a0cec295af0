"""The patient of the day on one grid: planning CT warped, day's image in HU, its field of view, his body."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from isoguide.dose.density.outline import body_of_day, planned_body
from isoguide.dose.density.resolution import refined
from isoguide.dose.density.result import Float32, Mask
from isoguide.dose.density.shading import WIDTH_MM, measured_shading
from isoguide.dose.density.view import shown
from isoguide.dose.density.warp import planning_from, required_field, warped
from isoguide.errors import GeometryError
from isoguide.geometry.frames import DAILY
from isoguide.geometry.grid import Grid
from isoguide.images.volume import Volume
from isoguide.kernels.bspline import sample_cubic
from isoguide.progress import Progress, silent
from isoguide.registration.deformable.result import DeformableRegistration, FieldVerdict

HALF: Final = 0.5
SOFT_TISSUE_HU: Final = (-20.0, 100.0)
"""Muscle and organs, whose median fills what was gas at planning."""
USUAL_SOFT_HU: Final = 40.0
"""Muscle (ICRU Report 46); for an image that shows no soft tissue of the planning CT."""


@dataclass(frozen=True, slots=True, eq=False)
class DayInHu:
    """What every method of density works with; arrays ``[k, j, i]`` on ``grid``.

    Parameters
    ----------
    grid
        Where the density is made.
    planned, known
        Warped planning CT in HU, and where the planning CT reaches.
    today, seen
        The day's image in HU, and where it shows anything; ``planned`` stands where it does not.
    body
        The patient of the day: by the day's image where it shows him, by the warped planning CT elsewhere.
    soft_hu
        Median of the patient's soft tissue in the planning CT.
    highest_hu
        Of the planning CT.
    approximations
        What this rests on, with what the displacement field rests on.
    shading
        How grey values were brought to HU; empty for a calibrated CT, which is taken as it is.
    """

    grid: Grid
    planned: Float32
    known: Mask
    today: Float32
    seen: Mask
    body: Mask
    soft_hu: float
    highest_hu: float
    approximations: tuple[str, ...]
    shading: str

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(self.grid.spacing_mm.prod()) / 1000.0


def day_in_hu(
    planning: Volume,
    daily: Volume,
    found: DeformableRegistration,
    *,
    grid: Grid | None = None,
    progress: Progress = silent,
) -> DayInHu:
    """Prepare a day for all methods of density.

    Parameters
    ----------
    planning
        Planning CT, HU, frame PLANNING.
    daily
        The day's image, frame DAILY; HU or grey values.
    found
        The deformable match of the two.
    grid
        Where to make it, DAILY or PLANNING; the day's own grid where not given.
    progress
        Told the steps.

    Raises
    ------
    MissingEvidenceError
        If no displacement field was found.
    GeometryError
        If frames do not fit, the planning CT is not in HU, or no body is found.
    InputError
        If grey values cannot be brought to HU.
    """
    required_field(found)
    if daily.grid.frame != DAILY:
        msg = f"the day's image is in '{daily.grid.frame}', not in '{DAILY}'; load it as the day's image"
        raise GeometryError(msg)
    grid = grid or daily.grid
    progress(0.0, "warping the planning CT")
    planned, known = warped(planning, found, grid)
    coarse, inside = planned_body(planning, found, grid)
    progress(0.5, "bringing the day's image to HU")
    grey = _day_on(daily, found, grid)
    seen = np.isfinite(grey)
    if not seen.any():
        msg = (
            "the day's image shows nothing of the grid that a density is asked for; give a grid that it meets"
        )
        raise GeometryError(msg)
    told = ""
    if not daily.is_hounsfield:
        shading = measured_shading(grey, planned, refined(inside, coarse, grid) > HALF, grid)
        grey *= np.float32(shading.gain)
        grey += refined(shading.offset_hu, shading.grid, grid)
        told = (
            "grey values were brought to HU by comparison with the warped planning CT"
            f" (contrast × {shading.gain:.3g}, shading over {WIDTH_MM:g} mm), so that what is denser or"
            " thinner over a wider region looks as planned"
        )
    today = np.where(seen, grey, planned)
    progress(0.8, "finding the body of the day")
    body = body_of_day(today, planned, grid, inside)
    day = DayInHu(
        grid,
        planned,
        known,
        today,
        seen,
        body,
        _soft_hu(planned, body & known),
        float(planning.values.max()),
        (),
        told,
    )
    return replace(day, approximations=_approximations(day, found))


def _day_on(daily: Volume, found: DeformableRegistration, grid: Grid) -> Float32:
    """Grey values of the day on a grid, NaN where the image shows nothing."""
    values = shown(daily.values)
    daily_from_planning = found.planning_from_daily.inverse().matrix
    index_from_index = (
        daily.grid.index_from_xyz @ daily_from_planning @ planning_from(found, grid) @ grid.xyz_from_index
    )
    if grid.shape == daily.grid.shape and np.allclose(index_from_index, np.eye(4), rtol=0.0, atol=1e-3):
        return values
    blank = np.isnan(values)
    values[blank] = np.nanmin(values) if not blank.all() else 0.0
    coefficients = ndimage.spline_filter(values, 3, output=np.float32, mode="mirror")
    moved = sample_cubic(coefficients, index_from_index[:3], grid.shape)
    # A spline reaches over two voxels: next to the edge of the view it mixes in what is not there.
    unsure = ndimage.binary_dilation(blank) if blank.any() else blank
    kji = index_from_index[[2, 1, 0]][:, [2, 1, 0, 3]]
    outside = ndimage.affine_transform(
        unsure.astype(np.uint8), kji[:, :3], kji[:, 3], grid.shape, order=0, mode="constant", cval=1
    )
    moved[outside > 0] = np.nan
    return moved


def _soft_hu(planned: Float32, body: Mask) -> float:
    low, high = SOFT_TISSUE_HU
    inside = planned[::2, ::2, ::2][body[::2, ::2, ::2]]
    soft = inside[(inside > low) & (inside < high)]
    return float(np.median(soft)) if len(soft) else USUAL_SOFT_HU


def _approximations(day: DayInHu, found: DeformableRegistration) -> tuple[str, ...]:
    told = ["couch and cushions are left out: those of the treatment room have to be added for a dose"]
    unseen = float((day.body & ~day.seen).sum()) / float(day.body.sum())
    if unseen > 0.0:
        told.append(
            f"{100.0 * unseen:.0f} % of the body lie where the day's image does not reach, and the warped"
            " planning CT stands in there"
        )
    beyond_ml = float((day.body & ~day.known).sum()) * day.voxel_ml
    if beyond_ml >= 1.0:
        told.append(f"the planning CT does not reach {beyond_ml:.0f} ml of the body of the day")
    told += found.approximations
    if found.verdict is FieldVerdict.NOT_FOR_DECISION:
        why = "; ".join(found.reasons) or "no reason was given"
        told.append(f"the displacement field is not for decision ({why}), and neither is what rests on it")
    return tuple(told)


def gradual(low: float, high: float, values: NDArray[np.float32]) -> Float32:
    """0 at ``low`` and below, 1 at ``high`` and above, straight between."""
    share: Float32 = np.clip((values - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    return share

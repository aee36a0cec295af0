"""Spatial calibration of a tracked ultrasound probe from images of points and wires.

A point that is seen at a pixel lies, by the tracker and the calibration, at one place; a wire that is seen
runs through it. Written with a matrix from pixels to the sensor both are linear equations, which gives a
start without a guess; least squares over the pose and the two spacings follow (L. Mercier et al., A review of
calibration techniques for freehand 3-D ultrasound systems, Ultrasound in Medicine and Biology 31, 2005; the
N-wires of G. Carbajal et al., Improving N-wire phantom-based freehand ultrasound calibration, IJCARS 8, 2013,
are wires here).

The covariance is that of leaving out one image after the other (the jackknife over images): the tracker's
error is common to all that one image shows, so that its points are no independent measurements.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.errors import GeometryError
from isoguide.geometry.frames import PROBE, ULTRASOUND_IMAGE, Array, frozen_array
from isoguide.geometry.probe_calibration import ProbeCalibration
from isoguide.geometry.transforms import RigidTransform, rotation_angle_deg

FEWEST_IMAGES: Final = 16
"""Eight numbers are wanted; below this, leaving out images says little of how well they are known."""
SMALLEST_SPREAD_DEG: Final = 15.0
"""Of the directions the phantom is looked at from. Seen from one, an error of the phantom's place, of the
beam's thickness or of the speed of sound goes into the calibration and leaves no residual."""
LARGEST_RMS_MM: Final = 1.0
"""Per coordinate: with N-wires and an optical tracker it is about 0.5 mm; more means wrong points."""
LARGEST_SD_MM: Final = 2.0
"""Of where a pixel is: a calibration known less well than this is not determined by these images."""
LARGEST_LEFT_OUT: Final = 0.15
"""So large a part of the points may be left out as wrong; where more do not fit, it is not the points."""
OUTLIER_FACTOR: Final = 4.5
"""Times the robust standard deviation of a coordinate: beyond it a point was marked wrongly."""

_SMALLEST_OUTLIER_MM: Final = 1.0
_SINGULAR: Final = 1e-6
_ITERATIONS: Final = 50
_DONE_MM: Final = 1e-9
_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class PhantomSightings:
    """What was seen of a phantom, and from where.

    Parameters
    ----------
    pixels
        (n, 2): column, row.
    image, target
        (n,): which image, which target; counted from 0.
    base_from_probe
        For each image the pose of the probe's sensor in the frame in which the phantom rests.
    points_mm
        (m, 3): a point of each target in that frame; NaN for a point whose place is not known.
    along
        (m, 3): unit vector along a wire; 0 for a point.
    names
        Of the targets.

    Raises
    ------
    GeometryError
        If shapes or numbers do not fit, or a wire has no place.
    """

    pixels: Array
    image: NDArray[np.int64]
    target: NDArray[np.int64]
    base_from_probe: tuple[RigidTransform, ...]
    points_mm: Array
    along: Array
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        count, targets = len(self.pixels), len(self.names)
        object.__setattr__(self, "pixels", frozen_array(self.pixels, (count, 2), "the pixels of the phantom"))
        object.__setattr__(self, "along", frozen_array(self.along, (targets, 3), "the wires"))
        points = np.array(self.points_mm, dtype=np.float64)
        is_wire = np.linalg.norm(self.along, axis=1) > 0.0
        shapes = points.shape == (targets, 3) and len(self.image) == len(self.target) == count
        if not shapes or (is_wire & np.isnan(points).any(axis=1)).any():
            msg = "the sightings of a phantom need a pixel, an image and a target each, and wires a place"
            raise GeometryError(msg)
        for numbers, most, what in (
            (self.image, len(self.base_from_probe), "image"),
            (self.target, targets, "target"),
        ):
            if count and not (numbers.min() >= 0 and numbers.max() < most):
                msg = (
                    f"a sighting names the {what} {int(numbers.max())}, but there are {most}, counted from 0"
                )
                raise GeometryError(msg)
        points.flags.writeable = False
        object.__setattr__(self, "points_mm", points)

    def only(self, keep: NDArray[np.bool_]) -> "PhantomSightings":
        """Return some of the sightings."""
        return PhantomSightings(
            self.pixels[keep],
            self.image[keep],
            self.target[keep],
            self.base_from_probe,
            self.points_mm,
            self.along,
            self.names,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedProbe:
    """A calibration, and how well the images of the phantom fit it.

    Parameters
    ----------
    calibration
        The result.
    residuals_mm
        (n, 3): from where each target is (the nearest point of a wire) to where its pixel is, in the
        phantom's frame; also of those left out.
    used
        (n,): False for sightings that were left out, because they do not fit at all.
    leave_one_out_mm
        Root mean square distance of what an image shows from where it is when the probe is calibrated without
        that image.
    spacing_sd_mm
        Standard uncertainties (2,) of the pixel spacings; 0 where they were given.
    largest_sd_mm
        Standard uncertainty of the place of the pixel that is known least, among those used.
    spread_deg
        Largest angle between the poses of two images.
    """

    calibration: ProbeCalibration
    residuals_mm: Array
    used: NDArray[np.bool_]
    leave_one_out_mm: float
    spacing_sd_mm: Array
    largest_sd_mm: float
    spread_deg: float


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """The numbers that are fitted: pose, spacings, and the places of points that are not known, (m, 3)."""

    rotation: Array
    place_mm: Array
    spacing_mm: Array
    points_mm: Array


def calibrate_probe(
    seen: PhantomSightings, *, face_px: Array, pixel_spacing_mm: tuple[float, float] | None = None
) -> CalibratedProbe:
    """Find the pose of the image relative to the probe's sensor, and the size of its pixels.

    Parameters
    ----------
    seen
        What was seen of the phantom.
    face_px
        (column, row), (2,), of the middle of the transducer's face.
    pixel_spacing_mm
        Where the scanner says it; otherwise it is found as well.

    Raises
    ------
    GeometryError
        If there are too few images, all from one direction, the calibration is not determined, too many
        points do not fit, or those that fit leave too large a residual.
    """
    fit = _Fit(frozen_array(face_px, (2,), "the face of the probe"), pixel_spacing_mm)
    spread_deg = _checked_spread(seen)
    used = np.ones(len(seen.pixels), dtype=bool)
    for _ in range(_ITERATIONS):
        state = fit.solved(seen.only(used))
        lengths = np.linalg.norm(_residuals(seen, state, fit), axis=1)
        fits = lengths <= _limit_mm(lengths[used])
        if np.array_equal(fits, used):
            break
        used = fits
        _check_left_out(seen, used, lengths)
    return _result(seen, used, state, fit, spread_deg)


def _limit_mm(lengths_mm: Array) -> float:
    robust_mm = _MAD * float(np.median(lengths_mm)) / np.sqrt(2.0)
    return max(OUTLIER_FACTOR * float(robust_mm), _SMALLEST_OUTLIER_MM)


def _checked_spread(seen: PhantomSightings) -> float:
    images = np.unique(seen.image)
    if len(images) < FEWEST_IMAGES:
        msg = (
            f"the phantom was marked in {len(images)} images, but a calibration needs {FEWEST_IMAGES}: "
            "mark it in more"
        )
        raise GeometryError(msg)
    poses = [seen.base_from_probe[image].rotation for image in images]
    spread_deg = max(rotation_angle_deg(one.T @ two) for one in poses for two in poses)
    if spread_deg < SMALLEST_SPREAD_DEG:
        msg = (
            f"the phantom was seen from one direction only (within {spread_deg:.1f}°, "
            f"{SMALLEST_SPREAD_DEG:g}° are needed): turn and tilt the probe between images"
        )
        raise GeometryError(msg)
    return spread_deg


def _check_left_out(seen: PhantomSightings, used: NDArray[np.bool_], lengths_mm: Array) -> None:
    wrong = int(np.count_nonzero(~used))
    if wrong > LARGEST_LEFT_OUT * len(used):
        worst = int(lengths_mm.argmax())
        msg = (
            f"{wrong} of {len(used)} points of the phantom do not fit, the worst, "
            f"{seen.names[seen.target[worst]]} in image {int(seen.image[worst])}, by "
            f"{lengths_mm[worst]:.1f} mm: check the phantom's geometry and the marks"
        )
        raise GeometryError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    face_px: Array
    spacing_mm: tuple[float, float] | None

    @property
    def free(self) -> int:
        """How many numbers of the probe are wanted."""
        return 6 if self.spacing_mm is not None else 8

    def solved(self, seen: PhantomSightings) -> _State:
        """Return the least squares solution."""
        state = self._started(seen)
        for _ in range(_ITERATIONS):
            jacobian, rest = _jacobian(seen, state, self), _residuals(seen, state, self).ravel()
            step = np.asarray(-np.linalg.lstsq(jacobian, rest, rcond=None)[0], dtype=np.float64)
            state = self._moved(state, step)
            if np.abs(step).max() < _DONE_MM:
                break
        return state

    def _started(self, seen: PhantomSightings) -> _State:
        """Solve the linear equations for a matrix from pixels to the sensor, and take the nearest pose."""
        unknown = _unknown(seen)
        offset = np.column_stack([seen.pixels - self.face_px, np.ones(len(seen.pixels))])
        turn, place = _poses(seen)
        across = _across(seen)
        # Three columns of the matrix, each turned by its image's pose, then the places that are not known.
        blocks = [across @ turn * offset[:, n, None, None] for n in range(3)]
        blocks += _place_blocks(seen, across, unknown)
        known = np.nan_to_num(seen.points_mm)[seen.target]
        wanted = np.einsum("nij,nj->ni", across, known - place)
        equations = np.concatenate(blocks, axis=2).reshape(3 * len(seen.pixels), -1)
        scale = np.linalg.norm(equations, axis=0)
        scale[scale == 0.0] = 1.0
        u, strengths, vt = np.linalg.svd(equations / scale, full_matrices=False)
        if strengths[-1] < _SINGULAR * strengths[0]:
            msg = (
                "these images do not determine the calibration: show the phantom at other places in the "
                "image and turn the probe about more than one axis"
            )
            raise GeometryError(msg)
        solution = vt.T @ (u.T @ wanted.ravel() / strengths) / scale
        column, row, at = solution[:9].reshape(3, 3)
        return self._nearest(column, row, at, solution[9:].reshape(-1, 3))

    def _nearest(self, column: Array, row: Array, at: Array, points: Array) -> _State:
        lengths = np.array([np.linalg.norm(column), np.linalg.norm(row)])
        axes = np.column_stack([column / lengths[0], row / lengths[1]])
        u, _, vt = np.linalg.svd(axes, full_matrices=False)
        x, y = (u @ vt).T
        spacing = lengths if self.spacing_mm is None else np.array(self.spacing_mm)
        return _State(np.column_stack([x, y, np.cross(x, y)]), at, spacing, points)

    def _moved(self, state: _State, step: Array) -> _State:
        rotation = _rotation(step[3:6]) @ state.rotation
        spacing = state.spacing_mm if self.free == 6 else state.spacing_mm + step[6:8]
        points = state.points_mm + step[self.free :].reshape(-1, 3)
        return _State(rotation, state.place_mm + step[:3], spacing, points)


def _rotation(vector: Array) -> Array:
    """Rotation (3, 3) by a vector in radians (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    cross = _cross(vector[None])[0]
    if angle < 1e-12:
        return np.asarray(np.eye(3) + cross)
    return np.asarray(
        np.eye(3) + np.sin(angle) / angle * cross + (1.0 - np.cos(angle)) / angle**2 * cross @ cross
    )


def _cross(vectors: Array) -> Array:
    """Matrices (n, 3, 3) that take w to v × w."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


def _unknown(seen: PhantomSightings) -> NDArray[np.int64]:
    return np.flatnonzero(np.isnan(seen.points_mm).any(axis=1))


def _poses(seen: PhantomSightings) -> tuple[Array, Array]:
    turn = np.stack([pose.rotation for pose in seen.base_from_probe])[seen.image]
    return turn, np.stack([pose.translation_mm for pose in seen.base_from_probe])[seen.image]


def _across(seen: PhantomSightings) -> Array:
    """Matrices (n, 3, 3) that leave of a vector what counts: all of it, or what is across a wire."""
    along = seen.along[seen.target]
    return np.asarray(np.eye(3) - along[:, :, None] * along[:, None, :])


def _place_blocks(seen: PhantomSightings, across: Array, unknown: NDArray[np.int64]) -> list[Array]:
    return [-across * (seen.target == number)[:, None, None] for number in unknown]


def _on_plane(seen: PhantomSightings, state: _State, fit: _Fit) -> Array:
    return np.asarray((seen.pixels - fit.face_px) * state.spacing_mm)


def _residuals(seen: PhantomSightings, state: _State, fit: _Fit) -> Array:
    """From where each target is to where its pixel is, (n, 3) mm."""
    turn, place = _poses(seen)
    in_probe = _on_plane(seen, state, fit) @ state.rotation[:, :2].T + state.place_mm
    points = seen.points_mm.copy()
    points[_unknown(seen)] = state.points_mm
    off = np.einsum("nij,nj->ni", turn, in_probe) + place - points[seen.target]
    return np.asarray(np.einsum("nij,nj->ni", _across(seen), off))


def _jacobian(seen: PhantomSightings, state: _State, fit: _Fit) -> Array:
    """Return the derivatives (3n, free) of the residuals by pose (about the face), spacings and places."""
    turn, across = _poses(seen)[0], _across(seen)
    moved = across @ turn
    arm = _on_plane(seen, state, fit) @ state.rotation[:, :2].T
    blocks = [moved, -moved @ _cross(arm)]
    if fit.free == 8:
        stretch = state.rotation[:, :2][None] * (seen.pixels - fit.face_px)[:, None, :]
        blocks.append(moved @ stretch)
    blocks += _place_blocks(seen, across, _unknown(seen))
    return np.concatenate(blocks, axis=2).reshape(3 * len(seen.pixels), -1)


def _result(
    seen: PhantomSightings, used: NDArray[np.bool_], state: _State, fit: _Fit, spread_deg: float
) -> CalibratedProbe:
    residuals = _residuals(seen, state, fit)
    chosen = seen.only(used)
    jacobian = _jacobian(chosen, state, fit)
    equations = int(np.where(np.linalg.norm(chosen.along, axis=1) > 0.0, 2, 3)[chosen.target].sum())
    rms_mm = float(np.sqrt((residuals[used] ** 2).sum() / max(equations - jacobian.shape[1], 1)))
    if rms_mm > LARGEST_RMS_MM:
        worst = int(np.linalg.norm(np.where(used[:, None], residuals, 0.0), axis=1).argmax())
        msg = (
            f"the points of the phantom leave a residual of {rms_mm:.2f} mm per coordinate, more than "
            f"{LARGEST_RMS_MM:g} mm (largest at {seen.names[seen.target[worst]]} in image "
            f"{int(seen.image[worst])}): check the phantom's geometry and the marks"
        )
        raise GeometryError(msg)
    covariance, without = _jackknife(chosen, jacobian, residuals[used], fit.free)
    largest_sd_mm = _largest_sd_mm(chosen, state, fit, covariance)
    calibration = ProbeCalibration(
        RigidTransform.from_parts(PROBE, ULTRASOUND_IMAGE, state.rotation, state.place_mm),
        (float(state.spacing_mm[0]), float(state.spacing_mm[1])),
        fit.face_px,
        covariance[:6, :6],
        rms_mm,
        int(np.count_nonzero(used)),
    )
    spacing_sd = np.sqrt(np.diag(covariance)[6:8]) if fit.free == 8 else np.zeros(2)
    return CalibratedProbe(
        calibration,
        frozen_array(residuals, (-1, 3), "the residuals"),
        used,
        float(np.sqrt((without**2).sum(axis=1).mean())),
        spacing_sd,
        largest_sd_mm,
        spread_deg,
    )


def _jackknife(seen: PhantomSightings, jacobian: Array, residuals: Array, free: int) -> tuple[Array, Array]:
    """Return the covariance of all numbers, and each image's residuals (n, 3) by a fit without it."""
    inverse = np.linalg.inv(jacobian.T @ jacobian)
    images = np.unique(seen.image)
    spread = np.zeros_like(inverse)
    without = np.zeros_like(residuals)
    for image in images:
        rows = np.flatnonzero(seen.image == image)
        part = jacobian.reshape(-1, 3, jacobian.shape[1])[rows].reshape(3 * len(rows), -1)
        leverage = part @ inverse @ part.T
        # A place that only this image shows has no other measurement: it is no measurement of the probe
        # either.
        off = np.linalg.lstsq(np.eye(len(leverage)) - leverage, residuals[rows].ravel(), rcond=1e-9)[0]
        without[rows] = off.reshape(-1, 3)
        change = inverse @ part.T @ off
        spread += np.outer(change, change)
    # Few images: the mean of an inverse Wishart matrix.
    spread *= len(images) / (len(images) - free - 2.0)
    return np.asarray((spread + spread.T) / 2.0), without


def _largest_sd_mm(seen: PhantomSightings, state: _State, fit: _Fit, covariance: Array) -> float:
    """Return the standard uncertainty of the least known pixel's place relative to the sensor.

    Raises
    ------
    GeometryError
        If it is too large.
    """
    arm = _on_plane(seen, state, fit) @ state.rotation[:, :2].T
    blocks = [np.broadcast_to(np.eye(3), (len(arm), 3, 3)), -_cross(arm)]
    if fit.free == 8:
        blocks.append(state.rotation[:, :2][None] * (seen.pixels - fit.face_px)[:, None, :])
    carried = np.concatenate(blocks, axis=2)
    places = carried @ covariance[: fit.free, : fit.free] @ carried.transpose(0, 2, 1)
    largest = float(np.sqrt(np.linalg.eigvalsh(places)[:, -1].max()))
    if largest > LARGEST_SD_MM:
        msg = (
            f"these images determine the calibration only to {largest:.1f} mm, more than {LARGEST_SD_MM:g} "
            "mm: turn the probe about more than one axis and show the phantom at other places in the image"
        )
        raise GeometryError(msg)
    return largest

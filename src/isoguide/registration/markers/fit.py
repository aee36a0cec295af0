"""Least-squares fit of a shape on a smooth background, with height and background solved exactly."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from isoguide.geometry.frames import Array

PRIOR_SHARE = 0.03
"""Error of the model as a share of the marker's height: what the priors on size and blur are held against."""
_MOST_EVALUATIONS = 20
_MOST_STEPS = 30
_FIRST_DAMPING, _DAMPING_STEP, _LARGEST_DAMPING = 1e-3, 7.0, 1e5
_LEAST_GAIN = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class ShapeFit:
    """Fitted shapes: one, or several that lie across each other.

    Parameters
    ----------
    parameters
        The nonlinear ones, (p,).
    covariance
        Of the parameters, (p, p), from the residual's variance.
    heights
        Of the shapes above the background, (s,).
    correlations
        Between each shape and the image without the others, both free of the background, (s,), -1 to 1.
    noise
        Standard deviation of the residual.
    cost
        Sum of squares of what was minimised: differences in units of the model's error, and expectations.
    """

    parameters: Array
    covariance: Array
    heights: Array
    correlations: Array
    noise: float
    cost: float


def fit_shapes(
    values: Array,
    background: Array,
    shapes: Callable[[Array], Array],
    start: Array,
    prior_sigma: Array,
    *,
    slopes: Callable[[Array, Array], Array] | None = None,
) -> ShapeFit:
    """Fit ``heights × shapes + background`` to values.

    Parameters
    ----------
    values
        The image where it is looked at, (n,).
    background
        Columns of the background, (n, b), orthonormal.
    shapes
        From parameters (p,) to unit shapes (n, s).
    start, prior_sigma
        Start of the parameters and how far they may be expected from it, (p,); infinite: no expectation.
    slopes
        From parameters (p,) and heights (s,) to the slopes of ``shapes @ heights``, (n, p); without it they
        are taken from small steps.

    Returns
    -------
    ShapeFit
        The answer; a height is negative or its correlation low where the shape is not there.
    """
    image = values - background @ (background.T @ values)
    scale = max(PRIOR_SHARE * float(np.ptp(image)), 1e-12)

    def solved(parameters: Array) -> tuple[Array, Array]:
        model = shapes(parameters)
        free = model - background @ (background.T @ model)
        ridge = 1e-12 * np.eye(free.shape[1])
        return free, np.asarray(np.linalg.solve(free.T @ free + ridge, free.T @ image))

    def residual(parameters: Array) -> Array:
        free, heights = solved(parameters)
        return np.concatenate([(image - free @ heights) / scale, (parameters - start) / prior_sigma])

    def jacobian_of(parameters: Array) -> Array:
        # Kaufman's approximation: what the heights and the background would take up does not count.
        free, heights = solved(parameters)
        slope = slopes(parameters, heights) if slopes is not None else np.zeros((len(image), len(start)))
        slope = slope - background @ (background.T @ slope)
        ridge = 1e-12 * np.eye(free.shape[1])
        slope = slope - free @ np.linalg.solve(free.T @ free + ridge, free.T @ slope)
        return np.vstack([-slope / scale, np.diag(1.0 / prior_sigma)])

    if slopes is None:
        found = least_squares(residual, start, method="lm", max_nfev=_MOST_EVALUATIONS * (len(start) + 1))
        best, jacobian = np.asarray(found.x), np.asarray(found.jac, dtype=np.float64)
    else:
        best, jacobian = _descend(residual, jacobian_of, start)
    free, heights = solved(best)
    left = image - free @ heights
    freedom = max(len(values) - background.shape[1] - len(start) - len(heights), 1)
    noise = float(np.linalg.norm(left)) / np.sqrt(freedom)
    covariance = np.linalg.pinv(jacobian.T @ jacobian) * max(noise / scale, 1e-6) ** 2
    alone = left[:, None] + free * heights
    lengths = np.linalg.norm(free, axis=0) * np.linalg.norm(alone, axis=0)
    correlations = (free * alone).sum(axis=0) / np.maximum(lengths, 1e-12)
    cost = float((residual(best) ** 2).sum())
    return ShapeFit(best, np.asarray(covariance), heights, correlations, noise, cost)


def _descend(
    residual: Callable[[Array], Array], jacobian_of: Callable[[Array], Array], start: Array
) -> tuple[Array, Array]:
    # Levenberg and Marquardt's method: on problems this small a general solver is mostly busy with itself.
    best, left, slope = start, residual(start), jacobian_of(start)
    cost, damping = float(left @ left), _FIRST_DAMPING
    for _ in range(_MOST_STEPS):
        normal = slope.T @ slope
        damped = normal + np.diag(damping * np.diag(normal) + 1e-12)
        step = -np.linalg.solve(damped, slope.T @ left)
        if -float(step @ (slope.T @ left)) <= _LEAST_GAIN * cost:
            break
        tried = best + step
        there = residual(tried)
        after = float(there @ there)
        if after < cost:
            gained, best, left, cost = cost - after, tried, there, after
            slope = jacobian_of(best)
            if gained <= _LEAST_GAIN * cost:
                break
            damping /= _DAMPING_STEP
        else:
            damping *= _DAMPING_STEP
            if damping > _LARGEST_DAMPING:
                break
    return best, slope


def polynomial_background(offset: Array, degree: int) -> Array:
    """Return orthonormal columns that span the polynomials of a degree (1 or 2) at offsets (n, d)."""
    n, axes = offset.shape
    columns = [np.ones(n), *offset.T]
    if degree == 2:
        columns += [offset[:, i] * offset[:, j] for i in range(axes) for j in range(i, axes)]
    basis, _ = np.linalg.qr(np.stack(columns, axis=1))
    return np.asarray(basis)

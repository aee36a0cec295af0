"""On-line regression of where a point will be on where it was: exponentially forgetting, regularised.

Each sample is an anchor: the places of the last moments against it, on an even grid, and the level that the
point moves about. Each is asked to tell the places at even steps after it; the errors are kept for each step.
Two regressions share one Gram matrix: on these numbers alone, and on cosines of random projections of them as
well, which approximate a Gaussian kernel (Rahimi and Recht, NIPS 2007). They and "it stays where it is" are
mixed by the inverse fourth power of their running squared errors. The covariance of the mixture's errors is
made larger or smaller until 95 of 100 lie within its ellipsoid of 95 % (adaptive conformal inference, Gibbs
and Candès, NeurIPS 2021).
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

SAMPLES = 256
"""Kept: 1.6 s of at most 150 samples per second."""
MEMBERS = 3
"""Staying, the linear regression, the one with curves."""
ENOUGH = 10
"""Anchors that have to be complete before the regressions are used."""
POWER = 4
LEAST_MM2 = 1e-6
"""Squared errors below it are all the same."""
ROUNDING_S = 1e-6

COUNT, SINCE, LEARNED = range(3)
"""Whole numbers of the state: samples seen, the first after the last gap, anchors learned from."""
BEGAN_S, SCALE_MM, SPREAD_MM2, RECENT = range(4)
"""Real numbers of the state: see :class:`PredictorState`."""
WEIGHT, FIRST_S, LAST_S, LOOSENED = range(4)
"""Of the errors: how many they hold, forgotten ones less; the first and the last anchor that was judged; the
logarithm of the factor that calibrates their covariance."""
RADIUS_95 = 7.8147
"""χ² of three degrees of freedom at 95 %."""
MISSED, STEP_OF_FACTOR = 0.05, 0.02
LEAST_FACTOR, LARGEST_FACTOR = -1.0, 2.0
"""Of the logarithm."""


class PredictorDesign(NamedTuple):
    """What does not change while a predictor runs.

    Parameters
    ----------
    step_s
        Between the moments of the grid, before and after an anchor.
    lags, horizons
        How many moments before and after.
    memory_s, error_memory_s, level_s, recent_s
        After which what was learned, the errors, the level and the last deviations count 1/e.
    longest_gap_s
        No place is interpolated between samples farther apart.
    scale_s
        How long the size of the movement is measured before anything is learned.
    least_scale_mm
        A movement is not taken to be smaller.
    trial_s
        How long errors are watched before a prediction is trusted.
    penalties
        Ridge of each feature, (features,): the linear ones, then the curves.
    projections, phases
        Of the curves: (linear features, curves) and (curves,).
    """

    step_s: float
    lags: int
    horizons: int
    memory_s: float
    error_memory_s: float
    level_s: float
    recent_s: float
    longest_gap_s: float
    scale_s: float
    least_scale_mm: float
    trial_s: float
    penalties: Floats
    projections: Floats
    phases: Floats


class PredictorState(NamedTuple):
    """What a predictor knows; all of it is allocated once.

    Parameters
    ----------
    counts
        Samples seen, the first after the last gap, anchors learned from.
    numbers
        When it began; the scale of the movement, 0 while that is not known; its spread so far; the mean of
        the last deviations squared over their covariance, 3 where that is right.
    times_s, places_mm
        Samples in a ring, (samples,) and (samples, 3).
    features, filled
        Of each anchor, (samples, features), and whether anything but staying was predicted from it.
    members_mm, paths_mm, targets_mm, told
        What each member and the mixture said, (samples, horizons, members, 3) and (samples, horizons, 3),
        what came, and for how many steps it has come.
    level_mm
        The mean place.
    gram, moments, factor, weights, linear_weights
        The regression, its Cholesky factor and its solutions, (features, 3 horizons).
    squares, errors_mm2, judged
        Running squared error of each member, covariance of the mixture's error, and what they hold,
        (horizons, ...).
    still_mm2, still_judged
        Covariance of the error of staying, watched from the beginning on, and what it holds.
    """

    counts: Numbers
    numbers: Floats
    times_s: Floats
    places_mm: Floats
    features: Floats
    filled: Numbers
    members_mm: Floats
    paths_mm: Floats
    targets_mm: Floats
    told: Numbers
    level_mm: Floats
    gram: Floats
    moments: Floats
    factor: Floats
    weights: Floats
    linear_weights: Floats
    squares: Floats
    errors_mm2: Floats
    judged: Floats
    still_mm2: Floats
    still_judged: Floats


def empty_state(design: PredictorDesign) -> PredictorState:
    """Allocate what a predictor will ever need."""
    features, linear, horizons = design.penalties.size, 3 * (design.lags + 1), design.horizons
    return PredictorState(
        counts=np.zeros(3, np.int64),
        numbers=np.zeros(4),
        times_s=np.zeros(SAMPLES),
        places_mm=np.zeros((SAMPLES, 3)),
        features=np.zeros((SAMPLES, features)),
        filled=np.zeros(SAMPLES, np.int64),
        members_mm=np.zeros((SAMPLES, horizons, MEMBERS, 3)),
        paths_mm=np.zeros((SAMPLES, horizons, 3)),
        targets_mm=np.zeros((SAMPLES, horizons, 3)),
        told=np.zeros(SAMPLES, np.int64),
        level_mm=np.zeros(3),
        gram=np.zeros((features, features)),
        moments=np.zeros((features, 3 * horizons)),
        factor=np.zeros((features, features)),
        weights=np.zeros((features, 3 * horizons)),
        linear_weights=np.zeros((linear, 3 * horizons)),
        squares=np.zeros((horizons, MEMBERS)),
        errors_mm2=np.zeros((horizons, 3, 3)),
        judged=np.zeros((horizons, 4)),
        still_mm2=np.zeros((horizons, 3, 3)),
        still_judged=np.zeros((horizons, 4)),
    )


def forget(state: PredictorState) -> None:
    """Return to what :func:`empty_state` gave, in place."""
    for values in state:
        values[...] = 0


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _interpolate(state: PredictorState, newest: int, at_s: float, out: Floats) -> None:
    """Write the place at a time not after the sample ``newest`` and not before the first of its run."""
    n = newest
    while n > state.counts[SINCE] and state.times_s[(n - 1) % SAMPLES] > at_s:
        n -= 1
    slot, before = n % SAMPLES, (n - 1) % SAMPLES
    if n == state.counts[SINCE] or at_s >= state.times_s[slot]:
        out[:] = state.places_mm[slot]
        return
    share = (at_s - state.times_s[before]) / (state.times_s[slot] - state.times_s[before])
    for axis in range(3):
        out[axis] = (1.0 - share) * state.places_mm[before, axis] + share * state.places_mm[slot, axis]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _measure(design: PredictorDesign, state: PredictorState, n: int) -> None:
    """Take a sample into the level and, at the beginning, into the scale of the movement."""
    slot, level, numbers = n % SAMPLES, state.level_mm, state.numbers
    share = 1.0
    if n == 0:
        numbers[BEGAN_S] = state.times_s[slot]
    else:
        step_s = state.times_s[slot] - state.times_s[(n - 1) % SAMPLES]
        share = max(1.0 - np.exp(-step_s / design.level_s), 1.0 / (n + 1.0))
    for axis in range(3):
        away = state.places_mm[slot, axis] - level[axis]
        level[axis] += share * away
        if numbers[SCALE_MM] == 0.0:
            numbers[SPREAD_MM2] += away * (state.places_mm[slot, axis] - level[axis])
    if numbers[SCALE_MM] == 0.0 and state.times_s[slot] - numbers[BEGAN_S] >= design.scale_s:
        numbers[SCALE_MM] = max(np.sqrt(numbers[SPREAD_MM2] / (n + 1.0)), design.least_scale_mm)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _deviation(errors: Floats, away: Floats) -> float:
    """Squared length of a deviation in standard deviations; changes both arguments."""
    total = 0.0
    for p in range(3):
        for q in range(p + 1):
            left = errors[p, q]
            for r in range(q):
                left -= errors[p, r] * errors[q, r]
            errors[p, q] = np.sqrt(max(left, LEAST_MM2)) if p == q else left / errors[q, q]
        for q in range(p):
            away[p] -= errors[p, q] * away[q]
        away[p] /= errors[p, p]
        total += away[p] ** 2
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _calibrate(judged: Floats, errors: Floats, away: Floats) -> None:
    """Loosen the covariance when an error lies outside its ellipsoid, tighten it a little when not."""
    outside = _deviation(errors, away) > RADIUS_95 * np.exp(judged[LOOSENED])
    factor = judged[LOOSENED] + STEP_OF_FACTOR * ((1.0 if outside else 0.0) - MISSED)
    judged[LOOSENED] = min(max(factor, LEAST_FACTOR), LARGEST_FACTOR)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _share(judged: Floats, at_s: float, memory_s: float) -> float:
    """Count one more error, of an anchor at a time, and return its share in their mean."""
    kept = 0.0
    if judged[WEIGHT] == 0.0:
        judged[FIRST_S] = at_s
    else:
        kept = judged[WEIGHT] * np.exp((judged[LAST_S] - at_s) / memory_s)
    judged[WEIGHT], judged[LAST_S] = kept + 1.0, at_s
    return 1.0 / (kept + 1.0)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _blend(covariance: Floats, away: Floats, share: float) -> None:
    for a in range(3):
        for b in range(3):
            covariance[a, b] += share * (away[a] * away[b] - covariance[a, b])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _judge(design: PredictorDesign, state: PredictorState, slot: int, horizon: int) -> None:
    """Compare with what came what staying, each member and the mixture had said from an anchor."""
    target, at_s = state.targets_mm[slot, horizon], state.times_s[slot]
    share = _share(state.still_judged[horizon], at_s, design.error_memory_s)
    _blend(state.still_mm2[horizon], state.places_mm[slot] - target, share)
    if state.filled[slot] < 2:
        return
    judged, errors, away = (
        state.judged[horizon],
        state.errors_mm2[horizon],
        state.paths_mm[slot, horizon] - target,
    )
    share = _share(judged, at_s, design.error_memory_s)
    if judged[WEIGHT] >= ENOUGH + 1.0:
        _calibrate(judged, errors.copy(), away.copy())
    _blend(errors, away, share)
    for member in range(MEMBERS):
        square = 0.0
        for axis in range(3):
            square += (state.members_mm[slot, horizon, member, axis] - target[axis]) ** 2
        state.squares[horizon, member] += share * (square - state.squares[horizon, member])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _learn(design: PredictorDesign, state: PredictorState, slot: int, step_s: float) -> None:
    """Take a complete anchor into the regression; older ones count less by the time since the one before."""
    features, gram, moments = state.features[slot], state.gram, state.moments
    kept = np.exp(-step_s / design.memory_s)
    for p in range(features.size):
        for q in range(p + 1):
            gram[p, q] = kept * gram[p, q] + features[p] * features[q]
        for horizon in range(design.horizons):
            for axis in range(3):
                moved = state.targets_mm[slot, horizon, axis] - state.places_mm[slot, axis]
                at = 3 * horizon + axis
                moments[p, at] = kept * moments[p, at] + features[p] * moved / state.numbers[SCALE_MM]
    state.counts[LEARNED] += 1


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _look_back(design: PredictorDesign, state: PredictorState, n: int) -> None:
    """Tell the anchors before the sample n what has come for them since the sample before it."""
    now_s = state.times_s[n % SAMPLES] + ROUNDING_S
    first = max(state.counts[SINCE], n - SAMPLES + 2)
    m = n - 1
    while m >= first and state.told[m % SAMPLES] < design.horizons:
        m -= 1
    for anchor in range(m + 1, n):
        slot = anchor % SAMPLES
        while state.told[slot] < design.horizons:
            horizon = state.told[slot]
            target_s = state.times_s[slot] + (horizon + 1) * design.step_s
            if target_s > now_s:
                break
            _interpolate(state, n, target_s, state.targets_mm[slot, horizon])
            state.told[slot] += 1
            _judge(design, state, slot, horizon)
        if state.told[slot] == design.horizons and state.filled[slot] > 0:
            _learn(design, state, slot, state.times_s[slot] - state.times_s[(anchor - 1) % SAMPLES])


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _describe(design: PredictorDesign, state: PredictorState, n: int) -> None:
    """Write the features of an anchor: places before it against it, the level, and curves of these."""
    slot, linear = n % SAMPLES, 3 * (design.lags + 1)
    features, place, scale = state.features[slot], state.places_mm[slot], state.numbers[SCALE_MM]
    for lag in range(design.lags):
        at = features[3 * lag : 3 * lag + 3]
        _interpolate(state, n, state.times_s[slot] - (lag + 1) * design.step_s, at)
        for axis in range(3):
            at[axis] = (at[axis] - place[axis]) / scale
    for axis in range(3):
        features[linear - 3 + axis] = (state.level_mm[axis] - place[axis]) / scale
    curves = design.phases.size
    for curve in range(curves):
        angle = design.phases[curve]
        for p in range(linear):
            angle += features[p] * design.projections[p, curve]
        features[linear + curve] = np.sqrt(2.0 / curves) * np.cos(angle)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _factorise(state: PredictorState, penalties: Floats) -> None:
    """Cholesky factor of the Gram matrix with its ridge."""
    factor, gram = state.factor, state.gram
    for p in range(penalties.size):
        for q in range(p + 1):
            total = gram[p, q]
            if p == q:
                total += penalties[p]
            for r in range(q):
                total -= factor[p, r] * factor[q, r]
            factor[p, q] = np.sqrt(total) if p == q else total / factor[q, q]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _forwards(factor: Floats, moments: Floats, out: Floats) -> None:
    for p in range(factor.shape[0]):
        out[p] = moments[p]
        for q in range(p):
            for at in range(out.shape[1]):
                out[p, at] -= factor[p, q] * out[q, at]
        for at in range(out.shape[1]):
            out[p, at] /= factor[p, p]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _backwards(factor: Floats, out: Floats) -> None:
    for p in range(out.shape[0] - 1, -1, -1):
        for q in range(p + 1, out.shape[0]):
            for at in range(out.shape[1]):
                out[p, at] -= factor[q, p] * out[q, at]
        for at in range(out.shape[1]):
            out[p, at] /= factor[p, p]


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _solve(design: PredictorDesign, state: PredictorState) -> None:
    """Solve both regressions; the factor of the linear one is the first block of the other's."""
    _factorise(state, design.penalties)
    _forwards(state.factor, state.moments, state.weights)
    linear = state.linear_weights.shape[0]
    state.linear_weights[:] = state.weights[:linear]
    _backwards(state.factor, state.linear_weights)
    _backwards(state.factor, state.weights)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _say(design: PredictorDesign, state: PredictorState, n: int) -> None:
    """Write what each member and the mixture expect after the sample n."""
    slot = n % SAMPLES
    features, place, scale = state.features[slot], state.places_mm[slot], state.numbers[SCALE_MM]
    for horizon in range(design.horizons):
        members, path = state.members_mm[slot, horizon], state.paths_mm[slot, horizon]
        for axis in range(3):
            at, linear, curved = 3 * horizon + axis, 0.0, 0.0
            for p in range(state.linear_weights.shape[0]):
                linear += features[p] * state.linear_weights[p, at]
            for p in range(features.size):
                curved += features[p] * state.weights[p, at]
            members[0, axis] = place[axis]
            members[1, axis] = place[axis] + scale * linear
            members[2, axis] = place[axis] + scale * curved
        path[:] = 0.0
        total = 0.0
        for member in range(MEMBERS):
            share = (state.squares[horizon, member] + LEAST_MM2) ** -POWER
            total += share
            for axis in range(3):
                path[axis] += share * members[member, axis]
        for axis in range(3):
            path[axis] /= total


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _expect(
    design: PredictorDesign, state: PredictorState, n: int, ahead_s: float, place: Floats, errors: Floats
) -> int:
    """Do what :func:`expect` says, after the sample n."""
    slot = n % SAMPLES
    after = min(int(ahead_s / design.step_s), design.horizons - 1)
    share = ahead_s / design.step_s - after
    watched = state.judged[after, LAST_S] - state.judged[after, FIRST_S] >= design.trial_s
    mixed = watched and state.filled[slot] == 2
    covariances = state.errors_mm2 if mixed else state.still_mm2
    judged = state.judged if mixed else state.still_judged
    looser, looser_before = np.exp(judged[after, LOOSENED]), np.exp(judged[after - 1, LOOSENED])
    for a in range(3):
        place[a] = state.places_mm[slot, a]
        if mixed:
            before = state.paths_mm[slot, after - 1, a] if after > 0 else place[a]
            place[a] = (1.0 - share) * before + share * state.paths_mm[slot, after, a]
        for b in range(3):
            error = looser * covariances[after, a, b]
            # Before the first step what will be seen is as noisy as at it.
            before_error = looser_before * covariances[after - 1, a, b] if after > 0 else error
            errors[a, b] = (1.0 - share) * before_error + share * error
    if mixed:
        return 2
    return 1 if judged[after, LAST_S] - judged[after, FIRST_S] >= design.trial_s else 0


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def _see(design: PredictorDesign, state: PredictorState, at_s: float, place: Floats) -> None:
    counts, numbers = state.counts, state.numbers
    n = counts[COUNT]
    slot = n % SAMPLES
    step_s = at_s - state.times_s[(n - 1) % SAMPLES]
    if n == 0 or step_s > design.longest_gap_s:
        counts[SINCE], numbers[RECENT] = n, 3.0
    else:
        away, errors = np.empty(3), np.empty((3, 3))
        if _expect(design, state, n - 1, step_s, away, errors) > 0:
            away -= place
            share = 1.0 - np.exp(-step_s / design.recent_s)
            numbers[RECENT] += share * (_deviation(errors, away) - numbers[RECENT])
    state.times_s[slot], state.told[slot], state.filled[slot] = at_s, 0, 0
    state.places_mm[slot] = place
    _measure(design, state, n)
    _look_back(design, state, n)
    run_s = at_s - state.times_s[counts[SINCE] % SAMPLES] if n - counts[SINCE] < SAMPLES else np.inf
    if numbers[SCALE_MM] > 0.0 and run_s >= design.lags * design.step_s - ROUNDING_S:
        _describe(design, state, n)
        state.filled[slot] = 1
        if counts[LEARNED] >= ENOUGH:
            _solve(design, state)
            _say(design, state, n)
            state.filled[slot] = 2
    counts[COUNT] = n + 1


def see(design: PredictorDesign, state: PredictorState, at_s: float, place_mm: Floats) -> None:
    """Take in a sample.

    Parameters
    ----------
    design, state
        The state is changed in place.
    at_s
        Later than the sample before.
    place_mm
        (3,), finite.
    """
    _see(design, state, at_s, place_mm)


def expect(
    design: PredictorDesign, state: PredictorState, ahead_s: float, place_mm: Floats, errors_mm2: Floats
) -> int:
    """Say where the point will be.

    Parameters
    ----------
    design, state
        Of a predictor that has seen a sample.
    ahead_s
        After the newest sample, 0 to the last step of the design.
    place_mm, errors_mm2
        Written: (3,) and the covariance of its error, (3, 3). Both are linear between the steps; before the
        first step the error is that of the first: what will be seen has its noise at once.

    Returns
    -------
    int
        2: by the mixture. 1: it stays where it is, with the errors that this had. 0: likewise, and the errors
        of that are not known: the covariance is not written.
    """
    return int(_expect(design, state, state.counts[COUNT] - 1, ahead_s, place_mm, errors_mm2))


def deviation_of_late(state: PredictorState) -> float:
    """Mean square of the last samples' distance from what was expected of them: 3 where they were as ever."""
    return float(state.numbers[RECENT])


def expected_reference(
    design: PredictorDesign, times_s: Floats, places_mm: Floats
) -> tuple[Floats, Floats, Floats]:
    """Do the same in NumPy, from the beginning for each sample, for samples without gaps.

    Returns
    -------
    tuple[Floats, Floats, Floats]
        What the mixture expects after the last sample, (horizons, 3), the covariances of its errors,
        (horizons, 3, 3), and the running squared errors of the members, (horizons, members).
    """
    steps_s = design.step_s * np.arange(1, design.horizons + 1)
    filled, features, scale = _features_reference(design, times_s, places_mm)
    targets = np.stack([_at(times_s, places_mm, times_s + step_s) for step_s in steps_s], axis=1)
    members = np.full((len(times_s), design.horizons, MEMBERS, 3), np.nan)
    paths, squares = members[:, :, 0].copy(), np.zeros((design.horizons, MEMBERS))
    errors = np.zeros((design.horizons, 3, 3))
    for n, now_s in enumerate(times_s):
        for horizon, step_s in enumerate(steps_s):
            judged = (times_s + step_s <= now_s + ROUNDING_S) & np.isfinite(members[:, horizon, 0, 0])
            if judged.any():
                shares = np.exp((times_s[judged] - now_s) / design.error_memory_s)
                wrong = members[judged, horizon] - targets[judged, horizon, None]
                squares[horizon] = shares @ np.square(wrong).sum(axis=-1) / shares.sum()
            if n == len(times_s) - 1:
                wrong = paths[judged, horizon] - targets[judged, horizon]
                errors[horizon] = _calibrated_reference(design, times_s[judged], wrong)
        known = np.flatnonzero(filled & (times_s + steps_s[-1] <= now_s + ROUNDING_S))
        if not filled[n] or len(known) < ENOUGH:
            continue
        shares = np.exp((times_s[known] - now_s) / design.memory_s)[:, None]
        shares /= shares[-1]
        moved = (targets[known] - places_mm[known, None]).reshape(len(known), -1)
        members[n, :, 0] = places_mm[n]
        for member, some in ((1, 3 * (design.lags + 1)), (2, features.shape[1])):
            basis = features[known, :some]
            gram = basis.T @ (shares * basis) + np.diag(design.penalties[:some])
            weights = np.linalg.solve(gram, basis.T @ (shares * moved / scale))
            members[n, :, member] = places_mm[n] + scale * (features[n, :some] @ weights).reshape(-1, 3)
        shares = (squares + LEAST_MM2) ** -POWER
        shares /= shares.sum(axis=1, keepdims=True)
        paths[n] = (shares[..., None] * members[n]).sum(axis=1)
    return paths[-1], errors, squares


def _calibrated_reference(design: PredictorDesign, times_s: Floats, wrong_mm: Floats) -> Floats:
    """Return the covariance of errors, (m, 3), that were found one after the other, times its factor."""
    factor, covariance = 0.0, np.zeros((3, 3))
    for m in range(len(times_s)):
        kept = np.exp((times_s[: m + 1] - times_s[m]) / design.error_memory_s)
        if kept[:-1].sum() >= ENOUGH:
            outside = wrong_mm[m] @ np.linalg.solve(covariance, wrong_mm[m]) > RADIUS_95 * np.exp(factor)
            factor += STEP_OF_FACTOR * (float(outside) - MISSED)
            factor = min(max(factor, LEAST_FACTOR), LARGEST_FACTOR)
        covariance = (wrong_mm[: m + 1] * kept[:, None]).T @ wrong_mm[: m + 1] / kept.sum()
    return covariance * np.exp(factor)


def _at(times_s: Floats, places_mm: Floats, at_s: Floats) -> Floats:
    return np.stack([np.interp(at_s, times_s, places_mm[:, axis]) for axis in range(3)], axis=-1)


def _features_reference(
    design: PredictorDesign, times_s: Floats, places_mm: Floats
) -> tuple[NDArray[np.bool_], Floats, float]:
    """Return which samples are anchors, the features of all of them, and the scale of the movement."""
    after_s = times_s - times_s[0]
    first = int(np.argmax(after_s >= design.scale_s))
    scale = max(float(np.sqrt(places_mm[: first + 1].var(axis=0).sum())), design.least_scale_mm)
    filled = (np.arange(len(times_s)) >= first) & (after_s >= design.lags * design.step_s - ROUNDING_S)
    level = np.empty_like(places_mm)
    level[0] = places_mm[0]
    for n in range(1, len(times_s)):
        share = max(1.0 - np.exp((times_s[n - 1] - times_s[n]) / design.level_s), 1.0 / (n + 1.0))
        level[n] = (1.0 - share) * level[n - 1] + share * places_mm[n]
    lags = [_at(times_s, places_mm, times_s - lag * design.step_s) for lag in range(1, design.lags + 1)]
    linear = np.concatenate([place - places_mm for place in [*lags, level]], axis=1) / scale
    curves = np.cos(linear @ design.projections + design.phases) * np.sqrt(2.0 / max(design.phases.size, 1))
    return filled, np.concatenate([linear, curves], axis=1), scale

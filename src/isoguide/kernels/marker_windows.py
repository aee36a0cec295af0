"""Markers in small windows of an image: where a template correlates, and a quick fit of blurred wires.

The background of a window is a polynomial. A template is compared free of a plane; wires are fitted free of a
quadratic, several together where they lie across each other (Levenberg and Marquardt, with expectations).
"""

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from isoguide.kernels.wires import PARAMETERS, SHORTEST_PX, _shapes, wire_shapes_reference

Float64 = NDArray[np.float64]
FAST: set[str] = {"contract", "reassoc", "nsz"}
FLAT = 1e-12
STEPS = 12
LEAST_GAIN = 1e-3
LARGEST_DAMPING = 1e4
PER_WIRE = PARAMETERS + 1
"""What is fitted of a wire: its parameters and its height."""
CORRELATION, NOISE, COLUMN_MEMORY, ROW_MEMORY = 0, 1, 2, 3
"""Columns of what a fit says besides; memory is the correlation of the noise with that of the next pixel."""


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _scan(window, steps, weights, planes, answer):  # type: ignore[no-untyped-def]  # numba infers the types
    begin = (len(window) - len(answer)) // 2
    for row in range(answer.shape[0]):
        for column in range(answer.shape[1]):
            product, square = 0.0, 0.0
            flat0, flat1, flat2 = 0.0, 0.0, 0.0
            for n in range(len(steps)):
                value = window[row + begin + steps[n, 0], column + begin + steps[n, 1]]
                product += weights[n] * value
                square += value * value
                flat0 += planes[0, n] * value
                flat1 += planes[1, n] * value
                flat2 += planes[2, n] * value
            left = square - flat0 * flat0 - flat1 * flat1 - flat2 * flat2
            answer[row, column] = product / sqrt(left) if left > FLAT * square else 0.0


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _orthonormal(places, basis):  # type: ignore[no-untyped-def]  # numba infers the types
    # Polynomials on the pixels made orthonormal by Gram and Schmidt: a plane (3, n) or a quadratic (6, n).
    count = len(places)
    middle_x, middle_y = 0.0, 0.0
    for n in range(count):
        middle_x += places[n, 0] / count
        middle_y += places[n, 1] / count
    for n in range(count):
        x, y = 0.1 * (places[n, 0] - middle_x), 0.1 * (places[n, 1] - middle_y)
        basis[0, n], basis[1, n], basis[2, n] = 1.0, x, y
        if len(basis) > 3:
            basis[3, n], basis[4, n], basis[5, n] = x * x, x * y, y * y
    for b in range(len(basis)):
        for _twice in range(2):  # the second time for precision
            _take_out(basis[:b], basis[b])
        length = 0.0
        for n in range(count):
            length += basis[b, n] * basis[b, n]
        scale = 1.0 / sqrt(max(length, 1e-30))
        for n in range(count):
            basis[b, n] *= scale


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _take_out(basis, values):  # type: ignore[no-untyped-def]  # numba infers the types
    for b in range(len(basis)):
        product = 0.0
        for n in range(len(values)):
            product += basis[b, n] * values[n]
        for n in range(len(values)):
            values[n] -= product * basis[b, n]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _near(wires, reach, low, high, places):  # type: ignore[no-untyped-def]  # numba infers the types
    count = 0
    for row in range(low[1], high[1]):
        for column in range(low[0], high[0]):
            for w in range(len(wires)):
                x, y = column - wires[w, 0], row - wires[w, 1]
                cosine, sine = np.cos(wires[w, 2]), np.sin(wires[w, 2])
                along = max(abs(x * cosine + y * sine) - abs(wires[w, 4]) / 2.0, 0.0)
                across = y * cosine - x * sine
                if along * along + across * across <= reach * reach:
                    places[count, 0], places[count, 1] = column, row
                    count += 1
                    break
    return count


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _template(wires, about, width2, extent):  # type: ignore[no-untyped-def]  # numba infers the types
    # Pixels about the wires, their shape free of a plane and of unit length, and the plane.
    low, high = np.zeros(2, np.int64), np.full(2, 2 * extent + 1)
    memory = np.empty(((2 * extent + 1) ** 2, 2))
    count = _near(wires, about, low, high, memory)
    places = memory[:count]
    values, slopes = np.empty((len(wires), count)), np.empty((len(wires), PARAMETERS, count))
    _shapes(places, wires, width2, values, slopes)
    shape, planes = values[0], np.empty((3, count))
    for w in range(1, len(wires)):
        for n in range(count):
            shape[n] = max(shape[n], values[w, n])
    _orthonormal(places, planes)
    _take_out(planes, shape)
    shape /= sqrt(max((shape * shape).sum(), 1e-30))
    steps = np.empty((count, 2), np.int64)
    for n in range(count):
        steps[n, 0], steps[n, 1] = int(places[n, 1]) - extent, int(places[n, 0]) - extent
    return steps, shape, planes


def scan_for_wires(
    window: Float64, wires: Float64, about: float, width2: float, extent: int, reach: int
) -> Float64:
    """Correlate wires with an image, both free of a plane, about the middle of the image.

    Parameters
    ----------
    window
        Image [row, column], square; its mean should be near 0 for precision.
    wires
        Column, row, direction, logarithm of the blur and length of each, (w, 5), in a square of pixels that
        reaches ``extent`` from its middle; where they cross, they count once.
    about
        How far from the wires the template reaches, pixels.
    width2
        Variance across that the thickness of a wire adds to the blur, pixels².
    extent
        See ``wires``.
    reach
        How far from the middle of the window the template's middle is put; it has to fit there.

    Returns
    -------
    Correlation, -1 to 1, for each place of the middle, (2 reach + 1, 2 reach + 1).
    """
    answer = np.zeros((2 * reach + 1, 2 * reach + 1))
    steps, weights, planes = _template(wires, about, width2, extent)
    _scan(window, steps, weights, planes, answer)
    return answer


def scan_for_wires_reference(
    window: Float64, wires: Float64, about: float, width2: float, extent: int, reach: int
) -> Float64:
    """Plain NumPy statement of :func:`scan_for_wires`."""
    places = pixels_about_reference(wires, about, (2 * extent + 1, 2 * extent + 1))
    planes, _ = np.linalg.qr(np.column_stack([np.ones(len(places)), places]))
    shape = wire_shapes_reference(places, wires, width2).max(axis=0)
    weights = shape - planes @ (planes.T @ shape)
    weights /= np.linalg.norm(weights)
    steps = places[:, ::-1].astype(np.int64) - extent
    across = 2 * reach + 1
    at = np.argwhere(np.ones((across, across))) + (len(window) - across) // 2
    values = window[at[:, None, 0] + steps[:, 0], at[:, None, 1] + steps[:, 1]]
    free = values - values @ planes @ planes.T
    lengths = np.linalg.norm(free, axis=1)
    seen = lengths**2 > FLAT * (values**2).sum(axis=1)
    answer = np.where(seen, values @ weights / np.maximum(lengths, 1e-300), 0.0)
    return np.asarray(answer.reshape(across, across))


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _draw(places, wires, width2, basis, shapes, slopes):  # type: ignore[no-untyped-def]  # numba infers the types
    _shapes(places, wires, width2, shapes, slopes)
    for w in range(len(wires)):
        _take_out(basis, shapes[w])
        for p in range(PARAMETERS):
            _take_out(basis, slopes[w, p])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _solved(a, b):  # type: ignore[no-untyped-def]  # numba infers the types
    # Cholesky in place: b becomes the solution of a x = b, a its factor.
    size = len(b)
    for c in range(size):
        for r in range(c, size):
            total = a[r, c]
            for k in range(c):
                total -= a[r, k] * a[c, k]
            if r == c:
                if not total > 0.0:
                    return False
                a[c, c] = sqrt(total)
            else:
                a[r, c] = total / a[c, c]
    for r in range(size):
        for k in range(r):
            b[r] -= a[r, k] * b[k]
        b[r] /= a[r, r]
    for r in range(size - 1, -1, -1):
        for k in range(r + 1, size):
            b[r] -= a[k, r] * b[k]
        b[r] /= a[r, r]
    return True


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _heights(values, shapes, heights):  # type: ignore[no-untyped-def]  # numba infers the types
    count = len(shapes)
    gram = np.empty((count, count))
    for w in range(count):
        heights[w] = 0.0
        for n in range(len(values)):
            heights[w] += shapes[w, n] * values[n]
        for v in range(count):
            total = 0.0
            for n in range(len(values)):
                total += shapes[w, n] * shapes[v, n]
            gram[w, v] = total * (1.0 + 1e-6 * (w == v)) + 1e-12 * (w == v)
    return _solved(gram, heights)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _cost(values, shapes, heights, wires, start, held, left):  # type: ignore[no-untyped-def]  # numba infers the types
    total = 0.0
    for n in range(len(values)):
        left[n] = values[n]
        for w in range(len(heights)):
            left[n] -= heights[w] * shapes[w, n]
        total += left[n] * left[n]
    for w in range(len(heights)):
        for p in range(PARAMETERS):
            away = wires[w, p] - start[w, p]
            total += held[w, p] * away * away
    return total


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _normal(shapes, slopes, heights, wires, start, held, left, a, b):  # type: ignore[no-untyped-def]  # numba infers the types  # noqa: PLR0913 - its memory comes from outside
    count, pixels = shapes.shape
    columns = np.empty((PER_WIRE * count, pixels))
    for w in range(count):
        for n in range(pixels):
            for p in range(PARAMETERS):
                columns[PER_WIRE * w + p, n] = heights[w] * slopes[w, p, n]
            columns[PER_WIRE * w + PARAMETERS, n] = shapes[w, n]
    for r in range(len(columns)):
        total = 0.0
        for n in range(pixels):
            total += columns[r, n] * left[n]
        b[r] = total
        for c in range(r + 1):
            total = 0.0
            for n in range(pixels):
                total += columns[r, n] * columns[c, n]
            a[r, c] = a[c, r] = total
    for w in range(count):
        for p in range(PARAMETERS):
            at = PER_WIRE * w + p
            a[at, at] += held[w, p]
            b[at] -= held[w, p] * (wires[w, p] - start[w, p])


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _damped(a, b, damping, work, step):  # type: ignore[no-untyped-def]  # numba infers the types
    for r in range(len(b)):
        step[r] = b[r]
        for c in range(len(b)):
            work[r, c] = a[r, c]
        work[r, r] += damping * a[r, r] + 1e-12
    return _solved(work, step)


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _stepped(wires, heights, step, tried, tried_heights):  # type: ignore[no-untyped-def]  # numba infers the types
    for w in range(len(wires)):
        for p in range(PARAMETERS):
            tried[w, p] = wires[w, p] + step[PER_WIRE * w + p]
        tried_heights[w] = heights[w] + step[PER_WIRE * w + PARAMETERS]


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _descend(places, values, basis, width2, start, held, wires, heights, shapes, slopes, left, a):  # type: ignore[no-untyped-def]  # numba infers the types  # noqa: PLR0913 - its memory comes from outside
    size = PER_WIRE * len(wires)
    b, work, step = np.empty(size), np.empty((size, size)), np.empty(size)
    tried, tried_heights = np.empty_like(wires), np.empty(len(wires))
    _draw(places, wires, width2, basis, shapes, slopes)
    if not _heights(values, shapes, heights):
        return False
    cost = _cost(values, shapes, heights, wires, start, held, left)
    _normal(shapes, slopes, heights, wires, start, held, left, a, b)
    damping, gained = 1e-3, cost
    for _ in range(STEPS):
        if not _damped(a, b, damping, work, step):
            return False
        _stepped(wires, heights, step, tried, tried_heights)
        _draw(places, tried, width2, basis, shapes, slopes)
        after = _cost(values, shapes, tried_heights, tried, start, held, left)
        damping *= 7.0
        if after < cost:
            gained, cost = cost - after, after
            wires[:], heights[:] = tried, tried_heights
            _normal(shapes, slopes, heights, wires, start, held, left, a, b)
            damping /= 49.0
        if gained <= LEAST_GAIN * cost or damping > LARGEST_DAMPING:
            break
    _draw(places, wires, width2, basis, shapes, slopes)
    _cost(values, shapes, heights, wires, start, held, left)
    return True


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _judge(places, shapes, heights, left, said):  # type: ignore[no-untyped-def]  # numba infers the types
    count, pixels = shapes.shape
    square, along, down, pairs_along, pairs_down = 0.0, 0.0, 0.0, 0, 0
    for n in range(pixels):
        square += left[n] * left[n]
        # Pixels come row by row: the next in the row follows, the one below is searched for.
        if n + 1 < pixels and places[n + 1, 1] == places[n, 1] and places[n + 1, 0] == places[n, 0] + 1.0:
            along += left[n] * left[n + 1]
            pairs_along += 1
        for k in range(n + 1, pixels):
            if places[k, 1] > places[n, 1] + 1.0:
                break
            if places[k, 1] == places[n, 1] + 1.0 and places[k, 0] == places[n, 0]:
                down += left[n] * left[k]
                pairs_down += 1
                break
    mean = max(square / pixels, 1e-30)
    freedom = max(pixels - 6 - PER_WIRE * count, 1)
    for w in range(count):
        own, both, alone = 0.0, 0.0, 0.0
        for n in range(pixels):
            shape = heights[w] * shapes[w, n]
            own += shape * shape
            both += shape * (left[n] + shape)
            alone += (left[n] + shape) * (left[n] + shape)
        said[w, CORRELATION] = both / max(sqrt(own * alone), 1e-30) * (1.0 if heights[w] > 0.0 else -1.0)
        said[w, NOISE] = sqrt(square / freedom)
        said[w, COLUMN_MEMORY] = along / max(pairs_along, 1) / mean
        said[w, ROW_MEMORY] = down / max(pairs_down, 1) / mean


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _centres(a, noise2, covariance):  # type: ignore[no-untyped-def]  # numba infers the types
    size = len(a)
    for w in range(len(covariance)):
        for p in range(2):
            work, unit = a.copy(), np.zeros(size)
            unit[PER_WIRE * w + p] = 1.0
            if not _solved(work, unit):
                return False
            for q in range(2):
                covariance[w, p, q] = noise2 * unit[PER_WIRE * w + q]
    return True


@njit(nogil=True, cache=True, error_model="numpy", fastmath=FAST)
def _fit(places, values, width2, start, sigma, share, wires, heights, covariance, said):  # type: ignore[no-untyped-def]  # numba infers the types  # noqa: PLR0913 - its memory comes from outside
    count, pixels = len(start), len(places)
    basis, left = np.empty((6, pixels)), np.empty(pixels)
    shapes, slopes = np.empty((count, pixels)), np.empty((count, PARAMETERS, pixels))
    a, held = np.empty((PER_WIRE * count, PER_WIRE * count)), np.empty((count, PARAMETERS))
    _orthonormal(places, basis)
    free = values.copy()
    _take_out(basis, free)
    scale = max(share * (free.max() - free.min()), 1e-12)
    for w in range(count):
        for p in range(PARAMETERS):
            held[w, p] = (scale / sigma[w, p]) ** 2
            wires[w, p] = start[w, p]
    if not _descend(places, free, basis, width2, start, held, wires, heights, shapes, slopes, left, a):
        return False
    _judge(places, shapes, heights, left, said)
    return _centres(a, said[0, NOISE] ** 2, covariance)


def fit_wires_in_window(
    places: Float64, values: Float64, width2: float, start: Float64, sigma: Float64, share: float
) -> tuple[Float64, Float64, Float64, Float64] | None:
    """Fit blurred wires together on a quadratic background.

    Parameters
    ----------
    places, values
        Pixels (column, row), (n, 2), row by row, and the image there, (n,).
    width2
        Variance across that the thickness of a wire adds to the blur, pixels².
    start, sigma
        Column, row, direction, logarithm of the blur and length of each wire, (w, 5), and how far each may be
        from there; infinite: anywhere.
    share
        Error of the shape as a share of the contrast: what the expectations are held against.

    Returns
    -------
    Wires (w, 5), heights (w,), covariances of the centres (w, 2, 2) for white noise, and (w, 4): correlation
    with the image without the others, noise, and how much of the noise the next column and row share. None
    where the fit fails.
    """
    count = len(start)
    wires, heights = np.empty((count, PARAMETERS)), np.empty(count)
    covariance, said = np.empty((count, 2, 2)), np.empty((count, 4))
    done = _fit(places, values, width2, start, sigma, share, wires, heights, covariance, said)
    return (wires, heights, covariance, said) if done and np.isfinite(covariance).all() else None


def pixels_about(wires: Float64, reach: float, shape: tuple[int, int]) -> Float64:
    """Return the pixels (column, row), (n, 2), row by row, within ``reach`` of the lines of wires (w, 5)."""
    far = np.abs(wires[:, 4:]) / 2.0 + reach
    low = np.maximum(np.floor((wires[:, :2] - far).min(axis=0)), 0.0).astype(np.int64)
    last = np.ceil((wires[:, :2] + far).max(axis=0)) + 1.0
    high = np.maximum(np.minimum(last, np.array(shape[::-1], dtype=np.float64)).astype(np.int64), low)
    places = np.empty((int(np.prod(high - low)), 2))
    return places[: _near(wires, reach, low, high, places)]


def pixels_about_reference(wires: Float64, reach: float, shape: tuple[int, int]) -> Float64:
    """Plain NumPy statement of :func:`pixels_about`."""
    places = np.argwhere(np.ones(shape))[:, ::-1].astype(np.float64)
    axes = np.stack([np.cos(wires[:, 2]), np.sin(wires[:, 2])], axis=1)
    offset = places[:, None] - wires[:, :2]
    along = np.maximum(np.abs((offset * axes).sum(axis=-1)) - np.abs(wires[:, 4]) / 2.0, 0.0)
    across = offset[..., 1] * axes[:, 0] - offset[..., 0] * axes[:, 1]
    return places[(np.hypot(along, across) <= reach).any(axis=1)]


def mass_of(wires: Float64, heights: Float64, width2: float) -> Float64:
    """Integrals (w,) over the image of wires with heights."""
    variance = np.exp(2.0 * np.clip(wires[:, 3], -2.0, 2.0)) + width2
    return heights * np.hypot(wires[:, 4], SHORTEST_PX) * np.sqrt(2.0 * np.pi * variance)

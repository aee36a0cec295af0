"""Markers that lie across each other in a radiograph, told apart by trying all pairs.

A joint fit finds the next best answer only. Here every pair of coarse shapes within the blot is compared in
closed form, the best are fitted, and what is left tells whether one answer stands out.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from isoguide.geometry.frames import Array
from isoguide.kernels.wires import wire_shapes
from isoguide.registration.markers.fit import polynomial_background
from isoguide.registration.markers.projected import (
    HEAVIEST,
    LIGHTEST,
    FittedWire,
    MarkerSize,
    are_markers,
    bank_of,
    capsule,
    fit_wires,
)

MOST_TOGETHER: Final = 3
MOST_PLACES: Final = 60
"""Of the middle of a coarse shape within a blot."""
MOST_ATOMS: Final = 500
"""Coarse shapes that explain most by themselves: pairs are made of these."""
DIRECTIONS: Final = 6
SHARES: Final = (1.0, 0.65, 0.35)
TRIED: Final = 6
"""Best coarse answers that are fitted."""
SAME_PX: Final = 1.0
"""Answers whose centres differ by less are the same."""
STANDS_OUT: Final = 4.0
"""Another answer costs at least this much more, or it cannot be told which is true."""
WIDER: Final = 0.2
"""Share of the length by which is looked beyond what was fitted."""


def untangled(
    image: Array, seen: Sequence[FittedWire], size: MarkerSize, usual_mass: float
) -> list[FittedWire]:
    """Take what lies across each other for several markers.

    Parameters
    ----------
    image
        Line integrals [row, column] without the other markers.
    seen
        What was fitted so far: together, or one wire to all of them.
    size
        What was declared.
    usual_mass
        Of one marker.

    Returns
    -------
    list of FittedWire
        The markers; none where no answer explains the image, or several do.
    """
    near = np.logical_or.reduce(
        [capsule(image.shape, one.wire, size, WIDER * size.length_px) for one in seen]
    )
    places = np.argwhere(near)[:, ::-1].astype(np.float64)
    background = polynomial_background(places - places.mean(axis=0), 2)
    values = image[near] - background @ (background.T @ image[near])
    wires, atoms = _atoms(values, seen, size, places, background)
    pairs = _best_pairs(values, wires, atoms, size, usual_mass)
    likely = max(len(seen), round(sum(one.mass for one in seen) / usual_mass), 2)
    for count in range(2, min(likely, MOST_TOGETHER) + 1):
        starts = pairs if count == 2 else [_with_one_more(values, atoms, pair) for pair in pairs]
        asked = [list(wires[list(start)]) for start in starts]
        if count == len(seen):
            asked.append([one.wire for one in seen])
        fits = [fit_wires(image, start, size, near, usual_mass) for start in asked]
        good = sorted((fit for fit in fits if fit and are_markers(fit, usual_mass)), key=_cost)
        # Once more from where they arrived: now nothing pulls back to the coarse shapes.
        fits = [fit_wires(image, [one.wire for one in fit], size, near, usual_mass) for fit in good]
        good = [fit for fit in fits if fit and are_markers(fit, usual_mass)]
        if good:
            best = min(good, key=_cost)
            return best if _stands_out(best, good) else []
    return []


def _atoms(
    values: Array, seen: Sequence[FittedWire], size: MarkerSize, places: Array, background: Array
) -> tuple[Array, Array]:
    # Coarse shapes (n, 5) all over the blot, and how they look free of the background, (pixels, n).
    inner = np.logical_or.reduce(
        [
            np.linalg.norm(places - one.pixel, axis=1) <= (one.length_px + size.diameter_px) / 2.0 + 2.0
            for one in seen
        ]
    )
    middles = places[inner]
    middles = middles[:: -(-len(middles) // MOST_PLACES)]
    bank = bank_of(size, DIRECTIONS, SHARES)
    wires = np.repeat(bank, len(middles), axis=0)
    wires[:, :2] = np.tile(middles, (len(bank), 1))
    # All lie at whole pixels: each shape is drawn once and shifted.
    far = int(np.ptp(places, axis=0).max())
    row, column = np.mgrid[-far : far + 1, -far : far + 1]
    drawn, _ = wire_shapes(np.stack([column.ravel(), row.ravel()], axis=1).astype(float), bank, size.width2)
    steps = (places[:, None] - middles[None]).astype(int) + far
    shapes = (
        drawn[:, steps[..., 1] * (2 * far + 1) + steps[..., 0]].transpose(1, 0, 2).reshape(len(places), -1)
    )
    free = shapes - background @ (background.T @ shapes)
    explained = (free.T @ values) / np.maximum(np.linalg.norm(free, axis=0), 1e-6)
    kept = np.argsort(-explained)[:MOST_ATOMS]
    return wires[kept], np.asarray(free[:, kept])


def _best_pairs(
    values: Array, wires: Array, atoms: Array, size: MarkerSize, usual_mass: float
) -> list[tuple[int, int]]:
    # Heights of each pair in closed form; neither may be much heavier or lighter than a marker.
    products, gram = atoms.T @ values, atoms.T @ atoms
    own = np.diag(gram)
    determinant = np.maximum(np.multiply.outer(own, own) - gram * gram, 1e-9 * np.multiply.outer(own, own))
    first = (own[None] * products[:, None] - gram * products[None]) / determinant
    explained = first * products[:, None] + first.T * products[None]
    masses = FittedWire.masses(wires, size.width2)
    heavy = first * masses[:, None] / usual_mass
    allowed = (heavy >= LIGHTEST) & (heavy <= HEAVIEST)
    explained = np.where(np.triu(allowed & allowed.T, 1), explained, -1.0)
    found: list[tuple[int, int]] = []
    for flat in np.argsort(-explained, axis=None)[: 40 * TRIED]:
        one, other = (int(n) for n in np.unravel_index(flat, explained.shape))
        if explained[one, other] <= 0.0:
            break
        if not any(_alike(wires[[one, other]], wires[list(pair)]) for pair in found):
            found.append((one, other))
        if len(found) == TRIED:
            break
    return found


def _alike(one: Array, other: Array) -> bool:
    # The same two middles within two pixels, whichever way round.
    apart = np.linalg.norm(one[:, None, :2] - other[None, :, :2], axis=-1) <= 2.0
    turned = np.abs(np.sin(one[:, None, 2] - other[None, :, 2])) <= 0.6
    same = apart & turned
    return bool((same[0, 0] and same[1, 1]) or (same[0, 1] and same[1, 0]))


def _with_one_more(values: Array, atoms: Array, pair: tuple[int, int]) -> tuple[int, ...]:
    basis, _ = np.linalg.qr(atoms[:, list(pair)])
    left = values - basis @ (basis.T @ values)
    free = atoms - basis @ (basis.T @ atoms)
    return (*pair, int(np.argmax(free.T @ left / np.maximum(np.linalg.norm(free, axis=0), 1e-6))))


def _cost(fit: Sequence[FittedWire]) -> float:
    return fit[0].cost


def _stands_out(best: Sequence[FittedWire], others: Sequence[Sequence[FittedWire]]) -> bool:
    for other in others:
        apart = np.linalg.norm(
            np.array([one.pixel for one in best])[:, None] - np.array([one.pixel for one in other])[None],
            axis=-1,
        )
        same = bool((apart.min(axis=1) <= SAME_PX).all())
        if not same and other[0].cost < best[0].cost + STANDS_OUT:
            return False
    return True


def is_tangled(group: Sequence[FittedWire], size: MarkerSize) -> bool:
    """Tell whether some of the markers lie so close that a joint fit may have stopped at a wrong answer."""
    pixels: NDArray[np.float64] = np.array([one.pixel for one in group])
    apart = np.linalg.norm(pixels[:, None] - pixels[None], axis=-1) + 1e3 * np.eye(len(group))
    return bool(apart.min() < 0.6 * size.length_px + size.diameter_px)

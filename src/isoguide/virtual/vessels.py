"""Vessels that split until they have served every part of an organ."""

import numpy as np

from isoguide.geometry.frames import Array
from isoguide.virtual.canvas import Canvas
from isoguide.virtual.shapes import Triple


def branch(
    canvas: Canvas, start: Array, goals: Array, radius: float, *, hu: float = 35.0, thinnest: float = 0.7
) -> None:
    """Grow a vessel towards the middle of its goals, then split them between two daughters.

    Parameters
    ----------
    canvas
        What is painted on; its generator bends the vessels.
    start
        Where the vessel enters, (3,) mm.
    goals
        Points to be served, (n, 3) mm.
    radius, thinnest
        Of the vessel there, and of the last twigs, mm.
    hu
        Of blood.
    """
    if len(goals) == 1:
        canvas.tube([_triple(start), _triple(goals[0])], [radius, thinnest], hu)
        return
    stop = start + 0.45 * (goals.mean(axis=0) - start)
    bend = 0.06 * float(np.linalg.norm(stop - start)) * canvas.rng.standard_normal(3)
    thin = max(0.95 * radius, thinnest)
    points = [_triple(start), _triple((start + stop) / 2.0 + bend), _triple(stop)]
    canvas.tube(points, [radius, (radius + thin) / 2.0, thin], hu)
    spread = np.linalg.svd(goals - stop, full_matrices=False)[2][0]
    order = np.argsort((goals - stop) @ spread, kind="stable")
    cut = min(max(1, int(len(goals) * canvas.rng.uniform(0.35, 0.65))), len(goals) - 1)
    for part in (order[:cut], order[cut:]):
        share = (len(part) / len(goals)) ** (1.0 / 2.7)  # Murray's law, with the exponent of lungs
        branch(canvas, stop, goals[part], max(thinnest, thin * share), hu=hu, thinnest=thinnest)


def _triple(position: Array) -> Triple:
    return float(position[0]), float(position[1]), float(position[2])

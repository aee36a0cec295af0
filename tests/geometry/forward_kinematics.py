"""An independent model of the treatment room: it only moves points, and knows no formula of the package.

Written from the definitions of IEC 61217 with SciPy rotations: where the patient lies follows from the words
of the patient position, where the table goes from moving its parts one after the other. Every function works
on many cases at once: points are (cases, points, 3), everything else (cases, ...).
"""

import numpy as np
from scipy.spatial.transform import Rotation

UP, TOWARDS_GANTRY = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])


def patient_axes_in_room(position):
    """Columns left, posterior, superior of a patient lying as the words say, as room vectors."""
    superior = TOWARDS_GANTRY if position.startswith("HF") else -TOWARDS_GANTRY
    facing = position[2:]
    if facing in ("S", "P"):
        posterior = -UP if facing == "S" else UP
        left = np.cross(posterior, superior)
    else:  # decubitus right: on the right side, so left is up
        left = UP if facing == "DR" else -UP
        posterior = np.cross(superior, left)
    return np.stack([left, posterior, superior], axis=1)


def lay_down(points_lps, isocentre_lps, axes):
    """Room positions of points of a patient whose isocentre is at the machine isocentre."""
    return np.einsum("nij,npj->npi", axes, points_lps - isocentre_lps[:, None])


def misplace(points, turn, shift_mm):
    """Turn the patient about the machine isocentre, then shift him."""
    return turn_points(turn, points) + shift_mm[:, None]


def image(points, axes, machine_isocentre_lps):
    """Coordinates the scanner gives to points of the room (couch at 0°)."""
    return np.einsum("nji,npj->npi", axes, points) + machine_isocentre_lps[:, None]


def about(axis, angles_deg):
    """One right-handed rotation per case about a room axis."""
    return Rotation.from_euler(axis, np.reshape(angles_deg, (-1, 1)), degrees=True)


def turn_points(turn, points):
    """Apply one rotation per case to its points."""
    return np.stack([turn.apply(points[:, n].copy()) for n in range(points.shape[1])], axis=1)


def register(moving, target):
    """Rotation and translation per case that bring corresponding points together (Kabsch)."""
    moving_mean, target_mean = moving.mean(axis=1), target.mean(axis=1)
    spread = np.einsum("npi,npj->nij", target - target_mean[:, None], moving - moving_mean[:, None])
    u, _, vt = np.linalg.svd(spread)
    keep = np.tile(np.eye(3), (len(u), 1, 1))
    keep[:, 2, 2] = np.linalg.det(u @ vt)
    rotation = u @ keep @ vt
    return rotation, target_mean - np.einsum("nij,nj->ni", rotation, moving_mean)


def ride(points_on_table, pose):
    """Room positions of points that lie on the table: roll, pitch, drive, turn, offset, turn.

    ``pose`` holds arrays (cases,): lateral, longitudinal, vertical, pitch, roll, support, eccentric,
    distance.
    """
    points = turn_points(about("y", pose["roll"]), points_on_table)
    points = turn_points(about("x", pose["pitch"]), points)
    drives = np.stack([pose["lateral"], pose["longitudinal"], pose["vertical"]], axis=1)
    points = points + drives[:, None]
    points = turn_points(about("z", pose["eccentric"]), points)
    points = points + pose["distance"][:, None, None] * TOWARDS_GANTRY
    return turn_points(about("z", pose["support"]), points)


def step_off(points, pose):
    """Table coordinates of points of the room: :func:`ride` backwards, part by part."""
    points = turn_points(about("z", -pose["support"]), points)
    points = points - pose["distance"][:, None, None] * TOWARDS_GANTRY
    points = turn_points(about("z", -pose["eccentric"]), points)
    drives = np.stack([pose["lateral"], pose["longitudinal"], pose["vertical"]], axis=1)
    points = turn_points(about("x", -pose["pitch"]), points - drives[:, None])
    return turn_points(about("y", -pose["roll"]), points)

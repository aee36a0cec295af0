"""Cone-beam CT by physics: projections through the patient as he moves, reconstructed as a hospital would.

Nothing of the truth is filtered: scatter, noise, lag, truncation, breathing streaks and the imager's own
geometric errors come about as they do in a room.
"""

from dataclasses import replace

import numpy as np

from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.transforms import RigidTransform
from isoguide.geometry.xray_view import XrayView
from isoguide.images.volume import Volume
from isoguide.projection.cone_beam import acquire_projections
from isoguide.projection.reconstruct import reconstruct
from isoguide.virtual.imagers import ImageModel, Scan, imaging_offsets_mm
from isoguide.virtual.moved_anatomy import moved_anatomy
from isoguide.virtual.patient_day import PatientMoment
from isoguide.virtual.truth import RoomTruth

CLOSE_MM = 0.1
"""Anatomies whose target differs by less need no projections of their own."""


class PhysicalModel(ImageModel):
    """Projections of the moving patient, reconstructed."""

    name = "physical cone beam"

    def image(self, scan: Scan, rng: np.random.Generator) -> Volume:
        """Return the image of an exposure, frame DAILY.

        Raises
        ------
        MissingEvidenceError
            If RTK is not installed.
        """
        protocol = self._settings.protocol
        anatomy = _AnatomyOfScan(self._truth, scan, protocol.seconds, self._settings.moments)
        projections = acquire_projections(
            anatomy.at,
            protocol,
            self._settings.physics,
            rng,
            true_views=true_views(protocol.views(), imaging_offsets_mm(self._settings, protocol.source_deg)),
        )
        position = self._truth.patient_position
        volume = reconstruct(projections, position, protocol.reconstruction)
        # The reconstruction has the isocentre at (0, 0, 0); the images of this room have it elsewhere.
        origin_mm = volume.grid.origin_mm + np.array(self._settings.origin_mm)
        return replace(volume, grid=replace(volume.grid, origin_mm=origin_mm))


def true_views(nominal: tuple[XrayView, ...], offsets_mm: Array) -> tuple[XrayView, ...]:
    """Return where source and panel really are, when the whole imager is off by (n, 3) mm in FIXED."""
    return tuple(
        view.in_frame(RigidTransform.translation(FIXED, FIXED, offset_mm))
        for view, offset_mm in zip(nominal, offsets_mm, strict=True)
    )


class _AnatomyOfScan:
    """The patient at each exposure, in as few different states of his anatomy as the settings allow.

    Each exposure gets the state whose target lies nearest to where the target is then, so that neighbours in
    time may belong to different states, as in a breath. Which states there are follows from where the target
    goes and not from an even rhythm, which may beat with the breath.
    """

    def __init__(self, truth: RoomTruth, scan: Scan, seconds: Array, count: int) -> None:
        self._truth = truth
        self._begin_s = scan.begin_s
        if truth.day.is_still:
            self._volumes = [moved_anatomy(truth.patient, truth.day.moment(scan.begin_s))]
            self._state_at = dict.fromkeys(seconds.tolist(), 0)
            return
        # One at a time: the moments of a whole scan would fill the memory.
        probes = np.stack([self._moment(at_s).moved(truth.target_points_mm[::20]) for at_s in seconds])
        chosen, nearest = far_apart(probes, count)
        self._state_at = dict(zip(seconds.tolist(), nearest, strict=True))
        self._volumes = [moved_anatomy(truth.patient, self._moment(at_s)) for at_s in seconds[chosen]]

    def _moment(self, seconds: float) -> PatientMoment:
        return self._truth.day.moment(self._begin_s + seconds)

    def at(self, seconds: float) -> tuple[Volume, RigidTransform]:
        """Return anatomy and place at a second of the scan."""
        volume = self._volumes[self._state_at[seconds]]
        return volume, self._truth.fixed_from_planning(self._begin_s + seconds)


def far_apart(positions_mm: Array, count: int) -> tuple[list[int], list[int]]:
    """Choose few of many positions such that none of the others is far from a chosen one.

    The next is always the one farthest from those before, until all are within :data:`CLOSE_MM` or ``count``
    are chosen (T. F. Gonzalez, Theoret. Comput. Sci. 38:293, 1985).

    Parameters
    ----------
    positions_mm
        Sets of points, (n, points, 3).
    count
        How many at most.

    Returns
    -------
    tuple
        Indices of the chosen, and for each of all n the number of its nearest among the chosen.
    """
    chosen, nearest = [0], np.zeros(len(positions_mm), dtype=int)
    least_mm = _largest_distance_mm(positions_mm, 0)
    while len(chosen) < count and least_mm.max() > CLOSE_MM:
        chosen.append(int(least_mm.argmax()))
        distance_mm = _largest_distance_mm(positions_mm, chosen[-1])
        nearest[distance_mm < least_mm] = len(chosen) - 1
        least_mm = np.minimum(least_mm, distance_mm)
    return chosen, nearest.tolist()


def _largest_distance_mm(positions_mm: Array, which: int) -> Array:
    """Largest distance of a point of each set (n,) to the same point of one of them."""
    return np.asarray(np.linalg.norm(positions_mm - positions_mm[which], axis=-1).max(axis=-1))

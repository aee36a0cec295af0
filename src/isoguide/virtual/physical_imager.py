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
from isoguide.virtual.imagers import Scan, imaging_offsets_mm
from isoguide.virtual.moved_anatomy import moved_anatomy
from isoguide.virtual.patient_day import PatientMoment
from isoguide.virtual.room_settings import ImagingSettings
from isoguide.virtual.truth import RoomTruth


class PhysicalModel:
    """Projections of the moving patient, reconstructed by RTK.

    Parameters
    ----------
    truth
        Of the patient who is imaged.
    settings
        Of the imager.
    """

    name = "physical cone beam"

    def __init__(self, truth: RoomTruth, settings: ImagingSettings) -> None:
        self._truth = truth
        self._settings = settings

    @property
    def patient_id(self) -> str:
        """Whom the image shows."""
        return self._truth.patient.name

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

    States are taken evenly over the scan; each exposure gets the one whose target lies nearest to where the
    target is then, so that neighbours in time may belong to different states, as in a breath.
    """

    def __init__(self, truth: RoomTruth, scan: Scan, seconds: Array, count: int) -> None:
        self._truth = truth
        self._begin_s = scan.begin_s
        if truth.day.is_still:
            self._volumes = [moved_anatomy(truth.patient, truth.day.moment(scan.begin_s))]
            self._state_at = dict.fromkeys(seconds.tolist(), 0)
            return
        chosen = np.unique(np.linspace(0, len(seconds) - 1, min(count, len(seconds))).round().astype(int))
        moments = [truth.day.moment(scan.begin_s + float(at_s)) for at_s in seconds]
        probes = np.stack([self._probe(moment) for moment in moments])
        distances = ((probes[:, None] - probes[chosen][None]) ** 2).sum(axis=(2, 3))
        self._state_at = dict(zip(seconds.tolist(), distances.argmin(axis=1).tolist(), strict=True))
        self._volumes = [moved_anatomy(truth.patient, moments[n]) for n in chosen]

    def _probe(self, moment: PatientMoment) -> Array:
        return moment.moved(self._truth.target_points_mm[::20])

    def at(self, seconds: float) -> tuple[Volume, RigidTransform]:
        """Return anatomy and place at a second of the scan."""
        volume = self._volumes[self._state_at[seconds]]
        return volume, self._truth.fixed_from_planning(self._begin_s + seconds)

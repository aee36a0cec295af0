"""The cone-beam imager of the room: exposure, faults, and two models of how the image comes about."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import numpy as np

from isoguide.errors import ImageLostError, LinkLostError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.treatment.ports import DayImage
from isoguide.virtual.clock import VirtualClock
from isoguide.virtual.couch_drive import CouchDrive
from isoguide.virtual.daily import simulate_daily
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.faults import FaultWatch
from isoguide.virtual.machine import Machine
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.phantom import Phantom
from isoguide.virtual.room_settings import ImagingSettings
from isoguide.virtual.truth import RoomTruth

UID_ROOT = "2.25."
"""Root of UIDs made of random numbers (DICOM PS3.5 B.2)."""


@dataclass(frozen=True, slots=True)
class Scan:
    """When an exposure was made, in seconds of the room."""

    begin_s: float
    end_s: float


class ImageModel(Protocol):
    """How an image comes about."""

    name: str

    def image(self, scan: Scan, rng: np.random.Generator) -> Volume:
        """Return the day's image of this exposure, frame DAILY."""
        ...


def sag_mm(settings: ImagingSettings, source_deg: Array) -> Array:
    """Return how far the imager is off along the gantry axis (IEC fixed +Y) for angles of the kV source, mm."""
    return np.asarray(settings.sag_mm * np.cos(np.deg2rad(source_deg)))


def imaging_isocentre_mm(settings: ImagingSettings) -> Array:
    """Return where the isocentre of a whole scan truly is, IEC fixed (3,): the offset and the mean sag."""
    angles_deg = settings.start_deg + settings.arc_deg * (np.arange(360) + 0.5) / 360.0
    return np.array(settings.isocentre_offset_mm) + [0.0, float(sag_mm(settings, angles_deg).mean()), 0.0]


class ImageDomainModel:
    """The truth, moved exactly and then made to look like a cone-beam CT; no projections are made.

    Parameters
    ----------
    patient, day, truth
        What is imaged.
    settings
        Of the imager.
    patient_position
        DICOM PatientPosition of the plan.
    """

    name = "image-domain cone-beam model"

    def __init__(
        self,
        patient: Phantom,
        day: PatientDay,
        truth: RoomTruth,
        settings: ImagingSettings,
        patient_position: PatientPosition,
    ) -> None:
        self._patient = patient
        self._day = day
        self._truth = truth
        self._settings = settings
        self._position = patient_position

    def image(self, scan: Scan, rng: np.random.Generator) -> Volume:
        """Return the day's image of this exposure, frame DAILY."""
        moments = self._day.moments(scan.begin_s, scan.end_s, self._settings.moments)
        fields = [moment.field for moment in moments if moment.field is not None]
        middle_s = (scan.begin_s + scan.end_s) / 2.0
        origin_mm = np.array(self._settings.origin_mm)
        return simulate_daily(
            self._patient.anatomy,
            planning_from_daily_truth(self._truth, self._settings, self._position, middle_s),
            isocentre_mm=self._patient.isocentre_mm,
            machine_isocentre_mm=origin_mm,
            settings=_with_sag(self._settings),
            rng=rng,
            field=fields,
        )


def planning_from_daily_truth(
    truth: RoomTruth, settings: ImagingSettings, position: PatientPosition, seconds: float
) -> RigidTransform:
    """Return what a registration of an image has to find: planning from daily, as the image shows the patient.

    The imager is off: what it shows at its isocentre lies truly at :func:`imaging_isocentre_mm`.
    """
    off = RigidTransform.translation(FIXED, FIXED, imaging_isocentre_mm(settings))
    truly = off @ fixed_from_daily(position, np.array(settings.origin_mm))
    return truth.fixed_from_planning(seconds).inverse() @ truly


def _with_sag(settings: ImagingSettings) -> DailySettings:
    """Blur the image along z by what the sag varies during the scan."""
    angles_deg = settings.start_deg + settings.arc_deg * (np.arange(360) + 0.5) / 360.0
    in_plane_mm, along_mm = settings.image.blur_mm
    spread_mm = float(sag_mm(settings, angles_deg).std())
    if spread_mm == 0.0:
        return settings.image
    return replace(settings.image, blur_mm=(in_plane_mm, float(np.hypot(along_mm, spread_mm))))


class ConeBeamImager:
    """Takes cone-beam CTs: turns the gantry to the start, exposes during a turn, and reconstructs.

    Parameters
    ----------
    clock, machine, couch
        Of the room; the couch is read at the exposure.
    settings
        Of the imager.
    model
        Where the images come from.
    stranger
        Model of another patient, for images that are not this patient's.
    watch
        Faults.
    rng
        Delays, noise and UIDs.
    """

    def __init__(  # noqa: PLR0913 - an imager takes part in all that happens in the room
        self,
        clock: VirtualClock,
        machine: Machine,
        couch: CouchDrive,
        settings: ImagingSettings,
        model: ImageModel,
        stranger: ImageModel,
        patient_position: PatientPosition,
        patient_id: str,
        watch: FaultWatch,
        rng: np.random.Generator,
    ) -> None:
        raise NotImplementedError

"""The imager of the room, its faults, and the model of cone-beam images that needs no rays."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import ClassVar

import numpy as np

from isoguide.errors import ImageLostError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.displacement_field import DisplacementField
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition
from isoguide.registration.day_match import DayContent
from isoguide.treatment.ports import DayImage
from isoguide.virtual.couch_drive import CouchDrive
from isoguide.virtual.daily import simulate_daily
from isoguide.virtual.daily_settings import DailySettings
from isoguide.virtual.device import DeviceLink
from isoguide.virtual.machine import Machine
from isoguide.virtual.patient_day import PatientMoment
from isoguide.virtual.room_settings import ImagingSettings, Latency
from isoguide.virtual.truth import RoomTruth

UID_ROOT = "2.25."
"""Root of UIDs made of a random number (DICOM PS3.5 B.2)."""
OLD = timedelta(days=1)
"""How old an image is that the imager still had from the fraction before."""


@dataclass(frozen=True, slots=True)
class Scan:
    """When an exposure was made, in seconds of the room."""

    begin_s: float
    end_s: float

    @property
    def middle_s(self) -> float:
        """The middle of the exposure."""
        return (self.begin_s + self.end_s) / 2.0


class ImageModel(ABC):
    """How an image comes about, and of whom.

    Parameters
    ----------
    truth
        Of the patient who is imaged.
    settings
        Of the imager.
    """

    name: ClassVar[str]
    """What the model is called in every result."""

    def __init__(self, truth: RoomTruth, settings: ImagingSettings) -> None:
        self._truth = truth
        self._settings = settings

    @property
    def delay(self) -> Latency:
        """From the end of the exposure to the image."""
        return self._settings.reconstruction_delay

    @property
    def patient_id(self) -> str:
        """Whom the image shows."""
        return self._truth.patient.name

    @property
    def origin_mm(self) -> Array:
        """Where the images' coordinates have the isocentre, daily LPS (3,)."""
        return np.array(self._settings.origin_mm)

    @property
    def isocentre_offset_mm(self) -> Array:
        """Where the isocentre of the image truly is, IEC fixed (3,)."""
        return scan_offset_mm(self._settings)

    def expose(self, link: DeviceLink, machine: Machine) -> Scan:
        """Bring the imager into place, expose, and say when that was: a turn of the gantry."""
        clock, protocol = link.clock, self._settings.protocol
        clock.wait(machine.turn_kv_source_to(protocol.start_deg))
        link.wait_for(self._settings.delay)
        begin_s = clock.seconds
        machine.turn_kv_source_by(protocol.arc_deg)
        clock.wait(protocol.duration_s)
        return Scan(begin_s, clock.seconds)

    @abstractmethod
    def image(self, scan: Scan, rng: np.random.Generator) -> DayContent:
        """Return the day's image of an exposure, frame DAILY."""

    def planning_from_daily(self, seconds: float) -> RigidTransform:
        """Return planning from daily as an image taken at a second of the room shows the patient.

        This is what a registration has to find. The imager is off: what it shows at its isocentre lies truly
        at :attr:`isocentre_offset_mm`.
        """
        truth = self._truth
        off = RigidTransform.translation(FIXED, FIXED, self.isocentre_offset_mm)
        truly = off @ fixed_from_daily(truth.patient_position, self.origin_mm)
        return truth.fixed_from_planning(seconds).inverse() @ truly


def imaging_offsets_mm(settings: ImagingSettings, source_deg: Array) -> Array:
    """Return where the imaging isocentre truly is for angles (n,) of the kV source, IEC fixed (n, 3) mm.

    The sag is along the gantry's axis (Y).
    """
    angles_deg = np.atleast_1d(np.asarray(source_deg, dtype=np.float64))
    offsets = np.tile(np.array(settings.isocentre_offset_mm), (len(angles_deg), 1))
    offsets[:, 1] += settings.sag_mm * np.cos(np.deg2rad(angles_deg))
    return offsets


def scan_offset_mm(settings: ImagingSettings) -> Array:
    """Return where the isocentre of a whole scan truly is, IEC fixed (3,): its mean over the angles."""
    return np.asarray(imaging_offsets_mm(settings, settings.protocol.source_deg).mean(axis=0))


class ImageDomainModel(ImageModel):
    """The truth, moved exactly and then made to look like a cone-beam CT; no projections are made."""

    name = "image-domain cone-beam model"

    def image(self, scan: Scan, rng: np.random.Generator) -> Volume:
        """Return the image of an exposure, frame DAILY: set up as in its middle, breathing as it goes."""
        patient = self._truth.patient
        moments = self._moments(scan, rng)
        return simulate_daily(
            patient.anatomy,
            self.planning_from_daily(scan.middle_s),
            isocentre_mm=patient.isocentre_mm,
            machine_isocentre_mm=self.origin_mm,
            settings=_blurred_by_sag(self._settings),
            rng=rng,
            field=_fields(moments),
        )

    def _moments(self, scan: Scan, rng: np.random.Generator) -> list[PatientMoment]:
        """One moment of each of equal parts of the scan, at random: an even rhythm may beat with a breath."""
        day = self._truth.day
        if day.is_still:
            return [day.moment(scan.begin_s)]
        count = self._settings.moments
        shares = (np.arange(count) + rng.uniform(size=count)) / count
        return [day.moment(scan.begin_s + share * (scan.end_s - scan.begin_s)) for share in shares.tolist()]


def _fields(moments: list[PatientMoment]) -> tuple[DisplacementField, ...]:
    """Return the fields of all moments; where only some have one, the others get one that moves nothing."""
    grids = [moment.field.grid for moment in moments if moment.field is not None]
    if not grids:
        return ()
    still = DisplacementField(grids[0], np.zeros((*grids[0].shape, 3), dtype=np.float32))
    return tuple(moment.field or still for moment in moments)


def _blurred_by_sag(settings: ImagingSettings) -> DailySettings:
    """Blur the image along z by what the sag varies during the scan."""
    spread_mm = float(imaging_offsets_mm(settings, settings.protocol.source_deg)[:, 1].std())
    if spread_mm == 0.0:
        return settings.image
    in_plane_mm, along_mm = settings.image.blur_mm
    return replace(settings.image, blur_mm=(in_plane_mm, float(np.hypot(along_mm, spread_mm))))


class DayImager:
    """Takes the images of the day: brings itself into place, exposes, makes the image.

    Parameters
    ----------
    link
        How it hangs in the room.
    settings
        Of the imager.
    machine, couch
        Of the room: the gantry carries the imager, and the couch is read at the exposure.
    patient_position
        As entered at the imager.
    model
        Where the images come from.
    stranger
        Makes the model of another patient, for images that are not this patient's.
    """

    def __init__(
        self,
        link: DeviceLink,
        settings: ImagingSettings,
        *,
        machine: Machine,
        couch: CouchDrive,
        patient_position: PatientPosition,
        model: ImageModel,
        stranger: Callable[[], ImageModel],
    ) -> None:
        self._link = link
        self._settings = settings
        self._machine = machine
        self._couch = couch
        self._position = patient_position
        self._model = model
        self._stranger = stranger
        self._before: DayImage | None = None

    def acquire(self) -> DayImage:
        """Make one exposure and return its image.

        Raises
        ------
        ImageLostError
            If the exposure was made and no image came of it.
        LinkLostError
            If the link is broken: nothing was exposed.
        """
        self._link.require()
        rng = self._link.rng.spawn(1)[0]
        scan = self._model.expose(self._link, self._machine)
        if self._link.strikes("image-lost"):
            msg = "the exposure was made but no image came of it"
            raise ImageLostError(msg)
        if self._link.strikes("stale-frame"):
            return self._before or self._yesterday(self._image(self._model, scan, rng))
        if self._link.strikes("wrong-patient-image"):
            return self._image(self._stranger(), scan, rng)
        if self._link.strikes("mislabelled-image"):
            return replace(self._image(self._stranger(), scan, rng), patient_id=self._model.patient_id)
        self._before = self._image(self._model, scan, rng)
        return self._before

    def _image(self, model: ImageModel, scan: Scan, rng: np.random.Generator) -> DayImage:
        clock = self._link.clock
        image = DayImage(
            uid=UID_ROOT + str(int.from_bytes(rng.bytes(15), "big")),
            content=model.image(scan, rng),
            machine_isocentre_mm=model.origin_mm,
            patient_position=self._position,
            started_at=clock.at(scan.begin_s),
            acquired_at=clock.at(scan.end_s),
            couch=self._couch.scales(),
            model=model.name,
            patient_id=model.patient_id,
        )
        self._link.wait_for(model.delay)
        return image

    @staticmethod
    def _yesterday(image: DayImage) -> DayImage:
        return replace(image, started_at=image.started_at - OLD, acquired_at=image.acquired_at - OLD)

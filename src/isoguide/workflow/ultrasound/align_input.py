"""The day's side of an alignment where it is ultrasound, and the reference that it is matched to."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from isoguide.dicom import PatientIdentity, ReferencedSeries
from isoguide.geometry.probe_chain import UncertainPose
from isoguide.geometry.transforms import RigidTransform
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.workflow.inputs import PlacedPoint


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundReference:
    """The ultrasound of the simulation.

    Parameters
    ----------
    path
        Its file.
    volume
        In planning axes.
    patient
        Whose it is.
    acquired_at
        None where the file does not say.
    sop_instance_uid, content_sha256
        Which it is.
    laterality
        L or R where the file states the side of a paired part, else empty.
    """

    path: Path
    volume: UltrasoundVolume
    patient: PatientIdentity
    acquired_at: datetime | None
    sop_instance_uid: str
    content_sha256: str
    laterality: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TrackedProbe:
    """The probe file that placed a tracked sequence in the room.

    Parameters
    ----------
    path, name, calibrated_at
        Which it is.
    place
        How well the place of the images in the room is known.
    """

    path: Path
    name: str
    calibrated_at: datetime | None
    place: UncertainPose


@dataclass(frozen=True, slots=True, eq=False)
class UltrasoundInput:
    """The day's ultrasound, in patient axes about the machine isocentre.

    Parameters
    ----------
    path
        The file or the folder, as it was given.
    volume
        Frame DAILY.
    daily_from_fixed
        Where the room is in these axes.
    isocentre
        Of the machine: the origin.
    content_sha256
        Of the file.
    warnings
        What a user should know.
    reference
        What it is matched to; None for the planning CT.
    patient, acquired_at
        None where nothing says.
    laterality
        L or R where the file states the side of a paired part, else empty.
    series
        How DICOM objects refer to it, by the volume frame of reference of its file; None for a sequence.
    daily_from_file
        Where that frame of reference is in these axes; None for a tracked sequence.
    probe
        Which placed it; None for a volume that states its place.
    """

    path: Path
    volume: UltrasoundVolume
    daily_from_fixed: RigidTransform
    isocentre: PlacedPoint
    content_sha256: str
    warnings: tuple[str, ...]
    reference: UltrasoundReference | None = None
    patient: PatientIdentity | None = None
    acquired_at: datetime | None = None
    laterality: str = ""
    series: ReferencedSeries | None = None
    daily_from_file: RigidTransform | None = None
    probe: TrackedProbe | None = None

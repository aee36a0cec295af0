"""RT Images (PS3.3 A.17) of computed radiographs, and of those that a virtual imager exposes.

The geometry is that of C.8.8.2, the way back of :func:`isoguide.dicom.rtimage.rt_image_view`: source and
image receptor in the IEC gantry system, the receptor not turned. Pixels are line integrals, the negative
logarithm of the share of X-rays that arrives: relationship LOG with sign -1 (C.8.11.3.1.2), bone bright.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTImageStorage

from isoguide.dicom.modules import (
    ReferencedSeries,
    SeriesDetails,
    WrittenObject,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    date_text,
    new_dataset,
    sop_reference,
    time_text,
)
from isoguide.dicom.part10 import decimal_string, decimal_strings, new_uid, save_dataset, shortened
from isoguide.errors import OutputError
from isoguide.geometry.frames import FIXED, Array, frozen_array
from isoguide.geometry.iec61217 import fixed_from_gantry, fixed_from_planning
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.plan import PatientPosition

RT_IMAGE: Final = str(RTImageStorage)
"""SOP class of what is written here."""
TOP: Final = 65534
"""Largest stored value: both ends of 16 bits mean that a pixel says nothing."""
ON_AXIS_MM: Final = 1e-6
"""Largest distance of the source from the gantry circle; it is computed, not read from decimals."""
ALONG_AXIS: Final = 0.05
"""Cosine to an axis of the body from which on a direction is said to point along it, too."""

_LETTERS: Final = ("LR", "PA", "HF")


@dataclass(frozen=True, slots=True, eq=False)
class PlannedSetup:
    """How the patient lies in the picture: as planned, the isocentre of the plan at that of the machine.

    Parameters
    ----------
    patient_position
        Of the plan.
    isocentre_mm
        (3,) planning LPS.
    couch_deg, collimator_deg
        PatientSupportAngle and BeamLimitingDeviceAngle of the field. The collimator does not turn the image.
    """

    patient_position: PatientPosition
    isocentre_mm: Array
    couch_deg: float = 0.0
    collimator_deg: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "isocentre_mm", frozen_array(self.isocentre_mm, (3,), "isocentre"))


@dataclass(frozen=True, slots=True)
class PlannedField:
    """The plan, and its field, that an image belongs to: SOP class and instance of the plan, beam number."""

    plan_class_uid: str
    plan_uid: str
    beam_number: int | None = None


@dataclass(frozen=True, slots=True)
class Exposed:
    """That an image was exposed and not computed: when, by which device (DeviceSerialNumber), at which kV."""

    at: datetime
    serial_number: str
    kilovoltage: float


@dataclass(frozen=True, slots=True)
class RtImageDetails:
    """What an RT Image says beside its pixels and geometry.

    Parameters
    ----------
    label
        RTImageLabel, of which 16 characters are kept; the whole of it becomes RTImageName.
    description
        RTImageDescription, up to 1024 characters.
    series_description
        SeriesDescription.
    machine
        RadiationMachineName; empty where it is not known.
    belongs_to
        The plan and its field; None for an image of no plan.
    window
        Line integrals shown black and white; left out where both are the same.
    exposed
        Of an image that was taken; None for a computed one.
    number, series_number
        InstanceNumber and SeriesNumber.
    created_at
        When; the moment of writing where absent.
    sop_instance_uid, series_instance_uid
        Fresh where absent.
    """

    label: str
    description: str
    series_description: str = ""
    machine: str = ""
    belongs_to: PlannedField | None = None
    window: tuple[float, float] | None = None
    exposed: Exposed | None = None
    number: int = 1
    series_number: int = 1
    created_at: datetime = field(default_factory=datetime.now)
    sop_instance_uid: str = field(default_factory=new_uid)
    series_instance_uid: str = field(default_factory=new_uid)


def write_rt_image(
    path: Path,
    radiograph: Radiograph,
    *,
    setup: PlannedSetup,
    image: ReferencedSeries,
    details: RtImageDetails,
) -> WrittenObject:
    """Write a radiograph for the patient and in the study and frame of reference of ``image``.

    Parameters
    ----------
    path
        The file; its folder exists.
    radiograph
        Line integrals, view in FIXED with the source on the gantry circle and the detector across the axis.
    setup
        How the patient lies.
    image
        The planning CT that it was computed from; for one that was exposed, the series that it is part of.
    details
        Names, plan, machine.

    Raises
    ------
    OutputError
        If it is no line integral or negative, a gantry cannot take such a view, the image has no study or
        frame of reference, or the file cannot be written.
    GeometryError
        If the patient position is not supported.
    """
    uid = details.sop_instance_uid
    dataset = new_dataset(RT_IMAGE, uid, created_at=details.created_at)
    add_patient_and_study(dataset, image)
    add_series(
        dataset,
        SeriesDetails(
            details.series_instance_uid, "RTIMAGE", details.series_number, details.series_description
        ),
    )
    dataset.OperatorsName = ""
    add_equipment(dataset)
    add_frame_of_reference(dataset, image.frame_of_reference_uid)
    _add_names(dataset, details)
    _add_origin(dataset, details.exposed)
    _add_plane(dataset, radiograph.view)
    _add_setup(dataset, radiograph.view, setup)
    _add_pixels(dataset, radiograph)
    if details.window is not None and details.window[1] > details.window[0]:
        _add_window(dataset, details.window)
    if details.belongs_to is not None:
        _add_field(dataset, details.belongs_to)
    save_dataset(path, dataset)
    return WrittenObject(path, RT_IMAGE, uid, details.series_instance_uid, image.study_instance_uid)


def _add_names(dataset: Dataset, details: RtImageDetails) -> None:
    dataset.InstanceNumber = details.number
    dataset.ContentDate, dataset.ContentTime = date_text(details.created_at), time_text(details.created_at)
    dataset.BurnedInAnnotation = "NO"
    dataset.RTImageLabel = shortened(details.label, 16)
    dataset.RTImageName = shortened(details.label, 64)
    dataset.RTImageDescription = shortened(details.description, 1024)
    dataset.RadiationMachineName = shortened(details.machine, 16)
    dataset.PrimaryDosimeterUnit = ""


def _add_origin(dataset: Dataset, exposed: Exposed | None) -> None:
    if exposed is None:
        dataset.ImageType = ["DERIVED", "SECONDARY", "DRR"]
        dataset.ConversionType = "WSD"
        return
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RADIOGRAPH"]
    dataset.ConversionType = "DI"
    dataset.AcquisitionDate, dataset.AcquisitionTime = date_text(exposed.at), time_text(exposed.at)
    dataset.DeviceSerialNumber = shortened(exposed.serial_number, 64)
    exposure = Dataset()
    exposure.KVP = decimal_string(exposed.kilovoltage)
    exposure.ExposureTime = None
    dataset.ExposureSequence = [exposure]


def _add_plane(dataset: Dataset, view: XrayView) -> None:
    """State source and receptor; the origin of the receptor is where the axis of the beam meets it."""
    gantry_deg, sad_mm = _on_gantry(view)
    sid_mm = view.source_detector_distance_mm
    gantry_from_fixed = fixed_from_gantry(gantry_deg).inverse()
    first_mm = gantry_from_fixed.apply(view.first_pixel_mm)
    axes = [gantry_from_fixed.rotation @ axis for axis in (view.row_direction, view.column_direction)]
    along_row_mm, along_column_mm = view.pixel_spacing_mm
    dataset.RTImagePlane = "NORMAL"
    dataset.GantryAngle = decimal_string(gantry_deg)
    dataset.RadiationMachineSAD = decimal_string(sad_mm)
    dataset.RTImageSID = decimal_string(sid_mm)
    dataset.XRayImageReceptorTranslation = decimal_strings([0.0, 0.0, sad_mm - sid_mm])
    dataset.XRayImageReceptorAngle = decimal_string(0.0)
    dataset.RTImageOrientation = decimal_strings(np.round(np.concatenate(axes), 12).tolist())
    dataset.RTImagePosition = decimal_strings(np.round(first_mm[:2], 9).tolist())
    dataset.ImagePlanePixelSpacing = decimal_strings([along_column_mm, along_row_mm])


def _on_gantry(view: XrayView) -> tuple[float, float]:
    """Return gantry angle, 0 to 360, and source axis distance of a view that a gantry can take."""
    x_mm, y_mm, z_mm = (float(value) for value in view.source_mm)
    sad_mm = float(np.hypot(x_mm, z_mm))
    if view.frame != FIXED or abs(y_mm) > ON_AXIS_MM or sad_mm < 1.0:
        msg = (
            f"a source at {np.round(view.source_mm, 3).tolist()} mm in '{view.frame}' is on no gantry; "
            f"give a view in '{FIXED}' from the gantry circle"
        )
        raise OutputError(msg)
    if np.linalg.norm(view.normal + view.source_mm / sad_mm) > ON_AXIS_MM:
        msg = (
            "the detector is not normal to the axis of the beam, which an RT Image of the plane NORMAL needs"
        )
        raise OutputError(msg + "; give a view of a gantry")
    return float(np.round(np.rad2deg(np.arctan2(x_mm, z_mm)), 9)) % 360.0, sad_mm


def _add_setup(dataset: Dataset, view: XrayView, setup: PlannedSetup) -> None:
    fixed_from_patient = fixed_from_planning(setup.patient_position, setup.isocentre_mm, setup.couch_deg)
    patient_from_fixed = fixed_from_patient.inverse().rotation
    dataset.PatientOrientation = [
        _letters(patient_from_fixed @ axis) for axis in (view.row_direction, view.column_direction)
    ]
    dataset.PatientPosition = str(setup.patient_position)
    dataset.IsocenterPosition = decimal_strings(setup.isocentre_mm.tolist())
    dataset.BeamLimitingDeviceAngle = decimal_string(setup.collimator_deg)
    dataset.PatientSupportAngle = decimal_string(setup.couch_deg)


def _letters(direction_lps: Array) -> str:
    """Return the sides of the body that a direction points to, the nearest first (PS3.3 C.7.6.1.1.1)."""
    axes = sorted(range(3), key=lambda axis: -abs(direction_lps[axis]))
    return "".join(
        _LETTERS[axis][0 if direction_lps[axis] > 0.0 else 1]
        for axis in axes
        if abs(direction_lps[axis]) > ALONG_AXIS
    )


def _add_pixels(dataset: Dataset, radiograph: Radiograph) -> None:
    stored, slope = _stored(radiograph)
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = 0
    dataset.PixelIntensityRelationship = "LOG"
    dataset.PixelIntensityRelationshipSign = -1
    dataset.RescaleSlope = decimal_string(slope)
    dataset.RescaleIntercept = decimal_string(-slope)
    dataset.RescaleType = "US"
    dataset.PixelData = stored.astype("<u2").tobytes()


def _stored(radiograph: Radiograph) -> tuple[NDArray[np.uint16], float]:
    """Spread line integrals from 0 over 1 to :data:`TOP`; also return the step, as the file will say it."""
    values = radiograph.values
    if radiograph.quantity != "line integral" or float(values.min()) < 0.0:
        msg = (
            "only line integrals that are not negative are written as a computed RT Image; convert the image"
        )
        raise OutputError(msg)
    largest = float(values.max())
    slope = float(decimal_string(largest / (TOP - 1))) if largest > 0.0 else 1.0
    stored = np.rint(values.astype(np.float64) / slope) + 1.0
    return np.minimum(stored, TOP).astype(np.uint16), slope


def _add_window(dataset: Dataset, window: tuple[float, float]) -> None:
    low, high = window
    dataset.WindowCenter = decimal_string((low + high) / 2.0)
    dataset.WindowWidth = decimal_string(high - low)
    # Line integrals are small numbers: the function LINEAR takes 1 off the width (PS3.3 C.11.2.1.2).
    dataset.VOILUTFunction = "LINEAR_EXACT"


def _add_field(dataset: Dataset, planned: PlannedField) -> None:
    dataset.ReferencedRTPlanSequence = [sop_reference(planned.plan_class_uid, planned.plan_uid)]
    if planned.beam_number is not None:
        dataset.ReferencedBeamNumber = planned.beam_number

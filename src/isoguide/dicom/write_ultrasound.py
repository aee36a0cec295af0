"""Ultrasound volumes as Enhanced US Volume (PS3.3 A.59), for the virtual room, reconstructions and exports.

The planes lie along the axes of the file's own volume frame (C.8.24.2), whose origin is the centre of the
first voxel. A volume in planning coordinates states its planes in the patient besides, in the frame of
reference of the planning CT. A volume in the room states where its frame is in the IEC 61217 fixed system,
and its planes in the patient who lies there today where his position is known.
"""

import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.tag import Tag
from pydicom.uid import EnhancedUSVolumeStorage

from isoguide.dicom.identity import PatientIdentity, StudyContext
from isoguide.dicom.modules import (
    SeriesDetails,
    WrittenObject,
    WrittenSeries,
    add_equipment,
    add_frame_of_reference,
    add_patient_and_study,
    add_series,
    code_item,
    date_text,
    local_time,
    new_dataset,
    time_text,
)
from isoguide.dicom.part10 import decimal_string, decimal_strings, new_uid, save_dataset
from isoguide.errors import OutputError
from isoguide.geometry.frames import FIXED, PLANNING, Array
from isoguide.geometry.grid import Grid
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.plan import PatientPosition

ENHANCED_US_VOLUME: Final = str(EnhancedUSVolumeStorage)
IEC_FIXED_UID: Final = "1.2.840.10008.1.4.3.1"
"""Well-known frame of reference of the IEC 61217 fixed system (PS3.6 table A-2)."""
PRIVATE_GROUP: Final = 0x0077
PRIVATE_CREATOR: Final = "ISOGUIDE ULTRASOUND"
"""The standard has no place for what was not seen: bit masks ``[k, j, i]`` in C order, packed by zlib."""
SEEN_ELEMENT: Final = 0x01
SHADOWED_ELEMENT: Final = 0x02
LATERALITIES: Final = ("", "L", "R")

_REGIONS: Final = {
    "PROSTATE": codes.SCT.Prostate,
    "PELVIS": codes.SCT.Pelvis,
    "ABDOMEN": codes.SCT.Abdomen,
    "LIVER": codes.SCT.Liver,
    "BREAST": codes.SCT.Breast,
}


@dataclass(frozen=True, slots=True)
class UltrasoundDetails:
    """What a volume is called and where it belongs.

    ``body_part`` is one of PROSTATE, PELVIS, ABDOMEN, LIVER and BREAST. ``laterality`` is L or R for a paired
    part, else empty. Without a study or series UID, a new one begins.
    """

    body_part: str = "PELVIS"
    laterality: str = ""
    description: str = "Ultrasound volume"
    model: str = "isoguide virtual ultrasound"
    study: StudyContext | None = None
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    series_number: int = 1
    depth_mm: float = 0.0
    acquisition_s: float = 0.0


DEFAULT_DETAILS: Final = UltrasoundDetails()


def write_ultrasound_volume(
    path: Path,
    volume: UltrasoundVolume,
    identity: PatientIdentity,
    *,
    acquired_at: datetime,
    frame_of_reference_uid: str | None = None,
    patient_position: PatientPosition | None = None,
    details: UltrasoundDetails = DEFAULT_DETAILS,
) -> WrittenObject:
    """Write one file.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    volume
        In FIXED, or in PLANNING.
    identity
        Whose it is.
    acquired_at
        When it was acquired, by the clock of the room.
    frame_of_reference_uid
        That of the planning CT, for a volume in PLANNING; None for one in the room.
    patient_position
        How the patient lies in the room, so that the file states its planes in the patient about the machine
        isocentre, too. Without it a file in the room has its place in the room alone, which other programs
        may not expect: PS3.3 wants that beside planes in the patient.
    details
        What it is called.

    Raises
    ------
    OutputError
        If the file cannot be written, or the frame of the volume and ``frame_of_reference_uid`` do not go
        together.
    """
    _check(volume, frame_of_reference_uid, details)
    uid = new_uid()
    study = details.study or StudyContext(
        study_id="1", date=date_text(acquired_at), time=time_text(acquired_at)
    )
    series = WrittenSeries(
        patient=identity,
        study=study,
        study_instance_uid=details.study_instance_uid or new_uid(),
        series_instance_uid=details.series_instance_uid or new_uid(),
        frame_of_reference_uid=frame_of_reference_uid or new_uid(),
        sop_class_uid=ENHANCED_US_VOLUME,
        instance_uids=(uid,),
        paths=(path,),
    )
    dataset = new_dataset(ENHANCED_US_VOLUME, uid, created_at=acquired_at)
    add_patient_and_study(dataset, series)
    _add_series(dataset, series, details)
    add_equipment(dataset, model=details.model)
    dataset.DeviceSerialNumber = "1"
    add_frame_of_reference(dataset, series.frame_of_reference_uid)
    in_patient = _in_patient(volume, patient_position)
    _add_ultrasound_frame(dataset, volume, in_patient)
    _add_acquisition(dataset, acquired_at, details)
    _add_transducer(dataset)
    _add_pixels(dataset, volume)
    _add_groups(dataset, volume, in_patient, acquired_at)
    _add_masks(dataset, volume)
    save_dataset(path, dataset)
    return WrittenObject(path, ENHANCED_US_VOLUME, uid, series.series_instance_uid, series.study_instance_uid)


def _check(volume: UltrasoundVolume, frame_of_reference_uid: str | None, details: UltrasoundDetails) -> None:
    if volume.frame not in (FIXED, PLANNING):
        msg = (
            f"an ultrasound volume in '{volume.frame}' cannot be written; bring it to '{FIXED}' or "
            f"'{PLANNING}'"
        )
        raise OutputError(msg)
    if (volume.frame == PLANNING) is (frame_of_reference_uid is None):
        msg = (
            f"an ultrasound volume in '{volume.frame}' is written "
            f"{'with' if volume.frame == PLANNING else 'without'} the frame of reference of the planning CT"
        )
        raise OutputError(msg)
    if np.linalg.det(volume.grid.direction) < 0.0:
        msg = "an ultrasound volume with left-handed axes cannot be written; turn its slices round"
        raise OutputError(msg)
    if details.body_part not in _REGIONS or details.laterality not in LATERALITIES:
        msg = (
            f"the body part {details.body_part} and the side '{details.laterality}' of an ultrasound volume "
            f"cannot be written; choose one of {', '.join(_REGIONS)}, and L, R or none"
        )
        raise OutputError(msg)


def _add_series(dataset: Dataset, series: WrittenSeries, details: UltrasoundDetails) -> None:
    add_series(
        dataset,
        SeriesDetails(
            series_instance_uid=series.series_instance_uid,
            modality="US",
            number=details.series_number,
            description=details.description,
            body_part=details.body_part,
        ),
    )
    if details.laterality:
        dataset.Laterality = details.laterality


def _in_patient(volume: UltrasoundVolume, position: PatientPosition | None) -> Grid | None:
    """Return the grid in patient LPS; that of the day has its origin in the machine isocentre."""
    if volume.frame == PLANNING:
        return volume.grid
    if position is None:
        return None
    daily_from_fixed = fixed_from_daily(position, np.zeros(3)).inverse()
    return volume.in_frame(daily_from_fixed).grid


def _add_ultrasound_frame(dataset: Dataset, volume: UltrasoundVolume, in_patient: Grid | None) -> None:
    """Add the Ultrasound Frame of Reference (C.8.24.2) and Synchronization (C.7.4.2) modules."""
    dataset.VolumeFrameOfReferenceUID = new_uid()
    # A freehand sweep has no one place of its transducer: the mapping is nominal, as the relationship says.
    dataset.VolumeToTransducerMappingMatrix = np.eye(4).ravel().tolist()
    dataset.VolumeToTransducerRelationship = "VARIABLE"
    dataset.UltrasoundAcquisitionGeometry = "PATIENT"
    if in_patient is not None:
        dataset.PatientFrameOfReferenceSource = "TABLE" if volume.frame == FIXED else "REGISTRATION"
    if volume.frame == FIXED:
        dataset.TableFrameOfReferenceUID = IEC_FIXED_UID
        dataset.VolumeToTableMappingMatrix = _frame_from_volume(volume.grid).ravel().tolist()
    dataset.SynchronizationFrameOfReferenceUID = new_uid()
    dataset.SynchronizationTrigger = "NO TRIGGER"
    dataset.AcquisitionTimeSynchronized = "N"


def _frame_from_volume(grid: Grid) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3] = grid.direction
    matrix[:3, 3] = grid.origin_mm
    return matrix


def _add_acquisition(dataset: Dataset, acquired_at: datetime, details: UltrasoundDetails) -> None:
    """Add General Image, Acquisition Context and what Enhanced US Image says of the scan (C.8.24.3)."""
    for kind in ("Series", "Content"):
        setattr(dataset, f"{kind}Date", date_text(acquired_at))
        setattr(dataset, f"{kind}Time", time_text(acquired_at))
    dataset.AcquisitionDateTime = local_time(acquired_at).strftime("%Y%m%d%H%M%S")
    dataset.AcquisitionDuration = float(details.acquisition_s)
    dataset.InstanceNumber = 1
    dataset.PatientOrientation = ""
    dataset.ViewCodeSequence = [code_item(codes.SCT.Unknown)]
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.DimensionOrganizationType = "3D"
    dataset.PositionMeasuringDeviceUsed = "TRACKED"
    dataset.AcquisitionContextSequence = []
    dataset.BurnedInAnnotation = "NO"
    dataset.LossyImageCompression = "00"
    dataset.PresentationLUTShape = "IDENTITY"
    dataset.RescaleIntercept = "0"
    dataset.RescaleSlope = "1"
    dataset.DepthOfScanField = round(details.depth_mm)
    dataset.DepthsOfFocus = [float(details.depth_mm)]
    for name in ("MechanicalIndex", "BoneThermalIndex", "CranialThermalIndex", "SoftTissueThermalIndex"):
        setattr(dataset, name, "0")
    dataset.AnatomicRegionSequence = [code_item(_REGIONS[details.body_part])]


def _add_transducer(dataset: Dataset) -> None:
    dataset.TransducerScanPatternCodeSequence = [code_item(codes.DCM.PlaneScanPattern)]
    geometry = codes.DCM.CurvedLinearUltrasoundTransducerGeometry
    dataset.TransducerGeometryCodeSequence = [code_item(geometry)]
    dataset.TransducerBeamSteeringCodeSequence = [code_item(codes.DCM.FixedBeamDirection)]
    dataset.TransducerApplicationCodeSequence = [code_item(codes.DCM.ExternalTransducer)]


def _add_pixels(dataset: Dataset, volume: UltrasoundVolume) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = volume.grid.shape
    dataset.BitsAllocated = 8
    dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    # A reader that does not know the masks takes the zeros around the image for what was not seen.
    pixels = np.where(volume.seen, volume.values, 0).astype(np.uint8).tobytes()
    dataset.PixelData = pixels + b"\0" * (len(pixels) % 2)


def _add_groups(
    dataset: Dataset, volume: UltrasoundVolume, in_patient: Grid | None, acquired_at: datetime
) -> None:
    """Add the multi-frame modules (C.7.6.16, C.7.6.17) with the three dimensions of C.8.24.3.3."""
    organization = Dataset()
    organization.DimensionOrganizationUID = new_uid()
    dataset.DimensionOrganizationSequence = [organization]
    pointers = (
        ("TemporalPositionTimeOffset", "TemporalPositionSequence"),
        ("ImagePositionVolume", "PlanePositionVolumeSequence"),
        ("DataType", "ImageDataTypeSequence"),
    )
    dataset.DimensionIndexSequence = [
        _dimension(organization.DimensionOrganizationUID, *pair) for pair in pointers
    ]
    dataset.SharedFunctionalGroupsSequence = [_shared(volume.grid, in_patient)]
    moment = local_time(acquired_at).strftime("%Y%m%d%H%M%S")
    dataset.PerFrameFunctionalGroupsSequence = [
        _per_frame(volume.grid, in_patient, k, moment) for k in range(volume.grid.shape[0])
    ]


def _dimension(organization_uid: str, attribute: str, group: str) -> Dataset:
    item = Dataset()
    item.DimensionOrganizationUID = organization_uid
    item.DimensionIndexPointer = Tag(attribute)
    item.FunctionalGroupPointer = Tag(group)
    return item


def _group(**attributes: object) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def _shared(grid: Grid, in_patient: Grid | None) -> Dataset:
    column_mm, row_mm, slice_mm = (float(step) for step in grid.spacing_mm)
    shared = Dataset()
    shared.PixelMeasuresSequence = [
        _group(
            PixelSpacing=decimal_strings([row_mm, column_mm]),
            SliceThickness=decimal_string(slice_mm),
            SpacingBetweenSlices=decimal_string(slice_mm),
        )
    ]
    shared.PlaneOrientationVolumeSequence = [_group(ImageOrientationVolume=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0])]
    if in_patient is not None:
        cosines = [*in_patient.direction[:, 0].tolist(), *in_patient.direction[:, 1].tolist()]
        shared.PlaneOrientationSequence = [_group(ImageOrientationPatient=decimal_strings(cosines))]
    shared.FrameVOILUTSequence = [_group(WindowCenter="128", WindowWidth="256")]
    shared.ImageDataTypeSequence = [_group(DataType="TISSUE_INTENSITY", AliasedDataType="NO")]
    shared.TemporalPositionSequence = [_group(TemporalPositionTimeOffset=0.0)]
    shared.USImageDescriptionSequence = [
        _group(
            FrameType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
            VolumetricProperties="VOLUME",
            VolumeBasedCalculationTechnique="NONE",
        )
    ]
    return shared


def _per_frame(grid: Grid, in_patient: Grid | None, k: int, moment: str) -> Dataset:
    height_mm = k * float(grid.spacing_mm[2])
    item = Dataset()
    item.FrameContentSequence = [
        _group(
            FrameAcquisitionDateTime=moment,
            FrameReferenceDateTime=moment,
            FrameAcquisitionDuration=0.0,
            DimensionIndexValues=[1, k + 1, 1],
        )
    ]
    item.PlanePositionVolumeSequence = [_group(ImagePositionVolume=[0.0, 0.0, height_mm])]
    if in_patient is not None:
        position_mm = in_patient.origin_mm + height_mm * in_patient.direction[:, 2]
        item.PlanePositionSequence = [_group(ImagePositionPatient=decimal_strings(position_mm.tolist()))]
    return item


def _add_masks(dataset: Dataset, volume: UltrasoundVolume) -> None:
    block = dataset.private_block(PRIVATE_GROUP, PRIVATE_CREATOR, create=True)
    for element, mask in ((SEEN_ELEMENT, volume.seen), (SHADOWED_ELEMENT, volume.shadowed)):
        block.add_new(element, "OB", _packed(mask))


def _packed(mask: NDArray[np.bool_]) -> bytes:
    packed = zlib.compress(np.packbits(mask).tobytes())
    return packed + b"\0" * (len(packed) % 2)

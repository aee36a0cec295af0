"""Small DICOM objects made with pydicom alone, so that reading is tested against more than our writer."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RTDoseStorage,
    RTIonPlanStorage,
    RTPlanStorage,
    RTStructureSetStorage,
    SpatialRegistrationStorage,
)

ROOT = "1.2.826.0.1.3680043.8.498.77."
STUDY, SERIES, FRAME = ROOT + "1", ROOT + "2", ROOT + "3"
DAY_SERIES, DAY_FRAME = ROOT + "12", ROOT + "13"
STRUCTURES, PLAN = ROOT + "4", ROOT + "5"
SIZE = 16
SPACING_MM = (1.5, 1.25)
SLICE_MM = 3.0
ORIGIN_MM = (-10.0, -20.0, 30.0)
Edit = Callable[[Dataset, int], None]


def stored_values(k: int) -> np.ndarray:
    """Stored values of slice k: every voxel of a series is different."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    return (k * SIZE * SIZE + rows * SIZE + columns).astype(np.uint16)


def dataset(sop_class: str, uid: str, modality: str, *, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = uid
    ds.file_meta.TransferSyntaxUID = syntax
    ds.SOPClassUID, ds.SOPInstanceUID, ds.Modality = sop_class, uid, modality
    ds.PatientID, ds.PatientName, ds.PatientBirthDate, ds.PatientSex = "A1", "DOE^JANE", "19600102", "F"
    ds.StudyInstanceUID, ds.StudyID, ds.StudyDate, ds.StudyTime = STUDY, "77", "20240102", "101112"
    ds.FrameOfReferenceUID = FRAME
    return ds


def save(ds: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return path


def ct_slice(k: int, *, series: str = SERIES, syntax: str = ExplicitVRLittleEndian) -> Dataset:
    ds = dataset(CTImageStorage, f"{series}.{k + 1}", "CT", syntax=syntax)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesInstanceUID, ds.SeriesDescription = series, "Pelvis 3.0"
    ds.Manufacturer, ds.ManufacturerModelName, ds.DeviceSerialNumber = "Maker", "Model", "S1"
    ds.AcquisitionDate, ds.AcquisitionTime = "20240102", "103000.5"
    ds.PatientPosition = "HFS"
    ds.ImagePositionPatient = [ORIGIN_MM[0], ORIGIN_MM[1], ORIGIN_MM[2] + SLICE_MM * k]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = list(SPACING_MM)
    ds.SliceThickness = 99  # a lie: nothing may look at it
    ds.RescaleSlope, ds.RescaleIntercept, ds.RescaleType = 1, -1024, "HU"
    set_pixels(ds, stored_values(k), bits=12)
    return ds


def set_pixels(ds: Dataset, values: np.ndarray, *, bits: int, signed: bool = False) -> None:
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.BitsAllocated = values.dtype.itemsize * 8
    ds.BitsStored, ds.HighBit, ds.PixelRepresentation = bits, bits - 1, int(signed)
    ds.PixelData = values.tobytes()
    ds["PixelData"].VR = "OW"


def write_series(
    folder: Path,
    edit: Edit = lambda ds, k: None,
    *,
    count: int = 6,
    series: str = SERIES,
    frame: str = FRAME,
    syntax: str = ExplicitVRLittleEndian,
) -> list[Path]:
    """Write a series with names that sort against the slices; ``edit`` may change each dataset before."""
    paths = []
    for k in range(count):
        ds = ct_slice(k, series=series, syntax=syntax)
        ds.FrameOfReferenceUID = frame
        edit(ds, k)
        paths.append(save(ds, folder / f"{(k * 7) % 31}-{series[-2:]}.bin"))
    return paths


def enhanced_ct(count: int = 6) -> Dataset:
    ds = dataset(EnhancedCTImageStorage, SERIES + ".99", "CT")
    ds.SeriesInstanceUID, ds.SeriesDescription, ds.PatientPosition = SERIES, "Enhanced", "HFS"
    ds.NumberOfFrames = count
    order = [(3 * index) % count if count % 3 else index for index in range(count)]
    set_pixels(ds, np.stack([stored_values(k) for k in order]), bits=12)
    shared = Dataset()
    shared.PixelMeasuresSequence = [_item(PixelSpacing=list(SPACING_MM), SliceThickness=99)]
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    ds.SharedFunctionalGroupsSequence = DicomSequence([shared])
    frames = []
    for k in order:
        frame = Dataset()
        position = [ORIGIN_MM[0], ORIGIN_MM[1], ORIGIN_MM[2] + SLICE_MM * k]
        frame.PlanePositionSequence = [_item(ImagePositionPatient=position)]
        frame.PixelValueTransformationSequence = [
            _item(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")
        ]
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    return ds


def structure_set(
    *, uid: str = STRUCTURES, series: str = SERIES, frame: str = FRAME, points: dict | None = None
) -> Dataset:
    """One square structure PTV and, where given, named POINTs."""
    ds = dataset(RTStructureSetStorage, uid, "RTSTRUCT")
    del ds.FrameOfReferenceUID
    ds.SeriesInstanceUID, ds.StructureSetLabel = uid + ".1", "Contours"
    ds.ReferencedFrameOfReferenceSequence = [
        _item(
            FrameOfReferenceUID=frame,
            RTReferencedStudySequence=[_item(RTReferencedSeriesSequence=[_item(SeriesInstanceUID=series)])],
        )
    ]
    square = [0, 0, 33, 4, 0, 33, 4, 4, 33, 0, 4, 33]
    drawn = [("PTV", "CLOSED_PLANAR", square)]
    drawn += [(name, "POINT", list(xyz)) for name, xyz in (points or {}).items()]
    rois, contours, observations = [], [], []
    for number, (name, kind, data) in enumerate(drawn, start=1):
        rois.append(_item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID=frame))
        contour = _item(ContourGeometricType=kind, NumberOfContourPoints=len(data) // 3, ContourData=data)
        contours.append(_item(ReferencedROINumber=number, ContourSequence=[contour]))
        observations.append(
            _item(ReferencedROINumber=number, RTROIInterpretedType=name if kind != "POINT" else "")
        )
    ds.StructureSetROISequence = rois
    ds.ROIContourSequence = contours
    ds.RTROIObservationsSequence = observations
    return ds


def control_point(index: int, meterset: float, **attributes: object) -> Dataset:
    return _item(ControlPointIndex=index, CumulativeMetersetWeight=meterset, **attributes)


def first_control_point(
    isocentre: Sequence[float] | None = (1.0, 2.0, 33.0), **attributes: object
) -> Dataset:
    known: dict[str, object] = {
        "NominalBeamEnergy": 6,
        "GantryAngle": 90,
        "BeamLimitingDeviceAngle": 5,
        "PatientSupportAngle": 0,
        "TableTopVerticalPosition": -100,
        "TableTopLongitudinalPosition": 900,
        "TableTopLateralPosition": 20,
        "BeamLimitingDevicePositionSequence": [
            _item(RTBeamLimitingDeviceType="ASYMX", LeafJawPositions=[-50, 50]),
            _item(RTBeamLimitingDeviceType="Y", LeafJawPositions=[-40, 40]),
            _item(RTBeamLimitingDeviceType="MLCX", LeafJawPositions=[-3, -2, -1, 1, 2, 3]),
        ],
    }
    if isocentre is not None:
        known["IsocenterPosition"] = list(isocentre)
    return control_point(0, 0, **(known | attributes))


def beam(
    number: int, points: Sequence[Dataset], *, delivery: str = "TREATMENT", ion: bool = False
) -> Dataset:
    ds = _item(
        BeamNumber=number,
        BeamName=f"Field {number}",
        RadiationType="PROTON" if ion else "PHOTON",
        TreatmentDeliveryType=delivery,
        TreatmentMachineName="Linac",
        ReferencedPatientSetupNumber=1,
    )
    setattr(ds, "IonControlPointSequence" if ion else "ControlPointSequence", list(points))
    return ds


def plan(
    beams: Sequence[Dataset] | None = None,
    *,
    uid: str = PLAN,
    structures: str = STRUCTURES,
    ion: bool = False,
) -> Dataset:
    ds = dataset(RTIonPlanStorage if ion else RTPlanStorage, uid, "RTPLAN")
    ds.SeriesInstanceUID, ds.RTPlanLabel, ds.ApprovalStatus = uid + ".1", "Pelvis", "APPROVED"
    if beams is None:
        beams = [beam(1, [first_control_point(), control_point(1, 1)], ion=ion)]
    setattr(ds, "IonBeamSequence" if ion else "BeamSequence", list(beams))
    ds.PatientSetupSequence = [_item(PatientSetupNumber=1, PatientPosition="HFS")]
    references = [
        _item(ReferencedBeamNumber=one.BeamNumber, BeamMeterset=100 + one.BeamNumber) for one in beams
    ]
    ds.FractionGroupSequence = [
        _item(FractionGroupNumber=1, NumberOfFractionsPlanned=20, ReferencedBeamSequence=references)
    ]
    ds.ReferencedStructureSetSequence = [
        _item(ReferencedSOPClassUID=RTStructureSetStorage, ReferencedSOPInstanceUID=structures)
    ]
    return ds


def dose(
    offsets: Sequence[float] = (0, 2, 4), *, orientation: Sequence[float] = (1, 0, 0, 0, 1, 0)
) -> Dataset:
    ds = dataset(RTDoseStorage, ROOT + "6", "RTDOSE", syntax=ImplicitVRLittleEndian)
    ds.SeriesInstanceUID = ROOT + "6.1"
    values = np.arange(len(offsets) * 4 * 5, dtype=np.uint32).reshape(len(offsets), 4, 5)
    set_pixels(ds, values, bits=32)
    ds.NumberOfFrames = len(offsets)
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [10, 20, 30], list(orientation)
    ds.PixelSpacing, ds.GridFrameOffsetVector = [3, 2.5], list(offsets)
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = "GY", "PHYSICAL", "PLAN", 0.5
    ds.ReferencedRTPlanSequence = [_item(ReferencedSOPClassUID=RTPlanStorage, ReferencedSOPInstanceUID=PLAN)]
    return ds


def registration(*items: tuple[str, Sequence[np.ndarray]], registered: str = FRAME) -> Dataset:
    """A Spatial Registration with one item per (source frame of reference, matrices)."""
    ds = dataset(SpatialRegistrationStorage, ROOT + "7", "REG")
    ds.SeriesInstanceUID, ds.FrameOfReferenceUID = ROOT + "7.1", registered
    ds.RegistrationSequence = [
        _item(
            FrameOfReferenceUID=source,
            MatrixRegistrationSequence=[_item(MatrixSequence=[matrix_item(matrix) for matrix in matrices])],
        )
        for source, matrices in items
    ]
    return ds


def matrix_item(matrix: np.ndarray, kind: str = "RIGID") -> Dataset:
    return _item(
        FrameOfReferenceTransformationMatrixType=kind,
        FrameOfReferenceTransformationMatrix=[f"{value:.9g}" for value in np.ravel(matrix)],
    )


def write_planning_export(folder: Path) -> Path:
    """CT, structure set and plan that belong together."""
    write_series(folder / "images")
    save(structure_set(), folder / "rs")
    save(plan(), folder / "rp")
    return folder


def _item(**attributes: object) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


item = _item

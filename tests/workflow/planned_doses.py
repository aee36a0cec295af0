"""An RT Dose of the small patient's plan: 0 to 78 Gy along z on a grid of its own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTDoseStorage, RTPlanStorage
from small_patient import PATIENT, SmallPatient

ORIGIN_MM = (-21.5, -261.0, 30.0)
SCALING = 0.001


def write_dose(patient: SmallPatient, path: Path, edit: Callable[[Dataset], None] = lambda _: None) -> Path:
    plan = patient.session.plan
    values = np.zeros((4, 5, 6), dtype=np.uint32)
    values += (np.arange(4, dtype=np.uint32) * 26000)[:, None, None]  # 0, 26, 52, 78 Gy
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = "1.2.3.99"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.Modality, ds.SeriesInstanceUID, ds.StudyInstanceUID = "RTDOSE", "1.2.3.98", "1.2.3.97"
    ds.PatientID, ds.PatientName, ds.PatientBirthDate = PATIENT.patient_id, PATIENT.name, PATIENT.birth_date
    ds.FrameOfReferenceUID = plan.frame_of_reference_uid
    ds.NumberOfFrames, ds.Rows, ds.Columns = values.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 32, 32, 31
    ds.PixelData = values.tobytes()
    ds.ImagePositionPatient, ds.ImageOrientationPatient = list(ORIGIN_MM), [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing, ds.GridFrameOffsetVector = [4.0, 5.0], [0.0, 3.0, 6.0, 9.0]
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType, ds.DoseGridScaling = "GY", "PHYSICAL", "PLAN", SCALING
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = RTPlanStorage, plan.sop_instance_uid
    ds.ReferencedRTPlanSequence = [reference]
    edit(ds)
    ds.save_as(path, enforce_file_format=True)
    return path

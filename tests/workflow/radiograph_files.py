"""Views, imager and phantom files with their images, written as a user would."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForProcessing, ExplicitVRLittleEndian

from isoguide.geometry.xray_view import XrayView
from phantom_images import DIAMETER_MM, bead_positions, phantom_image, rough_view, true_view

SERIAL = "X9"
FIRST = {
    "file": "first.nrrd",
    "source_mm": [0, -1000, 0],
    "detector_centre_mm": [0, 500, 0],
    "row_direction": [1, 0, 0],
    "column_direction": [0, 0, -1],
    "pixel_spacing_mm": [0.5, 0.4],
    "size": [6, 4],
}
SECOND = {
    **FIRST,
    "file": "second.nrrd",
    "source_mm": [1000, 0, 0],
    "detector_centre_mm": [-500, 0, 0],
    "row_direction": [0, 1, 0],
}


def write_image(path: Path, values: np.ndarray) -> Path:
    import SimpleITK as sitk  # noqa: N813 - the name its documentation uses

    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    return path


def write_json(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def views_file(folder: Path, *entries: dict[str, Any], **top: Any) -> Path:
    for entry in entries:
        values = np.arange(24, dtype=np.float32).reshape(4, 6) / 10
        if entry["file"].endswith(".nrrd") and entry["file"] != "missing.nrrd":
            write_image(folder / entry["file"], values)
    return write_json(folder / "views.json", {"views": list(entries), **top})


def section(view: XrayView) -> dict[str, Any]:
    return {
        "source_mm": view.source_mm.tolist(),
        "detector_centre_mm": view.detector_centre_mm.tolist(),
        "row_direction": view.row_direction.tolist(),
        "column_direction": view.column_direction.tolist(),
        "pixel_spacing_mm": list(view.pixel_spacing_mm),
        "size": list(view.size),
    }


def imager_content(**changes: Any) -> dict[str, Any]:
    view = true_view(45.0)
    return {
        "schema_version": "1.0",
        "serial_number": SERIAL,
        "calibrated_at": "2024-01-01T08:00:00",
        "valid_days": 30,
        "views": [
            {
                "name": "left",
                "matrix": view.pixel_from_xyz.tolist(),
                "pixel_spacing_mm": list(view.pixel_spacing_mm),
                "size": list(view.size),
            }
        ],
        **changes,
    }


def arm_content(**changes: Any) -> dict[str, Any]:
    sag = [
        {"gantry_deg": angle, "panel_mm": [x, y, 0.0]}
        for angle, x, y in ((0, 0, 0), (90, 2, -1), (180, 0, -2), (270, -2, -1))
    ]
    arm = {
        "sad_mm": 1000,
        "sid_mm": 1500,
        "source_from_gantry_deg": 90,
        "pixel_spacing_mm": [0.5, 0.5],
        "size": [32, 32],
        "sag": sag,
    }
    content = {**imager_content(), "arm": {**arm, **changes}}
    del content["views"]
    return content


def phantom_files(
    folder: Path, angles_deg: tuple[float, ...], **changes: Any
) -> tuple[Path, tuple[Path, ...]]:
    """A phantom file with rough views, and an image from each true one."""
    beads = bead_positions()
    images = tuple(
        write_image(
            folder / f"{angle_deg:g}.nrrd", phantom_image(true_view(angle_deg), beads, seed=number).values
        )
        for number, angle_deg in enumerate(angles_deg)
    )
    content = {
        "beads": [{"position_mm": bead.tolist(), "diameter_mm": DIAMETER_MM} for bead in beads],
        "views": [{"name": f"tube {angle:g}", **section(rough_view(angle))} for angle in angles_deg],
        **changes,
    }
    return write_json(folder / "beads.json", content), images


def dicom_image(folder: Path, sop_class: str, values: np.ndarray, **attributes: Any) -> Path:
    """One frame of 16 bits, values growing with the line integral, taken by the device of this module."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = sop_class, "1.2.3"
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.PatientID = sop_class, "1.2.3", "1.2", "A1"
    ds.DeviceSerialNumber, ds.AcquisitionDate, ds.AcquisitionTime = SERIAL, "20240103", "101500"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = values.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
    ds.PixelData = values.tobytes()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    ds.save_as(folder / "image.dcm", enforce_file_format=True)
    return folder / "image.dcm"


def dx_image(folder: Path, values: np.ndarray) -> Path:
    return dicom_image(folder, DigitalXRayImageStorageForProcessing, values)

"""RT Images and DX images made with pydicom alone."""

from pathlib import Path
from typing import Any

import numpy as np
from dicom_builders import dataset, save, set_pixels
from pydicom.dataset import Dataset
from pydicom.uid import DigitalXRayImageStorageForProcessing, RTImageStorage

VALUES = (np.arange(32 * 32).reshape(32, 32) * 50 + 100).astype(np.uint16)


def item(**values: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def _changed(ds: Dataset, changes: dict[str, Any]) -> Dataset:
    for keyword, value in changes.items():
        if value is None:
            if keyword in ds:
                delattr(ds, keyword)
        else:
            setattr(ds, keyword, value)
    return ds


def rt_image(folder: Path, values: np.ndarray = VALUES, **changes: Any) -> Path:
    """The case of DICOM C.8.8.2 worked in the reference: 1024 pixels of 0.4 mm; None removes an attribute."""
    ds = dataset(RTImageStorage, "1.2.3.4", "RTIMAGE")
    ds.SeriesInstanceUID = "1.2.3"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "PORTAL"]
    ds.DeviceSerialNumber, ds.AcquisitionDate, ds.AcquisitionTime = "L7", "20240103", "101500"
    ds.RTImagePlane = "NORMAL"
    ds.RadiationMachineSAD, ds.RTImageSID, ds.GantryAngle = 1000, 1500, 0
    ds.XRayImageReceptorTranslation, ds.XRayImageReceptorAngle = [0, 0, -500], 0
    ds.RTImageOrientation, ds.RTImagePosition = [1, 0, 0, 0, -1, 0], [-204.6, 204.6]
    ds.ImagePlanePixelSpacing = [0.4, 0.4]
    ds.ExposureSequence = [item(KVP=6000)]
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LIN", 1
    set_pixels(ds, values, bits=16)
    return save(_changed(ds, changes), folder / "rtimage.dcm")


def dx_image(folder: Path, values: np.ndarray = VALUES, **changes: Any) -> Path:
    ds = dataset(DigitalXRayImageStorageForProcessing, "1.2.3.5", "DX")
    ds.SeriesInstanceUID = "1.2.3"
    ds.DeviceSerialNumber, ds.AcquisitionDate, ds.AcquisitionTime = "X9", "20240103", "101500"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    set_pixels(ds, values, bits=16)
    return save(_changed(ds, changes), folder / "dx.dcm")

"""Pairs of the virtual room written as the files that an imager would export."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "dicom"))

from datetime import UTC, datetime

from radiograph_builders import dx_image, rt_image

from isoguide.geometry.iec61217 import iec_from_lps, rotation_iec
from isoguide.images.radiograph import Radiograph
from isoguide.projection.cone_beam import ConeBeamScan
from isoguide.projection.imaging_physics import ImagingPhysics
from isoguide.virtual import Displacement, Phantom
from isoguide.virtual.kv_pair import arm_pair
from isoguide.virtual.patient_day import PatientDay
from isoguide.virtual.room import VirtualRoom
from isoguide.virtual.room_settings import ImagingSettings, RoomSettings, StereoSettings

IDEAL = ImagingPhysics.ideal()
SHIFT_MM = (4.0, -3.0, 5.0)
"""IEC fixed: the patient lies 4 mm too far to +X, 3 mm too far from the gantry, 5 mm too high."""
STEPS_PER_UNIT = 4000.0
"""Stored values per unit of the line integral."""


def room_with(patient: Phantom, position: str = "HFS") -> VirtualRoom:
    """A perfect room in which the patient lies off by SHIFT_MM and about a degree."""
    to_lps = iec_from_lps(position).T
    turned = to_lps @ rotation_iec(1.0, -0.5, 1.5) @ to_lps.T
    stereo = StereoSettings(size=(192, 192), pixel_spacing_mm=1.0, physics=IDEAL)
    settings = RoomSettings.perfect().with_changes(stereo=stereo, patient_position=position)
    day = PatientDay(1, Displacement(to_lps @ np.array(SHIFT_MM), turned))
    return VirtualRoom(patient, day, settings=settings, started_at=datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


def arm_images(
    room: VirtualRoom, size: tuple[int, int] = (192, 192), pixel_mm: float = 1.6
) -> tuple[Radiograph, Radiograph]:
    """The kV arm with its source above the patient and at +X."""
    scan = ConeBeamScan("pair", count=2, size=size, pixel_spacing_mm=(pixel_mm, pixel_mm))
    settings = ImagingSettings(scan=scan, radiography=IDEAL, radiograph_pixel_mm=pixel_mm)
    return arm_pair(room.truth, settings, (0.0, 90.0), (0.0, 0.0), np.random.default_rng(1))


def stored(image: Radiograph) -> np.ndarray:
    return np.clip(np.round(image.values * STEPS_PER_UNIT) + 1.0, 1.0, 65534.0).astype(np.uint16)


def save_rt_image(folder: Path, name: str, image: Radiograph, gantry_deg: float, **changes) -> Path:
    """A kV RT Image of the standard's orientation, its panel centred on the beam axis."""
    view = image.view
    sad_mm, sid_mm = float(np.linalg.norm(view.source_mm)), view.source_detector_distance_mm
    along_x, along_y = view.pixel_spacing_mm
    columns, rows = view.size
    said = {
        "SOPInstanceUID": f"1.2.3.{sum(name.encode())}",
        "ExposureSequence": [],
        "KVP": 120,
        "ImageType": ["ORIGINAL", "PRIMARY", "RADIOGRAPH"],
        "RadiationMachineSAD": round(sad_mm, 3),
        "RTImageSID": round(sid_mm, 3),
        "XRayImageReceptorTranslation": [0, 0, round(sad_mm - sid_mm, 3)],
        "GantryAngle": gantry_deg,
        "RTImagePosition": [-(columns - 1) / 2 * along_x, (rows - 1) / 2 * along_y],
        "ImagePlanePixelSpacing": [along_y, along_x],
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": -1,
        "RescaleSlope": 1.0 / STEPS_PER_UNIT,
        "RescaleIntercept": 0,
    }
    return rt_image(folder, stored(image), **{**said, **changes}).rename(folder / name)


def save_dx(folder: Path, name: str, image: Radiograph, **changes) -> Path:
    said = {"SOPInstanceUID": f"1.2.4.{sum(name.encode())}", **changes}
    return dx_image(folder, stored(image), **said).rename(folder / name)

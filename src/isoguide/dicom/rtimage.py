"""RT Image: pixels and the geometry of the machine that took or computed them.

Source: DICOM PS3.3 C.8.8.2: source and image receptor in the IEC gantry system.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import RTImageStorage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, exposed_at, tolerating_odd_values
from isoguide.dicom.radiograph_pixels import PixelMeaning, read_radiograph_pixels
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.errors import GeometryError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import FIXED, Array
from isoguide.geometry.iec61217 import fixed_from_xray_image_receptor
from isoguide.geometry.transforms import rotation_y, rotation_z
from isoguide.geometry.xray_view import XrayView
from isoguide.images.radiograph import Radiograph
from isoguide.images.radiograph_view import RadiographView
from isoguide.units import wrap_deg

DISTANCES_AGREE_MM: Final = 0.5
"""SID, SAD and the receptor's height are three numbers for two distances; files hold them rounded."""

ORIENTATION_TOLERANCE: Final = 1e-4
LOWEST_MEGAVOLTAGE_KV: Final = 1000.0
"""KVP of a treatment beam; the angle of a kV source on the gantry is another than the gantry's."""

_NO_ROTATION_DEG: Final = 0.01
SHOW_NO_PATIENT: Final = ("BLANK", "FLUENCE")
"""Kinds of RT Image (value 3 of ImageType) that are calibrations or plans of a beam."""


@dataclass(frozen=True, slots=True, eq=False)
class RtImage:
    """An RT Image.

    Parameters
    ----------
    image
        Values and view in FIXED.
    patient
        Whose it is.
    gantry_deg
        GantryAngle as stated.
    serial_number
        DeviceSerialNumber; empty where it is not stated.
    acquired_at
        When it was exposed, by the clock of the room; None where it is not stated.
    is_computed
        True for a DRR.
    """

    image: RadiographView
    patient: PatientIdentity
    gantry_deg: float
    serial_number: str
    acquired_at: datetime | None
    is_computed: bool


@tolerating_odd_values
def read_rt_image(
    path: Path | str, *, source_from_gantry_deg: float | None = None, meaning: PixelMeaning | None = None
) -> RtImage:
    """Read one RT Image with its geometry.

    Parameters
    ----------
    path
        The file.
    source_from_gantry_deg
        What has to be added to GantryAngle for the angle of the source: 0 where the angle is that of the
        source, ±90 where it is that of the treatment head and the image comes from a kV arm. Vendors differ;
        an off-axis marker tells. For megavoltage images and DRRs it may be left out.
    meaning
        How pixels follow the X-rays, where the file does not say.

    Raises
    ------
    UnreadableError
        If it is not an RT Image, or its pixels cannot be used.
    MissingEvidenceError
        If a distance, position, spacing or angle is missing, or the meaning of pixels or angle is not known.
    GeometryError
        If the image plane is not normal to the beam, or the numbers contradict each other.
    """
    file = open_dicom(path)
    _check_kind(file)
    item = file.item
    offset_deg = _source_offset_deg(item, source_from_gantry_deg)
    gantry_deg = gantry_angle_deg(item)
    view, notes = rt_image_view(item, gantry_deg + offset_deg)
    pixels = read_radiograph_pixels(file, meaning)
    is_computed = image_kind(item) == "DRR"
    counts = pixels.counts
    if is_computed:
        notes += (f"{item.source} is a computed radiograph, not an exposure",)
    else:
        counts = counts & _inside_jaws(item, view, gantry_deg + offset_deg)
    return RtImage(
        RadiographView(
            Radiograph(view, pixels.values, pixels.quantity), counts, item.source, notes + pixels.warnings
        ),
        file.patient,
        gantry_deg,
        item.text("DeviceSerialNumber"),
        exposed_at(item),
        is_computed,
    )


def rt_image_view(item: Item, source_deg: float) -> tuple[XrayView, tuple[str, ...]]:
    """Return source and detector in FIXED, and what was assumed.

    Parameters
    ----------
    item
        The header.
    source_deg
        Where the source is on the IEC gantry circle.

    Raises
    ------
    MissingEvidenceError, GeometryError
        As :func:`read_rt_image`.
    """
    _check_plane(item)
    sad_mm, sid_mm = _distances_mm(item)
    translation_mm, notes = _translation_mm(item, sad_mm, sid_mm)
    directions, more = _orientation(item)
    position_mm = item.numbers("RTImagePosition", 2)
    spacing = item.numbers("ImagePlanePixelSpacing", 2)
    if position_mm is None or spacing is None:
        missing = "RTImagePosition" if position_mm is None else "ImagePlanePixelSpacing"
        msg = f"{item.source} has no {missing}, so that its pixels have no place; export it with its geometry"
        raise MissingEvidenceError(msg)
    size = (item.need_integer("Columns"), item.need_integer("Rows"))
    pixel_spacing_mm = (float(spacing[1]), float(spacing[0]))
    receptor_deg = item.number("XRayImageReceptorAngle")
    if receptor_deg is None:
        receptor_deg = 0.0
        notes += (f"{item.source} does not say how its receptor was turned: taken for not turned",)
    receptor = fixed_from_xray_image_receptor(source_deg, translation_mm, receptor_deg)
    half_mm = (np.array(size) - 1.0) / 2.0 * pixel_spacing_mm
    centre_mm = np.array([*position_mm, 0.0]) + half_mm @ directions
    view = XrayView(
        FIXED,
        rotation_y(source_deg) @ np.array([0.0, 0.0, sad_mm]),
        receptor.apply(centre_mm),
        receptor.rotation @ directions[0],
        receptor.rotation @ directions[1],
        pixel_spacing_mm,
        size,
    )
    return view, notes + more


def _check_kind(file: DicomFile) -> None:
    item = file.item
    if file.sop_class_uid != RTImageStorage:
        msg = f"{item.source} is {file.class_name}, not RT Image Storage; give an RT Image"
        raise UnreadableError(msg)
    kind = image_kind(item)
    if kind in SHOW_NO_PATIENT:
        msg = f"{item.source} is an RT Image of the kind {kind}, which shows no patient; give a radiograph"
        raise UnreadableError(msg)


def image_kind(item: Item) -> str:
    """Return value 3 of ImageType: PORTAL, RADIOGRAPH, SIMULATOR, DRR, BLANK, FLUENCE; empty without one."""
    kinds = item.texts("ImageType")
    return kinds[2] if len(kinds) > 2 else ""


def gantry_is_source(item: Item) -> bool:
    """Tell whether GantryAngle is that of the source by right: in the treatment beam, and in a DRR."""
    kilovolts = _kilovolts(item)
    return image_kind(item) == "DRR" or (kilovolts is not None and kilovolts >= LOWEST_MEGAVOLTAGE_KV)


def _kilovolts(item: Item) -> float | None:
    exposure = item.first("ExposureSequence")
    return item.number("KVP") if exposure is None else exposure.number("KVP")


def _source_offset_deg(item: Item, given_deg: float | None) -> float:
    if given_deg is not None:
        return given_deg
    if gantry_is_source(item):
        return 0.0
    kilovolts = _kilovolts(item)
    says = "does not state its KVP" if kilovolts is None else f"was taken with {kilovolts:g} kV"
    msg = (
        f"{item.source} {says}, so that its GantryAngle may be that of the treatment head or that of the "
        "X-ray source; say how far the source is from it (--source-from-gantry)"
    )
    raise MissingEvidenceError(msg)


def gantry_angle_deg(item: Item) -> float:
    """Return GantryAngle, IEC.

    Raises
    ------
    MissingEvidenceError
        If it is absent.
    GeometryError
        If the exposure states another one.
    """
    exposure = item.first("ExposureSequence")
    angles = [one.number("GantryAngle") for one in (item, exposure) if one is not None]
    stated = [angle for angle in angles if angle is not None]
    if not stated:
        msg = f"{item.source} has no GantryAngle, so that nobody knows where its source was; export it again"
        raise MissingEvidenceError(msg)
    if abs(wrap_deg(stated[0] - stated[-1])) > _NO_ROTATION_DEG:
        msg = f"{item.source} states two gantry angles, {stated[0]:g}° and {stated[-1]:g}°; export it again"
        raise GeometryError(msg)
    return stated[0]


def _check_plane(item: Item) -> None:
    plane = item.text("RTImagePlane")
    if plane != "NORMAL":
        msg = (
            f"{item.source} has the RTImagePlane {plane or '(none)'}; only images normal to the beam axis "
            "(NORMAL) can be used"
        )
        raise GeometryError(msg)
    pitch_deg = item.number("GantryPitchAngle") or 0.0
    if abs(wrap_deg(pitch_deg)) > _NO_ROTATION_DEG:
        msg = f"{item.source} was taken with a gantry pitched by {pitch_deg:g}°, which cannot be used"
        raise GeometryError(msg)


def _distances_mm(item: Item) -> tuple[float, float]:
    sad_mm, sid_mm = item.number("RadiationMachineSAD"), item.number("RTImageSID")
    for value, name in ((sad_mm, "RadiationMachineSAD"), (sid_mm, "RTImageSID")):
        if value is None:
            msg = (
                f"{item.source} has no {name}, so that the size of what it shows is unknown; export it with "
                "its distances"
            )
            raise MissingEvidenceError(msg)
        if value <= 0.0:
            msg = f"{item.source} has the {name} {value:g} mm, which must be positive; export it again"
            raise GeometryError(msg)
    return float(sad_mm or 0.0), float(sid_mm or 0.0)


def _translation_mm(item: Item, sad_mm: float, sid_mm: float) -> tuple[Array, tuple[str, ...]]:
    stated = item.numbers("XRayImageReceptorTranslation", 3)
    if stated is None:
        note = f"{item.source} does not say where its receptor was: taken for centred on the beam axis"
        return np.array([0.0, 0.0, sad_mm - sid_mm]), (note,)
    if abs(float(stated[2]) - (sad_mm - sid_mm)) > DISTANCES_AGREE_MM:
        msg = (
            f"{item.source} has its receptor at z = {stated[2]:g} mm but SAD - SID = {sad_mm - sid_mm:g} mm: "
            "its pixels may have been scaled to the isocentre; export the image as it was taken"
        )
        raise GeometryError(msg)
    return stated, ()


def _orientation(item: Item) -> tuple[Array, tuple[str, ...]]:
    """Return the directions (2, 3) of rows and columns in the receptor system."""
    stated = item.numbers("RTImageOrientation", 6)
    if stated is None:
        note = f"{item.source} does not say its orientation: taken for the standard's 1, 0, 0, 0, -1, 0"
        return np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]), (note,)
    axes = stated.reshape(2, 3)
    off = float(max(np.abs(axes @ axes.T - np.eye(2)).max(), np.abs(axes[:, 2]).max()))
    if off > ORIENTATION_TOLERANCE:
        msg = (
            f"{item.source} has the RTImageOrientation {stated.tolist()}, which is not two orthogonal unit "
            "vectors in the receptor; export it again"
        )
        raise GeometryError(msg)
    row = np.array([*axes[0, :2], 0.0]) / np.hypot(*axes[0, :2])
    # The nearest orthonormal pair of that handedness.
    handedness = float(np.sign(axes[0, 0] * axes[1, 1] - axes[0, 1] * axes[1, 0]))
    return np.stack([row, handedness * np.array([-row[1], row[0], 0.0])]), ()


def _inside_jaws(item: Item, view: XrayView, source_deg: float) -> NDArray[np.bool_]:
    """Tell which pixels see the source between the jaws that the file states, ``[row, column]``."""
    columns, rows = view.size
    inside = np.ones((rows, columns), dtype=bool)
    exposure = item.first("ExposureSequence")
    if exposure is None or not exposure.items("BeamLimitingDeviceSequence"):
        return inside
    collimator_deg = exposure.number("BeamLimitingDeviceAngle")
    if collimator_deg is None:
        collimator_deg = item.number("BeamLimitingDeviceAngle") or 0.0
    device = rotation_y(source_deg) @ rotation_z(collimator_deg)
    first = (view.first_pixel_mm - view.source_mm) @ device
    along_row, along_column = (step @ device for step in view.pixel_steps_mm)
    # Jaw positions are given at the distance of the isocentre; the plane of the image is parallel to it.
    scale = float(np.linalg.norm(view.source_mm)) / -float(first[2])
    column, row = np.arange(columns), np.arange(rows)[:, None]
    for jaw in exposure.items("BeamLimitingDeviceSequence"):
        kind, edges = jaw.text("RTBeamLimitingDeviceType"), jaw.numbers("LeafJawPositions")
        if kind in ("X", "Y", "ASYMX", "ASYMY") and edges is not None and len(edges) == 2:
            axis = "XY".index(kind[-1])
            along = (first[axis] + column * along_row[axis] + row * along_column[axis]) * scale
            inside &= (along >= edges[0]) & (along <= edges[1])
    return inside

"""RT Structure Sets: polygons exactly as they were drawn (PS3.3 C.8.8.5, C.8.8.6, C.8.8.8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast, get_args

import numpy as np
from pydicom.uid import RTStructureSetStorage

from isoguide.dicom.identity import PatientIdentity
from isoguide.dicom.item import Item, tolerating_odd_values
from isoguide.dicom.scan import DicomFile, open_dicom
from isoguide.errors import AmbiguityError, MissingEvidenceError, UnreadableError
from isoguide.geometry.frames import PLANNING, Frame
from isoguide.images.structure import Contour, ContourType, Structure

_CONTOUR_TYPES: Final = frozenset(get_args(ContourType))


@dataclass(frozen=True, slots=True, eq=False)
class StructureSet:
    """The regions of interest of one structure set.

    Parameters
    ----------
    structures
        In file order, those without contours included; vertices in mm of the frame they were read for.
    sop_instance_uid, label, patient
        Which one it is and whose.
    frame_of_reference_uid, referenced_series_uid
        The coordinate system of the contours and the images they were drawn on; empty where not stated.
    path
        The file.
    warnings
        What was left out.
    """

    structures: tuple[Structure, ...]
    sop_instance_uid: str
    label: str
    patient: PatientIdentity
    frame_of_reference_uid: str = ""
    referenced_series_uid: str = ""
    path: Path = Path()
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all structures, in file order."""
        return tuple(structure.name for structure in self.structures)

    def structure(self, name: str) -> Structure:
        """Return the structure with this name; the case is ignored where that leaves one.

        Raises
        ------
        MissingEvidenceError
            If there is none; the message lists what there is.
        AmbiguityError
            If several have the name.
        """
        exact = [structure for structure in self.structures if structure.name == name]
        found = exact or [item for item in self.structures if item.name.casefold() == name.casefold()]
        if not found:
            msg = f"{self.path} has no structure '{name}'; it has {', '.join(self.names) or 'none'}"
            raise MissingEvidenceError(msg)
        if len(found) > 1:
            msg = (
                f"{self.path} has {len(found)} structures called '{name}'; rename them in the planning system"
            )
            raise AmbiguityError(msg)
        return found[0]


@tolerating_odd_values
def read_structure_set(source: DicomFile | Path | str, frame: Frame = PLANNING) -> StructureSet:
    """Read a structure set.

    Parameters
    ----------
    source
        A scanned file, or a path.
    frame
        The frame that its coordinate system is in this session.

    Raises
    ------
    UnreadableError
        If it is not a structure set, or a contour is not a list of points.
    """
    file = source if isinstance(source, DicomFile) else open_dicom(source)
    item = file.item
    if file.sop_class_uid != RTStructureSetStorage:
        msg = f"{file.path} is {file.class_name}, not an RT Structure Set; give another file"
        raise UnreadableError(msg)
    rois = item.items("StructureSetROISequence")
    frame_uid = frame_of_reference_of(item)
    entries = {entry.integer("ReferencedROINumber"): entry for entry in item.items("ROIContourSequence")}
    types = {
        entry.integer("ReferencedROINumber"): entry.text("RTROIInterpretedType")
        for entry in item.items("RTROIObservationsSequence")
    }
    structures: list[Structure] = []
    warnings: list[str] = []
    for roi in rois:
        number = roi.need_integer("ROINumber")
        name = roi.text("ROIName")
        own_frame_uid = roi.text("ReferencedFrameOfReferenceUID")
        if frame_uid and own_frame_uid and own_frame_uid != frame_uid:
            warnings.append(
                f"structure '{name}' of {file.path} is in another frame of reference and was left out"
            )
            continue
        entry = entries.get(number)
        found = entry.items("ContourSequence") if entry is not None else ()
        drawn, left_out = _contours(found, f"{file.path} structure '{name}'")
        warnings.extend(left_out)
        description, colour = roi.text("ROIDescription"), _colour(entry)
        structures.append(Structure(name, number, frame, drawn, types.get(number, ""), description, colour))
    return StructureSet(
        structures=tuple(structures),
        sop_instance_uid=file.sop_instance_uid,
        label=item.text("StructureSetLabel"),
        patient=file.patient,
        frame_of_reference_uid=frame_uid,
        referenced_series_uid=referenced_series_of(item),
        path=file.path,
        warnings=tuple(warnings),
    )


def frame_of_reference_of(item: Item) -> str:
    """Return the frame of reference most of the contours are in, empty where the file does not say.

    Re-contouring tools omit the ReferencedFrameOfReferenceSequence, so the regions are asked first.
    """
    counts: dict[str, int] = {}
    for roi in item.items("StructureSetROISequence"):
        uid = roi.text("ReferencedFrameOfReferenceUID")
        counts[uid] = counts.get(uid, 0) + bool(uid)
    if any(counts.values()):
        return max(counts, key=lambda uid: counts[uid])
    referenced = item.first("ReferencedFrameOfReferenceSequence")
    stated = referenced.text("FrameOfReferenceUID") if referenced else ""
    return stated or item.text("FrameOfReferenceUID")


def referenced_series_of(item: Item) -> str:
    """Return the SeriesInstanceUID the contours were drawn on, empty where it is not stated."""
    for frame in item.items("ReferencedFrameOfReferenceSequence"):
        for study in frame.items("RTReferencedStudySequence"):
            for series in study.items("RTReferencedSeriesSequence"):
                uid = series.text("SeriesInstanceUID")
                if uid:
                    return uid
    return ""


def _colour(entry: Item | None) -> tuple[int, int, int] | None:
    """Return the colour that the planning system draws a structure in, None where it states none."""
    values = entry.numbers("ROIDisplayColor") if entry is not None else None
    if values is None or values.size != 3 or not ((values >= 0) & (values <= 255)).all():
        return None
    red, green, blue = (round(float(value)) for value in values)
    return red, green, blue


def _contours(entries: Sequence[Item], source: str) -> tuple[tuple[Contour, ...], tuple[str, ...]]:
    contours: list[Contour] = []
    unknown: set[str] = set()
    for entry in entries:
        values = Item(entry.dataset, source).numbers("ContourData")
        if values is None:
            continue
        if values.size % 3:
            msg = f"{source} has a contour of {values.size} numbers, which are not points; export it again"
            raise UnreadableError(msg)
        kind = entry.text("ContourGeometricType")
        if kind in _CONTOUR_TYPES:
            contours.append(Contour(cast(ContourType, kind), np.reshape(values, (-1, 3))))
        else:
            unknown.add(kind)
    return tuple(contours), tuple(
        f"{source} has contours of type '{kind}', left out" for kind in sorted(unknown)
    )

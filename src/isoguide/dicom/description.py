"""What a folder holds in plain words, and what is wrong with it, without reading a single pixel."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from isoguide.dicom.ct import series_geometry
from isoguide.dicom.deformable_registration import read_deformable_registration
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.radiograph_header import describe_radiograph
from isoguide.dicom.rtdose import dose_geometry
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import frame_of_reference_of, read_structure_set
from isoguide.dicom.scan import (
    FLAT_ULTRASOUND_CLASSES,
    RADIOGRAPH_CLASSES,
    ULTRASOUND_CLASSES,
    DicomFile,
    FolderContents,
    FoundSeries,
)
from isoguide.dicom.spatial_registration import read_spatial_registration
from isoguide.dicom.treatment_record import read_treatment_record
from isoguide.dicom.ultrasound import describe_ultrasound
from isoguide.dicom.ultrasound_volume import describe_ultrasound_volume
from isoguide.errors import InputError
from isoguide.geometry.frames import PLANNING
from isoguide.geometry.grid import Grid
from isoguide.plan import group_isocentres

_SHOWN_NAMES: Final = 12


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found.

    Parameters
    ----------
    kind
        CT series, radiograph, ultrasound, ultrasound volume, plan, structure set, dose, registration,
        deformable registration, treatment record, image series, other object, damaged file.
    text
        One sentence without the kind.
    uid
        What the options of the commands choose it by; empty where it cannot be chosen.
    problem
        Why it cannot be used, empty when nothing is wrong.
    """

    kind: str
    text: str
    uid: str = ""
    problem: str = ""


@tolerating_odd_values
def describe_contents(contents: FolderContents) -> tuple[Finding, ...]:
    """Describe every series and object of a folder, and check what can be checked from headers.

    Nothing is raised for bad data: each problem stands with the object it belongs to.
    """
    findings = [
        _series(series)
        for series in contents.image_series
        if series.files[0].sop_class_uid not in RADIOGRAPH_CLASSES | ULTRASOUND_CLASSES
    ]
    findings += [_ultrasound(file) for file in contents.ultrasound]
    findings += [_radiograph(file) for file in contents.radiographs]
    findings += [_checked("plan", file, _plan, contents) for file in contents.plans]
    findings += [_checked("structure set", file, _structures, contents) for file in contents.structure_sets]
    findings += [_checked("dose", file, _dose, contents) for file in contents.doses]
    findings += [_checked("registration", file, _registration, None) for file in contents.registrations]
    findings += [
        _checked("deformable registration", file, _deformable_registration, None)
        for file in contents.deformable_registrations
    ]
    findings += [_checked("treatment record", file, _record, None) for file in contents.treatment_records]
    findings += _others(contents)
    findings += [Finding("damaged file", str(bad.path), problem=bad.reason) for bad in contents.unusable]
    return tuple(findings)


def _series(series: FoundSeries) -> Finding:
    item = series.item
    description = item.text("SeriesDescription")
    words = [f"'{description}'" if description else "without description"]
    words.append(f"of patient {series.files[0].patient}")
    size = f"{len(series.files)} file(s), {item.text('Columns')} × {item.text('Rows')}"
    kind = f"{item.text('Modality') or 'image'} series"
    if not series.is_ct or series.is_localizer:
        scout = ", scout view" if series.is_localizer else ""
        return Finding(kind, f"{' '.join(words)}: {size}{scout}", series.series_instance_uid)
    try:
        grid, planes, warnings = series_geometry(series, PLANNING)
    except InputError as error:
        return Finding(kind, f"{' '.join(words)}: {size}", series.series_instance_uid, str(error))
    notes = [item.text("PatientPosition"), *warnings]
    if any(plane.rescale is None for plane in planes):
        notes.append("without rescale, so no CT numbers")
    return Finding(
        kind,
        f"{' '.join(words)}: {_grid(grid)}, {', '.join(note for note in notes if note)}",
        series.series_instance_uid,
    )


def _radiograph(file: DicomFile) -> Finding:
    whose = f"{file.path.name} of patient {file.patient}"
    try:
        return Finding("radiograph", f"{whose}: {describe_radiograph(file)}", file.series_instance_uid)
    except InputError as error:
        return Finding("radiograph", whose, file.series_instance_uid, str(error))


def _ultrasound(file: DicomFile) -> Finding:
    is_volume = file.sop_class_uid not in FLAT_ULTRASOUND_CLASSES
    kind = "ultrasound volume" if is_volume else "ultrasound"
    whose = f"{file.path.name} of patient {file.patient}"
    describe = describe_ultrasound_volume if is_volume else describe_ultrasound
    try:
        return Finding(kind, f"{whose}: {describe(file)}", file.sop_instance_uid)
    except InputError as error:
        return Finding(kind, whose, file.sop_instance_uid, str(error))


def _grid(grid: Grid) -> str:
    slices, rows, columns = grid.shape
    x_mm, y_mm, z_mm = grid.spacing_mm
    return f"{slices} slices of {columns} × {rows}, {x_mm:.2f} × {y_mm:.2f} × {z_mm:.2f} mm"


def _checked(
    kind: str,
    file: DicomFile,
    describe: Callable[[DicomFile], tuple[str, str]],
    beside: FolderContents | None,
) -> Finding:
    """Describe an object with its problem: its own, or that it does not go with the CT series ``beside``."""
    try:
        text, problem = describe(file)
        misfit = _misfit(file, beside) if beside is not None else ""
        return Finding(kind, text, file.sop_instance_uid, misfit or problem)
    except InputError as error:
        return Finding(kind, f"in {file.path.name}", file.sop_instance_uid, str(error))


def _misfit(file: DicomFile, contents: FolderContents) -> str:
    """Say why an object cannot belong to any CT series beside it; empty where it can, or there is none."""
    series = contents.ct_series
    own = [one for one in series if one.files[0].patient.patient_id == file.patient.patient_id]
    if series and not own:
        return (
            f"it belongs to another patient ('{file.patient.patient_id}') than the CT series beside it "
            f"('{series[0].files[0].patient.patient_id}')"
        )
    frame_uid = frame_of_reference_of(file.item)
    frame_uids = {one.item.text("FrameOfReferenceUID") for one in own}
    if not frame_uid or not own or frame_uid in frame_uids or "" in frame_uids:
        return ""
    return f"it is in the frame of reference {frame_uid}, which no CT series beside it has"


def _plan(file: DicomFile) -> tuple[str, str]:
    plan = read_plan(file)
    isocentres = [
        "(" + ", ".join(f"{value:.1f}" for value in point) + ")" for point, _ in group_isocentres(plan.beams)
    ]
    where = f"isocentre {' and '.join(isocentres)} mm" if isocentres else "no isocentre"
    status = f", {plan.approval_status.lower()}" if plan.approval_status else ""
    text = (
        f"'{plan.label}' of patient {file.patient} with {len(plan.beams)} beam(s), {where}, "
        f"{plan.patient_position}{status}, in {file.path.name}"
    )
    return text, "" if isocentres else "no beam states an isocentre: give one with --isocentre X,Y,Z"


def _structures(file: DicomFile) -> tuple[str, str]:
    structures = read_structure_set(file)
    names = list(structures.names[:_SHOWN_NAMES]) + ["..."] * (len(structures.names) > _SHOWN_NAMES)
    text = (
        f"'{structures.label}' of patient {file.patient} with {len(structures.names)} structure(s) "
        f"({', '.join(names)}), in {file.path.name}"
    )
    return text, ""


def _dose(file: DicomFile) -> tuple[str, str]:
    grid, _ = dose_geometry(file.item, PLANNING)
    summation = file.item.text("DoseSummationType").lower()
    return f"{summation} dose of patient {file.patient}: {_grid(grid)}, in {file.path.name}", ""


def _registration(file: DicomFile) -> tuple[str, str]:
    registration = read_spatial_registration(file)
    count = len(registration.frame_of_reference_uids)
    return f"of patient {file.patient} between {count} frame(s) of reference, in {file.path.name}", ""


def _deformable_registration(file: DicomFile) -> tuple[str, str]:
    registration = read_deformable_registration(file)
    text = (
        f"of patient {file.patient}: {_grid(registration.field.grid)}, tissue moves by up to"
        f" {registration.field.longest_mm:.1f} mm, in {file.path.name}"
    )
    return text, ""


def _record(file: DicomFile) -> tuple[str, str]:
    record = read_treatment_record(file).record
    number = f"fraction {record.fraction}" if record.fraction is not None else "a fraction without number"
    day = f" on {record.started_at:%Y-%m-%d}" if record.started_at is not None else ""
    endings = ", ".join(dict.fromkeys(one.ended for one in record.deliveries if one.ended != "NORMAL"))
    ended = f", ended {endings}" if endings else ""
    text = (
        f"{number}{day} of patient {file.patient} with {len(record.deliveries)} beam(s), "
        f"{record.delivered_mu:.1f} MU{ended}, in {file.path.name}"
    )
    return text, ""


def _others(contents: FolderContents) -> Sequence[Finding]:
    named = {
        id(file)
        for group in (
            contents.plans,
            contents.structure_sets,
            contents.doses,
            contents.registrations,
            contents.deformable_registrations,
            contents.treatment_records,
            contents.ultrasound,
        )
        for file in group
    }
    named |= {id(file) for series in contents.image_series for file in series.files}
    counts = Counter(file.class_name for file in contents.files if id(file) not in named)
    return tuple(Finding("other object", f"{count} × {name}") for name, count in sorted(counts.items()))

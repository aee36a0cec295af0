"""A planning export: images, structures and plan that demonstrably belong together.

The chain is plan → structure set → image series by UID; where a link is broken (re-contoured or anonymised
exports) patient and frame of reference have to agree, and a warning says so. Labels and names never bind.
"""

from dataclasses import dataclass
from pathlib import Path

from isoguide.dicom.choice import (
    FileCandidate,
    file_candidates,
    no_ct,
    refuse_strangers,
    series_candidates,
    the_only_one,
    with_uid,
)
from isoguide.dicom.ct import ImageSeries, read_ct_series
from isoguide.dicom.identity import compare_patients
from isoguide.dicom.item import tolerating_odd_values
from isoguide.dicom.rtplan import read_plan, referenced_structure_set_of
from isoguide.dicom.rtstruct import (
    StructureSet,
    frame_of_reference_of,
    read_structure_set,
    referenced_series_of,
)
from isoguide.dicom.scan import (
    FLAT_ULTRASOUND_CLASSES,
    DicomFile,
    FolderContents,
    FoundSeries,
    scan_folder,
)
from isoguide.errors import MismatchError, MissingEvidenceError
from isoguide.geometry.frames import PLANNING
from isoguide.plan import Plan
from isoguide.progress import Progress, part_of, silent

SERIES_OPTION = "--planning-series"
PLAN_OPTION = "--plan"
STRUCTURES_OPTION = "--structures"


@dataclass(frozen=True, slots=True, eq=False)
class PlanningSet:
    """What a treatment was planned on.

    Parameters
    ----------
    image
        The planning CT in the planning frame.
    structure_set, plan
        None where the export has none.
    plan_path
        The file of the plan.
    doses
        Files of the doses of this plan, unread.
    ultrasound
        Files of ultrasound volumes that lie beside it, unread: references of the simulation.
    warnings
        All that a user should know, those of the parts included.
    """

    image: ImageSeries
    structure_set: StructureSet | None = None
    plan: Plan | None = None
    plan_path: Path | None = None
    doses: tuple[Path, ...] = ()
    ultrasound: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


@tolerating_odd_values
def load_planning_set(
    path: Path | str | FolderContents,
    *,
    series_uid: str | None = None,
    plan_uid: str | None = None,
    structure_set_uid: str | None = None,
    progress: Progress = silent,
) -> PlanningSet:
    """Find and read the planning CT, its structure set and its plan.

    Parameters
    ----------
    path
        Folder of the export, any content in any order, or what was found in it.
    series_uid, plan_uid, structure_set_uid
        What to take where there are several; the options ``--planning-series``, ``--plan``, ``--structures``.
    progress
        Told what is being read.

    Raises
    ------
    AmbiguityError
        If several candidates remain.
    MismatchError
        If an object belongs to another patient or another frame of reference.
    MissingEvidenceError
        If there is no CT series, or a UID asked for is not there.
    UnreadableError, GeometryError
        If a chosen object is damaged or its geometry makes no sense.
    """
    contents = path if isinstance(path, FolderContents) else scan_folder(path, part_of(progress, 0.0, 0.4))
    plan_file = _choose_plan(contents, plan_uid)
    structure_file = _choose_structure_set(contents, plan_file, structure_set_uid, series_uid)
    series = _choose_series(contents, plan_file, structure_file, series_uid)
    _refuse_strangers(contents, series, chosen=(series_uid, plan_uid, structure_set_uid))
    progress(0.4, f"reading the {series.label}")
    image = read_ct_series(series, PLANNING, needs_hounsfield=True)
    progress(0.8, "reading structures and plan")
    structures = read_structure_set(structure_file, PLANNING) if structure_file else None
    plan = read_plan(plan_file, fallback_position=image.patient_position) if plan_file else None
    warnings = image.warnings + _damage_warnings(contents)
    if structures is not None:
        warnings += structures.warnings + _check_structures(structures, image)
    if plan is not None and plan_file is not None:
        warnings += plan.warnings + _check_plan(plan, plan_file, structures, image)
    return PlanningSet(
        image=image,
        structure_set=structures,
        plan=plan,
        plan_path=plan_file.path if plan_file else None,
        doses=_doses_of(contents, plan),
        ultrasound=_ultrasound_of(contents),
        warnings=warnings,
    )


def _choose_plan(contents: FolderContents, uid: str | None) -> DicomFile | None:
    candidates = file_candidates(contents.plans)
    if uid is not None:
        return with_uid(candidates, uid, kind="RT Plan", path=contents.path).file
    found = the_only_one(candidates, kind="plan", option=PLAN_OPTION, path=contents.path)
    return found.file if found else None


def _choose_structure_set(
    contents: FolderContents, plan: DicomFile | None, uid: str | None, series_uid: str | None
) -> DicomFile | None:
    candidates = file_candidates(contents.structure_sets)
    if uid is not None:
        return with_uid(candidates, uid, kind="RT Structure Set", path=contents.path).file
    wanted = referenced_structure_set_of(plan.item) if plan else ""
    linked: tuple[FileCandidate, ...] = tuple(one for one in candidates if wanted and one.uid == wanted)
    if not linked and series_uid is not None:
        linked = tuple(one for one in candidates if referenced_series_of(one.file.item) == series_uid)
    found = the_only_one(
        linked or candidates, kind="structure set", option=STRUCTURES_OPTION, path=contents.path
    )
    return found.file if found else None


def _choose_series(
    contents: FolderContents, plan: DicomFile | None, structures: DicomFile | None, uid: str | None
) -> FoundSeries:
    candidates = series_candidates(contents.ct_series)
    if uid is not None:
        return with_uid(candidates, uid, kind="CT series", path=contents.path).series
    if not candidates:
        raise no_ct(contents, "planning CT")
    drawn_on = referenced_series_of(structures.item) if structures else ""
    frame_uid = (plan.item.text("FrameOfReferenceUID") if plan else "") or (
        frame_of_reference_of(structures.item) if structures else ""
    )
    linked = tuple(one for one in candidates if drawn_on and one.uid == drawn_on) or tuple(
        one for one in candidates if frame_uid and one.series.item.text("FrameOfReferenceUID") == frame_uid
    )
    found = the_only_one(linked or candidates, kind="planning CT", option=SERIES_OPTION, path=contents.path)
    if found is None:
        raise no_ct(contents, "planning CT")
    return found.series


def _refuse_strangers(
    contents: FolderContents, series: FoundSeries, *, chosen: tuple[str | None, str | None, str | None]
) -> None:
    patient, source = series.files[0].patient, f"the {series.label}"
    first_files = tuple(one.files[0] for one in contents.ct_series)
    kinds = (
        (first_files, SERIES_OPTION),
        (contents.plans, PLAN_OPTION),
        (contents.structure_sets, STRUCTURES_OPTION),
    )
    for (files, option), uid in zip(kinds, chosen, strict=True):
        if uid is None:
            refuse_strangers(files, patient, source=source, option=option)


def _check_structures(structures: StructureSet, image: ImageSeries) -> tuple[str, ...]:
    warnings = compare_patients(image.patient, f"the {image.label}", structures.patient, str(structures.path))
    drawn_here = structures.referenced_series_uid == image.series_instance_uid
    _check_frame(str(structures.path), structures.frame_of_reference_uid, image, is_linked=drawn_here)
    if structures.referenced_series_uid and not drawn_here:
        warnings += (
            f"{structures.path} was drawn on the series {structures.referenced_series_uid}, not on the "
            f"{image.label}; both share the frame of reference",
        )
    return warnings


def _check_plan(
    plan: Plan, file: DicomFile, structures: StructureSet | None, image: ImageSeries
) -> tuple[str, ...]:
    warnings = compare_patients(image.patient, f"the {image.label}", file.patient, str(file.path))
    is_linked = structures is not None and plan.structure_set_uid == structures.sop_instance_uid
    _check_frame(str(file.path), plan.frame_of_reference_uid, image, is_linked=is_linked)
    if structures is not None and not is_linked:
        stated = plan.structure_set_uid or "none"
        warnings += (
            f"{file.path} refers to another structure set ({stated}) than {structures.path}; "
            "patient and frame of reference agree",
        )
    if image.patient_position is not None and image.patient_position != plan.patient_position:
        warnings += (
            f"{file.path} treats in {plan.patient_position} but the planning images say "
            f"{image.patient_position}; the position of the plan is used",
        )
    return warnings


def _check_frame(source: str, stated: str, image: ImageSeries, *, is_linked: bool) -> None:
    """Refuse another frame of reference; one that is not stated is accepted only over a chain of UIDs."""
    if stated and image.frame_of_reference_uid:
        if stated != image.frame_of_reference_uid:
            msg = (
                f"{source} is in the frame of reference {stated} but the {image.label} is in "
                f"{image.frame_of_reference_uid}; give the images it was made on"
            )
            raise MismatchError(msg)
    elif not is_linked:
        msg = (
            f"{source} cannot be tied to the {image.label}: a frame of reference is not stated and no "
            "reference links them; export both again"
        )
        raise MissingEvidenceError(msg)


def _damage_warnings(contents: FolderContents) -> tuple[str, ...]:
    return tuple(f"{bad.path} was left out: {bad.reason}" for bad in contents.unusable)


def _ultrasound_of(contents: FolderContents) -> tuple[Path, ...]:
    volumes = [file for file in contents.ultrasound if file.sop_class_uid not in FLAT_ULTRASOUND_CLASSES]
    return tuple(candidate.file.path for candidate in file_candidates(volumes))


def _doses_of(contents: FolderContents, plan: Plan | None) -> tuple[Path, ...]:
    if plan is None:
        return ()
    return tuple(
        file.path
        for file in contents.doses
        for reference in file.item.items("ReferencedRTPlanSequence")[:1]
        if reference.text("ReferencedSOPInstanceUID") == plan.sop_instance_uid
    )

"""A course from its planning export: what treatments are measured against, read and never typed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.course import PatientKey, ReferenceImage, SimulationRecord
from isoguide.dicom import MarkedPoints, load_planning_set, marked_points, scan_folder
from isoguide.dicom.ultrasound_volume import read_ultrasound_volume
from isoguide.errors import InputError
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.motion.phases import PhaseMotion
from isoguide.plan import SAME_ISOCENTRE_MM, SkinMark
from isoguide.progress import Progress, part_of, silent
from isoguide.treatment.marks import MarkShift, check_marks, mark_shifts
from isoguide.workflow.breathing_motion import BreathingMotion, PhaseSeries, breathing_motion, find_phases
from isoguide.workflow.clinic.course_planning import PLANNING_FILE
from isoguide.workflow.internal_target import InternalTarget, internal_target
from isoguide.workflow.motion_pictures import average_picture, motion_chart
from isoguide.workflow.planned_course import PlannedCourse, one_patient
from isoguide.workflow.reference_pictures import ReferencePicture, planning_pictures
from isoguide.workflow.same_plan import file_sha256
from isoguide.workflow.setup_drr import setup_angles_deg, setup_drrs
from isoguide.workflow.station_time import at_this_station
from isoguide.workflow.ultrasound.reference_pictures import ultrasound_pictures

PHASE_FILE: Final = "4DCT phase"
"""Kind of the reference images that are the files of the 4DCT."""


@dataclass(frozen=True, slots=True)
class CourseChoice:
    """What to take where an export leaves a choice; None where it does not.

    Parameters
    ----------
    beam
        Number of the beam whose isocentre is treated.
    target
        Name of the structure that is treated.
    plan_uid, structure_set_uid, planning_series_uid
        Which of several.
    """

    beam: int | None = None
    target: str | None = None
    plan_uid: str | None = None
    structure_set_uid: str | None = None
    planning_series_uid: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RegisteredCourse:
    """What registering a course gives.

    Parameters
    ----------
    simulation
        The record. Its reference images name every file and picture below by its hash.
    files
        To keep in the image store: planning CT, structure set, plan, doses of the plan, ultrasound of the
        simulation, phases of the 4DCT.
    pictures
        Planning CT, set-up radiographs, the motion in the 4DCT and the ultrasound of the simulation, as PNG,
        likewise to be kept.
    mark_shifts
        Way of the couch from each skin mark to the isocentre.
    internal_target
        What the 4DCT makes of the target; None where it says nothing.
    """

    simulation: SimulationRecord
    files: tuple[Path, ...]
    pictures: tuple[ReferencePicture, ...]
    mark_shifts: tuple[MarkShift, ...]
    internal_target: InternalTarget | None

    @property
    def fiducials_in_words(self) -> str:
        """How many implanted markers of which kind, such as "3 × gold seed"; empty without any."""
        kinds = [one.kind for one in self.simulation.fiducials]
        return ", ".join(f"{kinds.count(kind)} × {kind}" for kind in dict.fromkeys(kinds))


def register_course(
    folder: Path | str, *, site: str, choice: CourseChoice | None = None, progress: Progress = silent
) -> RegisteredCourse:
    """Read a planning export as the beginning of a course.

    Parameters
    ----------
    folder
        Planning CT, structure set and plan, and the 4DCT where there is one, in any order and depth.
    site
        Part of the body as the department sorts its statistics, such as "prostate".
    choice
        What to take where the export leaves a choice.
    progress
        Told what is done.

    Raises
    ------
    AmbiguityError
        If there are several plans, isocentres, ... and none was chosen.
    MismatchError
        If anything that is used belongs to another patient, by ID or birth date.
    MissingEvidenceError
        If plan, structures, target or an identifier is missing.
    UnreadableError, GeometryError
        If an object is damaged or its geometry makes no sense.
    """
    choice = choice or CourseChoice()
    contents = scan_folder(folder, part_of(progress, 0.0, 0.2))
    planning = load_planning_set(
        contents,
        series_uid=choice.planning_series_uid,
        plan_uid=choice.plan_uid,
        structure_set_uid=choice.structure_set_uid,
        progress=part_of(progress, 0.2, 0.4),
    )
    planned = PlannedCourse.of(planning, folder, choice.beam, choice.target)
    phases, phase_warnings = find_phases(contents, planning.image)
    ultrasound, us_warnings = _ultrasound(planned)
    files = _Files.of(planned, phases, tuple(one.path for one in ultrasound))
    used = frozenset(files.all)
    patient, name_warnings = one_patient(
        (file.patient, file.path) for file in contents.files if file.path in used
    )
    points = marked_points(planned.structures.structures)
    motion = breathing_motion(
        phases,
        planning.image.volume,
        planned.tumour,
        points.fiducials,
        progress=part_of(progress, 0.4, 0.8),
    )
    internal = _internal_target(planned, motion.target)
    progress(0.8, "drawing the reference pictures")
    pictures = (*_pictures(planned, ultrasound), *_motion_pictures(planned, motion, internal))
    progress(0.9, "computing the hashes of the files")
    marks, mark_warnings = _usable_marks(points.marks)
    warnings = (
        *planning.warnings,
        *planned.warnings(),
        *name_warnings,
        *mark_warnings,
        *_point_warnings(planned, points),
        *phase_warnings,
        *motion.warnings,
        *us_warnings,
    )
    simulation = _record(planned, patient, site, files.references())
    simulation = replace(
        simulation,
        marks=marks,
        fiducials=points.fiducials,
        motions=motion.motions,
        reference_images=(*simulation.reference_images, *(one.reference for one in pictures)),
        warnings=tuple(dict.fromkeys(warnings)),
        internal_target_cm3=internal.volume_cm3 if internal is not None else None,
    )
    return RegisteredCourse(
        simulation,
        files.all,
        pictures,
        mark_shifts(marks, planned.isocentre_mm, planned.plan.patient_position),
        internal,
    )


@dataclass(frozen=True, slots=True)
class _Files:
    """What is kept: the planning files, and those of each phase of the 4DCT, in the order of the cycle."""

    planning: tuple[Path, ...]
    phases: tuple[tuple[float, tuple[Path, ...]], ...]

    @classmethod
    def of(
        cls, planned: PlannedCourse, phases: Sequence[PhaseSeries], ultrasound: tuple[Path, ...]
    ) -> "_Files":
        planning = planned.planning
        first = (*planning.image.paths, planned.structures.path, planned.plan_path, *planning.doses)
        first = (*first, *ultrasound)
        known = frozenset(first)  # the planning CT may be one of the phases
        rest = (tuple(one.path for one in phase.series.files if one.path not in known) for phase in phases)
        return cls(first, tuple((phase.percent, paths) for phase, paths in zip(phases, rest, strict=True)))

    @property
    def all(self) -> tuple[Path, ...]:
        return self.planning + tuple(path for _, paths in self.phases for path in paths)

    def references(self) -> tuple[ReferenceImage, ...]:
        planning = [ReferenceImage(PLANNING_FILE, path.name, file_sha256(path)) for path in self.planning]
        phases = [
            ReferenceImage(PHASE_FILE, f"{percent:g} %, {path.name}", file_sha256(path))
            for percent, paths in self.phases
            for path in paths
        ]
        return (*planning, *phases)


def _record(
    planned: PlannedCourse, patient: PatientKey, site: str, files: tuple[ReferenceImage, ...]
) -> SimulationRecord:
    image, plan, structures = planned.planning.image, planned.plan, planned.structures
    return SimulationRecord(
        patient=patient,
        site=site,
        machine=planned.machine,
        plan_uid=plan.sop_instance_uid,
        plan_label=plan.label,
        plan_sha256=file_sha256(planned.plan_path),
        structure_set_uid=structures.sop_instance_uid,
        structure_set_sha256=file_sha256(structures.path),
        planning_series_uid=image.series_instance_uid,
        frame_of_reference_uid=image.frame_of_reference_uid,
        planning_sha256=image.content_sha256,
        patient_position=plan.patient_position,
        isocentre_mm=planned.isocentre_mm,
        target=planned.target.name,
        fractions_planned=plan.fractions_planned,
        dose_per_fraction_gy=planned.dose_per_fraction_gy,
        beams=planned.planned_beams,
        accessories=planned.accessories,
        reference_images=files,
        simulated_at=at_this_station(image.acquired_at) if image.acquired_at is not None else None,
        planned_couch=planned.couch,
    )


def _pictures(planned: PlannedCourse, ultrasound: tuple["_Ultrasound", ...]) -> tuple[ReferencePicture, ...]:
    volume, plan, isocentre_mm = planned.planning.image.volume, planned.plan, planned.isocentre_mm
    drrs = setup_drrs(volume, isocentre_mm, plan.patient_position, setup_angles_deg(plan))
    shown = [
        picture
        for one in ultrasound
        for picture in ultrasound_pictures(volume, isocentre_mm, one.volume, planned.target)
    ]
    return (*planning_pictures(volume, isocentre_mm), *drrs, *shown)


@dataclass(frozen=True, slots=True, eq=False)
class _Ultrasound:
    """The ultrasound of the simulation and its file."""

    path: Path
    volume: UltrasoundVolume


def _ultrasound(planned: PlannedCourse) -> tuple[tuple[_Ultrasound, ...], tuple[str, ...]]:
    """Read ultrasound volumes beside the planning CT, and say which of them are no reference."""
    found, warnings = [], []
    for path in planned.planning.ultrasound:
        file = read_ultrasound_volume(path)
        if file.in_room or file.frame_of_reference_uid != planned.planning.image.frame_of_reference_uid:
            where = "a treatment room" if file.in_room else "another frame of reference than the planning CT"
            warnings.append(f"the ultrasound {path.name} was left out, because its place is in {where}")
        else:
            found.append(_Ultrasound(path, file.volume))
            warnings.extend(file.warnings)
    return tuple(found), tuple(warnings)


def _motion_pictures(
    planned: PlannedCourse, motion: BreathingMotion, internal: InternalTarget | None
) -> Iterator[ReferencePicture]:
    if motion.motions:
        yield motion_chart(motion.motions)
    if motion.average is not None and internal is not None:
        # The target is the first of the motions where there is an internal target.
        yield average_picture(motion.average, planned.tumour, motion.motions[0], internal.structure)


def _usable_marks(marks: tuple[SkinMark, ...]) -> tuple[tuple[SkinMark, ...], tuple[str, ...]]:
    """Return marks that a set-up can be made to, or none and why."""
    try:
        check_marks(marks)
    except InputError as error:
        return (), (f"the patient cannot be set up to skin marks: {error}",)
    return marks, ()


def _point_warnings(planned: PlannedCourse, points: MarkedPoints) -> Iterator[str]:
    for one in points.unspecified:
        yield (
            f"the marker '{one.name}' was left out, because its description does not say whether it is in "
            "the patient or on the skin"
        )
    for one in points.isocentres:
        off_mm = float(np.linalg.norm(one.points_mm[0] - planned.isocentre_mm))
        if off_mm > SAME_ISOCENTRE_MM:
            yield f"the point '{one.name}' lies {off_mm:.1f} mm from the isocentre of the plan, which is used"


def _internal_target(planned: PlannedCourse, motion: PhaseMotion | None) -> InternalTarget | None:
    if motion is None or motion.displacement_mm is None or motion.from_planning_mm is None:
        return None
    number = max(one.number for one in planned.structures.structures) + 1
    places_mm = motion.from_planning_mm + motion.displacement_mm
    return internal_target(planned.tumour, places_mm, planned.planning.image.volume.grid, number)

"""The virtual patient as the DICOM files a clinic would export: its simulation, the images of each day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from isoguide.dicom import (
    CtAcquisition,
    PatientIdentity,
    PlanDetails,
    RespiratoryPhase,
    SeriesUids,
    StructureSetDetails,
    WrittenObject,
    WrittenSeries,
    point_structures,
    write_ct_series,
    write_plan,
    write_structure_set,
)
from isoguide.dicom.identity import StudyContext
from isoguide.dicom.modules import date_text, time_text
from isoguide.dicom.part10 import derived_uid
from isoguide.dicom.write_rtimage import RT_IMAGE, Exposed, PlannedSetup, RtImageDetails, write_rt_image
from isoguide.dicom.write_ultrasound import UltrasoundDetails, write_ultrasound_volume
from isoguide.errors import OutputError
from isoguide.geometry.frames import DAILY, PLANNING, Array
from isoguide.geometry.iec61217 import fixed_from_daily
from isoguide.images.radiograph import Radiograph
from isoguide.images.structure import Contour, Structure
from isoguide.images.ultrasound_volume import UltrasoundVolume
from isoguide.images.volume import Volume
from isoguide.plan import PatientPosition, Plan
from isoguide.progress import Progress, part_of, silent
from isoguide.virtual import Phantom
from isoguide.virtual.kv_pair import KILOVOLTAGE
from isoguide.virtual.prescribed_dose import with_prescribed_dose
from isoguide.virtual.treatment_plan import PlanSettings, treatment_plan

VIRTUAL_IMAGER: Final = "isoguide virtual kV"
"""Serial number of the room's radiographs."""
ISOCENTRE_POINT: Final = "AcqIsocenter"
"""A name under which in-room structure sets carry the machine isocentre."""
PLANNED_AT: Final = datetime(2026, 3, 2, 9, 30)
TREATED_AT: Final = datetime(2026, 3, 16, 8, 12)
"""When planning CT and a day's image were taken unless stated: fixed moments keep examples identical."""
BODY_PARTS: Final = {"pelvis": "PELVIS", "thorax": "CHEST", "head-neck": "HEADNECK", "abdomen": "ABDOMEN"}
"""Defined terms of BodyPartExamined (PS3.16 Annex L)."""
ULTRASOUND_SERIES: Final = 5
FIRST_PHASE_SERIES: Final = 10
"""Series numbers below are those of planning CT, structures and plan."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulationSession:
    """What a simulation session wrote.

    Parameters
    ----------
    planning, phases
        The planning CT, and the phases of the 4DCT in the order of the breathing cycle.
    structures, plan_file
        The structure set and the plan.
    plan
        The plan as it is in its file.
    """

    planning: WrittenSeries
    structures: WrittenObject
    plan_file: WrittenObject
    plan: Plan
    phases: tuple[WrittenSeries, ...] = ()


def write_simulation_session(
    folder: Path,
    phantom: Phantom,
    *,
    patient: PatientIdentity,
    seed: str,
    phases: Sequence[Volume] = (),
    plan_settings: PlanSettings | None = None,
    progress: Progress = silent,
) -> SimulationSession:
    """Write planning CT, structure set, plan and 4DCT of a virtual patient, head first supine.

    Everything is in one study and one frame of reference. The plan's monitor units give half of the target
    the prescription. The structure set holds the drawn structures, and as points the markers in the patient,
    the marks on the skin and the isocentre.

    Parameters
    ----------
    folder
        Gets ``CT_0001.dcm`` ..., ``RS.dcm``, ``RP.dcm`` and the phases as ``4DCT/00``, ``4DCT/10`` ...; made
        when absent.
    phantom
        The patient.
    patient, seed
        Whose; the same seed gives the same UIDs, so another patient needs another seed.
    phases
        The 4DCT, one volume per phase in the frame PLANNING, evenly spread over the breathing cycle from end
        of inspiration on.
    plan_settings
        How the patient is treated; what is usual at the site when None.
    progress
        Told after every slice.

    Raises
    ------
    MissingEvidenceError
        If the patient has no target.
    GeometryError
        If the target is larger than the field of the machine, or no beam meets the patient.
    OutputError
        If the folder cannot be written, or a phase is not in the frame PLANNING.
    """
    _check_frames(phases)
    plan = with_prescribed_dose(treatment_plan(phantom, plan_settings), phantom)
    uids = SeriesUids.from_seed(f"{seed} planning")
    acquisition = CtAcquisition(
        acquired_at=PLANNED_AT,
        description="Planning CT",
        body_part=BODY_PARTS.get(phantom.site or "", ""),
    )
    share = 1.0 / (1 + len(phases))
    planning = write_ct_series(
        folder,
        phantom.volume,
        patient=patient,
        patient_position=plan.patient_position,
        uids=uids,
        acquisition=acquisition,
        progress=part_of(progress, 0.0, share),
    )
    structures = write_structure_set(
        folder / "RS.dcm",
        [*phantom.structures, *_points(phantom)],
        image=planning,
        details=StructureSetDetails(label=plan.label, created_at=PLANNED_AT),
    )
    plan = replace(
        plan,
        sop_instance_uid=SeriesUids.from_seed(f"{seed} plan").series,
        frame_of_reference_uid=uids.frame_of_reference,
        structure_set_uid=structures.sop_instance_uid,
    )
    plan_file = write_plan(
        folder / "RP.dcm", plan, image=planning, details=PlanDetails(created_at=PLANNED_AT)
    )
    written = _write_phases(
        folder / "4DCT",
        phases,
        planning,
        replace(acquisition, study=planning.study),
        part_of(progress, share, 1.0),
    )
    return SimulationSession(planning, structures, plan_file, plan, written)


def write_reference_ultrasound(
    folder: Path, reference: UltrasoundVolume, session: SimulationSession
) -> WrittenObject:
    """Write the ultrasound of the simulation beside the planning CT, in its study and frame of reference.

    Parameters
    ----------
    folder
        Gets ``US.dcm``.
    reference
        Frame PLANNING.
    session
        What was written of the same simulation.

    Raises
    ------
    OutputError
        If the file cannot be written, or the volume is not in the frame PLANNING.
    """
    planning = session.planning
    return write_ultrasound_volume(
        folder / "US.dcm",
        reference,
        planning.patient,
        acquired_at=PLANNED_AT,
        frame_of_reference_uid=planning.frame_of_reference_uid,
        details=UltrasoundDetails(
            body_part="PROSTATE",
            description="Ultrasound reference",
            study=planning.study,
            study_instance_uid=planning.study_instance_uid,
            series_number=ULTRASOUND_SERIES,
        ),
    )


def write_daily_export(
    folder: Path,
    daily: Volume,
    machine_isocentre_mm: Array,
    *,
    patient: PatientIdentity,
    seed: str,
    fraction: int = 1,
    acquired_at: datetime = TREATED_AT,
) -> WrittenSeries:
    """Write the day's cone-beam CT, and an in-room structure set with the machine isocentre as a point.

    Parameters
    ----------
    folder
        Gets ``CT_0001.dcm`` ... and ``RS.dcm``; made when absent.
    daily, machine_isocentre_mm
        The image, frame DAILY, head first supine, and where the machine isocentre is in it, (3,).
    patient, seed
        Whose; the seed and the fraction make the UIDs, so another image of one fraction needs another seed.
    fraction, acquired_at
        Number of the fraction and the time of its image, by the local clock or aware.

    Raises
    ------
    OutputError
        If the folder cannot be written.
    """
    image = write_ct_series(
        folder,
        daily,
        patient=patient,
        patient_position=PatientPosition.HFS,
        uids=SeriesUids.from_seed(f"{seed} fraction {fraction}"),
        acquisition=CtAcquisition(
            acquired_at=acquired_at,
            model="isoguide virtual CBCT",
            description=f"CBCT, fraction {fraction}",
        ),
    )
    point = Contour("POINT", np.atleast_2d(machine_isocentre_mm))
    write_structure_set(
        folder / "RS.dcm",
        [Structure(ISOCENTRE_POINT, 1, DAILY, (point,), "ISOCENTER")],
        image=image,
        details=StructureSetDetails(label="IN ROOM", created_at=acquired_at),
    )
    return image


def write_daily_radiographs(
    folder: Path,
    radiographs: Sequence[Radiograph],
    machine_isocentre_mm: Array,
    *,
    patient: PatientIdentity,
    seed: str,
    fraction: int = 1,
    moments: Sequence[datetime] = (TREATED_AT, TREATED_AT),
) -> WrittenSeries:
    """Write the day's radiographs as RT Images whose GantryAngle is that of their source.

    Parameters
    ----------
    folder
        Gets ``RI_01.dcm`` ...; made when absent.
    radiographs, machine_isocentre_mm
        Line integrals, their views in DAILY, head first supine, from sources on the gantry circle; and where
        the machine isocentre is there, (3,).
    patient, seed
        Whose; the seed and the fraction make the UIDs, so other images of one fraction need another seed.
    fraction
        Number of the fraction.
    moments
        When each was exposed, by the local clock or aware.

    Raises
    ------
    OutputError
        If the folder cannot be written, or a source is on no gantry.
    """
    uids = SeriesUids.from_seed(f"{seed} fraction {fraction}")
    fixed_from_day = fixed_from_daily(PatientPosition.HFS, machine_isocentre_mm)
    setup = PlannedSetup(PatientPosition.HFS, machine_isocentre_mm)
    series = WrittenSeries(
        patient=patient,
        study=StudyContext(study_id="1", date=date_text(moments[0]), time=time_text(moments[0])),
        study_instance_uid=uids.study,
        series_instance_uid=uids.series,
        frame_of_reference_uid=uids.frame_of_reference,
        sop_class_uid=RT_IMAGE,
        instance_uids=(),
        paths=(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, (image, at) in enumerate(zip(radiographs, moments, strict=True), start=1):
        details = RtImageDetails(
            f"kV {number}",
            f"Radiograph of the virtual room, fraction {fraction}",
            series_description=f"kV pair, fraction {fraction}",
            exposed=Exposed(at, VIRTUAL_IMAGER, KILOVOLTAGE),
            number=number,
            created_at=at,
            sop_instance_uid=derived_uid(f"{seed} fraction {fraction}", f"radiograph {number}"),
            series_instance_uid=uids.series,
        )
        line_integrals = np.maximum(image.values, np.float32(0.0))  # noise in air
        in_room = replace(image.in_frame(fixed_from_day), values=line_integrals)
        path = folder / f"RI_{number:02d}.dcm"
        written.append(write_rt_image(path, in_room, setup=setup, image=series, details=details))
    return replace(
        series,
        instance_uids=tuple(one.sop_instance_uid for one in written),
        paths=tuple(one.path for one in written),
    )


def _points(phantom: Phantom) -> tuple[Structure, ...]:
    return point_structures(
        max((one.number for one in phantom.structures), default=0) + 1,
        fiducials=phantom.fiducials,
        marks=phantom.marks,
        isocentre_mm=phantom.isocentre_mm,
    )


def _check_frames(phases: Sequence[Volume]) -> None:
    for index, phase in enumerate(phases):
        if phase.grid.frame != PLANNING:
            msg = (
                f"phase {index} of the 4DCT is in the frame '{phase.grid.frame}', not in that of the "
                "planning CT; give phases in planning coordinates"
            )
            raise OutputError(msg)


def _write_phases(
    folder: Path,
    phases: Sequence[Volume],
    planning: WrittenSeries,
    acquisition: CtAcquisition,
    progress: Progress,
) -> tuple[WrittenSeries, ...]:
    written = []
    for index, phase in enumerate(phases):
        percent = 100.0 * index / len(phases)
        uids = SeriesUids.from_seed(f"{planning.series_instance_uid} phase {index}")
        series = write_ct_series(
            folder / f"{percent:02.0f}",
            _whole_hounsfield_units(phase),
            patient=planning.patient,
            patient_position=PatientPosition.HFS,
            uids=SeriesUids(planning.study_instance_uid, uids.series, planning.frame_of_reference_uid),
            acquisition=replace(
                acquisition,
                description=f"4DCT {percent:.0f} %",
                series_number=FIRST_PHASE_SERIES + index,
                phase=RespiratoryPhase(percent, index, len(phases)),
            ),
            progress=part_of(progress, index / len(phases), (index + 1) / len(phases)),
        )
        written.append(series)
    return tuple(written)


def _whole_hounsfield_units(volume: Volume) -> Volume:
    if volume.values.dtype == np.int16:
        return volume
    limits = np.iinfo(np.int16)
    values = np.clip(np.rint(volume.values), limits.min, limits.max).astype(np.int16)
    return replace(volume, values=values)

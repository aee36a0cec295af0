"""Position reports: the couch correction as a Comprehensive 3D SR (PS3.3 A.35.13, PS3.16 TID 1500).

Every value of the correction is a measurement with its 95 % uncertainty, or, of a match by hand, with the
statement that there is none; the verdict, the order of operations
and the region of match stand in the same group, so that no reader gets a number without them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from isoguide.course import AXES
from isoguide.dicom import report_codes as code
from isoguide.dicom.modules import (
    ReferencedSeries,
    WrittenObject,
    add_patient_and_study,
    image_references,
    local_time,
    unique_series,
)
from isoguide.dicom.part10 import (
    CHARACTER_SET,
    MANUFACTURER,
    derived_uid,
    file_meta,
    new_uid,
    save_dataset,
    shortened,
    software_version,
)
from isoguide.dicom.position_report import BY_HAND_STATEMENT, PositionReport
from isoguide.errors import OutputError

if TYPE_CHECKING:
    from highdicom.coding_schemes import CodingSchemeIdentificationItem
    from highdicom.sr import (
        ContainerContentItem,
        Measurement,
        MeasurementReport,
        MeasurementsAndQualitativeEvaluations,
    )

COVERAGE_STATEMENT: Final = (
    "Upper and lower measurement uncertainty bound a two-sided 95 % interval of each value"
)


@dataclass(frozen=True, slots=True)
class ReportDetails:
    """When a report was made and what identifies it; UIDs are fresh where absent."""

    created_at: datetime = field(default_factory=datetime.now)
    sop_instance_uid: str = field(default_factory=new_uid)
    series_instance_uid: str = field(default_factory=new_uid)
    series_number: int = 1
    description: str = "Position of the day and couch correction"


def write_position_report(
    path: Path,
    report: PositionReport,
    *,
    planning: ReferencedSeries,
    daily: ReferencedSeries,
    registration: WrittenObject | None,
    details: ReportDetails | None = None,
) -> WrittenObject:
    """Write the report into the study of the day's image, with references to registration and images.

    Parameters
    ----------
    path
        The file; its folder exists.
    report
        What to say.
    planning, daily
        The two image series.
    registration
        What :func:`isoguide.dicom.write_spatial_registration` wrote, None where there is no transform.
    details
        Date and UIDs.

    Raises
    ------
    OutputError
        If a series has no DICOM instances or no frame of reference, or the file cannot be written.
    """
    details = details or ReportDetails()
    evidence = _evidence(unique_series([daily, planning]), registration)
    try:
        document = _document(evidence, _content(report, planning, daily, registration)[0], details)
    except (ValueError, TypeError) as error:
        msg = f"cannot write {path}: a value does not fit a structured report ({error}); correct the input"
        raise OutputError(msg) from error
    document.file_meta = file_meta(str(Comprehensive3DSRStorage), details.sop_instance_uid)
    document.InstanceCreationDate, document.InstanceCreationTime = document.ContentDate, document.ContentTime
    add_patient_and_study(document, daily)
    save_dataset(path, document)
    return WrittenObject(
        path,
        str(Comprehensive3DSRStorage),
        details.sop_instance_uid,
        details.series_instance_uid,
        daily.study_instance_uid,
    )


def _document(evidence: list[Dataset], content: Dataset, details: ReportDetails) -> Dataset:
    import highdicom as hd

    made_at = local_time(details.created_at)
    return hd.sr.Comprehensive3DSR(
        evidence=evidence,
        content=content,
        series_instance_uid=details.series_instance_uid,
        series_number=details.series_number,
        sop_instance_uid=details.sop_instance_uid,
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name="isoguide",
        software_versions=software_version(),
        is_complete=True,
        coding_schemes=[_own_scheme()],
        series_description=shortened(details.description, 64),
        content_date=made_at.date(),
        content_time=made_at.time(),
        series_date=made_at.date(),
        series_time=made_at.time(),
        specific_character_set=CHARACTER_SET,
    )


def _evidence(series: Sequence[ReferencedSeries], registration: WrittenObject | None) -> list[Dataset]:
    """List what the report refers to; the patient is filled in later, as his values may break rules."""
    evidence = [
        _evidence_item(
            reference.ReferencedSOPClassUID,
            reference.ReferencedSOPInstanceUID,
            one.series_instance_uid,
            one.study_instance_uid,
        )
        for one in series
        for reference in image_references(one)
    ]
    if registration is not None:
        evidence.append(
            _evidence_item(
                registration.sop_class_uid,
                registration.sop_instance_uid,
                registration.series_instance_uid,
                registration.study_instance_uid,
            )
        )
    return evidence


def _evidence_item(sop_class_uid: str, sop_instance_uid: str, series_uid: str, study_uid: str) -> Dataset:
    item = Dataset()
    item.SOPClassUID, item.SOPInstanceUID = sop_class_uid, sop_instance_uid
    item.SeriesInstanceUID, item.StudyInstanceUID = series_uid, study_uid
    for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex"):
        setattr(item, keyword, "")
    for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
        setattr(item, keyword, "")
    return item


def _own_scheme() -> "CodingSchemeIdentificationItem":
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        designator=code.PRIVATE_SCHEME,
        name="isoguide private codes",
        version=software_version(),
        responsible_organization="isoguide",
    )


def _content(
    report: PositionReport,
    planning: ReferencedSeries,
    daily: ReferencedSeries,
    registration: WrittenObject | None,
) -> "MeasurementReport":
    import highdicom as hd

    observer = hd.sr.ObserverContext(
        observer_type=hd.sr.CodedConcept.from_code(Code("121007", "DCM", "Device")),
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=derived_uid("isoguide", "device observer", software_version()),
            name="isoguide",
            manufacturer_name=MANUFACTURER,
            model_name=f"isoguide {software_version()}",
        ),
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=code.PROCEDURE,
        imaging_measurements=[_group(report, registration)],
    )
    library = _image_library([(planning, code.PLANNING_ROLE), (daily, code.DAILY_ROLE)])
    # TID 1500 has the image library (row 5) before the measurements (row 6), which come last here.
    content[0].ContentSequence.insert(len(content[0].ContentSequence) - 1, library)
    return content


def _group(
    report: PositionReport, registration: WrittenObject | None
) -> "MeasurementsAndQualitativeEvaluations":
    import highdicom as hd

    algorithm = hd.sr.AlgorithmIdentification(
        name=report.algorithm, version=report.algorithm_version, parameters=report.settings or None
    )
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=new_uid(), identifier="Couch correction"),
        finding_type=code.FINDING,
        algorithm_id=algorithm,
        measurements=_measurements(report) or None,
        qualitative_evaluations=[hd.sr.QualitativeEvaluation(code.VERDICT, code.VERDICTS[report.verdict])],
    )
    contents = group[0].ContentSequence
    for name, text in _statements(report):
        contents.append(hd.sr.TextContentItem(name=name, value=text, relationship_type="CONTAINS"))
    contents.append(
        hd.sr.NumContentItem(
            name=code.FREEDOM,
            value=report.degrees_of_freedom,
            unit=code.NO_UNIT,
            relationship_type="CONTAINS",
        )
    )
    if registration is not None:
        contents.append(
            hd.sr.CompositeContentItem(
                name=code.REGISTRATION,
                referenced_sop_class_uid=registration.sop_class_uid,
                referenced_sop_instance_uid=registration.sop_instance_uid,
                relationship_type="CONTAINS",
            )
        )
    return group


def _statements(report: PositionReport) -> list[tuple[Code, str]]:
    statements = [(code.ORDER, report.order_of_operations), (code.MATCH_REGION, report.match_region)]
    if report.uncertainty is not None:
        statements.append((code.COVERAGE, COVERAGE_STATEMENT))
    elif report.correction is not None:
        statements.append((code.COVERAGE, BY_HAND_STATEMENT))
    return statements + [(code.REASON, reason) for reason in report.reasons]


def _measurements(report: PositionReport) -> "list[Measurement]":
    if report.correction is None:
        return []
    sure = report.uncertainty
    return [
        _measurement(
            axis,
            float(getattr(report.correction, axis)),
            None if sure is None else float(getattr(sure, axis)),
        )
        for axis in AXES
    ]


def _measurement(axis: str, value: float, half_width: float | None) -> "Measurement":
    import highdicom as hd

    name, unit = code.CORRECTION_CODES[axis]
    measurement = hd.sr.Measurement(name=name, value=value, unit=unit, derivation=code.RELATIVE)
    if half_width is None:
        return measurement
    # The template of highdicom writes the uncertainty without a unit, hence by hand.
    for bound in (code.UPPER_UNCERTAINTY, code.LOWER_UNCERTAINTY):
        measurement[0].ContentSequence.append(
            hd.sr.NumContentItem(name=bound, value=half_width, unit=unit, relationship_type="HAS PROPERTIES")
        )
    return measurement


def _image_library(series: Sequence[tuple[ReferencedSeries, Code]]) -> "ContainerContentItem":
    """TID 1600 with one group per series, its frame of reference and its role, and every image of it."""
    import highdicom as hd

    library = hd.sr.ContainerContentItem(name=code.IMAGE_LIBRARY, relationship_type="CONTAINS")
    library.ContentSequence = hd.sr.ContentSequence()
    for one, role in series:
        if not one.frame_of_reference_uid:
            msg = (
                f"the image series {one.series_instance_uid} has no frame of reference; give images with one"
            )
            raise OutputError(msg)
        group = hd.sr.ContainerContentItem(name=code.IMAGE_LIBRARY_GROUP, relationship_type="CONTAINS")
        group.ContentSequence = hd.sr.ContentSequence()
        group.ContentSequence.append(
            hd.sr.UIDRefContentItem(
                name=code.FRAME_OF_REFERENCE,
                value=one.frame_of_reference_uid,
                relationship_type="HAS ACQ CONTEXT",
            )
        )
        group.ContentSequence.append(
            hd.sr.CodeContentItem(name=code.ROLE, value=role, relationship_type="HAS ACQ CONTEXT")
        )
        for reference in image_references(one):
            group.ContentSequence.append(
                hd.sr.ImageContentItem(
                    name=code.SOURCE,
                    referenced_sop_class_uid=reference.ReferencedSOPClassUID,
                    referenced_sop_instance_uid=reference.ReferencedSOPInstanceUID,
                    relationship_type="CONTAINS",
                )
            )
        library.ContentSequence.append(group)
    return library

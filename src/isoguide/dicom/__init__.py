"""The only speaker of DICOM: reads what a clinic exports, writes what it can take back."""

from isoguide.dicom.course_files import Refused
from isoguide.dicom.course_folder import CourseFolder, DayMatch, FoundCourse, read_course_folder
from isoguide.dicom.ct import ImageSeries, content_hash, read_ct_series
from isoguide.dicom.daily_set import (
    DailySet,
    IsocentreEvidence,
    check_same_patient,
    load_daily_set,
    machine_isocentre,
)
from isoguide.dicom.deformable_registration import (
    DeformableRegistrationFile,
    read_deformable_registration,
)
from isoguide.dicom.description import Finding, describe_contents
from isoguide.dicom.identity import PatientIdentity, StudyContext
from isoguide.dicom.marked_points import MarkedPoints, marked_points, point_structures
from isoguide.dicom.modules import ReferencedSeries, SeriesUids, WrittenObject, WrittenSeries
from isoguide.dicom.planning_set import PlanningSet, load_planning_set
from isoguide.dicom.position_report import AxisUncertainty, PositionReport
from isoguide.dicom.read_report import read_position_report
from isoguide.dicom.rtdose import DoseGrid, read_dose
from isoguide.dicom.rtplan import read_plan
from isoguide.dicom.rtstruct import StructureSet, read_structure_set
from isoguide.dicom.scan import FolderContents, FoundSeries, UnusableFile, scan_folder
from isoguide.dicom.spatial_registration import SpatialRegistration, combined, read_spatial_registration
from isoguide.dicom.treatment_record import (
    StoredTreatmentRecord,
    TreatmentRecord,
    read_treatment_record,
    require_record_of,
)
from isoguide.dicom.ultrasound import UltrasoundFile, UltrasoundRegion, read_ultrasound
from isoguide.dicom.ultrasound_volume import UltrasoundVolumeFile, read_ultrasound_volume
from isoguide.dicom.write_ct import CtAcquisition, RespiratoryPhase, write_ct_series
from isoguide.dicom.write_deformable import write_deformable_registration
from isoguide.dicom.write_dose import DoseDetails, write_dose
from isoguide.dicom.write_plan import PlanDetails, write_plan
from isoguide.dicom.write_registration import RegistrationDetails, write_spatial_registration
from isoguide.dicom.write_report import ReportDetails, write_position_report
from isoguide.dicom.write_structure_set import StructureSetDetails, write_structure_set
from isoguide.dicom.write_treatment_record import TreatmentRecordDetails, write_treatment_record
from isoguide.dicom.write_ultrasound import UltrasoundDetails, write_ultrasound_volume

__all__ = [
    "AxisUncertainty",
    "CourseFolder",
    "CtAcquisition",
    "DailySet",
    "DayMatch",
    "DeformableRegistrationFile",
    "DoseDetails",
    "DoseGrid",
    "Finding",
    "FolderContents",
    "FoundCourse",
    "FoundSeries",
    "ImageSeries",
    "IsocentreEvidence",
    "MarkedPoints",
    "PatientIdentity",
    "PlanDetails",
    "PlanningSet",
    "PositionReport",
    "ReferencedSeries",
    "Refused",
    "RegistrationDetails",
    "ReportDetails",
    "RespiratoryPhase",
    "SeriesUids",
    "SpatialRegistration",
    "StoredTreatmentRecord",
    "StructureSet",
    "StructureSetDetails",
    "StudyContext",
    "TreatmentRecord",
    "TreatmentRecordDetails",
    "UltrasoundDetails",
    "UltrasoundFile",
    "UltrasoundRegion",
    "UltrasoundVolumeFile",
    "UnusableFile",
    "WrittenObject",
    "WrittenSeries",
    "check_same_patient",
    "combined",
    "content_hash",
    "describe_contents",
    "load_daily_set",
    "load_planning_set",
    "machine_isocentre",
    "marked_points",
    "point_structures",
    "read_course_folder",
    "read_ct_series",
    "read_deformable_registration",
    "read_dose",
    "read_plan",
    "read_position_report",
    "read_spatial_registration",
    "read_structure_set",
    "read_treatment_record",
    "read_ultrasound",
    "read_ultrasound_volume",
    "require_record_of",
    "scan_folder",
    "write_ct_series",
    "write_deformable_registration",
    "write_dose",
    "write_plan",
    "write_position_report",
    "write_spatial_registration",
    "write_structure_set",
    "write_treatment_record",
    "write_ultrasound_volume",
]

"""The only speaker of DICOM: reads what a clinic exports, writes what it can take back."""

from isoguide.dicom.identity import PatientIdentity, StudyContext
from isoguide.dicom.modules import SeriesUids, WrittenObject, WrittenSeries
from isoguide.dicom.position_report import AxisUncertainty, PositionReport
from isoguide.dicom.read_report import read_position_report
from isoguide.dicom.write_ct import CtAcquisition, write_ct_series
from isoguide.dicom.write_plan import PlanDetails, write_plan
from isoguide.dicom.write_registration import RegistrationDetails, write_spatial_registration
from isoguide.dicom.write_report import ReportDetails, write_position_report
from isoguide.dicom.write_structure_set import StructureSetDetails, write_structure_set

__all__ = [
    "AxisUncertainty",
    "CtAcquisition",
    "PatientIdentity",
    "PlanDetails",
    "PositionReport",
    "RegistrationDetails",
    "ReportDetails",
    "SeriesUids",
    "StructureSetDetails",
    "StudyContext",
    "WrittenObject",
    "WrittenSeries",
    "read_position_report",
    "write_ct_series",
    "write_plan",
    "write_position_report",
    "write_spatial_registration",
    "write_structure_set",
]

"""A course of treatment as data: the simulation, the protocol, the staff, what each fraction left behind."""

from isoguide.course.assessment import AssessmentRecord, FieldFigures, StructureOfDay
from isoguide.course.assessment_limits import AssessmentInstructions
from isoguide.course.dose_instructions import DoseInstructions
from isoguide.course.dose_of_day import DoseRecord, GoalOfDay, StructureDose
from isoguide.course.fraction_record import (
    AXES,
    DecisionRecord,
    DeliveryRecord,
    ImageRecord,
    ImagingDose,
    MatchRecord,
)
from isoguide.course.history import CourseHistory, FractionSummary
from isoguide.course.monitoring import Monitoring
from isoguide.course.motion_record import MotionHold, MotionRecord, MotionResidual
from isoguide.course.protocol import (
    ActionLevel,
    Approval,
    CouchLimit,
    Intrafraction,
    MarkerInstructions,
    MatchInstructions,
    Modality,
    Protocol,
    ProtocolAction,
    Schedule,
    ScheduleKind,
    Tolerance,
)
from isoguide.course.simulation import (
    Accessory,
    PatientKey,
    PlannedBeam,
    ReferenceImage,
    SimulationRecord,
    StructureMotion,
)
from isoguide.course.staff import Person, Role

__all__ = [
    "AXES",
    "Accessory",
    "ActionLevel",
    "Approval",
    "AssessmentInstructions",
    "AssessmentRecord",
    "CouchLimit",
    "CourseHistory",
    "DecisionRecord",
    "DeliveryRecord",
    "DoseInstructions",
    "DoseRecord",
    "FieldFigures",
    "FractionSummary",
    "GoalOfDay",
    "ImageRecord",
    "ImagingDose",
    "Intrafraction",
    "MarkerInstructions",
    "MatchInstructions",
    "MatchRecord",
    "Modality",
    "Monitoring",
    "MotionHold",
    "MotionRecord",
    "MotionResidual",
    "PatientKey",
    "Person",
    "PlannedBeam",
    "Protocol",
    "ProtocolAction",
    "ReferenceImage",
    "Role",
    "Schedule",
    "ScheduleKind",
    "SimulationRecord",
    "StructureDose",
    "StructureMotion",
    "StructureOfDay",
    "Tolerance",
]

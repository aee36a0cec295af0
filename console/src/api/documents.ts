import type { components, webhooks } from "./schema";

type Schemas = components["schemas"];

/** Documents of the service under the names that they have there. */
export type Accessory = Schemas["AccessoryDocument"];
export type Action = Schemas["ApproveRequest"]["action"];
/** The anatomy of the day as one image shows it. */
export type Anatomy = Schemas["AnatomyDocument"];
export type Assessment = Schemas["AssessmentDocument"];
/** How the anatomy changed over a course. */
export type CourseAnatomy = Schemas["AnatomyRecord"];
export type DeformationPictures = Schemas["DeformationPictures"];
export type StructureOfDay = Schemas["StructureOfDayDocument"];
export type ApproveRequest = Schemas["ApproveRequest"];
export type AuditLine = Schemas["AuditLine"];
export type AuditPage = Schemas["AuditPage"];
export type BeamLine = Schemas["BeamLine"];
export type CouchDifference = Schemas["CouchDifference"];
/** Absolute readings of the couch drives (IEC 61217), mm and degrees. */
export type CouchPose = Schemas["CouchPose"];
export type Course = Schemas["CourseDocument"];
export type CourseReview = Schemas["PatientReviewRecord"];
/** The dose of the day as one image shows the patient. */
export type DayDose = Schemas["DoseOfDayDocument"];
export type DayDoseRecord = Schemas["DayDoseDocument"];
export type DosePictures = Schemas["DosePictures"];
export type DoseRequest = Schemas["DoseRequest"];
export type Histograms = Schemas["Histograms"];
/** What each correction of the beams would do. */
export type Ladder = Schemas["LadderDocument"];
export type LadderRung = Schemas["RungDocument"];
export type LadderChoice = Schemas["ChoiceDocument"];
export type ChoiceRequest = Schemas["ChoiceRequest"];
export type DoseGoal = Schemas["GoalDocument"];
export type StructureDose = Schemas["StructureDoseDocument"];
/** What the days of a course delivered. */
export type CourseDose = Schemas["CourseDoseRecord"];
export type Decision = Schemas["DecisionDocument"];
export type Estimate = Schemas["EstimateRecord"];
export type Fraction = Schemas["FractionDocument"];
export type FractionRecord = Schemas["FractionRecord"];
export type FractionChanged = Schemas["FractionChanged"];
export type ImageLine = Schemas["ImageLine"];
export type ImageRequest = Schemas["ImageRequest"];
export type InboxEntry = Schemas["InboxEntry"];
export type Job = Schemas["JobDocument"];
export type JournalLine = Schemas["JournalLine"];
export type Mark = Schemas["MarkDocument"];
export type MarksAnswer = Schemas["MarksAnswer"];
export type Match = Schemas["MatchDocument"];
export type Patient = Schemas["PatientDocument"];
export type PopulationReview = Schemas["PopulationReviewRecord"];
export type ProblemDocument = Schemas["Problem"];
export type Protocol = Schemas["ProtocolDocument"];
export type ProtocolLine = Schemas["ProtocolLine"];
export type RoomLine = Schemas["RoomLine"];
export type RoomState = Schemas["RoomStateDocument"];
export type SecondLookAsked = Schemas["SecondLookAsked"];
export type Session = Schemas["SessionDocument"];
export type SignedDecision = Schemas["SignedDecision"];
export type SigningOption = Schemas["SigningOption"];
/** How the couch has to move: the shift first, then the turn about the machine isocentre (IEC 61217). */
export type Six = Schemas["Six"];
export type Step = Fraction["possible"][number];
export type Upload = Schemas["UploadDocument"];
export type WaitingSignature = Schemas["WaitingSignature"];
export type Worklist = Schemas["Worklist"];
export type WorklistEntry = Schemas["WorklistEntry"];

/** Everything that comes over the event stream; a page's own heartbeat goes the other way. */
export type StreamMessage = Exclude<
  webhooks["events"]["post"]["requestBody"]["content"]["application/json"],
  Schemas["Heartbeat"]
>;

import { answered, client } from "./client";
import type {
  Accessory,
  Anatomy,
  ApproveRequest,
  AuditPage,
  ChoiceRequest,
  Course,
  CourseReview,
  DayDose,
  DoseRequest,
  Fraction,
  ImageRequest,
  InboxEntry,
  Job,
  MarksAnswer,
  PopulationReview,
  Protocol,
  ProtocolLine,
  RoomState,
  Session,
  Worklist,
} from "./documents";
import type { components } from "./schema";

type Schemas = components["schemas"];

const at = (courseId: string, number: number) => ({ params: { path: { course_id: courseId, number } } });

const COURSE = "/api/courses/{course_id}";
const FRACTION = "/api/courses/{course_id}/fractions/{number}";

/** Who is signed in, and which page the service has. */
export const readVersion = (): Promise<Schemas["VersionDocument"]> => answered(client.GET("/api/version"));
export const readSession = (): Promise<Session> =>
  answered(client.GET("/api/session", { headers: { "X-Isoguide-Background": "1" } }));
export const signIn = (name: string, password: string): Promise<Session> =>
  answered(client.POST("/api/session", { body: { name, password } }));
export const signOut = (): Promise<unknown> => answered(client.DELETE("/api/session"));
/** Somebody is at the screen: the session does not end for want of use. */
export const extendSession = (): Promise<Session> => answered(client.POST("/api/session/extend"));
/** All other sessions of the person end, and this one gets another token. */
export const changePassword = (password: string, next: string): Promise<Session> =>
  answered(client.POST("/api/session/password", { body: { password, new_password: next } }));

/** Whether somebody at the screen asked, or the page by itself: the latter keeps no session alive. */
export type Asking = "user" | "page";
const headersOf = (asking: Asking): Record<string, string> =>
  asking === "page" ? { "X-Isoguide-Background": "1" } : {};

/** Courses. */
export const readWorklist = (asking: Asking): Promise<Worklist> =>
  answered(client.GET("/api/worklist", { headers: headersOf(asking) }));
export const readCourse = (courseId: string, asking: Asking = "user"): Promise<Course> =>
  answered(client.GET(COURSE, { params: { path: { course_id: courseId } }, headers: headersOf(asking) }));
export const readCourseReview = (courseId: string): Promise<CourseReview> =>
  answered(client.GET("/api/courses/{course_id}/review", { params: { path: { course_id: courseId } } }));
export const beginFraction = (
  courseId: string,
  number: number,
  accessories: Accessory[],
  reason: string,
): Promise<Fraction> =>
  answered(
    client.POST("/api/courses/{course_id}/fractions", {
      params: { path: { course_id: courseId } },
      body: { number, accessories, reason },
    }),
  );

/** The steps of a fraction; each answers with the fraction as it is then. */
export const readFraction = (courseId: string, number: number, asking: Asking = "user"): Promise<Fraction> =>
  answered(client.GET(FRACTION, { ...at(courseId, number), headers: headersOf(asking) }));
export const askMarks = (
  courseId: string,
  number: number,
  body: Schemas["MarksRequest"],
): Promise<MarksAnswer> => answered(client.POST(`${FRACTION}/marks`, { ...at(courseId, number), body }));
export const setUp = (courseId: string, number: number, body: Schemas["SetUpRequest"]): Promise<Fraction> =>
  answered(client.POST(`${FRACTION}/set-up`, { ...at(courseId, number), body }));
export const takeImage = (courseId: string, number: number, body: ImageRequest): Promise<Job> =>
  answered(client.POST(`${FRACTION}/image`, { ...at(courseId, number), body }));
export const approve = (courseId: string, number: number, body: ApproveRequest): Promise<Fraction> =>
  answered(client.POST(`${FRACTION}/approve`, { ...at(courseId, number), body }));
export const signSecond = (
  courseId: string,
  number: number,
  body: Schemas["SecondSignatureRequest"],
): Promise<Fraction> =>
  answered(client.POST(`${FRACTION}/second-signature`, { ...at(courseId, number), body }));
export const moveCouch = (
  courseId: string,
  number: number,
  body: Schemas["StepRequest"],
): Promise<Fraction> => answered(client.POST(`${FRACTION}/couch`, { ...at(courseId, number), body }));
export const deliver = (
  courseId: string,
  number: number,
  body: Schemas["DeliverRequest"],
): Promise<Fraction> => answered(client.POST(`${FRACTION}/deliver`, { ...at(courseId, number), body }));
export const beamOn = (courseId: string, number: number, body: Schemas["StepRequest"]): Promise<Fraction> =>
  answered(client.POST(`${FRACTION}/beam`, { ...at(courseId, number), body }));
export const resumeBeam = (
  courseId: string,
  number: number,
  body: Schemas["StepRequest"],
): Promise<Fraction> => answered(client.POST(`${FRACTION}/resume`, { ...at(courseId, number), body }));
/** The service confirms a hold within ten seconds, or leaves it to the machine; later there is no answer. */
export const holdBeam = (courseId: string, number: number, reason: string): Promise<Fraction> =>
  answered(
    client.POST(`${FRACTION}/hold`, {
      ...at(courseId, number),
      body: { reason },
      signal: AbortSignal.timeout(12_000),
    }),
  );
export const stopFraction = (courseId: string, number: number, reason: string): Promise<Fraction> =>
  answered(client.POST(`${FRACTION}/stop`, { ...at(courseId, number), body: { reason } }));

/** Address of a picture of an image, for an `img`. */
export function pictureAddress(
  courseId: string,
  number: number,
  uid: string,
  plane: "axial" | "coronal" | "sagittal",
  isCorrected: boolean,
): string {
  const [course, image] = [encodeURIComponent(courseId), encodeURIComponent(uid)];
  return `/api/courses/${course}/fractions/${number}/images/${image}/picture?plane=${plane}&corrected=${isCorrected}`;
}

/** The anatomy of the day that an image shows, and the long work that assesses it. */
const ANATOMY = "/api/courses/{course_id}/fractions/{number}/images/{uid}/anatomy";
export const readAnatomy = (courseId: string, number: number, uid: string): Promise<Anatomy> =>
  answered(client.GET(ANATOMY, { params: { path: { course_id: courseId, number, uid } } }));
export const assessAnatomy = (courseId: string, number: number, uid: string): Promise<Job> =>
  answered(client.POST(ANATOMY, { params: { path: { course_id: courseId, number, uid } } }));

/** The dose of the day, the corrections of its beams, and the long work that finds them. */
const DOSE = "/api/courses/{course_id}/fractions/{number}/images/{uid}/dose";
const ofImage = (courseId: string, number: number, uid: string) => ({
  params: { path: { course_id: courseId, number, uid } },
});
export const readDayDose = (courseId: string, number: number, uid: string): Promise<DayDose> =>
  answered(client.GET(DOSE, ofImage(courseId, number, uid)));
export const computeDayDose = (
  courseId: string,
  number: number,
  uid: string,
  body: DoseRequest,
): Promise<Job> => answered(client.POST(DOSE, { ...ofImage(courseId, number, uid), body }));
export const workOutCorrections = (courseId: string, number: number, uid: string): Promise<Job> =>
  answered(client.POST(`${DOSE}/corrections`, ofImage(courseId, number, uid)));
export const chooseCorrection = (
  courseId: string,
  number: number,
  uid: string,
  body: ChoiceRequest,
): Promise<DayDose> =>
  answered(client.POST(`${DOSE}/corrections/choice`, { ...ofImage(courseId, number, uid), body }));

/** Department. */
export type PopulationFilter = {
  site?: string;
  machine?: string;
  protocol?: string;
  by: "site" | "device" | "machine" | "protocol";
};
export const readPopulation = (query: PopulationFilter): Promise<PopulationReview> =>
  answered(client.GET("/api/review/population", { params: { query } }));
export const readSites = (): Promise<string[]> => answered(client.GET("/api/sites"));
export const readProtocols = (): Promise<ProtocolLine[]> => answered(client.GET("/api/protocols"));
export const readProtocol = (name: string, version: number): Promise<Protocol> =>
  answered(client.GET("/api/protocols/{name}/{version}", { params: { path: { name, version } } }));
export const readAudit = (query: {
  before?: number;
  limit?: number;
  subject?: string;
  actor?: string;
}): Promise<AuditPage> => answered(client.GET("/api/audit", { params: { query } }));
export const verifyAudit = (): Promise<Job> => answered(client.POST("/api/audit/verify"));
export const readRooms = (): Promise<RoomState[]> => answered(client.GET("/api/room"));

/** Jobs and files. */
export const readJobs = (): Promise<Job[]> =>
  answered(client.GET("/api/jobs", { headers: headersOf("page") }));
export const readJob = (jobId: string): Promise<Job> =>
  answered(client.GET("/api/jobs/{job_id}", { params: { path: { job_id: jobId } } }));
export const cancelJob = (jobId: string): Promise<Job> =>
  answered(client.DELETE("/api/jobs/{job_id}", { params: { path: { job_id: jobId } } }));
export const readInbox = (): Promise<InboxEntry[]> => answered(client.GET("/api/inbox"));
export const dropUpload = (uploadId: string): Promise<unknown> =>
  answered(client.DELETE("/api/uploads/{upload_id}", { params: { path: { upload_id: uploadId } } }));

/** What the align view reads from the service, and its headers as the engine wants them. */

import { answered, client, fetchBytes } from "../../api/client";
import type { Fraction, Match } from "../../api/documents";
import type { components } from "../../api/schema";
import { checkedHeader, type VolumeHeader } from "../../engine/volume";
import type { TreatmentSetup } from "../../geometry/correction";
import { patientPosition } from "../../geometry/patient";
import { type Matrix3, type Matrix4, rigidTransform } from "../../geometry/rigid";
import type { Vec3 } from "../../geometry/vector";

type Schemas = components["schemas"];

/** Documents under the names that they have in the service. */
export type PlanningPictures = Schemas["PlanningPictures"];
export type PlannedStructures = Schemas["PlannedStructures"];
export type DailyPictures = Schemas["DailyPictures"];
export type MatchFigures = Schemas["MatchFigures"];
export type StructureDocument = Schemas["StructureDocument"];
export type ViewDocument = Schemas["ViewDocument"];
export type VolumeDocument = Schemas["VolumeHeader"];
export type WindowPreset = Schemas["WindowPreset"];
export type SimilarityAnswer = Schemas["SimilarityAnswer"];
export type ShadowOverlays = Schemas["ShadowOverlays"];
export type HandMatchRequest = Schemas["HandMatchRequest"];

/** Which image of which fraction. */
export interface ImageKey {
  readonly courseId: string;
  readonly number: number;
  readonly uid: string;
}

const IMAGE = "/api/courses/{course_id}/fractions/{number}/images/{uid}";

const path = ({ courseId, number, uid }: ImageKey) => ({ course_id: courseId, number, uid });

/** What is drawn of the plan, but for its structures. */
export const readPlanning = (courseId: string): Promise<PlanningPictures> =>
  answered(client.GET("/api/courses/{course_id}/planning", { params: { path: { course_id: courseId } } }));

/** The structures of the plan. */
export const readStructures = (courseId: string): Promise<PlannedStructures> =>
  answered(
    client.GET("/api/courses/{course_id}/planning/structures", { params: { path: { course_id: courseId } } }),
  );

/** The day's image. */
export const readDaily = (key: ImageKey): Promise<DailyPictures> =>
  answered(client.GET(IMAGE, { params: { path: path(key) } }));

/** Why to believe the engine's match. */
export const readFigures = (key: ImageKey): Promise<MatchFigures> =>
  answered(client.GET(`${IMAGE}/figures`, { params: { path: path(key) } }));

/** What a pose would mean. */
export const askSimilarity = (
  key: ImageKey,
  planningFromDaily: Matrix4,
  signal: AbortSignal,
): Promise<SimilarityAnswer> =>
  answered(
    client.POST(`${IMAGE}/similarity`, {
      params: { path: path(key) },
      body: { planning_from_daily: [...planningFromDaily] },
      signal,
    }),
  );

/** What lies over a radiograph for a pose. */
export const askOverlays = (
  key: ImageKey,
  index: number,
  planningFromDaily: Matrix4,
  signal: AbortSignal,
): Promise<ShadowOverlays> =>
  answered(
    client.POST(`${IMAGE}/views/{index}/overlays`, {
      params: { path: { ...path(key), index } },
      body: { planning_from_daily: [...planningFromDaily], is_quick: false },
      signal,
    }),
  );

/**
 * The radiograph that the CT casts for a pose: one byte a pixel, as large as the view.
 *
 * @param isQuick - With half the detail and soon: for a pose that is about to be left.
 */
export async function askDrr(
  key: ImageKey,
  index: number,
  planningFromDaily: Matrix4,
  isQuick: boolean,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const [course, image] = [encodeURIComponent(key.courseId), encodeURIComponent(key.uid)];
  const address = `/api/courses/${course}/fractions/${key.number}/images/${image}/views/${index}/drr`;
  const body = { planning_from_daily: [...planningFromDaily], is_quick: isQuick };
  return new Uint8Array(await fetchBytes(address, body, signal));
}

/** Send a position that a person found. */
export const useHandMatch = (courseId: string, number: number, body: HandMatchRequest): Promise<Fraction> =>
  answered(
    client.POST("/api/courses/{course_id}/fractions/{number}/match", {
      params: { path: { course_id: courseId, number } },
      body,
    }),
  );

/** Three numbers of a document. */
export function three(values: readonly number[]): Vec3 {
  const [x, y, z] = values;
  if (values.length !== 3 || x === undefined || y === undefined || z === undefined) {
    throw new Error(`three numbers were expected, not ${values.length}; load the page again`);
  }
  return [x, y, z];
}

/** A header as the engine wants it. */
export function headerOf(document: VolumeDocument): VolumeHeader {
  return checkedHeader({
    sizeIjk: three(document.size),
    spacingMm: three(document.spacing_mm),
    originMm: three(document.origin_mm),
    direction: document.direction as readonly number[] as Matrix3,
  });
}

/** What connects the registration with the room. */
export function setupOf(planning: PlanningPictures, daily: DailyPictures): TreatmentSetup {
  return {
    planIsocentreMm: three(planning.isocentre_mm),
    machineIsocentreMm: three(daily.machine_isocentre_mm),
    patientPosition: patientPosition(planning.patient_position),
  };
}

/** The pose of a match; null where it gives none. */
export function poseOfMatch(match: Match | null | undefined): Matrix4 | null {
  const values = match?.planning_from_daily;
  return values ? rigidTransform("planning from daily", values) : null;
}

/** The engine's newest match of an image that gives a pose. */
export function engineMatch(fraction: Fraction, uid: string): Match | null {
  return (
    fraction.matches.findLast(
      (match) => !match.is_by_hand && match.image_uid === uid && match.planning_from_daily !== null,
    ) ?? null
  );
}

/** The 24 cases of the reference beside the checkout, made with an independent script; skipped where it is absent. */

import { describe, expect, test } from "vitest";
import { couchCorrection } from "./correction";
import { correctedPose } from "./couch";
import { patientPosition } from "./patient";
import { rigidTransform } from "./rigid";
import type { Vec3 } from "./vector";

interface ReferenceCase {
  readonly name: string;
  readonly patient_position: string;
  readonly plan_iso: Vec3;
  readonly machine_iso_in_image: Vec3;
  readonly reg_matrix_image_to_plan: readonly number[];
  readonly expect: Readonly<Record<"lat" | "lng" | "vrt" | "yaw" | "pitch" | "roll", number>>;
  readonly couch0: Vec3;
  readonly couch1: Vec3;
}

const files = import.meta.glob<readonly ReferenceCase[]>(
  "../../../../shared/reference/geometry-vectors.json",
  {
    eager: true,
    import: "default",
  },
);
const cases = Object.values(files).flat();

describe.skipIf(cases.length === 0)("the reference cases", () => {
  test("are 24", () => {
    expect(cases).toHaveLength(24);
  });

  test.each(cases)("$name in $patient_position", (reference) => {
    const correction = couchCorrection(rigidTransform(reference.name, reference.reg_matrix_image_to_plan), {
      planIsocentreMm: reference.plan_iso,
      machineIsocentreMm: reference.machine_iso_in_image,
      patientPosition: patientPosition(reference.patient_position),
    });
    const wanted = reference.expect;
    // The reference is written to ten decimals of the matrix and four of the couch.
    expect(correction.lateralMm).toBeCloseTo(wanted.lat, 6);
    expect(correction.longitudinalMm).toBeCloseTo(wanted.lng, 6);
    expect(correction.verticalMm).toBeCloseTo(wanted.vrt, 6);
    expect(correction.yawDeg).toBeCloseTo(wanted.yaw, 6);
    expect(correction.pitchDeg).toBeCloseTo(wanted.pitch, 6);
    expect(correction.rollDeg).toBeCloseTo(wanted.roll, 6);

    const [lateralMm, longitudinalMm, verticalMm] = reference.couch0;
    const level = { pitchDeg: 0, rollDeg: 0, supportDeg: 0, eccentricDeg: 0, eccentricDistanceMm: 0 };
    const pose = correctedPose({ lateralMm, longitudinalMm, verticalMm, ...level }, correction);
    expect(pose.lateralMm).toBeCloseTo(reference.couch1[0], 3);
    expect(pose.longitudinalMm).toBeCloseTo(reference.couch1[1], 3);
    expect(pose.verticalMm).toBeCloseTo(reference.couch1[2], 3);
  });
});

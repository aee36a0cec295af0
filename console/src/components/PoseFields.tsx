import { type Signal, useSignal } from "@preact/signals";
import type { CouchPose, Fraction } from "../api/documents";
import { COUCH_AXES } from "./axes";
import { NumberField } from "./Fields";
import { plain, typedNumber } from "./format";
import { COUCH_AT_ZERO } from "./words";

type TypedAxis = (typeof COUCH_AXES)[number]["key"];

/** A couch reading as somebody types it. */
export type TypedPose = Readonly<Record<TypedAxis, string>>;

/** What of a fraction decides which fields there are. */
export type CouchFacts = Pick<Fraction, "degrees_of_freedom" | "expected_pose" | "yaw_axis">;

/** True where the table top turns about its own axis, so that its angle has to be read. */
export const hasEccentric = (fraction: CouchFacts): boolean =>
  fraction.yaw_axis === "eccentric" || Boolean(fraction.expected_pose?.eccentric_deg);

const LIMIT = { mm: 2000, "°": 360 } as const;

/**
 * What stands in the fields of a new reading: nothing, but a visible zero for turns that the protocol does not
 * use and that nobody expects.
 */
export function emptyPose(fraction: CouchFacts): TypedPose {
  const isUnused = (key: TypedAxis): boolean => {
    if (key === "eccentric_deg") {
      return !hasEccentric(fraction);
    }
    const isTilt = key === "pitch_deg" || key === "roll_deg";
    return isTilt ? fraction.degrees_of_freedom < 6 : fraction.degrees_of_freedom === 3;
  };
  const entries = COUCH_AXES.map(({ key, unit }) => {
    const isExpected = Boolean(fraction.expected_pose?.[key]);
    return [key, unit === "°" && isUnused(key) && !isExpected ? "0.0" : ""] as const;
  });
  return Object.fromEntries(entries) as TypedPose;
}

/** The fields filled with a reading that is known. */
export function poseAsTyped(pose: CouchPose): TypedPose {
  const entries = COUCH_AXES.map(({ key }) => [key, plain(pose[key], 1)] as const);
  return Object.fromEntries(entries) as TypedPose;
}

/** What is wrong with one field; empty where nothing is. */
export function axisProblem(text: string, unit: "mm" | "°"): string {
  const value = typedNumber(text);
  if (value === null) {
    return text.trim() === "" ? "Not read yet" : "Not a number";
  }
  return Math.abs(value) > LIMIT[unit] ? `Beyond ±${LIMIT[unit]}${unit === "mm" ? " mm" : "°"}` : "";
}

/**
 * Read the fields; null while one of them holds no number.
 *
 * @param known - A reading of the same couch: how far its eccentric axis is from the isocentre is no drive, so
 * nobody reads it.
 */
export function typedCouch(typed: TypedPose, known: CouchPose | null): CouchPose | null {
  if (COUCH_AXES.some(({ key, unit }) => axisProblem(typed[key], unit) !== "")) {
    return null;
  }
  const entries = COUCH_AXES.map(({ key }) => [key, typedNumber(typed[key])] as const);
  const distance = { eccentric_distance_mm: known?.eccentric_distance_mm ?? 0 };
  return { ...COUCH_AT_ZERO, ...distance, ...(Object.fromEntries(entries) as Record<TypedAxis, number>) };
}

/** What is typed so far, for a comparison while typing. */
export function typedSoFar(typed: TypedPose): { [Key in TypedAxis]: number | null } {
  const entries = COUCH_AXES.map(({ key }) => [key, typedNumber(typed[key])] as const);
  return Object.fromEntries(entries) as { [Key in TypedAxis]: number | null };
}

/** The fields of one reading, kept while the view is shown. */
export const usePoseFields = (fraction: CouchFacts): Signal<TypedPose> => useSignal(emptyPose(fraction));

/** Fields for a couch reading, in the order of the couch's own display. */
export function PoseFields(props: { typed: Signal<TypedPose>; legend: string; fraction: CouchFacts }) {
  const { typed, legend, fraction } = props;
  const isShown = (key: TypedAxis) => key !== "eccentric_deg" || hasEccentric(fraction);
  return (
    <fieldset class="pose-fields">
      <legend>{legend}</legend>
      {COUCH_AXES.filter(({ key }) => isShown(key)).map(({ key, short, unit }) => {
        const text = typed.value[key];
        const problem = text.trim() === "" ? "" : axisProblem(text, unit);
        return (
          <NumberField
            key={key}
            label={short}
            unit={unit}
            value={text}
            problem={problem}
            onInput={(next) => {
              typed.value = { ...typed.value, [key]: next };
            }}
          />
        );
      })}
    </fieldset>
  );
}

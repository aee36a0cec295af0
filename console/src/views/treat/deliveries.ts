import type { BeamLine } from "../../api/documents";
import type { components } from "../../api/schema";
import { typedNumber } from "../../components/format";

export type Delivery = components["schemas"]["BeamDelivery"];
export type Ended = Delivery["ended"];

/** What staff typed of one beam. */
export interface TypedDelivery {
  mu: string;
  /** Empty while nobody said it. */
  ended: Ended | "";
}

/** Take a typed meterset: a beam that gave all that was left ended normally; anything else has to be said. */
export function withMeterset(beam: BeamLine, typed: TypedDelivery, mu: string): TypedDelivery {
  const value = typedNumber(mu);
  const isAll = value !== null && Math.abs(beam.delivered_mu + value - beam.planned_mu) <= 0.05;
  return { mu, ended: isAll ? "NORMAL" : typed.ended === "NORMAL" ? "" : typed.ended };
}

/** What is wrong with what was typed for a beam; more than planned is possible and has to be recorded. */
export function deliveryProblem(typed: TypedDelivery): string {
  const value = typedNumber(typed.mu);
  return typed.mu.trim() !== "" && (value === null || value < 0) ? "Not a meterset" : "";
}

/** More than the plan has left: the user reads it twice before it is recorded. */
export function isMoreThanPlanned(beam: BeamLine, typed: TypedDelivery): boolean {
  const value = typedNumber(typed.mu);
  return value !== null && beam.delivered_mu + value > beam.planned_mu + 0.05;
}

/** What is sent: the beams that something was typed for; null where one cannot be read or none is typed. */
export function deliveriesOf(
  beams: readonly BeamLine[],
  typed: Readonly<Record<number, TypedDelivery>>,
): Delivery[] | null {
  const found: Delivery[] = [];
  for (const beam of beams) {
    const one = typed[beam.number];
    if (one === undefined || one.mu.trim() === "") {
      continue;
    }
    const value = typedNumber(one.mu);
    if (value === null || value < 0 || one.ended === "") {
      return null;
    }
    found.push({ beam_number: beam.number, delivered_mu: value, ended: one.ended });
  }
  return found.length === 0 ? null : found;
}

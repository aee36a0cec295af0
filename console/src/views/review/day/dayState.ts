/** What somebody looks at of a day: its image on the plan, structures as planned and as they are today over it. */

import { type Signal, signal } from "@preact/signals";
import type { AlignSession } from "../../align/alignSession";
import type { StructureDocument } from "../../align/documents";
import { type Pictures, structureId } from "../../align/pictures";

/** Identifier of a structure as it is today among the scalar volumes. */
export const todayId = (number: number): string => `today ${number}`;

/** See the top of this file; what is drawn besides is loaded by those who draw it. */
export abstract class DayState {
  readonly session: AlignSession;
  /** As they are today, daily LPS. */
  readonly today: readonly StructureDocument[];
  readonly hasPlanned: Signal<boolean>;
  readonly hasToday: Signal<boolean> = signal(true);

  constructor(session: AlignSession, today: readonly StructureDocument[], hasPlanned: boolean) {
    this.session = session;
    this.today = today;
    this.hasPlanned = signal(hasPlanned);
    session.look.mode.value = "daily";
    session.layers.uncertainty.value = false;
    // Its lines are drawn with those of today, each in a style of its own.
    session.layers.structures.value = false;
  }

  /** Whether all that this view adds to the images is there. */
  get isLoaded(): boolean {
    return true;
  }

  /** The structures as planned that are there today too. */
  planned(): readonly StructureDocument[] {
    const today = new Set(this.today.map(({ name }) => name));
    return (this.session.structures.value?.structures ?? []).filter(({ name }) => today.has(name));
  }

  /** Load what this view adds to the images. */
  protected abstract loadOwn(pictures: Pictures): Promise<void>;

  /** Load all of it: what is seen first comes first. */
  async loadAll(pictures: Pictures): Promise<void> {
    await Promise.all([pictures.loadImage("daily"), pictures.loadImage("planning"), this.loadOwn(pictures)]);
    for (const { number, distance } of this.today) {
      await pictures.loadScalar(todayId(number), distance, "daily");
    }
    await pictures.loadStructures();
  }

  /** The lines that are wanted; read inside an effect, it follows. */
  outlines(): readonly string[] {
    const today = this.hasToday.value ? this.today.map(({ number }) => todayId(number)) : [];
    const planned = this.hasPlanned.value ? this.planned().map(({ number }) => structureId(number)) : [];
    return [...planned, ...today];
  }
}

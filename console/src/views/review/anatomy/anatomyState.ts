/** What somebody looks at of an assessment: which plan lies under the day's image, and what is drawn over it. */

import { type Signal, signal } from "@preact/signals";
import { fetchBytes } from "../../../api/client";
import type { DeformationPictures } from "../../../api/documents";
import type { AlignSession } from "../../align/alignSession";
import { headerOf, type StructureDocument, type VolumeDocument } from "../../align/documents";
import { type Pictures, structureId } from "../../align/pictures";
import { Field } from "./field";

/** How the displacement is drawn. */
export const SHOWN = ["grid", "arrows", "nothing"] as const;
export type Shown = (typeof SHOWN)[number];

/** Identifier of a structure as it is today among the scalar volumes. */
export const todayId = (number: number): string => `today ${number}`;

/** See the top of this file. */
export class AnatomyState {
  readonly session: AlignSession;
  readonly pictures: DeformationPictures;
  /** Null until it is there. */
  readonly field: Signal<Field | null> = signal(null);
  /** Why there is no field; empty while it may come. */
  readonly noField: Signal<string> = signal("");
  /** Whether the plan is shown in the day's body, and not as the rigid match lays it. */
  readonly isDeformed: Signal<boolean> = signal(false);
  readonly shown: Signal<Shown> = signal("grid");
  readonly hasWash: Signal<boolean> = signal(false);
  readonly hasPlanned: Signal<boolean> = signal(true);
  readonly hasToday: Signal<boolean> = signal(true);

  constructor(session: AlignSession, pictures: DeformationPictures) {
    this.session = session;
    this.pictures = pictures;
    session.look.mode.value = "daily";
    session.layers.uncertainty.value = false;
    // Its lines are drawn with those of today, each in a style of its own.
    session.layers.structures.value = false;
  }

  /** The structures as planned that are there today too. */
  planned(): readonly StructureDocument[] {
    const today = new Set(this.pictures.structures.map(({ name }) => name));
    return (this.session.structures.value?.structures ?? []).filter(({ name }) => today.has(name));
  }

  /** Put the plan as planned, or in the day's body, under the day's image. */
  show(isDeformed: boolean): void {
    this.isDeformed.value = isDeformed;
    this.session.underlay.value = isDeformed ? this.pictures.plan : null;
  }

  /** Load all of it: what is seen first comes first. */
  async loadAll(pictures: Pictures): Promise<void> {
    await Promise.all([pictures.loadImage("daily"), pictures.loadImage("planning"), this.#loadField()]);
    for (const { number, distance } of this.pictures.structures) {
      await pictures.loadScalar(todayId(number), distance, "daily");
    }
    await pictures.loadStructures();
    await this.#keepAtHand();
  }

  /** The lines that are wanted; read inside an effect, it follows. */
  outlines(): readonly string[] {
    const today = this.hasToday.value ? this.pictures.structures.map(({ number }) => todayId(number)) : [];
    const planned = this.hasPlanned.value ? this.planned().map(({ number }) => structureId(number)) : [];
    return [...planned, ...today];
  }

  async #loadField(): Promise<void> {
    const { shift_x, shift_y, shift_z, volume_ratio } = this.pictures;
    try {
      const [x, y, z, ratio] = await Promise.all([shift_x, shift_y, shift_z, volume_ratio].map(valuesOf));
      this.field.value = new Field(headerOf(shift_x), { x: x!, y: y!, z: z!, ratio: ratio! });
    } catch (error) {
      this.noField.value = error instanceof Error ? error.message : String(error);
    }
  }

  /** Both plans stay in memory, so that they take each other's place at once. */
  async #keepAtHand(): Promise<void> {
    const { atHand, planning } = this.session;
    for (const volume of [planning.volume, this.pictures.plan]) {
      try {
        atHand.set(volume.sha256, await fetchBytes(volume.address));
      } catch {
        // It is fetched when it is shown, and says then why it does not come.
      }
    }
  }
}

async function valuesOf(volume: VolumeDocument): Promise<Int16Array> {
  return new Int16Array(await fetchBytes(volume.address));
}

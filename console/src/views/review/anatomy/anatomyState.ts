/** What somebody looks at of an assessment: which plan lies under the day's image, and what is drawn over it. */

import { type Signal, signal } from "@preact/signals";
import { fetchBytes } from "../../../api/client";
import type { DeformationPictures } from "../../../api/documents";
import { rigidTransform } from "../../../geometry/rigid";
import { AlignSession } from "../../align/alignSession";
import { headerOf, type ImageKey, readDaily, readPlanning, type VolumeDocument } from "../../align/documents";
import type { Pictures } from "../../align/pictures";
import { DayState } from "../day/dayState";
import { Field } from "./field";

/** How the displacement is drawn. */
export const SHOWN = ["grid", "arrows", "nothing"] as const;
export type Shown = (typeof SHOWN)[number];

/** See the top of this file. */
export class AnatomyState extends DayState {
  readonly pictures: DeformationPictures;
  /** Null until it is there. */
  readonly field: Signal<Field | null> = signal(null);
  /** Why there is no field; empty while it may come. */
  readonly noField: Signal<string> = signal("");
  /** Whether the plan is shown in the day's body, and not as the rigid match lays it. */
  readonly isDeformed: Signal<boolean> = signal(false);
  readonly shown: Signal<Shown> = signal("grid");
  readonly hasWash: Signal<boolean> = signal(false);

  constructor(session: AlignSession, pictures: DeformationPictures) {
    super(session, pictures.structures, true);
    this.pictures = pictures;
  }

  override get isLoaded(): boolean {
    return this.field.value !== null;
  }

  /** Put the plan as planned, or in the day's body, under the day's image. */
  show(isDeformed: boolean): void {
    this.isDeformed.value = isDeformed;
    this.session.underlay.value = isDeformed ? this.pictures.plan : null;
  }

  override async loadAll(pictures: Pictures): Promise<void> {
    await super.loadAll(pictures);
    await this.#keepAtHand();
  }

  protected override async loadOwn(): Promise<void> {
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

/** Open what is drawn of an assessment. */
export async function openAnatomy(key: ImageKey, pictures: DeformationPictures): Promise<AnatomyState> {
  const [planning, daily] = await Promise.all([readPlanning(key.courseId), readDaily(key)]);
  // The pose of the assessment, not the one that counts now: lines and images belong together.
  const pose = rigidTransform("planning from daily", pictures.planning_from_daily);
  return new AnatomyState(new AlignSession(key, planning, daily, pose), pictures);
}

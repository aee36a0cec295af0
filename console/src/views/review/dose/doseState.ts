/** What somebody looks at of the dose of a day: the day's image on the plan, isodoses and structures over it. */

import { type Signal, signal } from "@preact/signals";
import type { DosePictures } from "../../../api/documents";
import { rigidTransform } from "../../../geometry/rigid";
import { AlignSession } from "../../align/alignSession";
import type { DailyPictures, ImageKey, PlanningPictures, StructureDocument } from "../../align/documents";
import { DOSE, type Pictures, structureId } from "../../align/pictures";
import { todayId } from "../anatomy/anatomyState";

/** See the top of this file. */
export class DoseState {
  readonly session: AlignSession;
  readonly pictures: DosePictures;
  readonly hasPlanned: Signal<boolean> = signal(false);
  readonly hasToday: Signal<boolean> = signal(true);

  constructor(key: ImageKey, planning: PlanningPictures, daily: DailyPictures, pictures: DosePictures) {
    // The pose of the dose, not the one that counts now: lines and images belong together.
    const pose = rigidTransform("planning from daily", pictures.planning_from_daily);
    // The viewer's isodoses are those of the day: the planned dose is never drawn here under the same signs.
    this.session = new AlignSession(key, { ...planning, dose: pictures.dose }, daily, pose);
    this.pictures = pictures;
    this.session.look.mode.value = "daily";
    const { uncertainty, structures, isodoses } = this.session.layers;
    uncertainty.value = false;
    // Their lines are drawn with those of today, each in a style of its own.
    structures.value = false;
    isodoses.value = true;
  }

  /** The structures as planned that are there today too. */
  planned(): readonly StructureDocument[] {
    const today = new Set(this.pictures.structures.map(({ name }) => name));
    return (this.session.structures.value?.structures ?? []).filter(({ name }) => today.has(name));
  }

  /** Load all of it: what is seen first comes first. */
  async loadAll(pictures: Pictures): Promise<void> {
    await Promise.all([pictures.loadImage("daily"), pictures.loadImage("planning")]);
    const { dose, is_in_daily, structures } = this.pictures;
    await pictures.loadScalar(DOSE, dose.volume, is_in_daily ? "daily" : "planning");
    for (const { number, distance } of structures) {
      await pictures.loadScalar(todayId(number), distance, "daily");
    }
    await pictures.loadStructures();
  }

  /** The outlines that are wanted; read inside an effect, it follows. */
  outlines(): readonly string[] {
    const today = this.hasToday.value ? this.pictures.structures.map(({ number }) => todayId(number)) : [];
    const planned = this.hasPlanned.value ? this.planned().map(({ number }) => structureId(number)) : [];
    return [...planned, ...today];
  }
}

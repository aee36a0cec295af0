/** What somebody looks at of the dose of a day: isodoses over the day's image. */

import type { DosePictures } from "../../../api/documents";
import { rigidTransform } from "../../../geometry/rigid";
import { AlignSession } from "../../align/alignSession";
import {
  type DailyPictures,
  type ImageKey,
  type PlanningPictures,
  readDaily,
  readPlanning,
} from "../../align/documents";
import { DOSE, type Pictures } from "../../align/pictures";
import { DayState } from "../day/dayState";

/** See the top of this file. */
export class DoseState extends DayState {
  readonly #pictures: DosePictures;

  constructor(key: ImageKey, planning: PlanningPictures, daily: DailyPictures, pictures: DosePictures) {
    // The pose of the dose, not the one that counts now: lines and images belong together.
    const pose = rigidTransform("planning from daily", pictures.planning_from_daily);
    // The viewer's isodoses are those of the day: the planned dose is never drawn here under the same signs.
    const session = new AlignSession(key, { ...planning, dose: pictures.dose }, daily, pose);
    super(session, pictures.structures, false);
    this.#pictures = pictures;
    session.layers.isodoses.value = true;
  }

  protected override async loadOwn(pictures: Pictures): Promise<void> {
    const { dose, is_in_daily } = this.#pictures;
    await pictures.loadScalar(DOSE, dose.volume, is_in_daily ? "daily" : "planning");
  }
}

/** Open what is drawn of a dose. */
export async function openDose(key: ImageKey, pictures: DosePictures): Promise<DoseState> {
  const [planning, daily] = await Promise.all([readPlanning(key.courseId), readDaily(key)]);
  return new DoseState(key, planning, daily, pictures);
}

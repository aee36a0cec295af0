import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Anatomy, Course, DeformationPictures, Fraction } from "../../../api/documents";
import { Button } from "../../../components/Button";
import { Notice } from "../../../components/Notice";
import { rigidTransform } from "../../../geometry/rigid";
import { AlignSession } from "../../align/alignSession";
import { readDaily, readPlanning } from "../../align/documents";
import { AnatomyState } from "./anatomyState";
import { DeformationViews } from "./DeformationViews";
import { standingOf } from "./verdictWords";

type Opened =
  | { readonly kind: "closed" }
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly sentence: string }
  | { readonly kind: "open"; readonly state: AnatomyState };

export interface DeformationDeskProps {
  readonly course: Course;
  readonly fraction: Fraction;
  readonly uid: string;
  readonly anatomy: Anatomy;
}

/** The slices of an assessment: opened when somebody wants them, because the images are large. */
export function DeformationDesk({ course, fraction, uid, anatomy }: DeformationDeskProps) {
  const opened = useSignal<Opened>({ kind: "closed" });
  const isGone = useSignal(false);
  useEffect(
    () => () => {
      isGone.value = true;
    },
    [isGone],
  );
  const { pictures, assessment } = anatomy;
  if (pictures === null || assessment === null) {
    return null;
  }
  const open = async () => {
    opened.value = { kind: "loading" };
    const result = await openDesk(course.course_id, fraction.number, uid, pictures);
    if (!isGone.peek()) {
      opened.value = result;
    }
  };
  const now = opened.value;
  switch (now.kind) {
    case "closed":
      return (
        <div class="buttons">
          <Button tone="primary" onClick={() => void open()}>
            Look at the deformation
          </Button>
        </div>
      );
    case "loading":
      return <p class="empty dim">The images are opened.</p>;
    case "failed":
      return (
        <Notice tone="bad">
          The images were not opened: {now.sentence} <Button onClick={() => void open()}>Load again</Button>
        </Notice>
      );
    default:
      return <DeformationViews state={now.state} fraction={fraction} standing={standingOf(assessment)} />;
  }
}

async function openDesk(
  courseId: string,
  number: number,
  uid: string,
  pictures: DeformationPictures,
): Promise<Opened> {
  try {
    const key = { courseId, number, uid };
    const [planning, daily] = await Promise.all([readPlanning(courseId), readDaily(key)]);
    // The pose of the assessment, not the one that counts now: lines and images belong together.
    const pose = rigidTransform("planning from daily", pictures.planning_from_daily);
    return {
      kind: "open",
      state: new AnatomyState(new AlignSession(key, planning, daily, pose), pictures),
    };
  } catch (error) {
    return { kind: "failed", sentence: error instanceof Error ? error.message : String(error) };
  }
}

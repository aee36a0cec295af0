import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Course, Fraction } from "../../api/documents";
import { Button } from "../../components/Button";
import { Notice } from "../../components/Notice";
import { AlignSession } from "./alignSession";
import { engineMatch, type ImageKey, poseOfMatch, readDaily, readPlanning } from "./documents";
import { PlaneDesk } from "./PlaneDesk";
import { ShadowDesk } from "./ShadowDesk";

type Opened =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly sentence: string }
  | { readonly kind: "open"; readonly session: AlignSession };

export interface AlignImageProps {
  readonly course: Course;
  readonly fraction: Fraction;
  readonly uid: string;
  /** Told whether a position of the hand would be lost. */
  readonly hasDraft: Signal<boolean>;
}

/** One image of the day: what it needs is read first. */
export function AlignImage({ course, fraction, uid, hasDraft }: AlignImageProps) {
  const opened = useSignal<Opened>({ kind: "loading" });
  const tries = useSignal(0);
  useEffect(() => {
    let isGone = false;
    const key = { courseId: course.course_id, number: fraction.number, uid };
    opened.value = { kind: "loading" };
    void open(key, fraction).then((result) => {
      if (!isGone) {
        opened.value = result;
      }
    });
    return () => {
      isGone = true;
    };
    // The match that the hand begins with is followed later; only another image is opened anew.
  }, [course.course_id, fraction.number, uid, tries.value]);
  const now = opened.value;
  if (now.kind === "loading") {
    return <p class="empty dim">The images are opened.</p>;
  }
  if (now.kind === "failed") {
    return (
      <div class="align-empty">
        <Notice tone="bad">
          The images were not opened: {now.sentence}{" "}
          <Button
            onClick={() => {
              tries.value += 1;
            }}
          >
            Load again
          </Button>
        </Notice>
      </div>
    );
  }
  const desk = { course, fraction, session: now.session, hasDraft };
  return now.session.daily.kind === "radiographs" ? <ShadowDesk {...desk} /> : <PlaneDesk {...desk} />;
}

async function open(key: ImageKey, fraction: Fraction): Promise<Opened> {
  try {
    const [planning, daily] = await Promise.all([readPlanning(key.courseId), readDaily(key)]);
    const newest = fraction.matches.at(-1);
    const counts = newest?.image_uid === key.uid ? newest : engineMatch(fraction, key.uid);
    const session = new AlignSession(key, planning, daily, poseOfMatch(counts));
    return { kind: "open", session };
  } catch (error) {
    return { kind: "failed", sentence: error instanceof Error ? error.message : String(error) };
  }
}

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Course, Fraction } from "../../api/documents";
import { Button } from "../../components/Button";
import { timeOfDay } from "../../components/format";
import { Notice } from "../../components/Notice";
import { AlignImage } from "./AlignImage";
import "./align.css";
import "../../components/viewer/tools.css";
import "../../components/viewer/viewer.css";

/** The day's image over the planning image: look, match by hand, decide. */
export function AlignView({ course, fraction }: { course: Course; fraction: Fraction }) {
  const newest = fraction.images.findLast(({ is_kept }) => is_kept) ?? null;
  const shownUid = useSignal<string | null>(newest?.uid ?? null);
  const hasDraft = useSignal(false);
  useEffect(() => {
    // A newer image takes the screen by itself, but never from under somebody's hand.
    if (newest !== null && !hasDraft.peek()) {
      shownUid.value = newest.uid;
    }
  }, [newest, shownUid, hasDraft]);
  const shown = fraction.images.find(({ uid }) => uid === shownUid.value) ?? null;
  if (newest === null || shown === null) {
    return (
      <div class="align-empty">
        <Notice tone="warn">{noImageWords(fraction)}</Notice>
      </div>
    );
  }
  return (
    <div class="align">
      {shown.uid === newest.uid ? null : (
        <Notice tone="bad">
          A newer image was taken at {timeOfDay(newest.acquired_at)}. What is on the screen is the image of{" "}
          {timeOfDay(shown.acquired_at)}, with your draft on it; nothing can be used or approved on it.{" "}
          <Button
            onClick={() => {
              hasDraft.value = false;
              shownUid.value = newest.uid;
            }}
          >
            Show the newest image and drop the draft
          </Button>
        </Notice>
      )}
      <AlignImage key={shown.uid} course={course} fraction={fraction} uid={shown.uid} hasDraft={hasDraft} />
    </div>
  );
}

function noImageWords(fraction: Fraction): string {
  if (fraction.images.length > 0) {
    return "The files of this fraction's image were not kept, so it cannot be shown: look at it at the machine.";
  }
  return fraction.no_image_because === ""
    ? "There is no image of this fraction yet: take one first."
    : `There is no image of this fraction: ${fraction.no_image_because}`;
}

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { DayDoseRecord, DosePictures, Fraction } from "../../../api/documents";
import { Button } from "../../../components/Button";
import { Notice } from "../../../components/Notice";
import { type ImageKey, readDaily, readPlanning } from "../../align/documents";
import { DoseViews } from "./DoseViews";
import { DoseState } from "./doseState";
import { standingOf } from "./doseWords";

type Opened =
  | { readonly kind: "closed" }
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly sentence: string }
  | { readonly kind: "open"; readonly state: DoseState };

/** The slices under the dose: opened when somebody wants them, because the images are large. */
export function DoseDesk(props: {
  readonly fraction: Fraction;
  readonly uid: string;
  readonly dose: DayDoseRecord;
  readonly pictures: DosePictures;
}) {
  const { fraction, uid, dose, pictures } = props;
  const opened = useSignal<Opened>({ kind: "closed" });
  const isGone = useSignal(false);
  useEffect(
    () => () => {
      isGone.value = true;
    },
    [isGone],
  );
  const open = async () => {
    opened.value = { kind: "loading" };
    const result = await openDesk({ courseId: fraction.course_id, number: fraction.number, uid }, pictures);
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
            Look at the isodoses
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
      return <DoseViews state={now.state} fraction={fraction} standing={standingOf(dose)} />;
  }
}

async function openDesk(key: ImageKey, pictures: DosePictures): Promise<Opened> {
  try {
    const [planning, daily] = await Promise.all([readPlanning(key.courseId), readDaily(key)]);
    return { kind: "open", state: new DoseState(key, planning, daily, pictures) };
  } catch (error) {
    return { kind: "failed", sentence: error instanceof Error ? error.message : String(error) };
  }
}

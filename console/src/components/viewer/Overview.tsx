import { type ReadonlySignal, useComputed, useSignal, useSignalEffect } from "@preact/signals";
import type { Probe } from "../../engine/engine";
import { couchCorrection } from "../../geometry/correction";
import { planeThrough } from "../../geometry/planes";
import { isocentreEllipse, sizeWords } from "../../overlay/uncertainty";
import { AXES, correctionOf, type SixDocument, shortDirection, signed } from "../../state/poseNumbers";
import type { AlignSession } from "../../views/align/alignSession";
import type { Pictures } from "../../views/align/pictures";
import { ORIENTATIONS } from "../../views/align/planeState";
import { regionShifts, shiftsWords } from "../../views/align/ultrasound";

export interface OverviewProps {
  readonly session: AlignSession;
  readonly pictures: Pictures;
  readonly deviation: ReadonlySignal<SixDocument | null>;
  readonly deviationOf: ReadonlySignal<string>;
  readonly standingWords: ReadonlySignal<string>;
}

/** The three numbers that move the couch, large, with what is sure about them. */
export function Overview(props: OverviewProps) {
  const { session, pictures, standingWords } = props;
  const hidden = useComputed(() => session.maximised.value !== null);
  return (
    <section class="overview" hidden={hidden} aria-label="The couch moves">
      <p class="standing">{standingWords}</p>
      <dl class="three-numbers">
        {AXES.slice(0, 3).map((words) => (
          <Number3 key={words.axis} session={session} words={words} />
        ))}
      </dl>
      <dl class="three-turns">
        {AXES.slice(3).map((words) => (
          <Number3 key={words.axis} session={session} words={words} />
        ))}
      </dl>
      <Sureness {...props} />
      {session.daily.kind === "ultrasound" ? <Deformation session={session} /> : null}
      <Values session={session} pictures={pictures} />
    </section>
  );
}

function Number3({ session, words }: { session: AlignSession; words: (typeof AXES)[number] }) {
  const value = useComputed(() => signed(session.hand.correction.value[words.axis], words.unit));
  const direction = useComputed(() => shortDirection(words, session.hand.correction.value[words.axis]));
  return (
    <div>
      <dt>{words.short}</dt>
      <dd>
        <b>{value}</b> {words.unit}
      </dd>
      <dd class="direction">{direction}</dd>
    </div>
  );
}

/** The ellipses of the views in words. */
export function Sureness(props: Pick<OverviewProps, "session" | "deviation" | "deviationOf">) {
  const { session, deviation, deviationOf } = props;
  const lines = useComputed(() => {
    const six = deviation.value;
    if (six === null) {
      return "No uncertainty is known for this position.";
    }
    const correction = couchCorrection(session.shownPose.value, session.hand.setup);
    return ORIENTATIONS.map((orientation) => {
      const plane = planeThrough(orientation, session.planIsocentreMm, {
        mmPerPx: 1,
        widthPx: 1,
        heightPx: 1,
      });
      const ellipse = isocentreEllipse(
        correctionOf(six),
        correction,
        session.hand.setup.patientPosition,
        plane,
      );
      return `${orientation} ${sizeWords(ellipse)}`;
    }).join(", ");
  });
  return (
    <p class="small">
      {deviationOf}: <span class="nowrap-parts">{lines}</span>
    </p>
  );
}

/** What the match leaves, beside how sure it is: it is no part of that. */
function Deformation({ session }: { session: AlignSession }) {
  const words = useComputed(() => {
    const residuals = session.figures.value?.residuals ?? [];
    return residuals.length === 0 ? "" : shiftsWords(regionShifts(residuals, session.planIsocentreMm));
  });
  return <p class="small">{words}</p>;
}

/** Values of both images at the crosshair. */
function Values({ session, pictures }: { session: AlignSession; pictures: Pictures }) {
  const words = useSignal("");
  useSignalEffect(() => {
    const atMm = session.crosshairMm.value;
    // Frames follow the pose, and the values of the day's image with them.
    const isSettled = pictures.report.value?.settled ?? false;
    if (!isSettled) {
      return;
    }
    void pictures.probe().then((probe) => {
      if (session.crosshairMm.peek() === atMm) {
        const unit = session.daily.is_hounsfield ? " HU" : "";
        const planningUnit = session.ground.peek() === "ct" ? " HU" : "";
        words.value = `At the crosshair: ${valueWords(probe, planningUnit, unit)}`;
      }
    });
  });
  return <p class="small dim">{words}</p>;
}

function valueWords({ planningHu, dailyHu }: Probe, planningUnit: string, dailyUnit: string): string {
  const word = (value: number | null, unit: string) =>
    value === null ? "not imaged" : `${Math.round(value)}${unit}`;
  return `planning ${word(planningHu, planningUnit)}, day ${word(dailyHu, dailyUnit)}.`;
}

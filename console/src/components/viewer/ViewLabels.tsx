import { type ReadonlySignal, useComputed } from "@preact/signals";
import type { EdgeLetters as Letters, Orientation, Plane } from "../../geometry/planes";
import { intoScreen, orientationLetter } from "../../geometry/planes";
import { dot, opposite, subtract } from "../../geometry/vector";
import { rulerOf } from "../../overlay/ruler";
import type { AlignSession } from "../../views/align/alignSession";
import { MODE_WORDS } from "../../views/align/look";

/** What is written into every view, so that no picture stands without its patient and its dates. */
export interface ViewLabels {
  readonly patient: string;
  readonly planning: string;
  readonly daily: string;
}

/** The letters of the sides of the body at the four edges. */
export function EdgeLetters({ letters }: { letters: ReadonlySignal<Letters> }) {
  const left = useComputed(() => letters.value.left);
  const right = useComputed(() => letters.value.right);
  const top = useComputed(() => letters.value.top);
  const bottom = useComputed(() => letters.value.bottom);
  return (
    <div class="edge-letters" aria-hidden="true">
      <span class="at-left">{left}</span>
      <span class="at-right">{right}</span>
      <span class="at-top">{top}</span>
      <span class="at-bottom">{bottom}</span>
    </div>
  );
}

/** A ruler of a round length. */
export function RulerMark({ drawn }: { drawn: ReadonlySignal<Plane> }) {
  const ruler = useComputed(() => rulerOf(drawn.value.mmPerPx, drawn.value.widthPx || 1));
  const path = useComputed(() => {
    const { lengthMm, lengthPx, markMm } = ruler.value;
    const marks = Array.from({ length: Math.round(lengthMm / markMm) + 1 }, (_, at) => {
      const x = (1 + (at * markMm * lengthPx) / lengthMm).toFixed(1);
      return `M${x} ${at === 0 || at * markMm === lengthMm ? 1 : 5}V11`;
    });
    return `M1 11H${(lengthPx + 1).toFixed(1)}${marks.join("")}`;
  });
  const width = useComputed(() => ruler.value.lengthPx + 2);
  const words = useComputed(() => `${ruler.value.lengthMm} mm`);
  return (
    <div class="ruler">
      <svg width={width} height="12" aria-hidden="true">
        <path d={path} />
      </svg>
      <span>{words}</span>
    </div>
  );
}

const NAMES: Readonly<Record<Orientation, string>> = {
  axial: "Axial",
  coronal: "Coronal",
  sagittal: "Sagittal",
};

const AXES: Readonly<Record<Orientation, string>> = { axial: "z", coronal: "y", sagittal: "x" };

/** Where a plane lies: its coordinate in planning LPS, and how far it is from the isocentre. */
export function positionWords(
  plane: Plane,
  orientation: Orientation,
  isocentreMm: Plane["centreMm"],
): string {
  const axis = { axial: 2, coronal: 1, sagittal: 0 } as const;
  const atMm = plane.centreMm[axis[orientation]];
  const into = intoScreen(plane);
  const fromMm = dot(subtract(plane.centreMm, isocentreMm), into);
  const where = Math.abs(fromMm).toFixed(1);
  const side = orientationLetter(fromMm < 0 ? opposite(into) : into);
  const relative = Number(where) === 0 ? "at the isocentre" : `${where} mm ${side} of the isocentre`;
  const sign = atMm < -0.05 ? "−" : "";
  return `${AXES[orientation]} = ${sign}${Math.abs(atMm).toFixed(1)} mm, ${relative}`;
}

/** Say what a view shows to who cannot see it. */
export function describeView(session: AlignSession, orientation: Orientation, labels: ViewLabels): string {
  const mode = MODE_WORDS[session.look.mode.value];
  const hand = session.isMatching.value ? " Match mode: the arrow keys move the day's image." : "";
  return `${NAMES[orientation]} plane of ${labels.patient}: ${labels.planning} and ${labels.daily}, ${mode}.${hand}`;
}

/** Patient, images, mode, position and windows in the corners. */
export function ViewCorners(props: {
  readonly session: AlignSession;
  readonly orientation: Orientation;
  readonly labels: ViewLabels;
  readonly drawn: ReadonlySignal<Plane>;
}) {
  const { session, orientation, labels, drawn } = props;
  const { look } = session;
  const position = useComputed(() => positionWords(drawn.value, orientation, session.planIsocentreMm));
  const mode = useComputed(() => MODE_WORDS[look.flicker.value ?? look.mode.value]);
  const pose = useComputed(() => (session.isComparing.value ? "AUTOMATIC RESULT" : ""));
  const planningWindow = useComputed(() => windowWords(look.planningWindow.value));
  const dailyWindow = useComputed(() => windowWords(look.dailyWindow.value));
  const swatches = useComputed(() => `corner top-right mode-${look.flicker.value ?? look.mode.value}`);
  return (
    <>
      <div class="corner top-left">
        <b>{labels.patient}</b>
        <span>{NAMES[orientation]}</span>
      </div>
      <p class="corner position">{position}</p>
      <div class={swatches}>
        <span class="swatch-planning">{labels.planning}</span>
        <span class="swatch-daily">{labels.daily}</span>
        <span>{mode}</span>
        <b class="comparing">{pose}</b>
      </div>
      <div class="corner bottom-right">
        <span>Plan {planningWindow}</span>
        <span>Day {dailyWindow}</span>
      </div>
    </>
  );
}

function windowWords(window: { readonly centreHu: number; readonly widthHu: number }): string {
  return `W ${Math.round(window.widthHu)} L ${Math.round(window.centreHu)}`.replace("-", "−");
}

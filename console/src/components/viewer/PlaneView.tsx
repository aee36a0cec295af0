import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { edgeLetters, type Orientation } from "../../geometry/planes";
import { overlayTransform } from "../../overlay/residuals";
import type { SixDocument } from "../../state/poseNumbers";
import type { AlignSession } from "../../views/align/alignSession";
import type { Pictures } from "../../views/align/pictures";
import { drawnPlane, enginePlane } from "./drawnPlane";
import { LoadingNote } from "./LoadingNote";
import { DoseLines, EdgeLines, StructureLines } from "./PlaneLines";
import {
  Crosshair,
  FocusMark,
  IsocentreMark,
  RegionMark,
  ResidualArrows,
  TurnHandle,
  UncertaintyMark,
} from "./PlaneMarks";
import { PlanePointer } from "./planePointer";
import { usePointer } from "./usePointer";
import { describeView, EdgeLetters, RulerMark, ViewCorners, type ViewLabels } from "./ViewLabels";

export interface PlaneViewProps {
  readonly session: AlignSession;
  readonly pictures: Pictures;
  readonly orientation: Orientation;
  readonly labels: ViewLabels;
  /** Standard deviations of the match that is drawn as an ellipse; null where there is none. */
  readonly deviation: ReadonlySignal<SixDocument | null>;
  /** Why the picture must not be relied on; empty while it may. */
  readonly staleWords: ReadonlySignal<string>;
  /** What else lies over the picture, below its letters. */
  readonly children?: ComponentChildren;
}

/** More pixels than this for one of the page would cost time and show nothing. */
const MOST_PIXELS_PER_CSS_PX = 2;

/** One plane of the two images, with everything that is drawn and written over it. */
export function PlaneView(props: PlaneViewProps) {
  const { session, pictures, orientation, labels, deviation, staleWords } = props;
  const box = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const { plane, size } = session.planes[orientation];
  const drawn = useComputed(() => drawnPlane(plane.value, pictures.report.value, orientation));
  const letters = useComputed(() => edgeLetters(drawn.value));
  const viewBox = useComputed(() => `0 0 ${size.value.widthPx || 1} ${size.value.heightPx || 1}`);
  const transform = useComputed(() => overlayTransform(drawn.value));
  const name = useComputed(() => describeView(session, orientation, labels));
  const state = useComputed(
    () =>
      `plane-view${session.focused.value === orientation ? " focused" : ""}${session.isMatching.value ? " matching" : ""}`,
  );
  const hidden = useComputed(
    () => session.maximised.value !== null && session.maximised.value !== orientation,
  );
  useCanvas(props, box, canvas);
  usePointer(
    useMemo(() => new PlanePointer(session, orientation), [session, orientation]),
    box,
  );
  const line = { session, pictures, viewId: orientation, drawn };
  return (
    <section
      ref={box}
      class={state}
      hidden={hidden}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move what is shown in it
      tabIndex={0}
      aria-label={name}
      data-view={orientation}
      onFocus={() => {
        session.focused.value = orientation;
      }}
    >
      <canvas ref={canvas} role="img" aria-label={name} />
      {props.children}
      <svg class="overlay" viewBox={viewBox} aria-hidden="true">
        <g transform={transform}>
          <EdgeLines {...line} />
          <StructureLines {...line} />
          <DoseLines {...line} />
          <RegionMark session={session} drawn={drawn} />
          <ResidualArrows session={session} drawn={drawn} />
        </g>
        <FocusMark session={session} drawn={drawn} />
        <Crosshair session={session} drawn={drawn} />
        <UncertaintyMark session={session} drawn={drawn} deviation={deviation} />
        <IsocentreMark session={session} drawn={drawn} />
        <TurnHandle session={session} drawn={drawn} />
      </svg>
      <EdgeLetters letters={letters} />
      <ViewCorners session={session} orientation={orientation} labels={labels} drawn={drawn} />
      <RulerMark drawn={drawn} />
      <LoadingNote pictures={pictures} />
      <StaleMark words={staleWords} />
    </section>
  );
}

/** Says over the picture that it must not be relied on. */
export function StaleMark({ words }: { words: ReadonlySignal<string> }) {
  const isHidden = useComputed(() => words.value === "");
  return (
    <p class="stale-mark" hidden={isHidden}>
      {words}
    </p>
  );
}

/** Give the canvas to the engine once it has a size, and let its plane follow. */
function useCanvas(
  { session, pictures, orientation }: PlaneViewProps,
  box: { readonly current: HTMLElement | null },
  canvas: { readonly current: HTMLCanvasElement | null },
): void {
  const { plane, size } = session.planes[orientation];
  const isAdded = useRef(false);
  useEffect(() => {
    const element = box.current;
    if (element === null) {
      return;
    }
    const measure = new ResizeObserver(() => {
      // A view that is hidden keeps its last size: nothing is drawn into no room.
      if (element.clientWidth > 0 && element.clientHeight > 0) {
        size.value = { widthPx: element.clientWidth, heightPx: element.clientHeight };
      }
    });
    measure.observe(element);
    return () => {
      measure.disconnect();
      isAdded.current = false;
      pictures.removeView(orientation);
    };
  }, [box, size, pictures, orientation]);
  useSignalEffect(() => {
    const wanted = plane.value;
    if (wanted.widthPx === 0 || canvas.current === null) {
      return;
    }
    const drawn = enginePlane(wanted, Math.min(MOST_PIXELS_PER_CSS_PX, devicePixelRatio));
    if (isAdded.current) {
      pictures.setPlane(orientation, drawn);
    } else {
      isAdded.current = true;
      pictures.addView(orientation, canvas.current, drawn);
    }
  });
}

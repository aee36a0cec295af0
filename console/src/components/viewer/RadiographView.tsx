import type { ReadonlySignal } from "@preact/signals";
import { useComputed, useSignalEffect } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { tickMs } from "../../state/clock";
import type { AlignSession } from "../../views/align/alignSession";
import { shadowId } from "../../views/align/alignSession";
import type { ShadowState } from "../../views/align/shadow";
import { Button } from "../Button";
import { seconds } from "../format";
import { Notice } from "../Notice";
import { StaleMark } from "./PlaneView";
import { fusedPixels } from "./radiographPixels";
import { MarkerList, ShadowOverlay } from "./ShadowOverlay";
import { ShadowPointer } from "./shadowPointer";
import { usePointer } from "./usePointer";
import type { ViewLabels } from "./ViewLabels";

export interface RadiographViewProps {
  readonly session: AlignSession;
  readonly state: ShadowState;
  readonly labels: ViewLabels;
  /** What of the two is drawn: both fused, or the shadow of the planning CT alone beside it. */
  readonly part: "fused" | "shadow";
  readonly staleWords: ReadonlySignal<string>;
}

/** A radiograph with the shadow of the planning CT over it, or that shadow alone. */
export function RadiographView(props: RadiographViewProps) {
  const { session, state, labels, part, staleWords } = props;
  const { view } = state;
  const id = shadowId(view.index);
  const box = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const frame = useComputed(
    () =>
      `plane-view radiograph${session.focused.value === id && part === "fused" ? " focused" : ""}${session.isMatching.value && part === "fused" ? " matching" : ""}`,
  );
  const hidden = useComputed(
    () => session.maximised.value !== null && !(session.maximised.value === id && part === "fused"),
  );
  const scale = useComputed(() => {
    const [x, y] = session.shadowPanPx.value;
    return `transform: translate(${x}px, ${y}px) scale(${session.shadowZoom.value})`;
  });
  const name = `${part === "fused" ? "Radiograph and DRR" : "DRR"} ${view.name}: ${labels.daily} of ${labels.patient}`;
  useDrawing(session, state, part, canvas);
  usePointer(
    useMemo(() => new ShadowPointer(session, state), [session, state]),
    box,
  );
  return (
    <section
      ref={box}
      class={frame}
      hidden={hidden}
      tabIndex={part === "fused" ? 0 : -1}
      aria-label={name}
      data-view={`${id} ${part}`}
      onFocus={() => {
        session.focused.value = id;
      }}
    >
      <div class="radiograph-ground" style={scale}>
        <canvas ref={canvas} width={view.columns} height={view.rows} role="img" aria-label={name} />
        <ShadowOverlay session={session} state={state} />
      </div>
      <div class="edge-letters" aria-hidden="true">
        <span class="at-left">{view.left}</span>
        <span class="at-right">{view.right}</span>
        <span class="at-top">{view.top}</span>
        <span class="at-bottom">{view.bottom}</span>
      </div>
      <div class="corner top-left">
        <b>{labels.patient}</b>
        <span>{view.name}</span>
      </div>
      <div class="corner top-right">
        <span>{part === "fused" ? labels.daily : `DRR of ${labels.planning}`}</span>
        {part === "fused" ? <span>DRR of {labels.planning}</span> : null}
      </div>
      {part === "fused" ? <MarkerList state={state} /> : null}
      {state.axes === null && session.isMatching.value ? (
        <p class="shadow-age">The axes of this view are not known: nothing can be moved in it.</p>
      ) : null}
      <ShadowAge state={state} />
      <StaleMark words={staleWords} />
    </section>
  );
}

/** Says whether the shadow belongs to the pose, and why it does not. */
function ShadowAge({ state }: { state: ShadowState }) {
  const problem = state.problem.value;
  if (problem !== "") {
    return (
      <div class="view-note">
        <Notice tone="bad">
          The radiograph was not loaded: {problem}{" "}
          <Button onClick={() => void state.load()}>Load again</Button>
        </Notice>
      </div>
    );
  }
  const known = state.asked.known.value;
  if (known.kind === "failed") {
    return (
      <div class="view-note">
        <Notice tone="bad">
          The DRR of this pose was not drawn: {known.sentence}{" "}
          <Button onClick={() => state.follow()}>Try again</Button>
        </Notice>
      </div>
    );
  }
  const since = state.staleSinceMs.value;
  const isFirst = state.shadow.value === null;
  const isQuick = state.shadow.value?.isQuick ?? false;
  if (since === null && !isQuick && state.pixels.value !== null) {
    return null;
  }
  const ageS = since === null ? 0 : Math.max(0, Math.max(tickMs.value, 0) - since) / 1000;
  return (
    <p class="shadow-age" role="status">
      {state.pixels.value === null
        ? "The radiograph is loaded…"
        : isFirst
          ? "The DRR is drawn…"
          : since === null
            ? "Coarse DRR while the pose moves"
            : `DRR of the pose ${seconds(ageS)} ago`}
    </p>
  );
}

function useDrawing(
  session: AlignSession,
  state: ShadowState,
  part: "fused" | "shadow",
  canvas: { readonly current: HTMLCanvasElement | null },
): void {
  useSignalEffect(() => {
    const context = canvas.current?.getContext("2d");
    const { view } = state;
    const [xray, shadow] = [state.pixels.value, state.shadow.value];
    const look = session.look.look.value;
    if (!context || xray === null) {
      return;
    }
    const mode = part === "shadow" ? "planning" : shadow === null ? "daily" : look.mode;
    const drr = shadow?.pixels ?? xray;
    const pixels = fusedPixels(view, drr, xray, {
      ...look,
      mode,
      focusMm: session.shadowFocusMm.value,
    });
    if (part === "fused" || shadow !== null) {
      context.putImageData(new ImageData(pixels, view.columns, view.rows), 0, 0);
    }
  });
}

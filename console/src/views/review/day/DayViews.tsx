import { type ReadonlySignal, signal, useComputed, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Fraction } from "../../../api/documents";
import { ToggleField } from "../../../components/Fields";
import { day, personName } from "../../../components/format";
import { drawnPlane } from "../../../components/viewer/drawnPlane";
import { FusionTools } from "../../../components/viewer/FusionTools";
import { PlaneView } from "../../../components/viewer/PlaneView";
import type { Orientation, Plane } from "../../../geometry/planes";
import { overlayTransform } from "../../../overlay/residuals";
import { Pictures } from "../../align/pictures";
import { ORIENTATIONS } from "../../align/planeState";
import { imageLabel } from "../../align/standing";
import type { DayState } from "./dayState";
import { Outlines } from "./Outlines";
import type { Standing } from "./standing";
import { useViewKeys } from "./useViewKeys";

const NOTHING = signal("");
const NO_DEVIATION = signal(null);

/** One plane, and the picture of it that is on the screen. */
export interface OverlayProps {
  readonly pictures: Pictures;
  readonly orientation: Orientation;
  readonly drawn: ReadonlySignal<Plane>;
}

type Over = (of: OverlayProps) => ComponentChildren;

/** Three planes of the day's image on the plan with structures as planned and today, and what is drawn besides. */
export function DayViews(props: {
  readonly state: DayState;
  readonly fraction: Fraction;
  readonly standing: Standing;
  /** What is shown, in a word for a class. */
  readonly name: "dose" | "deformation";
  /** How the plan lies under the day's image. */
  readonly planWords: string;
  /** To which day belongs what is drawn; empty where the image says it all. */
  readonly dayWords: string;
  readonly tools: (pictures: Pictures) => ComponentChildren;
  /** What is drawn below the outlines: over the whole picture, and as lines in mm. */
  readonly wash?: Over;
  readonly lines?: Over;
}) {
  const { state, fraction, standing, name } = props;
  const { session } = state;
  const pictures = useMemo(() => new Pictures(session), [session]);
  const views = useRef<HTMLDivElement>(null);
  useEffect(() => {
    void state.loadAll(pictures);
    return () => pictures.dispose();
  }, [state, pictures]);
  useSignalEffect(() => pictures.follow());
  useSignalEffect(() => pictures.followGround());
  useSignalEffect(() => pictures.followLines());
  useSignalEffect(() => {
    pictures.outlines.value = state.outlines();
  });
  useViewKeys(session, views, name === "dose");
  const isSeen = useComputed(() => String(pictures.isNewest.value && state.isLoaded));
  const labels = {
    patient: personName(fraction.patient.name),
    planning: `Planning CT${props.planWords}, ${day(session.planning.taken_at)}`,
    daily: `${imageLabel(session.daily.kind, session.daily.acquired_at)}${props.dayWords}`,
  };
  return (
    <div class="anatomy-desk">
      <aside class="anatomy-tools" aria-label={`What is shown of the ${name}`}>
        {props.tools(pictures)}
        {pictures.noStructures.value === null ? null : (
          <p class="warn-text small">No structures of the plan: {pictures.noStructures.value}</p>
        )}
        <FusionTools look={session.look} hasCompare={false} />
      </aside>
      <div
        ref={views}
        class={`anatomy-views ${name}-views${session.maximised.value === null ? "" : " maximised"}`}
        data-seen={isSeen}
      >
        {ORIENTATIONS.map((orientation) => (
          <PlaneView
            key={orientation}
            session={session}
            pictures={pictures}
            orientation={orientation}
            labels={labels}
            deviation={NO_DEVIATION}
            staleWords={NOTHING}
          >
            <PlaneOverlay {...props} pictures={pictures} orientation={orientation} />
            {standing === "for decision" ? null : <p class="decision-mark">Not for decision</p>}
          </PlaneView>
        ))}
      </div>
    </div>
  );
}

function PlaneOverlay(props: {
  readonly state: DayState;
  readonly pictures: Pictures;
  readonly orientation: Orientation;
  readonly wash?: Over;
  readonly lines?: Over;
}) {
  const { state, pictures, orientation, wash, lines } = props;
  const { plane, size } = state.session.planes[orientation];
  const drawn = useComputed(() => drawnPlane(plane.value, pictures.report.value, orientation));
  const viewBox = useComputed(() => `0 0 ${size.value.widthPx || 1} ${size.value.heightPx || 1}`);
  const transform = useComputed(() => overlayTransform(drawn.value));
  const of = { pictures, orientation, drawn };
  return (
    <>
      {wash?.(of)}
      <svg class="overlay" viewBox={viewBox} aria-hidden="true">
        <g transform={transform}>
          {lines?.(of)}
          <Outlines {...of} planned={state.planned()} today={state.today} />
        </g>
      </svg>
    </>
  );
}

/** Whether the structures are drawn as they are today, and as they were planned. */
export function OutlineToggles({ state }: { state: DayState }) {
  return (
    <>
      <ToggleField label="Structures today (solid)" of={state.hasToday} />
      <ToggleField label="Structures as planned (dashed)" of={state.hasPlanned} />
    </>
  );
}

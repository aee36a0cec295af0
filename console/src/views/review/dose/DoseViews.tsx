import { type Signal, signal, useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Fraction } from "../../../api/documents";
import { CheckField } from "../../../components/Fields";
import { day, personName } from "../../../components/format";
import { drawnPlane } from "../../../components/viewer/drawnPlane";
import { FusionTools } from "../../../components/viewer/FusionTools";
import { PlaneView } from "../../../components/viewer/PlaneView";
import { DoseLegend } from "../../../components/viewer/StructureList";
import type { Orientation } from "../../../geometry/planes";
import { overlayTransform } from "../../../overlay/residuals";
import { Pictures } from "../../align/pictures";
import { ORIENTATIONS } from "../../align/planeState";
import { imageLabel } from "../../align/standing";
import { Outlines } from "../anatomy/Outlines";
import { useViewKeys } from "../anatomy/useViewKeys";
import type { DoseState } from "./doseState";
import type { Standing } from "./doseWords";

const NOTHING = signal("");
const NO_DEVIATION = signal(null);

/** Three planes of the day's image with the isodoses of the day, and structures as they are today and were planned. */
export function DoseViews(props: {
  readonly state: DoseState;
  readonly fraction: Fraction;
  readonly standing: Standing;
}) {
  const { state, fraction, standing } = props;
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
  useViewKeys(session, views, true);
  const isSeen = useComputed(() => String(pictures.isSeen.value));
  const labels = {
    patient: personName(fraction.patient.name),
    planning: `Planning CT, rigid match, ${day(session.planning.taken_at)}`,
    daily: `${imageLabel(session.daily.kind, session.daily.acquired_at)}, dose of this day`,
  };
  const maximised = session.maximised.value === null ? "" : " maximised";
  return (
    <div class="anatomy-desk">
      <DoseTools state={state} pictures={pictures} />
      <div ref={views} class={`anatomy-views dose-views${maximised}`} data-seen={isSeen}>
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
            <DoseOutlines state={state} pictures={pictures} orientation={orientation} />
            {standing === "for decision" ? null : <p class="decision-mark">Not for decision</p>}
          </PlaneView>
        ))}
      </div>
    </div>
  );
}

function DoseOutlines(props: {
  readonly state: DoseState;
  readonly pictures: Pictures;
  readonly orientation: Orientation;
}) {
  const { state, pictures, orientation } = props;
  const { plane, size } = state.session.planes[orientation];
  const drawn = useComputed(() => drawnPlane(plane.value, pictures.report.value, orientation));
  const viewBox = useComputed(() => `0 0 ${size.value.widthPx || 1} ${size.value.heightPx || 1}`);
  const transform = useComputed(() => overlayTransform(drawn.value));
  return (
    <svg class="overlay" viewBox={viewBox} aria-hidden="true">
      <g transform={transform}>
        <Outlines
          planned={state.planned()}
          today={state.pictures.structures}
          pictures={pictures}
          orientation={orientation}
          drawn={drawn}
        />
      </g>
    </svg>
  );
}

/** What is shown under and over the isodoses. */
function DoseTools({ state, pictures }: { state: DoseState; pictures: Pictures }) {
  const { session } = state;
  return (
    <aside class="anatomy-tools" aria-label="What is shown of the dose">
      <section class="tool-group" aria-label="Over the images">
        <fieldset class="modes">
          <legend>Over the images</legend>
          <Toggle label="Isodoses of the day, one fraction (I)" of={session.layers.isodoses} />
          <DoseLegend session={session} pictures={pictures} />
          <Toggle label="Structures today (solid)" of={state.hasToday} />
          <Toggle label="Structures as planned (dashed)" of={state.hasPlanned} />
        </fieldset>
      </section>
      {pictures.noStructures.value === null ? null : (
        <p class="warn-text small">No structures of the plan: {pictures.noStructures.value}</p>
      )}
      <FusionTools look={session.look} hasCompare={false} />
    </aside>
  );
}

function Toggle({ label, of }: { label: string; of: Signal<boolean> }) {
  return (
    <CheckField
      label={label}
      isChecked={of.value}
      onChange={(isChecked) => {
        of.value = isChecked;
      }}
    />
  );
}

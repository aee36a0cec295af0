import { signal, useComputed, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Fraction } from "../../../api/documents";
import { day, personName } from "../../../components/format";
import { Notice } from "../../../components/Notice";
import { PlaneView } from "../../../components/viewer/PlaneView";
import { Pictures } from "../../align/pictures";
import { ORIENTATIONS } from "../../align/planeState";
import { imageLabel } from "../../align/standing";
import type { AnatomyState } from "./anatomyState";
import { DeformationOverlay } from "./DeformationOverlay";
import { DeformationTools } from "./DeformationTools";
import { useViewKeys } from "./useViewKeys";
import type { Standing } from "./verdictWords";

export interface DeformationViewsProps {
  readonly state: AnatomyState;
  readonly fraction: Fraction;
  readonly standing: Standing;
}

const NOTHING = signal("");
const NO_DEVIATION = signal(null);

/** Three planes of the day's image on the plan, before and after the deformation, and what is drawn over them. */
export function DeformationViews({ state, fraction, standing }: DeformationViewsProps) {
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
  useViewKeys(session, views);
  const isSeen = useComputed(() => String(pictures.isSeen.value && state.field.value !== null));
  const maximised = session.maximised.value;
  const labels = {
    patient: personName(fraction.patient.name),
    planning: state.isDeformed.value
      ? `Planning CT in the day's body, ${day(session.planning.taken_at)}`
      : `Planning CT, rigid match, ${day(session.planning.taken_at)}`,
    daily: imageLabel(session.daily.kind, session.daily.acquired_at),
  };
  return (
    <>
      {state.noField.value === "" ? null : (
        <Notice tone="bad">The deformation was not loaded: {state.noField.value}</Notice>
      )}
      <div class="anatomy-desk">
        <DeformationTools state={state} pictures={pictures} />
        <div ref={views} class={`anatomy-views${maximised === null ? "" : " maximised"}`} data-seen={isSeen}>
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
              <DeformationOverlay state={state} pictures={pictures} orientation={orientation} />
              {standing === "for decision" ? null : <p class="decision-mark">Not for decision</p>}
            </PlaneView>
          ))}
        </div>
      </div>
    </>
  );
}

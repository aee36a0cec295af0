import { useComputed, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { day, personName } from "../../components/format";
import { FusionTools } from "../../components/viewer/FusionTools";
import { Sureness } from "../../components/viewer/Overview";
import { RadiographView } from "../../components/viewer/RadiographView";
import { DeskFrame } from "./DeskFrame";
import { imageLabel } from "./standing";
import { type DeskProps, useDesk } from "./useDesk";

/** The radiographs, each beside the shadow of the planning CT for the pose. */
export function ShadowDesk(props: DeskProps) {
  const { session, fraction } = props;
  const isSeen = useComputed(() => session.shadows.every((state) => state.isSeen));
  const standing = useDesk(props, isSeen);
  useEffect(() => {
    for (const state of session.shadows) {
      void state.load();
    }
    return () => {
      for (const state of session.shadows) {
        state.drop();
      }
    };
  }, [session]);
  useSignalEffect(() => {
    for (const state of session.shadows) {
      state.follow();
    }
  });
  const labels = {
    patient: personName(fraction.patient.name),
    planning: `CT, ${day(session.planning.taken_at)}`,
    daily: imageLabel("radiographs", session.daily.acquired_at),
  };
  return (
    <DeskFrame
      {...props}
      standing={standing}
      pictures={null}
      isSeen={isSeen}
      tools={
        <>
          <FusionTools look={session.look} />
          <section class="tool-group" aria-label="Over the images">
            <label class="check layer">
              <input
                type="checkbox"
                checked={session.layers.structures.value}
                onChange={(event) => {
                  session.layers.structures.value = event.currentTarget.checked;
                }}
              />
              <span>Outlines of structures</span>
              <kbd>S</kbd>
            </label>
            <Sureness session={session} deviation={standing.deviation} deviationOf={standing.deviationOf} />
          </section>
        </>
      }
    >
      {session.shadows.flatMap((state) =>
        (["fused", "shadow"] as const).map((part) => (
          <RadiographView
            key={`${state.view.index} ${part}`}
            session={session}
            state={state}
            labels={labels}
            part={part}
            staleWords={standing.staleWords}
          />
        )),
      )}
    </DeskFrame>
  );
}

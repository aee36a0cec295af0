import { useSignalEffect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { day, personName } from "../../components/format";
import { FusionTools } from "../../components/viewer/FusionTools";
import { GroundChoice } from "../../components/viewer/GroundChoice";
import { Overview } from "../../components/viewer/Overview";
import { PlaneView } from "../../components/viewer/PlaneView";
import { StructureList } from "../../components/viewer/StructureList";
import { DeskFrame } from "./DeskFrame";
import { Pictures } from "./pictures";
import { ORIENTATIONS } from "./planeState";
import { imageLabel } from "./standing";
import { GROUND_WORDS } from "./ultrasound";
import { type DeskProps, useDesk } from "./useDesk";

/** Three planes of the day's cone-beam CT or ultrasound, and of what it is laid on. */
export function PlaneDesk(props: DeskProps) {
  const { session, fraction } = props;
  const pictures = useMemo(() => new Pictures(session), [session]);
  const standing = useDesk(props, pictures.isSeen);
  useEffect(() => {
    void pictures.loadAll();
    return () => pictures.dispose();
  }, [pictures]);
  useSignalEffect(() => pictures.follow());
  useSignalEffect(() => pictures.followRegion());
  useSignalEffect(() => pictures.followLines());
  useSignalEffect(() => pictures.followGround());
  useSignalEffect(() => {
    if (pictures.isSeen.value) {
      session.note(GROUND_WORDS[session.ground.value]);
    }
  });
  const ground = session.ground.value;
  const takenAt = ground === "ultrasound" ? session.planning.ultrasound?.taken_at : session.planning.taken_at;
  const labels = {
    patient: personName(fraction.patient.name),
    planning: `${GROUND_WORDS[ground]}, ${day(takenAt)}`,
    daily: imageLabel(session.daily.kind, session.daily.acquired_at),
  };
  return (
    <DeskFrame
      {...props}
      standing={standing}
      pictures={pictures}
      isSeen={pictures.isSeen}
      tools={
        <>
          <GroundChoice session={session} />
          <FusionTools look={session.look} />
          <StructureList session={session} pictures={pictures} />
        </>
      }
    >
      {ORIENTATIONS.map((orientation) => (
        <PlaneView
          key={orientation}
          session={session}
          pictures={pictures}
          orientation={orientation}
          labels={labels}
          deviation={standing.deviation}
          staleWords={standing.staleWords}
        />
      ))}
      <Overview
        session={session}
        pictures={pictures}
        deviation={standing.deviation}
        deviationOf={standing.deviationOf}
        standingWords={standing.words}
      />
    </DeskFrame>
  );
}

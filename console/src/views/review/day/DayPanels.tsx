import { useSignal } from "@preact/signals";
import { assessAnatomy, readAnatomy } from "../../../api/calls";
import type { Fraction } from "../../../api/documents";
import { SelectField } from "../../../components/Fields";
import { dayAndTime } from "../../../components/format";
import { ProblemNotice } from "../../../components/Notice";
import { Panel } from "../../../components/Panel";
import { openAnatomy } from "../anatomy/anatomyState";
import { DeformationViews } from "../anatomy/DeformationViews";
import { FigureTable } from "../anatomy/FigureTable";
import { StructureTable } from "../anatomy/StructureTable";
import { DosePanels } from "../dose/DosePanel";
import { Assumed, DayVerdict } from "./DayVerdict";
import { DayOf, DayWork, type ImageProps, keyOf, useDayResource } from "./dayWork";
import { OnceOpened } from "./OnceOpened";
import { standingOf } from "./standing";

/** The anatomy and the dose of the day as the images of a fraction show it: the newest one first. */
export function DayPanels({ fraction }: { fraction: Fraction }) {
  const volumes = fraction.images.filter(({ kind }) => kind === "volume");
  const kept = volumes.filter(({ is_kept }) => is_kept);
  const chosen = useSignal("");
  const image = kept.find(({ uid }) => uid === chosen.value) ?? kept.at(-1);
  if (volumes.length === 0) {
    return null;
  }
  if (image === undefined) {
    return (
      <Panel title="Anatomy of the day">
        <p class="dim">No image of this fraction is in the image store, so there is nothing to assess.</p>
      </Panel>
    );
  }
  return (
    <>
      <Panel
        title="Anatomy of the day"
        aside={
          kept.length < 2 ? (
            <DayOf fraction={fraction} image={image} />
          ) : (
            <SelectField
              label="Image"
              value={image.uid}
              options={kept.map(({ uid, acquired_at }) => ({ value: uid, words: dayAndTime(acquired_at) }))}
              onChange={(uid) => {
                chosen.value = uid;
              }}
            />
          )
        }
      >
        <ImageAnatomy key={image.uid} fraction={fraction} image={image} />
      </Panel>
      <DosePanels key={`dose ${image.uid}`} fraction={fraction} image={image} />
    </>
  );
}

function ImageAnatomy(of: ImageProps) {
  const { fraction, image } = of;
  const { course_id, number } = fraction;
  const { resource } = useDayResource(of, ["anatomy"], () => readAnatomy(course_id, number, image.uid));
  const anatomy = resource.value;
  const problem = resource.problem === null ? null : <ProblemNotice problem={resource.problem} />;
  if (anatomy === null) {
    return problem ?? <p class="empty dim">The assessment is loaded.</p>;
  }
  const { assessment, pictures } = anatomy;
  return (
    <>
      {problem}
      <DayWork
        of={of}
        part="anatomy"
        ask={() => assessAnatomy(course_id, number, image.uid)}
        words={assessment === null ? "Assess the anatomy" : "Assess again"}
        why={anatomy.not_possible_because}
        hint={anatomy.no_pictures_because}
        isFirst={assessment === null}
      />
      {assessment === null ? null : (
        <>
          <DayVerdict record={assessment}>
            Assessed {dayAndTime(assessment.assessed_at)} by {assessment.algorithm} {assessment.version}
          </DayVerdict>
          {assessment.structures.length === 0 ? null : <StructureTable assessment={assessment} />}
          {pictures === null ? null : (
            <OnceOpened
              key={pictures.plan.sha256}
              words="Look at the deformation"
              open={() => openAnatomy(keyOf(of), pictures)}
            >
              {(state) => (
                <DeformationViews state={state} fraction={fraction} standing={standingOf(assessment)} />
              )}
            </OnceOpened>
          )}
          {assessment.figures.length === 0 ? null : <FigureTable assessment={assessment} />}
          <Assumed approximations={assessment.approximations} />
        </>
      )}
    </>
  );
}

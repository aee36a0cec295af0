import type { Signal } from "@preact/signals";
import { REGION_REACH_MM } from "../../overlay/residuals";
import { doseLevels, type LineStyle, structureStyle } from "../../overlay/structures";
import type { AlignSession } from "../../views/align/alignSession";
import type { StructureDocument } from "../../views/align/documents";
import { DOSE, type Pictures, structureId } from "../../views/align/pictures";
import { Button } from "../Button";
import { plain } from "../format";
import { Notice } from "../Notice";
import { residualScale } from "./PlaneMarks";

/** What lies over the images: structures one by one, isodoses, and what the match says about itself. */
export function StructureList({ session, pictures }: { session: AlignSession; pictures: Pictures }) {
  const { layers, planning } = session;
  const drawn = session.structures.value;
  return (
    <section class="tool-group" aria-label="Over the images">
      <LayerBox of={layers.structures} keyName="S">
        Structures
      </LayerBox>
      <ul class="structures">
        {drawn?.structures.map((structure) => (
          <StructureLine key={structure.number} session={session} pictures={pictures} structure={structure} />
        ))}
      </ul>
      <StructureNotes session={session} pictures={pictures} />
      {planning.dose === null ? (
        <p class="small dim">No isodoses: {planning.no_dose_because || "the plan has no dose"}.</p>
      ) : (
        <>
          <LayerBox of={layers.isodoses} keyName="I">
            Isodoses
          </LayerBox>
          <DoseLegend session={session} pictures={pictures} />
        </>
      )}
      <MatchLayers session={session} />
    </section>
  );
}

/** What of the structures is not drawn, or not yet. */
function StructureNotes({ session, pictures }: { session: AlignSession; pictures: Pictures }) {
  const why = pictures.noStructures.value;
  if (why !== null) {
    return (
      <Notice tone="bad">
        The structures were not loaded: {why}{" "}
        <Button onClick={() => void pictures.loadStructures()}>Load again</Button>
      </Notice>
    );
  }
  const drawn = session.structures.value;
  if (drawn === null) {
    return <p class="small dim">The structures follow the images…</p>;
  }
  return (
    <>
      {drawn.not_drawn?.map((sentence) => (
        <p key={sentence} class="field-problem small">
          {sentence}
        </p>
      ))}
    </>
  );
}

/** Where the match was made, what is left, and how sure it is. */
function MatchLayers({ session }: { session: AlignSession }) {
  const { layers } = session;
  const figures = session.figures.value;
  return (
    <>
      <LayerBox of={layers.uncertainty} keyName="U">
        Uncertainty (95 % of the isocentre)
      </LayerBox>
      {session.daily.kind === "ultrasound" ? (
        <>
          <LayerBox of={layers.fan} keyName="F">
            Edges of fan and shadow
          </LayerBox>
          <p class="small dim">
            Dimmed, with a violet edge: in a shadow, behind bone or gas. Hatched: not seen by one of the two.
          </p>
        </>
      ) : null}
      <LayerBox of={layers.region} keyName="O" isDisabled={!figures?.region_centre_mm}>
        Region of the match
      </LayerBox>
      <LayerBox of={layers.residuals} keyName="Y" isDisabled={(figures?.residuals.length ?? 0) === 0}>
        What regions would still move
      </LayerBox>
      {layers.residuals.value ? (
        <p class="small dim">
          Arrows are drawn {residualScale(session)} times as long as they are, within {REGION_REACH_MM} mm of
          the plane.
        </p>
      ) : null}
    </>
  );
}

function LayerBox(props: {
  readonly of: Signal<boolean>;
  readonly keyName: string;
  readonly children: string;
  readonly isDisabled?: boolean;
}) {
  return (
    <label class="check layer">
      <input
        type="checkbox"
        checked={props.of.value}
        disabled={props.isDisabled ?? false}
        onChange={(event) => {
          props.of.value = event.currentTarget.checked;
        }}
      />
      <span>{props.children}</span>
      <kbd>{props.keyName}</kbd>
    </label>
  );
}

function StructureLine(props: {
  readonly session: AlignSession;
  readonly pictures: Pictures;
  readonly structure: StructureDocument;
}) {
  const { session, pictures, structure } = props;
  const loading = pictures.scalars.value.get(structureId(structure.number));
  const isShown = !session.hidden.value.has(structure.number);
  return (
    <li>
      <label class="check">
        <input
          type="checkbox"
          checked={isShown}
          onChange={(event) => {
            const hidden = new Set(session.hidden.peek());
            if (event.currentTarget.checked) {
              hidden.delete(structure.number);
            } else {
              hidden.add(structure.number);
            }
            session.hidden.value = hidden;
          }}
        />
        <LineSample style={structureStyle(structure)} />
        <span>
          {structure.name}
          {loading === undefined ? <span class="dim small"> is loaded…</span> : null}
        </span>
      </label>
      {loading?.kind === "failed" ? <p class="field-problem">Not drawn: {loading.sentence}</p> : null}
    </li>
  );
}

/** What each isodose line is: its percent, its dose, its colour and dashes. */
export function DoseLegend({ session, pictures }: { session: AlignSession; pictures: Pictures }) {
  const { dose } = session.planning;
  if (dose === null || !session.layers.isodoses.value) {
    return null;
  }
  const loading = pictures.scalars.value.get(DOSE);
  if (loading?.kind !== "there") {
    return (
      <p class="small dim">
        {loading?.kind === "failed" ? `The dose was not loaded: ${loading.sentence}` : "The dose is loaded…"}
      </p>
    );
  }
  return (
    <ul class="structures">
      {doseLevels(dose).map(({ percent, label, style }) => (
        <li key={percent}>
          <LineSample style={style} /> {label}
        </li>
      ))}
      <li class="small dim">{largestWords(dose)}</li>
    </ul>
  );
}

/** How high the dose goes: no line says so above the highest level. */
function largestWords({
  prescription_gy,
  largest_gy,
}: NonNullable<AlignSession["planning"]["dose"]>): string {
  const largest = `${plain(largest_gy, 2)} Gy`;
  return prescription_gy === null
    ? `Percent of the largest dose, ${largest}.`
    : `Percent of ${plain(prescription_gy, 2)} Gy prescribed; largest dose ${largest}, ${plain((100 * largest_gy) / prescription_gy, 0)} %.`;
}

/** A piece of a line as it is drawn. */
function LineSample({ style }: { style: LineStyle }) {
  return (
    <svg class="line-sample" width="28" height="10" aria-hidden="true">
      <path
        d="M1 5H27"
        stroke={style.color}
        stroke-width={style.widthPx}
        stroke-dasharray={style.dashes}
        fill="none"
      />
    </svg>
  );
}

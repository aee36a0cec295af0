import { ToggleField } from "../../../components/Fields";
import { percent, plain } from "../../../components/format";
import { arrowScale } from "../../../overlay/residuals";
import { sidesWords } from "../../align/ultrasound";
import { OutlineToggles } from "../day/DayViews";
import type { AnatomyState, Shown } from "./anatomyState";
import { WASH } from "./volumeWash";

/** What is shown of an assessment, and what it says at the crosshair. */
export function DeformationTools({ state }: { state: AnatomyState }) {
  const { look } = state.session;
  return (
    <>
      <Choice
        legend="Plan under the day's image"
        name="plan"
        value={state.isDeformed.value ? "after" : "before"}
        options={[
          ["before", "Before: rigid match"],
          ["after", "After: in the day's body"],
        ]}
        onChange={(value) => {
          state.show(value === "after");
          // The day's image alone would show nothing of it.
          if (look.mode.peek() === "daily") {
            look.show("blend");
          }
        }}
      />
      <Choice
        legend="Displacement of tissue"
        name="displacement"
        value={state.shown.value}
        options={[
          ["grid", "Grid that it took along"],
          ["arrows", arrowWords(state.pictures.longest_mm)],
          ["nothing", "Not drawn"],
        ]}
        onChange={(value) => {
          state.shown.value = value as Shown;
        }}
      />
      <AtCrosshair state={state} />
      <section class="tool-group" aria-label="Over the images">
        <fieldset class="modes">
          <legend>Over the images</legend>
          <OutlineToggles state={state} />
          <ToggleField label="Change of volume (Jacobian)" of={state.hasWash} />
          {state.hasWash.value ? <WashLegend /> : null}
        </fieldset>
      </section>
    </>
  );
}

function arrowWords(longestMm: number): string {
  const factor = arrowScale(longestMm);
  return factor === 1 ? "Arrows from planned to today" : `Arrows, drawn ${factor} × as long`;
}

function Choice<T extends string>(props: {
  readonly legend: string;
  readonly name: string;
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}) {
  return (
    <section class="tool-group" aria-label={props.legend}>
      <fieldset class="modes">
        <legend>{props.legend}</legend>
        {props.options.map(([value, words]) => (
          <label key={value} class={value === props.value ? "chosen" : ""}>
            <input
              type="radio"
              name={`anatomy ${props.name}`}
              checked={value === props.value}
              onChange={() => props.onChange(value)}
            />
            <span>{words}</span>
          </label>
        ))}
      </fieldset>
    </section>
  );
}

/** What the field says of the tissue under the crosshair today. */
function AtCrosshair({ state }: { state: AnatomyState }) {
  const found = state.field.value?.ofToday(state.session.crosshairMm.value) ?? null;
  return (
    <p class="small anatomy-readout" aria-live="polite">
      At the crosshair:{" "}
      {found === null ? (
        "the day's image does not show it"
      ) : (
        <>
          <b>{plain(Math.hypot(...found.shiftMm), 1)} mm</b> {sidesWords(found.shiftMm, 1)}, volume{" "}
          <b>{percent(found.volumeRatio)}</b> of the planned one
        </>
      )}
    </p>
  );
}

function WashLegend() {
  return (
    <ul class="wash-legend small">
      {WASH.map(({ words, rgba: [red, green, blue, alpha] }) => (
        <li key={words}>
          <span style={{ background: `rgb(${red} ${green} ${blue} / ${alpha / 255})` }} />
          {words}
        </li>
      ))}
    </ul>
  );
}

import type { Fraction } from "../../../api/documents";
import { ToggleField } from "../../../components/Fields";
import { day } from "../../../components/format";
import { DoseLegend } from "../../../components/viewer/StructureList";
import { DayViews, OutlineToggles } from "../day/DayViews";
import type { Standing } from "../day/standing";
import type { DoseState } from "./doseState";

/** The planes of the day with the isodoses of the day. */
export function DoseViews(props: {
  readonly state: DoseState;
  readonly fraction: Fraction;
  readonly standing: Standing;
}) {
  const { state } = props;
  return (
    <DayViews
      {...props}
      name="dose"
      planWords=", rigid match"
      dayWords={`, dose of fraction ${props.fraction.number}, ${day(state.session.daily.acquired_at)}`}
      tools={(pictures) => (
        <section class="tool-group" aria-label="Over the images">
          <fieldset class="modes">
            <legend>Over the images</legend>
            <ToggleField label="Isodoses of the day, one fraction (I)" of={state.session.layers.isodoses} />
            <DoseLegend session={state.session} pictures={pictures} />
            <OutlineToggles state={state} />
          </fieldset>
        </section>
      )}
    />
  );
}

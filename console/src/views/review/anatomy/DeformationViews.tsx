import type { Fraction } from "../../../api/documents";
import { Notice } from "../../../components/Notice";
import { DayViews } from "../day/DayViews";
import type { Standing } from "../day/standing";
import type { AnatomyState } from "./anatomyState";
import { Displacement, Wash } from "./DeformationOverlay";
import { DeformationTools } from "./DeformationTools";

export interface DeformationViewsProps {
  readonly state: AnatomyState;
  readonly fraction: Fraction;
  readonly standing: Standing;
}

/** The planes of the day before and after the deformation: displacement, change of volume, structures. */
export function DeformationViews(props: DeformationViewsProps) {
  const { state } = props;
  return (
    <>
      {state.noField.value === "" ? null : (
        <Notice tone="bad">The deformation was not loaded: {state.noField.value}</Notice>
      )}
      <DayViews
        {...props}
        name="deformation"
        planWords={state.isDeformed.value ? " in the day's body" : ", rigid match"}
        dayWords=""
        tools={() => <DeformationTools state={state} />}
        wash={({ drawn }) => <Wash state={state} drawn={drawn} />}
        lines={({ drawn }) => <Displacement state={state} drawn={drawn} />}
      />
    </>
  );
}

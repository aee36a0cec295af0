import { type ReadonlySignal, useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Plane } from "../../../geometry/planes";
import { pathOf } from "../../../overlay/lines";
import { arrowScale } from "../../../overlay/residuals";
import { pageLength } from "../../../overlay/structures";
import type { AnatomyState } from "./anatomyState";
import { arrowsPath, gridLines, shiftArrows } from "./deformation";
import { washOf } from "./volumeWash";

interface DrawnProps {
  readonly state: AnatomyState;
  readonly drawn: ReadonlySignal<Plane>;
}

/** The grid that the tissue took along, or arrows. */
export function Displacement({ state, drawn }: DrawnProps) {
  const path = useComputed(() => {
    const field = state.field.value;
    const anchor = state.session.planIsocentreMm;
    if (field === null || drawn.value.widthPx === 0 || state.shown.value === "nothing") {
      return "";
    }
    if (state.shown.value === "grid") {
      return pathOf(gridLines(drawn.value, field, anchor));
    }
    const factor = arrowScale(state.pictures.longest_mm);
    return arrowsPath(shiftArrows(drawn.value, field, anchor, factor), drawn.value.mmPerPx);
  });
  const isGrid = state.shown.value === "grid";
  return (
    <g class={isGrid ? "deformation-grid" : "deformation-arrows"} fill="none">
      <path
        class="deformation-halo"
        d={path}
        stroke-width={pageLength(isGrid ? 2 : 3.5)}
        vector-effect="non-scaling-stroke"
      />
      <path
        class="deformation-line"
        d={path}
        stroke-width={pageLength(isGrid ? 0.9 : 1.6)}
        vector-effect="non-scaling-stroke"
      />
    </g>
  );
}

/** The change of volume as colour; redrawn with every picture, so that it never lies on another slice. */
export function Wash({ state, drawn }: DrawnProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useSignalEffect(() => {
    const element = canvas.current;
    const [field, plane] = [state.field.value, drawn.value];
    const isShown = state.hasWash.value && field !== null && plane.widthPx > 0;
    if (element === null) {
      return;
    }
    element.hidden = !isShown;
    if (isShown) {
      const { columns, rows, rgba } = washOf(plane, field);
      element.width = columns;
      element.height = rows;
      element.getContext("2d")?.putImageData(new ImageData(rgba, columns, rows), 0, 0);
    }
  });
  return <canvas ref={canvas} class="anatomy-wash" hidden />;
}

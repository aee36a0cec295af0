/** The plane of the picture that is on the screen, in CSS pixels. */

import type { FrameReport } from "../../engine/engine";
import type { Plane } from "../../geometry/planes";
import { intoScreen } from "../../geometry/planes";
import { dot, subtract } from "../../geometry/vector";

/** The plane that the engine draws: as many pixels as the screen has. */
export function enginePlane(plane: Plane, pixelsPerCssPx: number): Plane {
  return {
    ...plane,
    mmPerPx: plane.mmPerPx / pixelsPerCssPx,
    widthPx: Math.max(1, Math.round(plane.widthPx * pixelsPerCssPx)),
    heightPx: Math.max(1, Math.round(plane.heightPx * pixelsPerCssPx)),
  };
}

/**
 * What overlays and numbers of a view belong to: the plane of the last frame, not the one that is asked for, so
 * that a line never lies on another slice than its own.
 */
export function drawnPlane(wanted: Plane, report: FrameReport | null, viewId: string): Plane {
  const shown = report?.views.find((view) => view.viewId === viewId)?.plane;
  if (shown === undefined || wanted.widthPx === 0) {
    return wanted;
  }
  const cssPerPixel = wanted.widthPx / shown.widthPx;
  return {
    ...shown,
    mmPerPx: shown.mmPerPx / cssPerPixel,
    widthPx: wanted.widthPx,
    heightPx: wanted.heightPx,
  };
}

/** Planes at the same depth within this distance show the same slice. */
const SAME_SLICE_MM = 0.05;

/** How lines that were cut for one plane lie on another; null where they belong to another slice. */
export function carriedOver(lines: Plane, drawn: Plane): string | null {
  const offsetMm = subtract(lines.centreMm, drawn.centreMm);
  if (Math.abs(dot(offsetMm, intoScreen(drawn))) > SAME_SLICE_MM) {
    return null;
  }
  return `translate(${dot(offsetMm, drawn.right).toFixed(3)} ${dot(offsetMm, drawn.down).toFixed(3)})`;
}

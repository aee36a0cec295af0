/** A radiograph and the shadow of the planning CT put together by the same code as planes are. */

import { fuseInto } from "../../engine/fuse";
import { imagePlane } from "../../engine/grey_image";
import { sampleGrid } from "../../engine/grid";
import type { GreyWindow, Look } from "../../engine/look";
import { greyTable } from "../../engine/tables";
import type { ViewDocument } from "../../views/align/documents";

/** Tables of greys by their window: a window is set once and looked up for every pose. */
const TABLES = new Map<string, Uint8Array>();
const MOST_TABLES = 8;

function tableOf(window: GreyWindow): Uint8Array {
  const key = `${window.centreHu} ${window.widthHu}`;
  const known = TABLES.get(key);
  if (known !== undefined) {
    return known;
  }
  if (TABLES.size >= MOST_TABLES) {
    TABLES.clear();
  }
  const made = greyTable(window);
  TABLES.set(key, made);
  return made;
}

/**
 * Fuse the two, RGBA row by row.
 *
 * @param look - Windows in grey values 0-255; the focus in mm from the middle of the radiograph.
 */
export function fusedPixels(
  view: Pick<ViewDocument, "columns" | "rows" | "pixel_mm">,
  drr: Uint8Array,
  radiograph: Uint8Array,
  look: Look,
): Uint8ClampedArray<ArrayBuffer> {
  const { columns, rows, pixel_mm } = view;
  const grid = sampleGrid(imagePlane({ mmPerPx: pixel_mm, widthPx: columns, heightPx: rows }), false);
  const pixels = new Uint32Array(columns * rows);
  const pair = {
    planning: Int16Array.from(drr),
    daily: Int16Array.from(radiograph),
    planningGreys: tableOf(look.planningWindow),
    dailyGreys: tableOf(look.dailyWindow),
  };
  fuseInto(pixels, pair, look, grid, { firstRow: 0, endRow: rows });
  return new Uint8ClampedArray(pixels.buffer);
}

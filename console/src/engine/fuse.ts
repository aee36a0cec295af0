/** Puts two slices of the same grid together into pixels. */

import type { ImageSlot } from "./contract";
import type { Band, SampleGrid } from "./grid";
import { type FusionMode, type Look, NOT_IMAGED_RGB } from "./look";
import { dailyRuns, type Run } from "./runs";
import {
  BLUE,
  colourTable,
  GREEN,
  type GreyTable,
  MAGENTA,
  OPAQUE,
  ORANGE,
  opaqueGreys,
  packed,
  type Rgb,
  WHITE,
} from "./tables";
import { NOT_IMAGED } from "./volume";

/** Two slices and the greys of their values. */
export interface SlicePair {
  readonly planning: Int16Array;
  readonly daily: Int16Array;
  readonly planningGreys: GreyTable;
  readonly dailyGreys: GreyTable;
}

const NO_IMAGE = packed(NOT_IMAGED_RGB);
const GREYS = opaqueGreys();
/** Every so many pixels along a row the hatch of "only one image here" shows. */
const HATCH_PX = 6;
const ONLY_ONE_STRENGTH = 0.5;
const ONLY_ONE = colourTable(WHITE, ONLY_ONE_STRENGTH).map((colour) => (colour | OPAQUE) >>> 0);

const PAIRS: Partial<Record<FusionMode, readonly [planning: Rgb, daily: Rgb]>> = {
  blend: [ORANGE, BLUE],
  greenMagenta: [GREEN, MAGENTA],
  grey: [WHITE, WHITE],
};

/** Fill the rows of a band of `pixels` (packed RGBA, columns × rows of the grid). */
export function fuseInto(
  pixels: Uint32Array,
  pair: SlicePair,
  look: Look,
  grid: SampleGrid,
  band: Band,
): void {
  const colours = PAIRS[look.mode];
  if (colours !== undefined) {
    mix(pixels, pair, mixTables(colours, look), grid, band);
  } else if (look.mode === "difference") {
    subtractImages(pixels, pair, grid, band);
  } else {
    choose(pixels, pair, look, grid, band);
  }
}

/** Colours of planning and daily greys. Colours dim the weaker image only, greys share the brightness. */
function mixTables(colours: readonly [Rgb, Rgb], look: Look): readonly [Uint32Array, Uint32Array] {
  const daily = Math.min(Math.max(look.balance, 0), 1);
  const strengths =
    look.mode === "grey" ? [1 - daily, daily] : [Math.min(1, 2 - 2 * daily), Math.min(1, 2 * daily)];
  return [colourTable(colours[0], strengths[0]!), colourTable(colours[1], strengths[1]!)];
}

function mix(
  pixels: Uint32Array,
  pair: SlicePair,
  tables: readonly [Uint32Array, Uint32Array],
  grid: SampleGrid,
  band: Band,
): void {
  const { planning, daily, planningGreys, dailyGreys } = pair;
  const [planningColours, dailyColours] = tables;
  for (let row = band.firstRow; row < band.endRow; row += 1) {
    const start = row * grid.columns;
    for (let column = 0; column < grid.columns; column += 1) {
      const p = planning[start + column]!;
      const d = daily[start + column]!;
      if (p !== NOT_IMAGED && d !== NOT_IMAGED) {
        const colour = planningColours[planningGreys[p & 0xffff]!]! + dailyColours[dailyGreys[d & 0xffff]!]!;
        pixels[start + column] = colour | OPAQUE;
      } else {
        pixels[start + column] = lonely(p, d, pair, column + row);
      }
    }
  }
}

/** A pixel where one image has no value: the other one, dimmed and hatched so that it is not taken for a match. */
function lonely(p: number, d: number, pair: SlicePair, diagonal: number): number {
  if ((p === NOT_IMAGED && d === NOT_IMAGED) || diagonal % HATCH_PX === 0) {
    return NO_IMAGE;
  }
  return ONLY_ONE[p === NOT_IMAGED ? pair.dailyGreys[d & 0xffff]! : pair.planningGreys[p & 0xffff]!]!;
}

function subtractImages(pixels: Uint32Array, pair: SlicePair, grid: SampleGrid, band: Band): void {
  const { planning, daily, planningGreys, dailyGreys } = pair;
  const end = band.endRow * grid.columns;
  for (let at = band.firstRow * grid.columns; at < end; at += 1) {
    const p = planning[at]!;
    const d = daily[at]!;
    const both = p !== NOT_IMAGED && d !== NOT_IMAGED;
    pixels[at] = both ? GREYS[(256 + dailyGreys[d & 0xffff]! - planningGreys[p & 0xffff]!) >> 1]! : NO_IMAGE;
  }
}

/** Every pixel from one of the two images alone. */
function choose(pixels: Uint32Array, pair: SlicePair, look: Look, grid: SampleGrid, band: Band): void {
  const show = look.seesThrough && CHOOSES_BY_PLACE.includes(look.mode) ? showOver : showAlone;
  for (let row = band.firstRow; row < band.endRow; row += 1) {
    const at = row * grid.columns;
    show(pixels, pair, "planning", [at, at + grid.columns], row - at);
    for (const [first, end] of dailyRuns(look, grid, row)) {
      show(pixels, pair, "daily", [at + first, at + end], row - at);
    }
  }
}

/** Modes that show one image here and the other there. */
const CHOOSES_BY_PLACE: readonly FusionMode[] = ["checkerboard", "split", "spyglass"];

function showAlone(pixels: Uint32Array, pair: SlicePair, slot: ImageSlot, run: Run): void {
  const [slice, greys] =
    slot === "planning" ? [pair.planning, pair.planningGreys] : [pair.daily, pair.dailyGreys];
  for (let at = run[0]; at < run[1]; at += 1) {
    const value = slice[at]!;
    pixels[at] = value === NOT_IMAGED ? NO_IMAGE : GREYS[greys[value & 0xffff]!]!;
  }
}

/** One image, and the other one hatched where it has no value; `offset` makes diagonals of places in the row. */
function showOver(pixels: Uint32Array, pair: SlicePair, slot: ImageSlot, run: Run, offset: number): void {
  showAlone(pixels, pair, slot, run);
  const slice = slot === "planning" ? pair.planning : pair.daily;
  for (let at = run[0]; at < run[1]; at += 1) {
    if (slice[at] === NOT_IMAGED) {
      pixels[at] = lonely(pair.planning[at]!, pair.daily[at]!, pair, at + offset);
    }
  }
}

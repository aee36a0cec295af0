/** What a worker knows and draws; without any worker in it, so that tests run the very same code. */

import { IDENTITY, type Matrix4 } from "../geometry/rigid";
import type { ImageSlot, Isoline, Probe } from "./contract";
import { EngineError } from "./errors";
import { fuseInto } from "./fuse";
import { type Band, bandOf, type SampleGrid, sampleGrid } from "./grid";
import { isolinesOn } from "./isolines";
import type { GreyWindow } from "./look";
import type { FrameOrder, IsolineOrder, ProbeOrder, ViewOrder, ViewSums, VolumeMessage } from "./messages";
import { resliceInto, valueAt } from "./reslice";
import { shadedGreyTable, shadeInto, shadeKey } from "./shade";
import { pairSums } from "./similarity";
import { type GreyTable, greyTable } from "./tables";
import { indexFromPlanningMm, NOT_IMAGED, type Volume } from "./volume";

/** A volume with a number that no other one ever had, so that slices of an old one are told apart. */
interface Placed {
  readonly volume: Volume;
  readonly frame: ImageSlot;
  readonly serial: number;
}

/** The last slice of one image on one view, and what it was cut for. */
interface Slice {
  readonly key: string;
  /** As it is shown. */
  readonly values: Int16Array;
  /** The same, without what says nothing of the tissue. */
  readonly measured: Int16Array;
}

/** The pixels of a view, packed RGBA. */
export interface DrawnView {
  readonly viewId: string;
  readonly grid: SampleGrid;
  readonly pixels: Uint32Array;
}

/** What one worker has drawn of a frame. */
export interface DrawnBand {
  readonly views: readonly DrawnView[];
  readonly sums: readonly ViewSums[];
}

/** Draws one share of the rows of all views. */
export class Renderer {
  readonly #worker: number;
  readonly #workers: number;
  readonly #volumes = new Map<string, Placed>();
  readonly #slices = new Map<string, Slice>();
  readonly #pixels = new Map<string, Uint32Array>();
  readonly #greys = new Map<string, GreyTable>();
  #serial = 0;

  constructor(worker: number, workers: number) {
    this.#worker = worker;
    this.#workers = workers;
  }

  setVolume(message: VolumeMessage): void {
    const { header, loadedSlices, frame } = message;
    const volume = { header, values: new Int16Array(message.values), loadedSlices };
    this.#put(message.key, volume, frame);
  }

  setLoadedSlices(key: string, loadedSlices: number): void {
    const placed = this.#volumes.get(key);
    if (placed !== undefined) {
      this.#put(key, { ...placed.volume, loadedSlices }, placed.frame);
    }
  }

  #put(key: string, volume: Volume, frame: ImageSlot): void {
    this.#serial += 1;
    this.#volumes.set(key, { volume, frame, serial: this.#serial });
  }

  dropVolume(key: string): void {
    this.#volumes.delete(key);
  }

  removeView(viewId: string): void {
    for (const slot of ["planning", "daily"]) {
      this.#slices.delete(`${viewId} ${slot}`);
    }
    this.#pixels.delete(viewId);
  }

  /** Draw this worker's rows of all views. */
  draw(order: FrameOrder): DrawnBand {
    const views: DrawnView[] = [];
    const sums: ViewSums[] = [];
    for (const view of order.views) {
      const grid = sampleGrid(view.plane, view.halfGrid);
      const band = bandOf(grid, this.#worker, this.#workers);
      const planning = this.#slice(view.viewId, "planning", grid, band, IDENTITY);
      const daily = this.#slice(view.viewId, "daily", grid, band, order.planningFromDaily);
      const pixels = this.#pixelsOf(view, grid);
      const { look } = view;
      const pair = {
        planning: planning.values,
        daily: daily.values,
        planningGreys: this.#greysOf("planning", look.planningWindow),
        dailyGreys: this.#greysOf("daily", look.dailyWindow),
      };
      fuseInto(pixels, pair, look, grid, band);
      views.push({ viewId: view.viewId, grid, pixels });
      if (!view.halfGrid) {
        const measured = pairSums(planning.measured, daily.measured, grid, band, order.region);
        sums.push({ viewId: view.viewId, sums: measured });
      }
    }
    return { views, sums };
  }

  /** The slice of an image; cut anew only if image, shade, grid or pose are others than last time. */
  #slice(viewId: string, slot: ImageSlot, grid: SampleGrid, band: Band, pose: Matrix4 | null): Slice {
    const placed = pose === null ? undefined : this.#volumes.get(slot);
    const shade = placed === undefined ? undefined : this.#volumes.get(shadeKey(slot));
    const id = `${viewId} ${slot}`;
    const key = JSON.stringify([grid, placed === undefined ? null : [placed.serial, shade?.serial, pose]]);
    const last = this.#slices.get(id);
    if (last?.key === key) {
      return last;
    }
    const size = grid.columns * grid.rows;
    const values = last?.values.length === size ? last.values : new Int16Array(size);
    let measured = values;
    if (placed === undefined || pose === null) {
      values.fill(NOT_IMAGED);
    } else {
      resliceInto(values, placed.volume, indexFromPlanningMm(placed.volume.header, pose), grid, band);
      if (shade !== undefined) {
        // Rows of other workers stay as they are: shading them again would do it twice.
        const [from, to] = [band.firstRow * grid.columns, band.endRow * grid.columns];
        const dark = new Int16Array(size);
        measured = new Int16Array(size);
        resliceInto(dark, shade.volume, indexFromPlanningMm(shade.volume.header, pose), grid, band);
        shadeInto(values.subarray(from, to), dark.subarray(from, to), measured.subarray(from, to));
      }
    }
    const slice = { key, values, measured };
    this.#slices.set(id, slice);
    return slice;
  }

  #pixelsOf(view: ViewOrder, grid: SampleGrid): Uint32Array {
    const size = grid.columns * grid.rows;
    if (view.pixels !== null) {
      return new Uint32Array(view.pixels, 0, size);
    }
    const last = this.#pixels.get(view.viewId);
    const pixels = last?.length === size ? last : new Uint32Array(size);
    this.#pixels.set(view.viewId, pixels);
    return pixels;
  }

  #greysOf(slot: ImageSlot, window: GreyWindow): GreyTable {
    const isShaded = this.#volumes.has(shadeKey(slot));
    const key = `${window.centreHu} ${window.widthHu} ${isShaded}`;
    const known = this.#greys.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#greys.size > 16) {
      this.#greys.clear();
    }
    const table = isShaded ? shadedGreyTable(window) : greyTable(window);
    this.#greys.set(key, table);
    return table;
  }

  /** The lines of a scalar volume on a plane; none while the image it belongs to has no pose. */
  isolines(order: IsolineOrder): readonly Isoline[] {
    const placed = this.#volumes.get(order.key);
    if (placed === undefined) {
      throw new EngineError(`isolines of '${order.key}' are wanted, but it is not loaded; load it first`);
    }
    const pose = placed.frame === "planning" ? IDENTITY : order.planningFromDaily;
    if (pose === null) {
      return order.levels.map((level) => ({ level, lines: [] }));
    }
    return isolinesOn(order.plane, placed.volume, pose, order.levels);
  }

  /** The values at a position. */
  probe(order: ProbeOrder): Probe {
    return {
      planningHu: this.#probed("planning", IDENTITY, order),
      dailyHu: this.#probed("daily", order.planningFromDaily, order),
    };
  }

  #probed(slot: ImageSlot, pose: Matrix4 | null, order: ProbeOrder): number | null {
    const placed = this.#volumes.get(slot);
    if (placed === undefined || pose === null) {
      return null;
    }
    const { volume } = placed;
    const value = valueAt(volume, indexFromPlanningMm(volume.header, pose), order.xyzMm);
    return value === NOT_IMAGED ? null : value;
  }
}

/** Waits until all workers have drawn their rows of a frame, then puts the pictures into the canvases. */

import { EngineError } from "./errors";
import type { BandDone, Painted, Picture, ViewSums } from "./messages";
import type { DrawnBand, DrawnView } from "./renderer";
import { addSums } from "./similarity";

/** Only what the painter uses of a canvas, so that tests need no browser. */
export interface PaintedCanvas {
  width: number;
  height: number;
  getContext(kind: "2d", settings: { alpha: boolean }): Pick<CanvasImageData, "putImageData"> | null;
}

/**
 * What draws into a canvas: nobody may take a frame for shown that is not.
 *
 * @throws {@link EngineError} if the browser gives none.
 */
export function contextOf(canvas: Pick<PaintedCanvas, "getContext">): Pick<CanvasImageData, "putImageData"> {
  const context = canvas.getContext("2d", { alpha: false });
  if (context === null) {
    throw new EngineError(
      "the browser cannot draw into a canvas of this page; close other pages and reload it",
    );
  }
  return context;
}

/** The painter of worker 0. */
export class Painter {
  readonly #canvases = new Map<string, PaintedCanvas>();
  readonly #others: number;
  readonly #bands = new Map<number, BandDone[]>();
  readonly #onPainted: (painted: Painted) => void;
  #own: { readonly frame: number; readonly band: DrawnBand; readonly computeMs: number } | null = null;

  /** `others` workers draw rows besides this one. */
  constructor(others: number, onPainted: (painted: Painted) => void) {
    this.#others = others;
    this.#onPainted = onPainted;
  }

  addCanvas(viewId: string, canvas: PaintedCanvas): void {
    this.#canvases.set(viewId, canvas);
  }

  removeCanvas(viewId: string): void {
    this.#canvases.delete(viewId);
  }

  /** The painter's own rows are drawn. */
  ownDone(frame: number, band: DrawnBand, computeMs: number): void {
    this.#own = { frame, band, computeMs };
    this.#paintIfComplete();
  }

  /** Another worker's rows are drawn, perhaps before the painter's own. */
  otherDone(done: BandDone): void {
    const bands = this.#bands.get(done.frame) ?? [];
    bands.push(done);
    this.#bands.set(done.frame, bands);
    this.#paintIfComplete();
  }

  #paintIfComplete(): void {
    const own = this.#own;
    const others = own === null ? [] : (this.#bands.get(own.frame) ?? []);
    if (own === null || others.length < this.#others) {
      return;
    }
    this.#own = null;
    this.#bands.clear();
    const pictures = own.band.views.flatMap((view) => this.#show(view));
    this.#onPainted({
      kind: "painted",
      frame: own.frame,
      sums: others.reduce((sums, other) => addedByView(sums, other.sums), own.band.sums),
      computeMs: Math.max(own.computeMs, ...others.map((other) => other.computeMs)),
      pictures,
    });
  }

  /** Put a view into its canvas; without one, hand the picture to the page. */
  #show(view: DrawnView): readonly Picture[] {
    const { columns, rows } = view.grid;
    const canvas = this.#canvases.get(view.viewId);
    if (canvas === undefined) {
      return [{ viewId: view.viewId, columns, rows, pixels: view.pixels.slice().buffer }];
    }
    if (canvas.width !== columns || canvas.height !== rows) {
      canvas.width = columns;
      canvas.height = rows;
    }
    const image = new ImageData(columns, rows);
    new Uint32Array(image.data.buffer).set(view.pixels);
    contextOf(canvas).putImageData(image, 0, 0);
    return [];
  }
}

function addedByView(sums: readonly ViewSums[], more: readonly ViewSums[]): readonly ViewSums[] {
  return sums.map((view) => {
    const other = more.find((candidate) => candidate.viewId === view.viewId);
    return other === undefined ? view : { viewId: view.viewId, sums: addSums(view.sums, other.sums) };
  });
}

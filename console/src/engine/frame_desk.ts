/** Knows what the views should show, orders frames and reports what was shown. */

import type { Plane } from "../geometry/planes";
import { type Matrix4, rigidTransform } from "../geometry/rigid";
import type { FrameReport, ImageSlot, RegionBox, ViewReport } from "./contract";
import { EngineError } from "./errors";
import { isLarge } from "./grid";
import { INITIAL_LOOK, type Look } from "./look";
import type { FrameOrder, Painted, Picture, ViewOrder, ViewSums } from "./messages";
import { contextOf } from "./painter";
import { FrameSchedule } from "./schedule";
import { addSums, NO_SUMS, similarityOf } from "./similarity";

const BYTES_PER_PIXEL = 4;

interface View {
  plane: Plane;
  look: Partial<Look>;
  /** Shared by the workers; grows with the view. */
  pixels: SharedArrayBuffer | null;
  /** Where the browser has no OffscreenCanvas, the page fills the canvas. */
  readonly canvas: HTMLCanvasElement | null;
}

/** An image that is or will be shown. */
export interface Image {
  readonly id: string;
  readonly complete: boolean;
}

interface InFlight {
  readonly order: FrameOrder;
  readonly images: Readonly<Record<ImageSlot, Image | null>>;
  readonly changedMs: number;
}

/** The engine without its workers. */
export class FrameDesk {
  readonly #sharedPixels: boolean;
  readonly #views = new Map<string, View>();
  readonly #schedule = new FrameSchedule();
  #look: Look = INITIAL_LOOK;
  #images: Record<ImageSlot, Image | null> = { planning: null, daily: null };
  #region: RegionBox | null = null;
  #inFlight: InFlight | null = null;
  #planningFromDaily: Matrix4 | null = null;
  #settled = false;

  constructor(sharedPixels: boolean) {
    this.#sharedPixels = sharedPixels;
  }

  get settled(): boolean {
    return this.#settled;
  }

  get planningFromDaily(): Matrix4 | null {
    return this.#planningFromDaily;
  }

  /** An image is on its way; what is returned tells it apart from another load of the same image. */
  startImage(slot: ImageSlot, id: string): Image {
    const image = { id, complete: false };
    this.#images = { ...this.#images, [slot]: image };
    return image;
  }

  isCurrent(slot: ImageSlot, image: Image): boolean {
    return this.#images[slot] === image;
  }

  /** All of an image is there; nothing happens if another one has taken its place. */
  finishImage(slot: ImageSlot, image: Image): void {
    if (this.isCurrent(slot, image)) {
      this.#images = { ...this.#images, [slot]: { ...image, complete: true } };
    }
  }

  dropImage(slot: ImageSlot): void {
    this.#images = { ...this.#images, [slot]: null };
  }

  /** Returns the canvas that the painter gets; null where the page fills it. */
  addView(viewId: string, canvas: HTMLCanvasElement, plane: Plane): OffscreenCanvas | null {
    if (this.#views.has(viewId)) {
      throw new EngineError(`the view '${viewId}' is there already; remove it first`);
    }
    checkPlane(viewId, plane);
    const offscreen = "transferControlToOffscreen" in canvas ? canvas.transferControlToOffscreen() : null;
    this.#views.set(viewId, { plane, look: {}, pixels: null, canvas: offscreen === null ? canvas : null });
    return offscreen;
  }

  removeView(viewId: string): void {
    this.#views.delete(viewId);
  }

  setPlane(viewId: string, plane: Plane): void {
    checkPlane(viewId, plane);
    this.#view(viewId).plane = plane;
  }

  setPose(planningFromDaily: Matrix4 | null): void {
    this.#planningFromDaily =
      planningFromDaily === null ? null : rigidTransform("planning from daily", planningFromDaily);
  }

  setRegion(region: RegionBox | null): void {
    this.#region = region;
  }

  setLook(change: Partial<Look>, viewId?: string): void {
    checkLook(change);
    if (viewId === undefined) {
      this.#look = { ...this.#look, ...change };
    } else {
      const view = this.#view(viewId);
      view.look = { ...view.look, ...change };
    }
  }

  /** @throws {@link EngineError} if there is no such view. */
  requireView(viewId: string): void {
    this.#view(viewId);
  }

  #view(viewId: string): View {
    const view = this.#views.get(viewId);
    if (view === undefined) {
      throw new EngineError(`there is no view '${viewId}'; add it first`);
    }
    return view;
  }

  /** Something that is seen has changed; as long as there is no view, nothing is. */
  changed(nowMs: number): void {
    this.#settled = false;
    if (this.#views.size > 0) {
      this.#schedule.changed(nowMs);
    }
  }

  /** The frame to draw now; null if none is due. */
  nextOrder(nowMs: number): FrameOrder | null {
    const views = [...this.#views];
    const due =
      views.length === 0
        ? null
        : this.#schedule.due(
            nowMs,
            views.some(([, view]) => isLarge(view.plane)),
          );
    if (due === null) {
      return null;
    }
    const order: FrameOrder = {
      kind: "frame",
      frame: due.frame,
      planningFromDaily: this.#planningFromDaily,
      region: this.#region,
      views: views.map(([viewId, view]) => this.#viewOrder(viewId, view, due.moving)),
    };
    this.#inFlight = { order, images: this.#images, changedMs: due.changedMs };
    return order;
  }

  #viewOrder(viewId: string, view: View, moving: boolean): ViewOrder {
    const { plane } = view;
    const bytes = BYTES_PER_PIXEL * plane.widthPx * plane.heightPx;
    if (this.#sharedPixels && (view.pixels === null || view.pixels.byteLength < bytes)) {
      view.pixels = new SharedArrayBuffer(bytes);
    }
    const look = { ...this.#look, ...view.look };
    return { viewId, plane, halfGrid: moving && isLarge(plane), look, pixels: view.pixels };
  }

  /** How long until the next frame is due; null if only a change makes one due. */
  waitMs(nowMs: number): number | null {
    const idle = this.#inFlight === null && this.#views.size > 0;
    return idle ? this.#schedule.waitMs(nowMs) : null;
  }

  /** A frame is on the screen. */
  painted(message: Painted, nowMs: number): FrameReport | null {
    const shown = this.#inFlight;
    if (shown === null || shown.order.frame !== message.frame) {
      return null;
    }
    this.#inFlight = null;
    for (const picture of message.pictures) {
      this.#fill(picture);
    }
    const { planning, daily } = shown.images;
    const complete = (planning?.complete ?? true) && (daily?.complete ?? true);
    this.#settled = this.#schedule.painted() && complete;
    const { order } = shown;
    const coarse = order.views.some((view) => view.halfGrid);
    return {
      frame: message.frame,
      settled: this.#settled,
      planningFromDaily: daily === null ? null : order.planningFromDaily,
      images: {
        planning: planning?.id ?? null,
        daily: order.planningFromDaily === null ? null : (daily?.id ?? null),
      },
      similarity: coarse
        ? null
        : similarityOf(message.sums.map((view) => view.sums).reduce(addSums, NO_SUMS)),
      views: order.views.map((view) => viewReport(view, message.sums)),
      latencyMs: nowMs - shown.changedMs,
      computeMs: message.computeMs,
    };
  }

  #fill(picture: Picture): void {
    const canvas = this.#views.get(picture.viewId)?.canvas;
    if (canvas == null) {
      return;
    }
    canvas.width = picture.columns;
    canvas.height = picture.rows;
    const image = new ImageData(new Uint8ClampedArray(picture.pixels), picture.columns, picture.rows);
    contextOf(canvas).putImageData(image, 0, 0);
  }
}

function viewReport(view: ViewOrder, sums: readonly ViewSums[]): ViewReport {
  const own = sums.find((candidate) => candidate.viewId === view.viewId);
  const { viewId, plane, halfGrid } = view;
  return { viewId, plane, halfGrid, similarity: own === undefined ? null : similarityOf(own.sums) };
}

function checkPlane(viewId: string, plane: Plane): void {
  const sizes = [plane.widthPx, plane.heightPx];
  if (
    !sizes.every((px) => Number.isInteger(px) && px > 0) ||
    !(plane.mmPerPx > 0 && Number.isFinite(plane.mmPerPx))
  ) {
    throw new EngineError(
      `the view '${viewId}' cannot have ${sizes.join(" x ")} pixels of ${plane.mmPerPx} mm; give it whole, positive sizes`,
    );
  }
  if (![plane.centreMm, plane.right, plane.down].flat().every(Number.isFinite)) {
    throw new EngineError(
      `the plane of the view '${viewId}' holds a number that is not finite; reset the view`,
    );
  }
}

function checkLook(change: Partial<Look>): void {
  for (const window of [change.planningWindow, change.dailyWindow]) {
    if (window !== undefined && !(window.widthHu > 0 && Number.isFinite(window.widthHu + window.centreHu))) {
      throw new EngineError(
        `a grey window of width ${window.widthHu} shows nothing; give it a positive width`,
      );
    }
  }
  if (change.squareMm !== undefined && !(change.squareMm > 0)) {
    throw new EngineError(
      `a checkerboard of ${change.squareMm} mm squares shows nothing; give them a positive size`,
    );
  }
}

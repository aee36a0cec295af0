/**
 * SliceEngine: draws planes of two registered volumes into canvases, in workers, and says what it has drawn.
 *
 * @example
 * ```ts
 * const engine = new SliceEngine();
 * const stop = engine.onFrame((report) => { shown.value = report; });
 * engine.onError((error) => { failure.value = error.message; });   // hide the pictures: they are stale
 * await engine.load("planning", { id: planningUid, header, values: "/api/images/1/values" });
 * await engine.load("daily", { id: dailyUid, header: dailyHeader, values: "/api/images/2/values" });
 * engine.setPose(planningFromDaily);                              // without a pose the daily image is not shown
 * engine.addView("axial", canvas, planeThrough("axial", isocentreMm, { mmPerPx: 1, widthPx: 512, heightPx: 512 }));
 * engine.setLook({ mode: "spyglass", focusMm: isocentreMm });
 * engine.setPose(shiftedOnScreen(planningFromDaily, plane, { rightMm: 1, downMm: 0, intoMm: 0 }));
 * await engine.loadScalar({ id: "PTV", header: ptvHeader, values }, "planning");
 * engine.setIsolines("axial", [{ scalarId: "PTV", levels: [0] }]);  // answers come through onIsolines
 * ```
 *
 * Rules a view can rely on:
 * - Planes and positions are planning LPS in mm; a pose is `planningFromDaily`.
 * - The newest state wins; superseded ones are dropped. At most one frame is being computed.
 * - While things change, views with more than 600 px along an edge are drawn on half the grid; 120 ms after the
 *   last change everything is drawn on the full grid. `FrameReport.settled` tells the two apart. The canvas's own
 *   size follows the grid, so its size on the page must come from CSS.
 * - A canvas belongs to the engine from `addView` on and can be given to one engine once.
 * - Where the wanted image has no value a pixel has the colour {@link NOT_IMAGED_RGB}; where only one of two mixed
 *   images has one, that image is shown as dimmed, hatched grey.
 * - Loading an image takes the old one of its slot off the screen at once. Slices show up as they arrive.
 * - After an error of a worker nothing is drawn any more (`onError`); make a new engine.
 */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import type {
  FrameReport,
  ImageSlot,
  IsolineRequest,
  PlaneIsolines,
  Probe,
  RegionBox,
  VolumeSource,
} from "./contract";
import type { EngineError } from "./errors";
import type { Look } from "./look";

export type * from "./contract";

/** Stops a subscription. */
export type Unsubscribe = () => void;

/** How an engine is set up; the defaults are right for a console. */
export interface SliceEngineOptions {
  /** 2 where memory can be shared (a cross-origin isolated page), otherwise 1. */
  readonly workers?: number;
}

/** See the top of this file. */
export interface SliceEngineApi {
  /** Load an image; resolves when all of it is there, rejects with {@link EngineError} if it is not usable. */
  load(slot: ImageSlot, source: VolumeSource): Promise<void>;
  /** Take an image off the screen. */
  unload(slot: ImageSlot): void;
  /** Load a volume for isolines; it lies in the coordinates of the planning or of the daily image. */
  loadScalar(source: VolumeSource, frame: ImageSlot): Promise<void>;
  unloadScalar(scalarId: string): void;

  /** Draw a plane into a canvas from now on. */
  addView(viewId: string, canvas: HTMLCanvasElement, plane: Plane): void;
  removeView(viewId: string): void;
  /** Move, zoom or resize a view. */
  setPlane(viewId: string, plane: Plane): void;
  /** Place the daily image; null takes it off the screen. */
  setPose(planningFromDaily: Matrix4 | null): void;
  /** Change the look of all views, or of one whose settings then win over the common ones. */
  setLook(change: Partial<Look>, viewId?: string): void;
  /** Measure the similarity in a box only; null measures all that is shown. */
  setRegion(box: RegionBox | null): void;
  /** The isolines of a view from now on; they follow plane and pose. */
  setIsolines(viewId: string, requests: readonly IsolineRequest[]): void;
  /** Values at a position in planning LPS. */
  probe(xyzMm: Vec3): Promise<Probe>;

  onFrame(listener: (report: FrameReport) => void): Unsubscribe;
  onIsolines(listener: (result: PlaneIsolines) => void): Unsubscribe;
  onError(listener: (error: EngineError) => void): Unsubscribe;
  /** End the workers and give the memory back. */
  dispose(): void;
}

/** What views give to the {@link SliceEngine} and get from it. */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import type { EngineError } from "./errors";
import type { Look } from "./look";
import type { VolumeHeader } from "./volume";

/** The two images that are compared. */
export type ImageSlot = "planning" | "daily";

/** Where the values of a volume come from. */
export interface VolumeSource {
  /** Names the image; it comes back with every frame that shows it. */
  readonly id: string;
  readonly header: VolumeHeader;
  /**
   * An address of the same origin that answers the plain int16 little-endian values, a stream of them, or all of
   * them. A buffer is taken over and must not be used afterwards.
   */
  readonly values: string | ReadableStream<Uint8Array> | ArrayBuffer;
  readonly onProgress?: (loadedBytes: number, totalBytes: number) => void;
  /**
   * Of an image: a volume that is below zero where the image says nothing of the tissue. There it is shown dimmed
   * and not measured. The image holds values from 0 to below 4096 then, and is not shown before its shade is there.
   */
  readonly shade?: VolumeSource;
}

/** A box along the planning LPS axes in which the similarity is measured. */
export interface RegionBox {
  readonly lowMm: Vec3;
  readonly highMm: Vec3;
}

/** Lines of equal value of a scalar volume, wanted on a view. */
export interface IsolineRequest {
  /** The volume, as given to {@link SliceEngine.loadScalar}. */
  readonly scalarId: string;
  /** In the stored unit: 1/32 mm for distances (structures: 0), steps for a dose. */
  readonly levels: readonly number[];
}

/** A line on a plane: x to the right and y down in mm from the middle of the picture, alternating. */
export interface Polyline {
  readonly closed: boolean;
  readonly xyMm: Float32Array;
}

/** The lines of one level. */
export interface Isoline {
  readonly level: number;
  readonly lines: readonly Polyline[];
}

/** The lines of one scalar volume on one view, with the plane and registration they were cut for. */
export interface PlaneIsolines {
  readonly viewId: string;
  readonly scalarId: string;
  readonly plane: Plane;
  readonly planningFromDaily: Matrix4 | null;
  readonly isolines: readonly Isoline[];
}

/** How alike two images are where both have values. */
export interface Similarity {
  /** Normalised cross-correlation, -1 to 1; null where too few pixels or no contrast say anything. */
  readonly ncc: number | null;
  /** Pixels that were compared. */
  readonly pixels: number;
}

/** What one view showed in a frame. */
export interface ViewReport {
  readonly viewId: string;
  readonly plane: Plane;
  /** True while the view was drawn on half the grid because it moves. */
  readonly halfGrid: boolean;
  readonly similarity: Similarity | null;
}

/** A frame that is on the screen. Everything in it belongs together. */
export interface FrameReport {
  readonly frame: number;
  /** True if this frame shows the newest state of everything on the full grid: only then may anybody decide on it. */
  readonly settled: boolean;
  /** The registration that is shown; null if no daily image is. */
  readonly planningFromDaily: Matrix4 | null;
  /** The images that are shown; null where there is none. */
  readonly images: Readonly<Record<ImageSlot, string | null>>;
  /** All views together; null unless every view is on its full grid. */
  readonly similarity: Similarity | null;
  readonly views: readonly ViewReport[];
  /** From the first change that this frame shows to the picture. */
  readonly latencyMs: number;
  /** Of which computing took this. */
  readonly computeMs: number;
}

/** Values under the pointer in HU (or the stored unit); null where an image has none. */
export interface Probe {
  readonly planningHu: number | null;
  readonly dailyHu: number | null;
}

/** Stops a subscription. */
export type Unsubscribe = () => void;

/** What a {@link SliceEngine} can do; see the top of its file for the rules. */
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

  /** True if the screen shows the newest state of everything on the full grid and all images are complete. */
  readonly settled: boolean;
  onFrame(listener: (report: FrameReport) => void): Unsubscribe;
  /** Told at once when something that is seen changes: until the next settled frame the screen is behind. */
  onChange(listener: () => void): Unsubscribe;
  onIsolines(listener: (result: PlaneIsolines) => void): Unsubscribe;
  onError(listener: (error: EngineError) => void): Unsubscribe;
  /** End the workers and give the memory back. */
  dispose(): void;
}

/** What the engine and its workers tell each other. */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
import type { ImageSlot, Isoline, Probe, RegionBox } from "./contract";
import type { Look } from "./look";
import type { PairSums } from "./similarity";
import type { VolumeHeader } from "./volume";

/** The first message: which share of the rows a worker draws. Worker 0 paints and hears from the others. */
export interface JoinMessage {
  readonly kind: "join";
  readonly worker: number;
  readonly workers: number;
  /** Painter: one port per other worker. Others: one port to the painter. */
  readonly ports: readonly MessagePort[];
}

/** Values of a volume under a key: a slot, or `scalar:` and its identifier. */
export interface VolumeMessage {
  readonly kind: "volume";
  readonly key: string;
  readonly header: VolumeHeader;
  readonly values: ArrayBufferLike;
  readonly loadedSlices: number;
  /** Where the volume lies: in the coordinates of the planning or of the daily image. */
  readonly frame: ImageSlot;
}

/** More slices of a volume in shared memory are there. */
export interface SlicesMessage {
  readonly kind: "slices";
  readonly key: string;
  readonly loadedSlices: number;
}

export interface DropMessage {
  readonly kind: "drop";
  readonly key: string;
}

/** The painter gets the canvas of a view. */
export interface CanvasMessage {
  readonly kind: "canvas";
  readonly viewId: string;
  readonly canvas: OffscreenCanvas;
}

export interface RemoveViewMessage {
  readonly kind: "removeView";
  readonly viewId: string;
}

/** One view of a frame. */
export interface ViewOrder {
  readonly viewId: string;
  readonly plane: Plane;
  readonly halfGrid: boolean;
  readonly look: Look;
  /** Pixels that all workers share; null where there is one worker. */
  readonly pixels: SharedArrayBuffer | null;
}

/** Draw all views. */
export interface FrameOrder {
  readonly kind: "frame";
  readonly frame: number;
  readonly planningFromDaily: Matrix4 | null;
  readonly region: RegionBox | null;
  readonly views: readonly ViewOrder[];
}

export interface IsolineOrder {
  readonly kind: "isolines";
  readonly job: number;
  readonly key: string;
  readonly plane: Plane;
  readonly planningFromDaily: Matrix4 | null;
  readonly levels: readonly number[];
}

export interface ProbeOrder {
  readonly kind: "probe";
  readonly job: number;
  readonly xyzMm: Vec3;
  readonly planningFromDaily: Matrix4 | null;
}

export type ToWorker =
  | JoinMessage
  | VolumeMessage
  | SlicesMessage
  | DropMessage
  | CanvasMessage
  | RemoveViewMessage
  | FrameOrder
  | IsolineOrder
  | ProbeOrder;

/** Similarity sums of one view. */
export interface ViewSums {
  readonly viewId: string;
  readonly sums: PairSums;
}

/** A worker other than the painter has drawn its rows. */
export interface BandDone {
  readonly kind: "bandDone";
  readonly frame: number;
  readonly sums: readonly ViewSums[];
  readonly computeMs: number;
}

/** A picture for a canvas that the page has to fill itself, because the browser has no OffscreenCanvas. */
export interface Picture {
  readonly viewId: string;
  readonly columns: number;
  readonly rows: number;
  readonly pixels: ArrayBuffer;
}

/** All rows of a frame are drawn. */
export interface Painted {
  readonly kind: "painted";
  readonly frame: number;
  readonly sums: readonly ViewSums[];
  readonly computeMs: number;
  readonly pictures: readonly Picture[];
}

export interface IsolinesDone {
  readonly kind: "isolinesDone";
  readonly job: number;
  readonly isolines: readonly Isoline[];
}

export interface ProbeDone {
  readonly kind: "probeDone";
  readonly job: number;
  readonly probe: Probe;
}

/** The worker cannot go on. */
export interface Failed {
  readonly kind: "failed";
  readonly message: string;
}

export type FromWorker = Painted | IsolinesDone | ProbeDone | Failed;

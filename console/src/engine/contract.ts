/** What views give to the {@link SliceEngine} and get from it. */

import type { Plane } from "../geometry/planes";
import type { Matrix4 } from "../geometry/rigid";
import type { Vec3 } from "../geometry/vector";
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
  /** In the stored unit: 1/32 mm for distances (structures: 0), cGy for dose. */
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

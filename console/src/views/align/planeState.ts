/** Where one of the three views looks: its zoom and middle are its own, its depth is that of the crosshair. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import {
  intoScreen,
  type Orientation,
  type Plane,
  panned,
  planeThrough,
  zoomed,
} from "../../geometry/planes";
import { add, dot, scale, subtract, type Vec3 } from "../../geometry/vector";

/** The three views. */
export const ORIENTATIONS: readonly Orientation[] = ["axial", "coronal", "sagittal"];

/** Limits of the zoom: a hundredth of a voxel is no picture, and two metres are no patient. */
const FINEST_MM_PER_PX = 0.02;
const COARSEST_MM_PER_PX = 4;

interface Framing {
  readonly centreMm: Vec3;
  readonly mmPerPx: number;
}

/** See the top of this file. */
export class PlaneState {
  readonly orientation: Orientation;
  /** Size on the page in CSS pixels; zero until it is laid out. */
  readonly size: Signal<{ readonly widthPx: number; readonly heightPx: number }>;
  readonly plane: ReadonlySignal<Plane>;
  readonly #framing: Signal<Framing | null> = signal(null);
  readonly #whole: { readonly centreMm: Vec3; readonly extentMm: Vec3 };

  /** @param whole - What the view shows before it is zoomed: middle and extent along planning LPS. */
  constructor(
    orientation: Orientation,
    crosshairMm: ReadonlySignal<Vec3>,
    whole: { readonly centreMm: Vec3; readonly extentMm: Vec3 },
  ) {
    this.orientation = orientation;
    this.size = signal({ widthPx: 0, heightPx: 0 });
    this.#whole = whole;
    this.plane = computed(() => {
      const size = this.size.value;
      const { centreMm, mmPerPx } = this.#framing.value ?? this.#fitted(size);
      const plane = planeThrough(orientation, centreMm, { mmPerPx, ...size });
      const into = intoScreen(plane);
      const depthMm = dot(subtract(crosshairMm.value, centreMm), into);
      return { ...plane, centreMm: add(centreMm, scale(into, depthMm)) };
    });
  }

  #fitted(size: { readonly widthPx: number; readonly heightPx: number }): Framing {
    const { centreMm, extentMm } = this.#whole;
    const { right, down } = planeThrough(this.orientation, centreMm, { mmPerPx: 1, ...size });
    const along = (axis: Vec3) => axis.reduce((sum, part, at) => sum + Math.abs(part) * extentMm[at]!, 0);
    const fitting = Math.max(along(right) / (size.widthPx || 1), along(down) / (size.heightPx || 1));
    return { centreMm, mmPerPx: limited(fitting) };
  }

  /** Move the picture with the pointer. */
  pan(from: Plane, rightPx: number, downPx: number): void {
    const { centreMm, mmPerPx } = panned(from, rightPx, downPx);
    this.#framing.value = { centreMm, mmPerPx };
  }

  /** Magnify about a place of the view; the point under it stays. */
  zoom(from: Plane, factor: number, xPx: number, yPx: number): void {
    const allowed = from.mmPerPx / limited(from.mmPerPx / factor);
    const { centreMm, mmPerPx } = zoomed(from, allowed, { xPx, yPx });
    this.#framing.value = { centreMm, mmPerPx };
  }

  /** Bring a point to the middle. */
  centre(pointMm: Vec3): void {
    this.#framing.value = { centreMm: pointMm, mmPerPx: this.plane.peek().mmPerPx };
  }

  /** Show all of it again. */
  reset(): void {
    this.#framing.value = null;
  }
}

function limited(mmPerPx: number): number {
  return Math.min(COARSEST_MM_PER_PX, Math.max(FINEST_MM_PER_PX, mmPerPx));
}

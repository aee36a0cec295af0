/** Radiographs: the day's image stands still, and the shadow of the planning CT moves with the pose. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { fetchBytes } from "../../api/client";
import { compose, type Matrix4, rotationAbout, rotationAboutPoint, translation } from "../../geometry/rigid";
import { add, cross, norm, scale, type Vec3 } from "../../geometry/vector";
import { isSamePose } from "../../state/pose";
import { NewestAnswer } from "../../state/poseNewest";
import {
  askDrr,
  askOverlays,
  type ImageKey,
  type ShadowOverlays,
  three,
  type ViewDocument,
} from "./documents";

/** Directions of growing columns and rows of a radiograph, unit vectors in daily LPS. */
export interface ViewAxes {
  readonly right: Vec3;
  readonly down: Vec3;
}

/** The axes of a view; null where the service does not give them, and then nothing is moved in it. */
export function axesOf(view: ViewDocument): ViewAxes | null {
  const { right_axis, down_axis } = view;
  if (!right_axis || !down_axis) {
    return null;
  }
  const [right, down] = [three(right_axis), three(down_axis)];
  const isUnit = Math.abs(norm(right) - 1) < 1e-3 && Math.abs(norm(down) - 1) < 1e-3;
  return isUnit ? { right, down } : null;
}

/**
 * The pose after the shadow was shifted in a view.
 *
 * The shadow is where the patient is taken to lie, so it moves in the frame of the day: a shadow that has to go
 * to the patient's left says that he lies further to his left, and the couch goes to his right.
 */
export function shadowShifted(
  planningFromDaily: Matrix4,
  axes: ViewAxes,
  shift: { readonly rightMm: number; readonly downMm: number; readonly intoMm: number },
): Matrix4 {
  const inPlane = add(scale(axes.right, -shift.rightMm), scale(axes.down, -shift.downMm));
  const back = add(inPlane, scale(cross(axes.right, axes.down), -shift.intoMm));
  return compose(planningFromDaily, translation(back));
}

/** The pose after the shadow was turned clockwise in a view about the machine isocentre. */
export function shadowTurned(
  planningFromDaily: Matrix4,
  axes: ViewAxes,
  clockwiseDeg: number,
  machineIsocentreMm: Vec3,
): Matrix4 {
  const back = rotationAbout(cross(axes.right, axes.down), -clockwiseDeg);
  return compose(planningFromDaily, rotationAboutPoint(back, machineIsocentreMm));
}

/** A shadow with what lies over it; they belong to one pose. */
export interface Shadow {
  readonly pose: Matrix4;
  readonly pixels: Uint8Array;
  readonly overlays: ShadowOverlays;
}

/** One radiograph and the shadow beside it. */
export class ShadowState {
  readonly view: ViewDocument;
  readonly axes: ViewAxes | null;
  readonly pixels: Signal<Uint8Array | null> = signal(null);
  readonly problem: Signal<string> = signal("");
  /** The newest shadow that has come; it may be that of an older pose. */
  readonly shadow: Signal<Shadow | null> = signal(null);
  readonly asked: NewestAnswer<Matrix4, Shadow>;
  /** When the pose was left that the shadow belongs to, ms of the steady clock; null while it is the newest. */
  readonly staleSinceMs: ReadonlySignal<number | null>;
  readonly #pose: ReadonlySignal<Matrix4>;
  readonly #askedAtMs: Signal<number> = signal(0);
  /** Whether the shadow on the screen belonged to the pose until it was moved. */
  #wasFresh = true;

  constructor(key: ImageKey, view: ViewDocument, pose: ReadonlySignal<Matrix4>) {
    this.view = view;
    this.axes = axesOf(view);
    this.#pose = pose;
    this.asked = new NewestAnswer((wanted, stop) => this.#ask(key, wanted, stop));
    this.staleSinceMs = computed(() => {
      const shown = this.shadow.value;
      return shown !== null && isSamePose(shown.pose, this.#pose.value) ? null : this.#askedAtMs.value;
    });
  }

  /** Whether radiograph and shadow are there and belong to the pose. */
  get isSeen(): boolean {
    return this.pixels.value !== null && this.shadow.value !== null && this.staleSinceMs.value === null;
  }

  /** Ask for the shadow of the pose; read inside an effect, it follows. */
  follow(): void {
    const pose = this.#pose.value;
    const shown = this.shadow.peek();
    if (shown !== null && isSamePose(shown.pose, pose)) {
      this.asked.drop();
      this.#wasFresh = true;
      return;
    }
    if (this.#wasFresh) {
      this.#askedAtMs.value = performance.now();
      this.#wasFresh = false;
    }
    this.asked.put(pose);
  }

  /** Fetch the radiograph, or fetch it again. */
  async load(): Promise<void> {
    this.problem.value = "";
    try {
      const bytes = new Uint8Array(await fetchBytes(this.view.address));
      if (bytes.length !== this.view.columns * this.view.rows) {
        throw new Error(
          `the radiograph has ${bytes.length} pixels, not ${this.view.columns} × ${this.view.rows}; load it again`,
        );
      }
      this.pixels.value = bytes;
    } catch (error) {
      this.problem.value = error instanceof Error ? error.message : String(error);
    }
  }

  async #ask(key: ImageKey, pose: Matrix4, stop: AbortSignal): Promise<Shadow> {
    const [pixels, overlays] = await Promise.all([
      askDrr(key, this.view.index, pose, stop),
      askOverlays(key, this.view.index, pose, stop),
    ]);
    if (pixels.length !== this.view.columns * this.view.rows) {
      throw new Error("the DRR has another size than the radiograph; load the page again");
    }
    const shadow = { pose, pixels, overlays };
    // Dropped questions must not bring an older shadow onto the screen.
    if (!stop.aborted) {
      this.#wasFresh = true;
      this.shadow.value = shadow;
    }
    return shadow;
  }
}

/** Radiographs: the day's image stands still, and the shadow of the planning CT moves with the pose. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { fetchBytes } from "../../api/client";
import { compose, type Matrix4, rotationAbout, rotationAboutPoint, translation } from "../../geometry/rigid";
import { add, cross, dot, norm, scale, type Vec3 } from "../../geometry/vector";
import { OneAtATime } from "../../state/oneAtATime";
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

/** The axes of a view; null where they are no directions, and then nothing is moved in it. */
export function axesOf(view: Pick<ViewDocument, "right_axis" | "down_axis">): ViewAxes | null {
  const [right, down] = [three(view.right_axis), three(view.down_axis)];
  const isUnit = Math.abs(norm(right) - 1) < 1e-3 && Math.abs(norm(down) - 1) < 1e-3;
  return isUnit && Math.abs(dot(right, down)) < 1e-3 ? { right, down } : null;
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
  /** Whether it has only half the detail; nobody decides on it. */
  readonly isQuick: boolean;
}

/** Pause after the last movement before the whole shadow is asked for: until then the quick one is not held up. */
const REST_MS = 250;

/** A pose, and the how manyth it was that the hand came to. */
interface Asked {
  readonly pose: Matrix4;
  readonly count: number;
}

/** One radiograph and the shadow beside it: a quick one while the hand moves, the whole one once it rests. */
export class ShadowState {
  readonly view: ViewDocument;
  readonly axes: ViewAxes | null;
  readonly pixels: Signal<Uint8Array | null> = signal(null);
  readonly problem: Signal<string> = signal("");
  /** The newest shadow that has come; it may be that of an older pose. */
  readonly shadow: Signal<Shadow | null> = signal(null);
  readonly asked: NewestAnswer<Asked, Shadow>;
  /** When the pose was left that the shadow belongs to, ms of the steady clock; null while it is the newest. */
  readonly staleSinceMs: ReadonlySignal<number | null>;
  readonly #key: ImageKey;
  readonly #pose: ReadonlySignal<Matrix4>;
  readonly #leftAtMs: Signal<number> = signal(0);
  readonly #quick: OneAtATime<Asked>;
  /** When each pose was left that may still come onto the screen, by its count. */
  readonly #left = new Map<number, number>();
  #count = 0;
  #shownCount = 0;

  constructor(key: ImageKey, view: ViewDocument, pose: ReadonlySignal<Matrix4>) {
    this.view = view;
    this.axes = axesOf(view);
    this.#key = key;
    this.#pose = pose;
    this.asked = new NewestAnswer((wanted, stop) => this.#askWhole(wanted, stop), REST_MS);
    this.#quick = new OneAtATime((wanted) => this.#askQuick(wanted));
    this.staleSinceMs = computed(() => {
      const shown = this.shadow.value;
      return shown !== null && isSamePose(shown.pose, this.#pose.value) ? null : this.#leftAtMs.value;
    });
  }

  /** Whether radiograph and whole shadow are there and belong to the pose. */
  get isSeen(): boolean {
    const shown = this.shadow.value;
    return this.pixels.value !== null && shown !== null && !shown.isQuick && this.staleSinceMs.value === null;
  }

  /** Ask for the shadow of the pose; read inside an effect, it follows. */
  follow(): void {
    const pose = this.#pose.value;
    const shown = this.shadow.peek();
    this.#leave();
    if (shown !== null && !shown.isQuick && isSamePose(shown.pose, pose)) {
      this.drop();
      this.#shownCount = this.#count;
      return;
    }
    const wanted = { pose, count: this.#count };
    this.asked.put(wanted);
    // Nobody moves before the first shadow is there: it comes whole.
    if (shown !== null && !isSamePose(shown.pose, pose)) {
      this.#quick.put(wanted);
    }
  }

  /** Ask for nothing any more. */
  drop(): void {
    this.asked.drop();
    this.#quick.drop();
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

  /** The hand comes to a new pose, and leaves the one before. */
  #leave(): void {
    const nowMs = performance.now();
    this.#left.set(this.#count, nowMs);
    if (this.#count === this.#shownCount) {
      this.#leftAtMs.value = nowMs;
    }
    this.#count += 1;
  }

  async #askWhole(wanted: Asked, stop: AbortSignal): Promise<Shadow> {
    const shadow = await this.#ask(wanted.pose, false, stop);
    // Dropped questions must not bring an older shadow onto the screen.
    if (!stop.aborted) {
      this.#show(shadow, wanted.count);
    }
    return shadow;
  }

  async #askQuick(wanted: Asked): Promise<void> {
    if (wanted.count <= this.#shownCount) {
      return;
    }
    const shadow = await this.#ask(wanted.pose, true, new AbortController().signal);
    // One that comes after the shadow of a later pose, or after the whole one of its own, is of no use.
    if (wanted.count > this.#shownCount) {
      this.#show(shadow, wanted.count);
    }
  }

  async #ask(pose: Matrix4, isQuick: boolean, stop: AbortSignal): Promise<Shadow> {
    const [pixels, overlays] = await Promise.all([
      askDrr(this.#key, this.view.index, pose, isQuick, stop),
      askOverlays(this.#key, this.view.index, pose, stop),
    ]);
    if (pixels.length !== this.view.columns * this.view.rows) {
      throw new Error("the DRR has another size than the radiograph; load the page again");
    }
    return { pose, pixels, overlays, isQuick };
  }

  #show(shadow: Shadow, count: number): void {
    this.#shownCount = count;
    const leftMs = this.#left.get(count);
    if (leftMs !== undefined) {
      this.#leftAtMs.value = leftMs;
    }
    for (const older of this.#left.keys()) {
      if (older < count) {
        this.#left.delete(older);
      }
    }
    this.shadow.value = shadow;
  }
}

/**
 * One image of the day over the planning image, as one person looks at it and moves it.
 *
 * It lives as long as the image is on the screen. What the service knows stays in the fraction; what the person
 * does stays here until it is used.
 */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { shiftedOnScreen, turnedOnScreen } from "../../geometry/motion";
import { intoScreen, type Orientation, type ScreenPoint } from "../../geometry/planes";
import { apply, type Matrix4, rigidTransform } from "../../geometry/rigid";
import { add, scale, type Vec3 } from "../../geometry/vector";
import { type KeyAction, STEP_DEG, STEP_MM } from "../../input/keymap";
import { NewestAnswer } from "../../state/poseNewest";
import {
  askSimilarity,
  type DailyPictures,
  type ImageKey,
  type MatchFigures,
  type PlannedStructures,
  type PlanningPictures,
  readFigures,
  type SimilarityAnswer,
  setupOf,
  three,
  type VolumeDocument,
  type WindowPreset,
} from "./documents";
import { Hand } from "./hand";
import { LookState } from "./look";
import { ORIENTATIONS, PlaneState } from "./planeState";
import { ShadowState, shadowShifted, shadowTurned } from "./shadow";
import { type Ground, groundsOf, groundWindows } from "./ultrasound";

/** What is shown over the images. */
export const LAYERS = ["structures", "isodoses", "region", "residuals", "uncertainty", "fan"] as const;
export type Layer = (typeof LAYERS)[number];

/** See the top of this file. */
export class AlignSession {
  readonly key: ImageKey;
  readonly planning: PlanningPictures;
  readonly daily: DailyPictures;
  readonly hand: Hand;
  readonly look: LookState;
  readonly planIsocentreMm: Vec3;
  readonly uncorrected: Matrix4;
  readonly figures: Signal<MatchFigures | null> = signal(null);
  /** The structures of the plan; null until they are there. */
  readonly structures: Signal<PlannedStructures | null> = signal(null);
  readonly crosshairMm: Signal<Vec3>;
  /** What the day's image can be laid on. */
  readonly grounds: readonly Ground[];
  /** What it lies on. */
  readonly ground: Signal<Ground>;
  /** What is shown in place of the planning image: the plan in the day's body; null for the plan itself. */
  readonly underlay: Signal<VolumeDocument | null> = signal(null);
  /** Values of images that take turns, by their hash. */
  readonly atHand = new Map<string, ArrayBuffer>();
  readonly planes: Readonly<Record<Orientation, PlaneState>>;
  readonly focused: Signal<string> = signal("axial");
  readonly maximised: Signal<string | null> = signal(null);
  readonly isMatching = signal(false);
  readonly isWindowing = signal(false);
  readonly isHelpOpen = signal(false);
  readonly layers: Readonly<Record<Layer, Signal<boolean>>>;
  /** Structures that are not drawn, by number. */
  readonly hidden: Signal<ReadonlySet<number>> = signal(new Set());
  /** The engine's answer for this image; null where it gave none. */
  readonly automatic: Signal<Matrix4 | null> = signal(null);
  /** Whether the automatic result is on the screen instead of the hand's pose. */
  readonly isComparing = signal(false);
  /** What is on the screen. */
  readonly shownPose: ReadonlySignal<Matrix4>;
  readonly similarity: NewestAnswer<Matrix4, SimilarityAnswer>;
  /** The radiographs; none for a volume. */
  readonly shadows: readonly ShadowState[];
  /** Where spyglass and split are on the radiographs, mm from their middle. */
  readonly shadowFocusMm: Signal<Vec3> = signal([0, 0, 0]);
  /** How the radiographs are magnified together. */
  readonly shadowZoom: Signal<number> = signal(1);
  /** By how much the radiographs are moved on the page together, CSS pixels. */
  readonly shadowPanPx: Signal<readonly [number, number]> = signal([0, 0]);
  /** In what ways the images were looked at: for who signs. */
  readonly lookedAt: Signal<ReadonlySet<string>> = signal(new Set());

  constructor(key: ImageKey, planning: PlanningPictures, daily: DailyPictures, pose: Matrix4 | null) {
    this.key = key;
    this.planning = planning;
    this.daily = daily;
    this.planIsocentreMm = three(planning.isocentre_mm);
    this.uncorrected = rigidTransform("uncorrected", daily.uncorrected);
    this.hand = new Hand(setupOf(planning, daily), pose ?? this.uncorrected);
    this.crosshairMm = signal(this.planIsocentreMm);
    this.grounds = groundsOf(planning, daily);
    this.ground = signal(this.grounds[0] ?? "ct");
    this.look =
      daily.kind === "radiographs"
        ? new LookState(GREYS, GREYS, this.crosshairMm)
        : new LookState(
            groundWindows(planning, this.ground.peek()),
            daily.windows,
            this.crosshairMm,
            daily.kind === "ultrasound",
          );
    const whole = wholeOf(planning, daily, this.uncorrected);
    const planeOf = (orientation: Orientation) => new PlaneState(orientation, this.crosshairMm, whole);
    this.planes = { axial: planeOf("axial"), coronal: planeOf("coronal"), sagittal: planeOf("sagittal") };
    this.layers = {
      structures: signal(true),
      isodoses: signal(false),
      region: signal(false),
      residuals: signal(false),
      uncertainty: signal(true),
      fan: signal(true),
    };
    this.shownPose = computed(() =>
      this.isComparing.value ? (this.automatic.value ?? this.hand.pose.value) : this.hand.pose.value,
    );
    this.similarity = new NewestAnswer((asked, stop) => askSimilarity(key, asked, stop));
    this.shadows = daily.views.map((view) => new ShadowState(key, view, this.shownPose));
  }

  /** Ask why to believe the match; it is drawn when it comes. */
  async askFigures(): Promise<void> {
    try {
      this.figures.value = await readFigures(this.key);
    } catch {
      this.figures.value = null;
    }
  }

  /** Lay the day's image on something else; nothing happens where it cannot be. */
  layOn(ground: Ground): void {
    if (ground !== this.ground.peek() && this.grounds.includes(ground)) {
      this.look.setPlanningPresets(groundWindows(this.planning, ground));
      this.ground.value = ground;
    }
  }

  /** Lay the day's image on the next thing that it can lie on. */
  layOnNext(): void {
    const at = this.grounds.indexOf(this.ground.peek());
    this.layOn(this.grounds[(at + 1) % this.grounds.length] ?? this.ground.peek());
  }

  /** Do what a key asks for in a view of planes; false where it asks for nothing here. */
  act(action: KeyAction, gesture: string): boolean {
    if (this.shadows.length > 0) {
      return this.#actOnShadow(action, gesture);
    }
    const orientation = ORIENTATIONS.find((one) => one === this.focused.peek()) ?? "axial";
    switch (action.kind) {
      case "nudge":
        this.nudge(
          orientation,
          action.right * STEP_MM[action.size],
          action.down * STEP_MM[action.size],
          gesture,
        );
        return true;
      case "through":
        this.#through(orientation, -action.towardsViewer * STEP_MM[action.size], gesture);
        return true;
      case "turn":
        this.turn(orientation, action.clockwise * STEP_DEG[action.size], gesture);
        return true;
      default:
        return false;
    }
  }

  /** The radiograph that has the focus. */
  get focusedShadow(): ShadowState | undefined {
    return this.shadows.find(({ view }) => shadowId(view.index) === this.focused.peek()) ?? this.shadows[0];
  }

  #actOnShadow(action: KeyAction, gesture: string): boolean {
    const axes = this.focusedShadow?.axes;
    if (!axes || !this.isMatching.peek()) {
      return false;
    }
    const pose = this.hand.pose.peek();
    const shifted = (rightMm: number, downMm: number, intoMm: number) =>
      this.hand.move(shadowShifted(pose, axes, { rightMm, downMm, intoMm }), "key", gesture);
    switch (action.kind) {
      case "nudge":
        shifted(action.right * STEP_MM[action.size], action.down * STEP_MM[action.size], 0);
        return true;
      case "through":
        shifted(0, 0, -action.towardsViewer * STEP_MM[action.size]);
        return true;
      case "turn": {
        const turnedDeg = action.clockwise * STEP_DEG[action.size];
        const { machineIsocentreMm } = this.hand.setup;
        this.hand.move(shadowTurned(pose, axes, turnedDeg, machineIsocentreMm), "key", gesture);
        return true;
      }
      default:
        return false;
    }
  }

  /** A step in the plane of a view: of the day's image in match mode, of the crosshair otherwise. */
  nudge(orientation: Orientation, rightMm: number, downMm: number, gesture: string): void {
    const plane = this.planes[orientation].plane.peek();
    if (this.isMatching.peek()) {
      const shift = { rightMm, downMm, intoMm: 0 };
      this.hand.move(shiftedOnScreen(this.hand.pose.peek(), plane, shift), "key", gesture);
      return;
    }
    const inPlane = add(scale(plane.right, rightMm), scale(plane.down, downMm));
    // By keys, spyglass and split go along with the crosshair.
    this.look.focusMm.value = null;
    this.crosshairMm.value = add(this.crosshairMm.peek(), inPlane);
  }

  #through(orientation: Orientation, intoMm: number, gesture: string): void {
    if (this.isMatching.peek()) {
      const shift = { rightMm: 0, downMm: 0, intoMm };
      const plane = this.planes[orientation].plane.peek();
      this.hand.move(shiftedOnScreen(this.hand.pose.peek(), plane, shift), "key", gesture);
      return;
    }
    this.scroll(orientation, intoMm);
  }

  /** Another slice of a view. */
  scroll(orientation: Orientation, intoMm: number): void {
    this.note(orientation);
    const into = intoScreen(this.planes[orientation].plane.peek());
    this.crosshairMm.value = add(this.crosshairMm.peek(), scale(into, intoMm));
  }

  /** A turn of the day's image about the isocentre, clockwise as a view shows it. */
  turn(orientation: Orientation, clockwiseDeg: number, gesture: string): void {
    const plane = this.planes[orientation].plane.peek();
    const pose = turnedOnScreen(this.hand.pose.peek(), plane, clockwiseDeg, this.planIsocentreMm);
    this.hand.move(pose, "key", gesture);
  }

  /** Distance of neighbouring slices of the planning image along a view's direction. */
  sliceMm(orientation: Orientation): number {
    const { spacing_mm, direction } = this.planning.volume;
    const into = intoScreen(this.planes[orientation].plane.peek());
    const along = [0, 1, 2].map((axis) =>
      Math.abs([0, 1, 2].reduce((sum, row) => sum + direction[3 * row + axis]! * into[row]!, 0)),
    );
    return spacing_mm[along.indexOf(Math.max(...along))]!;
  }

  /** Put the crosshair to a point; the views follow in depth. */
  point(pointMm: Vec3): void {
    this.crosshairMm.value = pointMm;
  }

  /** Zoom a view about one of its places. */
  zoom(orientation: Orientation, factor: number, place?: ScreenPoint): void {
    const state = this.planes[orientation];
    const plane = state.plane.peek();
    state.zoom(plane, factor, place?.xPx ?? plane.widthPx / 2, place?.yPx ?? plane.heightPx / 2);
  }

  /** Zoom the view that has the focus about its middle. */
  zoomFocused(factor: number): void {
    if (this.shadows.length > 0) {
      this.shadowZoom.value = Math.min(8, Math.max(0.5, this.shadowZoom.peek() * factor));
      return;
    }
    this.zoom(ORIENTATIONS.find((one) => one === this.focused.peek()) ?? "axial", factor);
  }

  /** Remember a way in which the images were looked at. */
  note(way: string): void {
    if (!this.lookedAt.peek().has(way)) {
      this.lookedAt.value = new Set(this.lookedAt.peek()).add(way);
    }
  }

  /** All views as at the beginning; the match stays. */
  resetViews(): void {
    this.shadowZoom.value = 1;
    this.shadowPanPx.value = [0, 0];
    for (const orientation of ORIENTATIONS) {
      this.planes[orientation].reset();
    }
    this.crosshairMm.value = this.planIsocentreMm;
    this.look.focusMm.value = null;
    this.maximised.value = null;
  }

  /** Go to the engine's answer, if it gave one. */
  goAutomatic(): void {
    const pose = this.automatic.peek();
    if (pose !== null && this.isMatching.peek()) {
      this.hand.move(pose, "engine");
    }
  }

  /** Go to the set-up position: no correction. */
  goUncorrected(): void {
    if (this.isMatching.peek()) {
      this.hand.move(this.uncorrected, "reset");
    }
  }

  /** Begin or leave the match by hand. A drag that goes on ends. */
  setMatching(isMatching: boolean): void {
    this.hand.settle();
    this.isComparing.value = false;
    this.isMatching.value = isMatching;
    this.isWindowing.value = false;
  }

  /** Leave the innermost thing that can be left; false where there is none. */
  leave(): boolean {
    for (const open of [this.isHelpOpen, this.isWindowing]) {
      if (open.peek()) {
        open.value = false;
        return true;
      }
    }
    if (this.isMatching.peek()) {
      this.setMatching(false);
      return true;
    }
    const wasMaximised = this.maximised.peek() !== null;
    this.maximised.value = null;
    return wasMaximised;
  }
}

/** Windows of radiographs and their shadows, in the grey values of the screen that both come in. */
const GREYS: readonly WindowPreset[] = [
  { name: "all", centre_hu: 127.5, width_hu: 255 },
  { name: "dark parts", centre_hu: 80, width_hu: 160 },
  { name: "bright parts", centre_hu: 175, width_hu: 160 },
  { name: "hard", centre_hu: 127.5, width_hu: 128 },
];

/** Name of a radiograph among the views. */
export const shadowId = (index: number): string => `radiograph ${index}`;

/** What the views show at first: all of the day's image where there is one, about the isocentre. */
function wholeOf(
  planning: PlanningPictures,
  daily: DailyPictures,
  planningFromDaily: Matrix4,
): { centreMm: Vec3; extentMm: Vec3 } {
  const isocentreMm = three(planning.isocentre_mm);
  const volume = daily.volume ?? planning.volume;
  const corners = [0, 1, 2, 3, 4, 5, 6, 7].map((number): Vec3 => {
    const mm = [0, 1, 2].map((axis) =>
      (number >> axis) & 1 ? (volume.size[axis]! - 1) * volume.spacing_mm[axis]! : 0,
    );
    const at = (row: number) =>
      volume.origin_mm[row]! + [0, 1, 2].reduce((sum, k) => sum + volume.direction[3 * row + k]! * mm[k]!, 0);
    const corner: Vec3 = [at(0), at(1), at(2)];
    return daily.volume === null ? corner : apply(planningFromDaily, corner);
  });
  const reach = (axis: 0 | 1 | 2) =>
    2 * Math.max(...corners.map((corner) => Math.abs(corner[axis] - isocentreMm[axis])));
  return { centreMm: isocentreMm, extentMm: [reach(0), reach(1), reach(2)] };
}

/** How the two images are shown: everything that a person can set about it, and what of it the engine is told. */

import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type FusionMode, type GreyWindow, INITIAL_LOOK, type Look } from "../../engine/look";
import type { Vec3 } from "../../geometry/vector";
import { windowOfDrag } from "../../input/pointer";
import type { WindowPreset } from "./documents";

/** What a window is changed of. */
export type WindowTarget = "both" | "planning" | "daily";

/** The three ways in which two images are mixed; C goes through them. */
export const MIXES = ["blend", "greenMagenta", "grey"] as const satisfies readonly FusionMode[];

/** How the modes are called. */
export const MODE_WORDS: Readonly<Record<FusionMode, string>> = {
  blend: "Orange + blue",
  greenMagenta: "Green + magenta",
  grey: "Grey overlay",
  checkerboard: "Checkerboard",
  split: "Split",
  spyglass: "Spyglass",
  difference: "Difference",
  planning: "Planning only",
  daily: "Day only",
};

/** While T is held, the images take turns this often. */
export const FLICKER_MS = 400;

/** See the top of this file. */
export class LookState {
  readonly mode: Signal<FusionMode> = signal(INITIAL_LOOK.mode);
  readonly balance: Signal<number> = signal(INITIAL_LOOK.balance);
  readonly squareMm: Signal<number> = signal(INITIAL_LOOK.squareMm);
  readonly spyglassRadiusMm: Signal<number> = signal(INITIAL_LOOK.spyglassRadiusMm);
  readonly splitLine: Signal<Look["splitLine"]> = signal(INITIAL_LOOK.splitLine);
  readonly planningWindow: Signal<GreyWindow>;
  readonly dailyWindow: Signal<GreyWindow>;
  readonly windowTarget: Signal<WindowTarget> = signal("both");
  /** Where the spyglass and the split are; null: at the crosshair. */
  readonly focusMm: Signal<Vec3 | null> = signal(null);
  /** While T is held: which of the two is shown now. */
  readonly flicker: Signal<"planning" | "daily" | null> = signal(null);
  /** What the engine is told. */
  readonly look: ReadonlySignal<Look>;
  readonly planningPresets: Signal<readonly WindowPreset[]>;
  readonly dailyPresets: readonly WindowPreset[];
  /** See {@link Look}; set once, before anything is shown. */
  readonly seesThrough: boolean;
  #mix: FusionMode = "blend";

  constructor(
    planningPresets: readonly WindowPreset[],
    dailyPresets: readonly WindowPreset[],
    crosshairMm: ReadonlySignal<Vec3>,
    seesThrough = false,
  ) {
    this.seesThrough = seesThrough;
    this.planningPresets = signal(planningPresets);
    this.dailyPresets = dailyPresets;
    this.planningWindow = signal(windowOf(planningPresets[0]) ?? INITIAL_LOOK.planningWindow);
    this.dailyWindow = signal(windowOf(dailyPresets[0]) ?? INITIAL_LOOK.dailyWindow);
    this.look = computed(() => ({
      mode: this.flicker.value ?? this.mode.value,
      planningWindow: this.planningWindow.value,
      dailyWindow: this.dailyWindow.value,
      balance: this.balance.value,
      squareMm: this.squareMm.value,
      focusMm: this.focusMm.value ?? crosshairMm.value,
      splitLine: this.splitLine.value,
      spyglassRadiusMm: this.spyglassRadiusMm.value,
      seesThrough: this.seesThrough,
    }));
  }

  /** Another image lies under the day's, with windows of its own: the first of them is taken. */
  setPlanningPresets(presets: readonly WindowPreset[]): void {
    this.planningPresets.value = presets;
    this.planningWindow.value = windowOf(presets[0]) ?? INITIAL_LOOK.planningWindow;
  }

  /** Show a mode; the mixes are remembered, so that B comes back to the last one. */
  show(mode: FusionMode): void {
    this.mode.value = mode;
    this.#mix = (MIXES as readonly FusionMode[]).includes(mode) ? mode : this.#mix;
  }

  /** Back to the mix that was shown last. */
  blend(): void {
    this.show(this.#mix);
  }

  /** The next pair of colours. */
  nextColours(): void {
    const at = (MIXES as readonly FusionMode[]).indexOf(this.mode.peek());
    this.show(at < 0 ? this.#mix : MIXES[(at + 1) % MIXES.length]!);
  }

  /** The n-th window (from 0) of each image, where it has so many. */
  preset(index: number): void {
    const target = this.windowTarget.peek();
    if (target !== "daily") {
      this.planningWindow.value = windowOf(this.planningPresets.peek()[index]) ?? this.planningWindow.peek();
    }
    if (target !== "planning") {
      this.dailyWindow.value = windowOf(this.dailyPresets[index]) ?? this.dailyWindow.peek();
    }
  }

  /** Change the windows by a drag. */
  dragWindow(rightPx: number, downPx: number): void {
    const target = this.windowTarget.peek();
    if (target !== "daily") {
      this.planningWindow.value = windowOfDrag(this.planningWindow.peek(), rightPx, downPx);
    }
    if (target !== "planning") {
      this.dailyWindow.value = windowOfDrag(this.dailyWindow.peek(), rightPx, downPx);
    }
  }
}

function windowOf(preset: WindowPreset | undefined): GreyWindow | undefined {
  return preset === undefined ? undefined : { centreHu: preset.centre_hu, widthHu: preset.width_hu };
}

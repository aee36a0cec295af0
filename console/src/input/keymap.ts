/**
 * The keys of the align view: one table, from which the handler, the help and the tests are made.
 *
 * Alt is never used (Alt+Left is the browser's Back), and of the Ctrl keys only those that a page may keep.
 */

/** When a key counts: always, only while navigating, or only while a person matches by hand. */
export type KeyScope = "always" | "navigate" | "match";

/** A size of step: Ctrl, none, Shift. */
export type StepSize = "fine" | "normal" | "coarse";

/** What a key asks for. */
export type KeyAction =
  | { readonly kind: "nudge"; readonly right: number; readonly down: number; readonly size: StepSize }
  | { readonly kind: "through"; readonly towardsViewer: 1 | -1; readonly size: StepSize }
  | { readonly kind: "turn"; readonly clockwise: 1 | -1; readonly size: StepSize }
  | { readonly kind: "preset"; readonly index: number }
  | { readonly kind: "zoom"; readonly nearer: boolean }
  | { readonly kind: "hold"; readonly what: "flicker" | "compare" }
  | { readonly kind: Command };

/** Actions without a parameter. */
export type Command =
  | "undo"
  | "redo"
  | "automatic"
  | "match"
  | "window"
  | "leave"
  | "help"
  | "reset view"
  | "centre"
  | "maximise"
  | "blend"
  | "colours"
  | "checkerboard"
  | "split"
  | "spyglass"
  | "difference"
  | "planning only"
  | "day only"
  | "structures"
  | "isodoses"
  | "region"
  | "residuals"
  | "uncertainty"
  | "fan"
  | "ground";

/** One line of the key map. */
export interface Binding {
  /** Normal form: modifiers in the order Ctrl+Shift, then the key; letters are small. */
  readonly chord: string;
  readonly scope: KeyScope;
  readonly action: KeyAction;
  /** What it does. */
  readonly words: string;
  /** Keys of one group are one line of the help, under these words. */
  readonly group?: string;
}

/** The part of a keyboard event that decides. */
export interface KeyPress {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly shiftKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

/** Millimetres of a step by key: what the reference of the console names. */
export const STEP_MM: Readonly<Record<StepSize, number>> = { fine: 0.1, normal: 1, coarse: 5 };
/** Degrees of a turn by key. */
export const STEP_DEG: Readonly<Record<StepSize, number>> = { fine: 0.1, normal: 0.5, coarse: 2 };

const SIZES: readonly (readonly [StepSize, string])[] = [
  ["normal", ""],
  ["coarse", "Shift+"],
  ["fine", "Ctrl+"],
];

const ARROWS = [
  ["ArrowLeft", -1, 0, "left"],
  ["ArrowRight", 1, 0, "right"],
  ["ArrowUp", 0, -1, "up"],
  ["ArrowDown", 0, 1, "down"],
] as const;

function arrowBindings(): Binding[] {
  return SIZES.flatMap(([size, prefix]) =>
    ARROWS.flatMap(([key, right, down, side]) => {
      const action: KeyAction = { kind: "nudge", right, down, size };
      const chord = prefix + key;
      return (["match", "navigate"] as const).map((scope) => {
        const group = `${scope === "match" ? "move the image" : "move the crosshair"} ${STEP_MM[size]} mm`;
        return { chord, scope, action, words: `${group} ${side}`, group };
      });
    }),
  );
}

function throughBindings(): Binding[] {
  // Ctrl+PageUp changes the browser's tab, so there is no fine step through the plane.
  return SIZES.filter(([size]) => size !== "fine").flatMap(([size, prefix]) =>
    ([1, -1] as const).flatMap((towardsViewer) => {
      const chord = `${prefix}${towardsViewer === 1 ? "PageUp" : "PageDown"}`;
      const side = towardsViewer === 1 ? "towards you" : "away from you";
      const action: KeyAction = { kind: "through", towardsViewer, size };
      return (["match", "navigate"] as const).map((scope) => {
        const moved = `${scope === "match" ? "move the image" : "move the plane"} ${STEP_MM[size]} mm`;
        return {
          chord,
          scope,
          action,
          words: `${moved} ${side}`,
          group: `${moved} towards or away from you`,
        };
      });
    }),
  );
}

function turnBindings(): Binding[] {
  return SIZES.flatMap(([size, prefix]) =>
    ([-1, 1] as const).map((clockwise) => ({
      chord: `${prefix}${clockwise === -1 ? "q" : "e"}`,
      scope: "match" as const,
      action: { kind: "turn", clockwise, size } as const,
      words: `turn ${STEP_DEG[size]}° ${clockwise === -1 ? "counter-clockwise" : "clockwise"}`,
      group: `turn ${STEP_DEG[size]}° about the isocentre, counter-clockwise or clockwise`,
    })),
  );
}

function presetBindings(): Binding[] {
  return [0, 1, 2, 3, 4].map((index) => ({
    chord: String(index + 1),
    scope: "always",
    action: { kind: "preset", index },
    words: `window ${index + 1} of the list`,
    group: "windows of the list",
  }));
}

function command(chord: string, kind: Command, words: string, scope: KeyScope = "always"): Binding {
  return { chord, scope, action: { kind }, words };
}

/** Every key of the align view. */
export const KEY_MAP: readonly Binding[] = [
  command("m", "match", "match by hand: begin or leave"),
  ...arrowBindings(),
  ...throughBindings(),
  ...turnBindings(),
  command("Ctrl+z", "undo", "take the last movement back", "match"),
  command("Ctrl+y", "redo", "make it again", "match"),
  command("Home", "automatic", "go to the automatic result", "match"),
  {
    chord: "a",
    scope: "always",
    action: { kind: "hold", what: "compare" },
    words: "hold: show the automatic result",
  },
  {
    chord: "t",
    scope: "always",
    action: { kind: "hold", what: "flicker" },
    words: "hold: flicker planning / day",
  },
  command("b", "blend", "blend"),
  command("c", "colours", "next pair of colours"),
  command("k", "checkerboard", "checkerboard"),
  command("l", "split", "split"),
  command("g", "spyglass", "spyglass"),
  command("d", "difference", "difference"),
  command("p", "planning only", "planning image only"),
  command("v", "day only", "day's image only"),
  command("s", "structures", "structures on or off"),
  command("i", "isodoses", "isodoses on or off"),
  command("o", "region", "region of the match on or off"),
  command("y", "residuals", "residual map on or off"),
  command("u", "uncertainty", "uncertainty on or off"),
  command("f", "fan", "edges of ultrasound fan and shadow on or off"),
  command("n", "ground", "under the day's ultrasound: its reference or the planning CT"),
  ...presetBindings(),
  command("w", "window", "left button changes window and level: on or off"),
  { chord: "+", scope: "always", action: { kind: "zoom", nearer: true }, words: "zoom in" },
  { chord: "-", scope: "always", action: { kind: "zoom", nearer: false }, words: "zoom out" },
  command("z", "centre", "centre the view on the crosshair"),
  command("x", "maximise", "maximise the view, and back"),
  command("r", "reset view", "reset the views (the match stays)"),
  command("?", "help", "this list"),
  command("Escape", "leave", "leave: help, maximised view, tool, match mode"),
];

/** What the mouse does, for the help. */
export const MOUSE_WORDS: readonly (readonly [string, string])[] = [
  ["wheel", "next or previous slice"],
  ["Ctrl + wheel, or right button", "zoom"],
  ["middle button, or Shift + left", "pan"],
  ["left, while navigating", "crosshair"],
  ["left, after W", "window (sideways) and level (up and down)"],
  ["left, in match mode", "move the day's image; on the arc: turn it about the isocentre"],
  ["double click", "maximise the view, and back"],
];

/**
 * Name a key press as the table does; null for presses that belong to the browser or to nobody.
 *
 * Digits are taken by their place on the keyboard, because some layouts need Shift for them.
 */
export function chordOf(press: KeyPress): string | null {
  if (press.altKey || press.metaKey) {
    return null;
  }
  const digit = /^Digit([1-5])$/.exec(press.code);
  if (digit !== null && !press.ctrlKey) {
    return digit[1] ?? null;
  }
  const key = press.key.length === 1 ? press.key.toLowerCase() : press.key;
  // A sign such as ? or + is already the work of Shift.
  const isSign = press.key.length === 1 && key === press.key.toUpperCase();
  const shift = press.shiftKey && !isSign ? "Shift+" : "";
  return `${press.ctrlKey ? "Ctrl+" : ""}${shift}${key}`;
}

/** Look up what a press asks for; null when it asks for nothing here. */
export function actionOf(press: KeyPress, isMatching: boolean): KeyAction | null {
  const chord = chordOf(press);
  const now: KeyScope = isMatching ? "match" : "navigate";
  const found = KEY_MAP.find(
    (binding) => binding.chord === chord && (binding.scope === "always" || binding.scope === now),
  );
  return found?.action ?? null;
}

/** Keys that a focused control uses itself, by its kind. */
const OWN_KEYS = /^(Arrow|Page|Home|End|Enter$| $)/;

/** What a press was aimed at. */
export interface KeyTarget {
  readonly tagName: string;
  readonly type?: string;
  readonly isContentEditable?: boolean;
}

/** Tell whether a press belongs to the control that has the focus: text is typed, sliders are moved. */
export function belongsToControl(press: KeyPress, target: KeyTarget | null): boolean {
  if (target === null) {
    return false;
  }
  const tag = target.tagName.toUpperCase();
  if (target.isContentEditable || tag === "TEXTAREA" || tag === "SELECT") {
    return true;
  }
  if (tag === "BUTTON" || tag === "A" || tag === "SUMMARY") {
    return press.key === "Enter" || press.key === " ";
  }
  if (tag !== "INPUT") {
    return false;
  }
  const isChoice = target.type === "checkbox" || target.type === "radio" || target.type === "range";
  return isChoice ? OWN_KEYS.test(press.key) : press.key !== "Escape";
}

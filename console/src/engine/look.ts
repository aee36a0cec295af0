/** How two images are shown over one another. */

import type { Vec3 } from "../geometry/vector";

/**
 * - `blend`: planning orange + daily blue, white where equal and bright
 * - `greenMagenta`: planning green + daily magenta
 * - `grey`: daily over planning as grey values, mixed by `balance`
 * - `checkerboard`: squares of the one and the other
 * - `split`: planning left of (above) a line, daily right of (below) it
 * - `spyglass`: daily inside a circle, planning outside
 * - `difference`: daily minus planning in display greys; mid grey is equal, brighter where daily is brighter
 * - `planning`, `daily`: one image alone
 */
export const FUSION_MODES = [
  "blend",
  "greenMagenta",
  "grey",
  "checkerboard",
  "split",
  "spyglass",
  "difference",
  "planning",
  "daily",
] as const;

/** One of {@link FUSION_MODES}. */
export type FusionMode = (typeof FUSION_MODES)[number];

/** The values that are shown from black to white. */
export interface GreyWindow {
  readonly centreHu: number;
  /** More than zero. */
  readonly widthHu: number;
}

/** Everything about the display but the plane. Positions are in planning LPS, so that the views are linked. */
export interface Look {
  readonly mode: FusionMode;
  readonly planningWindow: GreyWindow;
  readonly dailyWindow: GreyWindow;
  /** 0 shows the planning image alone, 1 the daily one alone; 0.5 shows both. For the three mixing modes. */
  readonly balance: number;
  /** Edge of a square of the checkerboard. */
  readonly squareMm: number;
  /** Where the split line and the spyglass are: projected into each view. */
  readonly focusMm: Vec3;
  /** A vertical line has planning on its left, a horizontal one above. */
  readonly splitLine: "vertical" | "horizontal";
  readonly spyglassRadiusMm: number;
  /**
   * Whether checkerboard, split and spyglass show the other image, hatched, where theirs has no value: for images
   * that cover little of what they lie on.
   */
  readonly seesThrough: boolean;
}

/** What a view shows until it is told otherwise: soft tissue, blended. */
export const INITIAL_LOOK: Look = {
  mode: "blend",
  planningWindow: { centreHu: 40, widthHu: 400 },
  dailyWindow: { centreHu: 40, widthHu: 400 },
  balance: 0.5,
  squareMm: 30,
  focusMm: [0, 0, 0],
  splitLine: "vertical",
  spyglassRadiusMm: 35,
  seesThrough: false,
};

/** Colour of a pixel where the wanted image has no value: none of the greys, so that it cannot be taken for air. */
export const NOT_IMAGED_RGB = [26, 32, 44] as const;

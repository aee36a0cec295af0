/**
 * Two-dimensional images, such as a radiograph and its DRR, for the same engine: volumes of one slice.
 *
 * Their "patient" coordinates are those of the detector: x to the right and y down in mm from the middle of the
 * image, z into the screen. `imagePlane` looks at them, and a pose that shifts along x and y or turns about z
 * moves the one against the other.
 */

import { type Plane, planeThrough } from "../geometry/planes";
import type { VolumeSource } from "./contract";
import { EngineError } from "./errors";
import type { GreyWindow } from "./look";
import { NOT_IMAGED } from "./volume";

/** Grey values row by row from the upper left pixel; NaN is not imaged. */
export interface GreyImage {
  readonly id: string;
  readonly widthPx: number;
  readonly heightPx: number;
  /** Distance of neighbouring pixels along x and y. */
  readonly spacingMm: readonly [number, number];
  readonly values: Uint8Array | Uint16Array | Int16Array | Float32Array;
}

/** A grey image as the engine takes it. */
export interface GreyVolume {
  readonly source: VolumeSource;
  /** The window of the stored values that shows given grey values from black to white. */
  readonly windowOf: (centre: number, width: number) => GreyWindow;
  /** The window that shows everything. */
  readonly fullWindow: GreyWindow;
}

/** Stored values from the darkest to the brightest: finer than a screen, and far from {@link NOT_IMAGED}. */
const STORED_RANGE = 16383;

/**
 * Turn a grey image into a volume of one slice.
 *
 * @throws {@link EngineError} if the number of values is not width × height or none is a number.
 */
export function greyVolume(image: GreyImage): GreyVolume {
  const { widthPx, heightPx, spacingMm, values } = image;
  if (values.length !== widthPx * heightPx) {
    throw new EngineError(
      `the image '${image.id}' has ${values.length} values, not ${widthPx} x ${heightPx}; load it again`,
    );
  }
  const [low, high] = rangeOf(image.id, values);
  const perGrey = high > low ? STORED_RANGE / (high - low) : 1;
  const stored = Int16Array.from(values, (value) =>
    Number.isNaN(value) ? NOT_IMAGED : Math.round((value - low) * perGrey),
  );
  const [xMm, yMm] = spacingMm;
  const header = {
    sizeIjk: [widthPx, heightPx, 1],
    spacingMm: [xMm, yMm, 1],
    originMm: [((1 - widthPx) / 2) * xMm, ((1 - heightPx) / 2) * yMm, 0],
    direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
  } as const;
  const windowOf = (centre: number, width: number) => ({
    centreHu: (centre - low) * perGrey,
    widthHu: width * perGrey,
  });
  return {
    source: { id: image.id, header, values: stored.buffer },
    windowOf,
    fullWindow: windowOf((low + high) / 2, Math.max(high - low, 1 / perGrey)),
  };
}

function rangeOf(id: string, values: GreyImage["values"]): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    // Unlike Math.min, comparisons pass over NaN.
    if (value < low) {
      low = value;
    }
    if (value > high) {
      high = value;
    }
  }
  if (!Number.isFinite(low) || !Number.isFinite(high)) {
    throw new EngineError(`the image '${id}' holds no finite grey value; take another one`);
  }
  return [low, high];
}

/** The plane that looks at grey images; a pixel of the view is `mmPerPx` on the detector. */
export function imagePlane(size: Pick<Plane, "mmPerPx" | "widthPx" | "heightPx">): Plane {
  return planeThrough("axial", [0, 0, 0], size);
}

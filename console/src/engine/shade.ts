/**
 * Parts of an image that say nothing of the tissue, such as the shadow of a bone in an ultrasound image: they are
 * shown dimmed, and are not measured.
 *
 * A shade is a volume of its own in the coordinates of its image, below zero where the image is shaded.
 */

import type { ImageSlot } from "./contract";
import type { GreyWindow } from "./look";
import { type GreyTable, greyTable } from "./tables";
import { NOT_IMAGED } from "./volume";

/** Stands upon the value of a shaded pixel; images with a shade hold values from 0 to below this. */
export const SHADED = 4096;

/** What is left of the brightness in a shade. */
export const SHADE_STRENGTH = 0.45;

/** Key of what shades an image. */
export const shadeKey = (slot: ImageSlot): string => `shade:${slot}`;

/** The greys of a window for an image with a shade: above {@link SHADED} the same again, dimmed. */
export function shadedGreyTable(window: GreyWindow): GreyTable {
  const table = greyTable(window);
  for (let value = 0; value < SHADED; value += 1) {
    table[value + SHADED] = Math.round(table[value]! * SHADE_STRENGTH);
  }
  return table;
}

/**
 * Split a slice into what is shown and what is measured.
 *
 * @param values - The slice; it becomes what is shown.
 * @param shade - The slice of the shade on the same points.
 * @param measured - Becomes the slice without what is shaded.
 */
export function shadeInto(values: Int16Array, shade: Int16Array, measured: Int16Array): void {
  for (let at = 0; at < values.length; at += 1) {
    const value = values[at]!;
    const darkness = shade[at]!;
    const isShaded = value !== NOT_IMAGED && darkness < 0 && darkness !== NOT_IMAGED;
    measured[at] = isShaded ? NOT_IMAGED : value;
    values[at] = isShaded ? value + SHADED : value;
  }
}

/** How structures and isodoses are drawn: the conventions of the console, by what they are. */

/** What the service says of a structure. */
export interface StructureLook {
  readonly color: readonly [number, number, number];
  readonly kind: "target" | "organ" | "external" | "other";
  readonly interpreted_type: string;
}

/** Pixels of the page's smallest usual font, which is one rem: lines grow with the letters on larger screens. */
const PX_PER_REM = 15;

/** A length that grows with the page's letters, as SVG and CSS take it. */
export function pageLength(px: number): string {
  return `${Number((px / PX_PER_REM).toFixed(4))}rem`;
}

/** Dashes that grow with the page's letters. */
export function pageDashes(dashes: string): string {
  return dashes === ""
    ? "none"
    : dashes
        .split(" ")
        .map((px) => pageLength(Number(px)))
        .join(" ");
}

/** How a line is drawn; lengths in pixels of a page of the smallest usual font. */
export interface LineStyle {
  readonly color: string;
  readonly widthPx: number;
  /** Dashes of SVG; empty for a solid line. */
  readonly dashes: string;
}

/** Below this luminance a line would vanish on dark anatomy, so it is made lighter. */
const DARKEST = 50;

/** Solid and thick for the target, dashed for a PTV (which is no anatomy), thin for organs. */
export function structureStyle(structure: StructureLook): LineStyle {
  const color = visible(structure.color);
  if (structure.interpreted_type.toUpperCase() === "PTV") {
    return { color, widthPx: 2, dashes: "7 4" };
  }
  return { color, widthPx: structure.kind === "target" ? 2.5 : 1.5, dashes: "" };
}

function visible(color: readonly [number, number, number]): string {
  const luminance = 0.2126 * color[0] + 0.7152 * color[1] + 0.0722 * color[2];
  // Mixed with white until it is seen: the hue stays that of the plan.
  const white = luminance >= DARKEST ? 0 : (DARKEST - luminance) / (255 - luminance);
  const [red, green, blue] = color.map((part) => Math.round(part + (255 - part) * white));
  return `rgb(${red}, ${green}, ${blue})`;
}

/** What the service says of a dose. */
export interface DoseLook {
  /** Null where nothing is prescribed. */
  readonly prescription_gy: number | null;
  readonly largest_gy: number;
  /** Steps of the stored values in one gray. */
  readonly steps_per_gy: number;
}

/** An isodose line. */
export interface DoseLevel {
  /** Of the prescription, or of the largest dose where nothing is prescribed. */
  readonly percent: number;
  /** In steps of the stored values. */
  readonly level: number;
  readonly label: string;
  readonly style: LineStyle;
  /** Towards which side it is labelled: to the right and down, of length 1. */
  readonly toward: readonly [number, number];
}

/** Percent, colour, dashes: each line is told by its label and its dashes, not by the colour alone. */
const LEVELS = [
  [107, "#ff5c5c", ""],
  [100, "#ffd24a", ""],
  [95, "#7dff6b", "10 3"],
  [80, "#4adfff", "6 4"],
  [50, "#7aa2ff", "3 3"],
  [20, "#c58cff", "1 4"],
] as const;

/** The first level is labelled so far clockwise from the top, past the letter of the edge. */
const LABELLED_FROM = Math.PI / 9;

/** A dose below this is written with two decimals: 95 % and 107 % of one fraction are little apart. */
const FINE_BELOW_GY = 10;

/** The lines of a dose, none of them above its largest value. */
export function doseLevels({ prescription_gy, largest_gy, steps_per_gy }: DoseLook): readonly DoseLevel[] {
  const wholeGy = prescription_gy ?? largest_gy;
  if (!(wholeGy > 0)) {
    return [];
  }
  const decimals = wholeGy < FINE_BELOW_GY ? 2 : 1;
  return LEVELS.map(([percent, color, dashes], at) => {
    const turned = LABELLED_FROM + (2 * Math.PI * at) / LEVELS.length;
    const levelGy = (percent * wholeGy) / 100;
    const label = `${percent} % ${levelGy.toFixed(decimals)} Gy`;
    return {
      percent,
      level: levelGy * steps_per_gy,
      label,
      style: { color, widthPx: 1.5, dashes },
      toward: [Math.sin(turned), -Math.cos(turned)] as const,
    };
  }).filter(({ level }) => level < largest_gy * steps_per_gy);
}

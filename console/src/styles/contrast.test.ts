import { describe, expect, it } from "vitest";
import CSS from "./tokens.css?raw";

const COLORS = new Map([...CSS.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]));

/** Relative luminance of an sRGB colour (WCAG 2.2). */
function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast of two tokens (WCAG 2.2). */
function contrast(one: string, other: string): number {
  const values = [one, other].map((name) => luminance(COLORS.get(name) ?? "#xxxxxx"));
  return (Math.max(...values) + 0.05) / (Math.min(...values) + 0.05);
}

const GROUNDS = ["ground", "panel", "raised"];
const TEXTS = ["text", "dim", "accent", "good", "warn", "bad", "beam"];
const MORE_TEXT: [string, string][] = [
  ["text", "accent-fill"],
  ["text", "bad-button"],
  ["text", "pressed"],
  ["text", "bad-fill"],
  ["text", "warn-fill"],
  ["text", "good-fill"],
  ["dim", "good-fill"],
  ["dim", "bad-fill"],
  ["warn", "warn-fill"],
  ["bad", "bad-fill"],
  ["beam", "beam-ground"],
  ["beam-text", "beam"],
];
const GRAPHICS = ["edge", "hold", "axis-lateral", "axis-longitudinal", "axis-vertical", "focus"];

describe("contrast", () => {
  it("is what black and white have, 21", () => {
    expect((luminance("#ffffff") + 0.05) / (luminance("#000000") + 0.05)).toBeCloseTo(21, 9);
  });

  it.each(TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground])).concat(MORE_TEXT))(
    "of the text %s on %s is at least 4.5",
    (text, ground) => {
      expect(contrast(text, ground)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(GRAPHICS.flatMap((graphic) => GROUNDS.map((ground) => [graphic, ground])))(
    "of the graphic %s on %s is at least 3",
    (graphic, ground) => {
      expect(contrast(graphic, ground)).toBeGreaterThanOrEqual(3);
    },
  );

  it.each(["axis-lateral", "axis-longitudinal", "axis-vertical"])(
    "of the line %s on the gate is at least 3",
    (line) => {
      expect(contrast(line, "good-fill")).toBeGreaterThanOrEqual(3);
    },
  );
});

import { describe, expect, test } from "vitest";
import { planeThrough } from "../geometry/planes";
import { IDENTITY, translation } from "../geometry/rigid";
import type { ImageSlot } from "./contract";
import { INITIAL_LOOK, NOT_IMAGED_RGB } from "./look";
import type { FrameOrder, VolumeMessage } from "./messages";
import { Renderer } from "./renderer";
import { SHADE_STRENGTH, SHADED, shadedGreyTable, shadeInto, shadeKey } from "./shade";
import { similarityOf } from "./similarity";
import { volumeOf } from "./test_volumes";
import { NOT_IMAGED, type Volume } from "./volume";

const PLANE = planeThrough("axial", [10, 10, 10], { mmPerPx: 1, widthPx: 16, heightPx: 16 });
/** Brightness 0-255 is shown as the same greys. */
const WINDOW = { centreHu: 127.5, widthHu: 255 };
const SIZE = [21, 21, 21] as const;
const MM = [1, 1, 1] as const;

function message(key: string, frame: ImageSlot, volume: Volume): VolumeMessage {
  const { header, loadedSlices } = volume;
  return { kind: "volume", key, header, values: volume.values.slice().buffer, loadedSlices, frame };
}

function order(mode: "planning" | "daily", pose = IDENTITY): FrameOrder {
  const look = { ...INITIAL_LOOK, mode, planningWindow: WINDOW, dailyWindow: WINDOW };
  const view = { viewId: "axial", plane: PLANE, halfGrid: false, look, pixels: null };
  return { kind: "frame", frame: 1, planningFromDaily: pose, region: null, views: [view] };
}

/** Greys of the middle row. */
function row(renderer: Renderer, wanted: FrameOrder): number[] {
  const pixels = renderer.draw(wanted).views[0]!.pixels;
  return [...pixels.slice(8 * 16, 9 * 16)].map((pixel) => pixel & 0xff);
}

test("what is shaded keeps its brightness under a mark, and is not measured", () => {
  const values = Int16Array.from([10, 200, NOT_IMAGED, 255]);
  const measured = new Int16Array(4);
  shadeInto(values, Int16Array.from([32, -32, -32, NOT_IMAGED]), measured);
  expect([...values]).toEqual([10, 200 + SHADED, NOT_IMAGED, 255]);
  expect([...measured]).toEqual([10, NOT_IMAGED, NOT_IMAGED, 255]);
});

test("a shade is dimmed by the same share at every brightness, and never to what light shows as darker", () => {
  const table = shadedGreyTable(WINDOW);
  for (let value = 0; value < 256; value += 1) {
    expect(table[value]).toBe(value);
    expect(table[value + SHADED]).toBe(Math.round(value * SHADE_STRENGTH));
  }
});

describe("an ultrasound image with a shadow", () => {
  /** 200 everywhere; shaded for x above 10.5 in the image's own coordinates, not seen for x below 4. */
  const image = volumeOf(SIZE, MM, ([x]) => (x < 4 ? NOT_IMAGED : 200));
  const shadow = volumeOf(SIZE, MM, ([x]) => (x > 10.5 ? -32 : 32));
  const dim = Math.round(200 * SHADE_STRENGTH);

  function loaded(): Renderer {
    const renderer = new Renderer(0, 1);
    renderer.setVolume(message("planning", "planning", image));
    renderer.setVolume(message("daily", "daily", image));
    renderer.setVolume(message(shadeKey("daily"), "daily", shadow));
    return renderer;
  }

  test("is dim in its shadow and nowhere else, and shows nothing where nothing was seen", () => {
    const shown = row(loaded(), order("daily"));
    // Pixel i is at x = i + 2.5: seen from x = 4 on, dim beyond x = 10.5.
    expect(shown.slice(0, 2)).toEqual([NOT_IMAGED_RGB[0], NOT_IMAGED_RGB[0]]);
    expect(shown.slice(2, 9)).toEqual(Array(7).fill(200));
    expect(shown.slice(9)).toEqual(Array(7).fill(dim));
  });

  test("takes its shadow along wherever it is moved", () => {
    const shown = row(loaded(), order("daily", translation([3, 0, 0])));
    expect(shown.slice(5, 11)).toEqual(Array(6).fill(200));
    expect(shown.slice(12)).toEqual(Array(4).fill(dim));
  });

  test("leaves the other image as bright as it is", () => {
    expect(row(loaded(), order("planning")).slice(2)).toEqual(Array(14).fill(200));
  });

  test("is as before when its shadow is taken away", () => {
    const renderer = loaded();
    renderer.draw(order("daily"));
    renderer.dropVolume(shadeKey("daily"));
    expect(row(renderer, order("daily")).slice(2)).toEqual(Array(14).fill(200));
  });

  test("is measured only where it says something of the tissue", () => {
    const { pixels } = similarityOf(loaded().draw(order("daily")).sums[0]!.sums);
    // Of 16 columns two are not seen and seven lie in the shadow; one lies on its edge, where the mask is 0.
    expect(pixels).toBe(16 * 7);
  });
});

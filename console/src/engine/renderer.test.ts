import { expect, test } from "vitest";
import { rotationIec } from "../geometry/correction";
import { planeThrough } from "../geometry/planes";
import { fromParts, IDENTITY, type Matrix4, translation } from "../geometry/rigid";
import type { ImageSlot } from "./contract";
import { INITIAL_LOOK, type Look, NOT_IMAGED_RGB } from "./look";
import type { FrameOrder, VolumeMessage } from "./messages";
import { Renderer } from "./renderer";
import { addSums, similarityOf } from "./similarity";
import { volumeOf } from "./test_volumes";

const PLANE = planeThrough("axial", [10, 10, 10], { mmPerPx: 0.5, widthPx: 40, heightPx: 30 });
const PHANTOM = volumeOf([21, 21, 21], [1, 1, 1], ([x, y, z]) => 40 + 30 * ((3 * x + 5 * y + 2 * z) % 7));

function message(key: string, frame: ImageSlot = "planning", volume = PHANTOM): VolumeMessage {
  const { header, loadedSlices } = volume;
  return { kind: "volume", key, header, values: volume.values.slice().buffer, loadedSlices, frame };
}

function order(
  planningFromDaily: Matrix4 | null,
  change: Partial<Look> = {},
  pixels: SharedArrayBuffer | null = null,
): FrameOrder {
  const look = { ...INITIAL_LOOK, ...change };
  return {
    kind: "frame",
    frame: 1,
    planningFromDaily,
    region: null,
    views: [{ viewId: "axial", plane: PLANE, halfGrid: false, look, pixels }],
  };
}

function loaded(renderer: Renderer): Renderer {
  renderer.setVolume(message("planning"));
  renderer.setVolume(message("daily", "daily"));
  return renderer;
}

function picture(renderer: Renderer, wanted: FrameOrder): number[] {
  return [...renderer.draw(wanted).views[0]!.pixels];
}

test("three workers draw together what one draws alone, and measure the same", () => {
  const pose = fromParts(rotationIec(3, -2, 1), [0.5, 0.3, -0.7]);
  const alone = loaded(new Renderer(0, 1)).draw(order(pose));
  const pixels = new SharedArrayBuffer(4 * 40 * 30);
  const together = [0, 1, 2].map((worker) => loaded(new Renderer(worker, 3)).draw(order(pose, {}, pixels)));
  expect([...new Uint32Array(pixels)]).toEqual([...alone.views[0]!.pixels]);
  expect(together.map((band) => band.sums[0]!.sums).reduce(addSums)).toEqual(alone.sums[0]!.sums);
});

test("an image that lies on itself is as similar as can be, and less so after a shift", () => {
  const renderer = loaded(new Renderer(0, 1));
  expect(similarityOf(renderer.draw(order(IDENTITY)).sums[0]!.sums).ncc).toBeCloseTo(1, 12);
  expect(similarityOf(renderer.draw(order(translation([1, 0, 0]))).sums[0]!.sums).ncc).toBeLessThan(0.9);
});

test("the daily image follows every pose, and comes back with the first one", () => {
  const renderer = loaded(new Renderer(0, 1));
  const first = picture(renderer, order(IDENTITY, { mode: "daily" }));
  const shifted = picture(renderer, order(translation([1, 0, 0]), { mode: "daily" }));
  expect(shifted).not.toEqual(first);
  // One millimetre to the patient's left is two pixels to the right.
  expect(shifted.slice(15 * 40 + 10, 15 * 40 + 30)).toEqual(first.slice(15 * 40 + 8, 15 * 40 + 28));
  expect(picture(renderer, order(IDENTITY, { mode: "daily" }))).toEqual(first);
});

test("without a pose no daily image is shown", () => {
  const renderer = loaded(new Renderer(0, 1));
  const [r, g, b] = NOT_IMAGED_RGB;
  const pixels = picture(renderer, order(null, { mode: "daily" }));
  expect(new Set(pixels)).toEqual(new Set([((255 << 24) | (b << 16) | (g << 8) | r) >>> 0]));
});

test("an image that was replaced or taken away leaves nothing behind", () => {
  const renderer = loaded(new Renderer(0, 1));
  const before = picture(renderer, order(IDENTITY, { mode: "daily" }));
  renderer.setVolume(
    message(
      "daily",
      "daily",
      volumeOf([21, 21, 21], [1, 1, 1], () => 100),
    ),
  );
  const replaced = picture(renderer, order(IDENTITY, { mode: "daily" }));
  expect(replaced[15 * 40 + 20]).not.toBe(before[15 * 40 + 20]);
  expect(new Set(replaced.slice(15 * 40 + 5, 15 * 40 + 35)).size).toBe(1);
  renderer.dropVolume("daily");
  expect(picture(renderer, order(IDENTITY, { mode: "daily" }))).toEqual(
    picture(renderer, order(null, { mode: "daily" })),
  );
});

test("slices that arrive are shown with the next frame", () => {
  const renderer = new Renderer(0, 1);
  renderer.setVolume({ ...message("planning"), loadedSlices: 5 });
  const nothing = picture(renderer, order(null, { mode: "planning" }));
  renderer.setLoadedSlices("planning", 12);
  expect(picture(renderer, order(null, { mode: "planning" }))).not.toEqual(nothing);
});

test("a probe reads both images, and says nothing where there is none", () => {
  const renderer = loaded(new Renderer(0, 1));
  const at = { kind: "probe", job: 1, xyzMm: [3, 4, 5], planningFromDaily: translation([1, 0, 0]) } as const;
  // (9 + 20 + 10) % 7 = 4 and, where the shifted image has it, (6 + 20 + 10) % 7 = 1.
  expect(renderer.probe(at)).toEqual({ planningHu: 160, dailyHu: 70 });
  // (9 + 25 + 10) % 7 = 2 and (6 + 25 + 10) % 7 = 6.
  expect(renderer.probe({ ...at, xyzMm: [3, 5, 5] })).toEqual({ planningHu: 100, dailyHu: 220 });
  expect(renderer.probe({ ...at, xyzMm: [-0.4, 4, 5] }).dailyHu).toBeNull();
  expect(renderer.probe({ ...at, planningFromDaily: null }).dailyHu).toBeNull();
});

test("isolines of the daily image need a pose, those of the plan do not", () => {
  const renderer = new Renderer(0, 1);
  const ball = volumeOf(
    [21, 21, 21],
    [1, 1, 1],
    ([x, y, z]) => 32 * (6 - Math.hypot(x - 10, y - 10, z - 10)),
  );
  renderer.setVolume(message("scalar:day", "daily", ball));
  renderer.setVolume(message("scalar:plan", "planning", ball));
  const wanted = { kind: "isolines", job: 1, plane: PLANE, planningFromDaily: null, levels: [0] } as const;
  expect(renderer.isolines({ ...wanted, key: "scalar:day" })).toEqual([{ level: 0, lines: [] }]);
  expect(renderer.isolines({ ...wanted, key: "scalar:plan" })[0]!.lines).toHaveLength(1);
  expect(
    renderer.isolines({ ...wanted, key: "scalar:day", planningFromDaily: IDENTITY })[0]!.lines,
  ).toHaveLength(1);
  expect(() => renderer.isolines({ ...wanted, key: "scalar:none" })).toThrow("not loaded");
});

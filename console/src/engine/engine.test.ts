/** The whole engine with real workers' code, whose messages are cloned as a browser clones them, but in one thread. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { planeThrough } from "../geometry/planes";
import { IDENTITY, translation } from "../geometry/rigid";
import type { FrameReport, PlaneIsolines, VolumeSource } from "./contract";
import { type EngineError, SliceEngine, type SliceEngineOptions } from "./engine";
import type { FromWorker, ToWorker } from "./messages";
import { volumeOf } from "./test_volumes";
import type { Volume } from "./volume";
import { WorkerHost } from "./worker_host";
import type { WorkerLike } from "./worker_pool";

class ThreadlessWorker implements WorkerLike {
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null = null;
  onerror: ((event: ErrorEvent) => void) | null = null;
  readonly #host = new WorkerHost((message, transfer) => {
    const data = structuredClone(message, { transfer });
    setTimeout(() => this.onmessage?.({ data } as MessageEvent<FromWorker>));
  });
  #ended = false;

  postMessage(message: ToWorker, transfer: Transferable[]): void {
    // Ports and canvases are handed over as they are: Node clones no ports here, and has no canvases.
    const data =
      message.kind === "join" || message.kind === "canvas" ? message : structuredClone(message, { transfer });
    setTimeout(() => this.#ended || this.#host.handle(data));
  }

  terminate(): void {
    this.#ended = true;
  }
}

class FakeCanvas {
  width = 0;
  height = 0;
  image: ImageData | null = null;

  getContext() {
    return { putImageData: (image: ImageData) => (this.image = image) };
  }

  transferControlToOffscreen() {
    return this;
  }
}

class FakeImageData {
  readonly data: Uint8ClampedArray;
  constructor(...given: [Uint8ClampedArray, number, number] | [number, number]) {
    this.data = given.length === 3 ? given[0] : new Uint8ClampedArray(4 * given[0] * given[1]);
  }
}

const PLANE = planeThrough("axial", [10, 10, 10], { mmPerPx: 0.5, widthPx: 40, heightPx: 40 });
const LARGE = planeThrough("axial", [10, 10, 10], { mmPerPx: 0.05, widthPx: 610, heightPx: 400 });
const PHANTOM = volumeOf([21, 21, 21], [1, 1, 1], ([x, y, z]) => 40 + 30 * ((3 * x + 5 * y + 2 * z) % 7));
const BALL = volumeOf([21, 21, 21], [1, 1, 1], ([x, y, z]) => 32 * (6 - Math.hypot(x - 10, y - 10, z - 10)));

let engine: SliceEngine;
let reports: FrameReport[];
let errors: EngineError[];

function start(options: SliceEngineOptions = {}): void {
  engine = new SliceEngine({ workers: 2, createWorker: () => new ThreadlessWorker(), ...options });
  reports = [];
  errors = [];
  engine.onFrame((report) => reports.push(report));
  engine.onError((error) => errors.push(error));
}

function source(id: string, volume: Volume = PHANTOM): VolumeSource {
  return { id, header: volume.header, values: volume.values.slice().buffer };
}

function addView(viewId = "axial", plane = PLANE): FakeCanvas {
  const canvas = new FakeCanvas();
  engine.addView(viewId, canvas as unknown as HTMLCanvasElement, plane);
  return canvas;
}

async function settledReport(): Promise<FrameReport> {
  await vi.waitFor(() => expect(engine.settled).toBe(true));
  return reports.at(-1)!;
}

beforeEach(() => {
  vi.stubGlobal("crossOriginIsolated", true);
  vi.stubGlobal("ImageData", FakeImageData);
  start();
});

afterEach(() => {
  engine.dispose();
  vi.unstubAllGlobals();
});

describe.each([
  ["two workers in shared memory", true],
  ["one worker without shared memory", false],
])("%s", (_, isolated) => {
  beforeEach(() => {
    engine.dispose();
    vi.stubGlobal("crossOriginIsolated", isolated);
    start();
  });

  test("a frame says which images, plane and pose it shows, and how alike they are", async () => {
    const canvas = addView();
    await engine.load("planning", source("P"));
    await engine.load("daily", source("D"));
    engine.setPose(IDENTITY);
    const report = await settledReport();
    expect(report.images).toEqual({ planning: "P", daily: "D" });
    expect(report.planningFromDaily).toEqual(IDENTITY);
    expect(report.views).toMatchObject([{ viewId: "axial", plane: PLANE, halfGrid: false }]);
    expect(report.similarity?.ncc).toBeCloseTo(1, 12);
    expect(report.similarity?.pixels).toBe(1600);
    expect([canvas.width, canvas.height]).toEqual([40, 40]);
    expect(canvas.image?.data.some((value) => value !== 0 && value !== 255)).toBe(true);
    expect(errors).toEqual([]);
  });

  test("of many poses in a row the last one is shown", async () => {
    addView();
    await engine.load("planning", source("P"));
    await engine.load("daily", source("D"));
    for (let step = 1; step <= 20; step += 1) {
      engine.setPose(translation([step / 10, 0, 0]));
    }
    const report = await settledReport();
    expect(report.planningFromDaily).toEqual(translation([2, 0, 0]));
    expect(reports.length).toBeLessThan(8);
  });

  test("isolines arrive with the plane they were cut for", async () => {
    const results: PlaneIsolines[] = [];
    engine.onIsolines((result) => results.push(result));
    addView();
    engine.setIsolines("axial", [{ scalarId: "ball", levels: [0] }]);
    await engine.loadScalar(source("ball", BALL), "planning");
    await vi.waitFor(() => expect(results).toHaveLength(1));
    expect(results[0]).toMatchObject({ viewId: "axial", scalarId: "ball", plane: PLANE });
    expect(results[0]!.isolines[0]!.lines).toHaveLength(1);
  });

  test("isolines of the daily image follow its pose", async () => {
    const results: PlaneIsolines[] = [];
    engine.onIsolines((result) => results.push(result));
    addView();
    engine.setPose(IDENTITY);
    await engine.loadScalar(source("ball", BALL), "daily");
    engine.setIsolines("axial", [{ scalarId: "ball", levels: [0] }]);
    await vi.waitFor(() => expect(results).toHaveLength(1));
    engine.setPose(translation([2, 0, 0]));
    await vi.waitFor(() => expect(results.at(-1)?.planningFromDaily).toEqual(translation([2, 0, 0])));
    const rightmost = results.map(({ isolines }) =>
      Math.max(...isolines[0]!.lines[0]!.xyMm.filter((_, at) => at % 2 === 0)),
    );
    expect(rightmost.at(-1)! - rightmost[0]!).toBeCloseTo(2, 1);
  });

  test("a probe answers for the pose of now", async () => {
    await engine.load("planning", source("P"));
    expect(await engine.probe([3, 4, 5])).toEqual({ planningHu: 160, dailyHu: null });
  });
});

test("a change makes the picture stale at once, until a frame shows it", async () => {
  addView();
  await engine.load("planning", source("P"));
  await settledReport();
  const toldSettled: boolean[] = [];
  engine.onChange(() => toldSettled.push(engine.settled));
  engine.setLook({ mode: "planning" });
  expect(toldSettled).toEqual([false]);
  expect(engine.settled).toBe(false);
  await settledReport();
});

test("a large view moves on half the grid and settles on the full one", async () => {
  const canvas = addView("axial", LARGE);
  await vi.waitFor(() => expect(reports).toHaveLength(1));
  expect(reports[0]).toMatchObject({
    settled: false,
    similarity: null,
    views: [{ halfGrid: true, similarity: null }],
  });
  expect([canvas.width, canvas.height]).toEqual([305, 200]);
  const report = await settledReport();
  expect(report.views[0]!.halfGrid).toBe(false);
  expect([canvas.width, canvas.height]).toEqual([610, 400]);
});

test("an image that is still arriving is shown, but nothing is settled", async () => {
  addView();
  let push: (bytes: number) => void = () => undefined;
  const bytes = new Uint8Array(PHANTOM.values.slice().buffer);
  const values = new ReadableStream<Uint8Array>({
    start(controller) {
      let sent = 0;
      push = (count) => {
        controller.enqueue(bytes.slice(sent, sent + count));
        sent += count;
        if (sent >= bytes.length) {
          controller.close();
        }
      };
    },
  });
  const loading = engine.load("planning", { id: "P", header: PHANTOM.header, values });
  push(bytes.length / 2);
  await vi.waitFor(() => expect(reports.some((report) => report.images.planning === "P")).toBe(true));
  expect(reports.some((report) => report.settled && report.images.planning === "P")).toBe(false);
  push(bytes.length / 2);
  await loading;
  expect((await settledReport()).images.planning).toBe("P");
});

test("the newest image of a slot wins, whichever arrives first", async () => {
  addView();
  const never = new ReadableStream<Uint8Array>();
  const first = engine.load("planning", { id: "old", header: PHANTOM.header, values: never });
  const refused = expect(first).rejects.toThrow("'old' was ended");
  await engine.load("planning", source("new"));
  await refused;
  expect((await settledReport()).images.planning).toBe("new");
});

test.each(Array.from({ length: 12 }, (_, ticks) => ticks))(
  "an image that is replaced %i steps after its last value does not come back",
  async (ticks) => {
    addView();
    let newest: Promise<void> | undefined;
    const replace = async () => {
      for (let tick = 0; tick < ticks; tick += 1) {
        await undefined;
      }
      newest = engine.load("planning", source("new", BALL));
    };
    const old = engine.load("planning", { ...source("old"), onProgress: () => void replace() });
    await Promise.allSettled([old]);
    await vi.waitFor(() => expect(newest).toBeDefined());
    await newest;
    expect((await settledReport()).images.planning).toBe("new");
    expect((await engine.probe([10, 10, 10])).planningHu).toBe(192);
  },
);

test("an image that fails to load leaves its slot empty, not the old image in it", async () => {
  addView();
  await engine.load("daily", source("yesterday"));
  engine.setPose(IDENTITY);
  expect((await settledReport()).images.daily).toBe("yesterday");
  const short = { id: "today", header: PHANTOM.header, values: new ArrayBuffer(10) };
  await expect(engine.load("daily", short)).rejects.toThrow("fewer than");
  expect((await settledReport()).images.daily).toBeNull();
});

const ECHOES = volumeOf([21, 21, 21], [1, 1, 1], ([x, y]) => 40 + 20 * ((3 * x + 5 * y) % 7));
/** Everything right of x = 10 lies in a shadow. */
const SHADOW = volumeOf([21, 21, 21], [1, 1, 1], ([x]) => (x > 10 ? -32 : 32));

test("what lies in a shadow is not measured, and the shadow goes with its image", async () => {
  addView();
  await engine.load("planning", source("P", ECHOES));
  await engine.load("daily", { ...source("D", ECHOES), shade: source("its shadow", SHADOW) });
  engine.setPose(IDENTITY);
  const report = await settledReport();
  expect(report.similarity?.ncc).toBeCloseTo(1, 12);
  // Half of the 40 columns of half a millimetre, and the one between the last lit voxel and the edge.
  expect(report.similarity?.pixels).toBe(40 * 21);
  await engine.load("daily", source("E", ECHOES));
  expect((await settledReport()).similarity?.pixels).toBe(1600);
});

test("an image whose shadow does not arrive is not shown without it", async () => {
  addView();
  await engine.load("planning", source("P", ECHOES));
  engine.setPose(IDENTITY);
  const short = { ...source("its shadow", SHADOW), values: new ArrayBuffer(10) };
  await expect(engine.load("daily", { ...source("D", ECHOES), shade: short })).rejects.toThrow("fewer");
  expect((await settledReport()).images).toEqual({ planning: "P", daily: null });
});

test("an image that takes the place while a shadow arrives keeps it", async () => {
  addView();
  const never = { ...source("slow", SHADOW), values: new ReadableStream<Uint8Array>() };
  const first = engine.load("daily", { ...source("D", ECHOES), shade: never }).catch(String);
  await engine.load("daily", source("E", ECHOES));
  engine.setPose(IDENTITY);
  expect(await first).toContain("another one took its place");
  expect((await settledReport()).images.daily).toBe("E");
});

test("one view may look another way than the rest", async () => {
  const common = addView("a");
  const special = addView("b");
  await engine.load("planning", source("P"));
  engine.setLook({ mode: "daily" }, "b");
  engine.setLook({ mode: "planning" });
  await settledReport();
  expect([...common.image!.data]).not.toEqual([...special.image!.data]);
});

test("the similarity is measured in the box that is set", async () => {
  addView();
  await engine.load("planning", source("P"));
  await engine.load("daily", source("D"));
  engine.setPose(IDENTITY);
  engine.setRegion({ lowMm: [5, 5, 5], highMm: [9.9, 9.9, 15] });
  expect((await settledReport()).similarity?.pixels).toBe(100);
});

test("a view that is removed is drawn no more, and its name is free again", async () => {
  addView("a");
  addView("b");
  engine.removeView("a");
  expect((await settledReport()).views.map((view) => view.viewId)).toEqual(["b"]);
  expect(() => addView("b")).toThrow("'b' is there already");
  addView("a");
  expect((await settledReport()).views.map((view) => view.viewId)).toEqual(["b", "a"]);
});

test("after a listener has left it hears nothing", async () => {
  const heard: FrameReport[] = [];
  const stop = engine.onFrame((report) => heard.push(report));
  stop();
  addView();
  await settledReport();
  expect(heard).toEqual([]);
});

test("a thread that fails is told, and nothing is settled any more", async () => {
  let failing: WorkerLike | undefined;
  engine.dispose();
  start({
    createWorker: () => {
      failing = new ThreadlessWorker();
      return failing;
    },
  });
  addView();
  await settledReport();
  failing?.onerror?.({ message: "out of memory" } as ErrorEvent);
  expect(errors.map((error) => error.message)).toEqual([
    "a drawing thread of the page failed (out of memory); reload the page",
  ]);
  expect(engine.settled).toBe(false);
});

test("a canvas that cannot be drawn into is an error, not a frame", async () => {
  await engine.load("planning", source("P"));
  const canvas = new FakeCanvas();
  canvas.getContext = () => null as never;
  engine.addView("axial", canvas as unknown as HTMLCanvasElement, PLANE);
  await vi.waitFor(() => expect(errors).toHaveLength(1));
  expect(errors[0]!.message).toContain("cannot draw into a canvas");
  expect(reports).toEqual([]);
});

test("a browser without OffscreenCanvas gets the pictures in the page", async () => {
  const canvas = new FakeCanvas();
  const old = { getContext: () => canvas.getContext(), width: 0, height: 0 };
  engine.addView("axial", old as unknown as HTMLCanvasElement, PLANE);
  await engine.load("planning", source("P"));
  await settledReport();
  expect([old.width, old.height]).toEqual([40, 40]);
  expect(canvas.image?.data.length).toBe(4 * 1600);
});

test.each([
  [
    "a matrix that is no motion",
    () => engine.setPose(new Array(16).fill(1) as unknown as typeof IDENTITY),
    "not a rigid motion",
  ],
  [
    "a window without width",
    () => engine.setLook({ dailyWindow: { centreHu: 0, widthHu: 0 } }),
    "positive width",
  ],
  ["squares without size", () => engine.setLook({ squareMm: 0 }), "positive size"],
  ["lines on an unknown view", () => engine.setIsolines("sagittal", []), "no view 'sagittal'"],
  ["an unknown view", () => engine.setPlane("sagittal", PLANE), "no view 'sagittal'"],
  ["a view without pixels", () => addView("x", { ...PLANE, widthPx: 0 }), "whole, positive sizes"],
  ["a plane that is nowhere", () => addView("x", { ...PLANE, centreMm: [Number.NaN, 0, 0] }), "not finite"],
] as const)("%s is refused", (_, act, message) => {
  expect(act).toThrow(message);
});

import { afterEach, expect, test, vi } from "vitest";
import type { VolumeSource } from "./contract";
import { EngineError } from "./errors";
import { allocate, readValues } from "./loading";
import { checkedHeader, type VolumeHeader } from "./volume";

const HEADER: VolumeHeader = {
  sizeIjk: [3, 2, 2],
  spacingMm: [1, 1, 1],
  originMm: [0, 0, 0],
  direction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
};
const VALUES = Int16Array.from({ length: 12 }, (_, at) => 1000 * at - 5000);
const BYTES = new Uint8Array(VALUES.buffer);

afterEach(() => {
  vi.unstubAllGlobals();
});

function streamOf(...chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) {
        controller.enqueue(chunk);
      }
      controller.close();
    },
  });
}

function source(values: VolumeSource["values"]): VolumeSource {
  return { id: "CT of the plan", header: HEADER, values };
}

async function read(values: VolumeSource["values"], shared = true) {
  const memory = allocate(source(values), shared);
  const slices: number[] = [];
  await readValues(source(values), memory, new AbortController().signal, (loaded) => slices.push(loaded));
  return { values: new Int16Array(memory.buffer), slices };
}

test("values that arrive in odd pieces come out whole", async () => {
  const { values, slices } = await read(streamOf(BYTES.slice(0, 5), BYTES.slice(5, 13), BYTES.slice(13)));
  expect([...values]).toEqual([...VALUES]);
  expect(slices).toEqual([2]);
});

test("slices are told while others are still on the way", async () => {
  let goOn: () => void = () => undefined;
  const isOn = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const slow = new ReadableStream<Uint8Array>({
    async start(stream) {
      stream.enqueue(BYTES.slice(0, 13));
      await isOn;
      stream.enqueue(BYTES.slice(13));
      stream.close();
    },
  });
  const told: number[] = [];
  const memory = allocate(source(slow), true);
  await readValues(source(slow), memory, new AbortController().signal, (loaded) => {
    told.push(loaded);
    goOn();
  });
  expect(told).toEqual([1, 2]);
});

test("a buffer is read at once", async () => {
  expect([...(await read(VALUES.slice().buffer, false)).values]).toEqual([...VALUES]);
});

test("an address is fetched with the session of this page", async () => {
  const fetched = vi.fn(async () => new Response(BYTES));
  vi.stubGlobal("fetch", fetched);
  expect([...(await read("/api/images/1/values")).values]).toEqual([...VALUES]);
  expect(fetched).toHaveBeenCalledWith(
    "/api/images/1/values",
    expect.objectContaining({ credentials: "same-origin" }),
  );
});

test("an address that the service refuses is an error that names image and answer", async () => {
  vi.stubGlobal("fetch", async () => new Response("no", { status: 403 }));
  await expect(read("/api/images/1/values")).rejects.toThrow(
    "'CT of the plan' did not arrive (the service answered 403)",
  );
});

test.each([
  ["fewer", streamOf(BYTES.slice(0, 23))],
  ["more", streamOf(BYTES, new Uint8Array(1))],
] as const)("%s bytes than the header says are refused", async (than, stream) => {
  await expect(read(stream)).rejects.toThrow(`has ${than} than the 24 bytes`);
});

test("a connection that breaks is an error, not a short image", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new TypeError("network lost"));
    },
  });
  await expect(read(broken)).rejects.toThrow(EngineError);
});

test("progress is told in bytes", async () => {
  const told: string[] = [];
  const wanted = { ...source(streamOf(BYTES.slice(0, 10), BYTES.slice(10))) };
  const memory = allocate(wanted, true);
  const onProgress = (loaded: number, total: number) => told.push(`${loaded}/${total}`);
  await readValues({ ...wanted, onProgress }, memory, new AbortController().signal, () => undefined);
  expect(told).toEqual(["10/24", "24/24"]);
});

test("an image whose place was taken stops arriving", async () => {
  const controller = new AbortController();
  const endless = new ReadableStream<Uint8Array>({ pull: (stream) => stream.enqueue(new Uint8Array(1)) });
  const reading = readValues(
    source(endless),
    allocate(source(endless), true),
    controller.signal,
    () => undefined,
  );
  controller.abort();
  await expect(reading).rejects.toThrow("another one took its place");
});

test.each([
  ["three positive sizes", { sizeIjk: [3, 0, 2] }],
  ["three positive sizes", { sizeIjk: [3, 1.5, 2] }],
  ["spacing must be positive", { spacingMm: [1, -1, 1] }],
  ["position of the image", { originMm: [0, Number.NaN, 0] }],
  ["not at right angles", { direction: [1, 0.1, 0, 0, 1, 0, 0, 0, 1] }],
] as const)("a header without %s is refused", (message, change) => {
  expect(() => checkedHeader({ ...HEADER, ...change } as VolumeHeader)).toThrow(message);
});

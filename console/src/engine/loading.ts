/** Reads the values of a volume as they arrive. */

import type { VolumeSource } from "./contract";
import { EngineError } from "./errors";
import { checkedHeader, voxelCount } from "./volume";

const BYTES_PER_VALUE = 2;
/** Parts that are there already follow each other without end: the page gets its turn after so long. */
const TURN_MS = 30;

/** Memory for a volume: shared with the workers where the page may, otherwise handed over when it is full. */
export interface Memory {
  readonly buffer: ArrayBufferLike;
  readonly shared: boolean;
}

/** Memory of which nothing may be read yet: what counts as imaged, the number of slices that arrived says. */
export function allocate(source: VolumeSource, shared: boolean): Memory {
  if (new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1) {
    throw new EngineError(
      "this computer stores numbers in another order than the images; use another computer",
    );
  }
  const bytes = BYTES_PER_VALUE * voxelCount(checkedHeader(source.header));
  return { buffer: shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes), shared };
}

/**
 * Read all values of a source into memory.
 *
 * @param onSlices - called with the number of complete slices now and then while it grows, and when all are there.
 * @throws {@link EngineError} if the values do not arrive, or are more or fewer than the header says.
 */
export async function readValues(
  source: VolumeSource,
  memory: Memory,
  signal: AbortSignal,
  onSlices: (loadedSlices: number) => void,
): Promise<void> {
  const target = new Uint8Array(memory.buffer);
  const sliceBytes = target.length / source.header.sizeIjk[2];
  let loadedBytes = 0;
  let loadedSlices = 0;
  let turnMs = Number.NEGATIVE_INFINITY;
  for await (const chunk of chunksOf(source, signal)) {
    refuseIfAborted(source, signal);
    if (loadedBytes + chunk.length > target.length) {
      throw wrongLength(source, "more", target.length);
    }
    target.set(chunk, loadedBytes);
    loadedBytes += chunk.length;
    const isLast = loadedBytes === target.length;
    if (!isLast && performance.now() - turnMs < TURN_MS) {
      continue;
    }
    source.onProgress?.(loadedBytes, target.length);
    const complete = Math.floor(loadedBytes / sliceBytes);
    if (complete > loadedSlices) {
      loadedSlices = complete;
      onSlices(loadedSlices);
    }
    if (!isLast) {
      await nextTask();
      turnMs = performance.now();
    }
  }
  refuseIfAborted(source, signal);
  if (loadedBytes !== target.length) {
    throw wrongLength(source, "fewer", target.length);
  }
}

/** Let the page draw and answer before it goes on. */
const nextTask = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** End the reading of an image that nobody wants any more.
 *
 * @throws {@link EngineError} if that is so.
 */
export function refuseIfAborted(source: VolumeSource, signal: AbortSignal): void {
  if (signal.aborted) {
    throw new EngineError(`loading the image '${source.id}' was ended, because another one took its place`);
  }
}

function wrongLength(source: VolumeSource, than: string, bytes: number): EngineError {
  return new EngineError(
    `the image '${source.id}' has ${than} than the ${bytes} bytes that its header says; load it again`,
  );
}

async function* chunksOf(source: VolumeSource, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  if (source.values instanceof ArrayBuffer) {
    yield new Uint8Array(source.values);
    return;
  }
  try {
    const stream = typeof source.values === "string" ? await opened(source.values, signal) : source.values;
    const reader = stream.getReader();
    const cancel = () => void reader.cancel();
    signal.addEventListener("abort", cancel);
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      yield part.value;
    }
    signal.removeEventListener("abort", cancel);
  } catch (error) {
    if (error instanceof EngineError) {
      throw error;
    }
    refuseIfAborted(source, signal);
    const reason = error instanceof Error ? error.message : String(error);
    throw new EngineError(`the image '${source.id}' did not arrive (${reason}); load it again`);
  }
}

async function opened(address: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const answer = await fetch(address, { credentials: "same-origin", signal });
  if (!answer.ok || answer.body === null) {
    throw new Error(`the service answered ${answer.status}`);
  }
  return answer.body;
}
